package index

import (
	"cmp"
	"context"
	"iter"
	"sort"

	"casebook/ingest"
)

// Records yields the records of an artifact of a case, in the order of its lines, one block in memory at a time. It begins with the block that
// holds line from, so that records before that line may come first; with the last block if the artifact has fewer lines. A record is valid until
// the next is asked for. A case or an artifact that is not there yields nothing; an error ends the sequence.
func (a *Archive) Records(ctx context.Context, id, artifact string, from int) iter.Seq2[ingest.Record, error] {
	return func(yield func(ingest.Record, error) bool) {
		m, err := a.generation()
		if err != nil {
			yield(ingest.Record{}, err)
			return
		}
		for i := range m.Cases {
			if m.Cases[i].ID != id {
				continue
			}
			c, ok, err := a.open(&m.Cases[i])
			if err != nil {
				yield(ingest.Record{}, err)
			}
			if ok {
				defer a.release(c)
				c.yieldRecords(ctx, artifact, from, yield)
			}
			return
		}
	}
}

func (c *openCase) yieldRecords(ctx context.Context, artifact string, from int, yield func(ingest.Record, error) bool) {
	for i := range c.meta.Artifacts {
		x := &c.meta.Artifacts[i]
		if x.Path != artifact || x.Registry {
			continue
		}
		first, err := c.blockAt(x.First, x.Blocks, from)
		if err != nil {
			yield(ingest.Record{}, c.wrap(err))
			return
		}
		var mem scratch
		for n := first; n < x.First+x.Blocks; n++ {
			e, err := c.entry(n)
			var records []record
			if err == nil {
				records, err = c.blockInto(n, &e, &mem)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(ingest.Record{}, c.wrap(err))
				return
			}
			for _, r := range records {
				if !yield(ingest.Record{
					Line: r.Line, Lines: r.Lines, Raw: r.Raw, Text: r.Text, Component: r.Component, Thread: r.Thread, Time: r.Time, Severity: r.Severity,
				}, nil) {
					return
				}
			}
		}
	}
}

// blockAt returns the number of the block, among count of them from first on, that holds a line: the last that begins before it, as a line that is
// longer than a record goes on in the records that follow.
func (c *openCase) blockAt(first, count, line int) (int, error) {
	var bad error
	n := sort.Search(count, func(i int) bool {
		e, err := c.entry(first + i)
		bad = cmp.Or(bad, err)
		return int64(e.Line) >= int64(line)
	})
	return first + max(0, n-1), bad
}
