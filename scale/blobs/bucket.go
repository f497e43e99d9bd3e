package blobs

import (
	"context"
	"crypto/md5" //nolint:gosec // what the protocols take to check a transfer; objects are named by SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"

	"casebook/internal/safeio"
)

// ErrNotExist says that the bucket has no such object.
var ErrNotExist = errors.New("it is not in the bucket")

// ErrDamaged says that an object does not hold the bytes that its name stands for.
var ErrDamaged = errors.New("the object is damaged")

const (
	partSize   = 8 << 20 // bytes of a part of a large object
	inFlight   = 3       // parts of one object that are sent at the same time
	maxJSON    = 8 << 20 // bytes of a description
	sumLength  = 2 * sha256.Size
	sniffNever = "application/octet-stream"
)

// Bucket is a place in object storage. Its methods may be called from several goroutines.
type Bucket struct {
	bucket *blob.Bucket
	name   string // the URL without its options
	folder string // of this machine; "" if it is none
}

// Open opens the bucket at a URL; see the package's comment. A folder that a file URL names is made if it is not there.
func Open(ctx context.Context, rawURL string) (*Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("%q is no URL of object storage such as s3://bucket/prefix or file:///srv/uploads", rawURL)
	}
	if u.User != nil {
		return nil, errors.New("the URL of object storage holds credentials, which others see; give them in the environment or the files of its SDK")
	}
	name := u.Scheme + "://" + u.Host + u.Path
	prefix, folder := "", ""
	q := u.Query()
	switch u.Scheme {
	case "file":
		if u.Host != "" && u.Host != "." && u.Host != "localhost" {
			return nil, fmt.Errorf("%q names the host %q; a folder of this machine has three strokes, as file:///srv/uploads", rawURL, u.Host)
		}
		folder = u.Path
		if u.Host == "." || os.PathSeparator != '/' {
			folder = strings.TrimPrefix(folder, "/")
		}
		folder = filepath.FromSlash(folder)
		q.Set("create_dir", "1")
		q.Set("no_tmp_dir", "1")  // a finished file is renamed, which works within one file system only
		q.Set("metadata", "skip") // no file of attributes beside each
		q.Set("dir_file_mode", "0700")
	case "s3", "gs", "azblob":
		prefix = strings.Trim(u.Path, "/")
		u.Path = ""
	default:
		return nil, fmt.Errorf("%q: object storage is file, s3, gs or azblob, not %q", rawURL, u.Scheme)
	}
	u.RawQuery = q.Encode()
	b, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if prefix != "" {
		b = blob.PrefixedBucket(b, prefix+"/")
	}
	return &Bucket{b, name, folder}, nil
}

// Dir is the URL of a folder of this machine.
func Dir(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// String is the bucket's URL without its options.
func (b *Bucket) String() string { return b.name }

// Folder is the folder of this machine that the bucket is, "" if it is none.
func (b *Bucket) Folder() string { return b.folder }

// Close gives the connection up.
func (b *Bucket) Close() error { return b.bucket.Close() }

// Check tells whether the bucket can be reached: nil if it can.
func (b *Bucket) Check(ctx context.Context) error {
	ok, err := b.bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("there is no such bucket")
	}
	if err != nil {
		return fmt.Errorf("reach %s: %w", b.name, err)
	}
	return nil
}

// objectKey is the place of bytes with a SHA-256 below a folder of the bucket.
func objectKey(folder, sum string) (string, error) {
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size || strings.ToLower(sum) != sum {
		return "", fmt.Errorf("%q is no SHA-256", sum)
	}
	return folder + "/" + sum[:2] + "/" + sum, nil
}

// fail says what went wrong with an object.
func (b *Bucket) fail(verb, key string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = ErrNotExist
	}
	return fmt.Errorf("%s %q of %s: %w", verb, key, b.name, err)
}

// size returns how many bytes an object has; the error is [ErrNotExist] if it is not there.
func (b *Bucket) size(ctx context.Context, key string) (int64, error) {
	a, err := b.bucket.Attributes(ctx, key)
	if err != nil {
		return 0, b.fail("look for", key, err)
	}
	return a.Size, nil
}

// put streams bytes into an object, which appears only if check, called when all were sent, agrees.
func (b *Bucket) put(ctx context.Context, key string, r io.Reader, check func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close it keeps the object from appearing
	w, err := b.bucket.NewWriter(ctx, key, &blob.WriterOptions{BufferSize: partSize, MaxConcurrency: inFlight, ContentType: sniffNever})
	if err != nil {
		return b.fail("write", key, err)
	}
	if _, err = io.Copy(w, r); err == nil {
		err = check()
	}
	if err != nil {
		cancel()
		_ = w.Close() // it gives the context's error
		return b.fail("write", key, err)
	}
	if err := w.Close(); err != nil {
		return b.fail("write", key, err)
	}
	return nil
}

// putSmall writes an object that is in memory; the service checks its MD5.
func (b *Bucket) putSmall(ctx context.Context, key, contentType string, data []byte) error {
	sum := md5.Sum(data) //nolint:gosec // see the import
	if err := b.bucket.WriteAll(ctx, key, data, &blob.WriterOptions{ContentMD5: sum[:], ContentType: contentType}); err != nil {
		return b.fail("write", key, err)
	}
	return nil
}

// small reads an object that fits into memory.
func (b *Bucket) small(ctx context.Context, key string, most int64) ([]byte, error) {
	r, err := b.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, b.fail("read", key, err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	data, err := safeio.ReadAll(r, most)
	if err != nil {
		return nil, b.fail("read", key, err)
	}
	return data, nil
}

// verified is a stream whose end is an error unless the bytes have the SHA-256 and the number that were expected.
type verified struct {
	io.ReadCloser
	hash  hash.Hash
	bytes int64
	sum   string
	want  int64
	fail  func(error) error
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	v.bytes += int64(n)
	switch {
	case v.bytes > v.want, err == io.EOF && v.bytes < v.want:
		return 0, v.fail(fmt.Errorf("%w: it should have %d bytes and has %s", ErrDamaged, v.want, v.amount()))
	case err == io.EOF:
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.sum {
			return 0, v.fail(fmt.Errorf("%w: its bytes have the SHA-256 %s", ErrDamaged, got))
		}
		return n, io.EOF
	case err != nil:
		return n, v.fail(err)
	}
	return n, nil
}

func (v *verified) amount() string {
	if v.bytes > v.want {
		return "more"
	}
	return strconv.FormatInt(v.bytes, 10)
}

// open streams an object. The bytes must not be trusted before the end was reached without an error.
func (b *Bucket) open(ctx context.Context, key, sum string, bytes int64) (io.ReadCloser, error) {
	r, err := b.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, b.fail("read", key, err)
	}
	fail := func(err error) error { return b.fail("read", key, err) }
	return &verified{ReadCloser: r, hash: sha256.New(), sum: sum, want: bytes, fail: fail}, nil
}

// isPlain tells whether a name can be that of a file in any folder of any system.
func isPlain(name string) bool {
	return name != "" && len(name) <= 200 && !strings.ContainsAny(name, `/\:*?"<>|`) && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, " ") &&
		!slices.ContainsFunc([]rune(name), func(r rune) bool { return r < ' ' || r == 0x7f }) && filepath.IsLocal(name)
}
