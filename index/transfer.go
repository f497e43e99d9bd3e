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
	m, err := a.generation()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.Cases, func(c liveCase) bool { return c.ID == id })
	if i < 0 {
		return fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	live := &m.Cases[i]
	z := zip.NewWriter(w)
	entry, err := json.MarshalIndent(live, "", "  ")
	if err == nil {
		err = store(ctx, z, exportEntry, bytes.NewReader(entry))
	}
	if err == nil {
		err = a.exportNotes(ctx, z, id)
	}
	if err == nil {
		err = storeFolder(ctx, z, filepath.Join(a.dir, dirCases, live.Name), exportCase)
	}
	for _, u := range live.Uploads {
		if err == nil && u.Kept {
			err = storeFolder(ctx, z, filepath.Join(a.dir, dirUploads, u.SHA256), exportUploads+u.SHA256+"/")
		}
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("archive: export case %q: %w", id, err)
	}
	return nil
}

// exportNotes adds the notes about a case.
func (a *Archive) exportNotes(ctx context.Context, z *zip.Writer, id string) error {
	notes, err := a.Notes(ctx, id)
	if err != nil || len(notes) == 0 {
		return err
	}
	b, err := json.Marshal(notesFile{id, notes})
	if err != nil {
		return err
	}
	return store(ctx, z, exportNotes, bytes.NewReader(b))
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
		f, err := os.OpenInRoot(dir, e.Name())
		if err != nil {
			return err
		}
		err = store(ctx, z, prefix+e.Name(), f)
		_ = f.Close() // it was only read
		if err != nil {
			return err
		}
	}
	return nil
}

// store adds a member to a zip.
func store(ctx context.Context, z *zip.Writer, name string, r io.Reader) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.Copy(w, r)
	}
	return errors.Join(err, ctx.Err())
}

// Import adds a case that was exported, after its files were compared with their sums, and returns what is known of it. The archive is made if it is not there. An ID
// that is taken gives [ErrExists], unless replace is set; the notes of both are kept then.
func Import(ctx context.Context, dir string, r io.ReaderAt, size int64, replace bool, waiting func(Holder)) (Case, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Case{}, fmt.Errorf("import: it is no exported case: %w", err)
	}
	var live liveCase
	b, err := member(z, exportEntry)
	if err == nil {
		err = json.Unmarshal(b, &live)
	}
	if err != nil || live.ID == "" || len(live.Key) != 16 {
		return Case{}, fmt.Errorf("import: it is no exported case: %s is missing or damaged", exportEntry)
	}
	notes, err := importNotes(z, live.ID)
	if err != nil {
		return Case{}, err
	}
	none := ""
	entry := Entry{Labels: live.Labels, Added: live.Added, Hold: live.Hold, Waiting: waiting, Replaces: &none}
	if replace {
		entry.Replaces = nil
	}
	w, err := newWriter(ctx, dir, entry)
	if err != nil {
		return Case{}, err
	}
	w.notes = notes
	if err = w.importCase(ctx, z, &live); err == nil {
		err = w.publish(ctx)
	}
	if errors.Is(err, ErrChanged) && !replace {
		err = fmt.Errorf("archive: case %q: %w", live.ID, ErrExists)
	}
	if err := errors.Join(err, w.Abort()); err != nil {
		return Case{}, err
	}
	now, err := findCase(dir, live.ID)
	if err != nil {
		return Case{}, err
	}
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
func (w *Writer) importCase(ctx context.Context, z *zip.Reader, live *liveCase) error {
	b, err := member(z, exportCase+fileCase)
	if err == nil && live.Sum != "" && sumOf(b) != live.Sum {
		err = errors.New("it is not what was exported")
	}
	if err == nil {
		err = json.Unmarshal(b, &w.meta)
	}
	if err != nil || w.meta.ID != live.ID {
		return fmt.Errorf("import: %s: %w", fileCase, errors.Join(err, errors.New("the case can't be taken over")))
	}
	for _, f := range z.File {
		if err := w.importFile(ctx, f); err != nil {
			return fmt.Errorf("import %q: %w", f.Name, err)
		}
	}
	folder := filepath.Join(w.tmp, dirCases)
	for name, want := range w.meta.Sums {
		if got, err := sumFile(filepath.Join(folder, filepath.Base(name))); err != nil || got != want {
			return fmt.Errorf("import: %s is missing or not what was exported", name)
		}
	}
	for i := range live.Uploads {
		u := &live.Uploads[i]
		u.Kept = false
		if _, err := os.Stat(filepath.Join(w.tmp, dirUploads, u.SHA256)); err != nil || !isSum(u.SHA256) {
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
	w.key, w.sum, w.uploads = newCaseKey(), sumOf(b), live.Uploads
	for _, u := range w.uploads {
		if !isSum(u.SHA256) {
			return fmt.Errorf("import: %s names the upload %q", exportEntry, u.SHA256)
		}
	}
	c := liveCase{ID: live.ID, Key: w.key, Name: "imported"}
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

// importFile writes a member to its place, if it is one of those that an exported case has.
func (w *Writer) importFile(ctx context.Context, f *zip.File) error {
	var to string
	dir, base := path.Split(f.Name)
	switch {
	case f.Name == exportEntry, f.Name == exportNotes:
		return nil
	case f.Method != zip.Store:
		return errors.New("it is packed, which casebook does not do")
	case dir == exportCase && slices.Contains(caseFiles(), base):
		to = filepath.Join(w.tmp, dirCases, base)
	case strings.HasPrefix(dir, exportUploads) && isSum(strings.Trim(strings.TrimPrefix(dir, exportUploads), "/")) && base != "" && filepath.IsLocal(base) && filepath.Base(base) == base:
		sub := filepath.Join(w.tmp, dirUploads, strings.Trim(strings.TrimPrefix(dir, exportUploads), "/"))
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
