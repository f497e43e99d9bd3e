package facts

import (
	"slices"

	"casebook/ingest"
)

// sequences are the logs of a system that are kept in several files.
type sequences struct {
	ordered []*ingest.Artifact // all artifacts in path order, the files of one log behind each other in the order of their times
	of      map[string]*joined // by the path of each file
}

// joined is such a log.
type joined struct {
	paths []string
	place map[string]int
}

// sequence finds the logs that are kept in several files.
func (f *Facts) sequence() {
	f.sequences = sequences{of: map[string]*joined{}}
	list, _ := ingest.Sequences(f.Artifacts) // what is odd about them stands in the report
	byPath := map[string]*ingest.Artifact{}
	for _, s := range list {
		j := &joined{place: map[string]int{}}
		for i, p := range s.Parts {
			path := p.Artifact.Path
			j.paths, j.place[path], f.sequences.of[path] = append(j.paths, path), i, j
			byPath[path] = p.Artifact
		}
	}
	if len(list) == 0 {
		return
	}
	done := map[*joined]bool{}
	for _, a := range f.Artifacts {
		j := f.sequences.of[a.Path]
		switch {
		case j == nil:
			f.sequences.ordered = append(f.sequences.ordered, a)
		case !done[j]:
			done[j] = true
			for _, p := range j.paths {
				f.sequences.ordered = append(f.sequences.ordered, byPath[p])
			}
		}
	}
}

// ordered returns the system's artifacts in path order, the files of one log in the order of their times.
func (f *Facts) ordered() []*ingest.Artifact {
	if f.sequences.ordered == nil {
		return f.Artifacts
	}
	return f.sequences.ordered
}

// Sequence returns the paths of the files in which the log of an artifact is kept, the oldest first; the artifact alone if it is not
// part of such a log.
func (f *Facts) Sequence(artifact string) []string {
	if j := f.sequences.of[artifact]; j != nil {
		return j.paths
	}
	return []string{artifact}
}

// Later reports whether a was written after b, as far as that is certain: by their places in one log, in however many files it is
// kept; else by their times in UTC, or by the clock of the system where an offset is not known.
func (f *Facts) Later(a, b Match) bool {
	if a.Ref.Artifact == b.Ref.Artifact {
		return a.Ref.Line > b.Ref.Line
	}
	if j := f.sequences.of[a.Ref.Artifact]; j != nil && j == f.sequences.of[b.Ref.Artifact] {
		return j.place[a.Ref.Artifact] > j.place[b.Ref.Artifact]
	}
	x, okx := a.UTC()
	y, oky := b.UTC()
	if !okx || !oky {
		x, okx = a.Time.Local()
		y, oky = b.Time.Local()
	}
	return okx && oky && x.After(y)
}

// Overcome returns the first of the successes of an operation that is certain to have come after every one of its failures, so that what made
// it fail was over by then; false if there is none, or nothing failed.
func (f *Facts) Overcome(failures, successes []Match) (Match, bool) {
	if len(failures) == 0 {
		return Match{}, false
	}
	for _, s := range successes {
		if !slices.ContainsFunc(failures, func(x Match) bool { return !f.Later(s, x) }) {
			return s, true
		}
	}
	return Match{}, false
}
