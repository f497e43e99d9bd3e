package regftest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"casebook/hive"
	"casebook/internal/safeio"
)

// List is the kind of subkey lists.
type List string

// The kinds of lists. More than 511 subkeys are always listed in several lists under an ri.
const (
	ListLH List = "lh" // with hashes, since Windows XP
	ListLF List = "lf" // with the first letters of the names, since Windows NT 4
	ListLI List = "li" // offsets alone
)

// Options vary how a hive is written. The zero value writes what Windows Vista and later do.
type Options struct {
	List  List   // "" is ListLH
	Minor uint32 // format version 1.Minor; 0 is 5. Below 4 there are no big-data records
	Dirty bool   // the secondary sequence number lags behind
}

// Build writes a hive with the zero Options.
func Build(regText string) ([]byte, error) { return Options{}.Build(regText) }

// defaultTime is the last-written time of keys for which the text states none.
var defaultTime = time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)

// Build turns .reg text into the bytes of a hive. It refuses text of which any part can't be read, and text with keys of
// more than one hive.
func (o Options) Build(regText string) ([]byte, error) {
	lines := strings.Split(strings.ReplaceAll(regText, "\r\n", "\n"), "\n")
	h, err := hive.ParseExport(lines, nil)
	if err != nil {
		return nil, err
	}
	if p := h.Problems(); len(p) > 0 {
		return nil, fmt.Errorf("regftest: %v", p[0])
	}
	root, err := mountPoint(h.Root())
	if err != nil {
		return nil, err
	}
	w := writer{Options: o, times: map[int]time.Time{}, deleted: map[int]bool{}}
	if w.Minor == 0 {
		w.Minor = 5
	}
	if w.List == "" {
		w.List = ListLH
	}
	if err := w.directives(lines); err != nil {
		return nil, err
	}
	return w.hive(root)
}

// mountPoint returns the key that becomes the root of the hive.
func mountPoint(root *hive.Key) (*hive.Key, error) {
	tops := root.Subkeys()
	if len(tops) != 1 {
		return nil, fmt.Errorf("regftest: keys below %d roots, want 1", len(tops))
	}
	top := tops[0]
	if top.Name() == "HKEY_CURRENT_USER" {
		return top, nil
	}
	hives := top.Subkeys()
	if len(hives) != 1 {
		return nil, fmt.Errorf("regftest: keys of %d hives below %s, want 1", len(hives), top.Name())
	}
	if _, ok := hives[0].Subkey("CurrentControlSet"); ok {
		return nil, errors.New("regftest: a hive has no CurrentControlSet: write ControlSet001, and Select with Current")
	}
	return hives[0], nil
}

// directives reads the comments that direct the writer.
func (w *writer) directives(lines []string) error {
	var next time.Time
	gone := false
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "; last written:"); ok {
			t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("regftest: line %d: %w", i+1, err)
			}
			next = t
		}
		switch {
		case line == "; dirty":
			w.Dirty = true
		case line == "; deleted":
			gone = true
		case strings.HasPrefix(line, "["):
			if !next.IsZero() {
				w.times[i+1], next = next, time.Time{}
			}
			w.deleted[i+1], gone = gone, false
		}
	}
	return nil
}

// Sizes and marks of the format.
const (
	baseBlock   = 4096
	binUnit     = 4096
	binHeader   = 32
	nkSize      = 76
	vkSize      = 20
	segmentSize = 16344
	leafEntries = 511
	none        = 0xffffffff

	nkRoot   = 0x04 | 0x08 // root of a hive, can't be deleted
	nkLatin1 = 0x20
	vkLatin1 = 1
	vkInline = 1 << 31

	rootName = "CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}"
)

var errTooLarge = errors.New("regftest: the hive would be larger than 1 GiB")

// writer lays cells into bins, one after the other.
type writer struct {
	Options
	newest  time.Time         // of the keys' times
	times   map[int]time.Time // by the line that states the key
	deleted map[int]bool      // likewise
	cells   []uint32          // of all cells in use, in the order in which they were made
	bins    []byte
	binEnd  int
	sk      uint32
	keys    uint32
}

