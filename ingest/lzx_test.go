package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lzxWriter packs data by LZX. Its blocks are of the types and sizes that it is told.
type lzxWriter struct {
	window int // bits
	e8     int // size for E8 translation, 0 for none

	data   []byte // with its calls translated
	at     int    // in data
	frames [][]byte
	out    []byte // the frame that is written
	word   uint16
	n      int // bits in word

	last     [1 << 16]int // 1 + where a hash of three bytes was met last
	repeated [3]int
	lengths  [2][]uint8 // of the main and the length code of the last block

	repeats [3]int  // how often each of R0, R1 and R2 was used
	longest int     // code that was written
	types   [4]int  // of blocks
	runs    [20]int // symbols of pretrees
	slots   [50]int
}

// lzxBlock is a block to be written.
type lzxBlock struct{ kind, size int }

// packLZX packs data into frames. The sizes of the blocks are used over and over until all is written. With padInside, the byte behind a raw
// block of odd size that ends with a frame belongs to that frame, else to the next one.
func packLZX(window, e8 int, data []byte, padInside bool, blocks ...lzxBlock) *lzxWriter {
	w := &lzxWriter{window: window, e8: e8, data: lzxCalls(data, e8), repeated: [3]int{1, 1, 1}}
	w.lengths = [2][]uint8{make([]uint8, 256+8*lzxSlots[window]), make([]uint8, 249)}
	if e8 != 0 {
		w.bits(1, 1)
		w.bits(e8>>16&0xFFFF, 16)
		w.bits(e8&0xFFFF, 16)
	} else {
		w.bits(0, 1)
	}
	for i := 0; w.at < len(w.data); i++ {
		b := blocks[i%len(blocks)]
		size := min(b.size, len(w.data)-w.at)
		w.types[b.kind]++
		w.bits(b.kind, 3)
		w.bits(size, 24)
		if b.kind == lzxRaw {
			w.raw(size, padInside)
		} else {
			w.packed(b.kind == lzxAligned, size)
		}
	}
	w.flush()
	return w
}

// lzxCalls translates the calls of each frame.
func lzxCalls(data []byte, e8 int) []byte {
	data = slices.Clone(data)
	if e8 == 0 {
		return data
	}
	at := 0
	for frame := range slices.Chunk(data, cabBlock) {
		for i := 0; i < len(frame)-10; i++ {
			if frame[i] != 0xE8 {
				continue
			}
			rel, cur := int(int32(binary.LittleEndian.Uint32(frame[i+1:]))), at+i
			switch {
			case rel >= -cur && rel < e8-cur:
				binary.LittleEndian.PutUint32(frame[i+1:], uint32(rel+cur))
			case rel >= e8-cur && rel < e8:
				binary.LittleEndian.PutUint32(frame[i+1:], uint32(rel-e8))
			}
			i += 4
		}
		at += len(frame)
	}
	return data
}

func (w *lzxWriter) bits(v, count int) {
	for i := count - 1; i >= 0; i-- {
		w.word = w.word<<1 | uint16(v>>i&1)
		if w.n++; w.n == 16 {
			w.out = binary.LittleEndian.AppendUint16(w.out, w.word)
			w.n, w.word = 0, 0
		}
	}
}

// flush ends the frame.
func (w *lzxWriter) flush() {
	w.bits(0, (16-w.n)%16)
	if len(w.out) > 0 {
		w.frames = append(w.frames, w.out)
		w.out = nil
	}
}

// advance goes on in the data, up to the end of the frame at most.
func (w *lzxWriter) advance(n int) {
	for range n {
		if w.at+3 <= len(w.data) {
			w.last[lzxHash(w.data[w.at:])] = w.at + 1
		}
		w.at++
	}
	if w.at%cabBlock == 0 {
		w.flush()
	}
}

func lzxHash(b []byte) int { return int(uint32(b[0])<<8^uint32(b[1])<<4^uint32(b[2])) & 0xFFFF }

func (w *lzxWriter) raw(size int, padInside bool) {
	w.bits(0, 16-w.n)
	for _, r := range w.repeated {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(r))
	}
	for left := size; left > 0; {
		n := min(left, cabBlock-w.at%cabBlock)
		w.out = append(w.out, w.data[w.at:w.at+n]...)
		if left -= n; padInside && left == 0 && size%2 == 1 {
			w.out = append(w.out, 0)
		}
		w.advance(n)
	}
	if !padInside && size%2 == 1 && w.at < len(w.data) {
		w.out = append(w.out, 0)
	}
}

