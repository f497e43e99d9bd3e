package pack

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
)

// What is kept of one artifact for counts and orders.
const (
	keptEnds   = 128 // lines of one signal from the beginning, and as many from the end
	maxWindow  = 256 // lines within the time of a count, and so the greatest count that can be asked for
	maxKeys    = 64  // different values of the captures that must be the same
	maxCrossed = 500 // lines of each side that an order looks at across artifacts
)

// bootName is the name of the condition that every check can refer to: the boots that the bundle shows.
const bootName = "boot"

// bootPattern finds what Windows writes at each boot: PFRO.log what came of the files that waited for it, the event log that it was started (EventLog
// 6005 and 6009, Kernel-General 12). None of it is translated.
const bootPattern = `(?s)^(?:.{0,40} - )?(?:PFRO Error|\d+ Successful PFRO)|\bEventLog\b.*\b600[59]\b|\b600[59]\b.*\bEventLog\b|Kernel-General\b.*\b12\b|\b12\b.*Kernel-General\b`

// timed is a line of a signal with what is known of its time.
type timed struct {
	match *facts.Match
	wall  int64 // microseconds by the log's own clock
	clock bool  // it has a time
}

// strand is what one artifact holds of one signal.
type strand struct {
	first []timed
	last  []timed // ring
	next  int
}

// add keeps a line if it is one of the first ends, or one of the last ends of those seen until then.
func (s *strand) add(t timed, ends int) {
	switch {
	case len(s.first) < ends:
		s.first = append(s.first, t)
	case len(s.last) < ends:
		s.last = append(s.last, t)
	default:
		s.last[s.next] = t
		s.next = (s.next + 1) % ends
	}
}

// lines are the kept lines in the order of the text.
func (s *strand) lines() []timed {
	return slices.Concat(s.first, s.last[s.next:], s.last[:s.next])
}

// window is the densest window of a count.
type window struct {
	most        int
	first, last *facts.Match
	key         string
}

// seen is what one artifact holds for the counts and orders of a check.
type seen struct {
	strands map[string]*strand // by signal
	densest map[string]window  // by count
	pairs   map[string]pairs   // by order
}

// pairs are the pairs of an order in one artifact.
type pairs struct {
	count       int
	first, last [2]*facts.Match
}

// watcher is the observer of a check with counts or orders.
type watcher struct {
	check   *check
	seen    seen
	running map[string]map[string][]timed // by count and key: the lines within its time
	opened  map[string]map[string]timed   // by order and key: the last line that may begin a pair
}

func (c *check) newWatcher(*ingest.Artifact) facts.Observer {
	return &watcher{
		check: c, seen: seen{strands: map[string]*strand{}, densest: map[string]window{}, pairs: map[string]pairs{}},
		running: map[string]map[string][]timed{}, opened: map[string]map[string]timed{},
	}
}

// See implements facts.Observer.
func (w *watcher) See(s *facts.Sight) {
	for i := range s.Hits {
		name := strings.TrimPrefix(s.Hits[i].Name, w.check.id+"/")
		if !w.check.timed[name] {
			continue
		}
		t := timed{match: s.KeepHit(&s.Hits[i]), wall: s.Record.Time.Wall, clock: s.Record.Time.Zone != ingest.ZoneNone}
		st := w.seen.strands[name]
		if st == nil {
			st = &strand{}
			w.seen.strands[name] = st
		}
		st.add(t, s.Bound(keptEnds))
		for _, x := range w.check.conditions {
			switch c := x.condition.(type) {
			case *count:
				if c.signal == name && c.within > 0 {
					w.count(x.id, c, t)
				}
			case *order:
				// A line that may be both ends a pair before it begins one.
				if c.then == name {
					w.pair(x.id, c, t)
				}
				if c.first == name {
					w.open(x.id, c, t)
				}
			}
		}
	}
}

// count moves the window of a count on to a line.
func (w *watcher) count(id string, c *count, t timed) {
	if !t.clock {
		return
	}
	key := keyOf(t.match, c.same)
	byKey := w.running[id]
	if byKey == nil {
		byKey = map[string][]timed{}
		w.running[id] = byKey
	}
	if _, known := byKey[key]; !known && len(byKey) == maxKeys {
		return
	}
	lines, best := slide(byKey[key], t, c.within, w.seen.densest[id], key)
	byKey[key], w.seen.densest[id] = lines, best
}

