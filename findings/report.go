package findings

import "casebook/ingest"

// Schema names the form of report.json.
const Schema = "casebook.report/1"

// Report is everything that an analysis says; report.json is its JSON form. Docs: docs/report.md.
type Report struct {
	Schema    string           `json:"schema"`
	Tool      Tool             `json:"tool"`
	Bundle    *Upload          `json:"bundle,omitempty"`  // of a single upload
	Bundles   []Upload         `json:"bundles,omitempty"` // of several uploads that are one case
	Case      string           `json:"case,omitempty"`    // the case's ID if one was given
	Window    Window           `json:"window"`
	Incident  *Incident        `json:"incident,omitempty"` // if its time was given
	Systems   []System         `json:"systems"`
	Artifacts []Artifact       `json:"artifacts"`
	Sequences []Sequence       `json:"sequences"`
	Sensitive []Sensitive      `json:"sensitive"`
	Findings  []Finding        `json:"findings"`
	Request   Request          `json:"request"`
	Problems  []ingest.Problem `json:"problems"`
	Timeline  Timeline         `json:"timeline"`
	Registry  []KeyExcerpt     `json:"registry"` // the keys that evidence names
	Errors    []ErrorKind      `json:"errors"`   // the kinds of errors in the logs, the rarest first
	Notable   []Evidence       `json:"notable"`  // the first errors of the bundle, for a reader whom no verdict helps
	// Statements are what people wrote: mails, and notes that came with the upload.
	Statements []Statement `json:"statements,omitempty"`
	// Names are the machines, domains and people that the analysis knows beside the systems, as far as the report may name them: what a redaction must not miss.
	Names []Name `json:"names,omitempty"`
	// Redacted says of a redacted report what was replaced and what can't be known; "" of every other.
	Redacted string `json:"redacted,omitempty"`
}

// Tool is what made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Upload is one bundle as it was received.
type Upload struct {
	Name   string `json:"name"`   // base name of the file or folder
	SHA256 string `json:"sha256"` // "" if it could not be read
	Bytes  int64  `json:"bytes"`
	Format string `json:"format"`
}

// Window is the time that the bundle covers: first and last record time whose offset is known, RFC 3339 in UTC; "" if none.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Incident is when the trouble happened, and whether the bundle can tell of it.
type Incident struct {
	Time    string  `json:"time"` // RFC 3339 in UTC
	Covered Covered `json:"covered"`
}

// Covered says where the incident lies to the window.
type Covered string

// The places of an incident. Records within the window may still be missing around it.
const (
	CoveredWithin  Covered = "within"
	CoveredBefore  Covered = "before"  // the first record is later
	CoveredAfter   Covered = "after"   // the last record is earlier
	CoveredUnknown Covered = "unknown" // no record's time is certain
)

// System is one machine that the bundle tells of.
type System struct {
	ID             string            `json:"id"`
	ComputerName   string            `json:"computer_name"`
	ControlSet     *int              `json:"control_set"` // nil for an export of CurrentControlSet, or if unknown
	TimeZone       *TimeZone         `json:"time_zone"`
	CodePage       int               `json:"code_page"` // ANSI; 0 if unknown
	OEMCodePage    int               `json:"oem_code_page"`
	Hive           string            `json:"hive"` // the artifact that the SYSTEM facts come from
	HiveState      string            `json:"hive_state"`
	HiveWritten    string            `json:"hive_written,omitempty"`
	Product        string            `json:"product"`
	MachineGUID    string            `json:"machine_guid"`
	Environment    map[string]string `json:"environment"`
	PendingRenames []PendingRename   `json:"pending_renames"`
	MountedDevices []MountedDevice   `json:"mounted_devices"`
	ControlSets    *ControlSets      `json:"control_sets"` // nil if no Select key is known
	Services       []Service         `json:"services"`
	Packages       []Package         `json:"packages"`
}

// TimeZone is a system's zone.
type TimeZone struct {
	Name        string `json:"name"`
	BiasMinutes int    `json:"bias_minutes"` // Windows' Bias: minutes to add to standard local time to get UTC
	// Offsets are the biases that the machine's rules of daylight saving time put in force while the time line lasts, in order; empty if the registry does not tell the rules.
	Offsets []ZoneOffset `json:"offsets,omitempty"`
}

// ZoneOffset is a bias in force.
type ZoneOffset struct {
	From        string `json:"from"` // RFC 3339 in UTC; "" of the first
	BiasMinutes int    `json:"bias_minutes"`
}

// PendingRename is one pair of PendingFileRenameOperations.
type PendingRename struct {
	Operation       string `json:"operation"` // rename or delete
	Source          string `json:"source"`
	Target          string `json:"target"` // "" for a delete
	ReplaceExisting bool   `json:"replace_existing"`
	ControlSet      *int   `json:"control_set"`
	Value           string `json:"value"` // the registry value's name
}

// MountedDevice is one value of MountedDevices.
type MountedDevice struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // mbr, gpt, dynamic or device-path
	Detail string `json:"detail"`
}

// Artifact is one member of the upload in the report.
type Artifact struct {
	Path      string      `json:"path"`
	SHA256    string      `json:"sha256"`
	Bytes     int64       `json:"bytes"`
	Kind      ingest.Kind `json:"kind"`
	Encoding  string      `json:"encoding"`
	Records   int         `json:"records"`
	FirstTime string      `json:"first_time,omitempty"`
	LastTime  string      `json:"last_time,omitempty"`
	// FirstLocal and LastLocal are the earliest and the latest reading of the log's clock, RFC 3339 with the offset if that is known, else without one.
	FirstLocal  string `json:"first_local,omitempty"`
	LastLocal   string `json:"last_local,omitempty"`
	Clock       string `json:"clock"`                  // stated, system, unknown or none: how the offset of its times is known
	ClockReason string `json:"clock_reason,omitempty"` // what that rests on, in words
	System      string `json:"system"`
	Truncated   bool   `json:"truncated"`
}

// Sequence is one log that is kept in several files.
type Sequence struct {
	Name  string         `json:"name"`  // path of the file that is still written
	Parts []SequencePart `json:"parts"` // the oldest first
}

// SequencePart is one file of such a log.
type SequencePart struct {
	Artifact   string `json:"artifact"`
	GapSeconds int64  `json:"gap_seconds"` // from the last record of the part before to the first of this one; below zero if they overlap, 0 if a time is not known
}

// Sensitive is an artifact that must not be passed on unseen.
type Sensitive struct {
	Artifact string `json:"artifact"`
	What     string `json:"what"`
}

// ErrorKind is what error records have in common that differ in numbers and identifiers only.
type ErrorKind struct {
	Template string   `json:"template"` // the text with # for each number and identifier; error and return codes stay
	Count    int      `json:"count"`
	System   string   `json:"system"`
	First    Evidence `json:"first"`
}

// Request is what to ask the customer for.
type Request struct {
	Text  string        `json:"text"` // ready to send
	Items []RequestItem `json:"items"`
}

// RequestItem is one thing to ask for.
type RequestItem struct {
	What    string   `json:"what"`
	Why     string   `json:"why"`
	Collect string   `json:"collect"`
	Risk    string   `json:"risk,omitempty"`    // what the commands change and how that may harm; "" if they only read
	Settles []string `json:"settles"`           // check IDs
	Systems []string `json:"systems,omitempty"` // the IDs of the systems that it is to come from; none if that is not known
}