// hive writes everything below root.
func (w *writer) hive(root *hive.Key) ([]byte, error) {
	w.sk = w.security()
	at, err := w.key(root, none)
	if err != nil {
		return nil, err
	}
	w.put32(w.sk, 12, w.keys)
	w.endBin()

	out := make([]byte, baseBlock, baseBlock+len(w.bins))
	le := binary.LittleEndian
	copy(out, "regf")
	le.PutUint32(out[4:], 2)
	le.PutUint32(out[8:], 2)
	if w.Dirty {
		le.PutUint32(out[8:], 1)
	}
	le.PutUint64(out[12:], filetime(w.newest))
	le.PutUint32(out[20:], 1)
	le.PutUint32(out[24:], w.Minor)
	le.PutUint32(out[32:], 1)
	le.PutUint32(out[36:], at)
	le.PutUint32(out[40:], uint32(len(w.bins))) //nolint:gosec // alloc keeps it below 1 GiB
	le.PutUint32(out[44:], 1)
	copy(out[48:112-2], safeio.AppendUTF16LE(nil, root.Name()))
	SealHeader(out)
	return append(out, w.bins...), nil
}

// alloc makes a cell in use for n bytes and returns its offset.
func (w *writer) alloc(n int) uint32 {
	size := (n + 4 + 7) &^ 7
	if len(w.bins)+size > w.binEnd {
		w.endBin()
		start := len(w.bins)
		binSize := (binHeader + size + binUnit - 1) / binUnit * binUnit
		w.binEnd = start + binSize
		w.bins = append(w.bins, make([]byte, binHeader)...)
		copy(w.bins[start:], "hbin")
		binary.LittleEndian.PutUint32(w.bins[start+4:], uint32(start))   //nolint:gosec // below 1 GiB
		binary.LittleEndian.PutUint32(w.bins[start+8:], uint32(binSize)) //nolint:gosec // below 1 GiB
	}
	at := len(w.bins)
	w.bins = append(w.bins, make([]byte, size)...)
	binary.LittleEndian.PutUint32(w.bins[at:], uint32(-int32(size))) //nolint:gosec // a cell in use has a negative size
	w.cells = append(w.cells, uint32(at))                            //nolint:gosec // below 1 GiB
	return uint32(at)                                                //nolint:gosec // below 1 GiB
}

// endBin fills the bin with a free cell.
func (w *writer) endBin() {
	free := w.binEnd - len(w.bins)
	if free > 0 {
		w.bins = binary.LittleEndian.AppendUint32(w.bins, uint32(free)) //nolint:gosec // less than a bin
		w.bins = append(w.bins, make([]byte, free-4)...)
	}
}

// data returns the bytes of a cell; alloc makes them invalid.
func (w *writer) data(cell uint32) []byte { return w.bins[cell+4:] }

func (w *writer) put16(cell uint32, at int, v uint16) {
	binary.LittleEndian.PutUint16(w.data(cell)[at:], v)
}

func (w *writer) put32(cell uint32, at int, v uint32) {
	binary.LittleEndian.PutUint32(w.data(cell)[at:], v)
}

// blob writes bytes into a cell of their own.
func (w *writer) blob(b []byte) uint32 {
	cell := w.alloc(len(b))
	copy(w.data(cell), b)
	return cell
}

// security writes the one security cell, which all keys share: full control for the system and administrators.
func (w *writer) security() uint32 {
	system := []byte{1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}                // S-1-5-18
	admins := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0} // S-1-5-32-544
	var acl []byte
	for _, sid := range [][]byte{system, admins} {
		acl = append(acl, 0, 2, byte(8+len(sid)), 0)            //nolint:gosec // SIDs of 12 and 16 bytes: allow, inherited by subkeys
		acl = binary.LittleEndian.AppendUint32(acl, 0x000f003f) // KEY_ALL_ACCESS
		acl = append(acl, sid...)
	}
	acl = append([]byte{2, 0, byte(8 + len(acl)), 0, 2, 0, 0, 0}, acl...) //nolint:gosec // two entries
	const header = 20
	sd := []byte{1, 0, 0x04, 0x80} // self-relative, with a DACL
	for _, at := range []int{header, header + len(admins), 0, header + len(admins) + len(system)} {
		sd = binary.LittleEndian.AppendUint32(sd, uint32(at)) //nolint:gosec // below 100
	}
	sd = slices.Concat(sd, admins, system, acl)
	cell := w.alloc(20 + len(sd))
	copy(w.data(cell), "sk")
	w.put32(cell, 4, cell) // the ring of security cells: itself
	w.put32(cell, 8, cell)
	w.put32(cell, 16, uint32(len(sd))) //nolint:gosec // below 100
	copy(w.data(cell)[20:], sd)
	return cell
}

