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

// Text matches what holds a word, words with punctuation, or a phrase.
type Text struct {
	Value  string
	Quoted bool // * and ? are no wildcards
	// Pattern is Value compiled.
	Pattern *words.Pattern
}

// Field matches what has a field in which the text occurs.
type Field struct {
	Name Name
	Text Text
}

// Time matches records whose time is at or after From and before To. A zero bound is open.
type Time struct {
	From, To time.Time
	Expr     string // as it was written
}

func (And) node()   {}
func (Or) node()    {}
func (Not) node()   {}
func (Text) node()  {}
func (Field) node() {}
func (Time) node()  {}

// Name is the name of a field.
type Name string

// The fields.
const (
	Host      Name = "host"      // the system that an artifact belongs to
	Component Name = "component" // of a log record
	Severity  Name = "severity"  // info, warning, error of a record; critical to info of a finding
	File      Name = "file"      // the artifact's path, with either slash
	Kind      Name = "kind"      // the artifact's kind
	Check     Name = "check"     // the check of a finding
	time_     Name = "time"
)

// Names lists the fields that take a text; the time range is the only other.
func Names() []Name { return []Name{Check, Component, File, Host, Kind, Severity} }

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
	if t.Quoted {
		return `"` + strings.ReplaceAll(t.Value, `"`, `""`) + `"`
	}
	return t.Value
}

// String returns the field and its text.
func (f Field) String() string { return string(f.Name) + ":" + f.Text.String() }

// String returns the range as it was written.
func (t Time) String() string { return "time:" + t.Expr }
