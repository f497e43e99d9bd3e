package query

import (
	"strings"
	"time"

	"casebook/index/words"
)

// Node is a part of a query. Its String is the query in the language's own words: parsing it gives an equal tree.
type Node interface {
	String() string
	node()
}

// And matches what all its nodes match.
type And struct{ Nodes []Node }

// Or matches what one of its nodes matches.
type Or struct{ Nodes []Node }

// Not matches what its node does not match.
type Not struct{ Node Node }

// Text matches what holds a word, words with punctuation, a phrase or a regular expression.
type Text struct {
	Value string
	Form  Form
	words.Matcher
}

// Form is how a text was written.
type Form uint8

// The forms.
const (
	Words  Form = iota // with * and ? as wildcards
	Phrase             // in quotes
	Regexp             // between slashes
)

// Code matches what holds an error code in any of its spellings, as a number of its own.
type Code struct {
	Text Text // as it was written
	words.Matcher
}

// Field matches what has a field in which the text occurs.
type Field struct {
	Name Name
	Text Text
}

// Number matches what has a number in a field that is at least From and at most To.
type Number struct {
	Name     Name
	From, To int64  // math.MinInt64 and math.MaxInt64 where the range is open
	Expr     string // as it was written
}

// Time matches records whose time is at or after From and before To. A zero bound is open.
type Time struct {
	From, To time.Time
	Expr     string // as it was written
}

func (And) node()    {}
func (Or) node()     {}
func (Not) node()    {}
func (Text) node()   {}
func (Code) node()   {}
func (Field) node()  {}
func (Number) node() {}
func (Time) node()   {}

// Name is the name of a field.
type Name string

// The fields.
const (
	Case      Name = "case"      // the case's ID
	Label     Name = "label"     // a label of the case, as its name, an equals sign and one of its values
	Host      Name = "host"      // the system that an artifact belongs to
	File      Name = "file"      // the artifact's path, with either slash; path: is the same
	Kind      Name = "kind"      // the artifact's kind; of a finding "finding"
	Component Name = "component" // of a log record
	Severity  Name = "severity"  // info, warning, error of a record; critical to info of a finding
	Check     Name = "check"     // the check of a finding
	Verdict   Name = "verdict"   // of a finding
	Key       Name = "key"       // of a registry value
	Value     Name = "value"     // a registry value's name
	Type      Name = "type"      // a registry value's type

	Line   Name = "line"   // a line of the record
	Thread Name = "thread" // of a log record
	Size   Name = "size"   // the artifact's bytes

	code  Name = "code"
	time_ Name = "time"
)

// Names lists the fields that take a text. The others are code, time and those of [Numbers].
func Names() []Name {
	return []Name{Case, Check, Component, File, Host, Key, Kind, Label, Severity, Type, Value, Verdict}
}

// Numbers lists the fields that take a number or a range.
func Numbers() []Name { return []Name{Line, Size, Thread} }

// String returns the nodes joined by AND.
func (a And) String() string {
	parts := make([]string, len(a.Nodes))
	for i, n := range a.Nodes {
		switch n.(type) {
		case Or, And:
			parts[i] = "(" + n.String() + ")"
		default:
			parts[i] = n.String()
		}
	}
	return strings.Join(parts, " AND ")
}

// String returns the nodes joined by OR.
func (o Or) String() string {
	parts := make([]string, len(o.Nodes))
	for i, n := range o.Nodes {
		parts[i] = n.String()
		if _, ok := n.(Or); ok {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, " OR ")
}

// String returns the node behind NOT.
func (n Not) String() string {
	switch n.Node.(type) {
	case And, Or:
		return "NOT (" + n.Node.String() + ")"
	}
	return "NOT " + n.Node.String()
}

// String returns the text as it has to be typed.
func (t Text) String() string {
	switch t.Form {
	case Phrase:
		return `"` + strings.ReplaceAll(t.Value, `"`, `""`) + `"`
	case Regexp:
		return "/" + t.Value + "/"
	default:
		return t.Value
	}
}

// String returns the code as it was written.
func (c Code) String() string { return string(code) + ":" + c.Text.String() }

// String returns the field and its text.
func (f Field) String() string { return string(f.Name) + ":" + f.Text.String() }

// String returns the range as it was written.
func (n Number) String() string { return string(n.Name) + ":" + n.Expr }

// String returns the range as it was written.
func (t Time) String() string { return "time:" + t.Expr }
