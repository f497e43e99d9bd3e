package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"casebook/internal/safeio"
)

const (
	objectsFolder = "objects"
	casesFolder   = "cases"
	maxReport     = 1 << 30 // bytes of a report.json
)

// Object is a file of a case.
type Object struct {
	SHA256 string `json:"sha256"` // lower-case hex
	Bytes  int64  `json:"bytes"`
}

// Case says which files a case has in the bucket.
type Case struct {
	ID     string  `json:"id"`
	State  string  `json:"state"`            // that the case had in the archive which it was taken from
	Report *Object `json:"report,omitempty"` // its report.json
	Export *Object `json:"export,omitempty"` // what `archive export` writes of it, and `archive import` reads
}

// caseKey is the place of a case's description. IDs of cases come from tickets and paths.
func caseKey(id string) string { return casesFolder + "/" + url.PathEscape(id) + descriptions }

// PutObject stores what f holds and returns what it is known by. It does nothing if the bucket has it already. f is read twice, from its beginning.
func (b *Bucket) PutObject(ctx context.Context, f io.ReadSeeker) (Object, error) {
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		return Object{}, err
	}
	o := Object{hex.EncodeToString(hash.Sum(nil)), n}
	key, err := objectKey(objectsFolder, o.SHA256)
	if err != nil {
		return Object{}, err
	}
	if held, err := b.size(ctx, key); err == nil && held == n {
		return o, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Object{}, err
	}
	again := sha256.New()
	err = b.put(ctx, key, io.TeeReader(f, again), func() error {
		if got := hex.EncodeToString(again.Sum(nil)); got != o.SHA256 {
			return errors.New("it has changed while it was read")
		}
		return nil
	})
	return o, err
}

// PutCase makes the files of a case known: readers see all of them, or all of those before. Objects that only the case before had are removed.
func (b *Bucket) PutCase(ctx context.Context, c Case) error {
	before, err := b.Case(ctx, c.ID)
	if err != nil && !errors.Is(err, ErrNotExist) && !errors.Is(err, ErrDamaged) {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := b.putSmall(ctx, caseKey(c.ID), "application/json", text); err != nil {
		return err
	}
	for _, old := range []*Object{before.Report, before.Export} {
		if old == nil || c.Report != nil && *c.Report == *old || c.Export != nil && *c.Export == *old {
			continue
		}
		if key, err := objectKey(objectsFolder, old.SHA256); err == nil {
			_ = b.bucket.Delete(ctx, key) // what is left behind takes room and misleads nobody
		}
	}
	return nil
}

// Case returns which files a case has. The error is [ErrNotExist] if the bucket does not know it.
func (b *Bucket) Case(ctx context.Context, id string) (Case, error) {
	key := caseKey(id)
	text, err := b.small(ctx, key, maxJSON)
	if err != nil {
		return Case{}, err
	}
	var c Case
	if err := json.Unmarshal(text, &c); err != nil || c.ID != id {
		return Case{}, b.fail("read", key, errors.Join(ErrDamaged, err))
	}
	return c, nil
}

// Object streams a file of a case. The bytes must not be trusted before the end was reached without an error.
func (b *Bucket) Object(ctx context.Context, o Object) (io.ReadCloser, error) {
	key, err := objectKey(objectsFolder, o.SHA256)
	if err != nil {
		return nil, err
	}
	return b.open(ctx, key, o.SHA256, o.Bytes)
}

// Report returns the report.json of a case, verified. The error is [ErrNotExist] if the bucket has none.
func (b *Bucket) Report(ctx context.Context, id string) ([]byte, error) {
	for again := true; ; again = false {
		c, err := b.Case(ctx, id)
		if err != nil {
			return nil, err
		}
		if c.Report == nil {
			return nil, b.fail("read", caseKey(id), fmt.Errorf("the report of case %q: %w", id, ErrNotExist))
		}
		text, err := b.report(ctx, *c.Report)
		if errors.Is(err, ErrNotExist) && again { // the case was written anew in between
			continue
		}
		return text, err
	}
}

func (b *Bucket) report(ctx context.Context, o Object) ([]byte, error) {
	r, err := b.Object(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	return safeio.ReadAll(r, maxReport)
}
