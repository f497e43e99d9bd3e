package ingest

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Workbooks of Excel (ECMA-376, SpreadsheetML) are zips of XML. Each sheet becomes a text member, a line for each row, its cells separated by
// tabs: so tables that a customer exported are read like those that came as text.

const (
	workbookPart = "xl/workbook.xml"
	stringsPart  = "xl/sharedStrings.xml"
	linksPart    = "xl/_rels/workbook.xml.rels"

	// maxShared is how many bytes the strings that sheets share may have.
	maxShared = 64 << 20
	// maxRow is how many bytes a row may have, and maxColumn how many cells: Excel's own bounds are 16,384 cells.
	maxRow, maxColumn = MaxRecord, 1 << 14
	// maxRowXML is how many bytes of XML a row may have: the decoder keeps the longest text of it in memory.
	maxRowXML = 16 << 20
	// maxSharedStrings is how many strings sheets may share.
	maxSharedStrings = 2 << 20
	// maxSheets is how many sheets are read.
	maxSheets = 1000
)

// workbook lists the sheets of a workbook as members. It returns false if the zip is none.
func (u *unpacking) workbook(ctx context.Context, list []*zipEntry) (bool, error) {
	parts := map[string]*zipEntry{}
	for _, e := range list {
		parts[e.name] = e
	}
	if parts[workbookPart] == nil || parts["[Content_Types].xml"] == nil {
		return false, nil
	}
	links := map[string]string{} // by ID
	if err := eachElement(ctx, parts[linksPart], func(e xml.StartElement) {
		if id := attribute(e, "Id"); e.Name.Local == "Relationship" && id != "" && len(links) < maxSheets {
			links[id] = path.Clean(path.Join("xl", attribute(e, "Target")))
			if t := attribute(e, "Target"); strings.HasPrefix(t, "/") {
				links[id] = strings.TrimPrefix(path.Clean(t), "/")
			}
		}
	}); err != nil {
		return true, err
	}
	type sheet struct{ name, part string }
	var sheets []sheet
	if err := eachElement(ctx, parts[workbookPart], func(e xml.StartElement) {
		if e.Name.Local == "sheet" && len(sheets) < maxSheets {
			sheets = append(sheets, sheet{attribute(e, "name"), links[attribute(e, "id")]})
		}
	}); err != nil {
		return true, err
	}
	shared, err := sharedStrings(ctx, parts[stringsPart])
	if err != nil {
		return true, err
	}
	for _, s := range sheets {
		h := header{name: strings.NewReplacer("/", "_", `\`, "_").Replace(s.name) + ".txt", size: -1}
		e := parts[s.part]
		if e == nil {
			if err := u.lock(ctx, h, errors.New("the workbook lacks the part that should hold this sheet")); err != nil {
				return true, err
			}
			continue
		}
		h.modified = e.time
		r, err := e.open()
		if err != nil {
			if err := u.lock(ctx, h, err); err != nil {
				return true, err
			}
			continue
		}
		err = u.unpacked(ctx, h, newSheetReader(r, shared))
		_ = r.Close() // it was only read
		if err != nil {
			return true, err
		}
	}
	return true, nil
}

// attribute returns an attribute of any name space.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// eachElement calls f for each element of a part.
func eachElement(ctx context.Context, e *zipEntry, f func(xml.StartElement)) error {
	if e == nil {
		return nil
	}
	r, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	d := xml.NewDecoder(io.LimitReader(r, maxShared))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("its part %q is damaged: %w", e.name, err)
		}
		if s, ok := t.(xml.StartElement); ok {
			f(s)
		}
	}
}

// sharedStrings reads the strings that cells refer to.
func sharedStrings(ctx context.Context, e *zipEntry) ([]string, error) {
	if e == nil {
		return nil, nil
	}
	r, err := e.open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	d := xml.NewDecoder(io.LimitReader(r, maxShared))
	var list []string
	var text strings.Builder
	in, phonetic := false, false
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := d.RawToken()
		if err != nil { // what is missing shows in the cells
			return list, nil
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				in = !phonetic
			case "rPh": // how a text is pronounced
				phonetic = true
			}
		case xml.CharData:
			if in {
				text.Write(t)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				in = false
			case "rPh":
				phonetic = false
			case "si":
				if len(list) == maxSharedStrings {
					return list, nil
				}
				list = append(list, text.String())
				text.Reset()
			}
		}
	}
}

// sheetReader turns a sheet into lines.
type sheetReader struct {
	d      *xml.Decoder
	xml    *rowXML
	shared []string
	line   []byte // what is left of the current row
	whole  bool   // the end of the rows was seen
	err    error
}

func newSheetReader(r io.Reader, shared []string) *sheetReader {
	x := &rowXML{r: r}
	return &sheetReader{d: xml.NewDecoder(x), xml: x, shared: shared}
}

// rowXML bounds the XML of a row.
type rowXML struct {
	r io.Reader
	n int // bytes since the last row
}

func (x *rowXML) Read(p []byte) (int, error) {
	if x.n > maxRowXML {
		return 0, fmt.Errorf("a row has more than %d bytes of XML", maxRowXML)
	}
	n, err := x.r.Read(p)
	x.n += n
	return n, err
}

func (s *sheetReader) Read(p []byte) (int, error) {
	for len(s.line) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.line, s.err = s.row()
	}
	n := copy(p, s.line)
	s.line = s.line[n:]
	return n, nil
}

// row reads the next row.
func (s *sheetReader) row() ([]byte, error) {
	s.xml.n = 0
	var line bytes.Buffer
	var value strings.Builder
	kind, column, in := "", 0, false
	for {
		t, err := s.d.RawToken()
		if errors.Is(err, io.EOF) && !s.whole {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return line.Bytes(), err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "c":
				kind = attribute(t, "t")
				value.Reset()
				for at := min(columnOf(attribute(t, "r")), maxColumn); column < at; column++ {
					line.WriteByte('\t')
				}
			case "v", "t":
				in = true
			}
		case xml.CharData:
			if in && value.Len() < maxRow {
				value.Write(t)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "v", "t":
				in = false
			case "c":
				text := value.String()
				if kind == "s" {
					if i, err := strconv.Atoi(text); err == nil && i >= 0 && i < len(s.shared) {
						text = s.shared[i]
					} else {
						text = "\uFFFD"
					}
				}
				if line.Len() < maxRow {
					line.WriteString(strings.Map(func(r rune) rune {
						if r == '\n' || r == '\r' || r == '\t' {
							return ' '
						}
						return r
					}, text))
				}
			case "sheetData":
				s.whole = true
			case "row":
				line.WriteByte('\n')
				return line.Bytes(), nil
			}
		}
	}
}

// columnOf returns the place from 0 on of the column that a cell's reference (AB12) names.
func columnOf(ref string) int {
	n := 0
	for i := 0; i < len(ref) && i < 3 && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		n = n*26 + int(ref[i]-'A') + 1
	}
	return max(0, n-1)
}
