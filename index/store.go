package index

import (
	"context"
	"io"
	"iter"
	"slices"

	"casebook/findings"
	"casebook/index/query"
	"casebook/ingest"
)

// Store keeps cases and searches them: the archive in a directory ([Dir] and [Archive]), or a service that many machines share.
type Store interface {
	Creator
	Reader
}

// Creator takes cases.
type Creator interface {
	// Create begins a case. Commit or Abort of the writer must be called.
	Create(ctx context.Context, entry Entry) (CaseWriter, error)
}

// CaseWriter takes one case while it is read; the methods that have no context may be called from several goroutines. [Writer] says what each does.
type CaseWriter interface {
	Artifact(a *ingest.Artifact) ingest.Sink
	Registry(path string, kind ingest.Kind, values iter.Seq[RegistryValue]) error
	Withdraw(path string)
	Report(r *findings.Report, encode func(io.Writer) error) error
	Commit(ctx context.Context) error
	Abort() error
}

// Reader reads and searches cases, also while others write. [Archive] says what each method does.
type Reader interface {
	List(ctx context.Context) ([]Case, error)
	FindCase(ctx context.Context, s string) (string, error)
	Report(ctx context.Context, id string) ([]byte, error)
	Records(ctx context.Context, id, artifact string, from int) iter.Seq2[ingest.Record, error]
	Search(ctx context.Context, q query.Node, o SearchOptions) iter.Seq2[Hit, error]
	Count(ctx context.Context, q query.Node, facets ...Facet) (total int, counts []FacetCounts, err error)
	Similar(ctx context.Context, r *findings.Report, limit int) ([]Likeness, error)
	Notes(ctx context.Context, id string) ([]Note, error)
	AddNote(ctx context.Context, id string, n Note) error
	Close() error
}

// Limiter is a store that can be looked at in part.
type Limiter interface {
	// Within returns the store as somebody sees it who may know of no case but those of the scope: no search, no count and no comparison tells anything
	// of another. It is open as long as the store is and needs no Close of its own.
	Within(s Scope) Reader
}

// Scope says which cases somebody may know of: those whose labels hold all of one of its elements. nil is every case; an empty one is none.
type Scope []Labels

// Holds reports whether a case with these labels belongs to the scope.
func (s Scope) Holds(l Labels) bool {
	if s == nil {
		return true
	}
	return slices.ContainsFunc(s, l.Has)
}

// visible returns labels without those that would tell who else has the case: of a name that the scope limits, only its own values stay.
func (s Scope) visible(l Labels) Labels {
	out := Labels{}
	for name, values := range l {
		limited := false
		var own []string
		for _, one := range s {
			if allowed, ok := one[name]; ok {
				limited = true
				own = append(own, allowed...)
			}
		}
		if limited {
			values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !slices.Contains(own, v) })
		}
		if len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

// Within implements [Limiter]. Closing what it returns does nothing.
func (a *Archive) Within(s Scope) Reader {
	if s == nil {
		s = a.scope
	}
	return limited{&Archive{reading: a.reading, scope: s}}
}

// limited is a view of an archive that another closes.
type limited struct{ *Archive }

// Close does nothing.
func (limited) Close() error { return nil }

// Dir is the path of an archive, which is made when the first case is put into it.
type Dir string

// Create begins a case in the archive; see [Create].
func (d Dir) Create(ctx context.Context, entry Entry) (CaseWriter, error) {
	w, err := Create(ctx, string(d), entry)
	if err != nil {
		return nil, err // not a nil *Writer
	}
	return w, nil
}

var (
	_ Reader  = (*Archive)(nil)
	_ Limiter = (*Archive)(nil)
	_ Creator = Dir("")
)
