package hive

import (
	"encoding/binary"
	"errors"
	"fmt"

	"casebook/internal/safeio"
)

// Specification: "Windows registry file format specification" of the msuhanov/regf project, section "Format of primary files".
//
// The base block is the first 4096 bytes of a hive file, numbers little-endian:
//
//	  0  "regf"
//	  4  primary sequence number, raised before a write
//	  8  secondary sequence number, set to the primary one after a write
//	 12  FILETIME of the last write
//	 20  major version, 1
//	 24  minor version, 3 to 6
//	 28  file type: 0 hive, 1, 2 and 6 transaction logs
//	 36  offset of the root cell
//	 40  size of the hive bins
//	508  checksum: XOR of the 127 numbers before it
//
// Hive bins follow at 4096, and offsets count from there.
const (
	baseBlockSize = 4096
	checksumAt    = 508
	noCell        = 0xffffffff
	binHeader     = 32
	firstCell     = binHeader

	// maxDepth is how many levels of keys Windows allows.
	maxDepth = 512
)

// SniffRegf reports whether a file begins as a hive, or as a transaction log of one.
func SniffRegf(head []byte) (hive, log bool) {
	if len(head) < 32 || string(head[:4]) != "regf" {
		return false, false
	}
	typ := binary.LittleEndian.Uint32(head[28:])
	return !isLog(typ), isLog(typ)
}

func isLog(fileType uint32) bool { return fileType == 1 || fileType == 2 || fileType == 6 }

// Open reads a hive file and keeps data, which must not change afterwards. The error says that nothing can be read; damage
// of which the rest can be read is in Problems.
func Open(data []byte) (*Hive, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("hive: the file is empty")
	case len(data) < baseBlockSize:
		return nil, fmt.Errorf("hive: the file has %d bytes, less than a base block and one bin", len(data))
	}
	h, err := openImage(fileImage(data), nil)
	if err != nil {
		return nil, err
	}
	h.file = data
	return h, nil
}

// openImage reads a hive; replayed is what replaying its logs changed, nil if nothing was replayed.
func openImage(m *image, replayed *replayed) (*Hive, error) {
	h := &Hive{format: FormatRegf, image: m}
	switch _, log := SniffRegf(m.base); {
	case m.size < binHeader:
		return nil, fmt.Errorf("hive: the file has %d bytes, less than a base block and one bin", baseBlockSize+m.size)
	case log:
		return nil, errors.New("hive: the file is a transaction log of a hive, not a hive")
	case string(m.base[:4]) == "regf":
	case string(m.at(0)[:4]) == "hbin":
		h.problems.add(Problem{Message: fmt.Sprintf("the base block begins with %q instead of \"regf\"", m.base[:4])})
	default:
		return nil, fmt.Errorf("hive: the file begins with %q, not with \"regf\"", m.base[:4])
	}
	h.readBaseBlock(m)
	before := h.problems
	s := newRegf(m, &h.problems, replayed)
	if s.readTree(binary.LittleEndian.Uint32(m.base[36:])); s.torn {
		h.image, h.problems = fileImage(m.flat()), before
		s = newRegf(h.image, &h.problems, replayed)
		s.readTree(binary.LittleEndian.Uint32(m.base[36:]))
	}
	if root := s.nodes[0]; root.cell == noCell && root.keys == 0 {
		return nil, fmt.Errorf("hive: no key can be found: %v", h.problems.list[len(h.problems.list)-1])
	}
	h.store = s
	h.kind = kindOf(h.Root())
	return h, nil
}

// readBaseBlock reads times and sequence numbers and compares the sizes.
func (h *Hive) readBaseBlock(m *image) {
	le, data := binary.LittleEndian, m.base
	h.lastWritten = safeio.Filetime(le.Uint64(data[12:]))
	primary, secondary := le.Uint32(data[4:]), le.Uint32(data[8:])
	stored, computed := le.Uint32(data[checksumAt:]), checksum(data)
	switch {
	case stored != computed:
		h.dirty = fmt.Sprintf("the base block's checksum is 0x%08x, its bytes give 0x%08x", stored, computed)
	case primary != secondary:
		h.dirty = fmt.Sprintf("the sequence numbers differ (%d and %d): a write had begun and not ended", primary, secondary)
	}
	declared, have := int64(le.Uint32(data[40:])), m.size
	if declared > have {
		h.truncated = true
		h.problems.add(Problem{Offset: baseBlockSize + have, Message: fmt.Sprintf("the file is cut: its bins should have %d bytes, %d are there", declared, have)})
	}
	for off := int64(0); off < min(declared, have); {
		bin := m.at(off)
		if len(bin) < binHeader || string(bin[:4]) != "hbin" {
			h.problems.add(Problem{Offset: baseBlockSize + off, Message: "no bin header where one should be; bins from here on are read only where keys point into them"})
			break
		}
		if at := int64(le.Uint32(bin[4:])); at != off {
			h.problems.add(Problem{Offset: baseBlockSize + off, Message: fmt.Sprintf("a bin says that it lies at 0x%x", baseBlockSize+at)})
		}
		size := int64(le.Uint32(bin[8:]))
		if size == 0 || size%4096 != 0 {
			h.problems.add(Problem{Offset: baseBlockSize + off, Message: fmt.Sprintf("the bin's size is %d, no multiple of 4096", size)})
			break
		}
		if off+size > declared {
			h.problems.add(Problem{Offset: baseBlockSize + off, Message: fmt.Sprintf("the bin's size is %d, which reaches behind the last bin", size)})
		}
		off += size
	}
}

// checksum returns the base block's checksum: 0 and 0xffffffff are not used.
func checksum(data []byte) uint32 {
	var sum uint32
	for i := 0; i < checksumAt; i += 4 {
		sum ^= binary.LittleEndian.Uint32(data[i:])
	}
	switch sum {
	case 0:
		return 1
	case 0xffffffff:
		return 0xfffffffe
	default:
		return sum
	}
}
