package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Upload is a file that is to be analysed, before it is opened.
type Upload struct {
	Path     string    // of the file, or of the one that stands for a split archive
	Parts    []string  // the files whose bytes, one behind the other, are the upload: Path alone, or all parts of the split archive
	Beside   []string  // the transaction logs that lie beside a hive: they are read with it, and no part of it
	Bytes    int64     // of all parts
	Modified time.Time // of the part that was written last
	// Bundle tells whether the file is taken for an upload where nobody named it: an archive, a saved mail, a registry hive or its export. What is
	// named like an archive is one too, so that a damaged one is told of. Further parts of split archives, transaction logs of hives and
	// documents that are zips inside are none.
	Bundle bool
}

// documents are extensions of zips that nobody sends as a collection of files.
var documents = []string{".xlsx", ".docx", ".pptx", ".jar", ".apk", ".vsix", ".nupkg"}

// archiveNames are extensions by which a file that can't be opened was meant to be an archive.
var archiveNames = []string{".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".cab", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"}

// LookAt tells what the regular file at path is to a reader of uploads. An error means that it can't be read; of an upload that is one part of
// a split archive and not the one that stands for it, Bundle is false.
func LookAt(path string) (Upload, error) {
	u := Upload{Path: path, Parts: []string{path}}
	info, err := os.Stat(path)
	if err != nil {
		return u, &OpenError{path, plain(err)}
	}
	if !info.Mode().IsRegular() {
		return u, &OpenError{path, errors.New("not a file")}
	}
	u.Bytes, u.Modified = info.Size(), info.ModTime()
	f, err := os.Open(path)
	if err != nil {
		return u, &OpenError{path, plain(err)}
	}
	var head [peekSize]byte
	n, _ := f.ReadAt(head[:], 0) // what is missing is nothing that is known
	_ = f.Close()                // it was only read
	u.Bundle = isUpload(strings.ToLower(filepath.Base(path)), head[:n])
	u.Beside = hiveLogs(path, head[:n])
	set, err := siblings(path, info)
	if err != nil || set == nil {
		u.Bundle = u.Bundle && err == nil
		return u, nil
	}
	u.Parts, u.Bytes, u.Bundle = nil, 0, true
	for _, p := range set.parts {
		u.Parts, u.Bytes = append(u.Parts, p.file), u.Bytes+p.in.size
		if info, err := os.Stat(p.file); err == nil && info.ModTime().After(u.Modified) {
			u.Modified = info.ModTime()
		}
	}
	return u, nil
}

// isHive tells from the first bytes whether a file is a registry hive: the type of the file at 28 is 0, that of its transaction logs another.
func isHive(head []byte) bool { return len(head) >= 32 && string(head[:4]) == "regf" && head[28] == 0 }

// logSuffixes end the names of a hive's transaction logs.
var logSuffixes = []string{".log", ".log1", ".log2"}

// hiveLogs lists the files that by their names are the transaction logs of the hive at path, of which head is the beginning: SYSTEM.LOG1 beside SYSTEM, else beside
// SYSTEM.hiv. Where the folder can't be read there are none, and the hive says itself that it lacks them.
func hiveLogs(path string, head []byte) []string {
	if !isHive(head) {
		return nil
	}
	dir, base := filepath.Split(path)
	list, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil
	}
	for _, name := range []string{base, strings.TrimSuffix(base, filepath.Ext(base))} {
		var logs []string
		for _, e := range list {
			stem, suffix := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), strings.ToLower(filepath.Ext(e.Name()))
			if e.Type().IsRegular() && e.Name() != base && strings.EqualFold(stem, name) && slices.Contains(logSuffixes, suffix) {
				logs = append(logs, filepath.Join(dir, e.Name()))
			}
		}
		if len(logs) > 0 {
			return logs
		}
	}
	return nil
}

// isUpload tells from a base name in lower case and the first bytes whether a file is an upload where nobody named it.
func isUpload(base string, head []byte) bool {
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(ext string) bool { return strings.HasSuffix(base, ext) })
	}
	switch {
	case has(documents):
		return false
	case has(archiveNames), strings.HasSuffix(base, ".reg") && len(head) > 0, isMail(base, head), isMsg(base, head):
		return true
	case len(head) >= 4 && string(head[:4]) == "regf":
		return isHive(head)
	}
	return containerOf(head) != containerNone
}

// Sum returns the SHA-256 of an upload, lower-case hex: what [Bundle.SHA256] will be.
func (u *Upload) Sum(ctx context.Context) (string, error) {
	hash := sha256.New()
	buf := make([]byte, chunkSize)
	for _, p := range u.Parts {
		f, err := os.Open(p)
		if err != nil {
			return "", &OpenError{p, plain(err)}
		}
		_, err = io.CopyBuffer(hash, ctxReader{ctx, f}, buf)
		_ = f.Close() // it was only read
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			return "", fmt.Errorf("read %q: %w", p, plain(err))
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// ctxReader ends when its context does.
type ctxReader struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
