package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook/index"
	"casebook/internal/docscheck"
	"casebook/internal/fixture"
)

// killsEnv is how many times TestBatchKilled kills; the default keeps the tests quick.
const killsEnv = "CASEBOOK_KILLS"

// writeBundles writes n bundles of the samples to a folder; no two are the same upload.
func writeBundles(t *testing.T, dir string, n int) {
	t.Helper()
	samples, err := filepath.Glob(filepath.Join(docscheck.Root(t), "testdata", "samples", "*.txtar"))
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for i := range n {
		a, err := txtar.ParseFile(samples[i%len(samples)])
		if err != nil {
			t.Fatal(err)
		}
		data, err := fixture.Zip(append(a.Files, txtar.File{Name: "number.log", Data: fmt.Appendf(nil, "2012-03-08 21:16:55 bundle%d everywhere\r\n", i)}))
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, fmt.Sprintf("INC%03d", i))
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, fmt.Sprintf("bundle%d.zip", i)), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// casebookIn runs the command in a folder and returns its output and exit status.
func casebookIn(t *testing.T, dir string, args ...string) (out, errOut string, code int) {
	t.Helper()
	c := exec.Command("casebook", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "CASEBOOK_ARCHIVE=")
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	_ = c.Run() // the status says it
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// verified fails the test unless the archive is as it was written, and returns how many cases it has.
func verified(t *testing.T, dir, archive string) int {
	t.Helper()
	out, errOut, code := casebookIn(t, dir, "archive", "verify", "--archive", archive, "--json")
	var done index.Checked
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != exitOK || done.Faults != 0 {
		t.Fatalf("verify ended with %d: %s%s", code, out, errOut)
	}
	return done.Cases
}

// TestBatchKilled kills batches and compactions at random moments: what is there is whole each time, and a batch after them makes every case be there once.
func TestBatchKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	kills := 10
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	const bundles = 40
	dir := t.TempDir()
	writeBundles(t, filepath.Join(dir, "in"), bundles)
	batch := []string{"batch", "in", "--archive", "cases", "--label", `(?P<ticket>INC\d+)`, "--keep-uploads"}
	compact := []string{"archive", "compact", "--archive", "cases"}
	r := rand.New(rand.NewPCG(7, uint64(kills)))
	most := 0
	for i := range kills {
		args := batch
		if i%3 == 2 {
			args = compact
		}
		c := exec.Command("casebook", args...)
		c.Dir = dir
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.IntN(700)) * time.Millisecond)
		_ = c.Process.Kill() // it may have come to its end
		_ = c.Wait()
		if _, err := os.Stat(filepath.Join(dir, "cases", "casebook.json")); err != nil {
			continue // killed before there was an archive
		}
		n := verified(t, dir, "cases")
		if n < most {
			t.Fatalf("after kill %d of %v there are %d cases, before there were %d", i, args, n, most)
		}
		most = n
	}
	out, errOut, code := casebookIn(t, dir, batch...)
	if code != exitOK {
		t.Fatalf("the batch after them ended with %d: %s%s", code, out, errOut)
	}
	if _, errOut, code := casebookIn(t, dir, compact...); code != exitOK {
		t.Fatalf("compact ended with %d: %s", code, errOut)
	}
	if n := verified(t, dir, "cases"); n != bundles {
		t.Errorf("%d cases of %d bundles", n, bundles)
	}
	if out, _, _ := casebookIn(t, dir, "search", "everywhere", "--archive", "cases", "--count"); out != strconv.Itoa(bundles)+"\n" {
		t.Errorf("%s of %d bundles are found", out, bundles)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "cases", "tmp")); err != nil || len(left) > 0 {
		t.Errorf("tmp holds %v, %v", left, err)
	}
}

// TestTwoBatches runs two batches of the same bundles at once: every case is there once, and all labels are.
func TestTwoBatches(t *testing.T) {
	const bundles = 24
	dir := t.TempDir()
	writeBundles(t, filepath.Join(dir, "in"), bundles)
	var both sync.WaitGroup
	for _, label := range []string{`(?P<ticket>INC\d+)`, `(?P<file>bundle\d+)`} {
		both.Go(func() {
			if out, errOut, code := casebookIn(t, dir, "batch", "in", "--archive", "cases", "-j", "2", "--label", label); code != exitOK {
				t.Errorf("ended with %d: %s%s", code, out, errOut)
			}
		})
	}
	both.Wait()
	if n := verified(t, dir, "cases"); n != bundles {
		t.Errorf("%d cases of %d bundles", n, bundles)
	}
	out, _, _ := casebookIn(t, dir, "archive", "list", "--archive", "cases", "--json")
	if strings.Count(out, `"ticket":`) != bundles || strings.Count(out, `"file":`) != bundles {
		t.Errorf("labels are missing:\n%s", out)
	}
}

