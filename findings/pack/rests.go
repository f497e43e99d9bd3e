package pack

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"casebook/findings"
)

// rests returns the check's signals if no row can confirm or suspect anything where none of them has a hit; nil if that can't be told. Rows are evaluated with
// conditions on lines that find nothing, and with nothing known of registries, tables, files, boots and the system.
func (c *compiler) rests() []string {
	empty := map[string]any{}
	unknown := []*cel.AttributePatternType{cel.AttributePattern("system"), cel.AttributePattern("it")}
	var signals []string
	for _, x := range c.check.conditions {
		switch s := x.condition.(type) {
		case *signal:
			if x.id == bootName { // shows no problem
				unknown = append(unknown, cel.AttributePattern(x.id))
				continue
			}
			signals = append(signals, s.name)
			empty[x.id] = x.set.zero(c.check.schemas)
		case *count, *order:
			empty[x.id] = x.set.zero(c.check.schemas)
		default:
			unknown = append(unknown, cel.AttributePattern(x.id))
		}
	}
	vars, err := cel.PartialVars(empty, unknown...)
	if err != nil {
		return nil
	}
	for i := range c.check.rows {
		r := &c.check.rows[i]
		switch {
		case r.verdict != findings.Confirmed && r.verdict != findings.Suspected:
		case r.each != "" && empty[r.each] != nil: // it has no items
		case r.when == nil || !r.when.never(vars):
			return nil
		}
	}
	slices.Sort(signals)
	return signals
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
