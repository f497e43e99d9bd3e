package pack

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"casebook/findings"
)

// rests returns as few of the check's signals as possible of which at least one must have a hit for a row to confirm or suspect anything; nil if there is no such set.
func (c *check) rests() []string {
	out := map[string]bool{}
	for _, x := range c.conditions {
		if _, is := x.condition.(*signal); is && x.id != bootName { // boots show no problem
			out[x.id] = true
		}
	}
	if !c.silentWithout(out) {
		return nil
	}
	var names []string
	for _, x := range c.conditions {
		if !out[x.id] {
			continue
		}
		if delete(out, x.id); c.silentWithout(out) {
			continue
		}
		out[x.id] = true
		names = append(names, c.id+"/"+x.id)
	}
	return names
}

// silentWithout tells whether no row confirms or suspects anything where none of these signals has a hit: rows are evaluated with conditions on them that
// find nothing, and with nothing known of the other conditions and of the system.
func (c *check) silentWithout(signals map[string]bool) bool {
	empty := map[string]any{}
	unknown := []*cel.AttributePatternType{cel.AttributePattern("system"), cel.AttributePattern("it")}
	for _, x := range c.conditions {
		finds := true
		switch s := x.condition.(type) {
		case *signal:
			finds = !signals[x.id]
		case *count:
			finds = !signals[s.signal]
		case *order:
			finds = !signals[s.first]
		}
		if finds {
			unknown = append(unknown, cel.AttributePattern(x.id))
		} else {
			empty[x.id] = x.set.zero(c.schemas)
		}
	}
	vars, err := cel.PartialVars(empty, unknown...)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(c.rows, func(r row) bool {
		switch {
		case r.verdict != findings.Confirmed && r.verdict != findings.Suspected, r.each != "" && empty[r.each] != nil: // there is no item
			return false
		}
		return r.when == nil || !r.when.never(vars)
	})
}

// never tells whether the expression is false whatever the unknown variables are.
func (x *expression) never(vars cel.PartialActivation) bool {
	program, err := x.env.Program(x.ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return false
	}
	v, _, err := program.Eval(vars)
	return err == nil && v == types.False
}
