package pack

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"casebook/findings"
	"casebook/findings/facts"
)

const (
	// maxCost is what one evaluation of an expression may cost in CEL's units, some tens of nanoseconds each.
	maxCost = 2_000_000
	// maxExpression is the length of an expression in characters.
	maxExpression = 4 << 10
	// maxRendered is the length in bytes of a text that a template makes.
	maxRendered = 8 << 10
)

// object is a value of a condition as an expression sees it: a condition itself, or one line, value or row that it found. Its fields
// are those that its type in the schema has.
type object struct {
	schema *schema
	values map[string]any

	// Of a line, value or row.
	facts *facts.Facts
	match *facts.Match
	proof func(role findings.Role, note string) []findings.Evidence
	// Of a condition.
	items []*object
}

// ConvertToNative implements ref.Val; an object is nothing else.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s is no %s", o.schema.name, t)
}

// ConvertToType implements ref.Val; an object is of its own type only.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.schema.celType()
	}
	return types.NewErr("%s is no %s", o.schema.name, t.TypeName())
}

// Equal implements ref.Val: an object equals itself.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(o)) }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.schema.celType() }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// schema is the type of an object.
type schema struct {
	name   string
	fields map[string]*types.Type
}

func (s *schema) celType() *types.Type { return types.NewObjectType(s.name) }

// zero returns an object whose fields are empty, so that expressions about what was not found have a value.
func (s *schema) zero(all map[string]*schema) *object {
	o := &object{schema: s, values: map[string]any{}}
	for name, t := range s.fields {
		o.values[name] = zeroOf(t, all)
	}
	return o
}

func zeroOf(t *types.Type, all map[string]*schema) any {
	switch {
	case t.Kind() == types.StructKind:
		return all[t.TypeName()].zero(all)
	case t.Kind() == types.ListKind:
		return []ref.Val{}
	case t.Kind() == types.BoolKind:
		return false
	case t.Kind() == types.IntKind:
		return int64(0)
	case t.Kind() == types.TimestampKind:
		return time.Unix(0, 0).UTC()
	case t.Kind() == types.DurationKind:
		return time.Duration(0)
	}
	return ""
}

// provider tells CEL the types of a check's conditions, so that a misspelt name is an error of compilation.
type provider struct {
	types.Provider
	schemas map[string]*schema
}

