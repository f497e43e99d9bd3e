package ingest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// corpus returns the folder of real files, or skips the test.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CASEBOOK_CORPUS")
	if dir == "" {
		t.Skip("CASEBOOK_CORPUS is not set: there are no real files to read")
	}
	return dir
}

var update = flag.Bool("update", false, "write testdata/archives.tsv anew")

// corpusPasswords are those of the encrypted archives of the corpus, as the projects that they come from state them, and one that fits none.
var corpusPasswords = []string{"wrong", "password", "foofoofoo", "golang", "12345678", "1234"}

// TestCorpusArchives opens every archive of the corpus, sound and malicious, within a bounded time and memory. testdata/archives.tsv says what
// must come of each: the format or the error, and the numbers of artifacts, of those that are cut short, of bytes, of problems by stage, and of those that are refusals by their reason.
func TestCorpusArchives(t *testing.T) {
	dir := filepath.Join(corpus(t), "archives")
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join("testdata", "archives.tsv")
	want := map[string]string{}
	if data, err := os.ReadFile(table); err == nil {
		for line := range strings.Lines(string(data)) {
			name, outcome, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			want[name] = outcome
		}
	} else if !*update {
		t.Fatal(err)
	}
	var got strings.Builder
	debug.FreeOSMemory() // what other tests used does not count
	for _, e := range list {
		t.Run(e.Name(), func(t *testing.T) {
			start := time.Now()
			outcome := corpusOutcome(t, filepath.Join(dir, e.Name()))
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.Sys-m.HeapReleased > 512<<20 {
				t.Errorf("%d bytes of memory", m.Sys-m.HeapReleased)
				debug.FreeOSMemory() // of which the next one is innocent
			}
			fmt.Fprintf(&got, "%s\t%s\n", e.Name(), outcome)
			if !*update && outcome != want[e.Name()] {
				t.Errorf("got  %s\nwant %s", outcome, want[e.Name()])
			}
		})
	}
	if *update {
		if err := os.WriteFile(table, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// corpusOutcome opens and reads an archive and says what came of it. All that is listed must be either read or explained.
func corpusOutcome(t *testing.T, path string) string {
	opt := Options{Limits: Limits{MaxBytes: 1 << 30, MaxMember: 64 << 20, MaxFiles: 20_000}, Passwords: corpusPasswords}
	b, err := Open(t.Context(), path, opt)
	if err != nil {
		s := err.Error()
		if !strings.HasPrefix(s, "open ") || strings.Contains(s, "\n") {
			t.Errorf("unclear: %v", err)
		}
		var open *OpenError
		if !errors.As(err, &open) {
			t.Fatalf("%T", err)
		}
		return "error\t" + open.Reason()
	}
	defer b.Close() //nolint:errcheck // TestSpool looks at it
	c, err := Read(context.Background(), []*Bundle{b}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Artifacts) == 0 && len(c.Problems) == 0 {
		t.Error("neither a member nor a problem")
	}
	stages, refused := map[Stage]int{}, map[Refusal]int{}
	explained := map[string]bool{}
	for _, p := range c.Problems {
		explained[p.Artifact] = true
		stages[p.Stage]++
		refused[p.Refused]++
		if strings.Contains(p.Message, "internal error") {
			t.Errorf("%s: %s", p.Artifact, p.Message)
		}
	}
	truncated, size := 0, int64(0)
	for _, a := range c.Artifacts {
		size += a.Bytes
		if !fs.ValidPath(a.Path) {
			t.Errorf("path %q", a.Path)
		}
		if a.Truncated {
			truncated++
			if !explained[a.Path] && !explained[""] {
				t.Errorf("%+v has no problem", a)
			}
		} else if a.SHA256 == "" {
			t.Errorf("%+v has no sum", a)
		}
	}
	if b.SHA256 == "" || b.Bytes == 0 && b.Format != FormatFile {
		t.Errorf("bundle without a sum: %+v", b)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s\tartifacts %d\ttruncated %d\tbytes %d", b.Format, len(c.Artifacts), truncated, size)
	for _, stage := range []Stage{StageOpen, StageRead, StageLimit, StageDecode, StageParse} {
		if stages[stage] > 0 {
			fmt.Fprintf(&s, "\t%s %d", stage, stages[stage])
		}
	}
	for _, why := range Refusals() {
		if refused[why] > 0 {
			fmt.Fprintf(&s, "\trefused:%s %d", why, refused[why])
		}
	}
	return s.String()
}

// TestCorpusTexts reads every text of the corpus: its records, joined, are its decoded text.
func TestCorpusTexts(t *testing.T) {
	dir := corpus(t)
	texts := 0
	for _, sub := range []string{"logs-cmtrace", "logs-msi", "logs-other", "logs-sep"} {
		t.Run(sub, func(t *testing.T) {
			_, got, _ := analyze(t, filepath.Join(dir, sub), Options{})
			for path, s := range got.texts {
				raw, err := os.ReadFile(filepath.Join(dir, sub, filepath.FromSlash(path)))
				if err != nil {
					t.Error(err) // a name that had to be changed
					continue
				}
				texts++
				if want := reference(raw, s.a.Encoding); s.raw.String() != want {
					t.Errorf("%s (%s): the records are not the text", path, s.a.Encoding)
				}
			}
		})
	}
	if texts < 100 {
		t.Errorf("only %d texts", texts)
	}
}

// reference decodes a whole text in the simplest way.
func reference(raw []byte, enc string) string {
	switch enc {
	case encUTF16LE:
		var units []uint16
		raw = bytes.TrimPrefix(raw, []byte("\xff\xfe"))
		for i := 0; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])|uint16(raw[i+1])<<8)
		}
		s := string(utf16.Decode(units))
		if len(raw)%2 == 1 {
			s += "\uFFFD"
		}
		return s
	case encUTF8:
		var s strings.Builder
		for line := range bytes.Lines(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))) {
			if utf8.Valid(line) {
				s.Write(line)
			} else {
				s.WriteString(reference(line, "windows-1252"))
			}
		}
		return s.String()
	}
	var s strings.Builder
	p := newPageDecoder(pageOf(defaultANSI, defaultANSI))
	for _, c := range raw {
		b, _ := p.append(nil, []byte{c}, true)
		s.Write(b)
	}
	return s.String()
}