// lzxToken is a literal or a match: symbols of the main and the length code, -1 if there is none, and the bits of its offset.
type lzxToken struct{ main, length, extra, width, size int }

func (w *lzxWriter) packed(aligned bool, size int) {
	at, end := w.at, w.at+size
	var tokens []lzxToken
	freq := [3][]int{make([]int, len(w.lengths[0])), make([]int, 249), make([]int, 8)}
	for at < end {
		t := w.token(at, min(end, at/cabBlock*cabBlock+cabBlock))
		for i := range t.size {
			if at+i+3 <= len(w.data) {
				w.last[lzxHash(w.data[at+i:])] = at + i + 1
			}
		}
		at += t.size
		freq[0][t.main]++
		if t.length >= 0 {
			freq[1][t.length]++
		}
		if t.width >= 3 {
			freq[2][t.extra&7]++
		}
		tokens = append(tokens, t)
	}
	alignedLengths := huffmanLengths(freq[2], 7)
	if aligned {
		if !slices.ContainsFunc(alignedLengths, func(l uint8) bool { return l > 0 }) {
			alignedLengths = []uint8{3, 3, 3, 3, 3, 3, 3, 3}
		}
		for _, l := range alignedLengths {
			w.bits(int(l), 3)
		}
	}
	main, length := huffmanLengths(freq[0], 16), huffmanLengths(freq[1], 16)
	w.codeLengths(w.lengths[0][:256], main[:256])
	w.codeLengths(w.lengths[0][256:], main[256:])
	w.codeLengths(w.lengths[1], length)
	w.lengths = [2][]uint8{main, length}
	mainCodes, lengthCodes, alignedCodes := canonical(main), canonical(length), canonical(alignedLengths)
	w.longest = max(w.longest, int(slices.Max(main)))
	for _, t := range tokens {
		w.bits(mainCodes[t.main], int(main[t.main]))
		if t.length >= 0 {
			w.bits(lengthCodes[t.length], int(length[t.length]))
		}
		if aligned && t.width >= 3 {
			w.bits(t.extra>>3, t.width-3)
			w.bits(alignedCodes[t.extra&7], int(alignedLengths[t.extra&7]))
		} else {
			w.bits(t.extra, t.width)
		}
		w.advance(t.size)
	}
}

// token finds what to write for the data from at on: the longest match of those with a repeated offset and the last with the same beginning.
func (w *lzxWriter) token(at, end int) lzxToken {
	match := func(offset int) int {
		n := 0
		for offset > 0 && offset <= at && at+n < end && n < lzxMaxMatch && w.data[at+n] == w.data[at+n-offset] {
			n++
		}
		return n
	}
	best, slot, offset := 0, -1, 0
	for i, r := range w.repeated {
		if n := match(r); n >= 2 && n > best {
			best, slot, offset = n, i, r
		}
	}
	if at+3 <= len(w.data) {
		if from := w.last[lzxHash(w.data[at:])] - 1; from >= 0 && at-from <= 1<<w.window-3 {
			if n := match(at - from); n >= 3 && n > best+1 {
				best, slot, offset = n, 3, at-from
			}
		}
	}
	if best == 0 {
		return lzxToken{main: int(w.data[at]), length: -1, size: 1}
	}
	t := lzxToken{length: -1, size: best}
	if slot < 3 {
		w.repeats[slot]++
		w.repeated[0], w.repeated[slot] = w.repeated[slot], w.repeated[0]
	} else {
		w.repeated = [3]int{offset, w.repeated[0], w.repeated[1]}
		// Slots 4 and 5 have one bit more than 2 and 3, and so on up to 17; a slot begins where the one before ends.
		base := 3
		for ; base+1<<t.width <= offset+2; slot++ {
			base += 1 << t.width
			t.width = min((slot-1)/2, 17)
		}
		t.extra = offset + 2 - base
	}
	w.slots[slot]++
	code := min(best-2, 7)
	if code == 7 {
		t.length = best - 2 - 7
	}
	t.main = 256 + slot<<3 + code
	return t
}

