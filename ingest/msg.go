package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// Mails that Outlook saved are compound files ([MS-OXMSG]): properties are streams called __substg1.0_ and the tag and type of the property in
// hexadecimal digits, attachments are storages called __attach_version1.0_#…

// Properties ([MS-OXPROPS]) and their types.
const (
	msgPrefix     = "__substg1.0_"
	msgAttachment = "__attach_version1.0_#"

	msgSubject, msgFrom, msgTo, msgBody = "0037", "0C1A", "0E04", "1000"
	msgData, msgShortName, msgLongName  = "3701", "3704", "3707"
	msgUnicode, msgANSI                 = "001F", "001E"
	msgBinary, msgEmbedded              = "0102", "000D"

	// maxMsgField is how many bytes of a field other than the text are read.
	maxMsgField = 64 << 10
)

// isMsg tells whether a file is a mail that Outlook saved.
func isMsg(base string, head []byte) bool {
	return path.Ext(base) == ".msg" && bytes.HasPrefix(head, []byte(cfbSignature))
}

// msg lists the text and the attachments of a mail.
func (u *unpacking) msg(ctx context.Context) error {
	f, err := openCFB(u.r, u.in.size)
	if err != nil {
		return err
	}
	return u.msgStorage(ctx, f, 0, "", 0)
}

// msgStorage lists a mail that is a storage of the file. Its members' names begin with prefix.
func (u *unpacking) msgStorage(ctx context.Context, f *cfbFile, storage int, prefix string, depth int) error {
	list := f.children(storage)
	var top strings.Builder
	for _, field := range []struct{ name, tag string }{{"From", msgFrom}, {"To", msgTo}, {"Subject", msgSubject}} {
		if v := msgText(f, list, field.tag); v != "" {
			fmt.Fprintf(&top, "%s: %s\n", field.name, v)
		}
	}
	top.WriteByte('\n')
	text := io.Reader(strings.NewReader(top.String()))
	if i, ok := list[msgPrefix+msgBody+msgUnicode]; ok {
		text = io.MultiReader(text, utf16Text(f.open(i)))
	} else if i, ok := list[msgPrefix+msgBody+msgANSI]; ok {
		text = io.MultiReader(text, f.open(i))
	}
	if err := u.unpacked(ctx, header{name: prefix + "message.txt", size: -1}, text); err != nil {
		return err
	}
	for n := range cfbMaxEntries {
		a, ok := list[fmt.Sprintf("%s%08X", msgAttachment, n)]
		if !ok {
			return nil
		}
		attached := f.children(a)
		name := msgText(f, attached, msgLongName)
		if name == "" {
			name = msgText(f, attached, msgShortName)
		}
		if name == "" {
			name = fmt.Sprintf("part-%d.bin", n+1)
		}
		if i, ok := attached[msgPrefix+msgData+msgBinary]; ok {
			if err := u.unpacked(ctx, header{name: prefix + strings.NewReplacer("/", "_", `\`, "_").Replace(name), size: f.entries[i].size}, f.open(i)); err != nil {
				return err
			}
		} else if i, ok := attached[msgPrefix+msgData+msgEmbedded]; ok && f.entries[i].kind == cfbStorage {
			if depth >= maxMailDepth {
				u.c.refuse(u.within, StageLimit, RefusedDepth, "mails in it are nested more than %d deep; what is deeper is not read", maxMailDepth)
				continue
			}
			if err := u.msgStorage(ctx, f, i, fmt.Sprintf("%spart-%d/", prefix, n+1), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// msgText returns a property that is a short text, "" if there is none.
func msgText(f *cfbFile, list map[string]int, tag string) string {
	read := func(i int) []byte {
		var b bytes.Buffer
		_, _ = io.CopyN(&b, f.open(i), maxMsgField) // what is missing of a name is left out
		return b.Bytes()
	}
	text := ""
	if i, ok := list[msgPrefix+tag+msgUnicode]; ok {
		b := read(i)
		units := make([]uint16, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, binary.LittleEndian.Uint16(b))
		}
		text = string(utf16.Decode(units))
	} else if i, ok := list[msgPrefix+tag+msgANSI]; ok {
		b, err := charmap.Windows1252.NewDecoder().Bytes(read(i))
		if err != nil {
			return ""
		}
		text = string(b)
	}
	return strings.TrimSpace(strings.NewReplacer("\r", " ", "\n", " ", "\x00", "").Replace(text))
}

// utf16Text returns UTF-16 text in little-endian order as UTF-8.
func utf16Text(r io.Reader) io.Reader {
	t, err := charset("utf-16le", r)
	if err != nil {
		return r
	}
	return t
}
