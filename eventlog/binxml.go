package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"casebook/internal/safeio"
)

// BinXml, [MS-EVEN6] 2.2.12. Offsets are those of the chunk. A name, and the definition of a template, stands at its first use, and later uses refer to it:
//
//	fragment   0F, major 1, minor 1, flags 1, then nodes up to 00
//	element    01 (41 with attributes), dependency 2, size 4 of what follows, name 4, [size 4 of the attributes, attributes], then 03 (empty), or 02, nodes, 04
//	           outside the definitions of templates there is no dependency
//	attribute  06 (46 if another follows), name 4, nodes of text
//	text       05 type 1 count 2 UTF-16; 07 count 2 UTF-16 (CDATA); 08 character 2; 09 name 4 (entity); 0A name 4, 0B count 2 UTF-16 (instruction)
//	template   0C, 1, ID 4, definition 4; the values: count 4, for each size 2, type 1, 0; their bytes
//	definition next 4, GUID 16, size 4, fragment
//	value      0D index 2 type 1; 0E the same, and nothing of what holds it is shown if it is null
//	name       next 4, hash 2, count 2, UTF-16, 0 2
const (
	tokenEnd         = 0x00
	tokenOpen        = 0x01
	tokenCloseStart  = 0x02
	tokenCloseEmpty  = 0x03
	tokenEndElement  = 0x04
	tokenValue       = 0x05
	tokenAttribute   = 0x06
	tokenCDATA       = 0x07
	tokenCharacter   = 0x08
	tokenEntity      = 0x09
	tokenTarget      = 0x0A
	tokenInstruction = 0x0B
	tokenTemplate    = 0x0C
	tokenNormal      = 0x0D
	tokenOptional    = 0x0E
	tokenFragment    = 0x0F
	tokenMore        = 0x40 // is set in tokens that more follows
)

const (
	noDependency = 0xFFFF
	maxDepth     = 64 // of elements, templates and values within each other

	// A template may be used, and a value shown, any number of times. Real events have some hundred nodes and some thousand bytes of text.
	maxEventText = 1 << 20 // bytes of the text of one event
	maxEventWork = 1 << 17 // nodes of one event
	maxChunkWork = 1 << 20 // nodes of a chunk
)

var (
	errEnds  = errors.New("its XML ends within a node")
	errDepth = fmt.Errorf("its XML is nested more than %d deep", maxDepth)
	errLarge = fmt.Errorf("its text has more than %d bytes or its XML more than %d nodes, or that of its chunk more than %d", maxEventText, maxEventWork, maxChunkWork)
)

// renderer writes the events of one chunk as XML.
type renderer struct {
	b     []byte // the chunk
	out   []byte
	names map[uint32]string // by their place
	limit int               // of out, for the event at hand
	left  int               // nodes that the event at hand may still have
	work  int               // nodes that the chunk may still have
}

// step counts a node.
func (x *renderer) step() error {
	x.left--
	if x.left < 0 || len(x.out) > x.limit {
		return errLarge
	}
	return nil
}

// begin takes the next chunk.
func (x *renderer) begin(chunk []byte) {
	x.b, x.work = chunk, maxChunkWork
	if x.names == nil {
		x.names = map[uint32]string{}
	}
	clear(x.names)
}

// event writes the event whose XML lies in the chunk from pos to end, and ends the line. If it can't be read nothing is written.
func (x *renderer) event(pos, end int) error {
	mark := len(x.out)
	budget := min(maxEventWork, x.work)
	x.limit, x.left = mark+maxEventText, budget
	_, err := x.nodes(pos, end, &scope{bare: true})
	x.work -= budget - max(0, x.left)
	if err == nil && len(x.out) == mark {
		err = errors.New("it has no XML")
	}
	if err != nil {
		x.out = x.out[:mark]
		return err
	}
	x.out = append(x.out, '\n')
	return nil
}

// scope is what surrounds a node.
type scope struct {
	values  []value // of the template's instance
	bare    bool    // not in a template's definition: elements have no dependency
	inValue bool    // in an attribute
	depth   int
}

func (s *scope) within() *scope {
	n := *s
	n.depth++
	return &n
}

// value is a value of a template's instance; its bytes lie in the chunk.
type value struct {
	typ      byte
	at, size int
}

func (s *scope) value(i uint16) value {
	if int(i) < len(s.values) {
		return s.values[i]
	}
	return value{}
}

// null tells whether a value is missing. Outside a template nothing is.
func (s *scope) null(i uint16) bool { return s.values != nil && s.value(i).typ == typeNull }

func (x *renderer) u16(pos, end int) (uint16, int, error) {
	if v, ok := safeio.U16(x.b[:end], pos); ok {
		return v, pos + 2, nil
	}
	return 0, pos, errEnds
}

