package ingest

import "time"

// Severity is how loud a record is. A format without a severity field is judged by its text.
type Severity uint8

// The severities, in rising order.
const (
	SeverityNone Severity = iota // nothing says
	SeverityInfo
	SeverityWarning
	SeverityError
)

// String returns the lower-case English name, "" for SeverityNone.
func (s Severity) String() string { return [...]string{"", "info", "warning", "error"}[s&3] }

// Zone says how the offset of a record's time is known.
type Zone uint8

// The ways in which an offset is known, from the weakest to the strongest.
const (
	ZoneNone    Zone = iota // the record carries no time
	ZoneUnknown             // the clock's time is known, the offset is not
	ZoneSystem              // the offset is that of the system's own registry, by date
	ZoneStated              // the record itself states the offset
)

// Time is the time of a record: the clock's own reading, and how far UTC is known from it.
type Time struct {
	Wall int64 // microseconds from 1970-01-01 00:00 to the reading of the log's clock, as if that clock showed UTC
	Bias int16 // minutes to add to Wall to get UTC (Windows' sign); 0 unless Zone is ZoneSystem or ZoneStated
	Zone Zone
	// Basis is what the offset is known by. With ZoneNone it may say why there is no time.
	Basis Basis
	// Claim is the bias that the record states where its writer may mean either sign (BasisForeign); 0 unless Zone is ZoneUnknown.
	Claim int16
}

// WallTime makes a Time with unknown offset from a clock's reading.
func WallTime(year int, month time.Month, day, hour, minute, second, micro int) Time {
	return Time{Wall: time.Date(year, month, day, hour, minute, second, micro*1000, time.UTC).UnixMicro(), Zone: ZoneUnknown, Basis: BasisBare}
}

// Stated returns t with the offset that the record itself states: bias minutes are added to get UTC.
func (t Time) Stated(bias int) Time {
	t.Bias, t.Zone, t.Basis = int16(max(-1440, min(1440, bias))), ZoneStated, BasisOffset
	return t
}

// UTC returns the time in UTC, and false if the offset is not known.
func (t Time) UTC() (time.Time, bool) {
	if t.Zone < ZoneSystem {
		return time.Time{}, false
	}
	return time.UnixMicro(t.Wall + int64(t.Bias)*60e6).UTC(), true
}

// Local returns the clock's own reading in the UTC location, and false if the record has no time.
func (t Time) Local() (time.Time, bool) {
	return time.UnixMicro(t.Wall).UTC(), t.Zone != ZoneNone
}

// Record is one entry of a text artifact. The slices point into buffers that are reused: they are valid until the call that
// receives them returns.
type Record struct {
	Line      int    // of the first line, 1-based, in the decoded text
	Lines     int    // how many lines the record has; at least 1
	Raw       []byte // decoded text with its line ends; the Raw of an artifact's records, joined, are its text
	Text      []byte // the message alone; part of Raw
	Component []byte // nil if the format has none or the record does not say
	Thread    uint64 // 0 if the format has none
	Time      Time
	Severity  Severity
}

// Ref is a place in the bundle from which a fact was read.
type Ref struct {
	Artifact string // the artifact's path
	Line     int    // 1-based line of the decoded text; 0 for binary artifacts
	Key      string // registry: path below the hive's root with the real control set, or as an export states it
	Value    string // registry: the value's name, "" for the default value
}

// Problem says what could not be read and why.
type Problem struct {
	Artifact string `json:"artifact"` // path in the bundle, "" for the bundle itself
	Stage    Stage  `json:"stage"`
	Message  string `json:"message"`
	// Refused says why something was refused as hostile or too large; "" if the problem is no refusal.
	Refused Refusal `json:"refused,omitempty"`
	// Cut says that files of the archive Artifact are missing; "" if the problem is another one.
	Cut Cut `json:"cut,omitempty"`
}

// Stage is the part of the work in which a problem arose. The vocabulary is closed.
type Stage string

// The stages.
const (
	StageOpen    Stage = "open"    // the upload or a nested archive was opened
	StageRead    Stage = "read"    // a member's bytes were read
	StageLimit   Stage = "limit"   // a limit was reached; the message names the flag that raises it
	StageDecode  Stage = "decode"  // text was decoded
	StageParse   Stage = "parse"   // a format was read
	StageSystem  Stage = "system"  // artifacts were given to systems
	StageCheck   Stage = "check"   // a check ran
	StageArchive Stage = "archive" // the index was written
)
