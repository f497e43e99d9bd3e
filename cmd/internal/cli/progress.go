package cli

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"casebook/ingest"
)

// patience is how long work may last before progress is shown.
const patience = time.Second

// progress shows how far the reading has come, on stderr if that is a terminal, once the work has lasted over a second.
type progress struct {
	app   *App
	what  string
	start time.Time
	last  atomic.Pointer[ingest.Progress]

	mu     sync.Mutex
	bars   *mpb.Progress
	bar    *mpb.Bar
	hidden bool
}

func (a *App) progress(what string) *progress {
	return &progress{
		app: a, what: what, start: time.Now(),
		hidden: a.quiet || a.noProgress || a.verbose || terminal(a.err) == nil,
	}
}

// update is called by the readers now and then.
func (p *progress) update(now ingest.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hidden {
		return
	}
	if p.bar == nil {
		if time.Since(p.start) < patience {
			return
		}
		name := printable(p.what)
		p.last.Store(&now)
		p.bars = mpb.New(mpb.WithOutput(p.app.err), mpb.WithWidth(24), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(max(now.BytesTotal, 1), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(clipped(name, 24)+" ")),
			mpb.AppendDecorators(
				// The bar calls this while update may be waiting for the bar: it takes no lock.
				decor.Any(func(decor.Statistics) string {
					at := p.last.Load()
					return fmt.Sprintf(" %d of %d files", at.Files, at.FilesTotal)
				}),
			))
	}
	// The readers report from several goroutines: an older state may come after a newer one.
	if last := p.last.Load(); now.Bytes >= last.Bytes && now.Files >= last.Files {
		p.last.Store(&now)
		p.bar.SetCurrent(min(now.Bytes, max(now.BytesTotal, 1)-1)) // never complete: done takes it away
	}
}

// done takes the display away.
func (p *progress) done() {
	p.mu.Lock()
	bar, bars := p.bar, p.bars
	p.hidden = true
	p.mu.Unlock()
	if bar != nil {
		bar.Abort(true)
		bars.Wait()
	}
}

// size formats a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