// name encodes a name, in Latin-1 if it can be.
func name(s string) (b []byte, latin1 bool) {
	for _, r := range s {
		if r > unicode.MaxLatin1 {
			return safeio.AppendUTF16LE(nil, s), false
		}
		b = append(b, byte(r)) //nolint:gosec // compared
	}
	return b, true
}

// key writes a key with all below it and returns its offset.
func (w *writer) key(k *hive.Key, parent uint32) (uint32, error) {
	const limit = 1 << 30
	if len(w.bins) > limit {
		return 0, errTooLarge
	}
	w.keys++
	text, flags := k.Name(), uint16(0)
	if parent == none {
		text, flags = rootName, nkRoot
	}
	encoded, latin1 := name(text)
	if latin1 {
		flags |= nkLatin1
	}
	at := w.alloc(nkSize + len(encoded))
	copy(w.data(at), "nk")
	copy(w.data(at)[nkSize:], encoded)
	written := defaultTime
	if t, ok := w.times[k.Line()]; ok {
		written = t
	}
	if written.After(w.newest) {
		w.newest = written // the base block is written with the last change
	}
	binary.LittleEndian.PutUint64(w.data(at)[4:], filetime(written))
	w.put16(at, 2, flags)
	w.put32(at, 16, parent)
	if parent == none {
		w.put32(at, 16, 0)
	}
	w.put32(at, 28, none)
	w.put32(at, 32, none)
	w.put32(at, 40, none)
	w.put32(at, 44, w.sk)
	w.put32(at, 48, none)
	w.put16(at, 72, uint16(len(encoded))) //nolint:gosec // names are far below 64 KiB

	values := k.Values()
	if len(values) > 0 {
		var longestName, longestData int
		var list []byte
		for _, v := range values {
			list = binary.LittleEndian.AppendUint32(list, w.value(v))
			longestName = max(longestName, 2*len(utf16.Encode([]rune(v.Name))))
			longestData = max(longestData, len(v.Data))
		}
		w.put32(at, 36, uint32(len(values))) //nolint:gosec // as many as the text has
		w.put32(at, 40, w.blob(list))
		w.put32(at, 60, uint32(longestName))
		w.put32(at, 64, uint32(longestData))
	}
	return at, w.subkeys(k, at)
}

// subkeys writes the keys below k and their list.
func (w *writer) subkeys(k *hive.Key, at uint32) error {
	if err := w.remnants(k, at); err != nil {
		return err
	}
	subkeys := slices.DeleteFunc(k.Subkeys(), func(sub *hive.Key) bool { return w.deleted[sub.Line()] })
	if len(subkeys) == 0 {
		return nil
	}
	slices.SortFunc(subkeys, func(a, b *hive.Key) int { return slices.Compare(upper(a.Name()), upper(b.Name())) })
	longest := 0
	offsets := make([]uint32, len(subkeys))
	for i, sub := range subkeys {
		var err error
		if offsets[i], err = w.key(sub, at); err != nil {
			return err
		}
		longest = max(longest, 2*len(utf16.Encode([]rune(sub.Name()))))
	}
	var leaves []uint32
	for from := 0; from < len(subkeys); from += leafEntries {
		to := min(from+leafEntries, len(subkeys))
		leaves = append(leaves, w.leaf(subkeys[from:to], offsets[from:to]))
	}
	list := leaves[0]
	if len(leaves) > 1 {
		index := append([]byte("ri"), byte(len(leaves)), byte(len(leaves)>>8)) //nolint:gosec // the two bytes of the count
		for _, leaf := range leaves {
			index = binary.LittleEndian.AppendUint32(index, leaf)
		}
		list = w.blob(index)
	}
	w.put32(at, 20, uint32(len(subkeys))) //nolint:gosec // as many as the text has
	w.put32(at, 28, list)
	w.put32(at, 52, uint32(longest))
	return nil
}

