package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const statesFolder = "states"

// Files keeps the files of cases, such as report.json, by the state of the case and their name, for a store that searches but had rather not hold them: the Files of package
// index/opensearch.
type Files struct{ bucket *Bucket }

// Files returns the bucket as a place for the files of cases.
func (b *Bucket) Files() *Files { return &Files{b} }

func stateFolder(state string) string { return statesFolder + "/" + url.PathEscape(state) + "/" }

// Put writes a file, which is whole when Put returns and can't be read before.
func (f *Files) Put(ctx context.Context, state, name string, r io.Reader) error {
	key := stateFolder(state) + url.PathEscape(name)
	hash, count := sha256.New(), new(counter)
	if err := f.bucket.put(ctx, key, io.TeeReader(r, io.MultiWriter(hash, count)), func() error { return nil }); err != nil {
		return err
	}
	text, err := json.Marshal(Object{hex.EncodeToString(hash.Sum(nil)), int64(*count)})
	if err != nil {
		return err
	}
	return f.bucket.putSmall(ctx, key+descriptions, "application/json", text)
}

// counter counts the bytes that are written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Open opens a file. Its bytes must not be trusted before the end was reached without an error. The error is [fs.ErrNotExist] if there is no such file.
func (f *Files) Open(ctx context.Context, state, name string) (io.ReadCloser, error) {
	key := stateFolder(state) + url.PathEscape(name)
	text, err := f.bucket.small(ctx, key+descriptions, maxJSON)
	if errors.Is(err, ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	var o Object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, f.bucket.fail("read", key+descriptions, fmt.Errorf("%w: %w", ErrDamaged, err))
	}
	return f.bucket.open(ctx, key, o.SHA256, o.Bytes)
}

// Delete removes all files of a state. That there are none is no error.
func (f *Files) Delete(ctx context.Context, state string) error {
	folder := stateFolder(state)
	list := f.bucket.bucket.List(&blob.ListOptions{Prefix: folder})
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.bucket.fail("list", folder, err)
		}
		if err := f.bucket.bucket.Delete(ctx, o.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return f.bucket.fail("remove", o.Key, err)
		}
	}
}
