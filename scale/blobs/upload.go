package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"casebook/ingest"
)

const (
	uploadsFolder = "uploads"
	descriptions  = ".json"
	maxParts      = 10000 // of a split archive
)

// Part is a file of an upload.
type Part struct {
	Name  string `json:"name"` // without a folder
	Bytes int64  `json:"bytes"`
}

// Upload says what files the bytes of an upload are: one, or all parts of a split archive in their order.
type Upload struct {
	SHA256 string `json:"sha256"` // of all bytes, one part behind the other, lower-case hex
	Bytes  int64  `json:"bytes"`
	Parts  []Part `json:"parts"`
	Main   int    `json:"main"` // the part that is opened
}

// PutUpload stores a file, or all parts of a split archive, whose SHA-256 is sum. It does nothing if the bucket has it already; sent tells which. A
// file that changes while it is read is refused.
func (b *Bucket) PutUpload(ctx context.Context, file *ingest.Upload, sum string) (sent bool, err error) {
	key, err := objectKey(uploadsFolder, sum)
	if err != nil {
		return false, err
	}
	up := Upload{SHA256: sum, Main: slices.Index(file.Parts, file.Path)}
	if up.Main < 0 {
		return false, fmt.Errorf("%q is no part of itself", file.Path)
	}
	for _, p := range file.Parts {
		info, err := os.Stat(p)
		if err != nil {
			return false, err
		}
		up.Parts = append(up.Parts, Part{filepath.Base(p), info.Size()})
		up.Bytes += info.Size()
	}
	if err := up.check(); err != nil {
		return false, err
	}
	if held, err := b.Upload(ctx, sum); err == nil && held.Bytes == up.Bytes {
		n, err := b.size(ctx, key)
		if err == nil && n == up.Bytes {
			return false, nil
		}
	} else if err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	hash := sha256.New()
	r := &files{ctx: ctx, paths: file.Parts}
	defer r.close()
	err = b.put(ctx, key, io.TeeReader(r, hash), func() error {
		if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
			return fmt.Errorf("%q has changed while it was read", file.Path)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(up)
	if err != nil {
		return false, err
	}
	return true, b.putSmall(ctx, key+descriptions, "application/json", text)
}

// check says what is wrong with a description, which may have been written by anybody.
func (u *Upload) check() error {
	if len(u.Parts) == 0 || len(u.Parts) > maxParts || u.Main < 0 || u.Main >= len(u.Parts) {
		return fmt.Errorf("an upload of %d parts, of which number %d is opened", len(u.Parts), u.Main)
	}
	seen := map[string]bool{}
	var total int64
	for _, p := range u.Parts {
		if p.Name == "" || filepath.Base(p.Name) != p.Name || !filepath.IsLocal(p.Name) || strings.ContainsAny(p.Name, "/\\\x00") {
			return fmt.Errorf("the part %q is no name of a file", p.Name)
		}
		if seen[p.Name] || p.Bytes < 0 || total+p.Bytes < total {
			return fmt.Errorf("the part %q of %d bytes is there twice or too long", p.Name, p.Bytes)
		}
		seen[p.Name], total = true, total+p.Bytes
	}
	if total != u.Bytes {
		return fmt.Errorf("the parts have %d bytes, the upload %d", total, u.Bytes)
	}
	return nil
}

// Upload returns what the bucket knows of an upload. The error is [ErrNotExist] if it has none with this SHA-256.
func (b *Bucket) Upload(ctx context.Context, sum string) (Upload, error) {
	key, err := objectKey(uploadsFolder, sum)
	if err != nil {
		return Upload{}, err
	}
	text, err := b.small(ctx, key+descriptions, maxJSON)
	if err != nil {
		return Upload{}, err
	}
	var u Upload
	if err := json.Unmarshal(text, &u); err != nil {
		return Upload{}, b.fail("read", key+descriptions, fmt.Errorf("%w: %w", ErrDamaged, err))
	}
	if err := u.check(); err != nil || u.SHA256 != sum {
		return Upload{}, b.fail("read", key+descriptions, errors.Join(ErrDamaged, err))
	}
	return u, nil
}

// Fetch copies an upload into the folder dir, which must be there and empty, and returns the path of the file to open. What does not have
// the SHA-256 that it should is refused with [ErrDamaged] and leaves nothing in the folder.
func (b *Bucket) Fetch(ctx context.Context, u Upload, dir string) (path string, err error) {
	key, err := objectKey(uploadsFolder, u.SHA256)
	if err != nil {
		return "", err
	}
	if err := u.check(); err != nil {
		return "", b.fail("read", key, fmt.Errorf("%w: %w", ErrDamaged, err))
	}
	r, err := b.open(ctx, key, u.SHA256, u.Bytes)
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // it was only read
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // a handle
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				_ = root.Remove(name) // the error at hand matters more
			}
		}
	}()
	for i, p := range u.Parts {
		made = append(made, localName(p.Name, i))
		if err := writeFile(root, made[i], r, p.Bytes); err != nil {
			return "", err
		}
	}
	switch n, err := r.Read(make([]byte, 1)); {
	case err != io.EOF && err != nil:
		return "", err
	case n > 0 || err == nil:
		return "", b.fail("read", key, fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, u.Bytes))
	}
	return filepath.Join(dir, made[u.Main]), nil
}

// localName is the name that a part has in the temporary folder: its own where every system takes it.
func localName(name string, i int) string {
	if isPlain(name) {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 12 || !isPlain("x"+ext) {
		ext = ""
	}
	return "upload-" + strconv.Itoa(i) + ext
}

// writeFile makes a file of the next bytes of r.
func writeFile(root *os.Root, name string, r io.Reader, bytes int64) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, r, bytes)
	if errors.Is(err, io.EOF) { // the stream itself says when it is short
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

// files reads several files, one behind the other.
type files struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one upload is sent
	paths []string
	open  *os.File
}

// Read implements io.Reader.
func (f *files) Read(p []byte) (int, error) {
	for {
		if err := f.ctx.Err(); err != nil {
			return 0, err
		}
		if f.open == nil {
			if len(f.paths) == 0 {
				return 0, io.EOF
			}
			next, err := os.Open(f.paths[0])
			if err != nil {
				return 0, err
			}
			f.open, f.paths = next, f.paths[1:]
		}
		n, err := f.open.Read(p)
		if err != io.EOF {
			return n, err
		}
		f.close()
		if n > 0 {
			return n, nil
		}
	}
}

// close closes the file that is being read.
func (f *files) close() {
	if f.open != nil {
		_ = f.open.Close() // it was only read
		f.open = nil
	}
}
