package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
)

// keyName is a registry key as evidence names it.
type keyName struct{ artifact, key string }

// keyLink is a key that evidence names, with its anchor and the evidence.
type keyLink struct {
	findings.KeyExcerpt
	Anchor string
	cited  []keyCitation
}

// keyCitation is a piece of evidence that names a key.
type keyCitation struct {
	item   item
	value  *string
	absent bool
	anchor string // of the evidence on the index page; "" where it is not shown
}

// excerpts gives the keys that evidence names their anchors, and finds what names them.
func (v *view) excerpts(used anchors) {
	v.keys = map[keyName]keyLink{}
	for i, k := range v.Registry {
		name := keyName{k.Artifact, strings.ToLower(k.Key)}
		if _, twice := v.keys[name]; !twice {
			v.keys[name] = keyLink{KeyExcerpt: k, Anchor: used.take("key-" + strconv.Itoa(i+1))}
		}
	}
	for _, group := range [][]item{v.Told, v.RuledOut, v.DataMissing} {
		for _, f := range group {
			for i, e := range byRole(f.Evidence) {
				name := keyName{e.Artifact, strings.ToLower(e.Key)}
				k, ok := v.keys[name]
				if !ok || e.Key == "" {
					continue
				}
				c := keyCitation{item: f, value: e.Value, absent: e.Absent}
				if v.anchored[f.Anchor] && i < cmp.Or(v.depths[f.Anchor], briefly).evidence {
					c.anchor = evidenceID(f, i)
				}
				k.cited = append(k.cited, c)
				v.keys[name] = k
			}
		}
	}
}

// Keys lists the keys that evidence names, in the order of the findings.
func (v *view) Keys() []keyLink {
	var out []keyLink
	for _, k := range v.keys {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b keyLink) int {
		return cmp.Or(cmp.Compare(len(a.Anchor), len(b.Anchor)), strings.Compare(a.Anchor, b.Anchor))
	})
	return out
}

// KeyLink returns the link to a key that evidence names, false if it is not shown.
func (v *view) KeyLink(e findings.Evidence) (to place, ok bool) {
	k, ok := v.keys[keyName{e.Artifact, strings.ToLower(e.Key)}]
	return place{PageRegistry, k.Anchor}, ok && e.Key != ""
}

// keyCiting is a finding that names a key, with the anchors of its evidence.
type keyCiting struct {
	item    item
	anchors []string
}

// citing lists the findings that name the key.
func (k keyLink) citing() []keyCiting {
	var out []keyCiting
	for _, c := range k.cited {
		i := slices.IndexFunc(out, func(x keyCiting) bool { return x.item.Anchor == c.item.Anchor })
		if i < 0 {
			i = len(out)
			out = append(out, keyCiting{item: c.item})
		}
		if c.anchor != "" {
			out[i].anchors = append(out[i].anchors, c.anchor)
		}
	}
	return out
}

// cites says whether evidence names a value of the key.
func (k keyLink) cites(value string) bool {
	return slices.ContainsFunc(k.cited, func(c keyCitation) bool {
		return c.value != nil && !c.absent && strings.EqualFold(*c.value, value)
	})
}

// absent lists the names of values that evidence misses in the key.
func (k keyLink) absent() []string {
	var out []string
	for _, c := range k.cited {
		if c.value != nil && c.absent && !slices.Contains(out, *c.value) {
			out = append(out, *c.value)
		}
	}
	return out
}

// services returns a system's services, the oddest first: what is disabled and nothing else comes behind what is odder.
func services(s findings.System) (list []findings.Service, odd int) {
	list = slices.Clone(s.Services)
	weight := func(x findings.Service) int {
		n := 0
		for _, o := range x.Odd {
			if o == findings.OddDisabled {
				n++
			} else {
				n += 2
			}
		}
		return n
	}
	for _, x := range list {
		if weight(x) > 0 {
			odd++
		}
	}
	slices.SortStableFunc(list, func(a, b findings.Service) int { return cmp.Compare(weight(b), weight(a)) })
	return list, odd
}