func (x *renderer) u32(pos, end int) (uint32, int, error) {
	if v, ok := safeio.U32(x.b[:end], pos); ok {
		return v, pos + 4, nil
	}
	return 0, pos, errEnds
}

// nodes writes nodes up to the end of the fragment or of the element that holds them, and returns where it stands: behind that token.
func (x *renderer) nodes(pos, end int, s *scope) (int, error) {
	if s.depth > maxDepth {
		return pos, errDepth
	}
	for pos < end {
		err := x.step()
		if err != nil {
			return pos, err
		}
		switch token := x.b[pos]; token &^ tokenMore {
		case tokenEnd, tokenEndElement:
			return pos + 1, nil
		case tokenFragment:
			pos += 4
		case tokenOpen:
			pos, err = x.element(pos, end, s)
		case tokenTemplate:
			pos, err = x.template(pos, end, s)
		case tokenTarget, tokenInstruction:
			pos, err = x.instruction(pos, end)
		default:
			var text bool
			if pos, text, err = x.text(pos, end, s); err == nil && !text {
				err = fmt.Errorf("its XML has an unknown node %#02x", token)
			}
		}
		if err != nil {
			return pos, err
		}
	}
	return pos, nil
}

// text writes a node of text; false if there is none at pos.
func (x *renderer) text(pos, end int, s *scope) (next int, ok bool, err error) {
	switch token := x.b[pos]; token &^ tokenMore {
	case tokenValue:
		if pos+2 > end {
			return pos, true, errEnds
		}
		if t := x.b[pos+1]; t != typeString {
			return pos, true, fmt.Errorf("its XML has text of type %#02x", t)
		}
		next, err = x.counted(pos+2, end, s)
		return next, true, err
	case tokenCDATA:
		next, err = x.counted(pos+1, end, s)
		return next, true, err
	case tokenCharacter:
		c, next, err := x.u16(pos+1, end)
		if err == nil {
			x.out = appendRune(x.out, rune(c), s.inValue)
		}
		return next, true, err
	case tokenEntity:
		name, next, err := x.name(pos+1, end)
		if err == nil {
			x.out = append(append(append(x.out, '&'), name...), ';')
		}
		return next, true, err
	case tokenNormal, tokenOptional:
		i, next, err := x.u16(pos+1, end)
		if err != nil || next >= end {
			return pos, true, errEnds
		}
		return next + 1, true, x.value(s.value(i), s)
	}
	return pos, false, nil
}

// counted writes UTF-16 behind its count.
func (x *renderer) counted(pos, end int, s *scope) (int, error) {
	n, pos, err := x.u16(pos, end)
	if err != nil || pos+2*int(n) > end {
		return pos, errEnds
	}
	x.out = appendText(x.out, x.b[pos:pos+2*int(n)], s.inValue)
	return pos + 2*int(n), nil
}

// instruction skips a processing instruction, which no event has.
func (x *renderer) instruction(pos, end int) (int, error) {
	if x.b[pos] == tokenTarget {
		_, pos, err := x.name(pos+1, end)
		return pos, err
	}
	n, pos, err := x.u16(pos+1, end)
	if err != nil || pos+2*int(n) > end {
		return pos, errEnds
	}
	return pos + 2*int(n), nil
}

// name reads a reference to a name and returns the name with what no XML name has replaced. Where it is the first, the name itself follows and is passed over.
func (x *renderer) name(pos, end int) (string, int, error) {
	at, pos, err := x.u32(pos, end)
	if err != nil {
		return "", pos, err
	}
	n, ok := safeio.U16(x.b, int(min(at, chunkSize))+6)
	if !ok || int(at)+8+2*int(n) > len(x.b) {
		return "", pos, fmt.Errorf("its XML has a name at %d, outside the chunk", at)
	}
	if int(at) == pos {
		pos += 8 + 2*int(n) + 2
		if pos > end {
			return "", pos, errEnds
		}
	}
	name, known := x.names[at]
	if !known {
		name = cleanName(safeio.UTF16LE(x.b[at+8 : int(at)+8+2*int(n)]))
		x.names[at] = name
	}
	return name, pos, nil
}

