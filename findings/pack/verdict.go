package pack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
)

// row is a compiled row of the verdict table.
type row struct {
	line     int         // in the pack, for errors
	when     *expression // nil: always
	each     string      // the condition whose items are looked at one by one; "" for none
	verdict  findings.Verdict
	severity findings.Severity
	state    findings.State
	reason   findings.Reason
	subject  *template
	title    *template
	summary  *template
	cause    *template
	unmet    *template
	remedy   []*template
	evidence []proof
	missing  [][3]*template
	rivals   [][2]*template
}

// refers returns the names of variables in the row's expressions and evidence.
func (r *row) refers() []string {
	var out []string
	if r.when != nil {
		out = append(out, r.when.names...)
	}
	templates := slices.Concat([]*template{r.subject, r.title, r.summary, r.cause, r.unmet}, r.remedy)
	for _, m := range r.missing {
		templates = append(templates, m[:]...)
	}
	for _, v := range r.rivals {
		templates = append(templates, v[:]...)
	}
	for _, p := range r.evidence {
		out = append(out, p.of)
		templates = append(templates, p.note)
	}
	for _, t := range templates {
		if t == nil {
			continue
		}
		for _, p := range t.parts {
			if p.value != nil {
				out = append(out, p.value.names...)
			}
		}
	}
	return out
}

// take says which of a condition's items are quoted.
type take string

const (
	takeFirst  take = "first"
	takeLast   take = "last"
	takeBoth   take = "both" // the first and the last
	takeAll    take = "all"  // up to maxQuoted
	takeAbsent take = "absent"
)

// maxQuoted is how many items of a condition a finding quotes at most.
const maxQuoted = 12

// proof is a piece of evidence that a row quotes.
type proof struct {
	of   string // a condition, or it
	role findings.Role
	take take
	note *template
}

// verdicts compiles the verdict table.
func (c *compiler) verdicts() {
	n := c.node
	switch {
	case len(n.Verdicts) == 0:
		c.fail(n.ID.at, "the check %s has no verdicts", n.ID.s)
		return
	case len(n.Verdicts) > maxRows:
		c.fail(n.ID.at, "a check has at most %d verdicts, not %d", maxRows, len(n.Verdicts))
		return
	}
	env, err := newEnvironment(c.check.schemas, c.variables)
	if err != nil {
		c.fail(n.ID.at, "%v", err)
		return
	}
	c.env = env
	for i := range n.Verdicts {
		v := &n.Verdicts[i]
		last := i == len(n.Verdicts)-1
		switch {
		case last && (v.When.s != "" || v.Each.s != ""):
			c.fail(v.Verdict.at, "the last verdict must hold always: it has no when and no each")
		case !last && v.When.s == "" && v.Each.s == "":
			c.fail(v.Verdict.at, "only the last verdict may be without when and each: what follows would never be looked at")
		}
		c.row(v)
	}
}

// row compiles a row.
func (c *compiler) row(n *verdictNode) {
	if !c.need(n.Verdict, "the verdict", c.node.ID.at) {
		return
	}
	r := row{line: n.Verdict.at.line, verdict: oneOf(c.source, n.Verdict, verdicts), each: n.Each.s}
	env := c.env
	if r.each != "" {
		if env = c.iterating(n.Each); env == nil {
			return
		}
	}
	if n.When.s != "" {
		r.when = env.condition(c.source, n.When)
	}
	if n.Severity.s != "" {
		r.severity = oneOf(c.source, n.Severity, findings.Severities())
	}
	if n.State.s != "" {
		r.state = oneOf(c.source, n.State, states)
	}
	if n.Reason.s != "" {
		r.reason = oneOf(c.source, n.Reason, reasons)
	}
	compiled := func(t text) *template {
		if t.s == "" {
			return nil
		}
		t.s = strings.TrimSpace(t.s)
		return env.template(c.source, t)
	}
	c.need(n.Summary, "the summary", n.Verdict.at)
	r.subject, r.title, r.summary, r.cause, r.unmet = compiled(n.Subject), compiled(n.Title), compiled(n.Summary), compiled(n.Cause), compiled(n.Unmet)
	for _, t := range n.Remedy {
		r.remedy = append(r.remedy, compiled(t))
	}
	for _, m := range n.Missing {
		c.need(m.What, "what is missing", n.Verdict.at)
		c.need(m.Why, "why it is asked for", n.Verdict.at)
		c.need(m.Collect, "how it is collected", n.Verdict.at)
		r.missing = append(r.missing, [3]*template{compiled(m.What), compiled(m.Why), compiled(m.Collect)})
	}
	for _, v := range n.Rivals {
		c.need(v.Name, "the rival's name", n.Verdict.at)
		c.need(v.Verdict, "what the bundle says of the rival", n.Verdict.at)
		r.rivals = append(r.rivals, [2]*template{compiled(v.Name), compiled(v.Verdict)})
	}
	if r.verdict == findings.Suspected && len(r.missing) == 0 {
		c.fail(n.Verdict.at, "a suspected verdict says what would settle it: the key missing is empty")
	}
	for _, e := range n.Evidence {
		r.evidence = append(r.evidence, c.evidence(e, r, compiled))
	}
	if len(n.Evidence) == 0 {
		r.evidence = c.usual(r)
	}
	c.check.rows = append(c.check.rows, r)
}

