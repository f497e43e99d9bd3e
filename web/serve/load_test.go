package serve_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"casebook"
	"casebook/index"
	"casebook/web/serve"
)

var (
	tally = regexp.MustCompile(`class="tally" role="status">(?:More than )?([0-9,]+) hit`)
	shown = regexp.MustCompile(`<p>([0-9,]+) cases?`)
	links = regexp.MustCompile(`href="(/case/[^"/]+/index.html)"`)
)

// numberOn is the number that a pattern finds on a page, -1 for none.
func numberOn(page string, p *regexp.Regexp) int {
	m := p.FindStringSubmatch(page)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		return -1
	}
	return n
}

// TestGrow lets ten clients search through two servers while bundles are analysed into the archive: nothing fails, and what is found only grows.
func TestGrow(t *testing.T) {
	bundles := 300
	if testing.Short() {
		bundles = 40
	}
	dir := filepath.Join(t.TempDir(), "archive")
	in := t.TempDir()
	analyse := func(i int) {
		path := filepath.Join(in, fmt.Sprintf("ticket-%d.zip", i))
		err := os.WriteFile(path, bundle(t, fmt.Sprintf("bundle %d", i)), 0o600)
		if err == nil {
			_, err = casebook.Analyze(context.Background(), []string{path}, casebook.Options{Index: index.Dir(dir), Case: fmt.Sprintf("T-%d", i), Workers: 1, Entry: index.Entry{Added: time.Now()}})
		}
		if err != nil {
			t.Error(err)
		}
	}
	analyse(0)
	servers := []*running{start(t, serve.Options{Open: opener(dir)}), start(t, serve.Options{Open: opener(dir)})}
	var over atomic.Bool
	var clients, batch sync.WaitGroup
	var asked atomic.Int64
	for c := range 10 {
		s := servers[c%2]
		clients.Go(func() {
			hits, cases := 0, 0
			for n := 0; !over.Load(); n++ {
				a := s.get("/search?count=all&q=" + url.QueryEscape(`"installation failed" kind:log*`))
				now := numberOn(a.body, tally)
				if a.status != http.StatusOK || now < hits || strings.Contains(a.body, "Not all could be searched") {
					t.Errorf("client %d: status %d, %d hits after %d", c, a.status, now, hits)
					return
				}
				hits = now
				a = s.get("/cases")
				now = numberOn(a.body, shown)
				if a.status != http.StatusOK || now < cases {
					t.Errorf("client %d: status %d, %d cases after %d", c, a.status, now, cases)
					return
				}
				cases = now
				if m := links.FindStringSubmatch(a.body); m == nil {
					t.Errorf("client %d: no case on the list", c)
				} else if a := s.get(m[1]); a.status != http.StatusOK {
					t.Errorf("client %d: %s: %d", c, m[1], a.status)
				}
				asked.Add(3)
			}
		})
	}
	var next atomic.Int64
	for range 2 {
		batch.Go(func() {
			for {
				i := int(next.Add(1))
				if i >= bundles || t.Failed() {
					return
				}
				analyse(i)
			}
		})
	}
	batch.Wait()
	over.Store(true)
	clients.Wait()
	for _, s := range servers {
		if n := numberOn(s.get("/search?count=all&q="+url.QueryEscape(`"installation failed" kind:log*`)).body, tally); n != bundles {
			t.Errorf("%d hits at the end, want %d", n, bundles)
		}
	}
	t.Logf("%d bundles, %d requests", bundles, asked.Load())
}

// phrases are what the logs of the load test say, as those of one product do: a few of them most of the time.
var phrases = func() (out []string) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		w := make([]byte, 4+r.IntN(8))
		for i := range w {
			w[i] = byte('a' + r.IntN(26))
		}
		return string(w)
	}
	for range 2000 {
		var text []string
		for range 9 {
			text = append(text, word())
		}
		out = append(out, strings.Join(text, " "))
	}
	return out
}()

