package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"casebook/eventlog"
)

// container is a format that holds members. Formats are told by fixed bytes from this list alone, never by trial.
type container uint8

const (
	containerNone container = iota
	containerZip
	container7z
	containerRAR
	containerTar
	containerCab
	containerGzip
	containerBzip2
	containerXZ
	containerZstd
	containerMail
	containerMsg
	containerEventLog
)

// containers says what messages call each format, and what an upload of it is called in the report.
var containers = [...]struct{ name, format string }{
	containerNone:     {"", FormatFile},
	containerZip:      {"zip", FormatZip},
	container7z:       {"7z archive", Format7z},
	containerRAR:      {"RAR archive", FormatRAR},
	containerTar:      {"tar archive", FormatTar},
	containerCab:      {"cabinet", FormatCab},
	containerGzip:     {"gzip data", FormatFile},
	containerBzip2:    {"bzip2 data", FormatFile},
	containerXZ:       {"xz data", FormatFile},
	containerZstd:     {"zstandard data", FormatFile},
	containerMail:     {"mail", FormatFile},
	containerMsg:      {"mail", FormatFile},
	containerEventLog: {"event log", FormatFile},
}

// containerOf tells the container that starts with head. Sources: APPNOTE.TXT, RFC 1952 (gzip), the xz format, RFC 8878 (zstd), POSIX pax,
// 7zFormat.txt, RAR's technote, [MS-CAB]; those of event logs are named in package eventlog.
func containerOf(head []byte) container {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case isZip(head):
		return containerZip
	case starts("7z\xbc\xaf\x27\x1c"):
		return container7z
	case starts("Rar!\x1a\x07\x00"), starts("Rar!\x1a\x07\x01\x00"):
		return containerRAR
	case starts("MSCF\x00\x00\x00\x00"):
		return containerCab
	case starts("\x1f\x8b\x08"):
		return containerGzip
	case starts("BZh") && isBzip2(head):
		return containerBzip2
	case starts("\xfd7zXZ\x00"):
		return containerXZ
	case starts("\x28\xb5\x2f\xfd"), len(head) >= 8 && binary.LittleEndian.Uint32(head)&^0xF == 0x184D2A50:
		return containerZstd
	case isTar(head):
		return containerTar
	case eventlog.Is(head):
		return containerEventLog
	}
	return containerNone
}

