package facts

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"casebook/hive"
	"casebook/ingest"
)

// registry is one hive or export with what identifies its machine.
type registry struct {
	ingest.Extracted
	hive *hive.Hive
	dir  string
	host string // upper case; "" if it names no computer
	guid string // MachineGuid in lower case; "" if it has none

	written time.Time // see capture
}

func newRegistry(e ingest.Extracted, h *hive.Hive) registry {
	r := registry{Extracted: e, hive: h, dir: dirOf(e.Artifact.Path)}
	var one hive.Registry
	one.Add(e.Artifact.Path, h)
	if n, err := one.ComputerName(); err == nil {
		r.host = strings.ToUpper(strings.TrimSpace(n.Name))
	}
	if g, _, err := one.MachineGUID(); err == nil && !cutGUID(g) {
		r.guid = strings.ToLower(strings.Trim(strings.TrimSpace(g), "{}"))
	}
	return r
}

// cutGUID reports whether a text is the beginning of a GUID and no more, as the last line of a query that was cut.
func cutGUID(s string) bool {
	const whole = 36
	s = strings.Trim(strings.TrimSpace(s), "{}")
	return len(s) < whole && strings.Trim(s, "0123456789abcdefABCDEF-") == "" && strings.Contains(s, "-")
}

// whole reports whether the registry is a hive file and not the text of a part.
func (r registry) whole() bool { return r.hive.Format() == hive.FormatRegf }

// single reports whether a machine has one hive of this kind only.
func (r registry) single() bool {
	k := r.hive.Kind()
	return k != hive.KindOther && k != hive.KindNTUser
}

// errStop ends a walk over a hive.
var errStop = errors.New("seen enough")

// clockDoubt is how far the local time that a zip states for a member may lie from UTC.
const clockDoubt = 14 * time.Hour

// capture notes the earliest time at which the registry can have been copied: the last write to one of a hive's keys (the time in the
// base block is no longer kept up to date by Windows 8.1 and later), of an export the time of its file, which is local time of an
// unknown zone. It stays zero where nothing tells.
func (r *registry) capture() {
	if !r.whole() {
		if t := r.Artifact.Modified; !t.IsZero() {
			r.written = t.Add(-clockDoubt)
		}
		return
	}
	r.written = r.hive.LastWritten()
	_ = r.hive.Walk(func(k *hive.Key) error { // the function returns no error
		if t := k.LastWritten(); t.After(r.written) {
			r.written = t
		}
		return nil
	})
}

// isBackup reports whether a registry lies where Windows itself puts copies of its hives.
func isBackup(p string) bool {
	return slices.ContainsFunc(split(dirOf(p)), func(part string) bool {
		return strings.EqualFold(part, "RegBack") || strings.EqualFold(part, "repair") || strings.EqualFold(part, "Windows.old")
	})
}

// soundsOld reports whether people gave a folder a name for copies from an earlier time.
func soundsOld(p string) bool {
	return slices.ContainsFunc(split(dirOf(p)), func(part string) bool {
		part = strings.ToLower(part)
		return part == "before" || part == "old"
	})
}

// older reports whether a registry's place says that it is an older copy.
func older(p string) bool { return isBackup(p) || soundsOld(p) }

