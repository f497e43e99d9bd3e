package hive

import (
	"fmt"
	"slices"
	"strings"
)

// ControlSets is what the Select key says and which control sets there are.
type ControlSets struct {
	Current       int   // 0 if not stated
	Default       int   // 0 if not stated
	Failed        int   // 0: none failed
	LastKnownGood int   // 0 if not stated
	Existing      []int // ascending
	Used          int   // the one that CurrentControlSet is taken for; 0 if none, or if only an export's CurrentControlSet is there
	Found         Found // the Select key; its Source is "" if there is none
	Problems      []Problem
}

// ControlSets returns the control sets of the first source that has a Select key, else of the first SYSTEM source.
func (r *Registry) ControlSets() (ControlSets, error) {
	var first *mount
	for i := range r.mounts {
		if r.mounts[i].name != "SYSTEM" || r.mounts[i].within != "" {
			continue
		}
		if _, ok := r.mounts[i].base.Subkey("Select"); ok {
			return r.mounts[i].controlSets(), nil
		}
		if first == nil {
			first = &r.mounts[i]
		}
	}
	if first == nil {
		return ControlSets{}, ErrNotExist
	}
	return first.controlSets(), nil
}

// controlSets reads the Select key below the mount, and chooses.
func (m mount) controlSets() ControlSets {
	c := ControlSets{Existing: controlSets(m.base)}
	slices.Sort(c.Existing)
	if sel, ok := m.base.Subkey("Select"); ok {
		k := FoundKey{Key: sel, Source: m.source}
		c.Found = k.Found()
		for name, to := range map[string]*int{"Current": &c.Current, "Default": &c.Default, "Failed": &c.Failed, "LastKnownGood": &c.LastKnownGood} {
			if v, err := k.Value(name); err == nil {
				if n, ok := v.Uint(); ok && n < 1000 {
					*to = int(n)
				}
			}
		}
	}
	exists := func(n int) bool { return slices.Contains(c.Existing, n) }
	switch {
	case exists(c.Current):
		c.Used = c.Current
	case len(c.Existing) == 0:
	case c.Current != 0:
		c.Used = c.best()
		c.Problems = append(c.Problems, Problem{Line: c.Found.Line, Message: fmt.Sprintf("Select names ControlSet%03d as current, which is not there; ControlSet%03d is read instead", c.Current, c.Used)})
	default:
		c.Used = c.best()
		if len(c.Existing) > 1 && m.base.h.format == FormatRegf { // an export of a part need not have Select
			c.Problems = append(c.Problems, Problem{Message: fmt.Sprintf("no value of Select says which control set is current; of %d, ControlSet%03d is read", len(c.Existing), c.Used)})
		}
	}
	return c
}

// best chooses a control set that exists where Current can't be followed: Default, then LastKnownGood, then the lowest that did not fail.
func (c ControlSets) best() int {
	for _, n := range []int{c.Default, c.LastKnownGood} {
		if slices.Contains(c.Existing, n) {
			return n
		}
	}
	for _, n := range c.Existing {
		if n != c.Failed {
			return n
		}
	}
	return c.Existing[0]
}

// resolve finds the key at path below the mount, following CurrentControlSet in a SYSTEM hive.
func (r *Registry) resolve(m mount, path string) (FoundKey, bool) {
	first, rest, _ := strings.Cut(path, `\`)
	if m.name == "SYSTEM" && equalFold(first, "CurrentControlSet") {
		if k, ok := below(m.base, path); ok { // an export of the running system
			return FoundKey{Key: k, Source: m.source}, true
		}
		n := r.currentSet(m)
		k, ok := below(m.base, fmt.Sprintf(`ControlSet%03d\%s`, n, rest))
		return FoundKey{Key: k, Source: m.source, ControlSet: n}, ok && n > 0
	}
	k, ok := below(m.base, path)
	n := 0
	if m.name == "SYSTEM" {
		n, _ = controlSetNumber(first)
	}
	return FoundKey{Key: k, Source: m.source, ControlSet: n}, ok
}

// currentSet returns the number of the mount's current control set. A text without a Select key takes another source's word
// if it shows that control set.
func (r *Registry) currentSet(m mount) int {
	c := m.controlSets()
	if c.Current != 0 || len(c.Existing) < 2 {
		return c.Used
	}
	for _, other := range r.mounts {
		if other.name != "SYSTEM" || other.within != "" {
			continue
		}
		if o := other.controlSets(); o.Current != 0 && slices.Contains(c.Existing, o.Current) {
			return o.Current
		}
	}
	return c.Used
}

// below returns the key at path below k.
func below(k *Key, path string) (*Key, bool) {
	for path != "" {
		name, rest, _ := strings.Cut(path, `\`)
		path = rest
		if name == "" {
			continue
		}
		next, ok := k.Subkey(name)
		if !ok {
			return nil, false
		}
		k = next
	}
	return k, true
}
