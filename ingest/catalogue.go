package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

const (
	// pathAverage is how many bytes the paths of MaxFiles members may have on average.
	pathAverage = 256
	// maxOddNames is how many changed names are reported one by one.
	maxOddNames = 100
	// nestedInMemory is how many bytes of nested archives are kept in memory; further ones go to temporary files.
	nestedInMemory = 64 << 20
)

// member is one entry of the catalogue.
type member struct {
	path     string // in the bundle
	base     string // base name in lower case
	src      source
	size     int64 // as the container declares it, -1 if it does not
	most     int64 // how many bytes it can have at most, whatever is declared
	packed   int64
	modified time.Time
	utc      bool  // modified is UTC, not what a clock of an unknown zone showed
	top      bool  // a file of the directory itself, not of an archive in it
	first    first // whether its value decides how others are decoded

	kind      Kind   // set for archives
	read      bool   // Open has read the bytes: sum and size hold
	sum       string // SHA-256
	truncated bool
	kept      *KeptMember // of a bundle of Again; else nil
}

// declared returns how many bytes the member has if the container is right.
func (m *member) declared() int64 {
	if m.size < 0 {
		return min(m.most, 1<<30)
	}
	return min(m.size, m.most)
}

// first says by which kind of First extractor a member is claimed.
type first uint8

const (
	firstNone first = iota
	firstBinary
	firstText
)

// catalogue builds a bundle's list of members.
type catalogue struct {
	b      *Bundle
	opt    *Options
	limits Limits
	names  names
	full   bool // the limit of files was reached
	paths  int  // bytes of all paths
	odd    int  // members whose names had to be changed
	asked  int  // how often the user was asked for a password
	peek   [peekSize]byte
	head   decoder

	parts     []setPart // members that belong to split archives
	passwords []string  // those of the options, and those that the user entered
}

// entry is a member as its container describes it.
type entry struct {
	name     string // raw, with the container's own separators
	bad      string // what is wrong with the name's encoding, "" if nothing is
	within   string // path of the nested archive that holds it, "" for the upload itself
	depth    int    // number of archives within archives around it
	src      source
	zip      *zipEntry                // of a zip's member
	in       *content                 // of a member that can be read in any order
	openFile func() (*os.File, error) // of a file
	size     int64
	most     int64
	packed   int64
	modified time.Time
	utc      bool // modified is UTC
	top      bool
}

// problem records what could not be opened. An error among args that refuses something makes the problem a refusal, and one that says that files
// are missing makes it one that says so.
func (c *catalogue) problem(path string, stage Stage, format string, args ...any) {
	c.b.Problems = append(c.b.Problems, Problem{Artifact: path, Stage: stage, Message: fmt.Sprintf(format, args...), Refused: refusalIn(args), Cut: cutIn(args)})
}

// refuse records what was not opened because it would do harm.
func (c *catalogue) refuse(path string, stage Stage, why Refusal, format string, args ...any) {
	c.b.Problems = append(c.b.Problems, Problem{Artifact: path, Stage: stage, Message: fmt.Sprintf(format, args...), Refused: why})
}

// path makes an entry's name a path in the bundle and says what had to be changed.
func (c *catalogue) path(e entry) string {
	clean, why := cleanName(collectedName(e.name))
	if e.bad != "" {
		why = strings.TrimPrefix(why+" and "+e.bad, " and ")
	}
	full := clean
	if e.within != "" {
		full = e.within + "/" + clean
	}
	p := c.names.unique(full)
	c.paths += len(p)
	if why == "" && p == full {
		return p
	}
	if c.odd++; c.odd > maxOddNames {
		return p
	}
	if why != "" {
		c.refuse(p, StageOpen, RefusedName, "the name %q %s; the member is called %q here", cutString(e.name, 256), why, cutString(p, 256))
	}
	if p != full {
		c.refuse(p, StageOpen, RefusedName, "another member has the same path %q", cutString(full, 256))
	}
	return p
}

