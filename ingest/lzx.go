package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// LZX is method 3 of cabinets ([MS-CAB] 1.2). [MS-PATCH] 2 describes its bit stream, with additions that cabinets don't have: chunk sizes and
// matches of more than 257 bytes. All blocks of a folder are one stream; a CFDATA is a frame of it.
//
//	stream        E8 translation 1, if set its size 32; blocks
//	block         type 3, size 24
//	  1 verbatim  lengths of the main code in two parts and of the length code, each part behind the lengths of a pretree; symbols
//	  2 aligned   lengths of the aligned code 8*3; the rest as 1
//	  3 raw       1 to 16 bits up to a word, R0 4, R1 4, R2 4 (bytes), data, a byte if its size is odd
//
// The bits are those of 16-bit words, the least significant byte first and the most significant bit first. A frame begins with a word.

const (
	lzxMinWindow, lzxMaxWindow = 15, 21 // bits

	lzxVerbatim, lzxAligned, lzxRaw = 1, 2, 3

	lzxPretree     = 20  // symbols of the pretree
	lzxLiterals    = 256 // symbols of the main code that are bytes; 8 for each position slot follow
	lzxLengths     = 249 // symbols of the length code
	lzxAlignments  = 8   // symbols of the aligned code
	lzxMaxSlots    = 50
	lzxMinMatch    = 2
	lzxMaxMatch    = lzxMinMatch + 7 + lzxLengths - 1
	lzxMaxCode     = 16    // longest Huffman code
	lzxRoot        = 11    // bits by which the table of a code finds a symbol at once
	lzxE8Frames    = 32768 // frames that E8 translation changes at most
	lzxE8Untouched = 10    // bytes at the end of a frame where no translated call begins
)

// lzxSlots are the numbers of position slots by the bits of the window.
var lzxSlots = [...]int{15: 30, 16: 32, 17: 34, 18: 36, 19: 38, 20: 42, 21: 50}

// lzxBase and lzxExtra are the offsets that position slots stand for, 2 too high, and the numbers of bits that are added.
var lzxBase, lzxExtra = func() (base [lzxMaxSlots]int, extra [lzxMaxSlots]uint8) {
	for slot := range lzxMaxSlots - 1 {
		if slot >= 3 {
			extra[slot+1] = min(uint8(slot-1)/2, 17)
		}
		base[slot+1] = base[slot] + 1<<extra[slot]
	}
	return base, extra
}()

var errLZX = errors.New("corrupt LZX data")

// lzxCode is a canonical Huffman code. Codes are compared as the 16 bits that begin with them.
type lzxCode struct {
	table  [1 << lzxRoot]uint16                // by the next bits: symbol<<5 | length of its code; 0 if that is longer, or no code
	limit  [lzxMaxCode + 1]uint32              // by length: the first code that is longer
	first  [lzxMaxCode + 1]uint32              // by length: the first code
	at     [lzxMaxCode + 1]int                 // by length: where its symbols begin
	symbol [lzxLiterals + 8*lzxMaxSlots]uint16 // in the order of their codes
}

// build makes the tables from the lengths of the symbols' codes, 0 for a symbol that has none. A code without symbols is one.
func (h *lzxCode) build(lengths []uint8) error {
	var count [lzxMaxCode + 1]int
	for _, l := range lengths {
		count[l]++
	}
	code, at := uint32(0), 0
	var next [lzxMaxCode + 1]int
	for l := 1; l <= lzxMaxCode; l++ {
		h.first[l], h.at[l], next[l] = code, at, at
		code += uint32(count[l]) << (lzxMaxCode - l) //nolint:gosec // at most 656 symbols
		at += count[l]
		h.limit[l] = code
	}
	switch {
	case code > 1<<lzxMaxCode:
		return fmt.Errorf("%w: a Huffman code has more symbols than fit", errLZX)
	case code != 0 && code < 1<<lzxMaxCode:
		return fmt.Errorf("%w: a Huffman code is incomplete", errLZX)
	}
	for symbol, l := range lengths {
		if l > 0 {
			h.symbol[next[l]] = uint16(symbol)
			next[l]++
		}
	}
	i := 0
	for l := 1; l <= lzxRoot; l++ {
		for _, symbol := range h.symbol[h.at[l] : h.at[l]+count[l]] {
			run := h.table[i : i+1<<(lzxRoot-l)]
			for j := range run {
				run[j] = symbol<<5 | uint16(l)
			}
			i += len(run)
		}
	}
	clear(h.table[i:])
	return nil
}

