package pack

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"casebook/findings"
)

// MaxSize is the size in bytes of the largest pack that is read.
const MaxSize = 1 << 20

// The bounds of a pack.
const (
	maxChecks     = 500
	maxConditions = 100 // of one check, of all sorts together
	maxRows       = 50
	maxTests      = 200
	maxNesting    = 50  // of YAML collections
	maxColumn     = 200 // at which a key of a block collection may stand
)

// Pack is a file of checks with their tests.
type Pack struct {
	Name   string // of the file, as given to Parse
	Checks []*findings.Check
	Tests  []Test // in the order of the file

	source *source
	places map[string]position // of the checks' IDs
}

// Test is a bundle with the findings that a check must give for it.
type Test struct {
	Check *findings.Check
	Name  string
	Line  int // of the test in the file
	// Files are the bundle's members in path order. Their names may end in the suffixes that package fixture knows, such as .hive.reg.
	Files []File
	Want  []Want // one for each finding, in the order of a report
}

// File is a member of a test's bundle.
type File struct {
	Path string
	Data []byte
}

// Want is an expected finding. Empty fields are not compared; nil Subject and System neither.
type Want struct {
	Verdict  findings.Verdict
	Subject  *string
	System   *string
	State    findings.State
	Severity findings.Severity
	Reason   findings.Reason
}

