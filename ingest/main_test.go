package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a set of sinks that keeps what they got.
type collector struct {
	mu    sync.Mutex
	texts map[string]*collected
}

type collected struct {
	c       *collector
	a       *Artifact
	raw     strings.Builder
	records []Record
	done    int
}

func (c *collector) sink(a *Artifact) Sink {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil {
		c.texts = map[string]*collected{}
	}
	s := &collected{c: c, a: a}
	c.texts[a.Path] = s
	return s
}

func (s *collected) Records(batch []Record) {
	for _, r := range batch {
		s.raw.Write(r.Raw)
		r.Raw, r.Text = bytes.Clone(r.Raw), bytes.Clone(r.Text)
		s.records = append(s.records, r)
	}
}

func (s *collected) Done(*Artifact) { s.done++ }

// text returns the joined records of an artifact.
func (c *collector) text(path string) string {
	if s := c.texts[path]; s != nil {
		return s.raw.String()
	}
	return ""
}

// file is a member of a zip made by a test.
type file struct {
	name string
	body string
	set  func(*zip.FileHeader)
}

// makeZip packs files, in order, by the standard library's writer.
func makeZip(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if f.set != nil {
			f.set(h)
		}
		m, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored makes a member one that is not packed.
func stored(h *zip.FileHeader) { h.Method = zip.Store }

// save writes an upload into a temporary folder and returns its path.
func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens an upload for the length of the test.
func open(t testing.TB, path string, opt Options) *Bundle {
	t.Helper()
	b, err := Open(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// analyze opens and reads one upload.
func analyze(t testing.TB, path string, opt Options) (*Contents, *collector, *Bundle) {
	t.Helper()
	c := &collector{}
	opt.NewSink = c.sink
	b := open(t, path, opt)
	contents, err := Read(context.Background(), []*Bundle{b}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return contents, c, b
}

// summary shows artifacts and problems in one string a line.
func summary(c *Contents) []string {
	var list []string
	for _, a := range c.Artifacts {
		s := fmt.Sprintf("%s %s %d", a.Path, a.Kind, a.Bytes)
		if a.Truncated {
			s += " truncated"
		}
		list = append(list, s)
	}
	for _, p := range c.Problems {
		list = append(list, fmt.Sprintf("! %s [%s] %s", p.Artifact, p.Stage, p.Message))
	}
	return list
}