// element writes an element, as often as the list has values if it holds just a list.
func (x *renderer) element(pos, end int, s *scope) (int, error) {
	attributes := x.b[pos]&tokenMore != 0
	pos++
	dependency := uint16(noDependency)
	var err error
	if !s.bare {
		if dependency, pos, err = x.u16(pos, end); err != nil {
			return pos, err
		}
	}
	size, pos, err := x.u32(pos, end)
	if err != nil {
		return pos, err
	}
	if dependency != noDependency && s.null(dependency) && int64(pos)+int64(size) <= int64(end) {
		return pos + int(size), nil
	}
	name, pos, err := x.name(pos, end)
	if err != nil {
		return pos, err
	}
	mark := len(x.out)
	x.out = append(append(x.out, '<'), name...)
	if attributes {
		if pos, err = x.attributes(pos, end, s); err != nil {
			return pos, err
		}
	}
	if pos >= end {
		return pos, errEnds
	}
	switch x.b[pos] {
	case tokenCloseEmpty:
		x.out = append(x.out, "/>"...)
		return pos + 1, nil
	case tokenCloseStart:
	default:
		return pos, fmt.Errorf("its XML has the node %#02x where a start tag must end", x.b[pos])
	}
	x.out = append(x.out, '>')
	pos++
	if v, next, ok := x.list(pos, end, s); ok {
		return next, x.repeated(mark, name, v, s)
	}
	if pos, err = x.nodes(pos, end, s.within()); err != nil {
		return pos, err
	}
	x.out = append(append(append(x.out, "</"...), name...), '>')
	return pos, nil
}

// attributes writes attributes, without those whose optional value is missing.
func (x *renderer) attributes(pos, end int, s *scope) (int, error) {
	_, pos, err := x.u32(pos, end)
	if err != nil {
		return pos, err
	}
	in := s.within()
	in.inValue = true
	for pos < end && x.b[pos]&^tokenMore == tokenAttribute {
		var name string
		if name, pos, err = x.name(pos+1, end); err != nil {
			return pos, err
		}
		mark, shown := len(x.out), true
		x.out = append(append(append(x.out, ' '), name...), "='"...)
		for pos < end {
			if err := x.step(); err != nil {
				return pos, err
			}
			if x.b[pos] == tokenOptional {
				if i, ok := safeio.U16(x.b[:end], pos+1); ok && s.null(i) {
					shown = false
				}
			}
			var text bool
			if pos, text, err = x.text(pos, end, in); err != nil {
				return pos, err
			}
			if !text {
				break
			}
		}
		if x.out = append(x.out, '\''); !shown {
			x.out = x.out[:mark]
		}
	}
	return pos, nil
}

// list returns the list that is all that the element holds whose content begins at pos, and where the element ends.
func (x *renderer) list(pos, end int, s *scope) (v value, next int, ok bool) {
	if pos+4 >= end || x.b[pos] != tokenNormal && x.b[pos] != tokenOptional || x.b[pos+4] != tokenEndElement {
		return v, pos, false
	}
	v = s.value(binary.LittleEndian.Uint16(x.b[pos+1:]))
	return v, pos + 5, v.typ&typeList != 0
}

// repeated writes an element for each value of a list. Its start tag was written from mark on.
func (x *renderer) repeated(mark int, name string, v value, s *scope) error {
	tag := string(x.out[mark:])
	x.out = x.out[:mark]
	first := true
	for one := range x.each(v) {
		if err := x.step(); err != nil {
			return err
		}
		first = false
		x.out = append(x.out, tag...)
		if err := x.value(one, s); err != nil {
			return err
		}
		x.out = append(append(append(x.out, "</"...), name...), '>')
	}
	if first {
		x.out = append(append(append(append(x.out, tag...), "</"...), name...), '>')
	}
	return nil
}

// template writes an instance of a template.
func (x *renderer) template(pos, end int, s *scope) (int, error) {
	if s.depth > maxDepth {
		return pos, errDepth
	}
	id, pos, err := x.u32(pos+2, end) // behind the token and 1
	if err != nil {
		return pos, err
	}
	definition, pos, err := x.u32(pos, end)
	if err != nil {
		return pos, err
	}
	size, ok := safeio.U32(x.b, int(min(definition, chunkSize))+20)
	from := int64(definition) + 24
	if !ok || from+int64(size) > int64(len(x.b)) {
		return pos, fmt.Errorf("its XML has a template at %d, outside the chunk", definition)
	}
	// The ID is the beginning of the GUID. Where old and new sectors are mixed, another definition may lie there.
	if guid, _ := safeio.U32(x.b, int(definition)+4); guid != id {
		return pos, fmt.Errorf("its template %08x is not at %d", id, definition)
	}
	if int(definition) == pos {
		if pos = int(from) + int(size); pos > end {
			return pos, errEnds
		}
	}
	count, pos, err := x.u32(pos, end)
	if err != nil || int64(pos)+4*int64(count) > int64(end) {
		return pos, errEnds
	}
	in := s.within()
	in.bare = false
	in.values = make([]value, count)
	at := pos + 4*int(count)
	for i := range in.values {
		d := x.b[pos+4*i:]
		v := value{d[2], at, int(binary.LittleEndian.Uint16(d))}
		if at += v.size; at > end {
			return pos, errEnds
		}
		in.values[i] = v
	}
	_, err = x.nodes(int(from), int(from)+int(size), in)
	return at, err
}
