package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// Count counts the hits of a query, and, of each facet, its values; see [index.Archive.Count]. What the fields of blocks answer is counted by the cluster, in groups
// of blocks that are the same in all that is asked for; only blocks of which some records may match and others not are read.
func (s *Store) Count(ctx context.Context, q query.Node, facets ...index.Facet) (total int, counts []index.FacetCounts, err error) {
	x, filters, err := s.begin(ctx, q, index.SearchOptions{}, slices.Contains(facets, index.FacetLabel))
	if err != nil {
		return 0, nil, err
	}
	defer x.Close()
	for try := 1; ; try++ {
		t, err := index.NewTally(facets...)
		if err != nil {
			return 0, nil, err
		}
		err = s.count(ctx, q, facets, filters.all(), x, t)
		if err == nil {
			total, counts = t.Counts()
			return total, counts, nil
		}
		if !errors.Is(err, errLost) || try > maxLost {
			return 0, nil, err
		}
		if err := pause(ctx, try); err != nil { // all is counted anew: what was counted is of a state that is gone
			return 0, nil, err
		}
	}
}

func (s *Store) count(ctx context.Context, q query.Node, facets []index.Facet, filters []filter, x *index.Evaluation, t *index.Tally) error {
	m, err := s.now(ctx)
	if err != nil || m.id == "" {
		return err
	}
	fixed := *m // renewed, it would be another
	defer func() { fixed.release(ctx) }()
	var decided func(*found) (bool, error)
	if counted(q) && !slices.Contains(facets, index.FacetCode) {
		g := groupsOf(q, facets)
		some, err := fixed.countGroups(ctx, g, filters, x, t)
		if err != nil {
			return err
		}
		if !some {
			filters = append(slices.Clone(filters), oneOf(fieldClass, classFindings))
		}
		// What was counted already is told by the same judgement of the same fields.
		aside, err := index.NewTally(facets...)
		if err != nil {
			return err
		}
		decided = func(f *found) (bool, error) {
			if f.block.Findings != nil {
				return false, nil
			}
			b := g.reduce(f.block)
			all, some := x.Judge(f.id, b)
			return !some || all && aside.Block(x, f.id, b), nil
		}
	}
	return fixed.once(ctx, filters, func(f *found) (bool, error) {
		if decided != nil {
			if done, err := decided(f); done || err != nil {
				return true, err
			}
		}
		items, err := look(x, f)
		for _, i := range items {
			t.Hit(x, i)
		}
		return true, err
	})
}

// once is blocksOf in order of place, but ends with errLost if the moment is lost.
func (m *moment) once(ctx context.Context, filters []filter, pass func(*found) (bool, error)) error {
	id := m.id
	err := m.blocksOf(ctx, filters, byPlace, func(f *found) (bool, error) {
		if m.id != id {
			return false, errLost
		}
		return pass(f)
	})
	if err == nil && m.id != id {
		return errLost
	}
	return err
}

// groups says by which fields blocks are grouped.
type groups struct{ cas, host, path, kind, mask, hour, size bool }

// groupsOf returns the fields that a query and facets ask for.
func groupsOf(q query.Node, facets []index.Facet) groups {
	field := func(name query.Name) bool {
		return holds(q, func(n query.Node) bool {
			switch n := n.(type) {
			case query.Field:
				return n.Name == name
			case query.Number:
				return n.Name == name
			}
			return false
		})
	}
	has := func(f index.Facet) bool { return slices.Contains(facets, f) }
	return groups{
		cas:  has(index.FacetCase) || has(index.FacetLabel) || field(query.Case) || field(query.Label),
		host: has(index.FacetHost) || field(query.Host),
		path: has(index.FacetFile) || field(query.File),
		kind: has(index.FacetKind) || field(query.Kind),
		mask: has(index.FacetSeverity) || field(query.Severity),
		size: field(query.Size),
		hour: has(index.FacetTime) || holds(q, func(n query.Node) bool {
			_, ok := n.(query.Time)
			return ok
		}),
	}
}

