package ingest

import "time"

// Artifact is one member of the upload, as it was read.
type Artifact struct {
	Path      string    // in the bundle, '/'-separated, NFC
	SHA256    string    // of the member's bytes, lower-case hex; "" if it was not read
	Bytes     int64     // as read
	Kind      Kind      // by content first, name second
	Encoding  string    // IANA name of the text's encoding; "" for binary
	Records   int       // how many records were read
	First     Time      // the earliest record time whose offset is known; Zone is ZoneNone if there is none
	Last      Time      // the latest such time
	WallFirst Time      // the earliest record time by the log's own clock, offset known or not
	WallLast  Time      // the latest such time
	Clock     string    // what the offset of its times is known by, in words; "" if no record has a date
	Tally     Tally     // how its records lie in time; zero if none has one
	Sensitive string    // what of it must not be passed on, e.g. a private key; "" if nothing is known to be
	Modified  time.Time // the modification time that the container states; zero if none
	Truncated bool      // cut short or damaged: its end is not the end of what the customer had
	Host      string    // the computer name that the artifact itself states, upper case; "" if none
	// ModifiedUTC says that Modified is UTC; otherwise it is what a clock of an unknown zone showed, as in most zips.
	ModifiedUTC bool
	// Reading is what the biases of open sign mean that its records state.
	Reading Reading
	// Withdrawn says that the zone by which its records were read is taken back: the registry that lent it is another computer's.
	Withdrawn bool
}

// Locale is what a system's registry says of the texts that its machine wrote.
type Locale struct {
	ANSI int                        // ANSI code page, e.g. 1252; 0 if unknown
	OEM  int                        // OEM code page of console output, e.g. 850; 0 if unknown
	Bias func(wall time.Time) int16 // minutes to add to local time to get UTC at that local time; nil if unknown
}

// Sink receives what one artifact holds. All calls for an artifact come from one goroutine, in order.
type Sink interface {
	// Records receives consecutive records. They and the bytes they point to are valid until the call returns.
	Records(batch []Record)
	// Done is called once, when the artifact has been read to its end or as far as it could be.
	Done(a *Artifact)
}

// Reader reads one log format: it tells whether a text is of that format and splits it into records.
type Reader struct {
	Kind Kind
	// Sniff looks at the beginning of the decoded text (up to 64 KiB, cut anywhere) and says how sure it is: 0 not this
	// format, 100 certainly. name is the base name of the member in lower case, for what content leaves open.
	Sniff func(name string, head []byte) int
	// New returns a splitter for one artifact.
	New func() Splitter
}

// Splitter cuts decoded text into records.
type Splitter interface {
	// Split reads whole records from the start of text, passes each to emit, and returns how many bytes it took; the rest
	// comes again with more text behind it. With atEOF it takes everything. Every byte taken belongs to exactly one emitted
	// record, in order. Line and Lines are filled in by the caller. A splitter that returns 0 although text is longer than
	// MaxRecord is asked again with atEOF set, which cuts the record.
	Split(text []byte, atEOF bool, emit func(Record)) int
}

// Ender is what a Splitter may be besides: one whose records show where they end.
type Ender interface {
	// Cut reports, after Split has taken everything, whether the text ends within a record, so that it was cut short there.
	Cut() bool
}

// MaxRecord is the length in bytes of decoded text at which a record is cut.
const MaxRecord = 1 << 20

// Extractor reads one kind of typed artifact from a member's whole content.
type Extractor struct {
	Kind Kind
	// Binary says that Sniff and Extract get the member's bytes; otherwise they get its decoded text.
	Binary bool
	// First says that the value decides how other artifacts are decoded (a registry knows the code pages and the time zone of its
	// machine), so that it is read before them.
	First bool
	// Sniff says from the member's base name (lower case) and the beginning of its content (up to 64 KiB) how sure it is that
	// the content is of this kind: 0 not, 100 certainly. Several extractors may claim one text: each reads what is its own, and the
	// surest names the artifact's kind, unless a log reader is surer.
	Sniff func(name string, head []byte) int
	// Extract returns the typed value, nil if the content holds none after all, and what of it could not be read.
	Extract func(in Input) (any, []Problem)
	// Seal returns what may be stored of a value whose text must not be, since it holds keys; nil of kinds whose text may be stored. Unseal makes of it a
	// value, and the lines of which may be quoted; others are "".
	Seal   func(e Extracted) ([]byte, error)
	Unseal func(sealed []byte) (value any, lines []string, err error)
}

// Input is the whole content of a member.
type Input struct {
	// Artifact has its Path, Modified and Encoding set. Extract may set its Host, and its Kind where the content says more than the
	// extractor's own kind does (which hive it is).
	Artifact *Artifact
	Bytes    []byte   // of a Binary extractor: the member's bytes, which the value may keep
	Lines    []string // otherwise: the decoded text's lines without their line ends; Lines[i] is line i+1
	Open     bool     // the last of Lines has no line end: the text may have been cut short there
	Locale   Locale   // of the machine that the artifact belongs to, as far as it is known
}

// Extracted is a typed value with the artifact it came from.
type Extracted struct {
	Artifact *Artifact
	Kind     Kind
	Value    any      // of a type of package extract
	Lines    []string // of a text: its decoded lines, for quoting; nil for a binary artifact
}
