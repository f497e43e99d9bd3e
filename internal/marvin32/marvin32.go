// Package marvin32 computes Marvin32, the checksum with a 64-bit seed that Windows keeps in the transaction logs of registry hives
// (US patent 8,555,081; the variant that gives 64 bits). It is no cryptographic hash.
package marvin32

import (
	"encoding/binary"
	"math/bits"
)

// Sum returns the checksum of data. A seed that is stated as eight bytes is their number in big-endian order.
func Sum(data []byte, seed uint64) uint64 {
	lo, hi := uint32(seed), uint32(seed>>32) //nolint:gosec // the two halves
	for ; len(data) >= 16; data = data[16:] {
		b := (*[16]byte)(data)
		lo, hi = mix(lo+binary.LittleEndian.Uint32(b[0:]), hi)
		lo, hi = mix(lo+binary.LittleEndian.Uint32(b[4:]), hi)
		lo, hi = mix(lo+binary.LittleEndian.Uint32(b[8:]), hi)
		lo, hi = mix(lo+binary.LittleEndian.Uint32(b[12:]), hi)
	}
	for ; len(data) >= 4; data = data[4:] {
		lo, hi = mix(lo+binary.LittleEndian.Uint32(data), hi)
	}
	var tail [4]byte
	copy(tail[:], data)
	tail[len(data)] = 0x80
	lo, hi = mix(lo+binary.LittleEndian.Uint32(tail[:]), hi)
	lo, hi = mix(lo, hi)
	return uint64(hi)<<32 | uint64(lo)
}

func mix(lo, hi uint32) (uint32, uint32) {
	hi ^= lo
	lo = bits.RotateLeft32(lo, 20) + hi
	hi = bits.RotateLeft32(hi, 9) ^ lo
	lo = bits.RotateLeft32(lo, 27) + hi
	return lo, bits.RotateLeft32(hi, 19)
}