// Parse reads a pack and compiles its checks. name stands in errors. The error joins values of [*Error], at most some twenty; with one there is no
// pack.
func Parse(name string, data []byte) (*Pack, error) {
	s := newSource(name, data)
	if len(data) > MaxSize {
		s.fail(position{}, "a pack has at most %d bytes", MaxSize)
		return nil, s.err()
	}
	if !utf8.Valid(data) {
		s.fail(position{}, "the text is not UTF-8")
		return nil, s.err()
	}
	var f file
	if !s.decode(data, &f) {
		return nil, s.err()
	}
	p := &Pack{Name: name, source: s, places: map[string]position{}}
	switch {
	case f.Schema.s == "":
		s.fail(position{1, 1}, "the key schema is missing; a pack begins with schema: %s", SchemaID)
	case f.Schema.s != SchemaID:
		s.fail(f.Schema.at, "schema is %s, not %q", SchemaID, f.Schema.s)
	}
	if len(f.Checks) == 0 {
		s.fail(position{1, 1}, "no check: the key checks is missing or empty")
	}
	if len(f.Checks) > maxChecks {
		s.fail(f.Checks[maxChecks].ID.at, "a pack has at most %d checks", maxChecks)
		return nil, s.err()
	}
	for i := range f.Checks {
		n := &f.Checks[i]
		if at, ok := p.places[n.ID.s]; ok && n.ID.s != "" {
			s.fail(n.ID.at, "the check %q is in line %d already", n.ID.s, at.line)
			continue
		}
		p.places[n.ID.s] = n.ID.at
		c := s.check(n)
		if c == nil {
			continue
		}
		p.Checks = append(p.Checks, c)
		p.Tests = append(p.Tests, s.tests(n, c)...)
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Join adds the checks of packs to others and returns all in the order of their IDs. It refuses an ID that is there already.
func Join(checks []*findings.Check, packs ...*Pack) ([]*findings.Check, error) {
	out := slices.Clone(checks)
	from := map[string]string{}
	for _, c := range checks {
		from[c.ID] = "is one of casebook's own"
	}
	for _, p := range packs {
		s := &source{name: p.source.name, lines: p.source.lines}
		for _, c := range p.Checks {
			if whose, taken := from[c.ID]; taken {
				s.fail(p.places[c.ID], "a check %q %s; choose another ID", c.ID, whose)
				continue
			}
			from[c.ID] = "stands in " + p.Name + " already"
			out = append(out, c)
		}
		if err := s.err(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b *findings.Check) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Same reports whether two packs have the same text.
func (p *Pack) Same(q *Pack) bool { return slices.Equal(p.source.lines, q.source.lines) }

// decode reads the YAML into f and reports whether it is well formed.
func (s *source) decode(data []byte, f *file) bool {
	if at, what := forbidden(data); what != "" {
		s.fail(at, "%s", what)
		return false
	}
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	err := d.Decode(f)
	if errors.Is(err, io.EOF) {
		s.fail(position{}, "the file is empty")
		return false
	}
	if err == nil {
		var second file
		if err := d.Decode(&second); !errors.Is(err, io.EOF) {
			s.fail(position{}, "a pack is one YAML document; the file has several")
			return false
		}
		return true
	}
	var n *nodeError
	var y yaml.Error
	switch {
	case errors.As(err, &n):
		s.fail(at(n.token), "%s", n.message)
	case errors.As(err, &y):
		s.fail(at(y.GetToken()), "%s", y.GetMessage())
	default:
		s.fail(position{}, "%v", err)
	}
	return false
}

// forbidden looks at the tokens before they are parsed, which is recursive: collections may lie within each other only so deep, and
// anchors and aliases, by which a small text becomes a large value, are refused. It returns "" if nothing is to be said.
func forbidden(data []byte) (position, string) {
	depth := 0
	for _, t := range lexer.Tokenize(string(data)) {
		column := 0
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return at(t), "anchors, aliases and merged keys are not read"
		case token.SequenceEntryType, token.MappingValueType:
			column = t.Position.Column
		default:
		}
		// A block collection needs a column for each level; long lines within a flow collection do not nest.
		if depth > maxNesting || depth == 0 && column > maxColumn {
			return at(t), fmt.Sprintf("more than %d collections within each other, or a key beyond column %d", maxNesting, maxColumn)
		}
	}
	return position{}, ""
}

var (
	checkID     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`)
	conditionID = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// reserved are names that a condition can't have: words of CEL, its functions and types, and variables of ours.
var reserved = []string{
	"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace",
	"return", "var", "void", "while", "bool", "bytes", "double", "dyn", "duration", "int", "list", "map", "string", "timestamp", "type", "uint", "null_type",
	"has", "all", "exists", "exists_one", "filter", "size", "matches", "after", "it", "row", "system", "boot",
}

// need notes that a text is missing; where is a place near it.
func (s *source) need(t text, what string, near position) bool {
	if strings.TrimSpace(t.s) != "" {
		return true
	}
	at := t.at
	if at.line == 0 {
		at = near
	}
	s.fail(at, "%s is missing", what)
	return false
}

// oneOf notes that a text is none of the words.
func oneOf[T ~string](s *source, t text, words []T) T {
	if !slices.Contains(words, T(t.s)) {
		list := make([]string, len(words))
		for i, w := range words {
			list[i] = string(w)
		}
		s.fail(t.at, "%q is none of %s", t.s, strings.Join(list, ", "))
	}
	return T(t.s)
}

// tests reads the tests of a check.
func (s *source) tests(n *checkNode, c *findings.Check) []Test {
	if len(n.Tests) > maxTests {
		s.fail(n.Tests[maxTests].Name.at, "a check has at most %d tests", maxTests)
		return nil
	}
	var out []Test
	names := map[string]bool{}
	for _, tn := range n.Tests {
		if !s.need(tn.Name, "the test's name", n.ID.at) {
			continue
		}
		if names[tn.Name.s] {
			s.fail(tn.Name.at, "two tests are called %q", tn.Name.s)
		}
		names[tn.Name.s] = true
		t := Test{Check: c, Name: tn.Name.s, Line: tn.Name.at.line}
		for name, data := range tn.Files {
			if clean := path.Clean(name); clean != name || path.IsAbs(name) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(name, `\:`) {
				s.fail(data.at, "%q is no relative path with / between its parts", name)
				continue
			}
			t.Files = append(t.Files, File{name, []byte(data.s)})
		}
		slices.SortFunc(t.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		if len(tn.Want) == 0 {
			s.fail(tn.Name.at, "the test %q wants nothing: the key want is missing or empty", tn.Name.s)
		}
		for _, w := range tn.Want {
			if !s.need(w.Verdict, "the verdict that is wanted", tn.Name.at) {
				continue
			}
			want := Want{Verdict: oneOf(s, w.Verdict, verdicts)}
			if w.Subject != nil {
				want.Subject = &w.Subject.s
			}
			if w.System != nil {
				want.System = &w.System.s
			}
			if w.State.s != "" {
				want.State = oneOf(s, w.State, states)
			}
			if w.Severity.s != "" {
				want.Severity = oneOf(s, w.Severity, findings.Severities())
			}
			if w.Reason.s != "" {
				want.Reason = oneOf(s, w.Reason, reasons)
			}
			t.Want = append(t.Want, want)
		}
		out = append(out, t)
	}
	return out
}

var (
	verdicts = []findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated}
	states   = []findings.State{findings.Active, findings.Resolved, findings.Predicted, findings.Unknown}
	reasons  = []findings.Reason{findings.ProductAbsent, findings.DataMissing}
	roles    = []findings.Role{findings.Supports, findings.Contradicts, findings.Context}
)

// String says what is wanted, as the command prints it.
func (w Want) String() string {
	return describe(w.Verdict, w.Severity, w.State, w.Reason, w.System, w.Subject)
}

// Got describes a finding in the form of a Want.
func Got(f findings.Finding) string {
	state := f.State
	if f.Verdict == findings.NotEvaluated {
		state = ""
	}
	return describe(f.Verdict, f.Severity, state, f.Reason, &f.System, &f.Subject)
}

func describe(v findings.Verdict, severity findings.Severity, state findings.State, reason findings.Reason, system, subject *string) string {
	parts := []string{string(v)}
	for _, p := range []string{string(severity), string(state), string(reason)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if system != nil && *system != "" {
		parts = append(parts, "on", *system)
	}
	if subject != nil && *subject != "" {
		parts = append(parts, fmt.Sprintf("subject %q", *subject))
	}
	return strings.Join(parts, " ")
}

// Met reports whether a finding is as wanted.
func (w Want) Met(f findings.Finding) bool {
	return w.Verdict == f.Verdict && (w.Subject == nil || *w.Subject == f.Subject) && (w.System == nil || *w.System == f.System) &&
		(w.State == "" || w.State == f.State) && (w.Severity == "" || w.Severity == f.Severity) && (w.Reason == "" || w.Reason == f.Reason)
}
