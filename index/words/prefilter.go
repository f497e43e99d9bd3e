package words

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// prefilter tells quickly of most texts that a word does not occur in them, so that they need not be cut into words.
type prefilter struct {
	word   []byte // ASCII, folded; nil lets every text pass
	anchor int    // the byte of word that is looked for: the one that is rarest in logs
	// foreign says that word has a letter to which a character beyond ASCII folds: the long s, the dotless i, the Kelvin sign.
	foreign bool
}

// rare lists ASCII letters and digits from the rarest in logs; the position is all that counts.
const rare = "jqzxkywvhgbfmpu9876435ldcsnar2oit1e0"

// newPrefilter looks for the longest of the words, which are folded.
func newPrefilter(words [][]byte) prefilter {
	var f prefilter
	for _, w := range words {
		if len(w) > len(f.word) && isASCII(w) {
			f.word = w
		}
	}
	if f.word == nil {
		return f
	}
	best := len(rare)
	for i, c := range f.word {
		if n := strings.IndexByte(rare, c); n < best {
			best, f.anchor = n, i
		}
	}
	f.foreign = bytes.ContainsAny(f.word, "ski")
	return f
}

// pass reports whether the word may occur in text.
func (f *prefilter) pass(text []byte) bool {
	if f.word == nil || f.foreign && !isASCII(text) {
		return true
	}
	c := f.word[f.anchor]
	if f.find(text, c) {
		return true
	}
	return classes[c] == small && f.find(text, c-('a'-'A'))
}

// find looks for the word with c as its anchor.
func (f *prefilter) find(text []byte, c byte) bool {
	// The anchor leaves room for the word's other bytes.
	last := len(text) - (len(f.word) - f.anchor)
	for at := f.anchor; at <= last; at++ {
		n := bytes.IndexByte(text[at:last+1], c)
		if n < 0 {
			return false
		}
		at += n
		if equalFolded(text[at-f.anchor:][:len(f.word)], f.word) {
			return true
		}
	}
	return false
}

// equalFolded compares text with an ASCII word that is folded.
func equalFolded(text, word []byte) bool {
	for i, c := range text {
		if c >= byte(len(folded)) || folded[c] != word[i] {
			return false
		}
	}
	return true
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= byte(len(folded)) {
			return false
		}
	}
	return true
}

// Hint tells quickly of most texts that none of some words occurs in them, whatever their case and wherever in a word. The zero value lets no text pass.
type Hint []prefilter

// NewHint makes a hint of words of ASCII letters and digits; a word that has others lets every text pass.
func NewHint(words ...string) Hint {
	h := make(Hint, len(words))
	for i, w := range words {
		h[i] = newPrefilter([][]byte{bytes.ToLower([]byte(w))})
	}
	return h
}

// Pass reports whether one of the words may occur in text.
func (h Hint) Pass(text []byte) bool {
	for i := range h {
		if h[i].pass(text) {
			return true
		}
	}
	return false
}
