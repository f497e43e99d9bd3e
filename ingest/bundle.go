package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The formats of a Bundle.
const (
	FormatZip       = "zip"
	Format7z        = "7z"
	FormatRAR       = "rar"
	FormatTar       = "tar" // packed or not
	FormatCab       = "cab"
	FormatDirectory = "directory"
	FormatFile      = "file" // one loose file

	FormatUnreadable = "unreadable" // of an upload that Open gave up, where it is listed beside others
)

// Formats lists the formats of a Bundle.
func Formats() []string {
	return []string{FormatZip, Format7z, FormatRAR, FormatTar, FormatCab, FormatDirectory, FormatFile, FormatUnreadable}
}

// Bundle is one upload: its catalogue, and access to the bytes of its members.
type Bundle struct {
	Name     string    // the base name of the file or directory
	Format   string    // one of the Format constants
	Bytes    int64     // size of the file; of a directory: of its files together, known after Read
	SHA256   string    // lower-case hex, known after Read: of the file; of a directory: of its sorted lines "path sha256\n"
	Problems []Problem // what of the upload could not be opened; paths are relative to the bundle
	Useless  string    // why nothing in it can be analysed, "" if something can; known after Read

	again    bool      // of [Again]
	joined   []string  // of [Again]: the names of the bundles that were read
	members  []*member // in the order of the archive
	packed   int64     // bytes to be read, as far as the catalogue knows
	produced int64     // bytes of members that Open inflated
	whole    *content  // of a file: its bytes
	held     bool      // whole is kept open, since its members are read from it
	root     *os.Root  // of a directory
	temp     string    // folder of temporary files, "" as long as none was needed
	memory   int64     // bytes of nested archives and their members in memory
	spool    spoolFile // members that were unpacked beyond that
	spooled  int64     // bytes of members that Open unpacked and Read reads again
}

// Open makes the catalogue of the archive, directory or loose file at path: it walks the container and the archives in it, and looks at the
// first bytes of each member. opt must be the options that Read gets. An error means that nothing of the upload can be read;
// everything less is in Problems. The caller closes the bundle.
func Open(ctx context.Context, path string, opt Options) (*Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &OpenError{path, plain(err)}
	}
	name := filepath.Base(path)
	if abs, err := filepath.Abs(path); err == nil {
		name = filepath.Base(abs) // of "." too
	}
	name, _ = cleanName(name)
	c := &catalogue{b: &Bundle{Name: name}, opt: &opt, limits: opt.Limits.WithDefaults(), names: names{}, passwords: slices.Clone(opt.Passwords)}
	switch {
	case info.IsDir():
		err = c.directory(ctx, path)
	case info.Mode().IsRegular():
		err = c.file(ctx, path, info)
	default:
		err = errors.New("neither a file nor a directory")
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = c.joinSets(ctx)
	}
	if serr := c.b.spoolEnd(); err == nil && serr != nil {
		err = noRoom(serr)
	}
	if c.odd > maxOddNames {
		c.refuse("", StageOpen, RefusedName, "%d further names were changed too", c.odd-maxOddNames)
	}
	if err != nil {
		_ = c.b.Close() // the first error counts
		return nil, &OpenError{path, plain(err)}
	}
	return c.b, nil
}

// OpenError says why nothing of an upload can be read.
type OpenError struct {
	Path string // as it was given to Open
	Err  error  // names no path, so that a report may quote it
}

// Error says what could not be opened, why, and what to do about it.
func (e *OpenError) Error() string { return fmt.Sprintf("open %q: %s", e.Path, e.Reason()) }

// Unwrap returns the reason.
func (e *OpenError) Unwrap() error { return e.Err }

// Reason is the error without the path.
func (e *OpenError) Reason() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		return "there is no such file or folder; check the path"
	case errors.Is(e.Err, fs.ErrPermission):
		return "you may not read it; copy it as a user who may, or change its permissions"
	}
	return e.Err.Error()
}

// Close ends the use of the bundle's bytes and removes every temporary file.
func (b *Bundle) Close() error {
	err := b.spoolEnd()
	if b.held {
		b.whole.release()
		b.held = false
	}
	if b.root != nil {
		err = errors.Join(err, b.root.Close())
		b.root = nil
	}
	if b.temp != "" {
		err = errors.Join(err, os.RemoveAll(b.temp))
		b.temp = ""
	}
	return err
}

// Volume says how much there is to be read, by what the container declares: a member of a mebibyte or more counts as one, a smaller one by its
// part of that.
func (b *Bundle) Volume() int {
	const whole = 1 << 20
	var sum int64
	for _, m := range b.members {
		sum += min(m.declared(), whole)
	}
	return int(sum / whole)
}

// isArchive tells whether the upload is an archive, whose bytes its members are unpacked from.
func (b *Bundle) isArchive() bool {
	return b.Format != FormatDirectory && b.Format != FormatFile && !b.again
}

// tempFile creates a file in the bundle's temporary folder.
func (b *Bundle) tempFile() (*os.File, error) {
	if b.temp == "" {
		dir, err := os.MkdirTemp("", "casebook-*")
		if err != nil {
			return nil, err
		}
		b.temp = dir
	}
	return os.CreateTemp(b.temp, "nested-*")
}
