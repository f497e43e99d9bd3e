package hive_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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

// BenchmarkOpenWithLogs reads a dirty hive of 12 MB with its logs of 6 MB, BenchmarkOpenWithLogs/without the same hive alone.
func BenchmarkOpenWithLogs(b *testing.B) {
	var primary []byte
	var logs [][]byte
	for _, file := range corpus(b, "hives") {
		switch base := filepath.Base(file); {
		case strings.HasSuffix(base, "SYSTEM_B"):
			primary = read(b, file)
		case strings.Contains(base, "SYSTEM_B.LOG"):
			logs = append(logs, read(b, file))
		}
	}
	for name, l := range map[string][][]byte{"with": logs, "without": nil} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(primary)))
			b.ReportAllocs()
			for b.Loop() {
				h, err := hive.OpenWithLogs(primary, l...)
				if err != nil || h.Replay().Entries == 0 && l != nil {
					b.Fatal(h.Replay(), err)
				}
			}
		})
	}
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
