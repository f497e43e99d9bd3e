package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxLines is the longest text in bytes whose lines are collected for extractors.
	maxLines = 32 << 20
	// maxBinary is the longest member whose bytes are collected for extractors: hives of large servers stay below it.
	maxBinary = 512 << 20
	// batchSize is how many records a sink gets at a time.
	batchSize = 256
)

// worker reads one member after the other and keeps its buffers.
type worker struct {
	r     *reading
	hash  hash.Hash
	dec   decoder
	head  decoder
	batch []Record
	sum   [32]byte
}

// pass is the reading of one member.
type pass struct {
	w        *worker
	t        *task
	a        *Artifact
	locale   Locale
	in       *meter
	ahead    *ahead
	err      error // why the reading ended: io.EOF at the end of the member
	reported int64 // packed bytes that progress knows of

	keep    bool   // binary extractors want the bytes
	bytes   []byte // what they get
	claims  []claim
	collect bool // text extractors want the lines
	lines   lineCollector

	splitter Splitter
	sink     Sink
	emit     func(Record)
	line     int
	cut      int // line of the first record that was cut, 0 if none was
	minute   int64
	bias     int16
	biasSet  bool
}

// claim is an extractor that is sure to some degree that a member is of its kind.
type claim struct {
	x     *Extractor
	score int
	value any
}

// read reads a member. It returns the error of ctx only; whatever is wrong with the member becomes a problem.
func (w *worker) read(ctx context.Context, t *task, locale Locale) error {
	t.artifact = &Artifact{Path: t.path, Modified: t.m.modified, Kind: cmp.Or(t.m.kind, KindBinary), Truncated: t.m.truncated}
	p := &pass{w: w, t: t, a: t.artifact, locale: locale}
	defer w.r.progress(1, 0)
	if t.m.read {
		t.artifact.SHA256, t.artifact.Bytes = t.m.sum, t.m.size
		return nil
	}
	s, err := t.m.src.open()
	if err != nil {
		p.a.Truncated = true
		p.problem(StageRead, "%v", err)
		return ctx.Err()
	}
	defer s.Close() //nolint:errcheck // it was only read
	p.in = &meter{stream: s, grant: t.grant, ratio: w.r.limits.MaxRatio}
	w.hash.Reset()
	p.guard(func() { p.run(ctx) })
	p.endAhead()
	t.produced = p.in.produced
	p.a.Bytes, p.a.SHA256 = p.in.produced, hex.EncodeToString(w.hash.Sum(w.sum[:0]))
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.err != nil && !errors.Is(p.err, io.EOF) {
		p.a.Truncated = true
		p.problem(stageOf(p.err), "%v", p.err)
	}
	if p.a.Bytes == 0 && p.a.Truncated {
		p.a.SHA256 = ""
	}
	if p.sink != nil {
		p.guard(func() { p.sink.Done(p.a) })
	}
	p.w.r.progress(0, p.in.packed()-p.reported)
	return nil
}

