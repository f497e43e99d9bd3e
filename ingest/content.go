package ingest

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// content gives random access to the bytes of an archive: in memory, in a file, or in a part of another content. Files are open
// only while they are used, so that a folder of ten thousand zips needs no ten thousand handles.
type content struct {
	size   int64
	parent *content // the bytes are parent's from off on
	off    int64
	mem    []byte
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
