package pack

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
)

// maxExpanded is how many keys a * in a path may stand for in all.
const maxExpanded = 5000

// registry finds a value, or a key, of the registry.
type registry struct {
	paths []string // CurrentControlSet for {ControlSet}; a part may be *
	value *string  // nil: the key itself
	test  func(v hive.Value) (captures map[string]string, ok bool)
	gone  bool // the condition holds where the value, or the key, is not there
	item  *schema
}

// registry compiles a registry condition.
func (c *compiler) registry(n *registryNode) {
	x := &registry{}
	if len(n.Keys) == 0 {
		c.fail(n.ID.at, "the registry condition names no keys")
	}
	for _, k := range n.Keys {
		p := strings.Trim(strings.ReplaceAll(k.s, "{ControlSet}", "CurrentControlSet"), `\`)
		for _, long := range []string{`HKEY_LOCAL_MACHINE\`, `HKLM\`} {
			if len(p) > len(long) && strings.EqualFold(p[:len(long)], long) {
				p = p[len(long):]
			}
		}
		hiveName, _, _ := strings.Cut(p, `\`)
		switch {
		case !slices.Contains([]string{"SYSTEM", "SOFTWARE", "SAM", "SECURITY", "NTUSER"}, strings.ToUpper(hiveName)):
			c.fail(k.at, "a key begins with SYSTEM, SOFTWARE, SAM, SECURITY or NTUSER, not %q", hiveName)
		case strings.Contains(strings.ToLower(p), `\controlset0`):
			c.fail(k.at, `a key names no control set by its number; write SYSTEM\{ControlSet}\…`)
		}
		x.paths = append(x.paths, p)
	}
	if n.Value != nil {
		x.value = &n.Value.s
	}
	fields := c.comparison(n, x)
	fields["number"], fields["strings"] = types.IntType, types.NewListType(types.StringType)
	fields["key"], fields["name"] = types.StringType, types.StringType
	set := map[string]*types.Type{"absent": types.BoolType, "text": types.StringType, "number": types.IntType}
	if c.add(n.ID, "registry condition", x, fields, set) {
		x.item = c.check.schemas["item."+n.ID.s]
	}
}

// comparison compiles what a value is compared with and returns the captures of its pattern.
func (c *compiler) comparison(n *registryNode, x *registry) map[string]*types.Type {
	fields := map[string]*types.Type{}
	var tests []func(hive.Value) (map[string]string, bool)
	plainTest := func(ok func(hive.Value) bool) {
		tests = append(tests, func(v hive.Value) (map[string]string, bool) { return nil, ok(v) })
	}
	if n.Value == nil && (n.Equals != nil || n.Matches.s != "" || n.AtLeast != nil || n.AtMost != nil) {
		c.fail(n.ID.at, "a key has no data to compare; name a value, \"\" for the default one")
	}
	if n.Exists != nil {
		b, err := strconv.ParseBool(n.Exists.s)
		if err != nil {
			c.fail(n.Exists.at, "exists is true or false, not %q", n.Exists.s)
		}
		if x.gone = !b; x.gone && (n.Equals != nil || n.Matches.s != "" || n.AtLeast != nil || n.AtMost != nil) {
			c.fail(n.Exists.at, "what does not exist can't be compared")
		}
	}
	if n.Equals != nil {
		want := n.Equals.s
		number, err := strconv.ParseUint(want, 0, 64)
		plainTest(func(v hive.Value) bool {
			if u, ok := v.Uint(); ok {
				return err == nil && u == number
			}
			return strings.EqualFold(v.Display(), want)
		})
	}
	if n.Matches.s != "" {
		if re := c.pattern(n.Matches, n.Matches.s); re != nil {
			fields = c.captures(n.Matches, re.SubexpNames(), "number", "strings", "key", "name")
			tests = append(tests, func(v hive.Value) (map[string]string, bool) { return groups(re, v.Display()) })
		}
	}
	for _, bound := range []struct {
		t  *text
		ok func(v, limit uint64) bool
	}{
		{n.AtLeast, func(v, limit uint64) bool { return v >= limit }},
		{n.AtMost, func(v, limit uint64) bool { return v <= limit }},
	} {
		if bound.t == nil {
			continue
		}
		limit, err := strconv.ParseUint(bound.t.s, 0, 64)
		if err != nil {
			c.fail(bound.t.at, "%q is no number from 0 on", bound.t.s)
		}
		plainTest(func(v hive.Value) bool {
			u, ok := number(v)
			return ok && bound.ok(u, limit)
		})
	}
	x.test = func(v hive.Value) (map[string]string, bool) {
		var captures map[string]string
		for _, t := range tests {
			got, ok := t(v)
			if !ok {
				return nil, false
			}
			if got != nil {
				captures = got
			}
		}
		return captures, true
	}
	return fields
}

// groups returns what the named groups of a pattern matched.
func groups(re *regexp.Regexp, s string) (map[string]string, bool) {
	m := re.FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	out := map[string]string{}
	for i, name := range re.SubexpNames() {
		if name != "" {
			out[name] = m[i]
		}
	}
	return out, true
}

// number is a value's number: that of a numeric type, or a string of digits.
func number(v hive.Value) (uint64, bool) {
	if u, ok := v.Uint(); ok {
		return u, true
	}
	u, err := strconv.ParseUint(strings.TrimSpace(v.String()), 0, 64)
	return u, err == nil
}

func (r *registry) find(f *facts.Facts, _ scope) (found, error) {
	out := found{fields: map[string]any{"absent": false, "text": "", "number": int64(0)}}
	for _, p := range r.paths {
		for _, path := range expand(f.Registry, p) {
			at, err := r.look(f, path)
			switch {
			case err != nil:
				if at.Source == "" || r.gone && out.count > 0 {
					continue
				}
				out.fields["absent"] = true
				if r.gone {
					out.count = 1
					out.items = append(out.items, r.object(f, at, nil, func(role findings.Role, note string) []findings.Evidence {
						return []findings.Evidence{findings.AbsentValue(at, beneath(f.Registry, path, at), r.value, role, note)}
					}))
				}
			case r.gone:
				return found{fields: map[string]any{"absent": false, "text": at.Value.Display(), "number": integer(at.Value)}}, nil
			default:
				captures, ok := r.test(at.Value)
				if out.fields["text"] == "" {
					out.fields["text"], out.fields["number"] = at.Value.Display(), integer(at.Value)
				}
				if !ok {
					continue
				}
				if out.count++; len(out.items) < maxItems {
					out.items = append(out.items, r.object(f, at, captures, r.proof(at)))
				}
			}
		}
	}
	return out, nil
}

// look looks the condition's value, or key, up.
func (r *registry) look(f *facts.Facts, path string) (hive.Found, error) {
	if r.value == nil {
		return f.Registry.Key(path)
	}
	return f.Registry.Value(path, *r.value)
}

// proof makes evidence of a value or a key that is there.
func (r *registry) proof(at hive.Found) func(findings.Role, string) []findings.Evidence {
	return func(role findings.Role, note string) []findings.Evidence {
		if r.value == nil {
			return []findings.Evidence{findings.FromKey(at, role, note)}
		}
		return []findings.Evidence{findings.FromValue(at, role, note)}
	}
}

// object is a value, or a key, as an expression sees it.
func (r *registry) object(f *facts.Facts, at hive.Found, captures map[string]string, proof func(findings.Role, string) []findings.Evidence) *object {
	name := at.Value.Name
	if r.value == nil {
		name = at.Key[strings.LastIndexByte(at.Key, '\\')+1:]
	}
	o := &object{schema: r.item, facts: f, proof: proof, values: map[string]any{
		"artifact": at.Source, "line": int64(at.Line), "text": at.Value.Display(), "time": epoch, "timed": false,
		"number": integer(at.Value), "key": at.Key, "name": name, "strings": slices.Concat([]string{}, at.Value.Strings()),
	}}
	if !at.KeyLastWritten.IsZero() {
		o.values["time"], o.values["timed"] = at.KeyLastWritten.UTC(), true
	}
	for field := range r.item.fields {
		if _, own := o.values[field]; !own {
			o.values[field] = captures[field]
		}
	}
	return o
}

// integer is a value's number as far as an int64 holds it, 0 if it has none.
func integer(v hive.Value) int64 {
	if u, ok := number(v); ok && u <= math.MaxInt64 {
		return int64(u)
	}
	return 0
}

// expand returns the paths that a path with parts * stands for, in the order of the sources and of their keys.
func expand(r *hive.Registry, path string) []string {
	before, rest, ok := strings.Cut(path, `\*`)
	if !ok {
		return []string{path}
	}
	var out []string
	known := map[string]bool{}
	for _, k := range r.Keys(before) {
		for _, child := range k.Children() {
			p := before + `\` + child.Name() + rest
			if fold := strings.ToLower(p); !known[fold] && len(out) < maxExpanded {
				known[fold] = true
				out = append(out, p)
			}
		}
	}
	if !strings.Contains(rest, `\*`) {
		return out
	}
	var all []string
	for _, p := range out {
		// What the star stood for is no star any more, so each turn takes one away.
		all = append(all, expand(r, p)...)
		if len(all) >= maxExpanded {
			return all[:maxExpanded]
		}
	}
	return all
}

func (r *registry) absent(f *facts.Facts) []findings.Evidence {
	var out []findings.Evidence
	for _, p := range r.paths {
		path, _, wild := strings.Cut(p, `\*`)
		var at hive.Found
		var err error
		if wild {
			if at, err = f.Registry.Key(path); err == nil {
				out = append(out, findings.FromKey(at, "", "no key below it shows it"))
				continue
			}
		} else if at, err = r.look(f, path); err == nil {
			if !r.gone {
				out = append(out, r.proof(at)("", "not what would show it")...)
			} else {
				out = append(out, r.proof(at)("", "it is there")...)
			}
			continue
		}
		if at.Source != "" {
			out = append(out, findings.AbsentValue(at, beneath(f.Registry, path, at), r.value, "", "it is not there"))
		}
	}
	return out[:min(len(out), maxAbsent)]
}

// beneath returns the path, as its source states paths, of a key of which the source shows only one above.
func beneath(r *hive.Registry, path string, at hive.Found) string {
	for prefix := path; prefix != ""; prefix = prefix[:max(0, strings.LastIndexByte(prefix, '\\'))] {
		for _, k := range r.Keys(prefix) {
			if k.Source == at.Source {
				return strings.Trim(at.Key+path[len(prefix):], `\`)
			}
		}
	}
	return at.Key
}
