package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

// Cabinets are read by [MS-CAB], MSZIP by [MS-MCI], LZX by lzx.go. A cabinet has folders, each one stream of data blocks; files are pieces of a folder.
//
//	CFHEADER  "MSCF", 4 reserved, cbCabinet 4, 4 reserved, coffFiles 4, 4 reserved, version 2, cFolders 2, cFiles 2, flags 2, setID 2,
//	          iCabinet 2; with flag 4: cbCFHeader 2, cbCFFolder 1, cbCFData 1, and so many reserved bytes; with flags 1 and 2: names of the
//	          previous and the next cabinet and their disks
//	CFFOLDER  coffCabStart 4, cCFData 2, typeCompress 2, reserved
//	CFFILE    cbFile 4, uoffFolderStart 4, iFolder 2, date 2, time 2, attribs 2, name
//	CFDATA    csum 4, cbData 2, cbUncomp 2, reserved, data

const (
	cabHeaderLen = 36
	cabFolderLen = 8
	cabFileLen   = 16
	cabDataLen   = 8
	cabBlock     = 32 << 10 // bytes of a block that is unpacked, and the window of MSZIP
	cabNameLen   = 256

	cabPrevious, cabNext, cabReserve               = 1, 2, 4 // flags
	cabFromPrevious, cabToNext, cabPreviousAndNext = 0xFFFD, 0xFFFE, 0xFFFF
	cabUTF8                                        = 0x80 // attribute: the name is UTF-8

	cabStored, cabMSZIP, cabQuantum, cabLZX = 0, 1, 2, 3 // method&15
)

var errCab = errors.New("damaged: its header is not that of a cabinet")

// cabFolder is a CFFOLDER.
type cabFolder struct {
	at     int64 // of its first block
	blocks int
	method uint16
}

// cabFile is a CFFILE.
type cabFile struct {
	header
	folder   int
	off      int64 // in the folder
	next     bool  // goes on in the next cabinet
	previous bool  // begins in the previous one
}

// cab lists the members of a cabinet.
func (u *unpacking) cab(ctx context.Context) error {
	folders, files, reserve, err := u.cabDirectory(ctx)
	slices.SortStableFunc(files, func(a, b cabFile) int {
		if a.folder != b.folder {
			return a.folder - b.folder
		}
		return int(max(-1, min(1, a.off-b.off)))
	})
	// Where a folder goes on, offsets and what blocks refer to are counted from its beginning in an earlier cabinet.
	continued := slices.ContainsFunc(files, func(f cabFile) bool { return f.previous })
	var r *cabReader
	for i, f := range files {
		if err := u.room(ctx); err != nil {
			return err
		}
		var why error
		switch {
		case f.previous:
			why = errors.New("it begins in the previous cabinet of the set, and cabinets are read one by one; unpack the set and pass the folder")
		case f.folder == 0 && continued:
			why = errors.New("its folder begins in the previous cabinet of the set, and cabinets are read one by one; unpack the set and pass the folder")
		default:
			why = cabMethod(folders[f.folder].method)
		}
		if why != nil {
			if err := u.lock(ctx, f.header, why); err != nil {
				return err
			}
			continue
		}
		if r == nil || files[i-1].folder != f.folder {
			r = newCabReader(u, folders[f.folder], reserve)
		}
		if f.off < r.n {
			if err := u.lock(ctx, f.header, fmt.Errorf("not read: its bytes at %d of the folder are also another file's", f.off)); err != nil {
				return err
			}
			continue
		}
		var part io.Reader = &cabPart{r: r, skip: f.off - r.n, left: f.size, next: f.next}
		if err := u.unpacked(ctx, f.header, part); err != nil {
			return err
		}
	}
	return err
}

// cabMethod tells why a folder's compression is not read; nil if it is.
func cabMethod(method uint16) error {
	switch method & 15 {
	case cabStored, cabMSZIP:
		return nil
	case cabQuantum:
		return errors.New("packed by Quantum, which is not read; unpack it with expand -F:* and pass the folder")
	case cabLZX:
		if window := lzxWindow(method); window < lzxMinWindow || window > lzxMaxWindow {
			return fmt.Errorf("damaged: packed by LZX with a window of %d bits, and none has fewer than %d or more than %d", window, lzxMinWindow, lzxMaxWindow)
		}
		return nil
	}
	return fmt.Errorf("packed by method %d, which is not read; unpack it with expand -F:* and pass the folder", method&15)
}

