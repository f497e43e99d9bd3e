package blobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"casebook/ingest"
)

// places are the kinds of storage that can be had on one machine.
var places = []struct {
	name string
	open func(t *testing.T) *Bucket
}{
	{"file", func(t *testing.T) *Bucket { return open(t, Dir(filepath.Join(t.TempDir(), "new", "storage"))) }},
	{"s3", func(t *testing.T) *Bucket { return open(t, s3(t)) }},
}

// s3 serves the protocol on loopback and returns the URL of a bucket with a prefix.
func s3(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("fleet"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return "s3://fleet/some/prefix?region=us-east-1&use_path_style=true&endpoint=" + server.URL
}

func open(t *testing.T, url string) *Bucket {
	t.Helper()
	b, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// file writes a file and returns it as an upload with its SHA-256.
func file(t *testing.T, name string, data []byte) (ingest.Upload, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := ingest.LookAt(path)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := u.Sum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u, sum
}

// noise is bytes that do not compress.
func noise(n int) []byte {
	out := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// TestUpload sends uploads of several sizes, one of them in several requests, and gets them back.
func TestUpload(t *testing.T) {
	for _, p := range places {
		for _, n := range []int{0, 1, 5000, 2*partSize + 12345} {
			t.Run(fmt.Sprintf("%s-%d", p.name, n), func(t *testing.T) {
				b := p.open(t)
				if err := b.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				data := noise(n)
				u, sum := file(t, "bundle.zip", data)
				for i, want := range []bool{true, false} {
					sent, err := b.PutUpload(t.Context(), &u, sum)
					if err != nil || sent != want {
						t.Fatalf("put number %d: %v, %v", i, sent, err)
					}
				}
				up, err := b.Upload(t.Context(), sum)
				if err != nil {
					t.Fatal(err)
				}
				path, err := b.Fetch(t.Context(), up, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || !bytes.Equal(got, data) || filepath.Base(path) != "bundle.zip" {
					t.Errorf("%d of %d bytes are as they were, %v", len(got), n, err)
				}
			})
		}
	}
}

// TestSplit keeps the parts of a split archive apart.
func TestSplit(t *testing.T) {
	dir := t.TempDir()
	data := noise(9000)
	copy(data, "7z\xbc\xaf\x27\x1c")
	var u ingest.Upload
	for i, name := range []string{"a.7z.001", "a.7z.002", "a.7z.003"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data[i*3000:(i+1)*3000], 0o600); err != nil {
			t.Fatal(err)
		}
		u.Parts = append(u.Parts, path)
	}
	u.Path, u.Bytes = u.Parts[0], 9000
	hash := sha256.Sum256(data)
	sum := hex.EncodeToString(hash[:])
	b := places[0].open(t)
	if _, err := b.PutUpload(t.Context(), &u, sum); err != nil {
		t.Fatal(err)
	}
	up, err := b.Upload(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	path, err := b.Fetch(t.Context(), up, to)
	if err != nil || filepath.Base(path) != "a.7z.001" {
		t.Fatal(path, err)
	}
	for i, p := range up.Parts {
		got, err := os.ReadFile(filepath.Join(to, p.Name))
		if err != nil || !bytes.Equal(got, data[i*3000:(i+1)*3000]) {
			t.Errorf("part %d is not as it was: %v", i, err)
		}
	}
}

// TestDamaged changes objects: each is refused in a sentence that names it, and nothing is left in the folder.
func TestDamaged(t *testing.T) {
	data := noise(5000)
	for _, row := range []struct {
		name string
		with []byte
		want string
	}{
		{"bit", append(append([]byte{}, data[:4999]...), data[4999]^1), "its bytes have the SHA-256 "},
		{"short", data[:4000], "it should have 5000 bytes and has 4000"},
		{"long", append(append([]byte{}, data...), 0), "it should have 5000 bytes and has more"},
		{"empty", nil, "it should have 5000 bytes and has 0"},
	} {
		for _, p := range places {
			t.Run(row.name+"-"+p.name, func(t *testing.T) {
				b := p.open(t)
				u, sum := file(t, "bundle.zip", data)
				if _, err := b.PutUpload(t.Context(), &u, sum); err != nil {
					t.Fatal(err)
				}
				up, err := b.Upload(t.Context(), sum)
				if err != nil {
					t.Fatal(err)
				}
				key, err := objectKey(uploadsFolder, sum)
				if err != nil {
					t.Fatal(err)
				}
				if err := b.bucket.WriteAll(t.Context(), key, row.with, nil); err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				_, err = b.Fetch(t.Context(), up, dir)
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), sum) {
					t.Errorf("got %v", err)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("left %v, %v", left, err)
				}
			})
		}
	}
}

// TestMissing asks for what is not there, and for what is no sum.
func TestMissing(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			b := p.open(t)
			none := strings.Repeat("0", sumLength)
			if _, err := b.Upload(t.Context(), none); !errors.Is(err, ErrNotExist) {
				t.Errorf("got %v", err)
			}
			if _, err := b.Report(t.Context(), "INC1"); !errors.Is(err, ErrNotExist) {
				t.Errorf("got %v", err)
			}
			for _, sum := range []string{"", "../../etc/passwd", strings.Repeat("A", sumLength)} {
				if _, err := b.Upload(t.Context(), sum); err == nil || errors.Is(err, ErrNotExist) {
					t.Errorf("%q: got %v", sum, err)
				}
			}
		})
	}
}

