package pack

import (
	"regexp"
	"slices"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
)

// files is a condition on the files of the bundle: those whose path matches a pattern.
type files struct {
	path  *regexp.Regexp
	kinds []ingest.Kind // nil: all
	item  *schema
}

// file compiles a condition on files.
func (c *compiler) file(n *fileNode) {
	x := &files{kinds: c.kinds(n.Kinds)}
	if !c.need(n.Path, "the pattern of the path", n.ID.at) {
		return
	}
	if x.path = c.pattern(n.Path, n.Path.s); x.path == nil {
		return
	}
	fields := c.captures(n.Path, x.path.SubexpNames(), "size", "kind")
	fields["size"], fields["kind"] = types.IntType, types.StringType
	if c.add(n.ID, "condition on files", x, fields, nil) {
		x.item = c.check.schemas["item."+n.ID.s]
	}
}

func (x *files) find(f *facts.Facts, _ scope) (found, error) {
	var out found
	for _, a := range f.Artifacts {
		if len(x.kinds) > 0 && !slices.Contains(x.kinds, a.Kind) {
			continue
		}
		captures, ok := groups(x.path, a.Path)
		if !ok {
			continue
		}
		if out.count++; len(out.items) < maxItems {
			out.items = append(out.items, x.object(f, a, captures))
		}
	}
	return out, nil
}

// object is a file as an expression sees it; its time is that of its last record.
func (x *files) object(f *facts.Facts, a *ingest.Artifact, captures map[string]string) *object {
	o := &object{schema: x.item, facts: f, values: map[string]any{
		"artifact": a.Path, "line": int64(0), "text": a.Path, "time": epoch, "timed": false, "size": a.Bytes, "kind": string(a.Kind),
	}}
	if t, ok := a.Last.UTC(); ok {
		o.values["time"], o.values["timed"] = t, true
	}
	for field := range x.item.fields {
		if _, own := o.values[field]; !own {
			o.values[field] = captures[field]
		}
	}
	o.proof = func(role findings.Role, note string) []findings.Evidence {
		return []findings.Evidence{{Artifact: a.Path, Role: role, Note: note}}
	}
	return o
}

// absent is nothing: that a file is not in the bundle shows only that it was not sent.
func (x *files) absent(*facts.Facts) []findings.Evidence { return nil }
