// Package oscluster starts a cluster of real OpenSearch nodes for tests, by the Maven project in test/opensearch. Only tests import it.
package oscluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"casebook/internal/need"
	"casebook/internal/safeio"
)

// nodes is how many nodes a cluster has: one may be away, and each shard has another copy.
const nodes = 3

// Cluster is a cluster on loopback.
type Cluster struct {
	Hosts []string // HOST:PORT of each node

	mu      sync.Mutex
	in      io.WriteCloser // nil if the cluster was started by others
	process *exec.Cmd
	dir     string
	answers int
}

var (
	once   sync.Once
	shared *Cluster
	failed error
)

// Shared returns the cluster of the test process, which the first call starts; [Stop] ends it. Hosts in CASEBOOK_TEST_OPENSEARCH, separated by commas, are taken as they are. Without Maven and a
// JDK the test is skipped, or fails where everything is required.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	if hosts := os.Getenv("CASEBOOK_TEST_OPENSEARCH"); hosts != "" {
		return &Cluster{Hosts: strings.Split(hosts, ",")}
	}
	if testing.Short() {
		t.Skip("needs a cluster of OpenSearch, which takes a minute to start; run without -short")
	}
	mvn, java := need.Tool(t, "mvn"), need.Tool(t, "java")
	need.Tool(t, "javac")
	once.Do(func() { shared, failed = start(mvn, java) })
	if failed != nil {
		t.Fatalf("start a cluster of OpenSearch: %v", failed)
	}
	return shared
}

// Stop ends the cluster of the test process, if it has one. TestMain calls it.
func Stop() {
	if shared != nil {
		shared.stop()
	}
}

// harness is the folder of the Maven project.
func harness() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "test", "opensearch")
		if _, err := os.Stat(filepath.Join(path, "pom.xml")); err == nil {
			return path, nil
		}
		if filepath.Dir(dir) == dir {
			break
		}
	}
	return "", errors.Join(err, errors.New("there is no test/opensearch above the test's folder"))
}

// start builds the project, in a folder of this process's own, and starts the cluster.
func start(mvn, java string) (*Cluster, error) {
	project, err := harness()
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	if c.dir, err = os.MkdirTemp("", "casebook-opensearch-"); err != nil {
		return nil, err
	}
	built := filepath.Join(c.dir, "build")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", project, "-Dbuild="+built, "compile") //nolint:gosec // our own project
	if out, err := build.CombinedOutput(); err != nil {
		c.stop()
		return nil, fmt.Errorf("mvn: %w\n%s", err, out)
	}
	classpath, err := os.ReadFile(filepath.Join(built, "classpath"))
	if err != nil {
		c.stop()
		return nil, err
	}
	//nolint:gosec // our own program
	c.process = exec.Command(java, "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-cp", filepath.Join(built, "classes")+string(os.PathListSeparator)+strings.TrimSpace(string(classpath)),
		"casebook.Cluster", filepath.Join(c.dir, "data"), strconv.Itoa(nodes))
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		c.stop()
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	c.process.Stdout, c.process.Stderr = log, log
	if c.in, err = c.process.StdinPipe(); err == nil {
		err = c.process.Start()
	}
	var ports string
	if err == nil {
		ports, err = c.answer(5 * time.Minute)
	}
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		c.stop()
		return nil, fmt.Errorf("%w\n%s", err, said[max(0, len(said)-2000):])
	}
	for _, p := range strings.Fields(ports)[1:] {
		c.Hosts = append(c.Hosts, "127.0.0.1:"+p)
	}
	return c, nil
}

// answer waits for the next line of the cluster's answers.
func (c *Cluster) answer(patience time.Duration) (string, error) {
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(100 * time.Millisecond) { //nolint:forbidigo // a test's own clock
		b, err := os.ReadFile(filepath.Join(c.dir, "data", "answers"))
		if err != nil {
			continue
		}
		if lines := strings.Split(string(b), "\n"); len(lines) > c.answers+1 {
			c.answers++
			return lines[c.answers-1], nil
		}
	}
	return "", fmt.Errorf("the cluster has not answered within %s", patience)
}

func (c *Cluster) command(t testing.TB, text string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in == nil {
		t.Skip("needs a cluster of its own to stop a node: unset CASEBOOK_TEST_OPENSEARCH")
	}
	_, err := io.WriteString(c.in, text+"\n")
	if err == nil {
		_, err = c.answer(3 * time.Minute)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// AwaitCopies waits until all indexes whose names begin with prefix have their copies: only then is nothing lost, and nothing out of reach, with a node.
func (c *Cluster) AwaitCopies(t testing.TB, prefix string) {
	t.Helper()
	res, err := http.Get("http://" + c.Hosts[0] + "/_cluster/health/" + prefix + "-*?wait_for_status=green&timeout=3m")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if res.StatusCode != http.StatusOK {
		said, _ := safeio.ReadAll(res.Body, 1<<20) // what is missing is missing in the message
		t.Fatalf("the indexes %s-* have no copies: %s %s", prefix, res.Status, said)
	}
}

// StopNode stops a node, counted from 0. What the other nodes have no copy of is out of reach until it is started again.
func (c *Cluster) StopNode(t testing.TB, n int) {
	t.Helper()
	c.command(t, fmt.Sprintf("stop %d", n))
}

// StartNode starts a node that was stopped, and waits until it has joined.
func (c *Cluster) StartNode(t testing.TB, n int) {
	t.Helper()
	c.command(t, fmt.Sprintf("start %d", n))
}

// CPU is the processor time that the nodes have taken so far, user and system; 0 where the system does not tell, or others started the cluster.
func (c *Cluster) CPU() time.Duration {
	if c.process == nil {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.process.Process.Pid))
	if err != nil {
		return 0
	}
	// proc_pid_stat(5): the fields 14 and 15 are ticks of a hundredth of a second; the second one is a name in parentheses that may hold blanks.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += time.Duration(n)
	}
	return ticks * (time.Second / 100)
}

// stop ends the process and removes its folder.
func (c *Cluster) stop() {
	if c.in != nil {
		_ = c.in.Close()
		ended := make(chan struct{})
		go func() {
			_ = c.process.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = c.process.Process.Kill()
			<-ended
		}
	}
	_ = os.RemoveAll(c.dir)
}