// iterating returns the environment in which it is an item of a condition.
func (c *compiler) iterating(t text) *environment {
	if e := c.each[t.s]; e != nil {
		return e
	}
	item := c.check.schemas["item."+t.s]
	if item == nil {
		c.fail(t.at, "there is no condition %q", t.s)
		return nil
	}
	variables := map[string]*types.Type{"it": item.celType()}
	maps.Copy(variables, c.variables)
	e, err := newEnvironment(c.check.schemas, variables)
	if err != nil {
		c.fail(t.at, "%v", err)
		return nil
	}
	c.each[t.s] = e
	return e
}

// evidence compiles a piece of evidence.
func (c *compiler) evidence(n evidenceNode, r row, compiled func(text) *template) proof {
	p := proof{of: n.Of.s, role: findings.Supports, take: takeBoth, note: compiled(n.Note)}
	if c.need(n.Of, "what the evidence is of", position{r.line, 1}) {
		is := slices.ContainsFunc(c.check.conditions, func(x named) bool { return x.id == p.of })
		if !is && (p.of != "it" || r.each == "") {
			c.fail(n.Of.at, "there is no condition %q", p.of)
		}
	}
	if r.verdict == findings.RuledOut {
		p.role = findings.Contradicts
	}
	if r.verdict == findings.NotEvaluated {
		p.role = findings.Context
	}
	if n.Role.s != "" {
		p.role = oneOf(c.source, n.Role, roles)
	}
	if n.Take.s != "" {
		p.take = oneOf(c.source, n.Take, []take{takeFirst, takeLast, takeBoth, takeAll, takeAbsent})
	}
	return p
}

// usual is the evidence of a row that states none: what its condition refers to; of a ruled-out row, that nothing of what the check looks
// for is there.
func (c *compiler) usual(r row) []proof {
	var out []proof
	is := func(name string) bool {
		return slices.ContainsFunc(c.check.conditions, func(x named) bool { return x.id == name })
	}
	switch r.verdict {
	case findings.Confirmed, findings.Suspected:
		if r.each != "" {
			out = append(out, proof{of: "it", role: findings.Supports, take: takeBoth})
		}
		if r.when == nil {
			return out
		}
		for _, name := range r.when.names {
			if is(name) && name != r.each {
				out = append(out, proof{of: name, role: findings.Supports, take: takeBoth})
			}
		}
	case findings.RuledOut:
		var names []string
		if r.when != nil {
			names = r.when.names
		}
		for _, x := range c.check.conditions {
			if x.id == bootName {
				continue
			}
			if slices.Contains(names, x.id) {
				out = append(out, proof{of: x.id, role: findings.Contradicts, take: takeBoth})
			}
			out = append(out, proof{of: x.id, role: findings.Contradicts, take: takeAbsent})
		}
	case findings.NotEvaluated:
	}
	return out
}

// run evaluates the check on one system.
func (c *check) run(f *facts.Facts) ([]findings.Finding, error) {
	sc := scope{"system": c.system(f)}
	sets := map[string]*object{}
	for _, x := range c.conditions {
		got, err := x.condition.find(f, sc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.id, err)
		}
		o := x.set.zero(c.schemas)
		list := make([]*object, 0, len(got.items))
		list = append(list, got.items...)
		o.items = list
		o.values["any"], o.values["count"], o.values["all"] = got.count > 0, int64(got.count), list
		if len(list) > 0 {
			o.values["first"], o.values["last"] = list[0], list[len(list)-1]
		}
		maps.Copy(o.values, got.fields)
		sc[x.id], sets[x.id] = o, o
	}
	t := table{check: c, facts: f, scope: sc, sets: sets}
	for i := range c.rows {
		if err := t.row(&c.rows[i]); err != nil {
			return nil, fmt.Errorf("the verdict in line %d: %w", c.rows[i].line, err)
		}
	}
	return t.out, nil
}

