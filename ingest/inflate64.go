package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Deflate64 is method 9 of APPNOTE.TXT 4.4.5; the Explorer of Windows packs files of 2 GB and more so. It is deflate (RFC 1951) but for three
// things: the window has 64 KiB, the distance codes 30 and 31 are used (with 14 extra bits), and length code 285 stands for a length
// of 3 plus 16 extra bits.

const (
	window64  = 64 << 10
	maxCode   = 15  // longest Huffman code
	endOfData = 256 // the symbol that ends a block
)

// lengthBase and lengthExtra are the lengths that the symbols from 257 on stand for, and the numbers of bits that are added.
var (
	lengthBase = [29]int{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 3,
	}
	lengthExtra = [29]uint{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 16,
	}
)

// codeOrder is the order in which the lengths of the code length code are stored (RFC 1951, 3.2.7).
var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

var errDeflate64 = errors.New("corrupt Deflate64 data")

// huffman finds a symbol by the next maxCode bits: symbol<<4 | length of its code. 0 is no code.
type huffman [1 << maxCode]uint16

// build makes the table of a code from the lengths of its symbols. It refuses lengths that no code can have.
func (h *huffman) build(lengths []uint8) error {
	var count [maxCode + 1]int
	for _, l := range lengths {
		count[l]++
	}
	count[0] = 0
	var next [maxCode + 2]int
	code := 0
	for l := 1; l <= maxCode; l++ {
		code = (code + count[l-1]) << 1
		next[l] = code
		if code+count[l] > 1<<l {
			return errDeflate64
		}
	}
	clear(h[:])
	for symbol, l := range lengths {
		if l == 0 {
			continue
		}
		reversed := int(bits.Reverse16(uint16(next[l])) >> (16 - l)) //nolint:gosec // below 1<<l, as checked above
		next[l]++
		for i := reversed; i < len(h); i += 1 << l {
			h[i] = uint16(symbol<<4) | uint16(l)
		}
	}
	return nil
}

// inflate64 reads Deflate64 data.
type inflate64 struct {
	r     *bufio.Reader
	acc   uint64 // bits that were read and not used, the next one lowest
	n     uint   // how many
	ended bool   // no more bytes are there

	literals, distances huffman
	window              [window64]byte
	at                  int // where the next byte goes
	written             int // bytes in the window, up to its size

	block    func(*inflate64, []byte) (int, error) // reads on in the current block, nil between blocks
	final    bool                                  // the current block is the last one
	stored   int                                   // bytes left of a stored block
	length   int                                   // bytes left of a copy
	distance int
	err      error
}

func newInflate64(r *bufio.Reader) *inflate64 { return &inflate64{r: r} }

func (f *inflate64) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && f.err == nil {
		if f.block == nil {
			f.err = f.header()
			continue
		}
		m, err := f.block(f, p[n:])
		n += m
		f.err = err
	}
	return n, f.err
}

// fill makes at least 32 bits ready, or all that are left.
func (f *inflate64) fill() error {
	if b, err := f.r.Peek(8); err == nil {
		n := (63 - f.n) / 8
		f.acc |= binary.LittleEndian.Uint64(b) << f.n
		f.n += n * 8
		f.acc &= 1<<f.n - 1
		_, err = f.r.Discard(int(n))
		return err
	}
	for f.n <= 56 && !f.ended {
		b, err := f.r.ReadByte()
		if errors.Is(err, io.EOF) {
			f.ended = true
			break
		}
		if err != nil {
			return err
		}
		f.acc |= uint64(b) << f.n
		f.n += 8
	}
	return nil
}

// take uses count bits, at most 16.
func (f *inflate64) take(count uint) (int, error) {
	if f.n < count {
		if err := f.fill(); err != nil {
			return 0, err
		}
		if f.n < count {
			return 0, io.ErrUnexpectedEOF
		}
	}
	v := int(f.acc & (1<<count - 1)) //nolint:gosec // at most 16 bits
	f.acc >>= count
	f.n -= count
	return v, nil
}

