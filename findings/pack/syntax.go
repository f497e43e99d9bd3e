package pack

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The types of this file are the shape of a pack's YAML; docs/check-packs.md says what each key means, and docs/check-pack.schema.json
// states the same for editors. A test holds the three together.

// SchemaID is the value of the key schema, which says what the file is.
const SchemaID = "casebook.pack/1"

// file is a pack.
type file struct {
	Schema text        `yaml:"schema"`
	Checks []checkNode `yaml:"checks"`
}

// checkNode is one check.
type checkNode struct {
	ID       text        `yaml:"id"`
	Title    text        `yaml:"title"`
	Severity text        `yaml:"severity"`
	Product  productNode `yaml:"product"`
	Needs    []needNode  `yaml:"needs"`

	Signals  []signalNode   `yaml:"signals"`
	Registry []registryNode `yaml:"registry"`
	Tables   []tableNode    `yaml:"tables"`
	Files    []fileNode     `yaml:"files"`
	Counts   []countNode    `yaml:"counts"`
	Orders   []orderNode    `yaml:"orders"`
	Verdicts []verdictNode  `yaml:"verdicts"`

	Cause          text            `yaml:"cause"`
	Remedy         []text          `yaml:"remedy"`
	Risk           text            `yaml:"risk"`
	Undo           text            `yaml:"undo"`
	Cured          text            `yaml:"cured"`
	Overturns      text            `yaml:"overturns"`
	Proves         []text          `yaml:"proves"`
	Suggests       []text          `yaml:"suggests"`
	Exonerates     []text          `yaml:"exonerates"`
	FalsePositives text            `yaml:"false_positives"`
	NotCovered     text            `yaml:"not_covered"`
	References     []referenceNode `yaml:"references"`

	Tests []testNode `yaml:"tests"`
}

// productNode says how a bundle shows that the product is there.
type productNode struct {
	Name  text   `yaml:"name"`
	Words []text `yaml:"words"`
	Kinds []text `yaml:"kinds"`
}

// needNode is what a check can't do without.
type needNode struct {
	Kinds   []text `yaml:"kinds"`
	What    text   `yaml:"what"`
	Why     text   `yaml:"why"`
	Collect text   `yaml:"collect"`
}

// signalNode is a line of interest.
type signalNode struct {
	ID       text       `yaml:"id"`
	Kinds    []text     `yaml:"kinds"`
	Literals []text     `yaml:"literals"`
	Pattern  text       `yaml:"pattern"`
	Event    *eventNode `yaml:"event"`
}

// eventNode is an event of Windows' event log.
type eventNode struct {
	Source text   `yaml:"source"`
	IDs    []text `yaml:"ids"`
}

// fileNode is a file of the bundle.
type fileNode struct {
	ID    text   `yaml:"id"`
	Path  text   `yaml:"path"` // a pattern
	Kinds []text `yaml:"kinds"`
}

// registryNode is a value, or a key, of the registry.
type registryNode struct {
	ID      text   `yaml:"id"`
	Keys    []text `yaml:"keys"`
	Value   *text  `yaml:"value"` // nil: the key itself
	Exists  *text  `yaml:"exists"`
	Equals  *text  `yaml:"equals"`
	Matches text   `yaml:"matches"`
	AtLeast *text  `yaml:"at_least"`
	AtMost  *text  `yaml:"at_most"`
}

// tableNode picks rows of typed artifacts.
type tableNode struct {
	ID    text `yaml:"id"`
	Table text `yaml:"table"`
	Where text `yaml:"where"`
}

// countNode counts lines within a time.
type countNode struct {
	ID      text   `yaml:"id"`
	Signal  text   `yaml:"signal"`
	Same    []text `yaml:"same"`
	Within  text   `yaml:"within"`
	AtLeast text   `yaml:"at_least"`
	Since   text   `yaml:"since"`
}

// orderNode is one line after another.
type orderNode struct {
	ID     text   `yaml:"id"`
	First  text   `yaml:"first"`
	Then   text   `yaml:"then"`
	Within text   `yaml:"within"`
	Same   []text `yaml:"same"`
	Since  text   `yaml:"since"`
}

// verdictNode is a row of the verdict table.
type verdictNode struct {
	When     text           `yaml:"when"`
	Each     text           `yaml:"each"`
	Verdict  text           `yaml:"verdict"`
	Subject  text           `yaml:"subject"`
	Severity text           `yaml:"severity"`
	State    text           `yaml:"state"`
	Reason   text           `yaml:"reason"`
	Title    text           `yaml:"title"`
	Summary  text           `yaml:"summary"`
	Cause    text           `yaml:"cause"`
	Remedy   []text         `yaml:"remedy"`
	Evidence []evidenceNode `yaml:"evidence"`
	Missing  []missingNode  `yaml:"missing"`
	Rivals   []rivalNode    `yaml:"rivals"`
	Unmet    text           `yaml:"unmet"`
}

// evidenceNode says which records or values a row quotes.
type evidenceNode struct {
	Of   text `yaml:"of"`
	Role text `yaml:"role"`
	Take text `yaml:"take"`
	Note text `yaml:"note"`
}

// missingNode is what would settle a verdict.
type missingNode struct {
	What    text `yaml:"what"`
	Why     text `yaml:"why"`
	Collect text `yaml:"collect"`
}

// rivalNode is another explanation.
type rivalNode struct {
	Name    text `yaml:"name"`
	Verdict text `yaml:"verdict"`
}

// referenceNode is a public document.
type referenceNode struct {
	Title text `yaml:"title"`
	URL   text `yaml:"url"`
}

// testNode is a bundle with the verdicts that it must give.
type testNode struct {
	Name  text            `yaml:"name"`
	Files map[string]text `yaml:"files"`
	Want  []wantNode      `yaml:"want"`
}

// wantNode is an expected finding.
type wantNode struct {
	Verdict  text  `yaml:"verdict"`
	Subject  *text `yaml:"subject"`
	System   *text `yaml:"system"`
	State    text  `yaml:"state"`
	Severity text  `yaml:"severity"`
	Reason   text  `yaml:"reason"`
}

// text is a scalar with its place.
type text struct {
	s  string
	at position
}

// UnmarshalYAML takes a scalar of any style; numbers and truth values are taken as they are written.
func (t *text) UnmarshalYAML(n ast.Node) error {
	t.at = at(n.GetToken())
	switch n := n.(type) {
	case *ast.StringNode:
		t.s = n.Value
	case *ast.LiteralNode:
		t.s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		t.s = n.GetToken().Value
	case *ast.NullNode:
	default:
		return &nodeError{n.GetToken(), fmt.Sprintf("a text is wanted here, not a %s", n.Type())}
	}
	return nil
}

// nodeError is an error at a token.
type nodeError struct {
	token   *token.Token
	message string
}

func (e *nodeError) Error() string { return e.message }

// at is a token's place.
func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

// strings returns the texts without their places.
func plain(list []text) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.s
	}
	return out
}
