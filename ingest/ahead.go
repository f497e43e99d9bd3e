package ingest

import (
	"context"
	"fmt"
)

// aheadFrom is how many bytes of a member must be left for reading ahead to be worth a goroutine.
const aheadFrom = 4 << 20

// ahead inflates and hashes the rest of a member while what came before is decoded and split. It takes the place of a worker that
// has nothing left to do, so that one huge log does not keep a single processor busy.
type ahead struct {
	full  chan piece
	empty chan []byte
	stop  chan struct{}
	done  chan struct{}
}

// piece is what one call of [pass.readPiece] brought.
type piece struct {
	buf []byte
	n   int
	err error
}

// readAhead starts reading ahead if a worker is idle. The member's stream then belongs to the new goroutine until endAhead.
func (p *pass) readAhead(ctx context.Context) {
	if p.ahead != nil || p.t.m.declared()-p.in.produced < aheadFrom || !p.w.r.takeIdle() {
		return
	}
	const buffers = 3 // one being filled, one being used, one in between
	a := &ahead{full: make(chan piece, buffers), empty: make(chan []byte, buffers), stop: make(chan struct{}), done: make(chan struct{})}
	for range buffers {
		a.empty <- make([]byte, chunkSize)
	}
	p.ahead = a
	go func() {
		defer close(a.done)
		for {
			select {
			case <-a.stop:
				return
			case buf := <-a.empty:
				next := p.readSafely(ctx, buf)
				a.full <- next
				if next.err != nil {
					return
				}
			}
		}
	}()
}

// readSafely makes a panic of a decompressor an error, as pass.guard does on the worker's own goroutine.
func (p *pass) readSafely(ctx context.Context, buf []byte) (next piece) {
	defer func() {
		if v := recover(); v != nil {
			next = piece{buf: buf, err: fmt.Errorf("reading stopped: internal error: %v", v)}
		}
	}()
	n, err := p.readPiece(ctx, buf)
	return piece{buf, n, err}
}

// next copies the next piece into buf, which is chunkSize long.
func (a *ahead) next(buf []byte) (int, error) {
	next := <-a.full
	n := copy(buf, next.buf[:next.n])
	a.empty <- next.buf
	return n, next.err
}

// endAhead ends reading ahead and gives the idle worker back.
func (p *pass) endAhead() {
	if p.ahead == nil {
		return
	}
	close(p.ahead.stop)
	<-p.ahead.done
	p.ahead = nil
	p.w.r.idle.Add(1)
}

// takeIdle takes the place of an idle worker, if there is one.
func (r *reading) takeIdle() bool {
	for {
		n := r.idle.Load()
		if n <= 0 {
			return false
		}
		if r.idle.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
