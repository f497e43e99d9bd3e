package match

// foldMask maps the letters of eight bytes to lower case, and other bytes to something that may be shared with another byte: two
// texts that are equal but for case are equal under it, the reverse is to be verified.
const foldMask = 0x2020202020202020

// fold maps A-Z to a-z and every other byte to itself.
var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i + 'a' - 'A')
		}
	}
	return t
}()

// foldBytes returns s with A-Z as a-z.
func foldBytes(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		b[i] = fold[c]
	}
	return b
}

// equalFold reports whether text, folded, is folded, which has the same length.
func equalFold(text, folded []byte) bool {
	for i, c := range folded {
		if fold[text[i]] != c {
			return false
		}
	}
	return true
}