// codeLengths writes the lengths of the codes of a part by those of the block before.
func (w *lzxWriter) codeLengths(before, lengths []uint8) {
	type step struct{ symbol, extra, width, of int }
	var steps []step
	freq := make([]int, lzxPretree)
	for i := 0; i < len(lengths); {
		run := 1
		for i+run < len(lengths) && lengths[i+run] == lengths[i] {
			run++
		}
		delta := (int(before[i]) - int(lengths[i]) + 17) % 17
		s := step{symbol: delta, of: -1}
		switch {
		case lengths[i] == 0 && run >= 20:
			run = min(run, 51)
			s = step{18, run - 20, 5, -1}
		case lengths[i] == 0 && run >= 4:
			run = min(run, 19)
			s = step{17, run - 4, 4, -1}
		case run >= 4:
			run = min(run, 5)
			s = step{19, run - 4, 1, delta}
		default:
			run = 1
		}
		freq[s.symbol]++
		if s.of >= 0 {
			freq[s.of]++
		}
		w.runs[s.symbol]++
		steps = append(steps, s)
		i += run
	}
	tree := huffmanLengths(freq, 15)
	codes := canonical(tree)
	for _, l := range tree {
		w.bits(int(l), 4)
	}
	for _, s := range steps {
		w.bits(codes[s.symbol], int(tree[s.symbol]))
		w.bits(s.extra, s.width)
		if s.of >= 0 {
			w.bits(codes[s.of], int(tree[s.of]))
		}
	}
}

// huffmanLengths returns the lengths of a complete code for symbols of the given frequencies; symbols that are not used have none.
func huffmanLengths(freq []int, most int) []uint8 {
	type node struct {
		weight  int
		symbols []int
	}
	freq = slices.Clone(freq)
	for {
		var nodes []node
		for s, f := range freq {
			if f > 0 {
				nodes = append(nodes, node{f, []int{s}})
			}
		}
		lengths := make([]uint8, len(freq))
		if len(nodes) == 1 { // a code of one symbol is not complete
			lengths[nodes[0].symbols[0]] = 1
			lengths[(nodes[0].symbols[0]+1)%len(freq)] = 1
			return lengths
		}
		for len(nodes) > 1 {
			slices.SortStableFunc(nodes, func(a, b node) int { return a.weight - b.weight })
			joined := node{nodes[0].weight + nodes[1].weight, slices.Concat(nodes[0].symbols, nodes[1].symbols)}
			for _, s := range joined.symbols {
				lengths[s]++
			}
			nodes = append(nodes[2:], joined)
		}
		if int(slices.Max(lengths)) <= most {
			return lengths
		}
		for s, f := range freq { // flatter
			freq[s] = (f + 1) / 2
		}
	}
}

// canonical returns the codes of symbols by their lengths.
func canonical(lengths []uint8) []int {
	codes := make([]int, len(lengths))
	code := 0
	for l := uint8(1); l <= 16; l++ {
		code <<= 1
		for s, have := range lengths {
			if have == l {
				codes[s] = code
				code++
			}
		}
	}
	return codes
}

// unpackLZX unpacks frames to size bytes.
func unpackLZX(window int, frames [][]byte, size int) ([]byte, error) {
	z := newLZX(window)
	var out []byte
	for _, f := range frames {
		b, err := z.frame(f, min(cabBlock, size-len(out)))
		if out = append(out, b...); err != nil {
			return out, err
		}
	}
	return out, nil
}

// lzxBodies are data of several kinds.
func lzxBodies() map[string][]byte {
	r := rand.New(rand.NewPCG(5, 6))
	var text bytes.Buffer
	for text.Len() < 500_000 {
		fmt.Fprintf(&text, "%06d MSI (s) (%02X:%02X) [%d]: %s\r\n", r.IntN(1e6), r.IntN(256), r.IntN(256), r.IntN(300),
			[]string{"Doing action", "Property(S): déjà vu", "Note: 1: 2205 2:  3: Error", "Return value 3."}[r.IntN(4)])
	}
	random := make([]byte, 200_001)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	calls := slices.Clone(random[:150_000])
	for i := 0; i+5 < len(calls); i += 3 + r.IntN(40) { // near and far, forwards and backwards
		calls[i] = 0xE8
		binary.LittleEndian.PutUint32(calls[i+1:], uint32(int32(r.IntN(600_000)-300_000)))
	}
	uneven := make([]byte, 300_000) // codes as long as they get
	for i := range uneven {
		for uneven[i] = 0; uneven[i] < 40 && r.IntN(2) == 0; uneven[i]++ {
		}
	}
	far := slices.Clone(random[:100_000]) // what repeats 3 MB, 1 MB, and 100 KB later
	for _, gap := range []int{100_000, 1_000_000, 2_050_000, 3_000_000} {
		far = append(far, make([]byte, gap-len(far)%gap)...)
		far = append(far, random[:60_000]...)
	}
	return map[string][]byte{
		"one": []byte("a"), "two": []byte("ab"), "run": bytes.Repeat([]byte("a"), 100_000), "frame": random[:cabBlock],
		"text": text.Bytes(), "random": random, "calls": calls, "uneven": uneven, "far": far,
	}
}

