package fleet

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// served is a server that runs.
type served struct {
	t       *testing.T
	address string
	client  *http.Client
}

// serve starts the command serve and waits until it listens.
func (f *fleet) serve(t *testing.T, args ...string) *served {
	t.Helper()
	c := f.command(append([]string{"serve", "--allow-upload", "--listen", "127.0.0.1:0", "--access-log", ""}, args...)...)
	said, err := os.Create(filepath.Join(f.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close() //nolint:errcheck // a test
	c.Stderr = said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for range 1000 {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		if address := strings.TrimSuffix(regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(string(text)), "/"); address != "" {
			return &served{t, address, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
		}
		time.Sleep(10 * time.Millisecond)
	}
	text, _ := os.ReadFile(said.Name())
	t.Fatalf("the server does not listen: %s", text)
	return nil
}

// get returns a page, and where it leads to.
func (s *served) get(path string) (body, to string) {
	s.t.Helper()
	r, err := s.client.Get(s.address + path) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b), r.Header.Get("Location")
}

// upload sends a file by the form and returns the page that says how it stands.
func (s *served) upload(name string, data []byte) (place string) {
	s.t.Helper()
	page, _ := s.get("/upload")
	token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if token == nil {
		s.t.Fatalf("the form has no token: %s", page)
	}
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("token", token[1])
	_ = m.WriteField("labels", "customer=acme")
	w, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.client.Post(s.address+"/upload", m.FormDataContentType(), &b) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	_ = r.Body.Close() // the answer is its header
	return r.Header.Get("Location")
}

// TestServeUpload uploads by the form of serve: a worker on the queue analyses it, and the page of the upload leads to its case; one of no use is told with the reason.
func TestServeUpload(t *testing.T) {
	f := newFleet(t, 1)
	bundles(t, filepath.Join(f.dir, "in"), 2)
	f.must("submit", "in/INC000")
	f.must(worker1()...)
	s := f.serve(t)
	data, err := os.ReadFile(filepath.Join(f.dir, "in", "INC001", "bundle1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	good, bad := s.upload("bundle1.zip", data), s.upload("broken.zip", []byte("PK\x03\x04 and nothing more"))
	for range 1000 {
		if now := f.status(); now.Pending == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if body, _ := s.get(good); !strings.Contains(body, "Waiting") {
		t.Errorf("before a worker is there: %s", body)
	}
	f.must(worker1()...)
	if body, to := s.get(good); !strings.HasPrefix(to, "/case/") {
		t.Errorf("the upload leads to %q: %s", to, body)
	} else if body, _ := s.get(to); !strings.Contains(body, "bundle1.zip") {
		t.Errorf("the case at %s: %s", to, body)
	}
	if body, to := s.get(bad); to != "" || !strings.Contains(body, "It could not be analysed.") || !strings.Contains(body, "directory") {
		t.Errorf("the broken one leads to %q: %s", to, body)
	}
	f.verified(2)
	if _, said, code := f.run("serve", "--allow-upload", "--listen", "127.0.0.1:0", "--uploads", ""); code != 2 || !strings.Contains(said, "--queue and --uploads go together") {
		t.Errorf("without a storage: %d, %s", code, said)
	}
}

// TestServeStore serves an archive in OpenSearch: its pages, and uploads that the server itself analyses into it.
func TestServeStore(t *testing.T) {
	archive := cluster(t, fmt.Sprintf("serve%d", time.Now().UnixNano()))
	f := &fleet{t: t, dir: t.TempDir()}
	f.env = append(os.Environ(), "CASEBOOK_ARCHIVE="+archive, "TMPDIR="+f.dir)
	bundles(t, filepath.Join(f.dir, "in"), 2)
	f.must("batch", "in/INC000", "--label", `(?P<ticket>INC\d+)`, "--case-from", "ticket")
	s := f.serve(t)
	if body, _ := s.get("/cases"); !strings.Contains(body, "/case/INC000/index.html") {
		t.Errorf("the list of cases: %s", body)
	}
	for _, page := range []string{"index.html", "files.html", "timeline.html", "registry.html"} {
		if body, _ := s.get("/case/INC000/" + page); !strings.Contains(body, "INC000") {
			t.Errorf("%s: %s", page, body)
		}
	}
	if body, _ := s.get("/search?q=kind:log&count=all"); !strings.Contains(body, "/case/INC000/at?") {
		t.Errorf("the search: %s", body)
	}
	data, err := os.ReadFile(filepath.Join(f.dir, "in", "INC001", "bundle1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	place, to, body := s.upload("bundle1.zip", data), "", ""
	for range 1000 {
		if body, to = s.get(place); to != "" || strings.Contains(body, "could not be analysed") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.HasPrefix(to, "/case/") {
		t.Fatalf("the upload leads to %q: %s", to, body)
	}
	if body, _ := s.get(to); !strings.Contains(body, "bundle1.zip") {
		t.Errorf("the case at %s: %s", to, body)
	}
	if _, said, code := f.run("serve", "--allow-upload", "--keep-uploads"); code != 2 || !strings.Contains(said, "--keep-uploads needs an archive in a folder") {
		t.Errorf("uploads to be kept: %d, %s", code, said)
	}
}
