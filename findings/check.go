package findings

import (
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
)

// Check is one known problem: how it is told, what it needs, what it means and what to do. It is a value; [Run] runs it.
type Check struct {
	ID       string // names the bad state in kebab-case; the file of the check has the same name
	Title    string // one line that names the problem
	Severity Severity
	Product  Product
	Needs    []Need // all must be met; the check is not evaluated on a system where one is not
	Signals  []match.Signal
	// Rests returns texts without one of which nothing is confirmed or suspected, so that only cases that hold one must be looked at for the check; the zero value if the check may
	// find something without. It may be nil itself, which says nothing. Tests hold it against all fixtures and samples.
	Rests func() Traces
	// Observe looks at the records that the signals hit where a match alone does not do. Its Check is filled in.
	Observe *facts.Watch
	// Apart says that the subjects of RunAll are matters of their own: a not-evaluated finding on one stands beside verdicts on others.
	Apart  bool
	Before []Precedence // which other checks' remedies wait for this one's
	Doc    Doc

	// Run looks at one system. It returns at least one finding. Empty fields are filled in from the check.
	Run func(f *facts.Facts) ([]Finding, error)
	// RunAll is for checks that compare systems or judge what belongs to none; it takes the place of Run and, if one system meets the
	// needs, sees all together: what tells of one computer may lie with another, or with none.
	RunAll func(all []*facts.Facts) ([]Finding, error)
}

// Traces are texts of which a case holds one, in any case of letters, where a check can confirm or suspect something.
type Traces struct {
	Signals []string // names of signals of the check: one of the literals of one of them, in a record
	Texts   []string // strings of three bytes or more that stand in a record, or in a registry value with its key, name and data
}

// Any tells whether there is a trace at all.
func (t Traces) Any() bool { return len(t.Signals)+len(t.Texts) > 0 }

// Product says how a bundle shows that the product of a check is there at all.
type Product struct {
	Name  string
	Words []string                // one of them in an artifact's path shows it
	Kinds []ingest.Kind           // an artifact of one of these kinds shows it
	Seen  func(*facts.Facts) bool // anything else; may be nil
}

// Seen reports whether a system shows the product.
func (p Product) seen(f *facts.Facts) bool {
	return len(p.Words) > 0 && f.Mentions(p.Words...) || len(p.Kinds) > 0 && f.Has(p.Kinds...) || p.Seen != nil && p.Seen(f)
}

// Need is something without which a check can't say anything.
type Need struct {
	AnyOf []ingest.Kind           // an artifact of one of these kinds; nil if only Met tells
	Met   func(*facts.Facts) bool // whether those artifacts hold what is needed; nil if the kind is enough
	What  string                  // what to ask for, e.g. "the SYSTEM registry hive"
	Why   string
	// Collect is the exact command or path that the customer should run or send.
	Collect string
}

func (n Need) met(f *facts.Facts) bool {
	return (len(n.AnyOf) == 0 || f.Has(n.AnyOf...)) && (n.Met == nil || n.Met(f))
}

// Missing is the need as a finding asks for it.
func (n Need) Missing() Missing { return Missing{What: n.What, Why: n.Why, Collect: n.Collect} }

// Doc is a check's knowledge, as docs/checks.md and the report show it.
type Doc struct {
	Cause          string   // the mechanism first, then the consequence
	Remedy         []string // steps
	Risk           string   // what the remedy can break or cost
	Undo           string   // how the remedy is taken back
	Cured          string   // by what the next upload will show that the remedy worked
	Overturns      string   // what would show that a confirmed finding is wrong
	Proves         []string // what is taken for proof
	Suggests       []string // what merely suggests
	Exonerates     []string // what rules it out
	FalsePositives string
	NotCovered     string
	References     []Reference
}
