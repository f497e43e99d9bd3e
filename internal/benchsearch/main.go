// Command benchsearch measures searches of an archive that benchbundle and casebook batch made: each query by a process of its own, and again in one process that keeps
// the archive open, as casebook serve does.
//
//	go run ./internal/benchsearch -archive build/bench-archive -bin bin/casebook [-text build/bench-text]
//
// With -text, the folder of the decoded logs, it also times rg for a word that few of them have. Percentiles are over all queries and rounds.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/index"
	"casebook/index/query"
)

func main() {
	dir := flag.String("archive", "", "the archive")
	bin := flag.String("bin", "", "the casebook to run")
	text := flag.String("text", "", "the folder of the decoded logs, for rg")
	rounds := flag.Int("rounds", 3, "how often each query is run")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := measure(context.Background(), os.Stdout, *dir, *bin, *text, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "benchsearch:", err)
		os.Exit(1)
	}
}

// limit is how many hits a search shows, as a person would ask for.
const limit = 20

// common are the queries beside those for single identifiers.
var common = []string{
	"certificate", "0x80040669", "code:1603", "code:0x80004005", `"is being held in use"`, `"exceeded its retries"`, "WKS0017", "RegTask failed", "UpdatesHandler",
	"certificate component:execmgr", "severity:error 0x80004005", "polic*", "unattended*", `/exit code \d+/`, "kind:finding verdict:confirmed", "check:msi-install-failed",
	"label:acme certificate", "label:customer=globex code:1603", "file:install certificate", "data1.cab", "INSTALLDIR", "nowhere-to-be", "nowhere* OR absent",
	"time:2011-01-03T08:10 certificate", "revision -policy", "thread:1200 certificate",
}

// measure runs everything and prints what it took.
func measure(ctx context.Context, out io.Writer, dir, bin, text string, rounds int) error {
	begun := time.Now()
	a, err := index.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // it was only read
	opened := time.Since(begun)
	stats, err := a.Stats(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d cases, %d shards, opened in %s\nuploads %d MB, cases %d MB, index %d MB\n", stats.Cases, stats.Shards, opened.Round(100*time.Microsecond),
		stats.Received>>20, stats.CaseBytes>>20, stats.IndexBytes>>20)
	rare, err := identifiers(ctx, a)
	if err != nil {
		return err
	}
	queries := slices.Concat(common, rare)
	if bin != "" {
		err := timed(out, "a process each", queries, rounds, func(q string) error {
			c := exec.CommandContext(ctx, bin, "search", "--archive", dir, "-n", strconv.Itoa(limit), q)
			if err := c.Run(); err != nil && c.ProcessState.ExitCode() != 1 { // 1 says that nothing was found
				return fmt.Errorf("search %q: %w", q, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := timed(out, "one process", queries, rounds, func(q string) error { return search(ctx, a, q) }); err != nil {
		return err
	}
	if len(rare) > 0 {
		took, err := rarest(ctx, a, rare)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "a rare word, in one process: %s\n", took.Round(10*time.Microsecond))
		if text != "" {
			begun := time.Now()
			if err := exec.CommandContext(ctx, "rg", "-c", "-i", "-F", rare[0], text).Run(); err != nil {
				return fmt.Errorf("rg: %w", err)
			}
			fmt.Fprintf(out, "the same word by rg: %s\n", time.Since(begun).Round(time.Millisecond))
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(out, "memory of the process: %d MB from the system\n", m.Sys>>20)
	return nil
}

// identifiers picks some that stand in few records: the GUIDs of products that an Installer log names.
func identifiers(ctx context.Context, a *index.Archive) ([]string, error) {
	cases, err := a.Cases(ctx)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 1))
	var out []string
	for range 10 {
		q, err := query.Parse(`Installed Absent case:` + cases[r.IntN(len(cases))])
		if err != nil {
			return nil, err
		}
		for h, err := range a.Search(ctx, q, index.SearchOptions{Limit: 1}) {
			if err != nil {
				return nil, err
			}
			if _, rest, ok := strings.Cut(h.Text, "{"); ok {
				id, _, _ := strings.Cut(rest, "}")
				out = append(out, id)
			}
		}
	}
	return out, nil
}

func search(ctx context.Context, a *index.Archive, text string) error {
	q, err := query.Parse(text)
	if err != nil {
		return err
	}
	for _, err := range a.Search(ctx, q, index.SearchOptions{Limit: limit}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// rarest is the median time of searches for words that were just searched.
func rarest(ctx context.Context, a *index.Archive, words []string) (time.Duration, error) {
	var took []time.Duration
	for _, w := range words {
		begun := time.Now()
		if err := search(ctx, a, w); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// slowest is how many of the slowest queries are named.
const slowest = 6

// timed runs all queries several times and prints the percentiles, and the slowest by their medians.
func timed(out io.Writer, what string, queries []string, rounds int, run func(string) error) error {
	of := map[string][]time.Duration{}
	var all []time.Duration
	for range rounds {
		for _, q := range queries {
			begun := time.Now()
			if err := run(q); err != nil {
				return err
			}
			took := time.Since(begun)
			of[q] = append(of[q], took)
			all = append(all, took)
		}
	}
	at := func(list []time.Duration, percent int) time.Duration {
		return list[(len(list)-1)*percent/100].Round(100 * time.Microsecond)
	}
	slices.Sort(all)
	fmt.Fprintf(out, "%s: %d searches, p50 %s, p95 %s, the slowest %s\n", what, len(all), at(all, 50), at(all, 95), at(all, 100))
	median := func(q string) time.Duration {
		slices.Sort(of[q])
		return at(of[q], 50)
	}
	slices.SortFunc(queries, func(a, b string) int { return cmp.Compare(median(b), median(a)) })
	for _, q := range queries[:min(len(queries), slowest)] {
		fmt.Fprintf(out, "  %8s  %s\n", median(q), q)
	}
	return nil
}
