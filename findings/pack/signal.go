package pack

import (
	"errors"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
)

// epoch is the time of what has none.
var epoch = time.Unix(0, 0).UTC()

// bootKinds are the artifacts that show boots.
var bootKinds = []ingest.Kind{ingest.KindLogPFRO, ingest.KindLogEvents}

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
	if e, ok := errors.AsType[*syntax.Error](err); ok {
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
		"artifact": m.Ref.Artifact, "line": int64(m.Ref.Line), "text": m.Quote, "time": epoch, "timed": false,
	}}
	if t, ok := m.UTC(); ok {
		o.values["time"], o.values["timed"] = t, true
	}
	for field := range item.fields {
		if _, own := o.values[field]; !own {
			o.values[field] = m.Capture(field)
		}
	}
	o.proof = func(role findings.Role, note string) []findings.Evidence {
		return []findings.Evidence{findings.FromMatch(*m, role, note)}
	}
	return o
}

func (s *signal) absent(f *facts.Facts) []findings.Evidence {
	return s.lacking(f, "no such line as "+path.Base(s.name))
}

// lacking is the evidence that artifacts in which a signal is looked for lack what the note says.
func (s *signal) lacking(f *facts.Facts, note string) []findings.Evidence {
	var out []findings.Evidence
	for _, a := range f.Artifacts {
		if slices.Contains(s.kinds, a.Kind) && len(out) < maxAbsent {
			out = append(out, findings.AbsentLine(a.Path, "", note))
		}
	}
	return out
}

// event returns the literals and the pattern that find events of a source with one of the IDs, in every form of text in which people send
// them: a row between separators, a labelled line in any language, or XML.
func (c *compiler) event(n *signalNode) (literals []string, pattern string) {
	if len(n.Literals) > 0 || n.Pattern.s != "" {
		c.fail(n.ID.at, "a signal has either an event or literals with a pattern")
	}
	if !c.need(n.Event.Source, "the source of the event", n.ID.at) || len(n.Event.Source.s) < 3 {
		return nil, ""
	}
	if len(n.Event.IDs) == 0 {
		c.fail(n.ID.at, "the event has no ids")
		return nil, ""
	}
	for _, id := range n.Event.IDs {
		if v, ok := c.integer(id); !ok || v < 0 || v > 65535 {
			c.fail(id.at, "an event's id is a number from 0 to 65535, not %q", id.s)
		}
	}
	source := `\b` + regexp.QuoteMeta(n.Event.Source.s) + `\b`
	ids := "(?:" + strings.Join(plain(n.Event.IDs), "|") + ")"
	id := `(?:[,;\t]"?` + ids + `"?[,;\t]|^[^:：\n]{1,40}[:：]\s*` + ids + `\s*$|<EventID[^>]*>\s*` + ids + `\s*<)`
	return []string{n.Event.Source.s}, `(?ms)` + source + `.*?` + id + `|` + id + `.*?` + source
}