// add takes an entry into the catalogue, and if it is an archive, what is in it.
func (c *catalogue) add(ctx context.Context, e entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.full {
		return nil
	}
	if len(c.b.members) >= c.limits.MaxFiles || c.paths > (c.limits.MaxFiles+maxName)*pathAverage {
		c.full = true
		c.refuse("", StageLimit, RefusedCount, "more than %d members, or very long paths; the rest is not read; --max-files raises the limit", c.limits.MaxFiles)
		return nil
	}
	m := &member{
		path: c.path(e), src: e.src, size: e.size, most: e.most, packed: e.packed, modified: e.modified, utc: e.utc, top: e.top,
	}
	clean, _ := cleanName(collectedName(e.name))
	m.base = strings.ToLower(path.Base(clean))
	c.b.members = append(c.b.members, m)
	c.b.packed += e.packed
	s, err := e.src.open()
	if err != nil {
		return nil //nolint:nilerr // Read meets the same error and reports it
	}
	n, err := io.ReadFull(s, c.peek[:])
	_ = s.Close() // it was only read
	head := c.peek[:n]
	f := containerOf(head)
	switch {
	case f != containerNone:
	case isMail(m.base, head):
		f = containerMail
	case isMsg(m.base, head):
		f = containerMsg
	}
	if taken, err := c.takePart(ctx, m, e, f, head); taken || err != nil {
		return err
	}
	if f != containerNone {
		return c.nested(ctx, m, e, f)
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		m.first = c.claimed(m.base, head)
	}
	return nil
}

// claimed tells whether a First extractor claims a member that starts with head.
func (c *catalogue) claimed(base string, head []byte) (claimed first) {
	defer func() {
		if recover() != nil { // Read asks again, and reports what then happens
			claimed = firstNone
		}
	}()
	var text []byte
	for i := range c.opt.Extractors {
		x := &c.opt.Extractors[i]
		switch {
		case !x.First:
		case x.Binary:
			if x.Sniff(base, head) > 0 {
				return firstBinary
			}
		case claimed == firstNone:
			if text == nil {
				enc, bom, ok := textEncoding(head)
				if !ok {
					continue
				}
				text = headText(&c.head, head, enc, bom, pageOf(0, defaultANSI), true)
			}
			if x.Sniff(base, text) > 0 {
				claimed = firstText
			}
		}
	}
	return claimed
}

// nested lists the members of a container within the upload.
func (c *catalogue) nested(ctx context.Context, m *member, e entry, f container) error {
	m.kind = KindUnread
	depth := e.depth
	if depth >= c.limits.MaxDepth {
		c.refuse(m.path, StageLimit, RefusedDepth, "not opened: archives are nested more than %d deep; --max-depth raises the limit", c.limits.MaxDepth)
		return nil
	}
	in, err := c.randomAccess(ctx, m, e)
	if err != nil || in == nil {
		return err
	}
	if f != containerZip {
		return c.nestedContainer(ctx, m, f, &unpacking{in: in, within: m.path, base: path.Base(m.path), depth: depth + 1})
	}
	if p, ok := partOf(m.base); ok && p.style == splitZip && endsSplit(in) {
		c.keepPart(p, m, e, in)
		return nil
	}
	return c.nestedZip(ctx, m, in, depth)
}

// nestedZip lists the members of a zip at that depth.
func (c *catalogue) nestedZip(ctx context.Context, m *member, in *content, depth int) error {
	list, damage, err := readZip(ctx, in, c.limits.MaxFiles-len(c.b.members))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.problem(m.path, StageOpen, "the zip %v", err)
		return nil
	}
	m.kind = KindArchive
	if damage != nil {
		m.truncated = true
		c.problem(m.path, StageOpen, "the zip is read in part: %v", damage)
	}
	u := &unpacking{c: c, in: in, what: "workbook", within: m.path, base: path.Base(m.path), depth: depth + 1}
	if is, err := u.workbook(ctx, list); is {
		if err != nil && !errors.Is(err, errStop) && ctx.Err() == nil {
			m.truncated = true
			c.problem(m.path, StageOpen, "the workbook is read in part: %v", err)
		}
		return ctx.Err()
	}
	return c.addZip(ctx, list, m.path, depth+1)
}

