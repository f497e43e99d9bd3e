package hive

import (
	"fmt"
	"slices"
	"strings"

	"casebook/internal/safeio"
)

// Operation is what a pair of PendingFileRenameOperations asks for.
type Operation string

// The operations.
const (
	OperationRename   Operation = "rename"
	OperationDelete   Operation = "delete"
	OperationUnpaired Operation = "unpaired" // the last string of a list with an odd number of strings
)

// PendingRename is one pair of PendingFileRenameOperations or PendingFileRenameOperations2: what the session manager does to
// a file at the next boot.
type PendingRename struct {
	Operation       Operation
	Source          string // without \??\ and markers
	Target          string // without \??\ and markers; "" for a delete
	SourceMarkers   string // what stood before \??\: "@" on a delete overrides the protection of system files
	TargetMarkers   string // "!" replaces an existing file, "@" overrides the protection of system files
	ReplaceExisting bool   // the target is marked with !
	Index           int    // of the pair in its value, from 0
	Quote           string // the strings as stored, joined by " | "
	Found           Found  // Found.Value.Name says which value
}

// The values, in the order in which the session manager works on them. MoveFileEx writes the second when the first is full.
var pendingNames = []string{"PendingFileRenameOperations", "PendingFileRenameOperations2"}

// maxMarkers is how many letters or digits are looked for before \??\. Newer versions of Windows write *1 and *2 there.
const maxMarkers = 4

const sessionManager = `SYSTEM\CurrentControlSet\Control\Session Manager`

func isPendingName(name string) bool {
	return equalFold(name, pendingNames[0]) || equalFold(name, pendingNames[1])
}

// PendingRenames returns the pairs of the current control set's PendingFileRenameOperations and then …2, in the order in which they
// run, from the first source that has either value; and what of them is damaged. Both are nil if no source has a value.
func (r *Registry) PendingRenames() ([]PendingRename, []Problem) {
	for _, k := range r.Keys(sessionManager) {
		var pairs []PendingRename
		var probs []Problem
		found := false
		for _, name := range pendingNames {
			v, err := k.Value(name)
			if err != nil {
				continue
			}
			found = true
			p, bad := pendingPairs(k.At(v), k.h.format)
			pairs, probs = append(pairs, p...), append(probs, bad...)
		}
		if found {
			return pairs, probs
		}
	}
	return nil, nil
}

// pendingPairs cuts one value into pairs. Source and target follow each other, each ended by a NUL; a delete has an empty
// target, which is why the value can't be read as a list that ends at its first empty string.
func pendingPairs(at Found, format Format) ([]PendingRename, []Problem) {
	v := at.Value
	v.Type = TypeMultiSZ // whatever type is stated, the session manager reads the bytes
	list := v.raw()
	var probs []Problem
	note := func(text string, args ...any) {
		probs = append(probs, Problem{Line: at.Line, Message: v.Name + ": " + fmt.Sprintf(text, args...)})
	}
	if v.Truncated {
		note("the data is cut short")
	}
	// One empty string ends the list and is part of no pair; a damaged or hand-made value may lack it or have more. An empty
	// source is no operation, so empty strings are taken from the end until it ends with a pair.
	for n := len(list); n > 0 && list[n-1] == "" && (n%2 == 1 || list[n-2] == ""); n = len(list) {
		list = list[:n-1]
	}
	var out []PendingRename
	pair := func(op Operation, strs ...string) {
		p := PendingRename{Operation: op, Index: len(out), Quote: strings.Join(strs, " | "), Found: at}
		p.SourceMarkers, p.Source = cutMarkers(strs[0])
		if op == OperationRename {
			p.TargetMarkers, p.Target = cutMarkers(strs[1])
			p.ReplaceExisting = strings.Contains(p.TargetMarkers, "!")
		}
		switch {
		case p.Source == "":
			note("pair %d has no source", p.Index+1)
		case strings.Contains(p.SourceMarkers, "!"):
			note("pair %d has a source that is marked as a target: the pairs have lost their order", p.Index+1)
		}
		out = append(out, p)
	}
	if format == FormatQuery {
		for len(list) > 0 && list[len(list)-1] == "" {
			list = list[:len(list)-1] // our own terminator, and what the tool printed of the value's
		}
		if !slices.Contains(list, "") {
			pairMarked(list, pair, note)
			return out, probs
		}
	}
	for ; len(list) > 1; list = list[2:] {
		op := OperationRename
		if list[1] == "" {
			op = OperationDelete
		}
		pair(op, list[:2]...)
	}
	switch {
	case len(list) == 0:
	case format == FormatQuery: // the empty strings at the end were taken off above
		pair(OperationDelete, list[0])
	default:
		note("the list has an odd number of strings, %s has no partner", safeio.Quote(clip(list[0])))
		pair(OperationUnpaired, list[0])
	}
	return out, probs
}