// lzxPlans are ways of dividing data into blocks.
var lzxPlans = map[string][]lzxBlock{
	"verbatim": {{lzxVerbatim, 1 << 20}},
	"aligned":  {{lzxAligned, 1 << 20}},
	"raw":      {{lzxRaw, 1 << 20}},
	"odd":      {{lzxRaw, 1}, {lzxRaw, 777}, {lzxRaw, 70_001}, {lzxRaw, 3}},
	"frames":   {{lzxRaw, cabBlock - 1}, {lzxVerbatim, 1}, {lzxRaw, 5}, {lzxRaw, cabBlock - 5}, {lzxAligned, cabBlock}},
	"mixed":    {{lzxVerbatim, 10_001}, {lzxRaw, 333}, {lzxAligned, 40_000}, {lzxAligned, 7}, {lzxRaw, 40_002}, {lzxVerbatim, 100_000}},
}

func TestLZXRoundTrip(t *testing.T) {
	var seen lzxWriter
	for name, body := range lzxBodies() {
		for plan, blocks := range lzxPlans {
			for i, window := range []int{15, 16, 17, 18, 19, 20, 21} {
				if len(body) > 1<<20 && (plan != "mixed" || window%3 != 0 || testing.Short()) { // the far body is large
					continue
				}
				if name != "far" && (len(name)+len(plan)+i)%3 != 0 { // each pair with some windows
					continue
				}
				e8 := 0
				if name == "calls" || i%2 == 1 {
					e8 = 120_000
				}
				w := packLZX(window, e8, body, i%2 == 0, blocks...)
				got, err := unpackLZX(window, w.frames, len(body))
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%s, %s, window of %d bits: got %d of %d bytes, %v", name, plan, window, len(got), len(body), err)
				}
				if want := max(1, (len(body)+cabBlock-1)/cabBlock); len(w.frames) != want {
					t.Errorf("%s, %s: %d frames, want %d", name, plan, len(w.frames), want)
				}
				for i := range seen.repeats {
					seen.repeats[i] += w.repeats[i]
				}
				for i := range seen.types {
					seen.types[i] += w.types[i]
				}
				for i := range seen.runs {
					seen.runs[i] += w.runs[i]
				}
				for i := range seen.slots {
					seen.slots[i] += w.slots[i]
				}
				seen.longest = max(seen.longest, w.longest)
			}
		}
	}
	// The bodies must need all that the format has.
	if slices.Contains(seen.repeats[:], 0) || slices.Contains(seen.types[1:], 0) || slices.Contains(seen.runs[17:], 0) || seen.longest != lzxMaxCode {
		t.Errorf("repeats %v, types %v, runs %v, longest code %d", seen.repeats, seen.types, seen.runs, seen.longest)
	}
	if far := seen.slots[36:]; !testing.Short() && !slices.ContainsFunc(far, func(n int) bool { return n > 0 }) || slices.Contains(seen.slots[:30], 0) {
		t.Errorf("slots %v", seen.slots)
	}
}

// makeLZXCab packs files into a cabinet of one folder.
func makeLZXCab(t testing.TB, window, e8 int, blocks []lzxBlock, files ...file) []byte {
	t.Helper()
	var body []byte
	for _, f := range files {
		body = append(body, f.body...)
	}
	frames := packLZX(window, e8, body, true, blocks...).frames
	return cabOf(cabLZX|uint16(window)<<8, func([]byte) []byte {
		first := frames[0]
		frames = frames[1:]
		return first
	}, files...)
}

