package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/web"
)

// digest is what lists say of a case beyond what the archive knows without opening it.
type digest struct {
	hosts    []string
	told     []web.Told // confirmed and suspected, the gravest first
	problems int
	trouble  string // the first problem
	cut      bool   // an archive is cut short or lacks a part
}

// What a digest keeps of long texts and lists.
const (
	maxTold  = 50
	maxHosts = 50
	maxTitle = 300 // bytes
)

// catalogue keeps the digest of each case by its state, which changes whenever the case is written anew. Which cases somebody may see it does not know: it is asked
// for the states of those.
type catalogue struct {
	store *store
	log   *slog.Logger
	ready atomic.Bool // all cases that were there at the start are known
	kick  chan struct{}
	group sync.WaitGroup

	mu      sync.Mutex
	known   map[string]*digest
	gone    int       // states that are no more since the reader was opened
	renewed time.Time // when it was
}

// When the reader is exchanged.
const (
	lookEvery  = 5 * time.Second
	renewAfter = 5 * time.Minute
	renewGone  = 256
)

func newCatalogue(s *store, log *slog.Logger) *catalogue {
	return &catalogue{store: s, log: log, kick: make(chan struct{}, 1), known: map[string]*digest{}, renewed: time.Now()}
}

// start begins to read what is in the archive, and goes on with what comes into it until ctx ends.
func (c *catalogue) start(ctx context.Context) {
	c.group.Go(func() {
		warm(ctx, c.store)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			if err := c.fill(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("the archive can't be read", "error", err.Error())
			}
			c.ready.Store(true)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-c.kick:
			}
		}
	})
}

func (c *catalogue) wait() { c.group.Wait() }

// wake makes the catalogue look for new cases now.
func (c *catalogue) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// warm lets the reader open every case, so that the first search does not have to.
func warm(ctx context.Context, s *store) {
	l := s.acquire()
	defer s.release(l)
	warmUp(ctx, l.reader)
}

func warmUp(ctx context.Context, r index.Reader) {
	if q, err := query.Parse(`"a word that no record has: 2f9d0c51"`); err == nil {
		_, _, _ = r.Count(ctx, q) // what can't be read is told where it is asked for
	}
}

// fill reads the reports of cases that are not known, and forgets those that are no more.
func (c *catalogue) fill(ctx context.Context) error {
	l := c.store.acquire()
	defer c.store.release(l)
	list, err := l.reader.List(ctx)
	if err != nil {
		return err
	}
	live := make(map[string]bool, len(list))
	for i := range list {
		live[list[i].State] = true
		if err := c.learn(ctx, l.reader, &list[i]); err != nil {
			return err
		}
	}
	c.mu.Lock()
	before := len(c.known)
	maps.DeleteFunc(c.known, func(state string, _ *digest) bool { return !live[state] })
	c.gone += before - len(c.known)
	due := c.gone >= renewGone || c.gone > 0 && time.Since(c.renewed) > renewAfter
	if due {
		c.gone, c.renewed = 0, time.Now()
	}
	c.mu.Unlock()
	if due {
		return c.store.renew(ctx, func(r index.Reader) { warmUp(ctx, r) })
	}
	return nil
}

// learn reads the report of a case unless it is known.
func (c *catalogue) learn(ctx context.Context, r index.Reader, one *index.Case) error {
	if c.of(one.State) != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := r.Report(ctx, one.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	d := &digest{}
	if err == nil {
		d, err = digestOf(b)
	}
	if err != nil {
		c.log.Error("a report can't be read", "case", one.ID, "error", err.Error())
		d = &digest{problems: 1, trouble: "The report of this case can't be read."}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[one.State] = d
	return nil
}

func (c *catalogue) of(state string) *digest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[state]
}

// digestOf takes from report.json what lists need; the rest, which is most of it, is not decoded.
func digestOf(report []byte) (*digest, error) {
	var part struct {
		Systems []struct {
			ID string `json:"id"`
		} `json:"systems"`
		Findings []struct {
			Check    string            `json:"check"`
			Verdict  findings.Verdict  `json:"verdict"`
			Severity findings.Severity `json:"severity"`
			Title    string            `json:"title"`
		} `json:"findings"`
		Problems []struct {
			Message string     `json:"message"`
			Cut     ingest.Cut `json:"cut"`
		} `json:"problems"`
	}
	if err := json.Unmarshal(report, &part); err != nil {
		return nil, fmt.Errorf("report.json: %w", err)
	}
	d := &digest{problems: len(part.Problems)}
	if len(part.Problems) > 0 {
		d.trouble = clip(part.Problems[0].Message)
	}
	for _, p := range part.Problems {
		d.cut = d.cut || p.Cut != ""
	}
	for _, s := range part.Systems[:min(len(part.Systems), maxHosts)] {
		d.hosts = append(d.hosts, clip(s.ID))
	}
	for _, f := range part.Findings {
		if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
			d.told = append(d.told, web.Told{Check: clip(f.Check), Title: clip(f.Title), Verdict: f.Verdict, Severity: f.Severity})
		}
	}
	slices.SortStableFunc(d.told, func(a, b web.Told) int {
		return cmp.Or(cmp.Compare(rankOf(a), rankOf(b)))
	})
	d.told = slices.Clip(d.told[:min(len(d.told), maxTold)])
	return d, nil
}

// rankOf orders findings: the confirmed ones first, of these the gravest.
func rankOf(t web.Told) int {
	rank := slices.Index(findings.Severities(), t.Severity)
	if rank < 0 {
		rank = len(findings.Severities())
	}
	if t.Severity == findings.Info {
		rank += 20 // no cause, whatever its verdict
	}
	if t.Verdict != findings.Confirmed {
		rank += 10
	}
	return rank
}

// clip bounds a text of a list, at the beginning of a character.
func clip(s string) string {
	if len(s) <= maxTitle {
		return s
	}
	n := maxTitle
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// rows lists the cases of a view, in order of their IDs, and how many of them are not known yet.
func (c *catalogue) rows(ctx context.Context, r index.Reader) (rows []web.CaseRow, pending int, err error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	missing := 0
	for i := range list {
		if c.of(list[i].State) == nil {
			missing++
			if missing > readAtOnce {
				continue
			}
			if err := c.learn(ctx, r, &list[i]); err != nil {
				return nil, 0, err
			}
		}
	}
	rows = make([]web.CaseRow, len(list))
	for i := range list {
		x := &list[i]
		rows[i] = web.CaseRow{ID: x.ID, Labels: x.Labels, Added: x.Added, Hold: x.Hold, Uploads: x.Uploads}
		d := c.of(x.State)
		if d == nil {
			rows[i].Pending = true
			pending++
			continue
		}
		rows[i].Hosts, rows[i].Told, rows[i].Problems, rows[i].Trouble, rows[i].Cut = d.hosts, d.told, d.problems, d.trouble, d.cut
		for _, t := range d.told {
			switch {
			case t.Severity == findings.Info:
			case t.Verdict == findings.Confirmed:
				rows[i].Confirmed++
			default:
				rows[i].Suspected++
			}
		}
	}
	if pending > 0 {
		c.wake()
	}
	return rows, pending, nil
}

// readAtOnce is how many reports a request reads itself; with more of them it shows what is known.
const readAtOnce = 8