// pairMarked pairs the strings of output of reg query in which no string is empty. Old versions leave out empty strings, so that
// a delete and the start of the next pair look like a rename: only a target marked with ! is certain, and a single string
// that is left between such pairs is a delete.
func pairMarked(list []string, pair func(Operation, ...string), note func(string, ...any)) {
	target := func(i int) bool {
		if i >= len(list) {
			return false
		}
		markers, _ := cutMarkers(list[i])
		return strings.Contains(markers, "!")
	}
	for i := 0; i < len(list); {
		if target(i + 1) {
			pair(OperationRename, list[i], list[i+1])
			i += 2
			continue
		}
		end := i + 1
		for end < len(list) && !target(end+1) {
			end++
		}
		if end == i+1 && !target(i) {
			pair(OperationDelete, list[i])
			i = end
			continue
		}
		note("reg query may have left out the empty strings of deletes, so that %d strings from %s on can't be paired; an export (.reg) can", end-i, safeio.Quote(clip(list[i])))
		for ; i < end; i++ {
			pair(OperationUnpaired, list[i])
		}
	}
}

// cutMarkers parts a path of a pair into what stands before \??\ and what follows it. Of a path that does not begin so only the two
// documented markers are cut.
func cutMarkers(s string) (markers, path string) {
	for _, prefix := range []string{`\??\`, `\DosDevices\`, `\\?\`} {
		if i := strings.Index(s, prefix); i >= 0 && i <= maxMarkers && !strings.ContainsAny(s[:i], `\:`) {
			return s[:i], s[i+len(prefix):]
		}
	}
	path = strings.TrimLeft(s, "!@")
	return s[:len(s)-len(path)], path
}

// DeletedRenames is a PendingFileRenameOperations value, or …2, that is left in free cells: the session manager deletes the value at
// boot when it has worked on it. When that was is not known, nor whether the operations succeeded.
type DeletedRenames struct {
	Source string          // as given to Add
	Offset int64           // of the value's cell in the hive's bytes
	Pairs  []PendingRename // those of which enough is left; their Found has no key
}

// DeletedPendingRenames returns what is left of pending renames in the free cells of SYSTEM hives, in the order of the sources.
func (r *Registry) DeletedPendingRenames() []DeletedRenames {
	var out []DeletedRenames
	for _, m := range r.mounts {
		if m.name != "SYSTEM" || m.base.h.format != FormatRegf {
			continue
		}
		d := m.base.h.Deleted()
		values := d.Values
		for _, k := range d.Keys {
			values = append(values, k.Values...)
		}
		for _, v := range values {
			if !isPendingName(v.Name) {
				continue
			}
			pairs, _ := pendingPairs(Found{Value: v.Value, Source: m.source}, FormatRegf) // damage is to be expected
			// Old versions of Windows chain free cells through their first bytes.
			pairs = slices.DeleteFunc(pairs, func(p PendingRename) bool { return !startsPendingPath(p.Quote) })
			if len(pairs) > 0 {
				out = append(out, DeletedRenames{Source: m.source, Offset: v.Offset, Pairs: pairs})
			}
		}
	}
	return out
}
