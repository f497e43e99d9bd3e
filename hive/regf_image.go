package hive

import (
	"bytes"
	"encoding/binary"
)

// pageSize is the unit in which bins are laid out and Windows 8.1 and later write logs.
const pageSize = 4096

// image is what a hive is read from: the bytes of a hive file, or those with the pages that its logs hold in their places. What the logs do not touch
// is not copied.
type image struct {
	base []byte  // the base block
	size int64   // of the bins
	runs []run   // one behind the other
	page []int32 // the run of each page; nil if there is only one run
}

// run is a piece of the bins that lies in one slice.
type run struct {
	start int64
	data  []byte
}

// fileImage is the image of a hive file alone, which has a base block.
func fileImage(file []byte) *image {
	bins := file[baseBlockSize:]
	return &image{base: file[:baseBlockSize:baseBlockSize], size: int64(len(bins)), runs: []run{{0, bins}}}
}

// at returns the bytes of the run that holds off, from off on; nil behind the end.
func (m *image) at(off int64) []byte {
	if off >= m.size {
		return nil
	}
	r := m.runs[0]
	if m.page != nil {
		r = m.runs[m.page[off/pageSize]]
	}
	return r.data[off-r.start:]
}

// flat returns the bytes of the whole in one slice: base block and bins.
func (m *image) flat() []byte {
	out := make([]byte, 0, int64(len(m.base))+m.size)
	out = append(out, m.base...)
	for _, r := range m.runs {
		out = append(out, r.data...)
	}
	return out
}

// overlay is a hive file with pages put over it.
type overlay struct {
	file  []byte // the bins of the file
	size  int64  // of the bins
	pages []overlaid
}

// overlaid is a page that a log changed; data is nil for one that none did.
type overlaid struct {
	data []byte
	own  bool // data is a copy, and not a part of a log
}

// write puts data over the bins at off, which lengthens them where they are shorter. A page that a log holds whole is not copied.
func (o *overlay) write(off int64, data []byte) {
	o.size = max(o.size, off+int64(len(data)))
	for len(data) > 0 {
		n, in := off/pageSize, off%pageSize
		for int64(len(o.pages)) <= n {
			o.pages = append(o.pages, overlaid{})
		}
		part := data[:min(int64(len(data)), pageSize-in)]
		if p := &o.pages[n]; len(part) == pageSize {
			*p = overlaid{data: part}
		} else {
			if !p.own {
				*p = overlaid{append(make([]byte, 0, pageSize), o.read(n)...), true}
				p.data = p.data[:pageSize]
			}
			copy(p.data[in:], part)
		}
		off, data = off+int64(len(part)), data[len(part):]
	}
}

// read returns the bytes of page n, fewer than a page at the end of the file and none behind it.
func (o *overlay) read(n int64) []byte {
	if n < int64(len(o.pages)) && o.pages[n].data != nil {
		return o.pages[n].data
	}
	return o.ofFile(n)
}

// ofFile returns the bytes of page n in the file.
func (o *overlay) ofFile(n int64) []byte {
	from := min(n*pageSize, int64(len(o.file)))
	return o.file[from:min(from+pageSize, int64(len(o.file)))]
}

// hole returns the first page behind the file's end that no log holds, false if there is none.
func (o *overlay) hole() (int64, bool) {
	for n := (int64(len(o.file)) + pageSize - 1) / pageSize; n < int64(len(o.pages)); n++ {
		if o.pages[n].data == nil {
			return n * pageSize, true
		}
	}
	return 0, false
}

// changed returns the sectors in which the bins differ from those of the file.
func (o *overlay) changed() bitmap {
	var out bitmap
	for n, p := range o.pages {
		before := o.ofFile(int64(n))
		for i := 0; i < len(p.data); i += sector {
			if end := i + sector; end > len(before) || !bytes.Equal(p.data[i:end], before[i:end]) {
				out.add(int64(n)*(pageSize/sector) + int64(i/sector))
			}
		}
	}
	return out
}

// image joins the file and what was put over it. A bin of which a page changed becomes a run, and so do the bins between two such; what lies
// behind the last bin that has a header counts as one. So a run ends within a cell only if the cell reaches out of its bin.
func (o *overlay) image(base []byte) *image {
	m := &image{base: base, size: o.size, page: make([]int32, (o.size+pageSize-1)/pageSize)}
	add := func(start int64, data []byte) {
		for n := start / pageSize; n*pageSize < start+int64(len(data)); n++ {
			m.page[n] = int32(len(m.runs)) //nolint:gosec // fewer than the pages that 32 bits address
		}
		m.runs = append(m.runs, run{start, data})
	}
	kept := int64(0) // from here to off nothing changed
	for off := int64(0); off < o.size; {
		end := o.binEnd(off)
		if o.touched(off, end) {
			if kept < off {
				add(kept, o.file[kept:off:off])
			}
			add(off, o.join(off, end))
			kept = end
		}
		off = end
	}
	if kept < o.size {
		add(kept, o.file[kept:])
	}
	return m
}

// binEnd returns where the bin at off ends, or the end of all if no bin begins there.
func (o *overlay) binEnd(off int64) int64 {
	if head := o.read(off / pageSize); len(head) >= binHeader && string(head[:4]) == "hbin" {
		if n := int64(binary.LittleEndian.Uint32(head[8:])); n > 0 && n%pageSize == 0 && off+n <= o.size {
			return off + n
		}
	}
	return o.size
}

// touched reports whether the file does not hold all from off to end as it is now.
func (o *overlay) touched(off, end int64) bool {
	for n := off / pageSize; n*pageSize < end; n++ {
		if n < int64(len(o.pages)) && o.pages[n].data != nil {
			return true
		}
	}
	return end > int64(len(o.file))
}

// join returns what is from off, where a page begins, to end.
func (o *overlay) join(off, end int64) []byte {
	if first := o.read(off / pageSize); int64(len(first)) == end-off {
		return first[: end-off : end-off]
	}
	out := make([]byte, end-off)
	for n := off / pageSize; n*pageSize < end; n++ {
		copy(out[n*pageSize-off:], o.read(n))
	}
	return out
}