// find returns the symbol that the 16 bits begin with, and the length of its code: 0 if the code has no symbols.
func (h *lzxCode) find(v uint32) (symbol, length int) {
	if e := int(h.table[v>>(lzxMaxCode-lzxRoot)&(1<<lzxRoot-1)]); e != 0 {
		return e >> 5, e & 31
	}
	for l := lzxRoot + 1; l <= lzxMaxCode; l++ {
		if v < h.limit[l] {
			return int(h.symbol[h.at[l]+int((v-h.first[l])>>(lzxMaxCode-l))]), l
		}
	}
	return 0, 0
}

// lzx unpacks the frames of an LZX stream in their order.
type lzx struct {
	window int // bytes
	slots  int

	in  []byte // the packed frame
	pos int    // in it, behind the bits in acc
	acc uint64 // bits that were read and not used, the next one highest; what follows n bits is 0 or that which comes next
	n   int    // how many; negative if more were used than there are

	buf []byte // what was unpacked last, as much as the window holds or more
	at  int    // where the next byte goes in buf

	begun  bool
	e8     int32 // size of what E8 translation assumes, 0 if there is none
	frames int
	total  int // bytes in the frames before this one

	block    int // type of the block
	left     int // bytes left of it
	pad      bool
	repeated [3]int // R0, R1, R2: the offsets that were used last

	mainLengths   [lzxLiterals + 8*lzxMaxSlots]uint8
	lengthLengths [lzxLengths]uint8

	pretree, main, length, aligned lzxCode

	called [cabBlock]byte // a frame with its calls translated
}

// newLZX returns a reader for a window of 1<<bits bytes, which must be within lzxMinWindow and lzxMaxWindow.
func newLZX(windowBits int) *lzx {
	return &lzx{window: 1 << windowBits, slots: lzxSlots[windowBits], repeated: [3]int{1, 1, 1}}
}

// frame unpacks a frame to size bytes, at most cabBlock. What it returns is valid until the next call; with an error, it is what could be
// unpacked before, and there must be no next call.
func (z *lzx) frame(in []byte, size int) ([]byte, error) {
	if size == 0 { // the rest of a frame that began in the previous cabinet, or the beginning of one that ends in the next
		return nil, nil
	}
	z.in, z.pos, z.acc, z.n = in, 0, 0, 0
	z.room(size)
	start := z.at
	err := z.blocks(z.at + size)
	out := z.buf[start:z.at]
	if z.e8 != 0 && z.frames < lzxE8Frames {
		out = z.calls(out, size)
	}
	z.frames++
	z.total += size
	return out, err
}

// room makes room for size bytes behind those of the window. The buffer grows with what is unpacked, so that a large window costs a
// stream nothing that it does not fill.
func (z *lzx) room(size int) {
	full := z.window + max(z.window/4, cabBlock)
	if z.at+size > len(z.buf) && len(z.buf) < full {
		buf := make([]byte, min(full, max(2*cabBlock, 2*len(z.buf))))
		copy(buf, z.buf[:z.at])
		z.buf = buf
	}
	if z.at+size > len(z.buf) {
		z.at = copy(z.buf, z.buf[z.at-z.window:z.at])
	}
}

// calls undoes the translation of E8 calls: the 4 bytes behind an E8 are an address, and were an offset from the call before the data was
// packed. size is that of the frame, of which out is the beginning; a call that out cuts in two is left out, for what it was is not known.
func (z *lzx) calls(out []byte, size int) []byte {
	translated := z.called[:copy(z.called[:], out)]
	for i := 0; i < min(size-lzxE8Untouched, len(out)); i++ {
		if out[i] != 0xE8 {
			continue
		}
		if i+5 > len(out) {
			return translated[:i]
		}
		at := int32(z.total + i)                                //nolint:gosec // below 1<<30, for frames are counted
		address := int32(binary.LittleEndian.Uint32(out[i+1:])) //nolint:gosec // as the format says
		if address >= -at && address < z.e8 {
			offset := address - at
			if address < 0 {
				offset = address + z.e8
			}
			binary.LittleEndian.PutUint32(translated[i+1:], uint32(offset)) //nolint:gosec // back again
		}
		i += 4
	}
	return translated
}

