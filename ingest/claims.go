package ingest

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// maxLines is the longest text in bytes whose lines are collected for extractors.
	maxLines = 32 << 20
	// maxBinary is the longest member whose bytes are collected for extractors: hives of large servers stay below it.
	maxBinary = 512 << 20
)

// claim is an extractor that is sure to some degree that a member is of its kind.
type claim struct {
	x     *Extractor
	score int
	value any
}

// claimBinary asks the binary extractors.
func (p *pass) claimBinary(head []byte) {
	for i := range p.w.r.opt.Extractors {
		if x := &p.w.r.opt.Extractors[i]; x.Binary {
			if score := x.Sniff(p.t.m.base, head); score > 0 {
				p.claims = append(p.claims, claim{x: x, score: score})
				p.keep, p.wanted = true, true
			}
		}
	}
}

// keepFirst keeps the bytes that were read before it was known who wants them.
func (p *pass) keepFirst(raw []byte) {
	if p.keep {
		p.bytes = append(p.bytes, raw...)
	}
}

// best returns the surest claim, nil if there is none. Among equals the kind's name decides, so that the order of the
// extractors doesn't.
func (p *pass) best() *claim {
	if len(p.claims) == 0 {
		return nil
	}
	slices.SortStableFunc(p.claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.x.Kind, b.x.Kind))
	})
	return &p.claims[0]
}

// collectLines keeps the lines of decoded text for the extractors.
func (p *pass) collectLines(text []byte) {
	p.lines.add(text)
	if p.lines.size > maxLines {
		p.collect, p.lines = false, lineCollector{}
		if best := p.best(); !best.x.Binary {
			p.found(foundInText, StageParse, "its text is longer than %d bytes: it is read as a log only, not as %s", maxLines, best.x.Kind)
		}
		p.claims = slices.DeleteFunc(p.claims, func(c claim) bool { return !c.x.Binary })
	}
}

// extract gives the member's content to those who claim it. The surest that finds something names the kind; its score is returned.
func (p *pass) extract() int {
	if p.best() == nil {
		return 0
	}
	open := p.lines.part != ""
	lines := p.lines.end()
	kind := p.a.Kind
	named, score := Kind(""), 0
	for i := range p.claims {
		c := &p.claims[i]
		if c.x.Binary && !p.keep {
			continue
		}
		in := Input{Artifact: p.a, Locale: p.locale}
		if c.x.Binary {
			in.Bytes = p.bytes
		} else {
			in.Lines, in.Open = lines, open
		}
		p.a.Kind = c.x.Kind
		p.guard(func() {
			var problems []Problem
			c.value, problems = c.x.Extract(in)
			for _, problem := range problems {
				problem.Artifact = cmp.Or(problem.Artifact, p.a.Path)
				p.t.problems = append(p.t.problems, memberProblem{problem, p.shows(c)})
			}
		})
		if c.value == nil {
			continue
		}
		p.t.extracted = append(p.t.extracted, Extracted{Artifact: p.a, Kind: p.a.Kind, Value: c.value, Lines: lines})
		if named == "" {
			named, score = p.a.Kind, c.score
		}
	}
	p.a.Kind = cmp.Or(named, kind)
	if keep := p.w.r.opt.Keep; keep != nil && p.keep && keep(p.a, p.bytes) {
		p.t.form = FormBytes
	}
	p.bytes = nil
	slices.SortStableFunc(p.t.extracted, func(a, b Extracted) int { return cmp.Compare(a.Kind, b.Kind) })
	return score
}

// lineCollector gathers the lines of a text that comes in pieces.
type lineCollector struct {
	lines []string
	part  string // the beginning of the next line
	size  int
}

// add takes the next piece.
func (c *lineCollector) add(text []byte) {
	c.size += len(text)
	s := string(text)
	for {
		line, rest, ok := strings.Cut(s, "\n")
		if !ok {
			c.part += s
			return
		}
		if c.part != "" {
			line, c.part = c.part+line, ""
		}
		c.lines = append(c.lines, strings.TrimSuffix(line, "\r"))
		s = rest
	}
}

// end returns the lines.
func (c *lineCollector) end() []string {
	if c.part != "" {
		c.lines, c.part = append(c.lines, c.part), ""
	}
	return c.lines
}