// bucket is a group of blocks in an answer.
type bucket struct {
	Key struct {
		Case  string `json:"case"`
		Class int    `json:"class"`
		Host  string `json:"host"`
		Path  string `json:"path"`
		Kind  string `json:"kind"`
		Mask  uint8  `json:"mask"`
		Hour  *int64 `json:"hour"`
		Size  int64  `json:"size"`
	} `json:"key"`
	Records struct {
		Value float64 `json:"value"`
	} `json:"n"`
}

// sources are the fields in the form of a composite aggregation.
func (g groups) sources() []object {
	list := []object{{fieldClass: object{"terms": object{"field": fieldClass}}}}
	add := func(wanted bool, field string, missing bool) {
		if wanted {
			list = append(list, object{field: object{"terms": object{"field": field, "missing_bucket": missing}}})
		}
	}
	add(g.cas, fieldCase, false)
	add(g.host, fieldHost, false)
	add(g.path, fieldPath, false)
	add(g.kind, fieldKind, false)
	add(g.mask, fieldMask, false)
	add(g.size, fieldSize, false)
	add(g.hour, fieldHour, true)
	return list
}

// block returns what is known of the blocks of a group, as one.
func (g groups) block(b *bucket) *index.Block {
	out := index.NewBlock()
	out.Registry, out.Host, out.Path, out.Kind, out.Size = b.Key.Class == classRegistry, b.Key.Host, b.Key.Path, ingest.Kind(b.Key.Kind), b.Key.Size
	if g.mask {
		out.Severity = b.Key.Mask
	}
	switch {
	case b.Key.Hour == nil:
	case *b.Key.Hour == noHour:
		out.SetTimeless()
	default:
		out.SetHour(*b.Key.Hour)
	}
	return out
}

// reduce returns what a group knows of a block.
func (g groups) reduce(b *index.Block) *index.Block {
	var k bucket
	k.Key.Class = classOf(b)
	if g.host {
		k.Key.Host = keyword(b.Host)
	}
	if g.path {
		k.Key.Path = keyword(b.Path)
	}
	if g.kind {
		k.Key.Kind = keyword(string(b.Kind))
	}
	if g.mask {
		k.Key.Mask = b.Severity
	}
	if g.size {
		k.Key.Size = b.Size
	}
	if g.hour {
		h := int64(noHour)
		switch hours, some, one := b.Hour(); {
		case !some:
			k.Key.Hour = &h
		case one:
			h = hours
			k.Key.Hour = &h
		}
	}
	return g.block(&k)
}

// groupPage is how many groups are asked for at once.
const groupPage = 5000

// countGroups counts the groups of blocks of records that are decided by what they have in common, and tells whether some are not.
func (m *moment) countGroups(ctx context.Context, g groups, filters []filter, x *index.Evaluation, t *index.Tally) (undecided bool, err error) {
	filters = append(slices.Clone(filters), oneOf(fieldClass, classRecords, classRegistry))
	var after json.RawMessage
	for {
		composite := object{"size": groupPage, "sources": g.sources()}
		if after != nil {
			composite["after"] = after
		}
		body := object{"size": 0, "track_total_hits": false, "aggs": object{"g": object{"composite": composite, "aggs": object{"n": object{"sum": object{"field": fieldRecords}}}}}}
		var answer struct {
			Found struct {
				Groups struct {
					After   json.RawMessage `json:"after_key"`
					Buckets []bucket        `json:"buckets"`
				} `json:"g"`
			} `json:"aggregations"`
		}
		if err := m.ask(ctx, filters, body, &answer); err != nil {
			return false, err
		}
		for i := range answer.Found.Groups.Buckets {
			b := &answer.Found.Groups.Buckets[i]
			block := g.block(b)
			all, some := x.Judge(b.Key.Case, block)
			if !some {
				continue
			}
			known := all
			for n := uint64(b.Records.Value); known && n > 0; n -= uint64(block.Records) {
				block.Records = uint32(min(n, math.MaxUint32))
				known = t.Block(x, b.Key.Case, block)
			}
			undecided = undecided || !known
		}
		if len(answer.Found.Groups.Buckets) < groupPage {
			return undecided, nil
		}
		after = answer.Found.Groups.After
	}
}
