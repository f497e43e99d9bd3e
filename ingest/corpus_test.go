package ingest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// TestCorpusArchives opens every archive of the corpus, sound and malicious: none may panic or hang, and all that is listed is either
// read or explained.
func TestCorpusArchives(t *testing.T) {
	dir := filepath.Join(corpus(t), "archives")
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	limits := Limits{MaxBytes: 1 << 30, MaxMember: 64 << 20, MaxFiles: 20_000}
	for _, e := range list {
		t.Run(e.Name(), func(t *testing.T) {
			opt := Options{Limits: limits}
			b, err := Open(t.Context(), filepath.Join(dir, e.Name()), opt)
			if err != nil {
				if s := err.Error(); !strings.HasPrefix(s, "open ") || strings.Contains(s, "\n") {
					t.Errorf("unclear: %v", err)
				}
				return
			}
			defer b.Close() //nolint:errcheck // TestReadZip looks at it
			c, err := Read(context.Background(), []*Bundle{b}, opt)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Artifacts) == 0 && len(c.Problems) == 0 {
				t.Error("neither a member nor a problem")
			}
			explained := map[string]bool{}
			for _, p := range c.Problems {
				explained[p.Artifact] = true
			}
			for _, a := range c.Artifacts {
				if !fs.ValidPath(a.Path) {
					t.Errorf("path %q", a.Path)
				}
				if a.Truncated && !explained[a.Path] && !explained[""] || a.SHA256 == "" && !a.Truncated {
					t.Errorf("%+v has no problem", a)
				}
			}
			if b.SHA256 == "" || b.Bytes == 0 && b.Format != FormatFile {
				t.Errorf("bundle without a sum: %+v", b)
			}
		})
	}
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
