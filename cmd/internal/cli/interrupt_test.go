//go:build !windows

package cli

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterrupt interrupts analyses in the middle of a large bundle: nothing is left of the report, of the folders above it, of the
// archive's case and of temporary files.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("packs a bundle of 200 MB")
	}
	dir := t.TempDir()
	writeLarge(t, filepath.Join(dir, "large.zip"), 200e6)
	tests := []struct {
		name   string
		args   []string
		signal os.Signal
	}{
		{"new-folder", []string{"-o", "of/ticket/report"}, syscall.SIGINT},
		{"own-archive", []string{"--archive", "cases"}, syscall.SIGTERM},
		{"existing-folder", []string{"-o", "report"}, syscall.SIGINT},
		{"no-archive", []string{"--no-archive"}, syscall.SIGINT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			work := filepath.Join(dir, tt.name)
			temp := filepath.Join(work, "temp")
			if err := os.MkdirAll(temp, 0o700); err != nil {
				t.Fatal(err)
			}
			if tt.name == "existing-folder" {
				if err := os.Mkdir(filepath.Join(work, "report"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			upload := filepath.Join(work, "large.zip")
			if err := os.Link(filepath.Join(dir, "large.zip"), upload); err != nil {
				t.Fatal(err)
			}
			c := exec.Command("casebook", append([]string{"analyze", "large.zip", "--verbose"}, tt.args...)...)
			c.Dir = work
			c.Env = append(os.Environ(), "TMPDIR="+temp, "CASEBOOK_ARCHIVE=")
			var out, errOut bytes.Buffer
			c.Stdout, c.Stderr = &out, &errOut
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			// The half-made folder shows that the work has begun; its largest part is still to come a moment later.
			for begun := false; !begun; {
				for _, where := range []string{"of/ticket", "report", "."} {
					found, err := filepath.Glob(filepath.Join(work, where, ".*partial-*"))
					if err != nil {
						t.Fatal(err)
					}
					begun = begun || len(found) > 0
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(150 * time.Millisecond)
			if err := c.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			err := c.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
				t.Fatalf("ended with %v, stderr %q", err, errOut.String())
			}
			if out.Len() > 0 {
				t.Errorf("stdout is %q", out.String())
			}
			if want := "casebook: interrupted; there is no report of \"large.zip\"\n"; !strings.HasSuffix(errOut.String(), want) {
				t.Errorf("stderr is %q", errOut.String())
			}
			var left []string
			if err := filepath.WalkDir(work, func(path string, _ os.DirEntry, err error) error {
				left = append(left, strings.TrimPrefix(path, work))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for _, p := range left {
				switch {
				case p == "", p == "/temp", p == "/large.zip", p == "/report":
				case strings.HasPrefix(p, "/cases") && !strings.HasPrefix(p, "/cases/cases/") && !strings.HasPrefix(p, "/cases/shards/"):
				default:
					t.Errorf("%s is left", p)
				}
			}
		})
	}
}

// writeLarge writes a zip with one log of a size.
func writeLarge(t *testing.T, path string, size int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	m, err := w.Create("logs/large.log")
	if err != nil {
		t.Fatal(err)
	}
	b := bufio.NewWriterSize(m, 1<<16)
	for n, i := 0, 0; n < size; i++ {
		k, err := fmt.Fprintf(b, "2012-03-08 21:16:%02d.%03d service %d of %d answers\n", i/1000%60, i%1000, i%977, i)
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	if err := errors.Join(b.Flush(), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
