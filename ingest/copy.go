package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// copier makes random access of a stream.
type copier struct {
	inMemory int64                    // how many bytes may stay in memory
	create   func() (*os.File, error) // makes the temporary file for more

	sum    string // SHA-256 of what was copied
	damage error  // why the copy is not whole, nil if it is
}

// copy reads s to its end, or as far as it can be read. An error means that there is no copy.
func (c *copier) copy(ctx context.Context, s io.Reader) (in *content, err error) {
	var mem []byte
	var file *os.File
	defer func() {
		if file != nil {
			if cerr := file.Close(); err == nil {
				err = cerr
			}
		}
	}()
	hash := sha256.New()
	size := int64(0)
	chunk := make([]byte, chunkSize)
	for c.damage == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, rerr := s.Read(chunk)
		hash.Write(chunk[:n])
		size += int64(n)
		if file == nil && size > c.inMemory {
			if file, err = c.create(); err != nil {
				return nil, err
			}
			if _, err = file.Write(mem); err != nil {
				return nil, err
			}
			mem = nil
		}
		if file == nil {
			mem = append(mem, chunk[:n]...)
		} else if _, err = file.Write(chunk[:n]); err != nil {
			return nil, err
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		c.damage = rerr
	}
	c.sum = hex.EncodeToString(hash.Sum(nil))
	if file == nil {
		return &content{size: size, mem: mem}, nil
	}
	name := file.Name()
	open := func() (*os.File, error) { return os.Open(name) }
	return &content{size: size, open: open}, nil
}
