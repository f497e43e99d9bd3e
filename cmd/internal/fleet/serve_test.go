package fleet

import (
	"bytes"
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

// TestServeUpload uploads by the form of serve: a worker on the queue analyses it, and the page of the upload leads to its case; one of no use is told with the reason.
func TestServeUpload(t *testing.T) {
	f := newFleet(t, 1)
	bundles(t, filepath.Join(f.dir, "in"), 2)
	f.must("submit", "in/INC000")
	f.must(worker1()...)
	c := f.command("serve", "--allow-upload", "--listen", "127.0.0.1:0", "--access-log", "")
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
	address := ""
	for range 1000 {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		if address = strings.TrimSuffix(regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(string(text)), "/"); address != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) (body, to string) {
		t.Helper()
		r, err := client.Get(address + path) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close() //nolint:errcheck // it was only read
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), r.Header.Get("Location")
	}
	upload := func(name string, data []byte) (place string) {
		t.Helper()
		page, _ := get("/upload")
		token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
		if token == nil {
			t.Fatalf("the form has no token: %s", page)
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
			t.Fatal(err)
		}
		r, err := client.Post(address+"/upload", m.FormDataContentType(), &b) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close() // the answer is its header
		return r.Header.Get("Location")
	}
	data, err := os.ReadFile(filepath.Join(f.dir, "in", "INC001", "bundle1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	good, bad := upload("bundle1.zip", data), upload("broken.zip", []byte("PK\x03\x04 and nothing more"))
	for range 1000 {
		if s := f.status(); s.Pending == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if body, _ := get(good); !strings.Contains(body, "Waiting") {
		t.Errorf("before a worker is there: %s", body)
	}
	f.must(worker1()...)
	if body, to := get(good); !strings.HasPrefix(to, "/case/") {
		t.Errorf("the upload leads to %q: %s", to, body)
	} else if body, _ := get(to); !strings.Contains(body, "bundle1.zip") {
		t.Errorf("the case at %s: %s", to, body)
	}
	if body, to := get(bad); to != "" || !strings.Contains(body, "It could not be analysed.") || !strings.Contains(body, "directory") {
		t.Errorf("the broken one leads to %q: %s", to, body)
	}
	f.verified(2)
	if _, said, code := f.run("serve", "--allow-upload", "--listen", "127.0.0.1:0", "--uploads", ""); code != 2 || !strings.Contains(said, "--queue and --uploads go together") {
		t.Errorf("without a storage: %d, %s", code, said)
	}
}
