package index

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"casebook/findings"
	"casebook/index/words"
	"casebook/ingest"
)

// weigh computes what finding each of the marks is worth: the fewer blocks of the cases hold its words, the more. A block counts
// instead of a record because that is what the index knows.
func (s *run) weigh(a *Archive, m *manifest) error {
	held := make([]uint64, len(s.marks))
	var blocks uint64
	seen := map[string]bool{} // cases may share a shard
	for i := range m.Cases {
		live := &m.Cases[i]
		if seen[live.Shard] || !s.begin(live) {
			continue
		}
		seen[live.Shard] = true
		err := a.withShard(live.Shard, func(shared *sharedShard) error {
			n := shared.index.count()
			blocks += n
			for i, m := range s.marks {
				in, err := holding(m, shared.index, n)
				if err != nil {
					return err
				}
				held[i] += in
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was merged meanwhile, and counts little
			return fmt.Errorf("archive: case %q: %w", live.ID, err)
		}
	}
	s.weights = make([]float64, len(s.marks))
	for i, n := range held {
		s.weights[i] = math.Log(1 + float64(blocks+1)/float64(n+1))
	}
	return nil
}

// holding returns in how many of all blocks of a shard a mark may be found, by its rarest word.
func holding(m words.Matcher, s *shard, all uint64) (uint64, error) {
	least := all
	for _, oneOf := range m.Terms() {
		var n uint64
		for _, t := range oneOf {
			if t.Glob { // what it stands for would have to be looked up
				n = all
				break
			}
			in, err := s.holding(string(t.Prefix))
			if err != nil {
				return 0, err
			}
			n += in
		}
		least = min(least, n)
	}
	return least, nil
}

// score says how much a hit tells: by what of the query is found in it and how often, its length and its severity. A confirmed finding comes
// before records of the same words, since it has already been thought about.
func (s *run) score(src *source) float64 {
	factor := 1.0
	var text []byte
	if f := src.finding; f != nil {
		text = findingText(f)
		switch f.Verdict {
		case findings.Confirmed:
			factor = 8
		case findings.Suspected:
			factor = 3
		case findings.RuledOut, findings.NotEvaluated:
			factor = 0.5
		}
	} else {
		r := &src.records[src.item]
		text = r.Text
		switch r.Severity {
		case ingest.SeverityError:
			factor = 1.5
		case ingest.SeverityWarning:
			factor = 1.2
		case ingest.SeverityInfo, ingest.SeverityNone:
		}
	}
	sum := 0.01 // a query of fields alone is answered by severity and length
	for i, m := range s.marks {
		if n := len(m.Find(text, 8)); n > 0 {
			sum += s.weights[i] * (1 + 0.25*math.Log(float64(n))) // again tells less than more of the words
		}
	}
	return sum * factor / (1 + math.Log1p(float64(len(text))/256))
}
