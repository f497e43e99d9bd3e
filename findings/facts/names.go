package facts

import "slices"

// Name is a name of a machine, a domain or a person as a line has it. Kind is host, domain or user.
type Name struct{ Text, Kind string }

// nameGroups are the groups of signals' patterns that capture names, with the kind of name.
var nameGroups = map[string]string{"host": "host", "sys": "host", "domain": "domain", "account": "user"}

// Names returns what the system and lines of its artifacts call machines, domains and people: the computers that wrote them, and what the signals of checks
// capture in groups named host, sys, domain and account. Each is there once, in no order.
func (f *Facts) Names() []Name {
	seen := map[Name]bool{}
	var out []Name
	add := func(text, kind string) {
		if n := (Name{text, kind}); text != "" && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	add(f.Host, "host")
	for _, a := range f.Artifacts {
		add(a.Host, "host")
		c := f.collected[a.Path]
		if c == nil {
			continue
		}
		for host := range c.hosts {
			add(host, "host")
		}
		for _, k := range c.signals {
			for _, m := range slices.Concat(k.first, k.last) {
				for _, g := range m.captures {
					if kind := nameGroups[g.name]; kind != "" {
						add(g.text, kind)
					}
				}
			}
		}
	}
	return out
}
