package match

import (
	"iter"
	"regexp"
)

// Hit is a signal found in a record. It and what it returns point into the record's text and are valid as long as that is.
type Hit struct {
	Signal int    // index of the signal in the list given to [Compile]
	Name   string // the signal's name
	// Start and End are the byte range in the text of the pattern's leftmost match; of a signal without a pattern, of the leftmost
	// literal (the longest of those that start there).
	Start, End int

	text    []byte
	pattern *regexp.Regexp // nil if there are no named groups
	groups  []int          // byte ranges of the pattern's groups in pairs, -1 for one that took no part
}

// Capture returns what the named group of the signal's pattern matched. It returns nil if there is no such group or it took no
// part in the match.
func (h *Hit) Capture(name string) []byte {
	if h.pattern == nil || name == "" {
		return nil
	}
	return h.group(h.pattern.SubexpIndex(name))
}

// Captures yields name and text of the named groups that took part in the match, in the order of the pattern.
func (h *Hit) Captures() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if h.pattern == nil {
			return
		}
		for i, name := range h.pattern.SubexpNames() {
			if name == "" {
				continue
			}
			if text := h.group(i); text != nil && !yield(name, text) {
				return
			}
		}
	}
}

// group returns the text of group i, not nil if the group matched the empty string.
func (h *Hit) group(i int) []byte {
	if i < 0 || h.groups[2*i] < 0 {
		return nil
	}
	return h.text[h.groups[2*i]:h.groups[2*i+1]:h.groups[2*i+1]]
}
