package hive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNotExist says that a key or a value is not there.
var ErrNotExist = errors.New("key or value does not exist")

// Format says what a Hive was read from.
type Format string

// The formats.
const (
	FormatRegf   Format = "regf"   // a hive file
	FormatExport Format = "export" // .reg text, version 5 or REGEDIT4
	FormatQuery  Format = "query"  // output of reg query
)

// Kind says which hive it is, judged by its top keys and never by a file's name.
type Kind string

// The kinds.
const (
	KindSystem   Kind = "system"
	KindSoftware Kind = "software"
	KindNTUser   Kind = "ntuser"
	KindSAM      Kind = "sam"
	KindSecurity Kind = "security"
	KindOther    Kind = "other"
)

// Problem is damage, or something that could not be read.
type Problem struct {
	Offset  int64  // in the file, for regf; 0 for text
	Line    int    // 1-based, for text; 0 for regf
	Message string // lower case, strings of the file quoted
}

// String returns the message with its place.
func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	case p.Offset > 0:
		return fmt.Sprintf("offset 0x%x: %s", p.Offset, p.Message)
	default:
		return p.Message
	}
}

// maxProblems bounds how many problems one hive keeps; the last entry then says how many there were.
const maxProblems = 100

// problems collects up to maxProblems problems and counts the rest.
type problems struct {
	list  []Problem
	total int
}

func (p *problems) add(q Problem) {
	p.total++
	if len(p.list) < maxProblems {
		p.list = append(p.list, q)
	}
}

func (p *problems) all() []Problem {
	if p.total <= len(p.list) {
		return p.list
	}
	return append(slices.Clip(p.list), Problem{
		Message: fmt.Sprintf("%d problems in all, of which the first %d are listed", p.total, len(p.list)),
	})
}

// store is what Key reads from: the cells of a regf file, or the parsed lines of a text. Key number 0 is the root.
type store interface {
	name(id int32) string
	class(id int32) string
	parent(id int32) int32 // -1 for the root
	children(id int32) []int32
	child(id int32, name string) (int32, bool)
	values(id int32) []Value
	value(id int32, name string) (Value, bool)
	lastWritten(id int32) time.Time
	line(id int32) int
	count() (keys, values int)
}

// Hive is one registry hive, or the part of a registry that a text shows.
type Hive struct {
	format      Format
	kind        Kind
	store       store
	problems    problems
	dirty       string
	replay      Replay
	file        []byte // nil for a text
	image       *image // nil for a text
	truncated   bool
	script      bool
	lastWritten time.Time
}

// Format says what the hive was read from.
func (h *Hive) Format() Format { return h.format }

// Kind says which hive it is. A text that shows parts of several hives is KindOther.
func (h *Hive) Kind() Kind { return h.kind }

// Dirty says whether the hive was being written when it was copied, so that its newest changes are only in its
// transaction logs, and why it is thought so. A hive whose logs were replayed to their end is no longer dirty. A text is never dirty.
func (h *Hive) Dirty() (bool, string) { return h.dirty != "", h.dirty }

// Truncated reports whether the file is shorter than it says it is, or the text ends in the middle of an entry.
func (h *Hive) Truncated() bool { return h.truncated }

// Script reports whether a .reg text asks to delete keys or values, which no export does: it is a script of changes, and what it holds is what it
// would set in an empty registry, not what a machine has.
func (h *Hive) Script() bool { return h.script }

// Sound reports whether what is not in the hive was not there: it is whole, was not being written, and all of it could be read. Output
// of reg query is never sound, because the query may have asked for one value only.
func (h *Hive) Sound() bool {
	return h.format != FormatQuery && !h.truncated && h.dirty == "" && h.problems.total == 0
}

// LastWritten returns the time in the base block, which Windows 8.1 and later no longer keep up to date; the zero time for a text.
func (h *Hive) LastWritten() time.Time { return h.lastWritten }

// Problems returns what is damaged or could not be read, at most 100 entries and then one with the total.
func (h *Hive) Problems() []Problem { return h.problems.all() }