// slide adds a line to a window and drops what has fallen out of it.
func slide(lines []timed, t timed, within time.Duration, best window, key string) ([]timed, window) {
	lines = append(lines, t)
	from := 0
	for from < len(lines)-1 && (lines[from].wall < t.wall-within.Microseconds() || len(lines)-from > maxWindow) {
		from++
	}
	lines = slices.Delete(lines, 0, from)
	if len(lines) > best.most {
		best = window{len(lines), lines[0].match, t.match, key}
	}
	return lines, best
}

// open notes a line that may begin a pair.
func (w *watcher) open(id string, c *order, t timed) {
	byKey := w.opened[id]
	if byKey == nil {
		byKey = map[string]timed{}
		w.opened[id] = byKey
	}
	key := keyOf(t.match, c.same)
	if _, known := byKey[key]; known || len(byKey) < maxKeys {
		byKey[key] = t
	}
}

// pair notes a line that may end a pair.
func (w *watcher) pair(id string, c *order, t timed) {
	a, ok := w.opened[id][keyOf(t.match, c.same)]
	if !ok || c.within > 0 && (!a.clock || !t.clock || t.wall-a.wall > c.within.Microseconds() || t.wall < a.wall) {
		return
	}
	p := w.seen.pairs[id]
	p.count++
	p.last = [2]*facts.Match{a.match, t.match}
	if p.count == 1 {
		p.first = p.last
	}
	w.seen.pairs[id] = p
}

// End implements facts.Observer.
func (w *watcher) End() any {
	if len(w.seen.strands) == 0 {
		return nil
	}
	return &w.seen
}

// keyOf is the values of the captures that must be the same.
func keyOf(m *facts.Match, same []string) string {
	parts := make([]string, len(same))
	for i, name := range same {
		parts[i] = strings.ToLower(m.Capture(name))
		if name == "artifact" {
			parts[i] = m.Ref.Artifact
		}
	}
	return strings.Join(parts, "\x00")
}

// timings compiles the counts and orders.
func (c *compiler) timings() {
	for i := range c.node.Counts {
		c.count(&c.node.Counts[i])
	}
	for i := range c.node.Orders {
		c.order(&c.node.Orders[i])
	}
}

// timedSignal returns the signal of a count or an order and notes that its lines are to be kept with their times.
func (c *compiler) timedSignal(t text, what string, near position) *signal {
	if !c.need(t, what, near) {
		return nil
	}
	x := c.signals[t.s]
	if x == nil {
		c.fail(t.at, "there is no signal %q", t.s)
		return nil
	}
	c.check.timed[t.s] = true
	return x
}

// within reads a length of time.
func (c *compiler) length(t text) time.Duration {
	if t.s == "" {
		return 0
	}
	days, isDays := strings.CutSuffix(t.s, "d")
	if isDays {
		days += "h"
	}
	d, err := time.ParseDuration(days)
	if isDays {
		d *= 24
	}
	if err != nil || d <= 0 {
		c.fail(t.at, "%q is no length of time such as 90s, 10m, 24h or 7d", t.s)
		return 0
	}
	return d
}

// same checks the captures that must be the same.
func (c *compiler) same(list []text, signals ...*signal) []string {
	for _, t := range list {
		for _, s := range signals {
			if s != nil && s.item != nil && t.s != "artifact" && (s.item.fields[t.s] == nil || slices.Contains(ownFields, t.s)) {
				c.fail(t.at, "the signal %s captures no %q", strings.TrimPrefix(s.name, c.check.id+"/"), t.s)
			}
		}
	}
	return plain(list)
}

// since checks what a count or an order begins from.
func (c *compiler) since(t text) bool {
	switch t.s {
	case "":
		return false
	case bootName:
		c.boot = true
		return true
	}
	c.fail(t.at, "since is boot, or left out")
	return false
}

// captureFields are the captures of a signal.
func captureFields(s *signal) map[string]*types.Type {
	out := map[string]*types.Type{}
	if s != nil && s.item != nil {
		maps.Copy(out, s.item.fields)
	}
	return out
}

// count is a condition on how often a signal comes.
type count struct {
	id      string
	check   *check
	signal  string
	name    string // of the signal as the collector knows it
	same    []string
	within  time.Duration // 0: without regard to time
	atLeast int
	since   bool // since the last boot
	item    *schema
	of      *signal
}

