package pack

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
)

// condition is something that a check looks for: it finds lines, values or rows in the facts of a system.
type condition interface {
	// find returns what there is, in order.
	find(f *facts.Facts, sc scope) (found, error)
	// absent is the evidence that what it looks for is not in the system, without roles; nil if nothing shows that.
	absent(f *facts.Facts) []findings.Evidence
}

// found is what a condition has found.
type found struct {
	items  []*object
	count  int            // how many there are, kept or not
	fields map[string]any // of the condition itself, beside those that all have
}

// named is a condition with its name in expressions.
type named struct {
	id        string
	condition condition
	set, item *schema
}

// check is a compiled check of a pack.
type check struct {
	id         string
	conditions []named
	rows       []row
	schemas    map[string]*schema
	timed      map[string]bool // signals whose lines counts and orders look at
}

// scope holds the variables of expressions about one system.
type scope map[string]any

// compiler compiles one check.
type compiler struct {
	*source
	node      *checkNode
	check     *check
	out       *findings.Check
	variables map[string]*types.Type
	signals   map[string]*signal
	env       *environment
	each      map[string]*environment // by the condition that it iterates over
	boot      bool                    // boots are asked for
}

// maxItems is how many of a condition's lines, values or rows expressions and evidence get to see.
const maxItems = 2000

// check compiles a check; nil if it has no usable ID. Other errors are noted.
func (s *source) check(n *checkNode) *findings.Check {
	if !s.need(n.ID, "the check's id", position{1, 1}) {
		return nil
	}
	if !checkID.MatchString(n.ID.s) {
		s.fail(n.ID.at, "an id is at least two words of a-z and 0-9, joined by hyphens, such as vendor-bad-state")
		return nil
	}
	c := &compiler{
		source: s, node: n, check: &check{id: n.ID.s, schemas: map[string]*schema{}, timed: map[string]bool{}}, out: &findings.Check{ID: n.ID.s},
		variables: map[string]*types.Type{}, signals: map[string]*signal{}, each: map[string]*environment{},
	}
	before := len(s.errors) + s.more
	c.knowledge()
	c.conditions()
	if len(s.errors)+s.more == before {
		c.verdicts()
	}
	if len(s.errors)+s.more > before {
		return nil
	}
	c.boots()
	c.watch()
	c.out.Rests = func() findings.Traces { return findings.Traces{Signals: c.check.rests()} }
	c.out.Run = c.check.run
	return c.out
}

// knowledge takes over what is text.
func (c *compiler) knowledge() {
	n := c.node
	near := n.ID.at
	c.need(n.Title, "the title of "+n.ID.s, near)
	if c.need(n.Severity, "the severity of "+n.ID.s, near) {
		c.out.Severity = oneOf(c.source, n.Severity, findings.Severities())
	}
	c.out.Title = n.Title.s
	c.need(n.Product.Name, "the product's name of "+n.ID.s, near)
	c.out.Product = findings.Product{Name: n.Product.Name.s, Words: plain(n.Product.Words), Kinds: c.kinds(n.Product.Kinds)}
	c.need(n.Cause, "the cause of "+n.ID.s, near)
	if len(n.Remedy) == 0 {
		c.fail(near, "the remedy of %s is missing", n.ID.s)
	}
	c.out.Doc = findings.Doc{
		Cause: trim(n.Cause), Remedy: trimmed(n.Remedy), Risk: trim(n.Risk), Undo: trim(n.Undo), Cured: trim(n.Cured), Overturns: trim(n.Overturns),
		Proves: trimmed(n.Proves), Suggests: trimmed(n.Suggests), Exonerates: trimmed(n.Exonerates), FalsePositives: trim(n.FalsePositives), NotCovered: trim(n.NotCovered),
	}
	for _, r := range n.References {
		c.need(r.Title, "the reference's title", near)
		if !strings.HasPrefix(r.URL.s, "https://") {
			at := r.URL.at
			if at.line == 0 {
				at = r.Title.at
			}
			c.fail(at, "a reference has an url that begins with https://")
		}
		c.out.Doc.References = append(c.out.Doc.References, findings.Reference{Title: r.Title.s, URL: r.URL.s})
	}
	for _, need := range n.Needs {
		c.need(need.What, "what the need asks for", near)
		c.need(need.Why, "why it is needed", need.What.at)
		c.need(need.Collect, "how it is collected", need.What.at)
		if len(need.Kinds) == 0 {
			c.fail(need.What.at, "the need names no kinds of artifacts")
		}
		c.out.Needs = append(c.out.Needs, findings.Need{AnyOf: c.kinds(need.Kinds), What: trim(need.What), Why: trim(need.Why), Collect: trim(need.Collect)})
	}
	if len(n.Needs) == 0 {
		c.fail(near, "the check %s needs nothing: the key needs is missing or empty", n.ID.s)
	}
}

