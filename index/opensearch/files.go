package opensearch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/klauspost/compress/zstd"
)

// Files keeps the files of cases, such as report.json, by the state of the case and their name. The cluster does that itself unless [Config] names another place, such as an object
// storage. What Put has written is whole when it returns; the bytes of Open must not be trusted before their end, and its error is [fs.ErrNotExist] if there is no such file; deleting
// what is not there is no error.
type Files interface {
	Put(ctx context.Context, state, name string, r io.Reader) error
	Open(ctx context.Context, state, name string) (io.ReadCloser, error)
	Delete(ctx context.Context, state string) error
}

// pieceBytes is how many compressed bytes one document of a file holds.
const pieceBytes = 3 << 20

// pieces keeps files in the cluster: compressed, in documents of some megabytes.
type pieces struct{ s *Store }

func pieceID(state, name string, n int) string { return fmt.Sprintf("%s-%s-%06d", state, name, n) }

type piece struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Piece int    `json:"piece"`
	Last  bool   `json:"last"`
	Data  []byte `json:"data"`
}

// Put implements [Files].
func (p pieces) Put(ctx context.Context, state, name string, r io.Reader) error {
	to := &pieceWriter{ctx: ctx, s: p.s, next: piece{Key: state, Name: name}}
	z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err == nil {
		if _, err = io.Copy(z, r); err == nil {
			err = z.Close()
		}
	}
	if err == nil {
		err = to.send(true)
	}
	if err != nil {
		return fmt.Errorf("opensearch: %s: %w", name, err)
	}
	return nil
}

// pieceWriter sends what is written to it in pieces.
type pieceWriter struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call
	s    *Store
	next piece
	left bytes.Buffer // of more than a piece the first is sent: the last is known only at the end
}

// Write implements [io.Writer].
func (w *pieceWriter) Write(b []byte) (int, error) {
	w.left.Write(b)
	for w.left.Len() > pieceBytes {
		if err := w.send(false); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (w *pieceWriter) send(last bool) error {
	w.next.Data, w.next.Last = w.left.Next(pieceBytes), last
	err := w.s.client.do(w.ctx, http.MethodPut, "/"+w.s.files()+"/_doc/"+pieceID(w.next.Key, w.next.Name, w.next.Piece), nil, w.next, nil)
	w.next.Piece++
	return err
}

// Open implements [Files].
func (p pieces) Open(ctx context.Context, state, name string) (io.ReadCloser, error) {
	r := &pieceReader{ctx: ctx, s: p.s, now: piece{Key: state, Name: name, Piece: -1}}
	if err := r.next(); err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, fmt.Errorf("opensearch: %w", err)
	}
	return z.IOReadCloser(), nil
}

// pieceReader gets a file piece by piece.
type pieceReader struct {
	ctx context.Context //nolint:containedctx // its reader lives as long as one call
	s   *Store
	now piece // what of it is not read yet
}

func (r *pieceReader) next() error {
	var answer struct {
		Source piece `json:"_source"`
	}
	n := r.now.Piece + 1
	err := r.s.client.do(r.ctx, http.MethodGet, "/"+r.s.files()+"/_doc/"+pieceID(r.now.Key, r.now.Name, n), nil, nil, &answer)
	if isStatus(err, http.StatusNotFound) {
		return fmt.Errorf("opensearch: %s of state %s: piece %d: %w", r.now.Name, r.now.Key, n, fs.ErrNotExist)
	}
	if err == nil {
		r.now = answer.Source
	}
	return err
}

// Read implements [io.Reader].
func (r *pieceReader) Read(p []byte) (int, error) {
	for len(r.now.Data) == 0 {
		if r.now.Last {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.now.Data)
	r.now.Data = r.now.Data[n:]
	return n, nil
}

// Delete implements [Files].
func (p pieces) Delete(ctx context.Context, state string) error {
	return p.s.deleteBy(ctx, p.s.files(), fieldKey, state)
}
