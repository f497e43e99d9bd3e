package web

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// maxMarks is how many combining marks may follow each other: more than any script needs, too few to paint over neighbouring lines.
const maxMarks = 4

// maxText is how many bytes of a string the page shows within a line: a name or a registry value may be megabytes long.
const maxText = 4000

// text shows a string of the report within a line: markup characters escaped, and every character that would not be seen, or that
// would reorder what stands beside it, as a visible escape. Line breaks and tabs are such characters here, and so is a space at either end.
func text(s string) templ.Component {
	if len(s) > maxText {
		cut := maxText
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "… (" + size(int64(len(s))) + ", the rest is in report.json)"
	}
	return shown(s, false)
}

// pathText is the text of a path, which may be broken behind its slashes.
func pathText(s string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		if len(s) > maxText {
			return text(s).Render(ctx, w)
		}
		for part := range strings.SplitAfterSeq(s, "/") {
			if err := text(part).Render(ctx, w); err != nil {
				return err
			}
			if strings.HasSuffix(part, "/") {
				if _, err := io.WriteString(w, "<wbr>"); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// block is text for elements that keep white space: line breaks and tabs stay.
func block(s string) templ.Component { return shown(s, true) }

// plain is text for attributes and the page's title, which hold no elements: the escapes stand in the string itself. templ escapes the
// markup characters.
func plain(s string) string {
	var b strings.Builder
	pieces(s, false, func(piece string, visible bool) {
		b.WriteString(piece)
	})
	return b.String()
}

func shown(s string, keepSpace bool) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		pieces(s, keepSpace, func(piece string, visible bool) {
			if visible {
				b.WriteString(templ.EscapeString(piece))
				return
			}
			b.WriteString(`<span class="esc">`)
			b.WriteString(piece)
			b.WriteString(`</span>`)
		})
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// pieces cuts s into runs of characters that are shown as they are (visible) and runs of escapes, in order.
func pieces(s string, keepSpace bool, emit func(piece string, visible bool)) {
	start, marks := 0, 0
	var escapes strings.Builder
	flush := func() {
		if escapes.Len() > 0 {
			emit(escapes.String(), false)
			escapes.Reset()
		}
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		invalid := r == utf8.RuneError && size == 1
		seen := isSeen(r)
		if keepSpace {
			seen = seen || r == '\n' || r == '\t'
		} else if unicode.Is(unicode.Zs, r) {
			seen = seen && 0 < i && i+size < len(s)
		}
		if seen && !invalid && marks <= maxMarks {
			if escapes.Len() > 0 {
				flush()
				start = i
			}
			i += size
			continue
		}
		if start < i && escapes.Len() == 0 {
			emit(s[start:i], true)
		}
		switch {
		case invalid:
			fmt.Fprintf(&escapes, `\x%02X`, s[i])
		case r <= 0xFFFF:
			fmt.Fprintf(&escapes, `\u%04X`, r)
		default:
			fmt.Fprintf(&escapes, `\U%08X`, r)
		}
		i += size
		start = i
	}
	if start < len(s) && escapes.Len() == 0 {
		emit(s[start:], true)
	}
	flush()
}

// isSeen says whether r leaves a mark or a space on the screen and keeps its place. Unicode's format characters (bidi controls, zero-width
// ones), controls, line and paragraph separators, private and unassigned characters are not graphic; the ignorable ones and the
// variation selectors are letters or marks that draw nothing.
func isSeen(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r < 0x7f
	}
	return unicode.IsGraphic(r) && r != '\u2800' &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r)
}
