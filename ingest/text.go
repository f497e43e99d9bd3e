package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// batchSize is how many records a sink gets at a time.
const batchSize = 256

// consoles are the kinds of texts that console programs write, in the OEM code page.
var consoles = []Kind{KindListing, KindACL, KindMounts, KindRegQuery, KindNslookup, KindIPConfig, KindSystemInfo, KindWinmgmt, KindManifest}

// text reads a text member, whose first bytes are raw.
func (p *pass) text(ctx context.Context, raw []byte, enc string, bom int) {
	opt := &p.w.r.opt
	ansi := pageOf(p.locale.ANSI, defaultANSI)
	decoded := p.t.m.kept // not nil if the text is decoded already
	if decoded != nil && decoded.Form != FormText {
		decoded = nil
	}
	var head []byte
	if decoded != nil {
		head = decoded.headOf(raw)
	} else {
		head = headText(&p.w.head, raw, enc, bom, ansi, p.locale.ANSI == 0)
	}
	if opt.Keep != nil {
		p.w.recognised = append(p.w.recognised[:0], head...)
	}
	for i := range opt.Extractors {
		if x := &opt.Extractors[i]; !x.Binary {
			if score := x.Sniff(p.t.m.base, head); score > 0 {
				p.claims = append(p.claims, claim{x: x, score: score})
			}
		}
	}
	p.collect = len(p.claims) > 0
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
	d.verbatim, d.likely = decoded != nil, !known
	copy(d.space(len(raw)), raw[bom:])
	fresh := d.decode(len(raw)-bom, p.err != nil)
	if opt.Keep != nil {
		p.keepHead(p.w.recognised, fresh)
	}
	p.a.Encoding = d.name()
	if decoded != nil {
		p.a.Encoding = decoded.Encoding
	}
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
	if decoded != nil {
		p.decodedBefore(decoded, page, known)
	} else if p.a.Encoding = d.name(); !known && (d.encoding == d.fallback.name || d.encoding == encUTF8 && d.damaged > 0) {
		p.t.assumed = d.fallback.name
	}
	for _, problem := range d.problems(p.a.Path) {
		p.t.problems = append(p.t.problems, memberProblem{problem, foundInBytes})
	}
	if p.cut > 0 {
		p.found(foundInText, StageParse, "line %d: longer than %d bytes; it is read in pieces of that length", p.cut, MaxRecord)
	}
	if e, ok := p.splitter.(Ender); ok && errors.Is(p.err, io.EOF) && e.Cut() {
		p.a.Truncated = true
		p.found(foundInText, StageParse, "line %d: the text ends within a record, so it was cut short", p.line)
	}
	p.settleSign()
	p.a.Clock = p.clock.reason()
	if p.clock.times > 0 {
		p.a.Tally = p.tally.settled(p.a.Records, p.clock.places())
	}
	if why := p.clock.problem(); why != "" {
		p.found(foundInText, StageParse, "%s", why)
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

// decodedBefore settles what is said of the encoding of a text that is kept decoded. page is the one by which its bytes would be read now, and known whether that is the machine's.
func (p *pass) decodedBefore(k *KeptMember, page *codePage, known bool) {
	by := k.Assumed
	if by == "" && slices.ContainsFunc(codePages, func(c codePage) bool { return c.name == k.Encoding }) {
		by = k.Encoding
	}
	switch {
	case by != "" && by != page.name && (known || k.Assumed == ""):
		p.found(foundInText, StageDecode, "its characters outside ASCII were read by %s; by what the case holds now they would be read by %s, but its bytes are no longer at hand: ask for the upload again if they matter", by, page.name)
	case !known:
		p.t.assumed = k.Assumed
	}
}

// reader returns the log reader that is the surest of the text, and how sure it is; of several that are, the one that reads most of the
// head. Without one, each line is a record.
func (p *pass) reader(head []byte) (Reader, int) {
	best, sure := Reader{Kind: KindText, New: func() Splitter { return lineSplitter{} }}, 0
	for _, r := range p.w.r.opt.Readers {
		switch score := r.Sniff(p.t.m.base, head); {
		case score > sure:
			best, sure = r, score
		case score == sure && score > 0 && understood(r, head) > understood(best, head):
			best = r
		}
	}
	return best, sure
}

// understood returns how many bytes of a text are in records of which a reader knows more than the text: their time, or their component.
func understood(r Reader, text []byte) int {
	n := 0
	r.New().Split(text, true, func(rec Record) {
		if rec.Time.Zone != ZoneNone || len(rec.Component) > 0 {
			n += len(rec.Raw)
		}
	})
	return n
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
		// Readers cut too long records themselves, each before the character that does not fit.
		if len(r.Raw) > MaxRecord-utf8.UTFMax && p.cut == 0 {
			p.cut = r.Line
		}
	}
	p.line += ends
	if r.Time.Zone != ZoneNone {
		p.time(&r.Time)
		if r.Time.Claim != 0 {
			p.open.add(r.Time, r.Severity)
		} else {
			p.open.final = Time{}
			p.tally.add(&r.Time, r.Severity)
		}
	}
	if r.Time.Basis != BasisNone {
		p.clock.add(&r.Time, r.Line)
	}
	p.a.Records++
	p.w.batch = append(p.w.batch, r)
	if len(p.w.batch) == batchSize {
		p.flush()
	}
}

// time applies the system's zone and widens the artifact's window.
func (p *pass) time(t *Time) {
	if p.locale.Bias != nil && (t.Zone == ZoneUnknown || t.Basis == BasisBias) {
		minute := t.Wall / 60e6
		if !p.biasSet || minute != p.minute { // an offset changes at a full minute
			p.bias, p.minute, p.biasSet = p.locale.Bias(time.UnixMicro(t.Wall).UTC()), minute, true
		}
		switch {
		case t.Zone == ZoneUnknown:
			t.Bias, t.Zone, t.Basis, t.Claim = p.bias, ZoneSystem, BasisRegistry, 0
		case t.Bias == -p.bias && p.bias != 0: // the writer means the opposite sign
			t.Bias, t.Zone, t.Basis = p.bias, ZoneSystem, BasisSettled
		}
	}
	a := p.a
	if a.WallFirst.Zone == ZoneNone || t.Wall < a.WallFirst.Wall {
		a.WallFirst = *t
	}
	if a.WallLast.Zone == ZoneNone || t.Wall > a.WallLast.Wall {
		a.WallLast = *t
	}
	a.widen(*t)
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