// serviceRows is how many services are listed: in one document only the odd ones.
func (v *view) serviceRows(odd int) int {
	if v.site == nil {
		return min(odd, maxVariables)
	}
	return maxServices
}

// packageRows is how many products and patches are listed.
func (v *view) packageRows() int {
	if v.site == nil {
		return maxVariables
	}
	return maxServices
}

// startWord is how a service starts.
func startWord(n int) string {
	if words := []string{"boot", "system", "automatic", "on demand", "disabled"}; 0 <= n && n < len(words) {
		return words[n]
	}
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// typeWord is what kind of service one is.
func typeWord(n int) string {
	switch {
	case n < 0:
		return ""
	case n&0x1 != 0:
		return "kernel driver"
	case n&0x2 != 0:
		return "file system driver"
	case n&0x10 != 0:
		return "own process"
	case n&0x20 != 0:
		return "shared process"
	}
	return fmt.Sprintf("0x%x", n)
}

// oddWord says what is odd about a service.
func oddWord(x findings.Odd) string {
	switch x {
	case findings.OddDisabled:
		return "disabled"
	case findings.OddNoProgram:
		return "starts by itself and states no program"
	case findings.OddUnquoted:
		return "blanks in an unquoted path"
	case findings.OddTemporary:
		return "runs from a temporary or user's folder"
	}
	return string(x)
}

// packages splits what Windows Installer has registered into products and patches.
func packages(s findings.System) (products, patches []findings.Package) {
	for _, p := range s.Packages {
		if p.Patch {
			patches = append(patches, p)
		} else {
			products = append(products, p)
		}
	}
	return products, patches
}

// age says how long before the end of the time covered, or before the incident, something was written; "" if that cannot be told.
func (v *view) age(written string) string {
	at, err := time.Parse(time.RFC3339Nano, written)
	if err != nil {
		return ""
	}
	to, what := v.Window.To, "the last record"
	if v.Incident != nil {
		to, what = v.Incident.Time, "the incident"
	}
	end, err := time.Parse(time.RFC3339Nano, to)
	if err != nil {
		return ""
	}
	d := end.Sub(at)
	switch {
	case d < -time.Second:
		return roughly(-d) + " after " + what
	case d < time.Second:
		return "at the time of " + what
	}
	return roughly(d) + " before " + what
}

// roughly writes a span of time in its largest unit.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return count(int(d/time.Second), "second", "seconds")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute", "minutes")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour", "hours")
	}
	return count(int(d/(24*time.Hour)), "day", "days")
}

// setWords says what the Select key calls a control set.
func setWords(c *findings.ControlSets, n int) string {
	var s []string
	for _, x := range []struct {
		n    int
		word string
	}{{c.Current, "current"}, {c.Default, "default"}, {c.LastKnownGood, "last known good"}, {c.Failed, "failed"}} {
		if x.n == n {
			s = append(s, x.word)
		}
	}
	return strings.Join(s, ", ")
}

// setNumbers lists the control sets that exist or that the Select key names.
func setNumbers(c *findings.ControlSets) []int {
	list := slices.Clone(c.Existing)
	for _, n := range []int{c.Current, c.Default, c.Failed, c.LastKnownGood} {
		if n > 0 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// inventoryWords says in a line what a machine's registry page lists.
func inventoryWords(s findings.System) string {
	var out []string
	if n := len(s.MountedDevices); n > 0 {
		out = append(out, count(n, "mounted device", "mounted devices"))
	}
	if n := len(s.Services); n > 0 {
		_, odd := services(s)
		out = append(out, count(n, "service", "services")+", "+number(odd)+" of them odd")
	}
	products, patches := packages(s)
	if n := len(products); n > 0 {
		out = append(out, count(n, "product", "products"))
	}
	if n := len(patches); n > 0 {
		out = append(out, count(n, "patch", "patches"))
	}
	if n := len(s.Environment); n > 0 {
		out = append(out, count(n, "environment variable", "environment variables"))
	}
	return strings.Join(out, " · ")
}