// table is the verdict table at work on one system.
type table struct {
	check    *check
	facts    *facts.Facts
	scope    scope
	sets     map[string]*object
	out      []findings.Finding
	subjects []string // of what is confirmed or suspected for itself
}

// row looks at a row: one with each gives a finding for every subject that no row above has; another only where there is no finding yet.
func (t *table) row(r *row) error {
	if r.each == "" {
		if len(t.out) > 0 {
			return nil
		}
		ok, err := t.holds(r, t.scope)
		if err != nil || !ok {
			return err
		}
		return t.give(r, t.scope, nil)
	}
	groups := map[string][]*object{}
	var order []string
	for _, it := range t.sets[r.each].items {
		sc := t.with(it)
		ok, err := t.holds(r, sc)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		subject, err := r.subject.render(sc)
		if err != nil {
			return err
		}
		if slices.Contains(t.subjects, subject) {
			continue
		}
		if groups[subject] == nil {
			order = append(order, subject)
		}
		groups[subject] = append(groups[subject], it)
	}
	for _, subject := range order {
		g := groups[subject]
		t.subjects = append(t.subjects, subject)
		if err := t.give(r, t.with(g[len(g)-1]), g); err != nil {
			return err
		}
	}
	return nil
}

// with is the scope with an item.
func (t *table) with(it *object) scope {
	sc := scope{"it": it}
	maps.Copy(sc, t.scope)
	return sc
}

func (t *table) holds(r *row, sc scope) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	v, err := r.when.eval(sc)
	if err != nil {
		return false, err
	}
	return v == types.True, nil
}

// give makes a row's finding; group is what it is about where the row looks at items one by one.
func (t *table) give(r *row, sc scope, group []*object) error {
	f := findings.Finding{Verdict: r.verdict, Severity: r.severity, State: r.state, Reason: r.reason}
	var failed error
	text := func(x *template) string {
		s, err := x.render(sc)
		if err != nil && failed == nil {
			failed = err
		}
		return s
	}
	line := func(x *template) string { return strings.Join(strings.Fields(text(x)), " ") }
	f.Subject, f.Title, f.Summary, f.Cause, f.Unmet = text(r.subject), line(r.title), line(r.summary), line(r.cause), line(r.unmet)
	for _, x := range r.remedy {
		f.Remedy = append(f.Remedy, text(x))
	}
	for _, m := range r.missing {
		f.Missing = append(f.Missing, findings.Missing{What: text(m[0]), Why: text(m[1]), Collect: text(m[2])})
	}
	for _, v := range r.rivals {
		f.Rivals = append(f.Rivals, findings.Rival{Name: text(v[0]), Verdict: text(v[1])})
	}
	for _, p := range r.evidence {
		note := text(p.note)
		if p.take == takeAbsent {
			if set := t.sets[p.of]; len(set.items) == 0 {
				for _, e := range t.condition(p.of).absent(t.facts) {
					e.Role = p.role
					if note != "" {
						e.Note = note
					}
					f.Evidence = quote(f.Evidence, e)
				}
			}
			continue
		}
		items := group
		if p.of != "it" {
			items = t.sets[p.of].items
		}
		for _, it := range p.take.of(items) {
			for _, e := range it.proof(p.role, note) {
				f.Evidence = quote(f.Evidence, e)
			}
		}
	}
	t.out = append(t.out, f)
	return failed
}

// quote adds a piece of evidence. What is quoted already is not quoted again, and what one artifact lacks is one piece.
func quote(list []findings.Evidence, e findings.Evidence) []findings.Evidence {
	for i := range list {
		x := &list[i]
		same := x.Artifact == e.Artifact && x.Line == e.Line && x.Key == e.Key && x.Quote == e.Quote && x.Absent == e.Absent && x.Role == e.Role &&
			(x.Value == nil) == (e.Value == nil) && (x.Value == nil || *x.Value == *e.Value)
		if same {
			if e.Absent && e.Note != "" && !strings.Contains(x.Note, e.Note) {
				x.Note += "; " + e.Note
			}
			return list
		}
	}
	return append(list, e)
}

func (t *table) condition(id string) condition {
	i := slices.IndexFunc(t.check.conditions, func(x named) bool { return x.id == id })
	return t.check.conditions[i].condition
}

// of picks items.
func (k take) of(items []*object) []*object {
	switch n := len(items); {
	case n == 0:
		return nil
	case k == takeFirst:
		return items[:1]
	case k == takeLast:
		return items[n-1:]
	case k == takeAll:
		return items[:min(n, maxQuoted)]
	case n == 1:
		return items
	default:
		return []*object{items[0], items[n-1]}
	}
}
