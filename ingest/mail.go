package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"path"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"
)

// A saved mail (RFC 5322, RFC 2045 to 2049) is a container: its text and its attachments are members. What of its header a reader wants to know stands
// before the text, in message.txt.

const (
	// maxMailDepth is how deep the parts of a mail may be nested.
	maxMailDepth = 20
	// maxMailHeader is how long the header of a mail may be in bytes: each server on the way adds to it.
	maxMailHeader = 256 << 10
)

// mailFields are the header fields that are shown.
var mailFields = []string{"From", "To", "Cc", "Date", "Subject"}

// isMail tells whether a file is a saved mail: by its name, and by a header in front of it that names the format or the sender.
func isMail(base string, head []byte) bool {
	if path.Ext(base) != ".eml" {
		return false
	}
	known := false
	for i, line := range strings.Split(string(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if i > 0 && line == "" {
			break
		}
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return known && i > 0 && len(head) == peekSize // the last line of the head is cut
		}
		switch strings.ToLower(name) {
		case "mime-version", "from", "received", "content-type", "message-id":
			known = true
		}
	}
	return known
}

// mail lists the text and the attachments of a mail.
func (u *unpacking) mail(ctx context.Context) error {
	r := bufio.NewReaderSize(&utf8Mark{r: io.NewSectionReader(u.r, 0, u.in.size)}, packedBuffer)
	h, err := mailHeader(r)
	if err != nil {
		return err
	}
	var top bytes.Buffer
	words := &mime.WordDecoder{CharsetReader: charset}
	for _, name := range mailFields {
		if v := h.Get(name); v != "" {
			if decoded, err := words.DecodeHeader(v); err == nil {
				v = decoded
			}
			fmt.Fprintf(&top, "%s: %s\n", name, strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' {
					return ' '
				}
				return r
			}, v))
		}
	}
	top.WriteByte('\n')
	m := &mailReader{u: u, top: top.Bytes()}
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", strings.TrimSpace(h.Get("Date"))); err == nil {
		m.sent = t.UTC()
	}
	if err := m.part(ctx, h, r, 0); err != nil {
		return err
	}
	if len(m.top) > 0 { // there is no text
		return u.unpacked(ctx, header{name: "message.txt", size: -1, modified: m.sent}, bytes.NewReader(m.top))
	}
	return nil
}

// mailHeader reads a header.
func mailHeader(r *bufio.Reader) (textproto.MIMEHeader, error) {
	var b bytes.Buffer
	for b.Len() < maxMailHeader {
		line, err := r.ReadSlice('\n') // a part of it, if it is long
		b.Write(line)
		if len(line) <= 2 && len(bytes.TrimRight(line, "\r\n")) == 0 || err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	h, err := textproto.NewReader(bufio.NewReader(io.MultiReader(&b, strings.NewReader("\r\n")))).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("damaged: its header is not that of a mail")
	}
	return h, nil
}

// mailReader walks through the parts of a mail.
type mailReader struct {
	u     *unpacking
	top   []byte // what stands before the first text
	sent  time.Time
	parts int
}

// part reads a part whose header is read.
func (m *mailReader) part(ctx context.Context, h textproto.MIMEHeader, r io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		if depth >= maxMailDepth {
			m.u.c.refuse(m.u.within, StageLimit, RefusedDepth, "its parts are nested more than %d deep; what is deeper is not read", maxMailDepth)
			return nil
		}
		parts := multipart.NewReader(r, params["boundary"])
		for {
			if err := m.u.room(ctx); err != nil {
				return err
			}
			p, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("cut short or damaged behind part %d", m.parts)
			}
			if err := m.part(ctx, p.Header, p, depth+1); err != nil {
				return err
			}
		}
	}
	m.parts++
	body := transferDecoded(h.Get("Content-Transfer-Encoding"), r)
	name := attachmentName(h, params)
	hd := header{name: name, size: -1, modified: m.sent}
	switch {
	case name == "" && kind == "text/html":
		hd.name = "message.html"
	case name == "" && strings.HasPrefix(kind, "text/"):
		hd.name = "message.txt"
		if t, err := charset(params["charset"], body); err == nil {
			body = t
		}
		body = io.MultiReader(bytes.NewReader(m.top), body)
		m.top = nil
	case name == "" && kind == "message/rfc822":
		hd.name = fmt.Sprintf("part-%d.eml", m.parts)
	case name == "":
		hd.name = fmt.Sprintf("part-%d.bin", m.parts)
	}
	return m.u.unpacked(ctx, hd, body)
}

// attachmentName returns the file name of a part, "" if it has none.
func attachmentName(h textproto.MIMEHeader, params map[string]string) string {
	name := ""
	if _, p, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil {
		name = p["filename"]
	}
	if name == "" {
		name = params["name"]
	}
	words := &mime.WordDecoder{CharsetReader: charset}
	if decoded, err := words.DecodeHeader(name); err == nil {
		name = decoded
	}
	name = strings.TrimRight(strings.ReplaceAll(name, `\`, "/"), "/")
	return name[strings.LastIndexByte(name, '/')+1:]
}

// transferDecoded undoes a Content-Transfer-Encoding (RFC 2045, 6).
func transferDecoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

// charset returns the text of r, which is in the encoding of that name, as UTF-8.
func charset(name string, r io.Reader) (io.Reader, error) {
	if name == "" {
		return nil, errors.New("no charset is stated")
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil, err
	}
	return enc.NewDecoder().Reader(r), nil
}

// utf8Mark skips the byte order mark that some programs save mails with.
type utf8Mark struct {
	r    *io.SectionReader
	done bool
}

func (u *utf8Mark) Read(p []byte) (int, error) {
	if !u.done {
		u.done = true
		var mark [3]byte
		if _, err := u.r.ReadAt(mark[:], 0); err == nil && string(mark[:]) == "\xef\xbb\xbf" {
			if _, err := u.r.Seek(3, io.SeekStart); err != nil {
				return 0, err
			}
		}
	}
	return u.r.Read(p)
}
