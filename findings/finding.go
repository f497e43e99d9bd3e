package findings

// Verdict is the outcome of a check for one subject.
type Verdict string

// The verdicts, in the order in which a report lists them.
const (
	Confirmed    Verdict = "confirmed"     // evidence in the bundle proves the cause
	Suspected    Verdict = "suspected"     // symptoms or a necessary condition are there, proof is not
	RuledOut     Verdict = "ruled-out"     // the evidence that would show the problem is there and contradicts it
	NotEvaluated Verdict = "not-evaluated" // the bundle lacks what the check needs
)

// Severity is how much a finding matters. Info never takes the headline.
type Severity string

// The severities, from the gravest.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Severities lists the severities from the gravest.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

// State says whether a finding's problem is over.
type State string

// The states.
const (
	Active    State = "active"
	Resolved  State = "resolved"  // the bundle shows that it was over by its end
	Predicted State = "predicted" // it has not happened yet and will
	Unknown   State = "unknown"
)

// Reason says why a check was not evaluated.
type Reason string

// The reasons.
const (
	ProductAbsent Reason = "product-absent" // nothing in the bundle shows the product
	DataMissing   Reason = "data-missing"   // the product is there, what the check needs is not
)

// Role says what evidence does to the claim.
type Role string

// The roles.
const (
	Supports    Role = "supports"
	Contradicts Role = "contradicts"
	Context     Role = "context"
)

// Finding is the outcome of one check for one subject.
type Finding struct {
	Check    string   `json:"check"`
	Subject  string   `json:"subject"` // "" for a verdict on the whole check
	System   string   `json:"system"`  // "" if of none or of several
	Verdict  Verdict  `json:"verdict"`
	Severity Severity `json:"severity"`
	State    State    `json:"state"`
	Reason   Reason   `json:"reason,omitempty"`
	Title    string   `json:"title"`
	Summary  string   `json:"summary"`
	Cause    string   `json:"cause"`
	Remedy   []string `json:"remedy"`
	// Risk, Undo and Cured belong to the remedy: what it can break, how it is taken back, and by what the next upload will
	// show that it worked. Overturns says what would show that the verdict is wrong. Of confirmed and suspected findings.
	Risk      string `json:"risk,omitempty"`
	Undo      string `json:"undo,omitempty"`
	Cured     string `json:"cured,omitempty"`
	Overturns string `json:"overturns,omitempty"`
	// Unmet says why a check did not fire: the first condition that failed, and where. Of ruled-out and not-evaluated findings.
	Unmet      string      `json:"unmet,omitempty"`
	References []Reference `json:"references"`
	Rivals     []Rival     `json:"rivals"`
	Evidence   []Evidence  `json:"evidence"`
	Missing    []Missing   `json:"missing"`
	// Names are machines, domains and people that only the check knows to be such; the report lists them among its own names.
	Names []Name `json:"-"`
}

// Reference is a public document that a check rests on.
type Reference struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Rival is another explanation of the same symptoms and what the bundle says of it.
type Rival struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // what the bundle says of it, in one sentence
}

// Evidence is one fact with its place, in a form that a machine can check.
type Evidence struct {
	Artifact string  `json:"artifact"`
	Line     int     `json:"line,omitempty"`  // 1-based in the decoded text; 0 for a binary hive
	Key      string  `json:"key,omitempty"`   // registry key below the hive's root, or as an export states it
	Value    *string `json:"value,omitempty"` // registry value's name, "" for the default value; nil if the evidence is no value
	Quote    string  `json:"quote,omitempty"` // verbatim; at most 400 characters, then …
	Time     string  `json:"time,omitempty"`  // RFC 3339 in UTC; "" if the zone can't be known
	// LocalTime is what the log's clock showed, RFC 3339 with its offset if that is known, else without one; "" if the record has no time.
	LocalTime string `json:"local_time,omitempty"`
	Absent    bool   `json:"absent,omitempty"`
	Role      Role   `json:"role"`
	Note      string `json:"note,omitempty"` // what it means: decoded codes, the reader's words; never part of the quote
	// Before and After are the decoded lines around a text artifact's evidence, for the reader.
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
}

// Missing is something that the bundle lacks and that would settle a verdict.
type Missing struct {
	What    string `json:"what"`
	Why     string `json:"why"`
	Collect string `json:"collect"` // the exact command or path that the customer should run or send
}
