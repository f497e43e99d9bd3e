package index

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"casebook/internal/safeio"
)

// An exported case is a zip whose members are stored as they are:
//
//	entry.json                 what the archive's manifest says of the case
//	notes.json                 its notes, if it has any
//	case/NAME                  the files of its folder
//	uploads/SHA256/NAME        the uploads that are kept
//
// It has no index: whoever imports it makes one from the records.
const (
	exportEntry   = "entry.json"
	exportNotes   = "notes.json"
	exportCase    = "case/"
	exportUploads = "uploads/"
)

// maxEntry bounds entry.json, notes.json and case.json of an imported case.
const maxEntry = 256 << 20

// ErrExists says that the archive has a case of that ID.
var ErrExists = errors.New("the archive has a case of this ID")

// Export writes a case so that another archive can import it. The error is [fs.ErrNotExist] if there is no such case. While it is read it may not be replaced.
func (a *Archive) Export(ctx context.Context, id string, w io.Writer) error {
	live, err := a.named(id)
	if err != nil {
		return err
	}
	notes, err := a.Notes(ctx, id)
	if err != nil {
		return err
	}
	return export(ctx, live, notes, filepath.Join(a.dir, dirCases, live.Name), filepath.Join(a.dir, dirUploads), w)
}

// export writes a case whose files are in a folder, and its kept uploads in another.
func export(ctx context.Context, live *liveCase, notes []Note, folder, uploads string, w io.Writer) error {
	z := zip.NewWriter(w)
	entry, err := json.MarshalIndent(live, "", "  ")
	if err == nil {
		err = store(ctx, z, exportEntry, bytes.NewReader(entry))
	}
	if err == nil && len(notes) > 0 {
		var b []byte
		if b, err = json.Marshal(notesFile{live.ID, notes}); err == nil {
			err = store(ctx, z, exportNotes, bytes.NewReader(b))
		}
	}
	if err == nil {
		err = storeFolder(ctx, z, folder, exportCase)
	}
	for _, u := range live.Uploads {
		if err == nil && u.Kept {
			err = storeFolder(ctx, z, filepath.Join(uploads, u.SHA256), exportUploads+u.SHA256+"/")
		}
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("archive: export case %q: %w", live.ID, err)
	}
	return nil
}

