package facts

import (
	"fmt"
	"slices"
	"strings"

	"casebook/hive"
	"casebook/ingest"
)

// Build gives every artifact to the system it came from and returns the systems' facts in the order of their IDs. The last one has the
// ID "" and holds what belongs to no single system; it is there only if there is such a thing, or nothing else.
//
// host, if not "", is the computer that artifacts without any identity come from.
func Build(artifacts []*ingest.Artifact, extracted []ingest.Extracted, c *Collector, host string) ([]*Facts, []ingest.Problem) {
	var problems []ingest.Problem
	s := Group(extracted)
	conflicts := map[string]bool{}
	for _, a := range artifacts {
		got := c.found[a.Path]
		if got == nil {
			continue
		}
		stated, names := got.statedHost()
		a.Host = stated
		if len(names) > 0 {
			slices.Sort(names)
			conflicts[a.Path] = true
			problems = append(problems, ingest.Problem{
				Artifact: a.Path, Stage: ingest.StageSystem,
				Message: fmt.Sprintf("names several computers as its own (%s); it confirms nothing", quoteAll(names)),
			})
		}
	}
	s.adopt(artifacts, host)

	byID := map[*system]*Facts{}
	var all []*Facts
	for _, m := range s.list {
		f := &Facts{ID: m.id, Host: m.host, Root: m.root, Registry: m.joined, collected: c.found, conflicts: conflicts}
		for _, r := range m.hives {
			f.Hives = append(f.Hives, Of[*hive.Hive]{r.Artifact, r.hive})
		}
		for _, r := range m.older {
			f.Older = append(f.Older, Of[*hive.Hive]{r.Artifact, r.hive})
		}
		byID[m] = f
		all = append(all, f)
	}
	nobody := &Facts{Registry: &hive.Registry{}, collected: c.found, conflicts: conflicts}

	owner := map[string]*Facts{}
	for _, m := range s.list {
		for _, r := range slices.Concat(m.hives, m.older) {
			owner[r.Artifact.Path] = byID[m]
		}
	}
	for _, a := range artifacts {
		f := owner[a.Path]
		if f == nil {
			f = nobody
			if m := s.find(a.Path, a.Host); m != nil {
				f = byID[m]
				if by := s.nearest(dirOf(a.Path), s.list); len(s.list) > 1 && by != nil && by != m && a.Host != "" {
					conflicts[a.Path] = true
					problems = append(problems, ingest.Problem{
						Artifact: a.Path, Stage: ingest.StageSystem,
						Message: fmt.Sprintf("names %q as its computer and lies with the registry of %q; it confirms nothing", a.Host, by.id),
					})
				}
			}
			owner[a.Path] = f
			// The clock of an artifact is read before its host is known, by the registry that lies nearest. Where that turns out to be
			// another machine's, its zone says nothing of this clock.
			if lender := s.nearest(dirOf(a.Path), s.list); lender == nil || byID[lender] != f {
				c.found[a.Path].forgetZone(a)
			}
		}
		f.Artifacts = append(f.Artifacts, a)
	}
	for _, e := range extracted {
		f := owner[e.Artifact.Path]
		f.extracted = append(f.extracted, e)
	}
	if len(nobody.Artifacts) > 0 || len(all) == 0 {
		all = append(all, nobody)
	}
	return all, problems
}

// adopt makes systems of the computers that only logs name. A single system without a name takes the only name that is stated.
func (s *Systems) adopt(artifacts []*ingest.Artifact, host string) {
	var names []string
	for _, a := range artifacts {
		if a.Host != "" && !slices.ContainsFunc(names, func(n string) bool { return sameHost(n, a.Host) }) {
			names = append(names, a.Host)
		}
	}
	if len(names) == 0 && host != "" {
		names = []string{strings.ToUpper(host)}
	}
	slices.Sort(names)
	var strangers []string
	for _, n := range names {
		if !slices.ContainsFunc(s.list, func(m *system) bool { return sameHost(m.host, n) }) {
			strangers = append(strangers, n)
		}
	}
	if len(strangers) == 1 && len(names) == 1 && len(s.list) == 1 && s.list[0].host == "" {
		s.list[0].host = strangers[0]
		s.name()
		return
	}
	for _, n := range strangers {
		m := &system{host: n, joined: &hive.Registry{}}
		for _, a := range artifacts {
			if a.Host == n {
				m.root = dirOf(a.Path)
				break
			}
		}
		s.list = append(s.list, m)
	}
	s.name()
}

func quoteAll(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// forgetZone takes back the offset that a registry lent to the times of an artifact. c may be nil.
func (c *collected) forgetZone(a *ingest.Artifact) {
	if a.First.Zone == ingest.ZoneSystem {
		a.First, a.Last = ingest.Time{}, ingest.Time{}
	}
	if c == nil {
		return
	}
	forget := func(m *Match) {
		if m.Time.Zone == ingest.ZoneSystem {
			m.Time.Bias, m.Time.Zone = 0, ingest.ZoneUnknown
		}
	}
	for _, k := range c.signals {
		for _, m := range slices.Concat(k.first, k.last) {
			forget(m)
		}
	}
	for _, m := range c.loud {
		forget(m)
	}
}
