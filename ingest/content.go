package ingest

import (
	"bytes"
	"io"
	"os"
	"sort"
	"sync"
)

// content gives random access to the bytes of an archive: in memory, in a file, in a piece of another content, or in several of them. Files are open
// only while they are used, so that a folder of ten thousand zips needs no ten thousand handles.
type content struct {
	size   int64
	parent *content // the bytes are parent's from off on
	off    int64
	mem    []byte
	parts  []*content // the bytes are those of the parts, one behind the other
	open   func() (*os.File, error)

	mu   sync.Mutex
	file *os.File
	refs int
}

// acquire returns a reader that is valid until release is called as often as acquire was.
func (c *content) acquire() (io.ReaderAt, error) {
	switch {
	case c.parent != nil:
		r, err := c.parent.acquire()
		if err != nil {
			return nil, err
		}
		return io.NewSectionReader(r, c.off, c.size), nil
	case c.parts != nil:
		return c.acquireParts()
	case c.open == nil:
		return bytes.NewReader(c.mem), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		f, err := c.open()
		if err != nil {
			return nil, err
		}
		c.file = f
	}
	c.refs++
	return c.file, nil
}

// release ends one use.
func (c *content) release() {
	if c.parent != nil {
		c.parent.release()
		return
	}
	for _, p := range c.parts {
		p.release()
	}
	if c.open == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs--; c.refs == 0 {
		_ = c.file.Close() // it was only read
		c.file = nil
	}
}

// acquireParts acquires all parts.
func (c *content) acquireParts() (io.ReaderAt, error) {
	j := joined{size: c.size}
	for i, p := range c.parts {
		r, err := p.acquire()
		if err != nil {
			for _, p := range c.parts[:i] {
				p.release()
			}
			return nil, err
		}
		j.parts = append(j.parts, r)
		j.ends = append(j.ends, p.size)
		if i > 0 {
			j.ends[i] += j.ends[i-1]
		}
	}
	return j, nil
}

// joined reads parts as one.
type joined struct {
	size  int64
	parts []io.ReaderAt
	ends  []int64 // where each part ends in the whole
}

func (j joined) ReadAt(p []byte, off int64) (n int, err error) {
	i := sort.Search(len(j.ends), func(i int) bool { return j.ends[i] > off })
	for n < len(p) && i < len(j.parts) {
		start := int64(0)
		if i > 0 {
			start = j.ends[i-1]
		}
		at := off + int64(n)
		want := p[n : n+int(min(int64(len(p)-n), j.ends[i]-at))]
		m, err := j.parts[i].ReadAt(want, at-start)
		if n += m; m < len(want) {
			return n, err
		}
		i++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