// lzxWindow returns the bits of the window that the method of an LZX folder states.
func lzxWindow(method uint16) int { return int(method >> 8 & 31) }

// cabDirectory reads the folders and files. Those that it could read come with an error, too. reserve is the length of what stands in each block's
// header beyond its own fields.
func (u *unpacking) cabDirectory(ctx context.Context) (folders []cabFolder, files []cabFile, reserve int, err error) {
	le := binary.LittleEndian
	var h [cabHeaderLen]byte
	if _, err := u.r.ReadAt(h[:], 0); err != nil {
		return nil, nil, 0, cutf(CutUnlisted, "cut short: it has no header")
	}
	at, folderReserve := int64(cabHeaderLen), 0
	flags := le.Uint16(h[30:])
	if flags&cabReserve != 0 {
		var sizes [4]byte
		if _, err := u.r.ReadAt(sizes[:], at); err != nil {
			return nil, nil, 0, errCab
		}
		at += 4 + int64(le.Uint16(sizes[:]))
		folderReserve, reserve = int(sizes[2]), int(sizes[3])
	}
	for _, flag := range []uint16{cabPrevious, cabPrevious, cabNext, cabNext} { // name of the cabinet, name of its disk
		if flags&flag == 0 {
			continue
		}
		name, ok := u.cabName(at)
		if !ok {
			return nil, nil, 0, errCab
		}
		at += int64(len(name)) + 1
	}
	for range le.Uint16(h[26:]) {
		var f [cabFolderLen]byte
		if _, err := u.r.ReadAt(f[:], at); err != nil {
			return folders, nil, reserve, errCab
		}
		folders = append(folders, cabFolder{at: int64(le.Uint32(f[:])), blocks: int(le.Uint16(f[4:])), method: le.Uint16(f[6:])})
		at += int64(cabFolderLen + folderReserve)
	}
	at = int64(le.Uint32(h[16:]))
	for n := range int(le.Uint16(h[28:])) {
		if ctx.Err() != nil {
			return folders, files, reserve, ctx.Err()
		}
		var b [cabFileLen]byte
		if _, err := u.r.ReadAt(b[:], at); err != nil {
			return folders, files, reserve, cutf(CutUnlisted, "cut short behind file %d of its list", n)
		}
		name, ok := u.cabName(at + cabFileLen)
		if !ok {
			return folders, files, reserve, fmt.Errorf("damaged behind file %d of its list", n)
		}
		at += cabFileLen + int64(len(name)) + 1
		f := cabFile{off: int64(le.Uint32(b[4:])), folder: int(le.Uint16(b[8:]))}
		f.size, f.modified = int64(le.Uint32(b[:])), dosTime(le.Uint16(b[10:]), le.Uint16(b[12:]))
		var zipFlags uint16
		if le.Uint16(b[14:])&cabUTF8 != 0 {
			zipFlags = zipUTF8
		}
		if f.name, ok = decodeZipName(name, zipFlags, nil); !ok {
			f.bad = "claims to be UTF-8 and is not"
		}
		switch f.folder {
		case cabFromPrevious, cabPreviousAndNext:
			f.folder, f.previous = 0, true
		case cabToNext:
			f.folder, f.next = len(folders)-1, true
		}
		if f.folder >= len(folders) || f.folder < 0 {
			return folders, files, reserve, fmt.Errorf("damaged: file %d of its list names a folder that it does not have", n+1)
		}
		files = append(files, f)
	}
	return folders, files, reserve, nil
}

// cabName reads a name that a NUL ends.
func (u *unpacking) cabName(at int64) (string, bool) {
	var b [cabNameLen + utf8.UTFMax]byte
	n, _ := u.r.ReadAt(b[:], at) // what is missing shows as a missing NUL
	name, _, ok := bytes.Cut(b[:n], []byte{0})
	return string(name), ok
}

