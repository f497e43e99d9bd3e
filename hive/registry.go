package hive

import (
	"strings"
	"time"
)

// Registry is the registry of one system: its hives and exports together, addressed by paths that begin with the hive's
// usual name: SYSTEM\…, SOFTWARE\…, SAM\…, SECURITY\…, NTUSER\…. The zero value is empty and ready. Where several sources
// hold the same key or value, the one added first answers. Views and lookups may run side by side; Add may not.
type Registry struct {
	mounts []mount
}

// mount is one hive, or the part of one that a text shows.
type mount struct {
	source string
	name   string // SYSTEM, SOFTWARE …, upper case
	base   *Key   // stands for the hive's root, or for the key at within
	within string // path of the key below the hive's root; "" for the root
}

// cut returns the rest of a path below the hive's root that leads on from the base; false if the path does not lead there.
func (m mount) cut(path string) (string, bool) {
	n := len(m.within)
	switch {
	case n == 0:
		return path, true
	case len(path) < n || !equalFold(path[:n], m.within):
		return "", false
	case len(path) == n:
		return "", true
	}
	return path[n+1:], path[n] == '\\'
}

// Found is a value, or a key, with its place.
type Found struct {
	Value          Value     // zero if a key was asked for, or the value is not there
	Source         string    // as given to Add
	Key            string    // below the hive's root with the real control set, or as a text states it
	Line           int       // 1-based, of the value in a text, else of the key; 0 for regf
	ControlSet     int       // the N of ControlSet00N; 0 if the key is in none, or in a text's CurrentControlSet
	KeyLastWritten time.Time // zero for texts
	Replayed       bool      // the value, or the key, comes from a transaction log: the hive file has none such, or another type or other data
	Removed        bool      // beside ErrNotExist: the hive file alone has the value, or the key, and its transaction log removes it
}

// FoundKey is a key with its place.
type FoundKey struct {
	*Key
	Source     string
	ControlSet int // as in Found
}

// Found returns the key's place.
func (k FoundKey) Found() Found {
	return Found{Source: k.Source, Key: k.Path(), Line: k.Line(), ControlSet: k.ControlSet, KeyLastWritten: k.LastWritten(), Replayed: k.Replayed()}
}

// At returns the place of v, a value of the key.
func (k FoundKey) At(v Value) Found {
	f := k.Found()
	f.Value, f.Replayed = v, v.Replayed
	if v.Line > 0 {
		f.Line = v.Line
	}
	return f
}

// Children returns the keys directly below, in the order of the file.
func (k FoundKey) Children() []FoundKey {
	keys := k.Subkeys()
	out := make([]FoundKey, len(keys))
	for i, sub := range keys {
		out[i] = FoundKey{Key: sub, Source: k.Source, ControlSet: k.ControlSet}
	}
	return out
}

// Add adds a hive under the name of the artifact it came from. Hives of a kind that neither their
// keys nor the name SYSTEM or SOFTWARE tells are reached by no path.
func (r *Registry) Add(source string, h *Hive) {
	for _, m := range mountsOf(source, h) {
		m.source = source
		r.mounts = append(r.mounts, m)
	}
}

// Hive returns the hive that was added under that name; nil if none was, or none that a path reaches.
func (r *Registry) Hive(source string) *Hive {
	for _, m := range r.mounts {
		if m.source == source {
			return m.base.h
		}
	}
	return nil
}

// Keys returns the key at path in every source that has it, in the order of Add. It is for enumeration: the children of
// a FoundKey are those of one source.
func (r *Registry) Keys(path string) []FoundKey {
	name, rest, _ := strings.Cut(strings.Trim(path, `\`), `\`)
	var out []FoundKey
	for _, m := range r.mounts {
		if !equalFold(m.name, name) {
			continue
		}
		path, ok := m.cut(rest)
		if !ok {
			continue
		}
		if k, ok := r.resolve(m, path); ok {
			out = append(out, k)
		}
	}
	return out
}

// Key returns the place of the key at path. Where no source has it the error is [ErrNotExist], and Found tells which source
// shows that it is absent: Source and Key name the nearest key above that the source shows; Source is "" if none does.
func (r *Registry) Key(path string) (Found, error) {
	for _, k := range r.Keys(path) {
		if k.Stated() {
			return k.Found(), nil
		}
	}
	return r.absent(path, nil), ErrNotExist
}

// Value returns a value of the key at path, "" being the default value. Where no source has it the error is [ErrNotExist],
// and Found tells which source shows that it is absent, as for [Registry.Key]; whether that proves it depends on [Hive.Sound]. Output of reg query never shows that, because the query may
// have asked for one value only.
func (r *Registry) Value(path, name string) (Found, error) {
	for _, k := range r.Keys(path) {
		if v, err := k.Value(name); err == nil {
			return k.At(v), nil
		}
	}
	return r.absent(path, &name), ErrNotExist
}

// absent finds a source that would show what is at path if it were there: a hive, or an export of the key or of one above it. name is that of a
// value, or nil.
func (r *Registry) absent(path string, name *string) Found {
	for at, rest := path, ""; at != ""; {
		for _, k := range r.Keys(at) {
			if k.h.format != FormatQuery && k.exported() {
				f := k.Found()
				f.Removed = k.h.removed(strings.Trim(k.Path()+rest, `\`), name)
				return f
			}
		}
		i := max(strings.LastIndexByte(at, '\\'), 0)
		at, rest = at[:i], path[i:]
	}
	return Found{}
}

// exported reports whether the key, and so everything below it, is in the source whole.
func (k *Key) exported() bool {
	if k.h.format == FormatRegf {
		return true
	}
	for id := k.id; id > 0; id = k.h.store.parent(id) {
		if k.h.store.line(id) > 0 {
			return true
		}
	}
	return false
}
