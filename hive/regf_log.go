package hive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"casebook/internal/safeio"
)

// Specification: "Windows registry file format specification" of the msuhanov/regf project, sections "Format of transaction log files",
// "Dirty state of a hive" and "Multiple transaction log files".
//
// A log begins with a copy of the first sector of the hive's base block, with a file type of its own and a checksum to match.
// What follows in the second sector tells the format: "HvLE" for the log entries of Windows 8.1 and later, "DIRT" for the one
// dirty vector of older versions.
const sector = 512

// Replay says what replaying transaction logs did to a hive.
type Replay struct {
	Entries     int      // log entries that were applied; 1 for a log with a dirty vector; 0 if nothing was replayed
	Pages       int      // pages that they hold
	First, Last uint32   // sequence numbers of the first and the last entry applied
	Unused      []string // why a log, or the rest of one, was not applied
}

// String says how many entries were replayed, and up to which sequence number.
func (r Replay) String() string {
	if r.Entries == 1 {
		return fmt.Sprintf("replayed 1 log entry, sequence number %d", r.Last)
	}
	return fmt.Sprintf("replayed %d log entries up to sequence number %d", r.Entries, r.Last)
}

// Replay says what was replayed; the zero value for a hive that was opened without logs or is clean.
func (h *Hive) Replay() Replay { return h.replay }

// File returns the bytes of the hive file as it was opened, without what logs changed; nil for a text. They are shared, not to be changed.
func (h *Hive) File() []byte { return h.file }

// Image returns the bytes that the hive is read from: those of the file, which are shared and not to be changed, or a copy with what its logs hold,
// made at each call; nil for a text.
func (h *Hive) Image() []byte {
	switch {
	case h.format != FormatRegf:
		return nil
	case h.replay.Entries == 0:
		return h.file
	default:
		return h.image.flat()
	}
}

// State says in a few words how current a hive file is: "clean"; "replayed …" with the entries and the sequence number that its logs
// reach; "dirty: …" with the reason. A text is a "text export".
func (h *Hive) State() string {
	switch {
	case h.format != FormatRegf:
		return "text export"
	case h.dirty != "":
		return "dirty: " + h.dirty
	case h.replay.Entries > 0:
		return h.replay.String()
	default:
		return "clean"
	}
}

// OpenWithLogs reads a hive file together with its transaction logs, in any order: where the hive is dirty, what the logs hold is
// replayed in memory, as Windows does when it loads the hive. A clean hive is read as it is. The arguments are kept and must not
// change afterwards; the file's own bytes remain in [Hive.File], and what the replay changed is marked in [Value] and [Found]. A log
// that can't be applied is no error: [Hive.Dirty] and [Replay] then say why.
func OpenWithLogs(primary []byte, logs ...[]byte) (*Hive, error) {
	if len(logs) == 0 || len(primary) < baseBlockSize {
		return Open(primary)
	}
	b := readBase(primary)
	why := b.dirty()
	if why == "" {
		return Open(primary)
	}
	bins := primary[baseBlockSize:]
	p := player{base: b, file: primary, over: overlay{file: bins, size: int64(len(bins))}, size: int64(len(primary))}
	for _, log := range logs {
		p.size += int64(len(log))
	}
	p.play(logs)
	if p.done.Entries == 0 {
		h, err := Open(primary)
		if err != nil {
			return nil, err
		}
		h.replay = p.done
		h.dirty = strings.Join(append([]string{why}, p.done.Unused...), "; ")
		return h, nil
	}
	h, err := openImage(p.over.image(p.finish()), &replayed{changed: p.over.changed(), before: sync.OnceValue(func() *Hive {
		h, err := Open(primary)
		if err != nil {
			return nil
		}
		return h
	})})
	if err != nil {
		return nil, err
	}
	h.file, h.replay, h.dirty = primary, p.done, ""
	if at, ok := p.over.hole(); ok {
		h.truncated = true
		h.problems.add(Problem{Offset: baseBlockSize + at, Message: "the file is cut: neither it nor its logs hold the bytes from here to the pages of the logs"})
	}
	if p.torn != "" {
		h.dirty = fmt.Sprintf("%s; %v, but %s", why, p.done, p.torn)
	}
	return h, nil
}

// baseBlock is what replaying needs of a base block.
type baseBlock struct {
	valid              bool // signature and checksum
	primary, secondary uint32
	written            uint64 // FILETIME
	fileType           uint32
	bins               uint32
	name               string
	wrong              string // why it is not valid
}

// readBase reads the base block at the start of data, which has at least one sector.
func readBase(data []byte) baseBlock {
	le := binary.LittleEndian
	b := baseBlock{
		primary: le.Uint32(data[4:]), secondary: le.Uint32(data[8:]), written: le.Uint64(data[12:]),
		fileType: le.Uint32(data[28:]), bins: le.Uint32(data[40:]),
		name: strings.TrimRight(safeio.UTF16LE(data[48:112]), "\x00"),
	}
	stored, computed := le.Uint32(data[checksumAt:]), checksum(data)
	switch {
	case string(data[:4]) != "regf":
		b.wrong = fmt.Sprintf("the base block begins with %q instead of \"regf\"", data[:4])
	case stored != computed:
		b.wrong = fmt.Sprintf("the base block's checksum is 0x%08x, its bytes give 0x%08x", stored, computed)
	}
	b.valid = b.wrong == ""
	return b
}

