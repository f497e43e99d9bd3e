package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"casebook/findings"
	"casebook/internal/oscluster"
	"casebook/scale/blobs"
)

// TestKilledWorkers takes 200 bundles through three workers that are killed at random and one of three servers that is stopped and started: every case is there once, and
// no job is left.
func TestKilledWorkers(t *testing.T) {
	f := newFleet(t, 3)
	all := f.chaos(nil)
	f.verified(all)
}

// TestKilledWorkersWithOpenSearch does the same with an archive in a cluster of which a node is stopped and started too, and whose reports lie in object storage.
func TestKilledWorkersWithOpenSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	cluster := oscluster.Shared(t)
	f := newFleet(t, 3)
	reports := filepath.Join(f.dir, "reports")
	f.env = append(f.env, "CASEBOOK_ARCHIVE=opensearch+http://"+strings.Join(cluster.Hosts, ",")+"/chaos", casesVariable+"="+blobs.Dir(reports))
	all := f.chaos(cluster)
	f.verified(all)
	held := 0
	if err := filepath.WalkDir(reports, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "report.json") {
			held++
		}
		return err
	}); err != nil || held < all { // more: those of killed workers stay for a while
		t.Errorf("%d of %d reports are in the object storage, %v", held, all, err)
	}
}

// chaos takes bundles through workers and returns how many. cluster may be nil.
func (f *fleet) chaos(cluster *oscluster.Cluster) int {
	t := f.t
	t.Helper()
	all, kills := 200, 12
	if testing.Short() {
		all, kills = 30, 3
	}
	bundles(t, filepath.Join(f.dir, "in"), all)
	const label = `(?P<ticket>INC\d+)`
	// The queue is made with a short AckWait, so that the jobs of killed workers are not waited for.
	first := f.must("submit", filepath.Join("in", "INC000"), "--label", label, "--replicas", "3", "--ack-wait", "3s")
	if !strings.Contains(first, "1 queued") {
		t.Fatal(first)
	}
	submitted := make(chan string, 1)
	go func() { // while they work
		out, errOut, _ := f.run("submit", "in", "--label", label, "--replicas", "3")
		submitted <- out + errOut
	}()

	searched, over := make(chan int), make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-over:
				searched <- n
				return
			default:
			}
			out, errOut, code := f.run("search", "everywhere", "--count")
			if code > 1 && errOut == "" || code <= 1 && errOut != "" {
				t.Errorf("a search ended with %d, %q and %q", code, out, errOut)
			}
			n++
		}
	}()

	r := rand.New(rand.NewPCG(3, uint64(all)))
	node := r.IntN(3)
	var workers [3]*exec.Cmd
	var logs [3]bytes.Buffer
	start := func(i int) {
		workers[i] = f.command(worker1("--name", fmt.Sprintf("w%d", i), "-j", "1", "--tries", "50")...)
		workers[i].Args = append(workers[i].Args[:2:2], workers[i].Args[3:]...) // not --until-empty: there may be nothing for a while
		workers[i].Stderr = &logs[i]
		if err := workers[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range workers {
		start(i)
	}
	t.Cleanup(func() {
		for i, w := range workers {
			_ = w.Process.Kill() // it may have ended
			_ = w.Wait()
			if t.Failed() {
				text := logs[i].String()
				t.Logf("worker %d:\n%s", i, text[max(0, len(text)-4000):])
			}
		}
	})
	for n := range kills {
		time.Sleep(time.Duration(500+r.IntN(1500)) * time.Millisecond)
		i := r.IntN(3)
		_ = workers[i].Process.Kill()
		_ = workers[i].Wait() // killed
		start(i)
		switch n {
		case kills / 3:
			f.cluster.Stop(r.IntN(3))
			if cluster != nil {
				cluster.StopNode(t, node)
			}
		case 2 * kills / 3:
			for i := range 3 {
				f.cluster.Start(i)
			}
			if cluster != nil {
				cluster.StartNode(t, node)
			}
		}
	}
	if out := <-submitted; !strings.Contains(out, " 0 failed") {
		t.Fatalf("submitted: %s", out)
	}
	end := time.Now().Add(8 * time.Minute)
	for s := f.status(); s.Pending+s.Working > 0; s = f.status() {
		if time.Now().After(end) {
			t.Fatalf("not done: %+v", s)
		}
		time.Sleep(500 * time.Millisecond)
	}
	for _, w := range workers {
		if err := w.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := w.Wait(); err != nil {
			t.Errorf("a worker that was told to stop ended with %v", err)
		}
	}
	close(over)
	t.Logf("%d searches meanwhile", <-searched)
	s := f.status()
	if s.Dead != 0 || s.Done["failed"] != 0 || s.Done["analysed"]+s.Done["partly-read"]+s.Done["skipped"] != uint64(all) {
		t.Errorf("the queue stands at %+v", s)
	}
	if out := f.must("archive", "list", "--json"); strings.Count(out, `"ticket":`) != all {
		t.Errorf("%d of %d cases have their label", strings.Count(out, `"ticket":`), all)
	}
	left, err := filepath.Glob(filepath.Join(f.dir, "tmp", tempPattern))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	return all
}

// TestDamagedUpload changes an object in the storage: the job is given up with a sentence, and goes through when the object is mended.
func TestDamagedUpload(t *testing.T) {
	f := newFleet(t, 1)
	bundles(t, filepath.Join(f.dir, "in"), 1)
	f.must("submit", "in")
	objects, err := filepath.Glob(filepath.Join(f.dir, "uploads", "uploads", "*", "*[0-9a-f]"))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	good, err := os.ReadFile(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	write(t, objects[0], bad)
	f.must(worker1("--tries", "2")...)
	s := f.status()
	if len(s.DeadJobs) != 1 || s.DeadJobs[0].Tries != 2 || !strings.Contains(s.DeadJobs[0].Reason, "the object is damaged: its bytes have the SHA-256 ") {
		t.Fatalf("the queue stands at %+v", s)
	}
	if out := f.must("queue", "status"); !strings.Contains(out, "bundle0.zip: read \"uploads/") || !strings.Contains(out, "(after 2 tries)") {
		t.Errorf("status says\n%s", out)
	}
	write(t, objects[0], good)
	f.must("queue", "retry", s.DeadJobs[0].SHA256[:8])
	f.must(worker1()...)
	f.verified(1)
	if s := f.status(); s.Dead != 0 || s.Done["analysed"]+s.Done["partly-read"] != 1 {
		t.Errorf("the queue stands at %+v", s)
	}
}

// TestOneCaseOfTwoUploads sends the second upload of a ticket when the first is done, through S3: both are one case, whose report is in the storage.
func TestOneCaseOfTwoUploads(t *testing.T) {
	f := newFleet(t, 1)
	backend := s3mem.New()
	if err := backend.CreateBucket("fleet"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	const options = "?region=us-east-1&use_path_style=true&endpoint="
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	results := "s3://fleet/results" + options + server.URL
	f.env = append(f.env, "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"CASEBOOK_UPLOADS=s3://fleet/uploads"+options+server.URL, "CASEBOOK_RESULTS="+results)
	bundles(t, filepath.Join(f.dir, "in"), 2)
	for _, folder := range []string{"in/INC000", "in/INC001"} {
		f.must("submit", folder, "--label", `(?P<ticket>INC)\d+`, "--case-from", "ticket")
		f.must(worker1()...)
	}
	bucket, err := blobs.Open(t.Context(), results)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close() //nolint:errcheck // it was only read
	text, err := bucket.Report(t.Context(), "INC")
	if err != nil {
		t.Fatal(err)
	}
	var report findings.Report
	if err := json.Unmarshal(text, &report); err != nil || len(report.Bundles) != 2 {
		t.Errorf("the report has %d uploads, %v", len(report.Bundles), err)
	}
	// What lies in the storage makes the case in another archive.
	c, err := bucket.Case(t.Context(), "INC")
	if err != nil {
		t.Fatal(err)
	}
	export, err := bucket.Object(t.Context(), *c.Export)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(export)
	if err := errors.Join(err, export.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.dir, "case.zip"), data)
	f.must("archive", "import", "case.zip", "--archive", "other")
	if out := f.must("search", "everywhere", "--archive", "other", "--count"); out != "2\n" {
		t.Errorf("%q hits in the other archive", out)
	}
}

// TestToldToStop ends a worker that has a job, which it can't finish in time: the job is given back at once.
func TestToldToStop(t *testing.T) {
	f := newFleet(t, 1)
	bundles(t, filepath.Join(f.dir, "in"), 1)
	f.must("submit", "in")
	var log bytes.Buffer
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a port
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // nobody has connected
	// The archive is locked by nobody and can't be made: a file is in its way.
	write(t, filepath.Join(f.dir, "cases"), []byte("no folder"))
	w := f.command("worker", "--metrics-addr", addr, "--grace", "100ms")
	w.Stderr = &log
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		for range 100 {
			r, err := http.Get("http://" + addr + path)
			if err == nil {
				text, _ := io.ReadAll(r.Body) // what is missing fails the test
				_ = r.Body.Close()            // it was read
				return r.StatusCode, string(text)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatal("no answer")
		return 0, ""
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if code, _ := get("/readyz"); code == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is ready without an archive")
		}
	}
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("health is %d", code)
	}
	if _, text := get("/metrics"); !strings.Contains(text, "casebook_jobs_in_progress 1") || !strings.Contains(text, `casebook_queue_jobs{state="working"} 1`) {
		t.Errorf("the metrics say\n%s", text)
	}
	if s := f.status(); s.Working != 1 || s.Pending != 0 || s.Dead != 0 {
		t.Errorf("the queue stands at %+v", s)
	}
	if err := w.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, log.String())
	}
	if err := os.Remove(filepath.Join(f.dir, "cases")); err != nil {
		t.Fatal(err)
	}
	f.must(worker1()...)
	f.verified(1)
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("this line of the log is no JSON: %s", line)
		}
	}
}