// FindStructType implements types.Provider.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if s := p.schemas[name]; s != nil {
		return types.NewTypeTypeWithParam(s.celType()), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if s := p.schemas[name]; s != nil {
		return slices.Sorted(maps.Keys(s.fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s := p.schemas[name]
	if s == nil {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := s.fields[field]
	if !ok {
		return nil, false
	}
	get := func(from any) (any, error) {
		o, ok := from.(*object)
		if !ok {
			return nil, fmt.Errorf("no field %s", field)
		}
		return o.values[field], nil
	}
	return &types.FieldType{
		Type:    t,
		GetFrom: get,
		IsSet: func(from any) bool {
			v, err := get(from)
			return err == nil && v != nil && v != ""
		},
	}, true
}

// environment compiles the expressions of one check.
type environment struct {
	env     *cel.Env
	schemas map[string]*schema
}

// newEnvironment returns the environment in which the variables have these types.
func newEnvironment(schemas map[string]*schema, variables map[string]*types.Type) (*environment, error) {
	base, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(provider{base, schemas}), cel.CustomTypeAdapter(base),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(64), cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true),
		ext.Strings(ext.StringsVersion(4)), cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
		cel.Function("after", cel.Overload("after_any_any", []*cel.Type{cel.DynType, cel.DynType}, cel.BoolType, cel.BinaryBinding(after))),
	}
	for name, t := range variables {
		options = append(options, cel.Variable(name, t))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	return &environment{env: env, schemas: schemas}, nil
}

// after tells whether one line was written later than another, as far as that is certain.
func after(a, b ref.Val) ref.Val {
	x, okx := a.(*object)
	y, oky := b.(*object)
	if !okx || !oky {
		return types.NewErr("after compares two lines")
	}
	if x.match == nil || y.match == nil {
		return types.False
	}
	return types.Bool(x.facts.Later(*x.match, *y.match))
}

// expression is a compiled expression.
type expression struct {
	program cel.Program
	out     *cel.Type
	names   []string // the variables that it refers to, each once
	env     *cel.Env
	ast     *cel.Ast
}

// compile compiles the expression that stands at an offset of a scalar, and notes what is wrong with it.
func (e *environment) compile(s *source, in text, offset int, code string) *expression {
	fail := func(at int, message string) {
		s.fail(s.within(in, offset+at), "%s", message)
	}
	if strings.TrimSpace(code) == "" {
		fail(0, "an empty expression")
		return nil
	}
	ast, issues := e.env.Compile(code)
	if issues.Err() != nil {
		for _, i := range issues.Errors() {
			at := lineOffset(code, i.Location.Line()) + byteOffset(code[lineOffset(code, i.Location.Line()):], max(0, i.Location.Column()))
			fail(at, strings.ReplaceAll(i.Message, "\n", " "))
		}
		return nil
	}
	program, err := e.env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		fail(0, err.Error())
		return nil
	}
	out := &expression{program: program, out: ast.OutputType(), env: e.env, ast: ast}
	celast.PreOrderVisit(ast.NativeRep().Expr(), celast.NewExprVisitor(func(x celast.Expr) {
		if x.Kind() == celast.IdentKind && !slices.Contains(out.names, x.AsIdent()) {
			out.names = append(out.names, x.AsIdent())
		}
	}))
	return out
}

// lineOffset is where a line, from 1, begins in s.
func lineOffset(s string, line int) int {
	at := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(s[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return at
}

// eval evaluates the expression.
func (x *expression) eval(variables map[string]any) (ref.Val, error) {
	v, _, err := x.program.Eval(variables)
	return v, err
}

// condition compiles an expression that must be true or false.
func (e *environment) condition(s *source, t text) *expression {
	x := e.compile(s, t, 0, t.s)
	if x != nil && x.out.Kind() != types.BoolKind {
		s.fail(t.at, "the condition is no bool but %s", x.out)
		return nil
	}
	return x
}

// template is a text with expressions in ${…}.
type template struct {
	parts []templatePart
}

type templatePart struct {
	literal string
	value   *expression
}

// template compiles a text; $${ stands for ${.
func (e *environment) template(s *source, t text) *template {
	out := &template{}
	rest, at := t.s, 0
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.parts = append(out.parts, templatePart{literal: rest})
			return out
		}
		if i > 0 && rest[i-1] == '$' {
			out.parts = append(out.parts, templatePart{literal: rest[:i-1] + "${"})
			rest, at = rest[i+2:], at+i+2
			continue
		}
		n := closing(rest[i+2:])
		if n < 0 {
			s.fail(s.within(t, at+i), "${ without its }")
			return nil
		}
		out.parts = append(out.parts, templatePart{literal: rest[:i]})
		x := e.compile(s, t, at+i+2, rest[i+2:i+2+n])
		if x == nil {
			return nil
		}
		switch x.out.Kind() {
		case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind, types.TimestampKind, types.DurationKind, types.DynKind:
		case types.ListKind:
			if x.out.Parameters()[0].Kind() != types.StringKind {
				s.fail(s.within(t, at+i), "a list that is no list of texts can't be shown")
				return nil
			}
		default:
			s.fail(s.within(t, at+i), "%s can't be shown; name one of its fields", x.out)
			return nil
		}
		out.parts = append(out.parts, templatePart{value: x})
		rest, at = rest[i+2+n+1:], at+i+2+n+1
	}
}

// closing returns where the brace that ends an expression stands, outside of quotes and inner braces; -1 if there is none.
func closing(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

// render makes the text.
func (t *template) render(variables map[string]any) (string, error) {
	if t == nil {
		return "", nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.value == nil {
			continue
		}
		v, err := p.value.eval(variables)
		if err != nil {
			return "", err
		}
		b.WriteString(display(v))
		if b.Len() > maxRendered {
			return clip(b.String(), maxRendered/4), nil
		}
	}
	return b.String(), nil
}

// display is a value as a sentence shows it.
func display(v ref.Val) string {
	switch x := v.Value().(type) {
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case time.Time:
		return findings.Timestamp(x)
	case time.Duration:
		return duration(x)
	}
	if l, ok := v.(interface{ Size() ref.Val }); ok && v.Type() == types.ListType {
		var parts []string
		for i := range int(l.Size().(types.Int)) {
			parts = append(parts, display(v.(interface{ Get(ref.Val) ref.Val }).Get(types.Int(i))))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v.Value())
}

// duration is a length of time in words.
func duration(d time.Duration) string {
	one := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return strconv.FormatInt(n, 10) + " " + unit + "s"
	}
	switch s := int64(d / time.Second); {
	case s >= 2*86400:
		return one(s/86400, "day")
	case s >= 2*3600:
		return one(s/3600, "hour")
	case s >= 2*60:
		return one(s/60, "minute")
	default:
		return one(s, "second")
	}
}
