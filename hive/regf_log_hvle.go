package hive

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"casebook/internal/marvin32"
)

// Transaction log of Windows 8.1 and later, the entry:
//
//	 0  "HvLE"
//	 4  size of the entry, a multiple of 512
//	 8  flags of the base block
//	12  sequence number
//	16  size of the hive bins
//	20  number of pages
//	24  Marvin32 of the bytes from 40 to the end of the entry
//	32  Marvin32 of the first 32 bytes
//	40  for each page the offset in the bins and the size; then the pages, one behind the other
const (
	entryHeader = 40
	marvinSeed  = 0x82ef4d887a4e55c5
)

// logEntry is one entry whose checksums and sizes are right.
type logEntry struct {
	sequence, flags, bins uint32
	pages                 int
	body                  []byte // from the references on
	from                  *logEntries
}

// logEntries are the entries of one log, one after the other.
type logEntries struct {
	log     int // its place among the arguments
	header  []byte
	entries []logEntry
	end     string // why the entry behind the last one is none; "" if there is none
	next    uint32 // the sequence number that the damaged entry states
}

// readEntries reads the entries of a log up to the first that is none, is damaged, or is left over from an earlier use of the file.
func readEntries(index int, log []byte) logEntries {
	l := logEntries{log: index, header: log[:sector]}
	for off := sector; off+entryHeader <= len(log) && string(log[off:off+4]) == "HvLE"; {
		e, size, why := readEntry(log[off:])
		if n := len(l.entries); n > 0 && e.sequence != l.entries[n-1].sequence+1 {
			break
		}
		if why != "" {
			l.next, l.end = e.sequence, fmt.Sprintf("the entry %d at offset 0x%x of log %d %s", e.sequence, off, index+1, why)
			break
		}
		l.entries = append(l.entries, e)
		off += size
	}
	return l
}

// readEntry reads the entry at the start of b, which has a header; why says what is wrong with it.
func readEntry(b []byte) (e logEntry, size int, why string) {
	le := binary.LittleEndian
	e = logEntry{flags: le.Uint32(b[8:]), sequence: le.Uint32(b[12:]), bins: le.Uint32(b[16:])}
	declared, count := int64(le.Uint32(b[4:])), int64(le.Uint32(b[20:]))
	switch {
	case declared < entryHeader || declared%sector != 0:
		return e, 0, fmt.Sprintf("states a size of %d bytes", declared)
	case declared > int64(len(b)):
		return e, 0, fmt.Sprintf("is cut: it has %d bytes, %d are there", declared, len(b))
	case marvin32.Sum(b[:32], marvinSeed) != le.Uint64(b[32:]):
		return e, 0, "has a header that does not match its checksum"
	case marvin32.Sum(b[entryHeader:declared], marvinSeed) != le.Uint64(b[24:]):
		return e, 0, "has pages that do not match their checksum"
	case e.bins%4096 != 0:
		return e, 0, fmt.Sprintf("states bins of %d bytes, no multiple of 4096", e.bins)
	}
	e.body = b[entryHeader:declared]
	need := 8 * count
	for i := int64(0); i < count && need <= int64(len(e.body)); i++ {
		at, n := int64(le.Uint32(e.body[8*i:])), int64(le.Uint32(e.body[8*i+4:]))
		need += n
		if at+n > int64(e.bins) {
			return e, 0, fmt.Sprintf("has a page at 0x%x, behind the bins", at)
		}
	}
	if need > int64(len(e.body)) {
		return e, 0, "is too small for its pages"
	}
	e.pages = int(count)
	return e, int(declared), ""
}

// applyEntries applies, in the order of their sequence numbers, the entries from the first on that is not older than the hive, up to
// the first gap. The first may be far above the hive's own number: what lies between was written to the hive in the meantime.
// Of a hive without a valid base block, which states no number, the entries that end with the highest number are applied.
func (p *player) applyEntries(lists []logEntries) {
	var all []logEntry
	for i := range lists {
		for _, e := range lists[i].entries {
			if !p.base.valid || e.sequence >= p.base.secondary {
				e.from = &lists[i]
				all = append(all, e)
			}
		}
		if n := len(lists[i].entries); p.base.valid && n > 0 && lists[i].entries[n-1].sequence < p.base.secondary {
			p.unused(lists[i].log, "its entries, the last of them %d, are older than the hive", lists[i].entries[n-1].sequence)
		}
	}
	slices.SortStableFunc(all, func(a, b logEntry) int { return cmp.Compare(a.sequence, b.sequence) })
	all = slices.CompactFunc(all, func(a, b logEntry) bool { return a.sequence == b.sequence })
	gap := func(i int) bool { return all[i].sequence != all[i-1].sequence+1 }
	if !p.base.valid {
		for i := len(all) - 1; i > 0; i-- {
			if gap(i) {
				all = all[i:]
				break
			}
		}
	}
	for i, e := range all {
		if i > 0 && gap(i) {
			p.unused(e.from.log, "entry %d does not follow entry %d", e.sequence, p.done.Last)
			break
		}
		if !p.fits(e.bins) {
			p.torn = fmt.Sprintf("entry %d states bins of %d bytes, more than hive and logs hold", e.sequence, e.bins)
			p.unused(e.from.log, "%s", p.torn)
			break
		}
		p.applyEntry(e)
	}
	p.sayTorn(lists)
}

// applyEntry writes the pages of one entry.
func (p *player) applyEntry(e logEntry) {
	refs, data := e.body[:8*e.pages], e.body[8*e.pages:]
	for ; len(refs) > 0; refs = refs[8:] {
		n := binary.LittleEndian.Uint32(refs[4:])
		p.over.write(int64(binary.LittleEndian.Uint32(refs)), data[:n])
		data = data[n:]
	}
	if p.done.Entries == 0 {
		p.done.First, p.header = e.sequence, e.from.header
	}
	p.done.Entries++
	p.done.Pages += e.pages
	p.done.Last, p.bins, p.flags = e.sequence, e.bins, e.flags
}

// sayTorn notes a damaged entry that would have been applied next: Windows loses it, too, but a copy may have been damaged later.
func (p *player) sayTorn(lists []logEntries) {
	for _, l := range lists {
		switch {
		case l.end == "" || p.base.valid && l.next < p.base.secondary:
		case p.done.Entries == 0 || l.next == p.done.Last+1:
			p.done.Unused = append(p.done.Unused, l.end)
			p.torn = l.end
		}
	}
}
