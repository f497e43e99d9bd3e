package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"casebook/index"
)

// archiveVariable names the archive where --archive does not.
const archiveVariable = "CASEBOOK_ARCHIVE"

// fleetSchemes are the schemes of the stores that casebook-fleet has, so that casebook can say where they are.
var fleetSchemes = []string{"opensearch+http", "opensearch+https"}

// scheme is what stands before :// in the address of a store, "" if the address is the path of a folder.
func scheme(address string) string {
	before, _, ok := strings.Cut(address, "://")
	if !ok || before == "" || strings.ContainsFunc(before, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789+.-", r) }) {
		return ""
	}
	return before
}

// store opens the store that an address names.
func (a *App) store(ctx context.Context, address string) (index.Store, error) {
	s := scheme(address)
	open := a.Stores[s]
	switch {
	case open != nil:
		return open(ctx, address)
	case slices.Contains(fleetSchemes, s):
		return nil, usagef("an archive at %s:// needs casebook-fleet, which has all commands of casebook too", s)
	}
	return nil, usagef("%s knows no archive at %s://; name a folder", a.Name, s)
}

// able returns an archive as one that can do what a command needs, unless it is in a store that can't.
func able[T any](archive index.Reader, command, address string) (T, error) {
	t, ok := archive.(T)
	if !ok {
		return t, usagef("%s can't be done with an archive at %s://", command, scheme(address))
	}
	return t, nil
}

// creator is what puts cases into an archive that is open.
func creator(archive any, address string) (index.Creator, error) {
	if c, ok := archive.(index.Creator); ok {
		return c, nil
	}
	dir, err := filepath.Abs(address)
	return index.Dir(dir), err
}

// openArchive opens the archive that the user named, to read it.
func (a *App) openArchive(ctx context.Context, address string) (index.Reader, error) {
	switch {
	case address == "":
		return nil, usagef("no archive named: give --archive DIR (an archive or a report folder) or set %s", archiveVariable)
	case scheme(address) != "":
		return a.store(ctx, address)
	}
	archive, err := index.Open(address)
	if err != nil {
		return nil, err // not a nil *Archive
	}
	return archive, nil
}

// changer opens the archive that the user named, to change what is filed with its cases or to remove some. done frees it.
func (a *App) changer(ctx context.Context, address string) (c index.Changer, done func(), err error) {
	if scheme(address) == "" {
		k, err := index.Keep(address, a.waiting)
		if err != nil {
			return nil, nil, err
		}
		return k, func() {}, nil
	}
	s, err := a.store(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	return s, func() { _ = s.Close() }, nil // every change is complete when its method returns
}

// folderOnly refuses the address of a store for what only an archive in a folder can do, and says what to do instead.
func folderOnly(what, address, instead string) error {
	if s := scheme(address); s != "" {
		return usagef("%s needs an archive in a folder, not one at %s://: %s", what, s, instead)
	}
	return nil
}

// keptElsewhere is what to do where an archive keeps no uploads.
const keptElsewhere = "keep the uploads in a folder of your own, and name it to 'archive recheck --uploads' to evaluate cases anew"
