package regftest

import (
	"bytes"
	"encoding/binary"
	"slices"

	"casebook/internal/marvin32"
)

// logPage is how large the pages are that Windows writes into logs.
const logPage = 4096

// Log writes a transaction log as Windows 8.1 and later do: its entries, numbered from first on, turn the hive base into each of
// states in turn. A state may have more bins than the one before, not fewer.
func Log(first uint32, base []byte, states ...[]byte) []byte {
	le := binary.LittleEndian
	out := logHeader(base, 6, first)
	for i, state := range states {
		var refs, pages []byte
		for _, at := range changedPages(base, state) {
			refs = le.AppendUint32(refs, uint32(at)) //nolint:gosec // the writer's hives are below 1 GiB
			refs = le.AppendUint32(refs, logPage)
			pages = append(pages, state[baseBlock+at:][:logPage]...)
		}
		e := make([]byte, 40, 40+len(refs)+len(pages)+512)
		e = slices.Concat(e, refs, pages)
		e = append(e, make([]byte, -len(e)&511)...)
		copy(e, "HvLE")
		le.PutUint32(e[4:], uint32(len(e))) //nolint:gosec // see above
		le.PutUint32(e[12:], first+uint32(i))
		le.PutUint32(e[16:], uint32(len(state)-baseBlock)) //nolint:gosec // see above
		le.PutUint32(e[20:], uint32(len(refs)/8))          //nolint:gosec // see above
		Seal(e)
		out = append(out, e...)
		base = state
	}
	return out
}

// Seal writes the checksums of a log entry, of which e has all bytes.
func Seal(e []byte) {
	const seed = 0x82ef4d887a4e55c5
	binary.LittleEndian.PutUint64(e[24:], marvin32.Sum(e[40:], seed))
	binary.LittleEndian.PutUint64(e[32:], marvin32.Sum(e[:32], seed))
}

// VectorLog writes a transaction log as Windows before 8.1 does: a dirty vector and the pages that turn base into state.
func VectorLog(base, state []byte) []byte {
	out := logHeader(state, 1, binary.LittleEndian.Uint32(base[4:]))
	vector := make([]byte, (len(state)-baseBlock)/512/8)
	var pages []byte
	for _, at := range changedPages(base, state) {
		vector[at/logPage] = 0xff // eight sectors
		pages = append(pages, state[baseBlock+at:][:logPage]...)
	}
	out = append(out, "DIRT"...)
	out = append(out, vector...)
	out = append(out, make([]byte, -len(out)&511)...)
	return append(out, pages...)
}

// logHeader is the first sector of a log of the hive.
func logHeader(of []byte, fileType, sequence uint32) []byte {
	out := bytes.Clone(of[:512])
	le := binary.LittleEndian
	le.PutUint32(out[4:], sequence)
	le.PutUint32(out[8:], sequence)
	le.PutUint32(out[28:], fileType)
	SealHeader(out)
	return out
}

// SealHeader writes the checksum of a base block, of a hive or a log.
func SealHeader(b []byte) {
	le := binary.LittleEndian
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(b[i:])
	}
	switch sum {
	case 0:
		sum = 1
	case none:
		sum = none - 1
	}
	le.PutUint32(b[508:], sum)
}

// changedPages returns the offsets in the bins of the pages that differ, those that only state has included.
func changedPages(base, state []byte) []int {
	var out []int
	for at := 0; baseBlock+at < len(state); at += logPage {
		from, to := baseBlock+at, baseBlock+at+logPage
		if to > len(base) || !bytes.Equal(base[from:to], state[from:to]) {
			out = append(out, at)
		}
	}
	return out
}