// Counts returns how many keys, the root included, and how many values the hive holds.
func (h *Hive) Counts() (keys, values int) { return h.store.count() }

// Root returns the hive's root key. The root of a text has no name; its subkeys are HKEY_LOCAL_MACHINE and its like.
func (h *Hive) Root() *Key { return &Key{h: h} }

// Key returns the key at path below the root, with \ as the separator and case folded as the registry does; "" is the root.
// The error is [ErrNotExist].
func (h *Hive) Key(path string) (*Key, error) {
	k, ok := below(h.Root(), path)
	if !ok {
		return nil, ErrNotExist
	}
	return k, nil
}

// Walk calls fn for every key, parents first, in the order of the file. An error of fn ends the walk and is returned.
func (h *Hive) Walk(fn func(*Key) error) error { return h.walk(0, fn) }

// walk is Walk from a key on.
func (h *Hive) walk(from int32, fn func(*Key) error) error {
	stack := []int32{from}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := fn(&Key{h: h, id: id}); err != nil {
			return err
		}
		kids := h.store.children(id)
		for _, kid := range slices.Backward(kids) {
			stack = append(stack, kid)
		}
	}
	return nil
}

// Key is one key of a hive.
type Key struct {
	h  *Hive
	id int32
}

// Hive returns the hive that the key is part of.
func (k *Key) Hive() *Hive { return k.h }

// Name returns the key's name. A regf root's name varies and says nothing.
func (k *Key) Name() string { return k.h.store.name(k.id) }

// Path returns the names from below the root to the key, joined by \: ControlSet002\Control\Session Manager. A text's begin
// as it states them: HKEY_LOCAL_MACHINE\SYSTEM\…
func (k *Key) Path() string {
	var names []string
	for id := k.id; id > 0; id = k.h.store.parent(id) {
		names = append(names, k.h.store.name(id))
	}
	var b strings.Builder
	for i, name := range slices.Backward(names) {
		b.WriteString(name)
		if i > 0 {
			b.WriteByte('\\')
		}
	}
	return b.String()
}

// LastWritten returns when the key was last written, in UTC to 100 ns; the zero time where the hive does not say.
func (k *Key) LastWritten() time.Time { return k.h.store.lastWritten(k.id) }

// Line returns the 1-based line that states the key; 0 for regf, and for a key of a text that only stands in the
// paths of the keys below it, so that nothing is known of its values.
func (k *Key) Line() int { return k.h.store.line(k.id) }

// Stated reports whether the hive shows the key itself and not only keys below it.
func (k *Key) Stated() bool { return k.h.format == FormatRegf || k.Line() > 0 }

// Replayed reports whether the key comes from a transaction log: the hive file itself holds no such key.
func (k *Key) Replayed() bool {
	s, ok := k.h.store.(*regf)
	return ok && s.replayed.key(s, k.id)
}

// ClassName returns the key's class name, "" if there is none. A text has none.
func (k *Key) ClassName() string { return k.h.store.class(k.id) }

// Subkeys returns the keys directly below, in the order of the file.
func (k *Key) Subkeys() []*Key {
	ids := k.h.store.children(k.id)
	keys := make([]Key, len(ids))
	out := make([]*Key, len(ids))
	for i, id := range ids {
		keys[i] = Key{h: k.h, id: id}
		out[i] = &keys[i]
	}
	return out
}

// Subkey returns the key of that name directly below, case folded as the registry does.
func (k *Key) Subkey(name string) (*Key, bool) {
	id, ok := k.h.store.child(k.id, name)
	if !ok {
		return nil, false
	}
	return &Key{h: k.h, id: id}, true
}

// Values returns the key's values in the order of the file.
func (k *Key) Values() []Value { return k.h.store.values(k.id) }

// Value returns the value of that name, "" for the default value, case folded. The error is [ErrNotExist].
func (k *Key) Value(name string) (Value, error) {
	v, ok := k.h.store.value(k.id, name)
	if !ok {
		return Value{}, ErrNotExist
	}
	return v, nil
}
