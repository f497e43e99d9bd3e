package ingest

import "log/slog"

// Limits bound what an upload may cost. They hold on bytes that are really produced, never on sizes that an archive declares.
// A zero field means its default.
type Limits struct {
	MaxBytes  int64 // decoded bytes of all members together (--max-bytes); default 64 GiB
	MaxMember int64 // decoded bytes of one member (--max-member); default 16 GiB
	MaxFiles  int   // members of the upload and of all nested archives together (--max-files); default 200,000
	MaxDepth  int   // archives within archives (--max-depth); default 5
	MaxRatio  int64 // decoded to packed bytes of one member, looked at beyond the first 64 MiB (--max-ratio); default 1,000
}

// WithDefaults returns l with the defaults in place of zero fields.
func (l Limits) WithDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = 64 << 30
	}
	if l.MaxMember == 0 {
		l.MaxMember = 16 << 30
	}
	if l.MaxFiles == 0 {
		l.MaxFiles = 200_000
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = 5
	}
	if l.MaxRatio == 0 {
		l.MaxRatio = 1000
	}
	return l
}

// Options say how uploads are opened and read.
type Options struct {
	Limits  Limits
	Workers int // members read side by side; 0 means one for each processor

	Passwords []string // tried on what is encrypted, in this order
	// AskPassword asks for a further password, when none opens the archive of that path; false means that the user knows none. It is called by
	// Open, at most three times for a bundle. It may be nil.
	AskPassword func(archive string) (password string, ok bool)

	Readers    []Reader    // log formats; the last one takes any text
	Extractors []Extractor // typed artifacts

	// Locales is called when the artifacts of the First extractors have been read, and returns what is known of the machine
	// that a path belongs to. It may be nil.
	Locales func([]Extracted) func(path string) Locale
	// NewSink is called for each text artifact before its first record, from the goroutine that will call the sink. It may be nil, or return nil.
	NewSink func(*Artifact) Sink

	// Keep is called with the bytes of each member that a Binary extractor claims, from several goroutines, and tells whether it keeps them; they must not be changed. With
	// it Read says what else must be kept to read the bundles again: the records that go to sinks, and Contents.Kept. It may be nil.
	Keep func(a *Artifact, b []byte) bool

	Progress func(Progress) // called now and then from several goroutines; may be nil
	Log      *slog.Logger   // nil discards
}

// Progress is how far the reading has come.
type Progress struct {
	Files, FilesTotal int   // members read, members known
	Bytes, BytesTotal int64 // packed bytes read, packed bytes known
}
