package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"casebook"
	"casebook/index"
)

// syncBuffer is written by a command while the test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestServe starts the command, asks it for a page and ends it.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "agent.log")
	if err := os.WriteFile(log, []byte("2012-03-08 20:00:00 the agent starts\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "cases")
	if _, err := casebook.Analyze(t.Context(), []string{log}, casebook.Options{Case: "INC-1", Index: index.Dir(archive)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errOut syncBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- Program{Name: "casebook"}.Run(ctx, []string{"serve", "--archive", archive, "--listen", "127.0.0.1:0", "--allow-upload"}, strings.NewReader(""), io.Discard, &errOut)
	}()
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)
	url := ""
	for range 500 {
		if url = address.FindString(errOut.String()); url != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if url == "" {
		t.Fatalf("no address: %s", errOut.String())
	}
	resp, err := http.Get(url + "cases") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "INC-1") {
		t.Errorf("%d, %v", resp.StatusCode, err)
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit status %d, want 0: %s", code, errOut.String())
	}
	if !strings.Contains(errOut.String(), `"path":"/cases","status":200`) {
		t.Errorf("the access log: %s", errOut.String())
	}
}

// TestServeFlags uses the command wrongly.
func TestServeFlags(t *testing.T) {
	t.Setenv(archiveVariable, "")
	dir := t.TempDir()
	log := filepath.Join(dir, "agent.log")
	if err := os.WriteFile(log, []byte("the agent starts\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "cases")
	if _, err := casebook.Analyze(t.Context(), []string{log}, casebook.Options{Index: index.Dir(archive)}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no-archive", nil, "no archive named"},
		{"none-there", []string{"--archive", dir}, "not an archive"},
		{"everywhere", []string{"--archive", archive, "--listen", ":8765"}, "no loopback address"},
		{"no-port", []string{"--archive", archive, "--listen", "127.0.0.1"}, "address and a port"},
		{"both", []string{"--archive", archive, "--auth", "x", "--auth-header", "y"}, "give one"},
		{"no-passwords", []string{"--archive", archive, "--auth", filepath.Join(dir, "none")}, "passwords"},
		{"proxies", []string{"--archive", archive, "--auth-header", "X-User", "--trusted-proxies", "proxy"}, "networks such as"},
		{"users", []string{"--archive", archive, "--users", log}, "line 1"},
		{"size", []string{"--archive", archive, "--allow-upload", "--max-upload", "much"}, "--max-upload"},
		{"queue", []string{"--archive", archive, "--max-waiting", "0"}, "--max-waiting"},
		{"arguments", []string{"--archive", archive, "x"}, "no argument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var errOut bytes.Buffer
			code := Program{Name: "casebook"}.Run(t.Context(), append([]string{"serve"}, tt.args...), strings.NewReader(""), io.Discard, &errOut)
			if code != exitUsage || !strings.Contains(errOut.String(), tt.want) {
				t.Errorf("exit status %d: %s", code, errOut.String())
			}
		})
	}
}
