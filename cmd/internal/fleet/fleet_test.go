package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook/cmd/internal/cli"
	"casebook/index"
	"casebook/internal/docscheck"
	"casebook/internal/fixture"
	"casebook/internal/natstest"
	"casebook/internal/oscluster"
	"casebook/scale/blobs"
)

// program is the one that is tested.
var program = cli.Program{Name: "casebook-fleet", Version: "devel", Commands: Commands, Stores: Stores(), Workers: Workers}

func TestMain(m *testing.M) {
	testscript.Main(stopping{m}, map[string]func(){"casebook-fleet": program.Main})
}

// stopping is tests that may have started a cluster.
type stopping struct{ *testing.M }

// Run runs the tests.
func (s stopping) Run() int {
	defer oscluster.Stop()
	return s.M.Run()
}

// bundles writes n bundles of the samples to a folder; no two are the same upload.
func bundles(t testing.TB, dir string, n int) {
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
		write(t, filepath.Join(dir, fmt.Sprintf("INC%03d", i), fmt.Sprintf("bundle%d.zip", i)), data)
	}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// fleet is a queue, a storage and an archive of one test.
type fleet struct {
	t       testing.TB
	dir     string
	cluster *natstest.Cluster
	env     []string
}

// newFleet starts n servers of the queue.
func newFleet(t testing.TB, n int) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), cluster: natstest.New(t, n)}
	temp := filepath.Join(f.dir, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	f.env = append(os.Environ(), "CASEBOOK_QUEUE="+f.cluster.URL(), "CASEBOOK_UPLOADS="+blobs.Dir(filepath.Join(f.dir, "uploads")),
		"CASEBOOK_ARCHIVE="+filepath.Join(f.dir, "cases"), "CASEBOOK_RESULTS=", "TMPDIR="+temp)
	return f
}

// command is a command line that is ready to be started.
func (f *fleet) command(args ...string) *exec.Cmd {
	c := exec.Command("casebook-fleet", args...)
	c.Dir, c.Env = f.dir, f.env
	return c
}

// run runs a command line and returns its output and exit status.
func (f *fleet) run(args ...string) (out, errOut string, code int) {
	f.t.Helper()
	c := f.command(args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	_ = c.Run() // the status says it
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// must runs a command line that must succeed, and returns its output.
func (f *fleet) must(args ...string) string {
	f.t.Helper()
	out, errOut, code := f.run(args...)
	if code != 0 {
		f.t.Fatalf("casebook-fleet %q ended with %d: %s%s", args, code, out, errOut)
	}
	return out
}

// status asks the queue.
func (f *fleet) status() standing {
	f.t.Helper()
	var s standing
	if err := json.Unmarshal([]byte(f.must("queue", "status", "--json")), &s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// verified fails the test unless the archive is whole and has n cases, each found.
func (f *fleet) verified(n int) {
	f.t.Helper()
	f.counted(n)
	out := f.must("archive", "verify", "--json")
	var done index.Checked
	if err := json.Unmarshal([]byte(out), &done); err != nil || done.Faults != 0 || done.Cases != n {
		f.t.Errorf("the archive has not %d whole cases: %s", n, out)
	}
}

// counted fails the test unless the archive has n cases, each found once.
func (f *fleet) counted(n int) {
	f.t.Helper()
	if out := f.must("archive", "list", "--json"); strings.Count(out, `"uploads":`) != n {
		f.t.Errorf("there are %d cases, want %d", strings.Count(out, `"uploads":`), n)
	}
	if out := f.must("search", "everywhere", "--count"); strings.TrimSpace(out) != strconv.Itoa(n) {
		f.t.Errorf("%s of %d cases are found", strings.TrimSpace(out), n)
	}
}

// worker is the arguments of a worker that ends with the queue.
func worker1(args ...string) []string {
	return append([]string{"worker", "--until-empty", "--metrics-addr", ""}, args...)
}

// TestSubmitAndWork takes bundles from a folder to an archive, twice.
func TestSubmitAndWork(t *testing.T) {
	f := newFleet(t, 1)
	bundles(t, filepath.Join(f.dir, "in"), 6)
	write(t, filepath.Join(f.dir, "in", "broken.zip"), []byte("PK\x03\x04 and nothing more"))
	label := `(?P<ticket>INC\d+)`
	if out := f.must("submit", "in", "--label", label); !strings.Contains(out, "7 queued, 0 known, 0 failed") {
		t.Errorf("submitted: %s", out)
	}
	if out := f.must("submit", "in", "--label", label); !strings.Contains(out, "0 queued, 7 known, 0 failed") {
		t.Errorf("submitted again: %s", out)
	}
	if s := f.status(); s.Pending != 7 || s.Working != 0 {
		t.Errorf("the queue stands at %+v", s)
	}
	f.must(worker1()...)
	f.verified(6)
	s := f.status()
	if s.Pending != 0 || s.Working != 0 || s.Done["analysed"]+s.Done["partly-read"] != 6 || s.Done["failed"] != 1 || s.Dead != 0 {
		t.Errorf("the queue stands at %+v", s)
	}
	if len(s.FailedJobs) != 1 || s.FailedJobs[0].Name != "broken.zip" || s.FailedJobs[0].Why == "" {
		t.Errorf("failed: %+v", s.FailedJobs)
	}
	if out := f.must("archive", "list", "--json"); strings.Count(out, `"ticket":`) != 6 {
		t.Errorf("labels are missing:\n%s", out)
	}
}

// streams lists the streams of the servers.
func (f *fleet) streams() []string {
	f.t.Helper()
	nc, err := nats.Connect(f.cluster.URL())
	if err != nil {
		f.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		f.t.Fatal(err)
	}
	list := js.StreamNames(f.t.Context())
	var out []string
	for name := range list.Name() {
		out = append(out, name)
	}
	if err := list.Err(); err != nil {
		f.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
