package index

import (
	"context"
	"io"
	"iter"

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
	Remove(ctx context.Context, ids []string) (left []string, err error)
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
	_ Changer = (*Keeper)(nil)
	_ Creator = Dir("")
)