// nestedContainer lists the members of a container that is no zip.
func (c *catalogue) nestedContainer(ctx context.Context, m *member, f container, u *unpacking) error {
	err := c.unpack(ctx, f, u)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && u.members == 0:
		c.problem(m.path, stageOf(err), "the %s can't be read: %v", containers[f].name, err)
		return nil
	case err != nil:
		m.truncated = true
		c.problem(m.path, stageOf(err), "the %s is read in part: %v", containers[f].name, err)
	}
	m.kind = KindArchive
	return nil
}

// addZip adds the entries of a zip.
func (c *catalogue) addZip(ctx context.Context, list []*zipEntry, within string, depth int) error {
	archive := within
	if archive == "" {
		archive = c.b.Name
	}
	c.unlockZip(ctx, list, archive)
	for _, z := range list {
		if c.full {
			return nil
		}
		e := entry{
			name: z.name, bad: z.bad, within: within, depth: depth, src: z, zip: z,
			size: z.want, most: z.most(), packed: z.size, modified: z.time, utc: z.utc,
		}
		if z.isDir() {
			continue
		}
		if z.attrs&fs.ModeSymlink != 0 {
			c.refuse(c.path(e), StageOpen, RefusedLink, "a symbolic link, which is not followed")
			continue
		}
		if err := c.add(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// randomAccess returns the bytes of a nested archive: where they stand if they can be read in any order, else a copy in memory or
// in a temporary file. It returns nil if a Problem says why there are none.
func (c *catalogue) randomAccess(ctx context.Context, m *member, e entry) (*content, error) {
	if e.openFile != nil {
		return &content{size: e.size, open: e.openFile}, nil
	}
	if e.in != nil {
		return e.in, nil
	}
	if e.zip.stored() {
		return &content{size: e.zip.size, parent: e.zip.in, off: e.zip.off}, nil
	}
	left, total := totalLimit(c.limits, c.b.Bytes, c.b.isArchive())
	g := grant{bytes: left - c.b.produced - c.b.spooled, err: total}
	if c.limits.MaxMember < g.bytes {
		g = grant{bytes: c.limits.MaxMember, err: memberLimit(c.limits)}
	}
	s, err := e.src.open()
	if err != nil {
		c.problem(m.path, StageRead, "%v", err)
		return nil, nil
	}
	defer s.Close() //nolint:errcheck // it was only read
	r := &meter{stream: s, grant: g, ratio: c.limits.MaxRatio}
	cp := &copier{inMemory: nestedInMemory - c.b.memory, create: c.b.tempFile}
	in, err := cp.copy(ctx, r)
	if err != nil {
		if ctx.Err() == nil {
			c.problem(m.path, StageOpen, "not opened: there is no room for a temporary copy: %v", plain(err))
		}
		return nil, ctx.Err()
	}
	c.b.produced += r.produced
	c.b.memory += int64(len(in.mem))
	m.read, m.sum, m.size = true, cp.sum, in.size
	if cp.damage != nil {
		m.truncated = true
		c.problem(m.path, stageOf(cp.damage), "%v", cp.damage)
	}
	return in, nil
}

// stageOf returns the stage of a problem that ended the reading of a member.
func stageOf(err error) Stage {
	if l := (*limitError)(nil); errors.As(err, &l) {
		return StageLimit
	}
	return StageRead
}

// plain removes the operation and the path from an error of the file system: the report must not depend on where the
// upload lies.
func plain(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
