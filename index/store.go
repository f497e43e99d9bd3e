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
	Changer
}

// Creator takes cases.
type Creator interface {
	// Create begins a case. Commit or Abort of the writer must be called.
	Create(ctx context.Context, entry Entry) (CaseWriter, error)
}

// Changer changes what is filed with cases, and removes cases. [Keeper] says what each method does.
type Changer interface {
	Label(ctx context.Context, id string, labels Labels) error
	Hold(ctx context.Context, ids []string, reason string) error
	Release(ctx context.Context, ids []string) error
	Remove(ctx context.Context, ids []string) (left []string, err error)
}

// Finder looks cases up without listing all of them.
type Finder interface {
	// Case returns what is known of a case. The error is [ErrNoCase] if there is no such case.
	Case(ctx context.Context, id string) (Case, error)
	// Holding returns the cases that have an upload with this SHA-256, in order of their IDs.
	Holding(ctx context.Context, sha256 string) ([]Case, error)
}

// What else a store may be able to do. [Archive] can do all of it but Import, which [Dir] does.
type (
	// Exporter writes a case so that another archive can import it.
	Exporter interface {
		Export(ctx context.Context, id string, w io.Writer) error
	}

	// Importer takes exported cases.
	Importer interface {
		// Import adds a case after its files were compared with their sums, with its labels, hold and notes and the time at which it came, and returns what is known of it. An ID that is
		// taken gives [ErrExists], unless o says to replace that case.
		Import(ctx context.Context, x *Exported, o ImportOptions) (Case, error)
	}

	// Checker proves that everything is as it was written.
	Checker interface {
		Check(ctx context.Context, fault func(Fault)) (Checked, error)
	}

	// Measurer says how much there is.
	Measurer interface {
		Stats(ctx context.Context) (Stats, error)
	}

	// Rememberer knows what earlier evaluations of a case said, the oldest first.
	Rememberer interface {
		History(ctx context.Context, c Case) ([]Revision, error)
	}

	// Sourcer gives what a case stores so that it can be analysed again.
	Sourcer interface {
		Sources(ctx context.Context, id string) (*Sources, error)
	}

	// Hunter is a Sourcer that knows which cases hold a record that matches a query.
	Hunter interface {
		Sourcer
		// Matching tells of each of the cases whether a record of it matches the query, or with registry a registry value; findings are not looked at. The error of a case that is not there is [fs.ErrNotExist].
		Matching(ctx context.Context, ids []string, q query.Node, registry bool) []Match
	}
)

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
	Finder
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
	_ Changer = (*Keeper)(nil)
	_ Creator = Dir("")

	_ Exporter   = (*Archive)(nil)
	_ Importer   = Dir("")
	_ Checker    = (*Archive)(nil)
	_ Measurer   = (*Archive)(nil)
	_ Rememberer = (*Archive)(nil)
	_ Hunter     = (*Archive)(nil)
)