// fill makes at least 48 bits ready, or all that are left. It must not be called where more were used than there are.
func (z *lzx) fill() {
	if z.pos+8 <= len(z.in) {
		words := (64 - z.n) / 16
		v := bits.ReverseBytes64(binary.LittleEndian.Uint64(z.in[z.pos:]))
		v = v>>8&0x00FF00FF00FF00FF | v&0x00FF00FF00FF00FF<<8
		z.acc |= v >> z.n
		z.n += words * 16
		z.pos += words * 2
		return
	}
	for ; z.n <= 48 && z.pos+2 <= len(z.in); z.pos += 2 {
		z.acc |= uint64(binary.LittleEndian.Uint16(z.in[z.pos:])) << (48 - z.n)
		z.n += 16
	}
}

// take uses count bits, at most 32.
func (z *lzx) take(count int) (int, error) {
	if z.n < count {
		if z.fill(); z.n < count {
			return 0, io.ErrUnexpectedEOF
		}
	}
	v := int(z.acc >> (64 - count)) //nolint:gosec // at most 32 bits
	z.acc <<= count
	z.n -= count
	return v, nil
}

// symbol uses the bits of the next symbol.
func (z *lzx) symbol(h *lzxCode) (int, error) {
	if z.n < lzxMaxCode {
		z.fill()
	}
	symbol, l := h.find(uint32(z.acc >> 48))
	switch {
	case l == 0:
		return 0, fmt.Errorf("%w: a Huffman code without symbols is used", errLZX)
	case l > z.n:
		return 0, io.ErrUnexpectedEOF
	}
	z.acc <<= l
	z.n -= l
	return symbol, nil
}

// blocks unpacks up to end in the buffer.
func (z *lzx) blocks(end int) error {
	if !z.begun {
		if err := z.begin(); err != nil {
			return err
		}
	}
	for z.at < end {
		if z.left == 0 {
			if err := z.header(); err != nil {
				return err
			}
			continue
		}
		to := min(end, z.at+z.left)
		before := z.at
		var err error
		if z.block == lzxRaw {
			err = z.raw(to)
		} else {
			err = z.packed(to)
		}
		z.left -= z.at - before
		if err != nil {
			return err
		}
	}
	z.unpad()
	return nil
}

// begin reads the beginning of the stream.
func (z *lzx) begin() error {
	z.begun = true
	translated, err := z.take(1)
	if err != nil || translated == 0 {
		return err
	}
	size, err := z.take(32)
	z.e8 = int32(size) //nolint:gosec // as the format says
	return err
}

// unpad skips the byte behind a raw block of odd size. It can be the first one of the next frame.
func (z *lzx) unpad() {
	if z.pad && z.left == 0 && z.pos < len(z.in) {
		z.pos++
		z.pad = false
	}
}

// header reads the beginning of a block.
func (z *lzx) header() error {
	z.unpad()
	block, err := z.take(3)
	if err != nil {
		return err
	}
	if z.left, err = z.take(24); err != nil {
		return err
	}
	z.block = block
	switch block {
	case lzxRaw:
		return z.rawHeader()
	case lzxAligned:
		var lengths [lzxAlignments]uint8
		for i := range lengths {
			l, err := z.take(3)
			if err != nil {
				return err
			}
			lengths[i] = uint8(l) //nolint:gosec // three bits
		}
		if err := z.aligned.build(lengths[:]); err != nil {
			return err
		}
	case lzxVerbatim:
	default:
		return fmt.Errorf("%w: type %d of a block", errLZX, block)
	}
	symbols := z.mainLengths[:lzxLiterals+8*z.slots]
	for _, part := range [][]uint8{symbols[:lzxLiterals], symbols[lzxLiterals:], z.lengthLengths[:]} {
		if err := z.codeLengths(part); err != nil {
			return err
		}
	}
	if err := z.main.build(symbols); err != nil {
		return err
	}
	return z.length.build(z.lengthLengths[:])
}

