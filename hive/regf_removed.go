package hive

import "slices"

// Removed is what a hive file holds alone and no longer holds with its transaction logs: it was deleted in the last changes before the copy.
type Removed struct {
	Keys   []*Key         // of the file alone; of a key with subkeys the topmost
	Values []RemovedValue // those of keys that are still there
}

// RemovedValue is a value and the key that it was in, as the file alone has them.
type RemovedValue struct {
	Key   *Key
	Value Value
}

// Removed compares the hive with its file alone; it takes about as long as reading both. Without a replay nothing is removed.
func (h *Hive) Removed() Removed {
	var out Removed
	s, ok := h.store.(*regf)
	if !ok || s.replayed == nil {
		return out
	}
	before := s.replayed.before()
	if before == nil {
		return out
	}
	type pair struct{ was, is *Key }
	stack := []pair{{before.Root(), h.Root()}}
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		names := map[string]bool{}
		for _, v := range p.is.Values() {
			names[foldString(v.Name)] = true
		}
		for _, v := range p.was.Values() {
			if !names[foldString(v.Name)] {
				out.Values = append(out.Values, RemovedValue{p.was, v})
			}
		}
		now := map[string]*Key{}
		for _, k := range p.is.Subkeys() {
			now[foldString(k.Name())] = k
		}
		kids := p.was.Subkeys()
		for _, k := range slices.Backward(kids) { // so that the stack gives them in the order of the file
			if is, ok := now[foldString(k.Name())]; ok {
				stack = append(stack, pair{k, is})
			}
		}
		for _, k := range kids {
			if now[foldString(k.Name())] == nil {
				out.Keys = append(out.Keys, k)
			}
		}
	}
	return out
}

// removed reports whether the hive file alone holds a key at path, or with name a value of it, that the hive with its logs does not hold.
func (h *Hive) removed(path string, name *string) bool {
	s, ok := h.store.(*regf)
	if !ok || s.replayed == nil {
		return false
	}
	before := s.replayed.before()
	if before == nil {
		return false
	}
	k, err := before.Key(path)
	if err != nil || name == nil {
		return err == nil
	}
	_, err = k.Value(*name)
	return err == nil
}
