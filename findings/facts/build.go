package facts

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/safeio"
)

// Build gives every artifact to the system it came from and returns the systems' facts in the order of their IDs. The last one has the
// ID "" and holds what belongs to no single system; it is there only if there is such a thing, or nothing else.
//
// host, if not "", is the computer that artifacts without any identity come from.
func Build(artifacts []*ingest.Artifact, extracted []ingest.Extracted, c *Collector, host string) ([]*Facts, []ingest.Problem) {
	b := builder{
		systems: Group(extracted).Prepare(), artifacts: artifacts, found: c.found,
		conflicts: map[string]bool{}, owners: map[string]*system{}, lenders: map[string]*system{},
	}
	b.problems = b.systems.problems
	b.identify()
	b.adopt(host)
	b.assign()
	b.thrift()
	return b.facts(extracted), b.problems
}

// thrift says so where fewer matches were kept because the case is large: see [Collector.Expect].
func (b *builder) thrift() {
	thinned, first := 0, ""
	for _, a := range b.artifacts {
		if c := b.found[a.Path]; c != nil && c.thinned {
			if thinned++; first == "" {
				first = a.Path
			}
		}
	}
	if thinned == 0 {
		return
	}
	b.problems = append(b.problems, ingest.Problem{Stage: ingest.StageSystem, Message: fmt.Sprintf(
		"the case is so large that fewer matching lines are kept of each log than usual, which leaves some out of %d of them (the first: %q): all are counted, but a finding may name fewer places; analyse a part of the upload to see more", thinned, first)})
}

// builder gives artifacts to systems.
type builder struct {
	systems   *Systems
	artifacts []*ingest.Artifact
	found     map[string]*collected
	problems  []ingest.Problem
	conflicts map[string]bool    // artifacts that confirm nothing
	owners    map[string]*system // by artifact path; nil for what belongs to no single system
	lenders   map[string]*system // whose clock and code page an artifact was read by
}

func (b *builder) problem(a *ingest.Artifact, format string, args ...any) {
	b.problems = append(b.problems, ingest.Problem{Artifact: a.Path, Stage: ingest.StageSystem, Message: fmt.Sprintf(format, args...)})
}

// identify notes what each artifact says of its computer, and by whose registry it was read before that was known.
func (b *builder) identify() {
	for _, a := range b.artifacts {
		b.lenders[a.Path] = b.systems.find(a.Path, "")
		got := b.found[a.Path]
		if got == nil {
			continue
		}
		stated, names := got.statedHost()
		if stated != "" {
			a.Host = stated
		}
		if len(names) > 0 {
			b.conflicts[a.Path] = true
			b.problem(a, "names several computers as its own (%s); it confirms nothing", quoteAll(names))
		}
	}
}

// adopt makes systems of the computers that only logs name, and gives a registry without a name the only name that is stated by the logs
// that lie with it.
func (b *builder) adopt(host string) {
	s := b.systems
	strangers := map[string][]string{} // the folders of the logs that name a computer, by its name
	near := map[*system][]string{}     // the strangers that are named beside a registry that names no computer
	for _, a := range b.artifacts {
		if a.Host == "" || len(s.called(a.Host)) > 0 {
			continue
		}
		strangers[a.Host] = append(strangers[a.Host], dirOf(a.Path))
		m := b.lenders[a.Path]
		if h, _ := cutDomain(a.Host); m != nil && m.host == "" && !slices.Contains(near[m], h) {
			near[m] = append(near[m], h)
		}
	}
	taken := map[string]int{}
	for _, hosts := range near {
		for _, h := range hosts {
			taken[h]++
		}
	}
	if registered := len(s.list); host != "" && registered == 1 && s.list[0].host == "" {
		s.list[0].host, _ = cutDomain(host)
	} else {
		for m, hosts := range near {
			if len(hosts) == 1 && taken[hosts[0]] == 1 {
				m.host = hosts[0]
			}
		}
	}
	// The bare name comes before the name with its domain.
	for _, name := range slices.Sorted(maps.Keys(strangers)) {
		list := s.called(name)
		if len(list) == 0 {
			list = []*system{{joined: &hive.Registry{}}}
			list[0].host, list[0].domain = cutDomain(name)
			s.list = append(s.list, list[0])
		}
		for _, m := range list {
			if _, domain := cutDomain(name); !m.registered() {
				m.domain = domain
				m.dirs = append(m.dirs, strangers[name]...)
			}
		}
	}
	if host == "" {
		return
	}
	switch list := s.called(host); len(list) {
	case 0:
		s.fallback = &system{joined: &hive.Registry{}}
		s.fallback.host, s.fallback.domain = cutDomain(host)
		s.list = append(s.list, s.fallback)
	case 1:
		s.fallback = list[0]
	}
}