// TestLZXUpload reads a log of several blocks in a cabinet within a zip.
func TestLZXUpload(t *testing.T) {
	bodies := lzxBodies()
	files := []file{{name: `Windows\Temp\MSI1.log`, body: string(bodies["text"])}, {name: "b.bin", body: string(bodies["calls"])}, {name: "empty.log"}, {name: "last.log", body: "12:00 done\r\n"}}
	for _, window := range []int{15, 18, 21} {
		cabinet := makeLZXCab(t, window, 1<<20, lzxPlans["mixed"], files...)
		c, got, _ := analyze(t, save(t, "t.zip", makeZip(t, file{name: "logs/install.cab", body: string(cabinet)})), Options{})
		if got.text("logs/install.cab/Windows/Temp/MSI1.log") != files[0].body || got.text("logs/install.cab/last.log") != files[3].body {
			t.Errorf("window of %d bits: got %q", window, summary(c))
		}
		sums := map[string]string{}
		for _, a := range c.Artifacts {
			sums[a.Path] = a.SHA256
		}
		if sums["logs/install.cab/b.bin"] != sum(files[1].body) {
			t.Errorf("window of %d bits: got %q", window, summary(c))
		}
		for _, p := range c.Problems {
			if p.Stage == StageRead || p.Stage == StageLimit {
				t.Errorf("window of %d bits: %s: %s", window, p.Artifact, p.Message)
			}
		}
	}
}

// TestLZXUploadDamaged reads a log up to where its cabinet is damaged, within a block that has no checksum.
func TestLZXUploadDamaged(t *testing.T) {
	body := strings.Repeat("12:00 something happened\r\n", 4000)
	frames := packLZX(15, 0, []byte(body), true, lzxBlock{lzxRaw, 50_000}, lzxBlock{lzxVerbatim, 1 << 20}).frames
	cabinet := cabOf(cabLZX|15<<8, func([]byte) []byte {
		first := frames[0]
		frames = frames[1:]
		return first
	}, file{name: "a.log", body: body})
	at := cabHeaderLen + cabFolderLen + cabFileLen + len("a.log\x00")
	at += cabDataLen + int(binary.LittleEndian.Uint16(cabinet[at+4:])) // the second block
	clear(cabinet[at : at+4])
	clear(cabinet[at+cabDataLen+50_000-cabBlock:][:4]) // the type of its second block
	c, got, _ := analyze(t, save(t, "t.cab", cabinet), Options{})
	if !slices.Contains(summary(c), "! a.log [read] damaged after 50000 bytes: corrupt LZX data: type 0 of a block") || got.text("a.log") != body[:50_000] {
		t.Errorf("got %q, %d bytes", summary(c), len(got.text("a.log")))
	}
}

