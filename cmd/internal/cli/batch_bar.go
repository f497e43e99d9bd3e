package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"casebook/ingest"
)

// batchBar shows how far a batch has come, on stderr if that is a terminal: bundles, bytes, rate, time left, and what is being read.
type batchBar struct {
	bars *mpb.Progress // nil where no terminal is
	bar  *mpb.Bar

	mu      sync.Mutex
	files   int
	known   int
	bytes   int64            // of the bundles that are done
	part    map[string]int64 // bytes of those that are being read
	current string
	total   int64
	start   time.Time
}

// batchBar makes the display for bundles.
func (a *App) batchBar(list []bundle) *batchBar {
	b := &batchBar{known: len(list), part: map[string]int64{}, start: time.Now()}
	for i := range list {
		b.total += list[i].bytes()
	}
	if len(list) == 0 || a.quiet || a.noProgress || a.verbose || terminal(a.err) == nil {
		return b
	}
	b.bars = mpb.New(mpb.WithOutput(a.err), mpb.WithWidth(24), mpb.WithAutoRefresh())
	b.bar = b.bars.AddBar(max(b.total, 1), mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.state() })))
	return b
}

// state is what stands behind the bar.
func (b *batchBar) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.at()
	took := time.Since(b.start)
	text := fmt.Sprintf(" %d of %d, %s", b.files, b.known, size(at))
	if rate := float64(at) / took.Seconds(); at > 0 && took > time.Second {
		left := time.Duration(float64(b.total-at) / rate * float64(time.Second)).Round(time.Second)
		text += fmt.Sprintf(", %s/s, %s left", size(int64(rate)), left)
	}
	return text + "  " + clipped(printable(b.current), 28)
}

// at is how many bytes are read. The caller holds the mutex.
func (b *batchBar) at() int64 {
	n := b.bytes
	for _, p := range b.part {
		n += p
	}
	return min(n, b.total)
}

// of returns what takes the progress of an upload of so many bytes.
func (b *batchBar) of(name string, bytes int64) func(ingest.Progress) {
	return func(p ingest.Progress) {
		if b.bar == nil || p.BytesTotal <= 0 {
			return
		}
		b.mu.Lock()
		b.part[name] = int64(float64(bytes) * min(1, float64(p.Bytes)/float64(p.BytesTotal)))
		b.current = name
		at := b.at()
		b.mu.Unlock()
		b.bar.SetCurrent(min(at, max(b.total, 1)-1)) // never complete: done takes it away
	}
}

// finish counts a bundle that is done, and returns how many are, and of how many.
func (b *batchBar) finish(name string, bytes int64) (n, all int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.part, name)
	b.files++
	b.bytes += bytes
	return b.files, b.known
}

// shown tells whether there is a display.
func (b *batchBar) shown() bool { return b.bar != nil }

// done takes the display away.
func (b *batchBar) done() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.bars.Wait()
	}
}
