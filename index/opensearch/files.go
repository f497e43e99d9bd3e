package opensearch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/klauspost/compress/zstd"

	"casebook/internal/safeio"
)

// Files keeps the files of cases, such as report.json, by the state of the case and their name. The cluster does that itself unless [Config] names another place, such as an object
// storage. What Put has written is whole when it returns; Get's error is [fs.ErrNotExist] if there is no such file; deleting what is not there is no error.
type Files interface {
	Put(ctx context.Context, state, name string, r io.Reader) error
	Get(ctx context.Context, state, name string) ([]byte, error)
	Delete(ctx context.Context, state string) error
}

// The bounds of files in the cluster.
const (
	pieceBytes = 3 << 20   // of compressed bytes in one document
	maxFile    = 512 << 20 // of a file
)

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
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err == nil {
		if _, err = io.Copy(z, r); err == nil {
			err = z.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("opensearch: %w", err)
	}
	for n := 0; ; n++ {
		d := piece{Key: state, Name: name, Piece: n, Data: b.Next(pieceBytes), Last: b.Len() == 0}
		if err := p.s.client.do(ctx, http.MethodPut, "/"+p.s.files()+"/_doc/"+pieceID(state, name, n), nil, d, nil); err != nil {
			return err
		}
		if d.Last {
			return nil
		}
	}
}

// Get implements [Files].
func (p pieces) Get(ctx context.Context, state, name string) ([]byte, error) {
	var b bytes.Buffer
	for n, last := 0, false; !last; n++ {
		var answer struct {
			Source piece `json:"_source"`
		}
		err := p.s.client.do(ctx, http.MethodGet, "/"+p.s.files()+"/_doc/"+pieceID(state, name, n), nil, nil, &answer)
		if isStatus(err, http.StatusNotFound) {
			return nil, fmt.Errorf("opensearch: %s of state %s: %w", name, state, fs.ErrNotExist)
		}
		if err != nil {
			return nil, err
		}
		b.Write(answer.Source.Data)
		last = answer.Source.Last
	}
	z, err := zstd.NewReader(&b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, fmt.Errorf("opensearch: %w", err)
	}
	defer z.Close()
	out, err := safeio.ReadAll(z, maxFile)
	if err != nil {
		return nil, fmt.Errorf("opensearch: %s of state %s: %w", name, state, err)
	}
	return out, nil
}

// Delete implements [Files].
func (p pieces) Delete(ctx context.Context, state string) error {
	return p.s.deleteBy(ctx, p.s.files(), fieldKey, state)
}
