package index_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"casebook/index"
)

// writerEnv names the archive in which a process of this test binary writes until it is killed.
const writerEnv = "CASEBOOK_TEST_WRITER"

// killedRecords is how many records each of the killed writer's cases has.
const killedRecords = 2000

// TestWriteForever is no test: it is what TestKilledWriter runs as a process of its own.
func TestWriteForever(t *testing.T) {
	dir := os.Getenv(writerEnv)
	if dir == "" {
		t.Skip("runs as a process of TestKilledWriter only")
	}
	go func() {
		for {
			if k, err := index.Keep(dir, nil); err == nil {
				if _, err := k.Tidy(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for i := 0; ; i++ {
		arts := []testArtifact{{path: "a.log", records: plainRecords(killedRecords, func(n int) string { return fmt.Sprintf("x run%d record%d", i, n) })}}
		writeCase(t, dir, fmt.Sprintf("INC%d", (os.Getpid()+i)%40), arts, nil, nil)
	}
}

// TestKilledWriter kills a writer at moments of all kinds: what was published before stays whole, and the next writer clears what is left.
func TestKilledWriter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	arts := []testArtifact{{path: "a.log", records: plainRecords(killedRecords, func(int) string { return "x" })}}
	for i := range 15 { // with the next one they are enough to be merged
		writeCase(t, dir, fmt.Sprintf("INC%d", i), arts, nil, nil)
	}
	r := rand.New(rand.NewPCG(7, 7))
	for range 25 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriteForever$")
		cmd.Env = append(os.Environ(), writerEnv+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		a, err := index.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		ids := cases(t, a)
		if hits := find(t, a, "x", index.SearchOptions{}); len(hits) != len(ids)*killedRecords {
			t.Errorf("%d hits in %d cases", len(hits), len(ids))
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	writeCase(t, dir, "INC9", arts, nil, nil)
	if list := entries(t, filepath.Join(dir, "tmp")); len(list) != 0 {
		t.Errorf("tmp holds %v", list)
	}
	a := openArchive(t, dir)
	sound(t, dir)
	if ids := cases(t, a); len(ids) < 15 || len(find(t, a, "x", index.SearchOptions{})) != len(ids)*killedRecords {
		t.Errorf("cases %v are not whole", ids)
	}
}