// newestFirst is the order in which the registries of a system answer: the newest capture first, backups of Windows last.
func newestFirst(a, b registry) int {
	return cmp.Or(
		compareBool(isBackup(a.Artifact.Path), isBackup(b.Artifact.Path)),
		compareBool(soundsOld(a.Artifact.Path), soundsOld(b.Artifact.Path)),
		b.written.Compare(a.written),
		compareBool(b.whole(), a.whole()),
		strings.Compare(a.Artifact.Path, b.Artifact.Path),
	)
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// supersedes reports whether r, which comes first in the order of newestFirst, makes other an older copy: one that no longer says how the
// system is. why is "" where the captures' times, their places or their names tell that; otherwise it is the key on which they disagree.
func (r registry) supersedes(other registry) (yes bool, why string) {
	if r.whole() {
		if r.hive.Kind() != other.hive.Kind() && other.hive.Kind() != hive.KindOther || !r.single() {
			return false, ""
		}
		if other.whole() {
			return r.hive.Kind() == other.hive.Kind(), ""
		}
		// An export that is not from days before is a part of the same capture.
		t := other.Artifact.Modified
		return isBackup(other.Artifact.Path) || !t.IsZero() && t.Add(clockDoubt).Before(r.written), ""
	}
	if other.whole() {
		return false, ""
	}
	key, differ := disagreement(r.hive, other.hive)
	switch {
	case !differ:
		return false, ""
	case !r.written.Equal(other.written), soundsOld(r.Artifact.Path) != soundsOld(other.Artifact.Path):
		return true, ""
	}
	return true, key
}

// disagreement returns a key that both texts state and of which they do not say the same.
func disagreement(a, b *hive.Hive) (string, bool) {
	partial := a.Format() == hive.FormatQuery || b.Format() == hive.FormatQuery
	found := ""
	_ = b.Walk(func(k *hive.Key) error { // the only error is the one that ends the walk
		if !k.Stated() {
			return nil
		}
		other, err := a.Key(k.Path())
		if err != nil || !other.Stated() {
			return nil //nolint:nilerr // a key that the other text does not show is no disagreement
		}
		if !sameValues(k, other, partial) {
			found = k.Path()
			return errStop
		}
		return nil
	})
	return found, found != ""
}

// sameValues reports whether two keys hold the same values; with partial, those that both show.
func sameValues(a, b *hive.Key, partial bool) bool {
	av := a.Values()
	if !partial && len(av) != len(b.Values()) {
		return false
	}
	for _, v := range av {
		w, err := b.Value(v.Name)
		if err != nil {
			if partial {
				continue
			}
			return false
		}
		if v.Display() != w.Display() {
			return false
		}
	}
	return true
}

// foreign reports whether two registries that name no computer can't be those of one machine: their MachineGuids differ, or, where one has
// none, they lie in different folders and hold the same hive or state the same key.
func foreign(a, b registry) bool {
	switch {
	case a.guid != "" && b.guid != "":
		return a.guid != b.guid
	case a.dir == b.dir, older(a.Artifact.Path), older(b.Artifact.Path):
		return false
	case a.whole(), b.whole():
		return a.single() && a.hive.Kind() == b.hive.Kind()
	}
	return overlap(a.hive, b.hive)
}

// overlap reports whether two texts state the same key.
func overlap(a, b *hive.Hive) bool {
	return a.Walk(func(k *hive.Key) error {
		if k.Stated() {
			if other, err := b.Key(k.Path()); err == nil && other.Stated() {
				return errStop
			}
		}
		return nil
	}) != nil
}

func dirOf(p string) string {
	d := path.Dir(p)
	if d == "." {
		return ""
	}
	return d
}

func split(dir string) []string {
	if dir == "" {
		return nil
	}
	return strings.Split(dir, "/")
}

// shared returns how many leading folders two folders have in common.
func shared(a, b string) int {
	x, y := split(a), split(b)
	n := 0
	for n < len(x) && n < len(y) && strings.EqualFold(x[n], y[n]) {
		n++
	}
	return n
}

// commonDir returns the deepest folder that holds all the folders, "" for none.
func commonDir(dirs []string) string {
	if len(dirs) == 0 {
		return ""
	}
	n := len(split(dirs[0]))
	for _, d := range dirs[1:] {
		n = min(n, shared(dirs[0], d))
	}
	return strings.Join(split(dirs[0])[:n], "/")
}

// below returns the folder directly below common in which dir lies; dir itself if it is common.
func below(common, dir string) string {
	x := split(dir)
	n := len(split(common))
	if n >= len(x) {
		return dir
	}
	return strings.Join(x[:n+1], "/")
}