// dirty says why a hive with this base block was being written; "" if it was not.
func (b baseBlock) dirty() string {
	if b.valid && b.primary != b.secondary {
		return fmt.Sprintf("the sequence numbers differ (%d and %d): a write had begun and not ended", b.primary, b.secondary)
	}
	return b.wrong
}

// player replays logs over a hive file.
type player struct {
	base   baseBlock
	file   []byte // the hive file
	over   overlay
	size   int64  // of the hive file and its logs together
	header []byte // the first sector of the log that is applied
	bins   uint32
	flags  uint32
	done   Replay
	torn   string // why the replay ended before the end of the logs
}

func (p *player) unused(log int, format string, args ...any) {
	p.done.Unused = append(p.done.Unused, fmt.Sprintf("log %d: ", log+1)+fmt.Sprintf(format, args...))
}

// play finds the logs that belong to the hive and applies them.
func (p *player) play(logs [][]byte) {
	var lists []logEntries
	for i, log := range logs {
		if len(log) < 2*sector {
			p.unused(i, "it has %d bytes and holds no change", len(log))
			continue
		}
		b := readBase(log)
		switch {
		case !b.valid:
			p.unused(i, "%s", b.wrong)
			continue
		case !isLog(b.fileType):
			p.unused(i, "it is no transaction log: its file type is %d", b.fileType)
			continue
		case p.base.valid && p.base.name != "" && b.name != "" && !equalFold(b.name, p.base.name):
			p.unused(i, "it belongs to %s, not to %s", safeio.Quote(b.name), safeio.Quote(p.base.name))
			continue
		}
		switch string(log[sector : sector+4]) {
		case "HvLE":
			lists = append(lists, readEntries(i, log))
		case "DIRT":
			if p.done.Entries == 0 {
				p.applyVector(i, log, b)
			}
		default:
			p.unused(i, "it holds no change")
		}
	}
	if p.done.Entries == 0 {
		p.applyEntries(lists)
	}
}

// fits reports whether the image may grow to bins of that size. A hive grows by bins that its logs hold; a hive file that is cut lacks
// some besides.
func (p *player) fits(bins uint32) bool {
	return bins%4096 == 0 && baseBlockSize+int64(bins) <= 2*p.size
}

// finish returns the base block as Windows leaves it after a replay.
func (p *player) finish() []byte {
	le := binary.LittleEndian
	b := bytes.Clone(p.file[:baseBlockSize])
	if !p.base.valid {
		copy(b, p.header)
		le.PutUint32(b[28:], 0)
	}
	le.PutUint32(b[4:], p.done.Last)
	le.PutUint32(b[8:], p.done.Last)
	le.PutUint32(b[40:], p.bins)
	le.PutUint32(b[144:], p.flags)
	le.PutUint32(b[checksumAt:], checksum(b))
	return b
}

// replayed tells which values of a replayed hive the hive file does not hold so.
type replayed struct {
	changed bitmap       // see player
	before  func() *Hive // the hive file alone; nil if nothing in it can be read
}

// touches reports whether one of n bytes at off in the bins lies in a changed sector.
func (r *replayed) touches(off uint32, n int) bool {
	for i := int64(off) / sector; i <= (int64(off)+int64(n)-1)/sector; i++ {
		if r.changed.has(i) {
			return true
		}
	}
	return false
}

// value reports whether v, which stands at off below the key, is not so in the hive file. A cell that no page changed is as it
// was; one that a page changed may have been moved only, so that it is looked up by its name.
func (r *replayed) value(s *regf, id int32, off uint32, v Value) bool {
	if r == nil {
		return false
	}
	vk := s.cell(off)
	if !r.touches(off, 4+len(vk)) && !r.touchesData(s, vk) {
		return false
	}
	old, err := r.lookup(s, id)
	if err != nil {
		return true
	}
	was, err := old.Value(v.Name)
	return err != nil || was.Type != v.Type || !bytes.Equal(was.Data, v.Data)
}

// touchesData reports whether the data of a value lies in changed sectors.
func (r *replayed) touchesData(s *regf, vk []byte) bool {
	touched := false
	if raw := binary.LittleEndian.Uint32(vk[4:]); raw&vkInline == 0 && raw > segmentSize {
		at := binary.LittleEndian.Uint32(vk[8:])
		record := s.cell(at)
		touched = r.touches(at, 4+min(len(record), 8))
		if signature(record, "db") && len(record) >= 8 {
			list := binary.LittleEndian.Uint32(record[4:])
			touched = touched || r.touches(list, 4+len(s.cell(list)))
		}
	}
	s.eachPart(vk, func(at uint32, part []byte) bool {
		touched = touched || r.touches(at, 4+len(part))
		return !touched
	})
	return touched
}

// key reports whether the hive file has no such key.
func (r *replayed) key(s *regf, id int32) bool {
	if r == nil || !r.touches(s.nodes[id].cell, 4+len(s.nkOf(id))) {
		return false
	}
	_, err := r.lookup(s, id)
	return err != nil
}

// lookup finds the key in the hive file.
func (r *replayed) lookup(s *regf, id int32) (*Key, error) {
	before := r.before()
	if before == nil {
		return nil, ErrNotExist
	}
	k := Key{h: &Hive{store: s}, id: id}
	return before.Key(k.Path())
}
