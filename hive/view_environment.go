package hive

import (
	"slices"
	"strings"
)

// Variable is one environment variable of the machine.
type Variable struct {
	Name  string
	Value string // unexpanded: %SystemRoot%\…
	Found Found
}

// Environment returns the machine's environment variables of the first source that has any, ordered by name.
func (r *Registry) Environment() []Variable {
	for _, k := range r.Keys(sessionManager + `\Environment`) {
		var out []Variable
		for _, v := range k.Values() {
			if v.text() && v.Name != "" {
				out = append(out, Variable{Name: v.Name, Value: v.String(), Found: k.At(v)})
			}
		}
		if len(out) > 0 {
			slices.SortStableFunc(out, func(a, b Variable) int { return strings.Compare(foldString(a.Name), foldString(b.Name)) })
			return out
		}
	}
	return nil
}