// TestReadersDuringBatch searches while a batch, a compaction and a removal write: no search fails, and what is found only grows while cases only come.
func TestReadersDuringBatch(t *testing.T) {
	const bundles, readers = 40, 6
	dir := t.TempDir()
	writeBundles(t, filepath.Join(dir, "in"), bundles)
	if _, errOut, code := casebookIn(t, dir, "batch", "in/INC000", "--archive", "cases"); code != exitOK {
		t.Fatal(errOut)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			last := 1
			for {
				select {
				case <-stop:
					return
				default:
				}
				out, errOut, code := casebookIn(t, dir, "search", "everywhere", "--archive", "cases", "--count")
				n, err := strconv.Atoi(strings.TrimSpace(out))
				if code != exitOK || err != nil || errOut != "" || n < last {
					t.Errorf("a search ended with %d, %q, %q, after %d hits", code, out, errOut, last)
					return
				}
				last = n
			}
		})
	}
	if out, errOut, code := casebookIn(t, dir, "batch", "in", "--archive", "cases"); code != exitOK {
		t.Errorf("batch ended with %d: %s%s", code, out, errOut)
	}
	if _, errOut, code := casebookIn(t, dir, "archive", "compact", "--archive", "cases"); code != exitOK {
		t.Errorf("compact ended with %d: %s", code, errOut)
	}
	close(stop)
	all.Wait()
	if n := verified(t, dir, "cases"); n != bundles {
		t.Errorf("%d cases of %d bundles", n, bundles)
	}
}

// TestBatchNoRoom runs a batch into a file system that is too small, and into a folder that can't be written: it says so, what was there stays whole, and with room the
// same command does the rest.
func TestBatchNoRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("mounts a small file system, which is done on Linux only")
	}
	dir := t.TempDir()
	const bundles = 24
	writeBundles(t, filepath.Join(dir, "in"), bundles)
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := func(options ...string) error {
		return exec.Command("mount", append(options, "tmpfs", small)...).Run()
	}
	if err := mount("-t", "tmpfs", "-o", "size=3m"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("umount", small).Run() })
	batch := []string{"batch", "in", "--archive", "small/cases"}
	_, errOut, code := casebookIn(t, dir, batch...)
	if code != exitSome || !strings.Contains(errOut, "no space left on device") {
		t.Fatalf("ended with %d: %s", code, errOut)
	}
	n := verified(t, dir, "small/cases")
	if n == 0 || n >= bundles {
		t.Errorf("%d cases were written", n)
	}
	if err := mount("-o", "remount,ro"); err != nil {
		t.Fatal(err)
	}
	if _, errOut, code := casebookIn(t, dir, batch...); code != exitSome || !strings.Contains(errOut, "read-only file system") {
		t.Errorf("ended with %d: %s", code, errOut)
	}
	if got := verified(t, dir, "small/cases"); got != n {
		t.Errorf("%d cases can be read where nothing can be written, not %d", got, n)
	}
	if err := mount("-o", "remount,rw,size=200m"); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := casebookIn(t, dir, batch...); code != exitOK {
		t.Errorf("ended with %d: %s%s", code, out, errOut)
	}
	if n := verified(t, dir, "small/cases"); n != bundles {
		t.Errorf("%d cases of %d bundles", n, bundles)
	}
}

// TestWatch puts bundles into a folder that is watched, one of them in two pieces.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	writeBundles(t, filepath.Join(dir, "from"), 2)
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("casebook", "batch", "drop", "--archive", "cases", "--watch", "--every", "30ms", "--settle", "400ms", "--json")
	c.Dir = dir
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	write := func(from, to string, half int) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "from", from))
		if err != nil {
			t.Fatal(err)
		}
		parts := [][]byte{data[:len(data)/2], data[len(data)/2:]}
		f, err := os.OpenFile(filepath.Join(drop, to), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(parts[half]); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("INC000/bundle0.zip", "a.zip", 0)
	time.Sleep(150 * time.Millisecond)
	write("INC000/bundle0.zip", "a.zip", 1)
	cases := func() int {
		a, err := index.Open(filepath.Join(dir, "cases"))
		if err != nil {
			return 0
		}
		defer a.Close() //nolint:errcheck // it was only read
		list, err := a.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	wait := func(n int) {
		t.Helper()
		for range 400 {
			if cases() == n {
				return
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Errorf("%d cases, not %d", cases(), n)
	}
	wait(1)
	write("INC001/bundle1.zip", "b.zip", 0)
	write("INC001/bundle1.zip", "b.zip", 1)
	wait(2)
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Skipf("this system can't interrupt a process: %v", err)
	}
	_ = c.Wait() // the status says it
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("ended with %d", code)
	}
	if n := strings.Count(out.String(), `"status":"analysed"`); n != 2 || !strings.Contains(out.String(), `"total":{"analysed":2,`) {
		t.Errorf("told %s", out.String())
	}
}

// TestBatchGroups tells which bundles are one case, and what labels a path has.
func TestBatchGroups(t *testing.T) {
	patterns, err := labelPatterns([]string{`/(?P<customer>[^/]+)/(?P<ticket>INC\d+)`, `(?P<ticket>REQ\d+)`})
	if err != nil {
		t.Fatal(err)
	}
	b := &batch{flags: batchFlags{caseFrom: "ticket"}}
	var list []bundle
	for _, p := range []string{"/in/acme/INC1/a.zip", "/in/acme/INC2/b.zip", "/in/acme/INC1/c.zip", "/in/none.zip", "/in/other.zip", "/in/acme/INC2/REQ5.zip"} {
		list = append(list, bundle{path: p, labels: labelsOf(p, patterns)})
	}
	var got []string
	for _, g := range b.grouped(list) {
		names := []string{g.id + ":"}
		for _, f := range g.bundles {
			names = append(names, filepath.Base(f.path))
		}
		got = append(got, strings.Join(names, " "))
	}
	want := []string{"INC1: a.zip c.zip", "INC2: b.zip REQ5.zip", ": none.zip", ": other.zip"}
	if !slices.Equal(got, want) {
		t.Errorf("groups are %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(list[5].labels), "map[customer:[acme] ticket:[INC2 REQ5]]"; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
}