// codeLengths reads the lengths of a code, or of a part of one, which are told as differences from those of the block before.
func (z *lzx) codeLengths(lengths []uint8) error {
	var small [lzxPretree]uint8
	for i := range small {
		l, err := z.take(4)
		if err != nil {
			return err
		}
		small[i] = uint8(l) //nolint:gosec // four bits
	}
	if err := z.pretree.build(small[:]); err != nil {
		return err
	}
	for i := 0; i < len(lengths); {
		symbol, err := z.symbol(&z.pretree)
		if err != nil {
			return err
		}
		run, length := 1, uint8(0)
		switch symbol {
		case 17:
			run, err = z.take(4)
			run += 4
		case 18:
			run, err = z.take(5)
			run += 20
		case 19:
			if run, err = z.take(1); err != nil {
				return err
			}
			run += 4
			if symbol, err = z.symbol(&z.pretree); err == nil && symbol > lzxMaxCode {
				err = fmt.Errorf("%w: a run of runs of code lengths", errLZX)
			}
		}
		if err != nil {
			return err
		}
		if run > len(lengths)-i {
			return fmt.Errorf("%w: more code lengths than symbols", errLZX)
		}
		if symbol <= lzxMaxCode {
			length = uint8((int(lengths[i]) - symbol + lzxMaxCode + 1) % (lzxMaxCode + 1)) //nolint:gosec // below 17
		}
		for range run {
			lengths[i] = length
			i++
		}
	}
	return nil
}

// rawHeader reads what stands before the data of a raw block.
func (z *lzx) rawHeader() error {
	if z.n%16 == 0 {
		if _, err := z.take(16); err != nil {
			return err
		}
	}
	z.pos -= z.n / 16 * 2
	z.acc, z.n = 0, 0
	if len(z.in)-z.pos < 12 {
		return io.ErrUnexpectedEOF
	}
	for i := range z.repeated {
		z.repeated[i] = int(binary.LittleEndian.Uint32(z.in[z.pos:]))
		z.pos += 4
	}
	z.pad = z.left%2 == 1
	return nil
}

// raw copies a raw block up to end in the buffer.
func (z *lzx) raw(end int) error {
	n := copy(z.buf[z.at:end], z.in[z.pos:])
	z.at += n
	z.pos += n
	if z.at < end {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// packed unpacks a verbatim or aligned block up to end in the buffer.
func (z *lzx) packed(end int) error {
	for z.at < end {
		if z.n < 2*lzxMaxCode {
			z.fill()
		}
		symbol, l := z.main.find(uint32(z.acc >> 48))
		if l == 0 {
			return fmt.Errorf("%w: a Huffman code without symbols is used", errLZX)
		}
		z.acc <<= l
		z.n -= l
		if symbol < lzxLiterals {
			if z.n < 0 {
				return io.ErrUnexpectedEOF
			}
			z.buf[z.at] = byte(symbol) //nolint:gosec // below 256
			z.at++
			continue
		}
		length, offset, err := z.match(symbol - lzxLiterals)
		if err != nil {
			return err
		}
		if length > end-z.at {
			return fmt.Errorf("%w: a match goes beyond the end of its block", errLZX)
		}
		if offset < 1 || offset > z.at || offset > z.window {
			return fmt.Errorf("%w: a match begins before what was unpacked", errLZX)
		}
		for from := z.at - offset; length > 0; { // what a copy repeats doubles with each turn
			n := copy(z.buf[z.at:z.at+length], z.buf[from:z.at])
			z.at += n
			length -= n
		}
	}
	return nil
}

// match reads the rest of a match: code is that of its position slot and length. 16 bits must be ready, or all that are left.
func (z *lzx) match(code int) (length, offset int, err error) {
	if length = code & 7; length == 7 {
		more, l := z.length.find(uint32(z.acc >> 48))
		if l == 0 {
			return 0, 0, fmt.Errorf("%w: a Huffman code without symbols is used", errLZX)
		}
		z.acc <<= l
		z.n -= l
		length += more
	}
	if z.n < 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	length += lzxMinMatch
	slot := code >> 3
	if slot < len(z.repeated) {
		r := &z.repeated
		r[0], r[slot] = r[slot], r[0]
		return length, r[0], nil
	}
	offset = lzxBase[slot] - 2
	extra := int(lzxExtra[slot])
	if z.n < 2*lzxMaxCode {
		z.fill()
	}
	if z.block == lzxAligned && extra >= 3 {
		offset += int(z.acc>>(64-(extra-3))) << 3 //nolint:gosec // at most 14 bits
		z.acc <<= extra - 3
		low, l := z.aligned.find(uint32(z.acc >> 48))
		if l == 0 {
			return 0, 0, fmt.Errorf("%w: a Huffman code without symbols is used", errLZX)
		}
		offset += low
		z.acc <<= l
		z.n -= extra - 3 + l
	} else {
		offset += int(z.acc >> (64 - extra)) //nolint:gosec // at most 17 bits
		z.acc <<= extra
		z.n -= extra
	}
	if z.n < 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	z.repeated = [3]int{offset, z.repeated[0], z.repeated[1]}
	return length, offset, nil
}