func trim(t text) string { return strings.TrimSpace(t.s) }

func trimmed(list []text) []string {
	var out []string
	for _, t := range list {
		out = append(out, trim(t))
	}
	return out
}

// kinds checks the names of kinds.
func (c *compiler) kinds(list []text) []ingest.Kind {
	var out []ingest.Kind
	for _, t := range list {
		if !slices.Contains(ingest.Kinds(), ingest.Kind(t.s)) {
			c.fail(t.at, "there is no kind %q of artifacts; docs/report.md lists them", t.s)
			continue
		}
		out = append(out, ingest.Kind(t.s))
	}
	return out
}

// conditions compiles what the check looks for.
func (c *compiler) conditions() {
	n := c.node
	if total := len(n.Signals) + len(n.Registry) + len(n.Tables) + len(n.Files) + len(n.Counts) + len(n.Orders); total > maxConditions {
		c.fail(n.ID.at, "a check has at most %d conditions, not %d", maxConditions, total)
		return
	} else if total == 0 {
		c.fail(n.ID.at, "the check %s looks for nothing: it has no signals, registry or tables", n.ID.s)
		return
	}
	c.define(bootName, &signal{name: c.check.id + "/" + bootName, kinds: bootKinds}, nil, nil)
	for i := range n.Signals {
		c.signal(&n.Signals[i])
	}
	for i := range n.Registry {
		c.registry(&n.Registry[i])
	}
	for i := range n.Tables {
		c.table(&n.Tables[i])
	}
	for i := range n.Files {
		c.file(&n.Files[i])
	}
	c.timings()
	c.variables["system"] = c.systemSchema().celType()
}

// boots asks for the boots that the bundle shows, or forgets them where no expression, count or order refers to them.
func (c *compiler) boots() {
	for i := range c.check.rows {
		if slices.Contains(c.check.rows[i].refers(), bootName) {
			c.boot = true
		}
	}
	if !c.boot {
		c.check.conditions = c.check.conditions[1:]
		return
	}
	x := c.check.conditions[0].condition.(*signal)
	x.item = c.check.schemas["item."+bootName]
	sig := match.Signal{Name: x.name, Literals: []string{"PFRO", "EventLog", "Kernel-General"}, Pattern: bootPattern}
	for _, k := range bootKinds {
		sig.Kinds = append(sig.Kinds, string(k))
	}
	c.out.Signals = append(c.out.Signals, sig)
}

// watch gives the check an observer if it has counts or orders.
func (c *compiler) watch() {
	if len(c.check.timed) == 0 {
		return
	}
	w := &facts.Watch{New: c.check.newWatcher}
	for name := range c.check.timed {
		for _, k := range c.signals[name].kinds {
			if !slices.Contains(w.Kinds, k) {
				w.Kinds = append(w.Kinds, k)
			}
		}
	}
	slices.Sort(w.Kinds)
	c.out.Observe = w
}

