package index

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"casebook/findings"
	"casebook/index/query"
	"casebook/index/words"
	"casebook/ingest"
)

// Block is what a store elsewhere keeps: some hundred consecutive records of one artifact, or the findings of a case. Frame and Findings are all that hits are
// made of; the other fields say what a query can be refused or answered by without reading them.
type Block struct {
	Path      string         `json:"path,omitempty"`
	Kind      ingest.Kind    `json:"kind,omitempty"`
	Host      string         `json:"host,omitempty"` // the id of the artifact's system
	Size      int64          `json:"size,omitempty"` // bytes of the artifact
	Registry  bool           `json:"registry,omitempty"`
	Reading   ingest.Reading `json:"reading,omitempty"` // how the clock of the frame's records is read
	Withdrawn bool           `json:"withdrawn,omitempty"`

	Order  int `json:"order"`  // of the artifact among those of the case, from 1; 0 for the findings
	Seq    int `json:"seq"`    // of the block in its artifact, from 0
	Blocks int `json:"blocks"` // so many has the artifact

	Records  uint32 `json:"records"`
	Line     uint32 `json:"line,omitempty"` // of the first record
	End      int    `json:"end,omitempty"`  // the last line of any record
	First    int64  `json:"first"`          // earliest time in microseconds, UTC where known; MaxInt64 if no record has one
	Last     int64  `json:"last"`           // latest; MinInt64 if no record has one
	Timeless bool   `json:"timeless,omitempty"`
	Severity uint8  `json:"severity,omitempty"` // bit s is set if a record has severity s
	Raw      uint32 `json:"raw,omitempty"`      // bytes of the frame, inflated

	Frame    []byte             `json:"-"` // zstd
	Findings []findings.Finding `json:"findings,omitempty"`

	records []record
}

// NewBlock returns a block of which nothing is known: a query can be answered by what is then entered, and by nothing else.
func NewBlock() *Block {
	return &Block{First: math.MinInt64 / 2, Last: math.MaxInt64 / 2, Timeless: true, Severity: 1<<(ingest.SeverityError+1) - 1}
}

// Hour returns the hour since 1970 in which the times of all records of a block lie; some is false if no record has a time, one if there is no such hour.
func (b *Block) Hour() (hours int64, some, one bool) {
	if b.First > b.Last {
		return 0, false, false
	}
	return hour(b.First), true, !b.Timeless && hour(b.First) == hour(b.Last)
}

// SetHour enters that the times of all records lie in an hour since 1970.
func (b *Block) SetHour(hours int64) {
	b.First, b.Last, b.Timeless = hours*microHour, (hours+1)*microHour-1, false
}

// SetTimeless enters that no record has a time.
func (b *Block) SetTimeless() { b.First, b.Last, b.Timeless = math.MaxInt64, math.MinInt64, true }

// Words passes the words of the block's texts to emit, those of the records or of the findings, as an index of words holds them. The slice is valid during the call.
func (b *Block) Words(split *words.Splitter, emit func([]byte)) {
	for i := range b.records {
		split.Each(b.records[i].Text, emit)
	}
	for i := range b.Findings {
		split.Each(findingText(&b.Findings[i]), emit)
	}
}

// Values returns the different values that the block's records or findings have in a field of queries, among them "" for those that have none.
func (b *Block) Values(name query.Name) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch name {
	case query.Host, query.File, query.Kind:
		if b.Findings == nil {
			return []string{map[query.Name]string{query.Host: b.Host, query.File: b.Path, query.Kind: string(b.Kind)}[name]}
		}
	case query.Component:
		for i := range b.records {
			if !b.Registry {
				add(string(b.records[i].Component))
			}
		}
	case query.Severity:
		for s := ingest.SeverityNone; s <= ingest.SeverityError; s++ {
			if b.Findings == nil && b.Severity&(1<<s) != 0 {
				add(s.String())
			}
		}
	default:
	}
	for i := range b.Findings {
		add(findingValue(name, &b.Findings[i]))
	}
	return out
}

func (b *Block) entry() entry {
	e := entry{Raw: b.Raw, Records: b.Records, Line: b.Line, First: b.First, Last: b.Last, Severity: b.Severity}
	if b.Registry {
		e.Class = classRegistry
	}
	if b.Timeless {
		e.Timeless = 1
	}
	return e
}

func (b *Block) artifact() *caseArtifact {
	return &caseArtifact{
		Path: b.Path, Kind: b.Kind, Host: b.Host, Size: b.Size, Registry: b.Registry, Blocks: b.Blocks, Reading: b.Reading, Withdrawn: b.Withdrawn,
	}
}

// Evaluation evaluates a query on the blocks of a store elsewhere, exactly as [Archive] does on its own. It is for one goroutine.
type Evaluation struct {
	run     run
	decoder *zstd.Decoder
	labels  map[string]Labels

	// What is being looked at.
	live liveCase
	src  source
	seq  int
	own  entry
}

// Evaluate begins an evaluation. It must be closed. labels are those of the cases, by their IDs; they may be nil if neither the query nor a facet asks for labels.
func Evaluate(ctx context.Context, q query.Node, o SearchOptions, labels map[string]Labels) (*Evaluation, error) {
	o.Context = max(0, min(o.Context, maxContext))
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, err
	}
	return &Evaluation{run: run{ctx: ctx, query: q, marks: marks(q, nil), options: o}, decoder: d, labels: labels}, nil
}