// isBzip2 tells bzip2 data from a text that begins with BZh: a level and the number of a block, or of the end, follow.
func isBzip2(head []byte) bool {
	return len(head) >= 10 && head[3] >= '1' && head[3] <= '9' && (string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

// unpacking lists the members of one container that is no zip. What stands in the container as it is becomes a member in place; the rest is
// unpacked once, in order, to where it can be read in any order. Of all ways of reading a stream this is the simplest that still lets
// registries come first, members be read side by side and limits be shared, and it unpacks every byte but once.
type unpacking struct {
	c      *catalogue
	in     *content
	r      io.ReaderAt
	what   string // what messages call the container
	within string // path of the container, "" for the upload itself
	base   string // its base name
	depth  int    // of its members

	volumes *splitSet // of a RAR archive in several volumes: in is those joined; else nil

	members  int   // how many it has
	produced int64 // bytes that it was unpacked to
	chunk    []byte
}

// header is what a container says of a member.
type header struct {
	name     string
	bad      string // what is wrong with the name's encoding, "" if nothing is
	size     int64  // as declared, -1 if it is not
	modified time.Time
	utc      bool // modified is UTC
	mode     fs.FileMode
	link     string // what a link points to, "" if unknown or no link
}

// errStop ends the reading of a container before its end, when the reason is already a problem.
var errStop = errors.New("stopped")

// unpack lists the members of a container. The error says what is wrong with it: nothing of it can be read if it has no member then, else
// it is damaged behind the members that it has.
func (c *catalogue) unpack(ctx context.Context, f container, u *unpacking) (err error) {
	r, err := u.in.acquire()
	if err != nil {
		return plain(err)
	}
	defer u.in.release()
	defer func() {
		if v := recover(); v != nil { // a library met what it is not made for
			err = fmt.Errorf("internal error: %v", v)
		}
		if errors.Is(err, errStop) {
			err = nil
		}
	}()
	u.c, u.r, u.what = c, r, containers[f].name
	switch f {
	case container7z:
		return u.sevenZip(ctx)
	case containerRAR:
		return u.rar(ctx)
	case containerTar:
		return u.tar(ctx, io.NewSectionReader(r, 0, u.in.size), true)
	case containerMail:
		return u.mail(ctx)
	case containerMsg:
		return u.msg(ctx)
	case containerCab:
		return u.cab(ctx)
	case containerEventLog:
		return u.eventLog(ctx)
	case containerGzip, containerBzip2, containerXZ, containerZstd:
		return u.compressed(ctx, f)
	case containerNone, containerZip: // a zip is listed by readZip
	}
	return nil
}

// special says why a member that is no regular file is left out, and reports it. Folders are left out silently.
func (u *unpacking) special(h header) bool {
	say := func(why Refusal, format string, args ...any) bool {
		u.members++
		u.c.refuse(u.c.path(entry{name: h.name, bad: h.bad, within: u.within}), StageOpen, why, format, args...)
		return true
	}
	switch {
	case h.mode.IsRegular():
		return false
	case h.mode.IsDir():
		return true
	case h.mode&fs.ModeSymlink != 0:
		if h.link == "" {
			return say(RefusedLink, "a symbolic link, which is not followed")
		}
		return say(RefusedLink, "a symbolic link to %q, which is not followed", cutString(h.link, 256))
	case h.mode&fs.ModeIrregular != 0:
		return say(RefusedLink, "a hard link to %q, which is not followed: the member of that name, if there is one, holds its bytes", cutString(h.link, 256))
	case h.mode&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return say(RefusedDevice, "a device; it is not opened")
	default:
		return say(RefusedDevice, "neither a file nor a folder; it is not read")
	}
}

// room tells whether the limit of members allows another one.
func (u *unpacking) room(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if u.c.full {
		return errStop
	}
	return nil
}

// inPlace adds a member whose bytes stand in the container.
func (u *unpacking) inPlace(ctx context.Context, h header, off int64) error {
	if err := u.room(ctx); err != nil {
		return err
	}
	size := max(0, min(h.size, u.in.size-off))
	var damage error
	if size < h.size {
		damage = fmt.Errorf("cut short: %d of %d bytes are there", size, h.size)
	}
	return u.enter(ctx, h, &piecewise{in: &content{size: size, parent: u.in, off: off}, damage: damage})
}

// unpacked adds a member whose bytes r brings. An error is the end of the container: why it ended is then a problem of the member already.
func (u *unpacking) unpacked(ctx context.Context, h header, r io.Reader) error {
	if err := u.room(ctx); err != nil {
		return err
	}
	in, damage, err := u.spool(ctx, r)
	if err != nil {
		return err
	}
	return u.spooled(ctx, h, in, damage)
}

// spooled adds a member that was unpacked; damage is why in is not all of it, nil if it is.
func (u *unpacking) spooled(ctx context.Context, h header, in *content, damage error) error {
	if err := u.enter(ctx, h, &piecewise{in: in, damage: damage}); err != nil {
		return err
	}
	if l := (*limitError)(nil); errors.As(damage, &l) {
		u.c.refuse(u.within, StageLimit, RefusalOf(damage), "what follows the member %q of the %s is not read", cutString(h.name, 256), u.what)
		return errStop
	}
	return nil
}

// lock adds a member that can't be read, and why.
func (u *unpacking) lock(ctx context.Context, h header, why error) error {
	u.members++
	return u.c.add(ctx, entry{name: h.name, bad: h.bad, within: u.within, depth: u.depth, src: locked{why}, size: h.size, modified: h.modified, utc: h.utc})
}

// archive returns what the user is told when a password is asked for.
func (u *unpacking) archive() string {
	if u.within == "" {
		return u.c.b.Name
	}
	return u.within
}

// enter adds a member to the catalogue.
func (u *unpacking) enter(ctx context.Context, h header, src *piecewise) error {
	u.members++
	return u.c.add(ctx, entry{
		name: h.name, bad: h.bad, within: u.within, depth: u.depth, src: src, in: src.in,
		size: src.in.size, most: src.in.size, packed: src.in.size, modified: h.modified, utc: h.utc,
	})
}

// piecewise is a member whose bytes can be read in any order.
type piecewise struct {
	in     *content
	damage error // why the bytes are not all of it, nil if they are
}

func (p *piecewise) open() (stream, error) {
	r, err := p.in.acquire()
	if err != nil {
		return nil, plain(err)
	}
	return &sectionStream{SectionReader: io.NewSectionReader(r, 0, p.in.size), of: p}, nil
}

// sectionStream reads a piecewise member.
type sectionStream struct {
	*io.SectionReader
	of *piecewise
}

func (s *sectionStream) Read(p []byte) (int, error) {
	n, err := s.SectionReader.Read(p)
	if errors.Is(err, io.EOF) && s.of.damage != nil {
		return n, s.of.damage
	}
	return n, plain(err)
}

func (s *sectionStream) packed() int64 {
	at, _ := s.Seek(0, io.SeekCurrent) // a position is known without an error
	return at
}

func (s *sectionStream) Close() error {
	s.of.in.release()
	return nil
}
