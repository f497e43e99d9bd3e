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
	"math"
	"runtime/debug"
)

// worker reads one member after the other and keeps its buffers.
type worker struct {
	r     *reading
	hash  hash.Hash
	dec   decoder
	head  decoder
	batch []Record
	// recognised is a copy of what the text at hand is recognised by.
	recognised []byte
	sum        [32]byte
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
	wanted  bool   // binary extractors wanted the bytes, though they may have been too many
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
	clock    clockTally
	tally    tallier
	open     openSign
}

// read reads a member. It returns the error of ctx only; whatever is wrong with the member becomes a problem.
func (w *worker) read(ctx context.Context, t *task, locale Locale) error {
	t.artifact = &Artifact{Path: t.path, Modified: t.m.modified, ModifiedUTC: t.m.utc, Kind: cmp.Or(t.m.kind, KindBinary), Truncated: t.m.truncated}
	p := &pass{w: w, t: t, a: t.artifact, locale: locale}
	defer func() { w.r.progress(1, t.m.packed-p.reported) }()
	if t.m.read {
		t.artifact.SHA256, t.artifact.Bytes = t.m.sum, t.m.size
		return nil
	}
	if t.m.kept != nil && p.recall() {
		return nil
	}
	s, err := t.m.src.open()
	if err != nil {
		p.a.Truncated, t.cut = true, true
		p.found(foundOutside, StageRead, "%v", err)
		return ctx.Err()
	}
	defer s.Close() //nolint:errcheck // it was only read
	p.in = &meter{stream: s, grant: t.grant, ratio: w.r.limits.MaxRatio}
	if t.m.kept != nil {
		p.in.ratio = math.MaxInt64
	}
	w.hash.Reset()
	p.guard(func() { p.run(ctx) })
	p.endAhead()
	t.produced, t.sensitive = p.in.produced, p.a.Sensitive
	p.a.Sensitive = cmp.Or(p.a.Sensitive, sensitiveKind(p.a.Kind))
	p.a.Bytes, p.a.SHA256 = p.in.produced, hex.EncodeToString(w.hash.Sum(w.sum[:0]))
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case p.err == nil, errors.Is(p.err, io.EOF):
	case errors.Is(p.err, errCut):
		p.a.Truncated = true
	default:
		p.a.Truncated, t.cut = true, true
		p.found(foundOutside, stageOf(p.err), "%v", p.err)
	}
	if p.a.Bytes == 0 && p.a.Truncated {
		p.a.SHA256 = ""
	}
	if k := t.m.kept; k != nil {
		p.a.Bytes, p.a.SHA256 = k.Bytes, k.SHA256
	}
	p.form()
	if p.sink != nil {
		p.guard(func() { p.sink.Done(p.a) })
	}
	return nil
}

// guard makes a panic, in whoever is called for this member, a problem of the member.
func (p *pass) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			p.a.Truncated, p.t.stopped = true, true
			p.problem(StageParse, "reading stopped: internal error: %v", v)
			p.w.r.opt.Log.Error("panic", "artifact", p.a.Path, "value", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// problem notes what is wrong with the bytes of the member.
func (p *pass) problem(stage Stage, format string, args ...any) {
	p.found(foundInBytes, stage, format, args...)
}

func (p *pass) found(in origin, stage Stage, format string, args ...any) {
	p.t.problems = append(p.t.problems, memberProblem{Problem{Artifact: p.a.Path, Stage: stage, Message: fmt.Sprintf(format, args...), Refused: refusalIn(args)}, in})
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
			p.problem(StageParse, "larger than %d bytes: its content is not read as more than text", maxBinary)
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
	if k := p.t.m.kept; k != nil && k.Form == FormText {
		p.a.Sensitive = k.Sensitive
		p.text(ctx, raw[:n], "", 0)
		return
	}
	if p.t.m.kind == "" {
		p.a.Sensitive = sensitiveContent(p.a.Path, head)
	}
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
		p.claimBinary(head)
	default:
		p.claimBinary(head)
		enc, bom, ok := textEncoding(head)
		if !ok {
			// A crash may leave zeros where the log's first lines were.
			zeros := (n - len(bytes.TrimLeft(raw[:n], "\x00"))) &^ 1
			if enc, bom, ok = textEncoding(raw[zeros:min(n, zeros+headSize)]); bom > 0 {
				ok = false // a mark in the middle
			}
		}
		if ok {
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
