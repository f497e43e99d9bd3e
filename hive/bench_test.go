package hive_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casebook/hive"
)

// benchFile is a real hive of 15 MB.
func benchFile(b *testing.B) string {
	b.Helper()
	for _, file := range corpus(b, "hives") {
		if strings.HasSuffix(filepath.Base(file), "SYSTEM_WIN_10_1709") {
			return file
		}
	}
	b.Fatal("the hive is not in the corpus")
	return ""
}

func bench(b *testing.B) []byte { return read(b, benchFile(b)) }

// BenchmarkHivexml decodes the same hive as BenchmarkWalk with hivexml, for comparison in one run.
func BenchmarkHivexml(b *testing.B) {
	file := benchFile(b)
	tool, err := exec.LookPath("hivexml")
	if err != nil {
		b.Skip("hivexml is not installed (Debian: libhivex-bin)")
	}
	b.SetBytes(int64(len(read(b, file))))
	for b.Loop() {
		if err := exec.Command(tool, file).Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen reads and checks the structure.
func BenchmarkOpen(b *testing.B) {
	data := bench(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hive.Open(data); err != nil {
			b.Fatal(err)
		}
	}
}

// dirtyFiles are a real hive of 12 MB that was copied while it was written, and its logs of 6 MB.
func dirtyFiles(b *testing.B) (primary []byte, logs [][]byte) {
	b.Helper()
	for _, file := range corpus(b, "hives") {
		switch base := filepath.Base(file); {
		case strings.HasSuffix(base, "SYSTEM_B"):
			primary = read(b, file)
		case strings.Contains(base, "SYSTEM_B.LOG"):
			logs = append(logs, read(b, file))
		}
	}
	return primary, logs
}

// BenchmarkOpenWithLogs reads a dirty hive with its logs.
func BenchmarkOpenWithLogs(b *testing.B) {
	primary, logs := dirtyFiles(b)
	b.SetBytes(int64(len(primary)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := hive.OpenWithLogs(primary, logs...)
		if err != nil || h.Replay().Entries == 0 {
			b.Fatal(h.Replay(), err)
		}
	}
}

// BenchmarkOpenDirty reads the same hive alone.
func BenchmarkOpenDirty(b *testing.B) {
	primary, _ := dirtyFiles(b)
	b.SetBytes(int64(len(primary)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hive.Open(primary); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReplayCost reads the hive alone and with its logs in turn, so that both meet the same machine, and reports how many times as long the
// replay takes: the best of each, and the median of all pairs.
func BenchmarkReplayCost(b *testing.B) {
	primary, logs := dirtyFiles(b)
	var alone, with time.Duration
	var ratios []float64
	for b.Loop() {
		start := b.Elapsed()
		if _, err := hive.Open(primary); err != nil {
			b.Fatal(err)
		}
		middle := b.Elapsed()
		if _, err := hive.OpenWithLogs(primary, logs...); err != nil {
			b.Fatal(err)
		}
		first, second := middle-start, b.Elapsed()-middle
		if len(ratios) == 0 {
			alone, with = first, second
		}
		alone, with = min(alone, first), min(with, second)
		ratios = append(ratios, float64(second)/float64(first))
	}
	slices.Sort(ratios)
	b.ReportMetric(float64(with)/float64(alone), "best-ratio")
	b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
	b.ReportMetric(float64(alone.Microseconds())/1000, "alone-ms")
	b.ReportMetric(float64(with.Microseconds())/1000, "with-ms")
}

// BenchmarkDeleted searches the free cells.
func BenchmarkDeleted(b *testing.B) {
	h, err := hive.Open(bench(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Deleted()
	}
}

// BenchmarkWalk decodes everything: every name, time and value's data as text.
func BenchmarkWalk(b *testing.B) {
	data := bench(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := hive.Open(data)
		if err != nil {
			b.Fatal(err)
		}
		err = h.Walk(func(k *hive.Key) error {
			_, _ = k.Name(), k.LastWritten()
			for _, v := range k.Values() {
				_ = v.Display()
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkViews asks for what every report shows.
func BenchmarkViews(b *testing.B) {
	h, err := hive.Open(bench(b))
	if err != nil {
		b.Fatal(err)
	}
	var r hive.Registry
	r.Add("SYSTEM", h)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.PendingRenames()
		_, _ = r.MountedDevices()
		_, _ = r.TimeZone()
		_, _ = r.ComputerName()
		_, _ = r.CodePages()
		_ = r.Environment()
		_ = r.Services()
		_ = r.RebootMarkers()
	}
}

// BenchmarkParseExport reads a large .reg text.
func BenchmarkParseExport(b *testing.B) {
	var out strings.Builder
	out.WriteString(header + seedText)
	for i := range 20000 {
		out.WriteString(exportOf("SYSTEM", strings.Repeat("k", i%7+1)+`\x`+string(rune('a'+i%26)), "v", 7, []byte("a\x00b\x00\x00\x00c\x00\x00\x00\x00\x00")))
	}
	text := out.String()
	lines := strings.Split(text, "\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hive.ParseExport(lines, nil); err != nil {
			b.Fatal(err)
		}
	}
}
