package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dirNotes holds the notes of the cases, a file each, beside the cases: a case that is analysed anew keeps them.
const dirNotes = "notes"

// The bounds of what is noted, so that a file of notes can be read at once.
const (
	maxNote   = 64 << 10 // bytes of a note
	maxNotes  = 1000     // of a case
	maxAuthor = 200      // bytes of a name
)

// ErrNoCase says that an archive has no such case, or several that may be meant.
var ErrNoCase = errors.New("no such case")

// Note is what somebody wrote down about a case: how it was solved, whom it concerns.
type Note struct {
	Time   time.Time `json:"time"`             // when, UTC
	Author string    `json:"author,omitempty"` // who, as the program knew them; "" if it did not
	Text   string    `json:"text"`
}

// notesFile is the file of a case's notes.
type notesFile struct {
	Case  string `json:"case"`
	Notes []Note `json:"notes"` // in the order in which they were written
}

// notesName is the name of the file of a case's notes. IDs may hold what file names can't.
func notesName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + ".json"
}

// FindCase returns the ID of the case that s names: the ID itself, or a beginning of it that no other has. The error is [ErrNoCase] if there
// is none.
func (a *Archive) FindCase(ctx context.Context, s string) (string, error) {
	ids, err := a.Cases(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(ids, s) {
		return s, nil
	}
	var found []string
	for _, id := range ids {
		if s != "" && len(id) >= len(s) && strings.EqualFold(id[:len(s)], s) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("archive %q: case %q: %w", a.dir, s, ErrNoCase)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("archive %q: %q may be %q or %q: %w", a.dir, s, found[0], found[1], ErrNoCase)
}

// AddNote writes a note about a case of the archive. ctx ends the wait for another writer. A report folder's own archive takes no notes: the
// folder is handed on, and a note may name other customers.
func (a *Archive) AddNote(ctx context.Context, id string, n Note) error {
	switch ids, err := a.Cases(ctx); {
	case err != nil:
		return err
	case !slices.Contains(ids, id):
		return fmt.Errorf("archive %q: case %q: %w", a.dir, id, ErrNoCase)
	}
	if err := n.check(); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	unlock, err := lockArchive(ctx, a.dir, "writing a note", nil)
	if err != nil {
		return err
	}
	defer unlock()
	notes, err := a.Notes(ctx, id)
	if err != nil {
		return err
	}
	if notes, err = AppendNote(id, notes, n); err != nil {
		return err
	}
	return writeNotes(a.dir, id, notes)
}

// check refuses what is no note.
func (n *Note) check() error {
	switch {
	case strings.TrimSpace(n.Text) == "":
		return errors.New("the note is empty")
	case len(n.Text) > maxNote:
		return fmt.Errorf("the note has %d bytes; at most %d are kept", len(n.Text), maxNote)
	case len(n.Author) > maxAuthor:
		return fmt.Errorf("the name of the note's author has %d bytes; at most %d are kept", len(n.Author), maxAuthor)
	}
	return nil
}

// AppendNote adds a note to those of a case as every store keeps them: its time in UTC and whole seconds, within the bounds of notes.
func AppendNote(id string, notes []Note, n Note) ([]Note, error) {
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if len(notes) >= maxNotes {
		return nil, fmt.Errorf("archive: case %q has %d notes; no more are kept", id, len(notes))
	}
	n.Time, n.Author = n.Time.UTC().Truncate(time.Second), strings.TrimSpace(n.Author)
	return append(notes, n), nil
}

// writeNotes writes the notes about a case of the archive dir. The caller holds its lock.
func writeNotes(dir, id string, notes []Note) error {
	if _, err := os.Stat(filepath.Join(dir, "..", fileReport)); err == nil {
		return fmt.Errorf("archive %q belongs to a report, which is handed on and takes no notes; name an archive of its own", dir)
	}
	b, err := json.Marshal(notesFile{Case: id, Notes: notes})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	dir = filepath.Join(dir, dirNotes)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := writeFile(dir, notesName(id), b); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// joinNotes adds notes to those about a case of the archive dir, each once, in order of their times. The caller holds its lock.
func joinNotes(dir, id string, more []Note) error {
	if len(more) == 0 {
		return nil
	}
	notes, err := readNotes(dir, id)
	if err != nil {
		return err
	}
	return writeNotes(dir, id, JoinNotes(notes, more))
}

// JoinNotes adds notes that come with a case to those that are there, each once, in order of their times; of too many the last are kept.
func JoinNotes(notes, more []Note) []Note {
	notes = slices.Clone(notes)
	for _, n := range more {
		n.Time = n.Time.UTC().Truncate(time.Second)
		if !slices.ContainsFunc(notes, func(m Note) bool { return m.Text == n.Text && m.Author == n.Author && m.Time.Equal(n.Time) }) {
			notes = append(notes, n)
		}
	}
	slices.SortStableFunc(notes, func(a, b Note) int { return a.Time.Compare(b.Time) })
	return notes[max(0, len(notes)-maxNotes):]
}

// Notes returns what was noted about a case, the oldest first.
func (a *Archive) Notes(ctx context.Context, id string) ([]Note, error) {
	if a.scope != nil {
		switch ids, err := a.Cases(ctx); {
		case err != nil:
			return nil, err
		case !slices.Contains(ids, id):
			return nil, fmt.Errorf("archive: case %q: %w", id, ErrNoCase)
		}
	}
	return readNotes(a.dir, id)
}

// readNotes reads the notes about a case of the archive dir.
func readNotes(dir, id string) ([]Note, error) {
	b, err := readFile(filepath.Join(dir, dirNotes), notesName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var f notesFile
	if err := json.Unmarshal(b, &f); err != nil || f.Case != id {
		return nil, fmt.Errorf("archive: the notes of case %q are damaged", id)
	}
	return f.Notes, nil
}