// importNotes reads the notes of an exported case, which has none if there is no such member.
func importNotes(z *zip.Reader, id string) ([]Note, error) {
	b, err := member(z, exportNotes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var f notesFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.Case != id {
		err = fmt.Errorf("they are about case %q", f.Case)
	}
	if err == nil && len(f.Notes) > maxNotes {
		err = fmt.Errorf("there are %d; at most %d are kept", len(f.Notes), maxNotes)
	}
	for _, n := range f.Notes {
		if err == nil {
			err = n.check()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("import: %s: %w", exportNotes, err)
	}
	return f.Notes, nil
}

// storeFolder adds the files of a folder to a zip.
func storeFolder(ctx context.Context, z *zip.Writer, dir, prefix string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := storeFile(ctx, z, dir, e.Name(), prefix+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// storeFile adds a file of a folder to a zip.
func storeFile(ctx context.Context, z *zip.Writer, dir, name, as string) error {
	f, err := os.OpenInRoot(dir, name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	return store(ctx, z, as, f)
}

// store adds a member to a zip.
func store(ctx context.Context, z *zip.Writer, name string, r io.Reader) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.Copy(w, r)
	}
	return errors.Join(err, ctx.Err())
}

// Exported is a case that was exported, open to be read.
type Exported struct {
	zip   *zip.Reader
	live  liveCase
	notes []Note
	file  []byte // case.json
	meta  caseFile
}

// OpenExported opens an exported case. Of its files only those that say what it is are read, and compared with their sums.
func OpenExported(r io.ReaderAt, size int64) (*Exported, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("import: it is no exported case: %w", err)
	}
	x := &Exported{zip: z}
	b, err := member(z, exportEntry)
	if err == nil {
		err = json.Unmarshal(b, &x.live)
	}
	if err != nil || x.live.ID == "" || len(x.live.Key) != 16 {
		return nil, fmt.Errorf("import: it is no exported case: %s is missing or damaged", exportEntry)
	}
	for _, u := range x.live.Uploads {
		if !isSum(u.SHA256) {
			return nil, fmt.Errorf("import: %s names the upload %q", exportEntry, u.SHA256)
		}
	}
	if x.notes, err = importNotes(z, x.live.ID); err != nil {
		return nil, err
	}
	if x.file, err = member(z, exportCase+fileCase); err == nil && x.live.Sum != "" && sumOf(x.file) != x.live.Sum {
		err = errors.New("it is not what was exported")
	}
	if err == nil {
		err = json.Unmarshal(x.file, &x.meta)
	}
	if err == nil && x.meta.ID != x.live.ID {
		err = fmt.Errorf("it is that of case %q", x.meta.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("import: %s: the case can't be taken over: %w", fileCase, err)
	}
	x.live.Sum = sumOf(x.file)
	return x, nil
}

// Case is what is known of the case.
func (x *Exported) Case() Case { return x.live.public() }

// Notes are those about the case.
func (x *Exported) Notes() []Note { return x.notes }

// Spool makes a sealed spool of the case, in a folder of its own within the temporary folder dir, after its files were compared with their sums. It must be closed. Uploads that
// the archive kept are left out.
func (x *Exported) Spool(ctx context.Context, dir string) (*Spool, error) {
	s, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	s.folder = filepath.Join(s.dir, dirCases)
	if err = os.Mkdir(s.folder, 0o700); err == nil {
		err = x.unpack(ctx, s.folder, "")
	}
	if err == nil {
		live := x.live
		live.Uploads = slices.Clone(live.Uploads)
		for i := range live.Uploads {
			live.Uploads[i].Kept = false
		}
		err = s.open(&live)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// unpack writes the files of the case to a folder, and the uploads to another unless that is "", and compares them with their sums.
func (x *Exported) unpack(ctx context.Context, folder, uploads string) error {
	for _, f := range x.zip.File {
		if err := importFile(ctx, f, folder, uploads); err != nil {
			return fmt.Errorf("import %q: %w", f.Name, err)
		}
	}
	for name, want := range x.meta.Sums {
		if got, err := sumFile(filepath.Join(folder, filepath.Base(name))); err != nil || got != want {
			return fmt.Errorf("import: %s is missing or not what was exported", name)
		}
	}
	return nil
}

// ImportOptions says how a case is imported.
type ImportOptions struct {
	Replace bool         // a case of the same ID, if there is one; labels, hold and notes of both are kept
	Waiting func(Holder) // is told who holds the lock if that takes a while; it may be nil
}

// Import implements [Importer]. The archive is made if it is not there.
func (d Dir) Import(ctx context.Context, x *Exported, o ImportOptions) (Case, error) {
	none := ""
	entry := Entry{Labels: x.live.Labels, Added: x.live.Added, Hold: x.live.Hold, Waiting: o.Waiting, Replaces: &none}
	if o.Replace {
		entry.Replaces = nil
	}
	w, err := newWriter(ctx, string(d), entry)
	if err != nil {
		return Case{}, err
	}
	w.notes = x.notes
	if err = w.importCase(ctx, x); err == nil {
		err = w.publish(ctx)
	}
	if errors.Is(err, ErrChanged) && !o.Replace {
		err = fmt.Errorf("archive: case %q: %w", x.live.ID, ErrExists)
	}
	if err := errors.Join(err, w.Abort()); err != nil {
		return Case{}, err
	}
	now, err := findCase(string(d), x.live.ID)
	if err != nil {
		return Case{}, err
	}
	live := x.live
	if now != nil && now.Key == w.key { // nobody has changed it since
		live = *now
	}
	return live.public(), nil
}

// member reads a member of an exported case.
func member(z *zip.Reader, name string) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return safeio.ReadAll(f, maxEntry)
}

// importCase puts the files of an exported case where the writer publishes them from, checks them and makes their index.
func (w *Writer) importCase(ctx context.Context, x *Exported) error {
	folder := filepath.Join(w.tmp, dirCases)
	if err := x.unpack(ctx, folder, filepath.Join(w.tmp, dirUploads)); err != nil {
		return err
	}
	w.meta, w.key, w.sum, w.uploads = x.meta, newCaseKey(), x.live.Sum, slices.Clone(x.live.Uploads)
	for i := range w.uploads {
		u := &w.uploads[i]
		u.Kept = false
		if _, err := os.Stat(filepath.Join(w.tmp, dirUploads, u.SHA256)); err != nil {
			continue
		}
		kept, err := keptUpload(w.tmp, *u)
		got := ""
		if err == nil {
			got, err = kept.Sum(ctx)
		}
		if err != nil || got != u.SHA256 {
			return fmt.Errorf("import: the upload %q is not what was exported", u.Name)
		}
	}
	c := liveCase{ID: x.live.ID, Key: w.key, Name: "imported"}
	shard, err := newShardWriter(filepath.Join(w.tmp, dirShards))
	if err != nil {
		return err
	}
	err = reindexFolder(ctx, shard, folder, &c)
	if cerr := shard.close(err != nil); err == nil && cerr != nil {
		err = fmt.Errorf("archive: %w", cerr)
	}
	if err == nil {
		err = w.writeShard(shard, folder, &c)
	}
	if err == nil {
		err = syncTree(w.tmp)
	}
	return err
}

// importFile writes a member to its place, if it is one of those that an exported case has: the file of a case to folder, that of an upload to one of its own in uploads; it is left out if
// that is "".
func importFile(ctx context.Context, f *zip.File, folder, uploads string) error {
	var to string
	dir, base := path.Split(f.Name)
	switch {
	case f.Name == exportEntry, f.Name == exportNotes:
		return nil
	case f.Method != zip.Store:
		return errors.New("it is packed, which casebook does not do")
	case dir == exportCase && slices.Contains(caseFiles(), base):
		to = filepath.Join(folder, base)
	case strings.HasPrefix(dir, exportUploads) && isSum(strings.Trim(strings.TrimPrefix(dir, exportUploads), "/")) && base != "" && filepath.IsLocal(base) && filepath.Base(base) == base:
		if uploads == "" {
			return nil
		}
		sub := filepath.Join(uploads, strings.Trim(strings.TrimPrefix(dir, exportUploads), "/"))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return err
		}
		to = filepath.Join(sub, base)
	default:
		return errors.New("an exported case has no such file")
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	return createFile(to, func(out io.Writer) error {
		_, err := io.Copy(out, in) //nolint:gosec // it is stored as it is: no longer than the zip
		return errors.Join(err, ctx.Err())
	})
}
