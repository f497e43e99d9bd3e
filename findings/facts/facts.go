package facts

import (
	"slices"
	"strings"

	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
)

// Facts is what is known of one system. It is not changed once it is built.
type Facts struct {
	ID   string // as in report.json; "" if nothing names the system, and for what belongs to no single system
	Host string // computer name in upper case; "" if unknown
	// Mixed says that the artifacts are those that belong to no single system, so that two of them may come from two computers.
	Mixed     bool
	Registry  *hive.Registry
	Hives     []Of[*hive.Hive]   // those in Registry, in the order in which they answer
	Older     []Of[*hive.Hive]   // older copies of the same hives: context, never the state of the system
	Artifacts []*ingest.Artifact // in path order

	extracted []ingest.Extracted
	collected map[string]*collected // by artifact path
	unsure    map[string]bool       // artifacts of Older of which nothing tells that they are older
	conflicts map[string]bool       // artifacts that name another system than the one they lie with
	sequences sequences
}

// Of is a typed value with the artifact that it was read from.
type Of[T any] struct {
	Artifact *ingest.Artifact
	Value    T
}

// Values returns the system's typed values of type T in path order.
func Values[T any](f *Facts) []Of[T] {
	var out []Of[T]
	for _, e := range f.extracted {
		if v, ok := e.Value.(T); ok {
			out = append(out, Of[T]{e.Artifact, v})
		}
	}
	return out
}

// Observed returns what the observer of a check has made of each artifact of the system, in path order, the files of one log in
// the order of their times; T is the type that its End returns.
func Observed[T any](f *Facts, check string) []Of[T] {
	var out []Of[T]
	for _, a := range f.ordered() {
		c := f.collected[a.Path]
		if c == nil {
			continue
		}
		for _, o := range c.observed {
			if v, ok := o.value.(T); ok && o.check == check {
				out = append(out, Of[T]{a, v})
			}
		}
	}
	return out
}

// Has reports whether the system has an artifact of one of the kinds.
func (f *Facts) Has(kinds ...ingest.Kind) bool {
	return slices.ContainsFunc(f.Artifacts, func(a *ingest.Artifact) bool { return slices.Contains(kinds, a.Kind) }) ||
		slices.ContainsFunc(f.extracted, func(e ingest.Extracted) bool { return slices.Contains(kinds, e.Kind) })
}

// Matches returns the lines that a signal has found, artifacts in path order, the files of one log in the order of their times.
func (f *Facts) Matches(signal string) Matches {
	var m Matches
	for _, a := range f.ordered() {
		c := f.collected[a.Path]
		if c == nil {
			continue
		}
		if s := c.signals[signal]; s != nil {
			m.Count += s.count
			m.Kept = append(m.Kept, s.all()...)
		}
	}
	return m
}

// Loud returns the first records of the system's artifacts that their writers call errors, at most three an artifact, of which no two are of one kind.
func (f *Facts) Loud() []Match {
	var out []Match
	for _, a := range f.Artifacts {
		if c := f.collected[a.Path]; c != nil {
			for _, m := range c.loud {
				out = append(out, m.settled())
			}
		}
	}
	return out
}

// Line returns a line of a typed text artifact (1-based) with up to two lines before and after it; false if the text
// was not kept or has no such line. Of a file that holds keys only lines without one are quoted, and none around them.
func (f *Facts) Line(artifact string, line int) (Match, bool) {
	for _, e := range f.extracted {
		if e.Artifact.Path != artifact || line < 1 || line > len(e.Lines) {
			continue
		}
		i := line - 1
		m := Match{Ref: ingest.Ref{Artifact: artifact, Line: line}, Quote: clip(e.Lines[i], maxQuote)}
		if s, ok := e.Value.(*extract.Sylink); ok {
			// A key is never shown: lines that hold one are not quoted, and lines around others might.
			if slices.ContainsFunc(s.Secrets, func(x extract.SylinkSecret) bool { return x.Line == line }) {
				m.Quote = ""
			}
			return m, true
		}
		for _, l := range e.Lines[max(0, i-contextLines):i] {
			m.Before = append(m.Before, clip(l, maxContext))
		}
		for _, l := range e.Lines[i+1 : min(len(e.Lines), i+1+contextLines)] {
			m.After = append(m.After, clip(l, maxContext))
		}
		return m, true
	}
	return Match{}, false
}

// Reliable reports whether what an artifact says may rule something out: it is whole, was not being written when it was copied,
// is no older copy, and belongs to the system without contradiction.
func (f *Facts) Reliable(artifact string) bool {
	if f.conflicts[artifact] || f.Outdated(artifact) {
		return false
	}
	if h := f.hive(artifact); h != nil {
		if dirty, _ := h.Dirty(); dirty || h.Truncated() || h.Script() {
			return false
		}
	}
	a := f.Artifact(artifact)
	return a == nil || !a.Truncated
}

// Script reports whether an artifact is a .reg file that asks for deletions: it says what would be set, not what is.
func (f *Facts) Script(artifact string) bool {
	h := f.hive(artifact)
	return h != nil && h.Script()
}

// ShowsAbsence reports whether what is not in an artifact was not there: it is reliable, and of a registry all could be read and
// the text is not that of a query, which may have asked for something else.
func (f *Facts) ShowsAbsence(artifact string) bool {
	h := f.hive(artifact)
	return f.Reliable(artifact) && (h == nil || h.Sound())
}

// hive returns the registry that was read from an artifact of the system, nil if it is none.
func (f *Facts) hive(artifact string) *hive.Hive {
	for _, h := range slices.Concat(f.Hives, f.Older) {
		if h.Artifact.Path == artifact {
			return h.Value
		}
	}
	return nil
}

// Outdated reports whether an artifact is an older copy of a registry, which says how the system was and not how it is.
func (f *Facts) Outdated(artifact string) bool {
	is := func(h Of[*hive.Hive]) bool { return h.Artifact.Path == artifact }
	return slices.ContainsFunc(f.Older, is) || isBackup(artifact) && slices.ContainsFunc(f.Hives, is)
}

// Unsure reports whether an artifact of Older contradicts one of Hives and nothing tells which of the two is the older one.
func (f *Facts) Unsure(artifact string) bool { return f.unsure[artifact] }

// Conflicting reports whether an artifact names another system than the one it lies with, or several, so that it confirms nothing.
func (f *Facts) Conflicting(artifact string) bool { return f.conflicts[artifact] }

// Artifact returns the artifact of that path, nil if the system has none.
func (f *Facts) Artifact(path string) *ingest.Artifact {
	i, ok := slices.BinarySearchFunc(f.Artifacts, path, func(a *ingest.Artifact, p string) int { return strings.Compare(a.Path, p) })
	if !ok {
		return nil
	}
	return f.Artifacts[i]
}

// Mentions reports whether a path of the system's artifacts contains one of the words, without regard to case.
func (f *Facts) Mentions(words ...string) bool {
	return slices.ContainsFunc(f.Artifacts, func(a *ingest.Artifact) bool {
		p := strings.ToLower(a.Path)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(p, strings.ToLower(w)) })
	})
}