// assign gives the artifacts to the systems, and takes back what a registry lent to those that turn out to be another computer's.
func (b *builder) assign() {
	s := b.systems
	for _, m := range s.list {
		for _, r := range slices.Concat(m.hives, m.older) {
			b.owners[r.Artifact.Path] = m
		}
	}
	skip := b.wrapper()
	for _, a := range b.artifacts {
		if _, known := b.owners[a.Path]; known {
			continue
		}
		m := s.find(a.Path, a.Host)
		b.owners[a.Path] = m
		if by := s.contradicts(a, m, skip); by != nil {
			b.conflicts[a.Path] = true
			name := a.Host
			if name == "" {
				name = m.host
			}
			b.problem(a, "names %s as its computer and lies with what is of %s; it confirms nothing", safeio.Quote(name), safeio.Quote(by.host))
		}
		lender := b.lenders[a.Path]
		if lender == nil || lender == m && !b.conflicts[a.Path] {
			continue
		}
		forgetZone(a, b.found[a.Path])
		if lender != m && (lender.locale.ANSI != 0 || lender.locale.OEM != 0) && a.Encoding != "" && !strings.HasPrefix(a.Encoding, "utf-") {
			b.problem(a, "was read by the code page of %s, which is not its computer; characters beyond ASCII may be others (%s)", safeio.Quote(lender.host), a.Encoding)
		}
	}
	if f := s.fallback; f != nil && !f.registered() {
		used := false
		for _, m := range b.owners {
			used = used || m == f
		}
		if !used {
			s.list = slices.DeleteFunc(s.list, func(m *system) bool { return m == f })
		}
	}
	s.name()
}

// wrapper returns how many leading folders say nothing of whose computer an artifact is, because all artifacts lie in them; the folders
// of a Windows installation with its hives are not among them.
func (b *builder) wrapper() int {
	dirs := make([]string, len(b.artifacts))
	for i, a := range b.artifacts {
		dirs[i] = dirOf(a.Path)
	}
	n := len(split(commonDir(dirs)))
	for _, m := range b.systems.list {
		for _, r := range slices.Concat(m.hives, m.older) {
			n = min(n, len(split(machineRoot(r.dir))))
		}
	}
	return n
}

// machineRoot returns the folder that holds the Windows folder to which a folder of hives belongs; the folder itself if it is in no such
// place.
func machineRoot(dir string) string {
	parts := split(dir)
	for i := len(parts) - 2; i > 0; i-- {
		if strings.EqualFold(parts[i], "System32") && strings.EqualFold(parts[i+1], "config") {
			return strings.Join(parts[:i-1], "/")
		}
	}
	return dir
}

// contradicts returns the system with whose things an artifact of m lies although it names m, nil if there is none.
func (s *Systems) contradicts(a *ingest.Artifact, m *system, skip int) *system {
	if m == nil || a.Host == "" && !slices.Contains(s.prefixes(path.Base(a.Path)), m) {
		return nil
	}
	list := s.folder(dirOf(a.Path), skip)
	if len(list) == 0 || slices.ContainsFunc(list, func(by *system) bool { return by == m || by.host == "" || by.host != list[0].host }) {
		return nil
	}
	return list[0]
}

// facts makes the facts of the systems.
func (b *builder) facts(extracted []ingest.Extracted) []*Facts {
	of := map[*system]*Facts{}
	var all []*Facts
	for _, m := range b.systems.list {
		f := &Facts{ID: m.id, Host: m.host, Registry: m.joined, collected: b.found, conflicts: b.conflicts, unsure: m.unsure}
		for _, r := range m.hives {
			f.Hives = append(f.Hives, Of[*hive.Hive]{r.Artifact, r.hive})
		}
		for _, r := range m.older {
			f.Older = append(f.Older, Of[*hive.Hive]{r.Artifact, r.hive})
		}
		of[m] = f
		all = append(all, f)
	}
	nobody := &Facts{Registry: &hive.Registry{}, collected: b.found, conflicts: b.conflicts, Mixed: len(all) > 0}
	of[nil] = nobody
	for _, a := range b.artifacts {
		f := of[b.owners[a.Path]]
		f.Artifacts = append(f.Artifacts, a)
	}
	for _, f := range of {
		f.sequence()
	}
	for _, e := range extracted {
		f := of[b.owners[e.Artifact.Path]]
		f.extracted = append(f.extracted, e)
	}
	if len(nobody.Artifacts) > 0 || len(all) == 0 {
		all = append(all, nobody)
	}
	return all
}

func quoteAll(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = safeio.Quote(n)
	}
	return strings.Join(q, ", ")
}

// forgetZone takes back the offset that another computer's registry lent to the times of an artifact. c may be nil.
func forgetZone(a *ingest.Artifact, c *collected) {
	if a.First.Zone == ingest.ZoneSystem {
		a.First = ingest.Time{}
	}
	if a.Last.Zone == ingest.ZoneSystem {
		a.Last = ingest.Time{}
	}
	for _, t := range []*ingest.Time{&a.WallFirst, &a.WallLast} {
		*t = t.WithoutSystem()
	}
	if a.WallFirst.Zone == ingest.ZoneUnknown {
		a.Clock = "the records state no offset, and no registry of their own computer is known"
	}
	a.Tally.UTC = ingest.Histogram{} // these records could only be counted by the offset that is taken back
	a.Withdrawn = true
	if c != nil {
		c.clock.foreign = true
	}
}
