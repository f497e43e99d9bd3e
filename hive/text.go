package hive

import (
	"slices"
	"strings"
	"time"
)

// textTree is the store of a text: the keys that its lines name, and the keys above those.
type textTree struct {
	keys    []textKey
	byName  map[childName]int32
	byValue map[childName]int
	nkeys   int
	nvals   int
}

type textKey struct {
	name   string
	parent int32
	kids   []int32
	vals   []Value
	line   int // 0: not stated itself
}

// childName is a key or value below a key, its name folded.
type childName struct {
	parent int32
	name   string
}

func newTextTree() *textTree {
	return &textTree{
		keys:    []textKey{{parent: -1}},
		byName:  map[childName]int32{},
		byValue: map[childName]int{},
		nkeys:   1,
	}
}

// add returns the key at path, made where it is not there; false if the path is deeper than the registry goes.
func (t *textTree) add(path string, line int) (int32, bool) {
	if strings.Count(path, `\`) > maxDepth {
		return 0, false
	}
	id := int32(0)
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		at := childName{id, foldString(name)}
		kid, ok := t.byName[at]
		if !ok {
			kid = int32(len(t.keys)) //nolint:gosec // a key takes at least two bytes of the text, which is far below 4 GB
			t.keys = append(t.keys, textKey{name: name, parent: id})
			t.keys[id].kids = append(t.keys[id].kids, kid)
			t.byName[at] = kid
			t.nkeys++
		}
		id = kid
	}
	if t.keys[id].line == 0 {
		t.keys[id].line = line
	}
	return id, true
}

// set adds a value to a key, and reports whether it took the place of one of the same name.
func (t *textTree) set(id int32, v Value) bool {
	at := childName{id, foldString(v.Name)}
	if i, ok := t.byValue[at]; ok {
		t.keys[id].vals[i] = v
		return true
	}
	t.byValue[at] = len(t.keys[id].vals)
	t.keys[id].vals = append(t.keys[id].vals, v)
	t.nvals++
	return false
}

// remove forgets the key at path with all below it, and unset a value. The lists of keys and values still hold them until compact.
func (t *textTree) remove(path string) {
	id := int32(0)
	at := childName{}
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		at = childName{id, foldString(name)}
		kid, ok := t.byName[at]
		if !ok {
			return
		}
		id = kid
	}
	delete(t.byName, at)
}

func (t *textTree) unset(id int32, name string) {
	delete(t.byValue, childName{id, foldString(name)})
}

// compact takes what was forgotten out of the lists of keys and values.
func (t *textTree) compact() {
	t.nkeys, t.nvals = 0, 0
	for reached := []int32{0}; len(reached) > 0; {
		id := reached[len(reached)-1]
		reached = reached[:len(reached)-1]
		k := &t.keys[id]
		k.kids = slices.DeleteFunc(k.kids, func(kid int32) bool {
			known, ok := t.byName[childName{id, foldString(t.keys[kid].name)}]
			return !ok || known != kid
		})
		kept := k.vals[:0]
		for i, v := range k.vals {
			at := childName{id, foldString(v.Name)}
			if known, ok := t.byValue[at]; ok && known == i {
				t.byValue[at] = len(kept)
				kept = append(kept, v)
			}
		}
		k.vals = kept
		reached = append(reached, k.kids...)
		t.nkeys++
		t.nvals += len(k.vals)
	}
}

// foldString maps a name as the registry folds it.
func foldString(s string) string { return strings.Map(fold, s) }

func (t *textTree) name(id int32) string        { return t.keys[id].name }
func (t *textTree) class(int32) string          { return "" }
func (t *textTree) parent(id int32) int32       { return t.keys[id].parent }
func (t *textTree) children(id int32) []int32   { return t.keys[id].kids }
func (t *textTree) values(id int32) []Value     { return t.keys[id].vals }
func (t *textTree) lastWritten(int32) time.Time { return time.Time{} }
func (t *textTree) line(id int32) int           { return t.keys[id].line }
func (t *textTree) count() (keys, values int)   { return t.nkeys, t.nvals }

func (t *textTree) child(id int32, name string) (int32, bool) {
	kid, ok := t.byName[childName{id, foldString(name)}]
	return kid, ok
}

func (t *textTree) value(id int32, name string) (Value, bool) {
	i, ok := t.byValue[childName{id, foldString(name)}]
	if !ok {
		return Value{}, false
	}
	return t.keys[id].vals[i], true
}

// kind says of which hive a text shows parts; KindOther if of several or none.
func (t *textTree) kind(h *Hive) Kind {
	kind := KindOther
	for i, m := range mountsOf("", h) {
		switch k := Kind(strings.ToLower(m.name)); {
		case i == 0:
			kind = k
		case k != kind:
			return KindOther
		}
	}
	return kind
}