// add adds a condition under its name; fields are those of its items and of itself beside those that every item and condition has.
func (c *compiler) add(id text, what string, x condition, item, set map[string]*types.Type) bool {
	if !c.need(id, "the id of a "+what, c.node.ID.at) {
		return false
	}
	switch {
	case !conditionID.MatchString(id.s):
		c.fail(id.at, "the id of a %s is letters a-z, digits and _", what)
		return false
	case slices.Contains(reserved, id.s):
		c.fail(id.at, "%q is a word of the language", id.s)
		return false
	case c.variables[id.s] != nil:
		c.fail(id.at, "two conditions are called %q", id.s)
		return false
	}
	c.define(id.s, x, item, set)
	return true
}

// define adds a condition.
func (c *compiler) define(id string, x condition, item, set map[string]*types.Type) {
	is := &schema{name: "item." + id, fields: map[string]*types.Type{
		"artifact": types.StringType, "line": types.IntType, "text": types.StringType, "time": types.TimestampType, "timed": types.BoolType,
	}}
	maps.Copy(is.fields, item)
	ss := &schema{name: "condition." + id, fields: map[string]*types.Type{
		"any": types.BoolType, "count": types.IntType, "first": is.celType(), "last": is.celType(), "all": types.NewListType(is.celType()),
	}}
	maps.Copy(ss.fields, set)
	c.check.schemas[is.name], c.check.schemas[ss.name] = is, ss
	c.variables[id] = ss.celType()
	c.check.conditions = append(c.check.conditions, named{id, x, ss, is})
}

// integer reads a number of a pack.
func (c *compiler) integer(t text) (int, bool) {
	v, err := strconv.Atoi(t.s)
	return v, err == nil
}

// captures checks the named groups of a pattern and returns them as fields; own are the fields that the items have beside ownFields.
func (c *compiler) captures(t text, names []string, own ...string) map[string]*types.Type {
	own = append(slices.Clone(ownFields), own...)
	out := map[string]*types.Type{}
	for _, name := range names {
		if name == "" {
			continue
		}
		if !conditionID.MatchString(name) || slices.Contains(own, name) {
			c.fail(t.at, "a group can't be called %q: use letters a-z, digits and _, and none of %s", name, strings.Join(own, ", "))
			continue
		}
		out[name] = types.StringType
	}
	return out
}

// ownFields are the fields that every line, value, row and file has.
var ownFields = []string{"artifact", "line", "text", "time", "timed"}

// signal compiles a signal.
func (c *compiler) signal(n *signalNode) {
	x := &signal{name: c.check.id + "/" + n.ID.s, kinds: c.kinds(n.Kinds)}
	sig := match.Signal{Name: x.name, Literals: plain(n.Literals), Pattern: strings.TrimSpace(n.Pattern.s)}
	for _, k := range x.kinds {
		sig.Kinds = append(sig.Kinds, string(k))
	}
	if n.Event != nil {
		sig.Literals, sig.Pattern = c.event(n)
		if len(x.kinds) == 0 {
			x.kinds, sig.Kinds = []ingest.Kind{ingest.KindLogEvents}, []string{string(ingest.KindLogEvents)}
		}
	} else if len(n.Literals) == 0 {
		c.fail(n.ID.at, "the signal has no literals: every pattern needs a text of at least three bytes that stands in each line it matches")
	}
	for _, l := range n.Literals {
		if len(l.s) < 3 {
			c.fail(l.at, "the literal %q is shorter than three bytes", l.s)
		}
	}
	if len(sig.Kinds) == 0 {
		c.fail(n.ID.at, "the signal names no kinds of artifacts")
	}
	if len(sig.Literals) == 0 {
		return
	}
	re := c.pattern(n.Pattern, sig.Pattern)
	if re == nil {
		return
	}
	fields := c.captures(n.Pattern, re.SubexpNames())
	if !c.add(n.ID, "signal", x, fields, nil) {
		return
	}
	x.item = c.check.schemas["item."+n.ID.s]
	c.signals[n.ID.s] = x
	c.out.Signals = append(c.out.Signals, sig)
}