// remnants writes the deleted keys below k: with all that belongs to them, in cells that are then marked as free.
func (w *writer) remnants(k *hive.Key, at uint32) error {
	for _, sub := range k.Subkeys() {
		if !w.deleted[sub.Line()] {
			continue
		}
		first := len(w.cells)
		if _, err := w.key(sub, at); err != nil {
			return err
		}
		for _, cell := range w.cells[first:] {
			binary.LittleEndian.PutUint32(w.bins[cell:], -binary.LittleEndian.Uint32(w.bins[cell:]))
		}
	}
	return nil
}

// leaf writes one subkey list.
func (w *writer) leaf(keys []*hive.Key, offsets []uint32) uint32 {
	list := append([]byte(w.List), byte(len(keys)), byte(len(keys)>>8)) //nolint:gosec // the two bytes of the count
	for i, k := range keys {
		list = binary.LittleEndian.AppendUint32(list, offsets[i])
		switch w.List {
		case ListLH:
			var hash uint32
			for _, u := range upper(k.Name()) {
				hash = hash*37 + uint32(u)
			}
			list = binary.LittleEndian.AppendUint32(list, hash)
		case ListLF:
			var hint [4]byte
			if encoded, latin1 := name(k.Name()); latin1 {
				copy(hint[:], encoded)
			}
			list = append(list, hint[:]...)
		case ListLI:
		}
	}
	return w.blob(list)
}

// upper returns the UTF-16 units of a name in upper case, by which keys are sorted and hashed.
func upper(s string) []uint16 { return utf16.Encode([]rune(strings.Map(unicode.ToUpper, s))) }

// value writes a value and its data.
func (w *writer) value(v hive.Value) uint32 {
	encoded, latin1 := name(v.Name)
	at := w.alloc(vkSize + len(encoded))
	copy(w.data(at), "vk")
	copy(w.data(at)[vkSize:], encoded)
	w.put16(at, 2, uint16(len(encoded))) //nolint:gosec // names are far below 64 KiB
	w.put32(at, 12, uint32(v.Type))
	if latin1 && len(encoded) > 0 {
		w.put16(at, 16, vkLatin1)
	}
	length := uint32(len(v.Data)) //nolint:gosec // below 1 GiB
	if length <= 4 {
		w.put32(at, 4, length|vkInline)
		copy(w.data(at)[8:12], v.Data)
		return at
	}
	var data uint32
	if length > segmentSize && w.Minor > 3 {
		data = w.bigData(v.Data)
	} else {
		data = w.blob(v.Data)
	}
	w.put32(at, 4, length)
	w.put32(at, 8, data)
	return at
}

// bigData writes data in segments.
func (w *writer) bigData(b []byte) uint32 {
	var list []byte
	for part := range slices.Chunk(b, segmentSize) {
		// Windows leaves four bytes unused behind each segment.
		segment := append(slices.Clip(part), 0, 0, 0, 0)
		list = binary.LittleEndian.AppendUint32(list, w.blob(segment))
	}
	count := len(list) / 4
	listAt := w.blob(list)
	db := w.alloc(12)
	copy(w.data(db), "db")
	w.put16(db, 2, uint16(count)) //nolint:gosec // below 64 KiB of segments, which is 1 GiB
	w.put32(db, 4, listAt)
	return db
}

// filetime converts to 100 ns since 1601.
func filetime(t time.Time) uint64 {
	const unix1601 = 11644473600
	return uint64(t.Unix()+unix1601)*1e7 + uint64(t.Nanosecond())/100 //nolint:gosec // directives state times of this era
}