// loadArchive writes an archive of so many cases with so many lines each. A case has forty phrases of its own choice, of which some are in many cases and some in few; each line
// begins with a number of its own.
func loadArchive(t testing.TB, cases, lines int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	r := rand.New(rand.NewPCG(3, 4))
	zipf := rand.NewZipf(r, 1.1, 4, uint64(len(phrases)-1))
	for i := range cases {
		text := logLines(fmt.Sprintf("machine%d", i), 3)
		var own []string
		for range 40 {
			own = append(own, phrases[zipf.Uint64()])
		}
		for len(text) < lines {
			line := fmt.Sprintf("%08x %s", r.Uint32(), own[r.IntN(len(own))])
			if r.IntN(1000) == 0 {
				line += " failed with 0x80070643"
			}
			text = append(text, line)
		}
		writeSample(t, dir, sample{id: fmt.Sprintf("INC-%05d", i), lines: text, added: zeroDay.AddDate(0, 0, i/4), labels: index.Labels{"customer": {fmt.Sprintf("c%d", i%20)}}})
	}
	k, err := index.Keep(dir, nil)
	if err == nil {
		_, err = k.Compact(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLoad lets clients search and read, as fast as they are answered and for three seconds; with CASEBOOK_LOAD=1 over an archive of a thousand cases, first one, then fifty of them for a minute,
// each of whom looks at an answer for a second on average. It prints how long requests took. All must be answered.
func TestLoad(t *testing.T) {
	clients, cases, lines, lasting := 8, 40, 200, 3*time.Second
	heavy := os.Getenv("CASEBOOK_LOAD") == "1"
	if heavy {
		clients, cases, lines, lasting = 50, 1000, 2000, time.Minute
	} else if testing.Short() {
		lasting = time.Second
	}
	s := start(t, serve.Options{Open: opener(loadArchive(t, cases, lines))})
	kinds := []struct {
		name string
		path func(r *rand.Rand) string
	}{
		{"search, a rare word", func(r *rand.Rand) string {
			return "/search?q=" + strings.Fields(phrases[1000+r.IntN(1000)])[r.IntN(9)]
		}},
		{"search, two words", func(r *rand.Rand) string {
			words := strings.Fields(phrases[r.IntN(300)])
			return "/search?q=" + words[1] + "+" + words[5]
		}},
		{"search, within a case", func(r *rand.Rand) string {
			return fmt.Sprintf("/search?q=code:1603+case:INC-%05d", r.IntN(cases))
		}},
		{"search, one machine", func(r *rand.Rand) string { return fmt.Sprintf("/search?q=machine%d", r.IntN(cases)) }},
		{"search, an error code", func(*rand.Rand) string { return "/search?q=code:1603" }},
		{"list of cases", func(r *rand.Rand) string { return fmt.Sprintf("/cases?label=customer%%3Dc%d", r.IntN(20)) }},
		{"overview", func(*rand.Rand) string { return "/" }},
		{"report", func(r *rand.Rand) string { return fmt.Sprintf("/case/INC-%05d/index.html", r.IntN(cases)) }},
		{"log", func(r *rand.Rand) string {
			return fmt.Sprintf("/case/INC-%05d/logs/logs-agent-log.%d.html", r.IntN(cases), 1+r.IntN(lines))
		}},
	}
	measure := func(clients int, lasting, pause time.Duration) {
		took := make([][]time.Duration, len(kinds))
		var mu sync.Mutex
		var group sync.WaitGroup
		var peak runtime.MemStats
		until := time.Now().Add(lasting)
		for c := range clients {
			group.Go(func() {
				r := rand.New(rand.NewPCG(uint64(c), 5))
				for n := c; time.Now().Before(until); n++ {
					if pause > 0 {
						time.Sleep(rand.N(2 * pause))
					}
					k := n % len(kinds)
					begin := time.Now()
					req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+kinds[k].path(r), nil)
					if err != nil {
						t.Error(err)
						return
					}
					resp, err := s.client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close() // it was read
					if err != nil || resp.StatusCode != http.StatusOK {
						t.Errorf("%s: %d, %v", req.URL.Path, resp.StatusCode, err)
						return
					}
					mu.Lock()
					took[k] = append(took[k], time.Since(begin))
					mu.Unlock()
				}
			})
		}
		group.Wait()
		runtime.ReadMemStats(&peak)
		total := 0
		for k, list := range took {
			slices.Sort(list)
			total += len(list)
			if len(list) == 0 {
				t.Errorf("%s: no request", kinds[k].name)
				continue
			}
			at := func(p float64) time.Duration { return list[int(p*float64(len(list)-1))].Round(100 * time.Microsecond) }
			t.Logf("%-26s %6d requests, p50 %8s, p95 %8s, p99 %8s", kinds[k].name, len(list), at(.5), at(.95), at(.99))
		}
		t.Logf("%d clients, %d cases: %d requests in %s, heap in use %d MB, from the system %d MB", clients, cases, total, lasting, peak.HeapInuse>>20, peak.Sys>>20)
	}
	if heavy {
		measure(1, 15*time.Second, 0)
		measure(clients, lasting, time.Second)
		return
	}
	measure(clients, lasting, 0)
}