// count compiles a count.
func (c *compiler) count(n *countNode) {
	s := c.timedSignal(n.Signal, "the signal of a count", n.ID.at)
	x := &count{id: n.ID.s, check: c.check, signal: n.Signal.s, within: c.length(n.Within), since: c.since(n.Since), atLeast: 1, of: s, same: c.same(n.Same, s)}
	if n.AtLeast.s != "" {
		v, ok := c.integer(n.AtLeast)
		if !ok || v < 1 {
			c.fail(n.AtLeast.at, "at_least is a number from 1 on")
		} else if v > maxWindow && (x.within > 0 || x.since || len(x.same) > 0) {
			c.fail(n.AtLeast.at, "at_least is at most %d within a time, since a boot or of the same captures", maxWindow)
		}
		x.atLeast = v
	}
	if c.add(n.ID, "count", x, captureFields(s), map[string]*types.Type{"most": types.IntType, "seconds": types.IntType}) && s != nil {
		x.item = c.check.schemas["item."+n.ID.s]
		x.name = s.name
	}
}

func (x *count) find(f *facts.Facts, sc scope) (found, error) {
	best := window{}
	if x.within == 0 && !x.since && len(x.same) == 0 {
		m := f.Matches(x.name)
		best.most = m.Count
		if len(m.Kept) > 0 {
			best.first, best.last = &m.Kept[0], &m.Kept[len(m.Kept)-1]
		}
	} else {
		best = x.densest(f, sc)
	}
	out := found{fields: map[string]any{"most": int64(best.most), "seconds": int64(0)}}
	if best.most < x.atLeast || best.first == nil {
		return out, nil
	}
	out.count = best.most
	out.items = append(out.items, line(x.item, f, best.first))
	if best.most > 1 {
		out.items = append(out.items, line(x.item, f, best.last))
		a, okA := best.first.Time.Local()
		b, okB := best.last.Time.Local()
		if okA && okB {
			out.fields["seconds"] = int64(b.Sub(a) / time.Second)
		}
	}
	return out, nil
}

// densest returns the densest window in the logs of a system; the files of one log are one.
func (x *count) densest(f *facts.Facts, sc scope) window {
	best := window{}
	joined := map[string][]timed{}
	var order []string
	for _, o := range facts.Observed[*seen](f, x.check.id) {
		if w := o.Value.densest[x.id]; !x.since && w.most > best.most {
			best = w
		}
		s := o.Value.strands[x.signal]
		if s == nil {
			continue
		}
		log := f.Sequence(o.Artifact.Path)[0]
		if joined[log] == nil {
			order = append(order, log)
		}
		joined[log] = append(joined[log], s.lines()...)
	}
	boot := lastBoot(sc)
	for _, log := range order {
		running := map[string][]timed{}
		for _, t := range joined[log] {
			if x.since && (boot == nil || !f.Later(*t.match, *boot)) || x.within > 0 && !t.clock {
				continue
			}
			key := keyOf(t.match, x.same)
			if _, known := running[key]; !known && len(running) == maxKeys {
				continue
			}
			within := x.within
			if within == 0 {
				within = math.MaxInt64 // longer than any log
			}
			running[key], best = slide(running[key], t, within, best, key)
		}
	}
	return best
}

// lastBoot returns the last boot that the bundle shows, nil if it shows none.
func lastBoot(sc scope) *facts.Match {
	o, ok := sc[bootName].(*object)
	if !ok || len(o.items) == 0 {
		return nil
	}
	last := o.items[0].match
	for _, b := range o.items[1:] {
		if o.items[0].facts.Later(*b.match, *last) {
			last = b.match
		}
	}
	return last
}

func (x *count) absent(f *facts.Facts) []findings.Evidence {
	return x.of.lacking(f, "fewer such lines than "+x.id+" asks for")
}

// order is a condition on one line after another.
type order struct {
	id          string
	check       *check
	first, then string
	within      time.Duration // 0: without regard to time
	same        []string
	since       bool
	item        *schema
	a, b        *signal
}