// symbol uses the bits of the next symbol.
func (f *inflate64) symbol(h *huffman) (int, error) {
	if f.n < maxCode {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	e := h[f.acc&(1<<maxCode-1)]
	l := uint(e & 15)
	switch {
	case l == 0 && f.n >= maxCode:
		return 0, errDeflate64
	case l == 0 || f.n < l:
		return 0, io.ErrUnexpectedEOF
	}
	f.acc >>= l
	f.n -= l
	return int(e >> 4), nil
}

// header reads the beginning of a block (RFC 1951, 3.2.3).
func (f *inflate64) header() error {
	if f.final {
		return io.EOF
	}
	h, err := f.take(3)
	if err != nil {
		return err
	}
	f.final = h&1 == 1
	switch h >> 1 {
	case 0:
		return f.storedHeader()
	case 1:
		var lengths [288 + 32]uint8
		for i := range lengths {
			switch {
			case i >= 288:
				lengths[i] = 5
			case i < 144 || i >= 280:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			default:
				lengths[i] = 7
			}
		}
		return f.codes(lengths[:288], lengths[288:])
	case 2:
		return f.dynamicHeader()
	default:
		return fmt.Errorf("%w: unknown type of block", errDeflate64)
	}
}

// codes prepares a packed block.
func (f *inflate64) codes(literals, distances []uint8) error {
	if err := f.literals.build(literals); err != nil {
		return err
	}
	f.block = (*inflate64).packedBlock
	return f.distances.build(distances)
}

// storedHeader reads the length of a stored block and its complement (RFC 1951, 3.2.4).
func (f *inflate64) storedHeader() error {
	if _, err := f.take(f.n % 8); err != nil {
		return err
	}
	length, err := f.take(16)
	if err != nil {
		return err
	}
	check, err := f.take(16)
	if err != nil {
		return err
	}
	if length != check^0xFFFF {
		return errDeflate64
	}
	f.stored, f.block = length, (*inflate64).storedBlock
	return nil
}

// dynamicHeader reads the codes of a block (RFC 1951, 3.2.7).
func (f *inflate64) dynamicHeader() error {
	var counts [3]int
	for i, width := range []uint{5, 5, 4} {
		v, err := f.take(width)
		if err != nil {
			return err
		}
		counts[i] = v
	}
	literals, distances, order := counts[0]+257, counts[1]+1, counts[2]+4
	if literals > 286 {
		return errDeflate64
	}
	var small [19]uint8
	for _, i := range codeOrder[:order] {
		v, err := f.take(3)
		if err != nil {
			return err
		}
		small[i] = uint8(v) //nolint:gosec // three bits
	}
	if err := f.literals.build(small[:]); err != nil {
		return err
	}
	var lengths [286 + 32]uint8
	for i := 0; i < literals+distances; {
		symbol, err := f.symbol(&f.literals)
		if err != nil {
			return err
		}
		if symbol < 16 {
			lengths[i] = uint8(symbol) //nolint:gosec // below 16
			i++
			continue
		}
		run := [3]struct {
			width uint
			least int
		}{{2, 3}, {3, 3}, {7, 11}}[symbol-16]
		v, err := f.take(run.width)
		if err != nil {
			return err
		}
		v += run.least
		if i+v > literals+distances || symbol == 16 && i == 0 {
			return errDeflate64
		}
		for ; v > 0; v-- {
			if symbol == 16 {
				lengths[i] = lengths[i-1]
			}
			i++
		}
	}
	return f.codes(lengths[:literals], lengths[literals:literals+distances])
}

// put writes a byte to the window.
func (f *inflate64) put(c byte) {
	f.window[f.at] = c
	f.at = (f.at + 1) % window64
	if f.written < window64 {
		f.written++
	}
}

func (f *inflate64) storedBlock(p []byte) (int, error) {
	n := 0
	for ; n < len(p) && f.stored > 0; n++ {
		c, err := f.take(8)
		if err != nil {
			return n, err
		}
		p[n] = byte(c) //nolint:gosec // eight bits
		f.put(p[n])
		f.stored--
	}
	if f.stored == 0 {
		f.block = nil
	}
	return n, nil
}

func (f *inflate64) packedBlock(p []byte) (int, error) {
	n := 0
	for {
		for f.length > 0 && n < len(p) {
			n += f.copyRun(p[n:])
		}
		if n == len(p) {
			return n, nil
		}
		symbol, err := f.symbol(&f.literals)
		switch {
		case err != nil:
			return n, err
		case symbol < endOfData:
			p[n] = byte(symbol) //nolint:gosec // below 256
			f.put(p[n])
			n++
			continue
		case symbol == endOfData:
			f.block = nil
			return n, nil
		}
		if err := f.match(symbol - endOfData - 1); err != nil {
			return n, err
		}
	}
}

// copyRun copies as much of the current match as lies in one piece in the window and fits into p.
func (f *inflate64) copyRun(p []byte) int {
	from := (f.at - f.distance + window64) % window64
	run := min(f.length, len(p), f.distance, window64-f.at, window64-from)
	copy(f.window[f.at:f.at+run], f.window[from:from+run])
	copy(p, f.window[f.at:f.at+run])
	f.at = (f.at + run) % window64
	f.written = min(f.written+run, window64)
	f.length -= run
	return run
}

// match reads the rest of a copy whose length has the given code.
func (f *inflate64) match(code int) error {
	if code >= len(lengthBase) {
		return errDeflate64
	}
	extra, err := f.take(lengthExtra[code])
	if err != nil {
		return err
	}
	symbol, err := f.symbol(&f.distances)
	if err != nil {
		return err
	}
	distance := symbol + 1
	if symbol >= 4 { // the base doubles with every second code
		width := uint(symbol/2 - 1)
		more, err := f.take(width)
		if err != nil {
			return err
		}
		distance = (2+symbol&1)<<width + 1 + more
	}
	if distance > f.written {
		return errDeflate64
	}
	f.length, f.distance = lengthBase[code]+extra, distance
	return nil
}