// TestChanging sends a file that is not what its sum says: no object appears.
func TestChanging(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			b := p.open(t)
			u, _ := file(t, "bundle.zip", []byte("what it is now"))
			sum := strings.Repeat("0", sumLength)
			if _, err := b.PutUpload(t.Context(), &u, sum); err == nil || !strings.Contains(err.Error(), "has changed while it was read") {
				t.Errorf("got %v", err)
			}
			if it, err := b.bucket.List(nil).Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("%v appeared, %v", it, err)
			}
		})
	}
}

// TestHostileDescription reads descriptions that would lead out of the folder.
func TestHostileDescription(t *testing.T) {
	b := places[0].open(t)
	sum := strings.Repeat("0", sumLength)
	for _, text := range []string{
		``, `{}`, `{"sha256":"` + sum + `","parts":[{"name":"../../x","bytes":1}],"bytes":1}`,
		`{"sha256":"` + sum + `","parts":[{"name":"a\\b","bytes":1}],"bytes":1}`,
		`{"sha256":"` + sum + `","parts":[{"name":"a","bytes":1},{"name":"a","bytes":1}],"bytes":2}`,
		`{"sha256":"` + sum + `","parts":[{"name":"a","bytes":-1}],"bytes":-1}`,
		`{"sha256":"` + sum + `","parts":[{"name":"a","bytes":1}],"bytes":1,"main":7}`,
		`{"sha256":"` + strings.Repeat("1", sumLength) + `","parts":[{"name":"a","bytes":1}],"bytes":1}`,
	} {
		if err := b.bucket.WriteAll(t.Context(), "uploads/00/"+sum+".json", []byte(text), nil); err != nil {
			t.Fatal(err)
		}
		if u, err := b.Upload(t.Context(), sum); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s gave %v, %v", text, u, err)
		}
	}
}

// TestCase replaces the files of a case, whose ID looks like a path, and reads the report.
func TestCase(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			b := p.open(t)
			const id = "../INC 1/ü"
			var objects []Object
			for i, text := range []string{`{"n":1}`, `{"n":2}`} {
				f, err := os.Create(filepath.Join(t.TempDir(), "report.json"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close() //nolint:errcheck // a test's file
				if _, err := f.WriteString(text); err != nil {
					t.Fatal(err)
				}
				if _, err := f.Seek(0, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				o, err := b.PutObject(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				objects = append(objects, o)
				if err := b.PutCase(t.Context(), Case{ID: id, State: strconv.Itoa(i), Report: &o}); err != nil {
					t.Fatal(err)
				}
				if got, err := b.Report(t.Context(), id); string(got) != text || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if _, err := b.Object(t.Context(), objects[0]); !errors.Is(err, ErrNotExist) {
				t.Errorf("the report before is still there: %v", err)
			}
		})
	}
}

// TestOpenRefused gives URLs that are none of object storage.
func TestOpenRefused(t *testing.T) {
	for _, row := range []struct{ name, url, want string }{
		{"path", "/srv/uploads", "is no URL of object storage"},
		{"scheme", "ftp://host/x", "is file, s3, gs or azblob"},
		{"secret", "s3://key:secret@bucket/prefix", "holds credentials"},
		{"host", "file://srv/uploads", "three strokes"},
		{"option", "s3://bucket/prefix?colour=red", "open s3://bucket"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := Open(t.Context(), row.url)
			if err == nil {
				_ = b.Close()
			}
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), ":secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestMemory sends and gets an upload that is many times as large as what may be held of it.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MB")
	}
	b := places[0].open(t)
	u, sum := file(t, "bundle.zip", bytes.Repeat(noise(1<<20), 200))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := b.PutUpload(t.Context(), &u, sum); err != nil {
		t.Fatal(err)
	}
	up, err := b.Upload(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(t.Context(), up, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("allocated %d MB for 200 MB", n>>20)
	}
}

// TestLocalName tells what parts are called in the temporary folder.
func TestLocalName(t *testing.T) {
	for name, want := range map[string]string{"a.zip": "a.zip", "ü (1).7z": "ü (1).7z", "a:b.zip": "upload-0.zip", "CON ": "upload-0", "x.": "upload-0", strings.Repeat("n", 300) + ".reg": "upload-0.reg"} {
		if got := localName(name, 0); got != want {
			t.Errorf("%q is called %q, not %q", name, got, want)
		}
	}
}

// content reads a file to its end.
func content(t *testing.T, f *Files, state, name string) ([]byte, error) {
	t.Helper()
	r, err := f.Open(t.Context(), state, name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// TestFiles keeps files of two states, reads them, damages one and removes them.
func TestFiles(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			b := p.open(t)
			f := b.Files()
			for _, state := range []string{"s1", "s/2"} {
				for _, name := range []string{"report.json", "history.json"} {
					if err := f.Put(t.Context(), state, name, strings.NewReader(state+name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := content(t, f, "s/2", "report.json"); string(got) != "s/2report.json" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			if err := b.bucket.WriteAll(t.Context(), "states/s1/history.json", []byte("s1history.jsoN"), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := content(t, f, "s1", "history.json"); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
			for range 2 {
				if err := f.Delete(t.Context(), "s1"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := content(t, f, "s1", "report.json"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			if got, err := content(t, f, "s/2", "history.json"); string(got) != "s/2history.json" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