// TestCorpusLZX compares members of real cabinets with what cabextract unpacks.
func TestCorpusLZX(t *testing.T) {
	dir := filepath.Join(corpus(t), "archives")
	for _, tt := range []struct{ cabinet, member, want string }{
		{"cab_3", "dir1/file1", "d0c504f06bbd64d183524eb35e5482ee5d966d456b905a24147165b2904d301b"},
		{"cab_3", "dir2/file2", "60f47caf717b06cf21b3bbb7775e49269a1b5cd6b94bba62da29a2ecb048ccf2"},
		{"cab_3", "empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"cab_3", "zero", "8ec8d677b0280efeddd04d0b25d8b80fa50a9825382fa93a17d61c4ca002b1ad"},
		{"cab_lzx_16bit", "lzx16.bin", "a76be11a5fcfa5302de6937a2cc5b16148a9f87530fd826ef497755c3035b37f"},
		{"cab_lzx_e8", "e8.bin", "f8a84fa33d8787ba02086c341b1fc231be10585c93f0f73ad1fb17e6bea2a128"},
		{"cab_lzx_literal_control", "x", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"},
	} {
		c, _, _ := analyze(t, filepath.Join(dir, "libarchive+libarchive__test_read_format_"+tt.cabinet+".cab"), Options{})
		i := slices.IndexFunc(c.Artifacts, func(a *Artifact) bool { return a.Path == tt.member })
		if i < 0 || c.Artifacts[i].SHA256 != tt.want {
			t.Errorf("%s: %s: got %q", tt.cabinet, tt.member, summary(c))
		}
	}
	for cabinet, want := range map[string]string{
		"cab_lzx_invalid_history": "! x [read] damaged after 0 bytes: corrupt LZX data: a match begins before what was unpacked",
		"cab_lzx_oob":             "! L [read] cut short: its packed bytes end after 0 bytes of it",
	} {
		c, _, _ := analyze(t, filepath.Join(dir, "libarchive+libarchive__test_read_format_"+cabinet+".cab"), Options{})
		if !slices.Contains(summary(c), want) {
			t.Errorf("%s: got %q", cabinet, summary(c))
		}
	}
}

// lzxBits makes a frame of numbers and their widths.
func lzxBits(pairs ...int) []byte {
	var w lzxWriter
	for i := 0; i < len(pairs); i += 2 {
		w.bits(pairs[i], pairs[i+1])
	}
	w.flush()
	return slices.Concat(w.frames...)
}

// lzxTrees is the beginning of a stream with a verbatim block of 100 bytes. literals, matches and lengths are the lengths of their codes by
// symbol; rest is what follows, as in lzxBits.
func lzxTrees(literals, matches, lengths map[int]uint8, rest ...int) []byte {
	var w lzxWriter
	w.bits(0, 1)
	w.bits(lzxVerbatim, 3)
	w.bits(100, 24)
	for i, part := range []map[int]uint8{literals, matches, lengths} {
		all := make([]uint8, []int{256, 8 * 30, 249}[i])
		for symbol, l := range part {
			all[symbol] = l
		}
		w.codeLengths(make([]uint8, len(all)), all)
	}
	for i := 0; i < len(rest); i += 2 {
		w.bits(rest[i], rest[i+1])
	}
	w.bits(0, 16)
	w.flush()
	return slices.Concat(w.frames...)
}

// TestLZXDamage reads what no packer writes.
func TestLZXDamage(t *testing.T) {
	type code = map[int]uint8
	whole := packLZX(15, 0, []byte(strings.Repeat("12:00 something happened\r\n", 200)), true, lzxBlock{lzxVerbatim, 1 << 20}).frames[0]
	pretree := func(lengths ...int) []byte { // of the first part of a verbatim block
		pairs := []int{0, 1, lzxVerbatim, 3, 100, 24}
		for i := range lzxPretree {
			l := 0
			if i < len(lengths) {
				l = lengths[i]
			}
			pairs = append(pairs, l, 4)
		}
		return lzxBits(append(pairs, -1, 16, -1, 16, -1, 16)...)
	}
	raw := func(r0 int, rest ...byte) []byte {
		b := lzxBits(0, 1, lzxRaw, 3, 1, 24, 0, 4)
		for _, r := range []int{r0, r0, r0} {
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
		}
		return append(b, rest...)
	}
	// after a raw block of one byte: a verbatim one of 99 bytes whose only symbols are a match of 2 with R0 and one with R1
	history := func(r0 int) []byte {
		b := lzxTrees(nil, code{0: 1, 8: 1}, nil, 0, 1)
		return append(raw(r0, 'a', 0), lzxShift(b)...)
	}
	for _, tt := range []struct {
		name, want string
		frame      []byte
		got        int // bytes before the damage
	}{
		{"empty", "unexpected EOF", nil, 0},
		{"one-byte", "unexpected EOF", []byte{0}, 0},
		{"e8-size-cut", "unexpected EOF", lzxBits(1, 1, 0, 15), 0},
		{"type-0", "corrupt LZX data: type 0 of a block", lzxBits(0, 1, 0, 3, 100, 24), 0},
		{"type-4", "corrupt LZX data: type 4 of a block", lzxBits(0, 1, 4, 3, 100, 24), 0},
		{"type-7", "corrupt LZX data: type 7 of a block", lzxBits(0, 1, 7, 3, 100, 24), 0},
		{"header-cut", "unexpected EOF", lzxBits(0, 1, lzxVerbatim, 3), 0},
		{"aligned-code-incomplete", "corrupt LZX data: a Huffman code is incomplete", lzxBits(0, 1, lzxAligned, 3, 100, 24, 1, 3, 0, 21), 0},
		{"aligned-code-too-full", "corrupt LZX data: a Huffman code has more symbols than fit", lzxBits(0, 1, lzxAligned, 3, 100, 24, 0o11111111, 24), 0},
		{"pretree-empty", "corrupt LZX data: a Huffman code without symbols is used", pretree(), 0},
		{"pretree-incomplete", "corrupt LZX data: a Huffman code is incomplete", pretree(2, 2, 2), 0},
		{"pretree-too-full", "corrupt LZX data: a Huffman code has more symbols than fit", pretree(1, 1, 1), 0},
		{"pretree-cut", "unexpected EOF", pretree(1, 1)[:14], 0},
		{"run-too-long", "corrupt LZX data: more code lengths than symbols", pretree(slices.Concat(make([]int, 17), []int{1, 1})...), 0},
		{"run-of-runs", "corrupt LZX data: a run of runs of code lengths", pretree(slices.Concat(make([]int, 18), []int{1, 1})...), 0},
		{"main-code-empty", "corrupt LZX data: a Huffman code without symbols is used", lzxTrees(nil, nil, nil), 0},
		{"main-code-incomplete", "corrupt LZX data: a Huffman code is incomplete", lzxTrees(code{'a': 1}, nil, nil), 0},
		{"main-code-too-full", "corrupt LZX data: a Huffman code has more symbols than fit", lzxTrees(code{'a': 1, 'b': 1}, code{0: 16}, nil), 0},
		{"length-code-incomplete", "corrupt LZX data: a Huffman code is incomplete", lzxTrees(code{'a': 1, 'b': 1}, nil, code{3: 2}), 0},
		{"length-code-empty", "corrupt LZX data: a Huffman code without symbols is used", lzxTrees(code{'a': 1}, code{7: 1}, nil, 0b01, 2), 1},
		{"match-at-the-beginning", "corrupt LZX data: a match begins before what was unpacked", lzxTrees(code{'a': 1}, code{0: 1}, nil, 0b1, 1), 0},
		{"match-too-far", "corrupt LZX data: a match begins before what was unpacked", lzxTrees(code{'a': 1}, code{4 << 3: 1}, nil, 0b01, 2, 0, 1), 1},
		{"match-too-long", "corrupt LZX data: a match goes beyond the end of its block", lzxTrees(code{'a': 1}, code{7: 1}, code{100: 1, 248: 1}, 0b011, 3), 1},
		{"raw-header-cut", "unexpected EOF", raw(1)[:10], 0},
		{"raw-data-cut", "unexpected EOF", raw(1), 0},
		{"offset-zero", "corrupt LZX data: a match begins before what was unpacked", history(0), 1},
		{"offset-of-four-bytes", "corrupt LZX data: a match begins before what was unpacked", history(1<<32 - 1), 1},
		{"offset-sign", "corrupt LZX data: a match begins before what was unpacked", history(1 << 31), 1},
		{"cut", "unexpected EOF", whole[:len(whole)-4], -1},
		{"cut-in-the-trees", "unexpected EOF", whole[:40], 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newLZX(15).frame(tt.frame, 5200)
			if err == nil || err.Error() != tt.want || tt.got >= 0 && len(got) != tt.got || len(got) >= 5200 {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	t.Run("every-cut", func(t *testing.T) {
		want, err := newLZX(15).frame(whole, 5200)
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			got, err := newLZX(15).frame(whole[:n], 5200)
			if !bytes.HasPrefix(want, got) || err == nil && len(got) < len(want) {
				t.Errorf("cut at %d: got %d bytes, %v", n, len(got), err)
			}
		}
	})
	t.Run("call-cut", func(t *testing.T) { // the offset of the call that the cut is in is not known
		w := packLZX(15, 1000, []byte("abc\xe8\x10\x00\x00\x00def\xe8\x10\x00\x00\x00 a good deal more"), true, lzxBlock{lzxRaw, 1000})
		for n, want := range map[int]string{8: "abc\xe8\x10\x00\x00\x00", 12: "abc\xe8\x10\x00\x00\x00def", 15: "abc\xe8\x10\x00\x00\x00def", 16: "abc\xe8\x10\x00\x00\x00def\xe8\x10\x00\x00\x00"} {
			got, err := newLZX(15).frame(w.frames[0][:8+12+n], 34)
			if string(got) != want || err == nil {
				t.Errorf("%d bytes: got %q, %v", n, got, err)
			}
		}
	})
	t.Run("window", func(t *testing.T) {
		for _, window := range []int{0, 14, 22, 31} {
			c, _, _ := analyze(t, save(t, "t.cab", cabOf(uint16(cabLZX|window<<8), func(b []byte) []byte { return b }, file{name: "a.log", body: "one\n"})), Options{})
			want := fmt.Sprintf("! a.log [read] damaged: packed by LZX with a window of %d bits, and none has fewer than 15 or more than 21", window)
			if !slices.Contains(summary(c), want) {
				t.Errorf("got %q", summary(c))
			}
		}
	})
	t.Run("quantum", func(t *testing.T) {
		c, _, _ := analyze(t, save(t, "t.cab", cabOf(cabQuantum, func(b []byte) []byte { return b }, file{name: "a.log", body: "one\n"})), Options{})
		if !slices.Contains(summary(c), "! a.log [read] packed by Quantum, which is not read; unpack it with expand -F:* and pass the folder") {
			t.Errorf("got %q", summary(c))
		}
	})
	t.Run("memory", func(t *testing.T) { // a window that is not filled costs nothing
		z := newLZX(21)
		if _, err := z.frame(raw(1, 'a'), 1); err != nil || len(z.buf) > 2*cabBlock {
			t.Errorf("%d bytes, %v", len(z.buf), err)
		}
		frames := packLZX(21, 0, make([]byte, 8<<20), true, lzxBlock{lzxVerbatim, 1 << 23}).frames
		z = newLZX(21)
		for _, f := range frames {
			if _, err := z.frame(f, cabBlock); err != nil {
				t.Fatal(err)
			}
		}
		if len(z.buf) > 5<<19 {
			t.Errorf("%d bytes", len(z.buf))
		}
	})
}

// lzxShift returns a stream without its first bit, which only the beginning of a folder has.
func lzxShift(b []byte) []byte {
	var w lzxWriter
	for i := 1; i < len(b)*8; i++ {
		word := binary.LittleEndian.Uint16(b[i/16*2:])
		w.bits(int(word>>(15-i%16)&1), 1)
	}
	w.flush()
	return slices.Concat(w.frames...)
}

// TestCabContinued reads a cabinet whose folder goes on from the one before: what its blocks refer to is not there.
func TestCabContinued(t *testing.T) {
	cabinet := makeLZXCab(t, 15, 0, lzxPlans["verbatim"], file{name: "a.log", body: "12:00 one\n"}, file{name: "b.log", body: "12:00 two\n"})
	binary.LittleEndian.PutUint16(cabinet[cabHeaderLen+cabFolderLen+8:], cabFromPrevious)
	c, _, _ := analyze(t, save(t, "t.cab", cabinet), Options{})
	want := []string{
		"! a.log [read] it begins in the previous cabinet of the set, and cabinets are read one by one; unpack the set and pass the folder",
		"! b.log [read] its folder begins in the previous cabinet of the set, and cabinets are read one by one; unpack the set and pass the folder",
	}
	for _, w := range want {
		if !slices.Contains(summary(c), w) {
			t.Errorf("got %q, want %q", summary(c), w)
		}
	}
}

func FuzzLZX(f *testing.F) {
	bodies := lzxBodies()
	for _, name := range []string{"one", "text", "calls", "uneven"} {
		body := bodies[name][:min(len(bodies[name]), 3000)]
		for _, blocks := range lzxPlans {
			frames := packLZX(16, 100_000, body, true, blocks...).frames
			f.Add(uint8(16), slices.Concat(frames...), uint16(len(frames[0])))
		}
	}
	f.Add(uint8(21), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, window uint8, data []byte, first uint16) {
		bits := lzxMinWindow + int(window)%(lzxMaxWindow-lzxMinWindow+1)
		cut := min(int(first), len(data))
		frames := [][]byte{data[:cut], data[cut:], nil}
		one, err1 := unpackLZX(bits, frames, 2*cabBlock+int(first)%cabBlock)
		two, err2 := unpackLZX(bits, frames, 2*cabBlock+int(first)%cabBlock)
		if !bytes.Equal(one, two) || (err1 == nil) != (err2 == nil) {
			t.Errorf("%d bytes and %v, then %d and %v", len(one), err1, len(two), err2)
		}
		if len(one) > 3*cabBlock {
			t.Errorf("%d bytes", len(one))
		}
	})
}

func BenchmarkLZX(b *testing.B) {
	for _, name := range []string{"text", "calls"} {
		body := lzxBodies()[name]
		frames := packLZX(21, 100_000, body, true, lzxPlans["mixed"]...).frames
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := unpackLZX(21, frames, len(body)); err != nil || len(got) != len(body) {
					b.Fatal(err)
				}
			}
		})
	}
}