// order compiles an order.
func (c *compiler) order(n *orderNode) {
	a, b := c.timedSignal(n.First, "the first signal of an order", n.ID.at), c.timedSignal(n.Then, "the second signal of an order", n.ID.at)
	x := &order{
		id: n.ID.s, check: c.check, first: n.First.s, then: n.Then.s, within: c.length(n.Within), same: c.same(n.Same, a, b), since: c.since(n.Since), a: a, b: b,
	}
	if a == nil || b == nil || a.item == nil || b.item == nil {
		return
	}
	item := map[string]*types.Type{"from": a.item.celType(), "to": b.item.celType(), "seconds": types.IntType}
	set := map[string]*types.Type{"open": types.IntType}
	if c.add(n.ID, "order", x, item, set) {
		x.item = c.check.schemas["item."+n.ID.s]
	}
}

func (x *order) find(f *facts.Facts, sc scope) (found, error) {
	var out found
	boot := lastBoot(sc)
	wanted := func(m *facts.Match) bool { return !x.since || boot != nil && f.Later(*m, *boot) }
	var begin, end []timed
	for _, o := range facts.Observed[*seen](f, x.check.id) {
		if p := o.Value.pairs[x.id]; p.count > 0 && wanted(p.last[0]) {
			out.count += p.count
			if p.count > 1 && wanted(p.first[0]) {
				out.items = append(out.items, x.object(f, p.first))
			}
			out.items = append(out.items, x.object(f, p.last))
		}
		for signal, list := range map[string]*[]timed{x.first: &begin, x.then: &end} {
			if s := o.Value.strands[signal]; s != nil {
				for _, t := range s.lines() {
					if wanted(t.match) {
						*list = append(*list, t)
					}
				}
			}
		}
	}
	if len(out.items) > maxItems {
		out.items = out.items[:maxItems]
	}
	begin, end = ends(begin), ends(end)
	answered := map[string]bool{}
	last := map[string]*facts.Match{}
	for i := range begin {
		key := keyOf(begin[i].match, x.same)
		if l := last[key]; l == nil || f.Later(*begin[i].match, *l) {
			last[key] = begin[i].match
		}
	}
	for i := range end {
		key := keyOf(end[i].match, x.same)
		a := last[key]
		if a == nil || !x.follows(f, a, end[i].match) {
			continue
		}
		answered[key] = true
		if a.Ref.Artifact != end[i].match.Ref.Artifact && len(out.items) < maxItems {
			out.count++
			out.items = append(out.items, x.object(f, [2]*facts.Match{a, end[i].match}))
		}
	}
	open := int64(0)
	for key := range last {
		if !answered[key] {
			open++
		}
	}
	out.fields = map[string]any{"open": open}
	return out, nil
}

// ends keeps the first and the last of too many lines.
func ends(list []timed) []timed {
	if len(list) <= 2*maxCrossed {
		return list
	}
	return slices.Concat(list[:maxCrossed], list[len(list)-maxCrossed:])
}

// follows reports whether b comes after a, and soon enough.
func (x *order) follows(f *facts.Facts, a, b *facts.Match) bool {
	if !f.Later(*b, *a) {
		return false
	}
	if x.within == 0 {
		return true
	}
	d, ok := between(a, b)
	return ok && d >= 0 && d <= x.within
}

// between is the time from one line to another: in UTC, or by the clock of the system where an offset is not known.
func between(a, b *facts.Match) (time.Duration, bool) {
	x, okx := a.UTC()
	y, oky := b.UTC()
	if !okx || !oky {
		x, okx = a.Time.Local()
		y, oky = b.Time.Local()
	}
	return y.Sub(x), okx && oky
}

// object is a pair as an expression sees it.
func (x *order) object(f *facts.Facts, p [2]*facts.Match) *object {
	from, to := line(x.a.item, f, p[0]), line(x.b.item, f, p[1])
	o := &object{schema: x.item, facts: f, match: p[1], values: map[string]any{"from": from, "to": to, "seconds": int64(0)}}
	for _, field := range []string{"artifact", "line", "text", "time", "timed"} {
		o.values[field] = to.values[field]
	}
	if d, ok := between(p[0], p[1]); ok {
		o.values["seconds"] = int64(d / time.Second)
	}
	o.proof = func(role findings.Role, note string) []findings.Evidence {
		return slices.Concat(from.proof(role, note), to.proof(role, note))
	}
	return o
}

func (x *order) absent(f *facts.Facts) []findings.Evidence {
	return x.b.lacking(f, "no such line where "+x.id+" asks for it")
}
