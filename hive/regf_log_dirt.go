package hive

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Transaction log before Windows 8.1, from the second sector on:
//
//	0  "DIRT"
//	4  a bit for each 512 bytes of the hive bins, lowest bit first: 1 if the log holds them
//
// and from the next sector on the pages of 512 bytes whose bits are set, one behind the other.

// applyVector applies a log with a dirty vector, all of it or nothing. It belongs to the hive if both were last written at the same time; where the
// hive's base block is not valid, the first bin states that time.
func (p *player) applyVector(index int, log []byte, b baseBlock) {
	written := p.base.written
	if !p.base.valid && len(p.file) >= baseBlockSize+28 {
		written = binary.LittleEndian.Uint64(p.file[baseBlockSize+20:])
	}
	switch {
	case b.primary != b.secondary:
		p.unused(index, "it was being written itself (sequence numbers %d and %d)", b.primary, b.secondary)
		return
	case b.written != written:
		p.unused(index, "it is of another time than the hive")
		return
	case !p.fits(b.bins):
		p.unused(index, "it states bins of %d bytes, more than hive and log hold", b.bins)
		return
	}
	vector := log[sector+4:]
	length := int(b.bins / sector / 8)
	if len(vector) < length {
		p.unused(index, "it is cut in its dirty vector")
		return
	}
	vector = vector[:length]
	pages := 0
	for _, c := range vector {
		pages += bits.OnesCount8(c)
	}
	first := (sector + 4 + length + sector - 1) / sector * sector
	switch have := max(len(log)-first, 0) / sector; {
	case pages == 0:
		p.unused(index, "it holds no change")
		return
	case have < pages:
		p.torn = fmt.Sprintf("log %d is cut: it should hold %d pages, %d are there", index+1, pages, have)
		p.done.Unused = append(p.done.Unused, p.torn)
		return
	}
	data := log[first:]
	for i, c := range vector {
		for ; c != 0; c &= c - 1 {
			p.over.write(int64(8*i+bits.TrailingZeros8(c))*sector, data[:sector])
			data = data[sector:]
		}
	}
	p.done.Entries, p.done.Pages, p.done.First, p.done.Last = 1, pages, b.primary, b.primary
	p.header, p.bins = log[:sector], b.bins
	p.flags = binary.LittleEndian.Uint32(log[144:])
	p.torn = ""
}