// cabReader unpacks a folder.
type cabReader struct {
	u       *unpacking
	reserve int
	at      int64 // of the next block
	blocks  int   // that are left
	n       int64 // bytes that were read of the folder

	block  []byte // what is left of the current one
	mszip  bool
	window []byte // of MSZIP: what was unpacked last
	lzx    *lzx   // nil if the folder is packed otherwise
	packed [64 << 10]byte
	err    error
}

// newCabReader returns a reader of a folder whose method cabMethod accepts.
func newCabReader(u *unpacking, f cabFolder, reserve int) *cabReader {
	r := &cabReader{u: u, reserve: reserve, at: f.at, blocks: f.blocks, mszip: f.method&15 == cabMSZIP}
	if f.method&15 == cabLZX {
		r.lzx = newLZX(lzxWindow(f.method))
	}
	return r
}

func (c *cabReader) Read(p []byte) (int, error) {
	for len(c.block) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.err = c.nextBlock(); c.err != nil {
			return 0, c.err
		}
	}
	n := copy(p, c.block)
	c.block = c.block[n:]
	c.n += int64(n)
	return n, nil
}

// nextBlock reads and unpacks a CFDATA.
func (c *cabReader) nextBlock() error {
	if c.blocks == 0 {
		return io.EOF
	}
	c.blocks--
	le := binary.LittleEndian
	var h [cabDataLen]byte
	if _, err := c.u.r.ReadAt(h[:], c.at); err != nil {
		return io.ErrUnexpectedEOF
	}
	c.at += int64(cabDataLen + c.reserve)
	data := c.packed[:le.Uint16(h[4:])]
	size := int(le.Uint16(h[6:]))
	if n, _ := c.u.r.ReadAt(data, c.at); n < len(data) {
		return io.ErrUnexpectedEOF
	}
	c.at += int64(len(data))
	if sum := le.Uint32(h[:]); sum != 0 && sum != cabSum(h[4:], cabSum(data, 0)) {
		return errors.New("the checksum of a block is wrong")
	}
	switch {
	case c.lzx != nil && size > cabBlock:
		return errors.New("a block is not LZX data")
	case c.lzx != nil:
		c.block, c.err = c.lzx.frame(data, size)
		if errors.Is(c.err, io.ErrUnexpectedEOF) {
			c.err = fmt.Errorf("%w: a block ends before what it packs", errLZX)
		}
		if len(c.block) == 0 {
			return c.err
		}
		return nil
	case !c.mszip:
		c.block = data
		return nil
	}
	if size > cabBlock || len(data) < 2 || string(data[:2]) != "CK" {
		return errors.New("a block is not MSZIP data")
	}
	f := flate.NewReaderDict(bytes.NewReader(data[2:]), c.window)
	out := make([]byte, size)
	n, err := io.ReadFull(f, out)
	c.block = out[:n]
	if err != nil && n == 0 && size > 0 {
		return errors.New("a block is corrupt")
	}
	if n < size {
		c.err = errors.New("a block is corrupt")
	}
	c.window = append(c.window, c.block...)
	c.window = slices.Clone(c.window[max(0, len(c.window)-cabBlock):])
	return nil
}

// cabSum is the checksum of a block ([MS-CAB] 3.1): the exclusive or of its 32-bit words, the bytes of an incomplete one in reverse order.
func cabSum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var last uint32
	for _, x := range b {
		last = last<<8 | uint32(x)
	}
	return sum ^ last
}

// cabPart reads one file of a folder.
type cabPart struct {
	r    *cabReader
	skip int64
	left int64
	next bool
}

func (c *cabPart) Read(p []byte) (int, error) {
	for c.skip > 0 {
		n, err := c.r.Read(p[:min(int64(len(p)), c.skip)])
		c.skip -= int64(n)
		if err != nil {
			return 0, c.end(err)
		}
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, c.end(err)
}

// end words the end of a folder, or of what of it can be read, before the end of a file.
func (c *cabPart) end(err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case c.next:
		return errors.New("it goes on in the next cabinet of the set, and cabinets are read one by one")
	}
	return io.ErrUnexpectedEOF
}
