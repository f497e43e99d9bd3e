package pack

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
)

// maxAbsent is how many artifacts the evidence of an absence names.
const maxAbsent = 3

// signal finds lines.
type signal struct {
	name  string // as the collector knows it
	kinds []ingest.Kind
	item  *schema
}

// pattern compiles a pattern; nil if it can't be.
func (c *compiler) pattern(t text, expr string) *regexp.Regexp {
	re, err := regexp.Compile(expr)
	if err == nil {
		return re
	}
	var e *syntax.Error
	if errors.As(err, &e) {
		c.fail(c.within(t, max(0, strings.Index(t.s, e.Expr))), "the pattern can't be used: %s %q", e.Code, e.Expr)
	} else {
		c.fail(t.at, "the pattern can't be used: %v", err)
	}
	return nil
}

func (s *signal) find(f *facts.Facts, _ scope) (found, error) {
	m := f.Matches(s.name)
	out := found{count: m.Count}
	for i := range m.Kept[:min(len(m.Kept), maxItems)] {
		out.items = append(out.items, line(s.item, f, &m.Kept[i]))
	}
	return out, nil
}

// line is a line that a signal has found, as an expression sees it.
func line(item *schema, f *facts.Facts, m *facts.Match) *object {
	o := &object{schema: item, facts: f, match: m, values: map[string]any{
		"artifact": m.Ref.Artifact, "line": int64(m.Ref.Line), "text": m.Quote, "time": time.Unix(0, 0).UTC(), "timed": false,
	}}
	if t, ok := m.UTC(); ok {
		o.values["time"], o.values["timed"] = t, true
	}
	for field := range item.fields {
		if _, own := o.values[field]; !own {
			o.values[field] = m.Capture(field)
		}
	}
	o.proof = func(role findings.Role, note string) findings.Evidence { return findings.FromMatch(*m, role, note) }
	return o
}

func (s *signal) absent(f *facts.Facts) []findings.Evidence {
	var out []findings.Evidence
	for _, a := range f.Artifacts {
		if slices.Contains(s.kinds, a.Kind) && len(out) < maxAbsent {
			out = append(out, findings.AbsentLine(a.Path, "", "no such line"))
		}
	}
	return out
}
