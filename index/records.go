package index

import (
	"context"
	"iter"

	"casebook/ingest"
)

// Records yields the records of an artifact of a case, in the order of its lines, one block in memory at a time. A record is valid until the next
// is asked for. A case or an artifact that is not there yields nothing; an error ends the sequence.
func (a *Archive) Records(ctx context.Context, id, artifact string) iter.Seq2[ingest.Record, error] {
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
				c.yieldRecords(ctx, artifact, yield)
			}
			return
		}
	}
}

func (c *openCase) yieldRecords(ctx context.Context, artifact string, yield func(ingest.Record, error) bool) {
	for i := range c.meta.Artifacts {
		x := &c.meta.Artifacts[i]
		if x.Path != artifact || x.Registry {
			continue
		}
		for n := x.First; n < x.First+x.Blocks; n++ {
			records, err := c.block(n)
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
