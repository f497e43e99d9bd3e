package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"casebook/internal/docscheck"
	"casebook/internal/oscluster"
)

// BenchmarkWorker compares workers on the queue with batch: the same uploads (8 of 20 MB decoded) into a new archive each time. CPU seconds are those of the processes
// that analyse, not of the queue's server and of the cluster, which a fleet has elsewhere; submitting is not counted. cluster-ms/MB is what the nodes take for a megabyte of decoded text, all copies together. busy-% is the share of the time in which the workers' processors work and do not wait.
func BenchmarkWorker(b *testing.B) {
	const uploads, megabytes = 8, 20
	f := newFleet(b, 1)
	in := filepath.Join(f.dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		b.Fatal(err)
	}
	bundler := filepath.Join(f.dir, "benchbundle")
	build := exec.Command("go", "build", "-o", bundler, "./internal/benchbundle")
	build.Dir = docscheck.Root(b)
	if text, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	for i := range uploads {
		if text, err := exec.Command(bundler, "-mb", strconv.Itoa(megabytes), "-seed", strconv.Itoa(i+1), "-o", filepath.Join(in, fmt.Sprintf("b%d.zip", i))).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
	}
	n := 0
	for _, row := range []struct {
		name    string
		workers int // 0 for batch
		cluster bool
	}{
		{"batch-1-processor", 0, false},
		{"worker-1-processor", 1, false},
		{"two-workers-1-processor-each", 2, false},
		{"worker-1-processor-opensearch", 1, true},
		{"two-workers-1-processor-each-opensearch", 2, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			address := ""
			var nodes *oscluster.Cluster
			if row.cluster {
				nodes = oscluster.Shared(b)
				address = "opensearch+http://" + strings.Join(nodes.Hosts, ",") + "/"
			}
			b.SetBytes(uploads * megabytes * 1e6)
			var cpu, wall, cluster time.Duration
			for range b.N {
				b.StopTimer()
				n++
				name := fmt.Sprintf("run%d", n)
				archive := filepath.Join(f.dir, name)
				if row.cluster {
					archive = address + name
				}
				if row.workers > 0 {
					f.must("submit", in, "--queue-name", name)
				}
				var processes []*exec.Cmd
				for range max(1, row.workers) {
					c := f.command("batch", in, "--archive", archive, "-j", "1", "-q")
					if row.workers > 0 {
						c = f.command(worker1("--archive", archive, "-j", "1", "--queue-name", name)...)
					}
					c.Env = append(c.Env, "GOMAXPROCS=1")
					processes = append(processes, c)
				}
				before := time.Duration(0)
				if nodes != nil {
					before = nodes.CPU()
				}
				b.StartTimer()
				begun := time.Now()
				var all sync.WaitGroup
				for _, c := range processes {
					all.Go(func() {
						if text, err := c.CombinedOutput(); err != nil {
							b.Errorf("%v: %s", err, text)
						}
					})
				}
				all.Wait()
				b.StopTimer()
				wall += time.Since(begun)
				if nodes != nil {
					spent := nodes.CPU() - before
					cluster += spent
					b.Logf("the cluster took %v, the workers %v by the clock", spent, time.Since(begun).Round(time.Millisecond))
				}
				for _, c := range processes {
					cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
				}
				if !row.cluster {
					if err := os.RemoveAll(archive); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
			}
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
			if cluster > 0 {
				b.ReportMetric(cluster.Seconds()*1000/float64(b.N)/(uploads*megabytes), "cluster-ms/MB")
			}
			b.ReportMetric(100*cpu.Seconds()/wall.Seconds()/float64(max(1, row.workers)), "busy-%")
		})
	}
}
