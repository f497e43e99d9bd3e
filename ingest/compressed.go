package ingest

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

const (
	// maxDictionary is the largest dictionary in bytes that a stream may ask for: the highest presets of xz and 7z ask for 64 MiB.
	maxDictionary = 256 << 20
	// packedBuffer is how much of a packed stream is read at a time.
	packedBuffer = 64 << 10
)

// packedNames are the extensions of compressed files, and what is behind them.
var packedNames = []struct{ ext, inner string }{
	{".gz", ""}, {".bz2", ""}, {".xz", ""}, {".zst", ""}, {".tgz", ".tar"}, {".tbz2", ".tar"}, {".tbz", ".tar"}, {".txz", ".tar"}, {".tzst", ".tar"},
}

// decompress returns what a stream of a compression format holds, which is the format's own name of it too where it has one. The caller closes it.
func decompress(f container, packed io.Reader) (r io.ReadCloser, name string, modified time.Time, err error) {
	b := bufio.NewReaderSize(packed, packedBuffer)
	switch f {
	case containerGzip:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, "", time.Time{}, err
		}
		if !z.ModTime.IsZero() {
			modified = z.ModTime.UTC()
		}
		return z, z.Name, modified, nil
	case containerBzip2:
		return io.NopCloser(bzip2.NewReader(b)), "", time.Time{}, nil
	case containerXZ:
		x, err := xz.NewReader(b, maxDictionary)
		if err != nil {
			return nil, "", time.Time{}, err
		}
		return io.NopCloser(x), "", time.Time{}, nil
	case containerZstd:
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxDictionary))
		if err != nil {
			return nil, "", time.Time{}, err
		}
		return z.IOReadCloser(), "", time.Time{}, nil
	default:
		return nil, "", time.Time{}, errors.New("not a compression format")
	}
}

// compressed lists the one member of a compressed file, or those of a compressed tar.
func (u *unpacking) compressed(ctx context.Context, f container) error {
	z, name, modified, err := decompress(f, io.NewSectionReader(u.r, 0, u.in.size))
	if err != nil {
		return atBeginning(err)
	}
	defer z.Close() //nolint:errcheck // it was only read
	r := bufio.NewReaderSize(z, packedBuffer)
	head, err := r.Peek(tarBlock)
	if isTar(head) {
		return u.tar(ctx, &bounded{r: r, u: u}, false)
	}
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return atBeginning(err)
	}
	inner := innerName(u.base)
	if inner == u.base && name != "" {
		inner = path.Base(strings.ReplaceAll(name, `\`, "/"))
	}
	end := &ending{r: r}
	if err := u.unpacked(ctx, header{name: inner, size: -1, modified: modified, utc: true}, end); err != nil {
		return err
	}
	if errors.Is(end.err, io.ErrUnexpectedEOF) {
		return cutf(CutUnlisted, "cut short: its packed bytes end within its one file")
	}
	return nil
}

// atBeginning words the error of a stream of which nothing can be read.
func atBeginning(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return cutf(CutUnlisted, "cut short: its packed bytes end before its first byte")
	}
	return fmt.Errorf("damaged at its beginning: %w", plain(err))
}

// ending keeps the error with which a stream ended.
type ending struct {
	r   io.Reader
	err error
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.err = err
	return n, err
}

// innerName returns what a compressed file of that name is called when it is unpacked.
func innerName(base string) string {
	for _, p := range packedNames {
		if n := len(base) - len(p.ext); n > 0 && strings.EqualFold(base[n:], p.ext) {
			return base[:n] + p.inner
		}
	}
	return base
}

// bounded is a compressed tar's stream. What the tar reader skips was unpacked too: it counts like what is kept.
type bounded struct {
	r io.Reader
	u *unpacking
	n int64
}

func (b *bounded) Read(p []byte) (int, error) {
	left, limit := b.u.left(0)
	if most := b.u.produced + left + tarSlack; b.n >= most {
		return 0, limit
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	return n, err
}