// guard makes a panic, in whoever is called for this member, a problem of the member.
func (p *pass) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			p.a.Truncated = true
			p.problem(StageParse, "reading stopped: internal error: %v", v)
			p.w.r.opt.Log.Error("panic", "artifact", p.a.Path, "value", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

func (p *pass) problem(stage Stage, format string, args ...any) {
	p.t.problems = append(p.t.problems, Problem{p.a.Path, stage, fmt.Sprintf(format, args...)})
}

// fill reads the next bytes of the member into buf, chunkSize of them or as many as there are, and returns how many.
func (p *pass) fill(ctx context.Context, buf []byte) int {
	p.readAhead(ctx)
	var n int
	if p.ahead != nil {
		n, p.err = p.ahead.next(buf)
	} else {
		n, p.err = p.readPiece(ctx, buf)
	}
	if p.keep {
		if len(p.bytes)+n > maxBinary {
			p.keep, p.bytes = false, nil
			p.problem(StageParse, "larger than %d bytes: its content is not read as %s", maxBinary, p.claims[0].x.Kind)
		} else {
			p.bytes = append(p.bytes, buf[:n]...)
		}
	}
	return n
}

// readPiece reads the member until buf is full or there is an error, and hashes what it read.
func (p *pass) readPiece(ctx context.Context, buf []byte) (n int, err error) {
	for idle := 0; n < len(buf) && err == nil; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var m int
		m, err = p.in.Read(buf[n:])
		if n += m; m > 0 {
			idle = 0
		} else if idle++; idle > 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	p.w.hash.Write(buf[:n])
	if packed := p.in.packed(); packed-p.reported >= 8<<20 {
		p.w.r.progress(0, packed-p.reported)
		p.reported = packed
	}
	return n, err
}

// run recognises the member and reads it to its end.
func (p *pass) run(ctx context.Context) {
	d := &p.w.dec
	d.reset("", nil)
	raw := d.space(chunkSize)
	n := p.fill(ctx, raw)
	head := raw[:min(n, headSize)]
	switch magic := recognise(head); {
	case p.t.m.kind != "": // an archive, whose members are read on their own
	case n == 0:
		if errors.Is(p.err, io.EOF) {
			p.a.Kind = KindEmpty
			if isHiveName(p.t.m.base) {
				p.problem(StageRead, "a registry hive of zero bytes: it was probably in use when it was copied; save it with reg save, or copy it from a shadow copy")
			}
		}
		return
	case magic != nil:
		p.a.Kind = magic.kind
		if magic.kind == KindHiveOther {
			p.a.Kind = hiveKind(head)
		}
		if magic.advice != "" {
			p.t.problems = append(p.t.problems, magic.problem(p.a.Path))
		}
		p.claimBinary(head)
	default:
		p.claimBinary(head)
		if enc, bom, ok := textEncoding(head); ok {
			p.keepFirst(raw[:n])
			p.text(ctx, raw[:n], enc, bom)
			return
		}
	}
	p.keepFirst(raw[:n])
	for p.err == nil {
		p.fill(ctx, raw)
	}
	p.extract()
}

// claimBinary asks the binary extractors.
func (p *pass) claimBinary(head []byte) {
	for i := range p.w.r.opt.Extractors {
		if x := &p.w.r.opt.Extractors[i]; x.Binary {
			if score := x.Sniff(p.t.m.base, head); score > 0 {
				p.claims = append(p.claims, claim{x: x, score: score})
				p.keep = true
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

// consoles are the kinds of texts that console programs write, in the OEM code page.
var consoles = []Kind{KindListing, KindACL, KindMounts, KindRegQuery}

// text reads a text member, whose first bytes are raw.
func (p *pass) text(ctx context.Context, raw []byte, enc string, bom int) {
	opt := &p.w.r.opt
	ansi := pageOf(p.locale.ANSI, defaultANSI)
	head := headText(&p.w.head, raw, enc, bom, ansi)
	binary := len(p.claims)
	for i := range opt.Extractors {
		if x := &opt.Extractors[i]; !x.Binary {
			if score := x.Sniff(p.t.m.base, head); score > 0 {
				p.claims = append(p.claims, claim{x: x, score: score})
			}
		}
	}
	p.collect = len(p.claims) > binary
	reader, sure := p.reader(head)
	p.a.Kind = reader.Kind
	if best := p.best(); best != nil && best.score >= sure {
		p.a.Kind = best.x.Kind
	}
	page, known := ansi, p.locale.ANSI != 0
	if slices.Contains(consoles, p.a.Kind) {
		page, known = pageOf(p.locale.OEM, defaultOEM), p.locale.OEM != 0
	}

	d := &p.w.dec
	d.reset(enc, page)
	copy(d.space(len(raw)), raw[bom:])
	fresh := d.decode(len(raw)-bom, p.err != nil)
	p.a.Encoding = d.name()
	p.splitter, p.line = reader.New(), 1
	if opt.NewSink != nil {
		p.sink = opt.NewSink(p.a)
	}
	if p.w.batch == nil {
		p.w.batch = make([]Record, 0, batchSize)
	}
	p.w.batch = p.w.batch[:0]
	p.emit = p.record
	for {
		if p.collect {
			p.collectLines(fresh)
		}
		p.split(p.err != nil)
		if p.err != nil {
			break
		}
		n := p.fill(ctx, d.space(chunkSize))
		fresh = d.decode(n, p.err != nil)
	}
	if ctx.Err() != nil {
		return
	}
	p.a.Encoding = d.name()
	if !known && (d.encoding == page.name || d.encoding == encUTF8 && d.damaged > 0) {
		p.t.assumed = page.name
	}
	p.t.problems = append(p.t.problems, d.problems(p.a.Path)...)
	if p.cut > 0 {
		p.problem(StageParse, "line %d: a record longer than %d bytes was cut", p.cut, MaxRecord)
	}
	p.a.Kind = reader.Kind
	if p.a.Kind == KindLogText && p.a.WallFirst.Zone == ZoneNone {
		p.a.Kind = KindText
	}
	kind := p.a.Kind
	if p.extract() < sure {
		p.a.Kind = kind
	}
}

// reader returns the log reader that is the surest of the text, and how sure it is. Without one, each line is a record.
func (p *pass) reader(head []byte) (Reader, int) {
	best, sure := Reader{Kind: KindText, New: func() Splitter { return lineSplitter{} }}, 0
	for _, r := range p.w.r.opt.Readers {
		if score := r.Sniff(p.t.m.base, head); score > sure {
			best, sure = r, score
		}
	}
	return best, sure
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
		p.problem(StageParse, "its text is longer than %d bytes: it is read as a log only, not as %s", maxLines, p.best().x.Kind)
		p.claims = slices.DeleteFunc(p.claims, func(c claim) bool { return !c.x.Binary })
	}
}

// extract gives the member's content to those who claim it. The surest that finds something names the kind; its score is returned.
func (p *pass) extract() int {
	if p.best() == nil {
		return 0
	}
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
			in.Lines = lines
		}
		p.a.Kind = c.x.Kind
		p.guard(func() {
			var problems []Problem
			c.value, problems = c.x.Extract(in)
			p.t.problems = append(p.t.problems, problems...)
		})
		if c.value == nil {
			continue
		}
		p.t.extracted = append(p.t.extracted, Extracted{Artifact: p.a, Kind: p.a.Kind, Value: c.value, Lines: in.Lines})
		if named == "" {
			named, score = p.a.Kind, c.score
		}
	}
	p.a.Kind = cmp.Or(named, kind)
	p.bytes = nil
	slices.SortStableFunc(p.t.extracted, func(a, b Extracted) int { return cmp.Compare(a.Kind, b.Kind) })
	return score
}

// split gives decoded text to the splitter. What it leaves comes again with more text behind it, unless it is too long.
func (p *pass) split(atEOF bool) {
	d := &p.w.dec
	text := d.text()
	taken := p.splitOff(text, atEOF)
	for rest := len(text) - taken; rest > MaxRecord || atEOF && rest > 0; rest = len(text) - taken {
		part := text[taken:]
		if len(part) > MaxRecord {
			cut := MaxRecord
			for cut > MaxRecord-utf8.UTFMax && !utf8.RuneStart(part[cut]) {
				cut--
			}
			part = part[:cut]
		}
		if p.cut == 0 && !atEOF {
			p.cut = p.line
		}
		n := p.splitOff(part, true)
		if n < len(part) { // no splitter does so; yet every byte belongs to a record
			p.record(Record{Raw: part[n:], Text: part[n:]})
		}
		taken += len(part)
	}
	p.flush()
	d.take(taken, p.line-d.line)
}

// splitOff returns how many bytes of text the splitter took.
func (p *pass) splitOff(text []byte, atEOF bool) int {
	if len(text) == 0 {
		return 0
	}
	return max(0, min(len(text), p.splitter.Split(text, atEOF, p.emit)))
}

// record numbers a record, times it and puts it into the batch.
func (p *pass) record(r Record) {
	ends := bytes.Count(r.Raw, newline)
	r.Line, r.Lines = p.line, ends
	if len(r.Raw) == 0 || r.Raw[len(r.Raw)-1] != '\n' {
		r.Lines++
	}
	p.line += ends
	if r.Time.Zone != ZoneNone {
		p.time(&r.Time)
	}
	p.a.Records++
	p.w.batch = append(p.w.batch, r)
	if len(p.w.batch) == batchSize {
		p.flush()
	}
}

// time applies the system's zone and widens the artifact's window.
func (p *pass) time(t *Time) {
	if t.Zone == ZoneUnknown && p.locale.Bias != nil {
		minute := t.Wall / 60e6
		if !p.biasSet || minute != p.minute { // an offset changes at a full minute
			p.bias, p.minute, p.biasSet = p.locale.Bias(time.UnixMicro(t.Wall).UTC()), minute, true
		}
		t.Bias, t.Zone = p.bias, ZoneSystem
	}
	a := p.a
	if a.WallFirst.Zone == ZoneNone || t.Wall < a.WallFirst.Wall {
		a.WallFirst = *t
	}
	if a.WallLast.Zone == ZoneNone || t.Wall > a.WallLast.Wall {
		a.WallLast = *t
	}
	if t.Zone < ZoneSystem {
		return
	}
	utc := func(t Time) int64 { return t.Wall + int64(t.Bias)*60e6 }
	if a.First.Zone == ZoneNone || utc(*t) < utc(a.First) {
		a.First = *t
	}
	if a.Last.Zone == ZoneNone || utc(*t) > utc(a.Last) {
		a.Last = *t
	}
}

// flush gives the batch to the sink.
func (p *pass) flush() {
	if p.sink != nil && len(p.w.batch) > 0 {
		p.sink.Records(p.w.batch)
	}
	p.w.batch = p.w.batch[:0]
}

// lineSplitter makes each line a record.
type lineSplitter struct{}

func (lineSplitter) Split(text []byte, atEOF bool, emit func(Record)) int {
	taken := 0
	for {
		i := bytes.IndexByte(text[taken:], '\n')
		if i < 0 {
			break
		}
		emitLine(text[taken:taken+i+1], emit)
		taken += i + 1
	}
	if atEOF && taken < len(text) {
		emitLine(text[taken:], emit)
		taken = len(text)
	}
	return taken
}

func emitLine(line []byte, emit func(Record)) {
	emit(Record{Raw: line, Text: bytes.TrimRight(line, "\r\n")})
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
