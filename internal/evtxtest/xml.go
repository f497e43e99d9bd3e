package evtxtest

import (
	"hash/crc32"
	"strings"

	"casebook/internal/safeio"
)

// XML writes BinXml into a chunk. The names of its methods are those of the nodes.
type XML struct {
	c    *chunk
	bare bool // outside a template: elements have no dependency
}

// Value is a value of a template's instance.
type Value struct {
	Type  byte
	Bytes []byte
	XML   func(*XML) // writes the value in place of Bytes
}

// NoDependency is the dependency of an element that has none.
const NoDependency = 0xFFFF

func (x *XML) u16(n int) { x.c.b = le.AppendUint16(x.c.b, uint16(n)) } //nolint:gosec // as the test wants it
func (x *XML) u32(n int) { x.c.b = le.AppendUint32(x.c.b, uint32(n)) } //nolint:gosec // as the test wants it

// Raw writes bytes as they are.
func (x *XML) Raw(b ...byte) { x.c.b = append(x.c.b, b...) }

// At is where the next byte lies in the chunk.
func (x *XML) At() int { return len(x.c.b) }

// sized writes what f writes behind its length.
func (x *XML) sized(f func()) {
	at := len(x.c.b)
	x.u32(0)
	f()
	le.PutUint32(x.c.b[at:], uint32(len(x.c.b)-at-4)) //nolint:gosec // of a chunk
}

func (x *XML) chars(s string) {
	b := safeio.AppendUTF16LE(nil, s)
	x.u16(len(b) / 2)
	x.Raw(b...)
}

func (x *XML) name(s string) {
	at, known := x.c.names[s]
	if !known {
		at = len(x.c.b) + 4
		x.c.names[s] = at
	}
	x.u32(at)
	if !known {
		x.u32(0)
		x.u16(0)
		x.chars(s)
		x.u16(0)
	}
}

// Fragment writes a fragment.
func (x *XML) Fragment(f func()) {
	x.Raw(0x0F, 1, 1, 0)
	f()
	x.Raw(0)
}

// Attribute is an attribute of an element: its name, and what writes its value.
type Attribute struct {
	Name  string
	Value func()
}

// Element writes an element. A nil content makes an empty one.
func (x *XML) Element(name string, dependency int, attributes []Attribute, content func()) {
	token := byte(0x01)
	if len(attributes) > 0 {
		token |= 0x40
	}
	x.Raw(token)
	if !x.bare {
		x.u16(dependency)
	}
	x.sized(func() {
		x.name(name)
		if len(attributes) > 0 {
			x.sized(func() {
				for i, a := range attributes {
					token := byte(0x06)
					if i+1 < len(attributes) {
						token |= 0x40
					}
					x.Raw(token)
					x.name(a.Name)
					a.Value()
				}
			})
		}
		if content == nil {
			x.Raw(0x03)
			return
		}
		x.Raw(0x02)
		content()
		x.Raw(0x04)
	})
}

// Text writes text.
func (x *XML) Text(s string) {
	x.Raw(0x05, 0x01)
	x.chars(s)
}

// Substitution writes the place of a value.
func (x *XML) Substitution(index int, typ byte, optional bool) {
	token := byte(0x0D)
	if optional {
		token = 0x0E
	}
	x.Raw(token)
	x.u16(index)
	x.Raw(typ)
}

// Template writes an instance of a template, and its definition if the chunk has none of that name yet.
func (x *XML) Template(name string, define func(), values ...Value) {
	id := crc32.ChecksumIEEE([]byte(name))
	x.Raw(0x0C, 1)
	x.u32(int(id))
	at, known := x.c.templates[id]
	if !known {
		at = len(x.c.b) + 4
		x.c.templates[id] = at
	}
	x.u32(at)
	if !known {
		x.u32(0)
		x.u32(int(id))
		x.Raw(make([]byte, 12)...)
		bare := x.bare
		x.bare = false
		x.sized(func() { x.Fragment(define) })
		x.bare = bare
	}
	x.u32(len(values))
	sizes := len(x.c.b)
	for _, v := range values {
		x.u16(len(v.Bytes))
		x.Raw(v.Type, 0)
	}
	bare := x.bare
	x.bare = true
	for i, v := range values {
		if v.XML == nil {
			x.Raw(v.Bytes...)
			continue
		}
		begin := len(x.c.b)
		v.XML(x)
		le.PutUint16(x.c.b[sizes+4*i:], uint16(len(x.c.b)-begin)) //nolint:gosec // of a chunk
	}
	x.bare = bare
}