// of is the case with an ID, as far as a query is answered by it.
func (x *Evaluation) of(id string) liveCase { return liveCase{ID: id, Labels: x.labels[id]} }

// Close frees what the evaluation holds.
func (x *Evaluation) Close() { x.decoder.Close() }

// Concerns reports whether a case may have hits, by its ID and labels alone.
func (x *Evaluation) Concerns(id string) bool {
	live := x.of(id)
	return judge(x.run.query, func(n query.Node) tri { return caseLeaf(n, &live) }) != no
}

// Judge says, without reading a block of records, whether all of them match, and whether any may.
func (x *Evaluation) Judge(id string, b *Block) (all, some bool) {
	live, e, a := x.of(id), b.entry(), b.artifact()
	v := judge(x.run.query, func(n query.Node) tri { return blockLeaf(n, &live, a, &e) })
	return v == yes, v != no
}

// Look reads a block of a case and returns which of its records or findings match, by their number. Hit and the like speak of that block until Look is called again.
func (x *Evaluation) Look(id string, b *Block) ([]int, error) {
	x.live, x.seq, x.own = x.of(id), b.Seq, b.entry()
	x.src = source{artifact: b.artifact(), entry: &x.own}
	var found []int
	if b.Findings != nil {
		for i := range b.Findings {
			if judge(x.run.query, func(n query.Node) tri { return findingLeaf(n, &x.live, &b.Findings[i]) }) == yes {
				found = append(found, i)
			}
		}
		x.src = source{findings: b.Findings}
		return found, nil
	}
	rs, err := x.decode(b, &x.run.mem)
	if err != nil {
		return nil, fmt.Errorf("archive: case %q: %w", id, err)
	}
	x.src.records = rs
	for i := range rs {
		if judge(x.run.query, func(n query.Node) tri { return recordLeaf(n, &x.live, x.src.artifact, &x.own, &rs[i]) }) == yes {
			found = append(found, i)
		}
	}
	return found, nil
}

// decode reads the records of a block. They are valid until mem is used again.
func (x *Evaluation) decode(b *Block, mem *scratch) ([]record, error) {
	raw, err := x.decoder.DecodeAll(b.Frame, mem.inflated[:0])
	if err != nil {
		return nil, fmt.Errorf("%q, block %d: %w", b.Path, b.Seq, err)
	}
	mem.inflated = raw
	e := b.entry()
	rs, err := readBlock(raw, &e, mem)
	if err != nil {
		return nil, fmt.Errorf("%q, block %d: %w", b.Path, b.Seq, err)
	}
	b.artifact().settle(rs)
	return rs, nil
}

// at makes the source speak of a record or finding of the block.
func (x *Evaluation) at(item int) *source {
	x.src.item = item
	if x.src.findings != nil {
		x.src.finding = &x.src.findings[item]
	}
	return &x.src
}

// Hit makes the hit of a record or finding of the block. neighbour gets another block of the artifact, for the lines around a hit.
func (x *Evaluation) Hit(item int, neighbour func(seq int) (*Block, error)) (Hit, error) {
	return x.run.hit(x.live.ID, place{block: int32(x.seq)}, x.at(item), func(seq int) ([]record, error) { //nolint:gosec // an index
		b, err := neighbour(seq)
		if err != nil {
			return nil, err
		}
		return x.decode(b, &scratch{})
	})
}

// Time is by what a record of the block is sorted by time: microseconds; MaxInt64 if it has none, as a finding.
func (x *Evaluation) Time(item int) int64 {
	if x.src.findings != nil || x.src.records[item].Time.Zone == ingest.ZoneNone {
		return math.MaxInt64
	}
	return micros(x.src.records[item].Time)
}

// Marks are what is looked for in texts.
func (x *Evaluation) Marks() []words.Matcher { return x.run.marks }

// Weigh enters of how many of all blocks each of the marks may be found in, by its rarest word; Score needs it.
func (x *Evaluation) Weigh(blocks uint64, holding []uint64) { x.run.weights = weights(blocks, holding) }

// Score is by what a record or finding of the block is sorted by relevance: the more, the better.
func (x *Evaluation) Score(item int) float64 { return x.run.score(x.at(item)) }

// Records returns the records of a block, which stay valid.
func (x *Evaluation) Records(b *Block) iter.Seq2[ingest.Record, error] {
	return func(yield func(ingest.Record, error) bool) {
		rs, err := x.decode(b, &scratch{})
		if err != nil {
			yield(ingest.Record{}, fmt.Errorf("archive: %w", err))
			return
		}
		for i := range rs {
			if !yield(rs[i].public(), nil) {
				return
			}
		}
	}
}

// Tally counts hits by facets.
type Tally struct{ t *tally }

// NewTally begins to count.
func NewTally(facets ...Facet) (*Tally, error) {
	if err := knownFacets(facets); err != nil {
		return nil, err
	}
	return &Tally{newTally(facets)}, nil
}

// Block counts all records of a block of a case, of which x knows the labels. It returns false, and counts nothing, if the block has to be read for that.
func (t *Tally) Block(x *Evaluation, id string, b *Block) bool {
	live, e := x.of(id), b.entry()
	return t.t.block(&live, b.artifact(), &e)
}

// Hit counts a record or finding of the block that an evaluation looks at.
func (t *Tally) Hit(x *Evaluation, item int) { t.t.hit(&x.live, x.at(item)) }

// Counts returns how many hits were counted, and their facets.
func (t *Tally) Counts() (total int, counts []FacetCounts) { return t.t.total, t.t.counts() }