// Event writes an event as Windows does: a template of the system's part, whose last value is the event's own data.
func (x *XML) Event(number uint64, e *Event) {
	wide := func(s string) []byte { return safeio.AppendUTF16LE(nil, s) }
	data := Value{Type: 0x21, XML: func(x *XML) { x.Fragment(func() { x.data(e) }) }}
	sub := func(i int, typ byte) func() { return func() { x.Substitution(i, typ, true) } }
	x.Template("system", func() {
		x.Element("Event", NoDependency, []Attribute{{"xmlns", func() { x.Text("http://schemas.microsoft.com/win/2004/08/events/event") }}}, func() {
			x.Element("System", NoDependency, nil, func() {
				x.Element("Provider", NoDependency, []Attribute{{"Name", sub(0, 0x01)}}, nil)
				x.Element("EventID", NoDependency, []Attribute{{"Qualifiers", sub(1, 0x06)}}, sub(2, 0x06))
				x.Element("Level", NoDependency, nil, sub(3, 0x04))
				x.Element("Keywords", NoDependency, nil, sub(4, 0x15))
				x.Element("TimeCreated", NoDependency, []Attribute{{"SystemTime", sub(5, 0x11)}}, nil)
				x.Element("EventRecordID", NoDependency, nil, sub(6, 0x0A))
				x.Element("Computer", NoDependency, nil, sub(7, 0x01))
				x.Element("Security", NoDependency, []Attribute{{"UserID", sub(8, 0x13)}}, nil)
			})
			x.Substitution(9, 0x21, true)
		})
	},
		Value{Type: 0x01, Bytes: wide(e.Provider)}, Value{Type: 0}, Value{Type: 0x06, Bytes: le.AppendUint16(nil, e.ID)}, Value{Type: 0x04, Bytes: []byte{e.Level}},
		Value{Type: 0x15, Bytes: le.AppendUint64(nil, 1<<55)}, Value{Type: 0x11, Bytes: le.AppendUint64(nil, Filetime(e.Time))},
		Value{Type: 0x0A, Bytes: le.AppendUint64(nil, number)}, Value{Type: 0x01, Bytes: wide(e.Computer)}, Value{Type: 0}, data)
}

// data writes what is the event's own.
func (x *XML) data(e *Event) {
	if len(e.Names) == 0 {
		var list []byte
		for _, s := range e.Strings {
			list = append(safeio.AppendUTF16LE(list, s), 0, 0)
		}
		binary := Value{Type: 0}
		if len(e.Binary) > 0 {
			binary = Value{Type: 0x0E, Bytes: e.Binary}
		}
		x.Template("classic", func() {
			x.Element("EventData", NoDependency, nil, func() {
				x.Element("Data", NoDependency, nil, func() { x.Substitution(0, 0x81, false) })
				x.Element("Binary", 1, nil, func() { x.Substitution(1, 0x0E, true) })
			})
		}, Value{Type: 0x81, Bytes: list}, binary)
		return
	}
	values := make([]Value, len(e.Strings))
	for i, s := range e.Strings {
		values[i] = Value{Type: 0x01, Bytes: safeio.AppendUTF16LE(nil, s)}
	}
	x.Template(e.Provider+"|"+strings.Join(e.Names, "|"), func() {
		x.Element("EventData", NoDependency, nil, func() {
			for i, n := range e.Names {
				x.Element("Data", NoDependency, []Attribute{{"Name", func() { x.Text(n) }}}, func() { x.Substitution(i, 0x01, false) })
			}
		})
	}, values...)
}
