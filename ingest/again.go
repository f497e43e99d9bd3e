package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"time"
)

// Kept is what must be known of uploads, beside the bytes that [KeptSource] gives, to read them again without having them. It is made by
// [Read] and taken by [Again].
type Kept struct {
	Members []KeptMember `json:"members"` // in path order
	// Problems are those that reading again can't find: of the bundles, and of their limits.
	Problems []Problem `json:"problems,omitempty"`
}

// Form says what of a member is kept.
type Form string

// The forms.
const (
	FormText   Form = "text"   // its decoded text
	FormBytes  Form = "bytes"  // its bytes
	FormSealed Form = "sealed" // its typed value alone, without what must not be stored
	FormNone   Form = ""       // what was known of it
)

// KeptMember is one member.
type KeptMember struct {
	Path      string    `json:"path"` // as the case names it
	Form      Form      `json:"form,omitempty"`
	Base      string    `json:"base,omitempty"` // its base name in lower case, if that does not follow from Path
	Modified  time.Time `json:"modified,omitzero"`
	UTC       bool      `json:"utc,omitempty"`       // Modified is UTC
	Truncated bool      `json:"truncated,omitempty"` // the container says that it is not whole
	Cut       bool      `json:"cut,omitempty"`       // it could not be read to its end
	Lost      bool      `json:"lost,omitempty"`      // a typed value was read from it that can't be read again
	First     uint8     `json:"first,omitempty"`     // the round in which it is read: 1, 2, or 0 for the last
	Problems  []Problem `json:"problems,omitempty"`  // that reading what is kept of it can't find

	SHA256 string `json:"sha256,omitempty"` // of its bytes as they were; of FormText and FormBytes
	Bytes  int64  `json:"bytes,omitempty"`

	// Of a text.
	Encoding  string `json:"encoding,omitempty"`
	Assumed   string `json:"assumed,omitempty"` // the code page that it was read by without being known to be the machine's
	Sensitive string `json:"sensitive,omitempty"`
	HeadSize  int    `json:"head_size,omitempty"` // how many bytes of the text it was recognised by
	Head      []byte `json:"head,omitempty"`      // what it was recognised by, if that is not how the text begins

	// Of what is sealed or not kept.
	Artifact *Artifact       `json:"artifact,omitempty"`
	Kind     Kind            `json:"kind,omitempty"`  // of the value
	Value    json.RawMessage `json:"value,omitempty"` // by the Seal of the kind's extractor
}

// KeptSource gives the bytes of members.
type KeptSource interface {
	// Bytes opens a member of FormBytes.
	Bytes(path string) (io.ReadCloser, error)
	// Text opens the decoded text of a member of FormText.
	Text(path string) (io.ReadCloser, error)
}

// Again makes a bundle of what was kept of uploads, for one call of [Read], alone or before the bundles of further uploads. Its artifacts, values, records and problems are those of
// the uploads, as far as what is kept goes. names are those of the bundles that were read, in their order. Its own Name, Format, Bytes and SHA256 are empty. Limits are those of the
// reading that it was made by.
func Again(k *Kept, src KeptSource, names []string) (*Bundle, error) {
	b := &Bundle{Problems: slices.Clone(k.Problems), again: true, joined: slices.Clone(names)}
	for i := range k.Members {
		x := &k.Members[i]
		if i > 0 && k.Members[i-1].Path >= x.Path {
			return nil, fmt.Errorf("the members that are kept are not in order: %q", x.Path)
		}
		m := &member{
			path: x.Path, base: cmp.Or(x.Base, strings.ToLower(path.Base(x.Path))), size: max(0, x.Bytes), most: math.MaxInt64, packed: max(0, x.Bytes),
			modified: x.Modified, utc: x.UTC, truncated: x.Truncated, first: first(x.First), kept: x,
		}
		switch x.Form {
		case FormText:
			m.src = keptBytes{src.Text, x}
		case FormBytes:
			m.src = keptBytes{src.Bytes, x}
		case FormSealed, FormNone:
			if x.Artifact == nil {
				return nil, fmt.Errorf("of %q nothing is kept", x.Path)
			}
		default:
			return nil, fmt.Errorf("%q is kept as %q, which this version does not know", x.Path, x.Form)
		}
		b.members = append(b.members, m)
		b.packed += m.packed
	}
	return b, nil
}

// renamed returns a problem of what is kept of a member as one of the member that is read.
func (t *task) renamed(p Problem) Problem {
	if p.Artifact == t.m.kept.Path {
		p.Artifact = t.path
	}
	return p
}

// errCut ends what could not be read to its end when it was kept. Why is among the problems of the member.
var errCut = errors.New("the reading ended here")

// keptBytes are the bytes that are kept of a member.
type keptBytes struct {
	from func(path string) (io.ReadCloser, error)
	m    *KeptMember
}

func (k keptBytes) open() (stream, error) {
	r, err := k.from(k.m.Path)
	if err != nil {
		return nil, err
	}
	return &keptStream{ReadCloser: r, cut: k.m.Cut}, nil
}

type keptStream struct {
	io.ReadCloser
	cut bool
	n   int64
}

func (s *keptStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.n += int64(n)
	if s.cut && errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}

func (s *keptStream) packed() int64 { return s.n }

// recall takes up what is known of a member that is kept, and returns true if nothing of it is left to be read.
func (p *pass) recall() bool {
	k := p.t.m.kept
	for _, problem := range k.Problems {
		p.t.problems = append(p.t.problems, memberProblem{p.t.renamed(problem), foundOutside})
	}
	p.t.form = k.Form
	if k.Form != FormSealed && k.Form != FormNone {
		return false
	}
	*p.a = *k.Artifact
	p.a.Path = p.t.path
	if k.Form == FormNone {
		return true
	}
	i := slices.IndexFunc(p.w.r.opt.Extractors, func(x Extractor) bool { return x.Kind == k.Kind && x.Unseal != nil })
	if i < 0 {
		p.problem(StageParse, "the value that is kept of it can't be read by this version")
		return true
	}
	p.guard(func() {
		value, lines, err := p.w.r.opt.Extractors[i].Unseal(k.Value)
		if err != nil {
			p.problem(StageParse, "the value that is kept of it can't be read: %v", err)
			return
		}
		p.t.extracted = append(p.t.extracted, Extracted{Artifact: p.a, Kind: k.Kind, Value: value, Lines: lines})
	})
	return true
}

// shows says to whom the problems of an extractor show again.
func (p *pass) shows(c *claim) origin {
	if c.x.Binary {
		return foundInBytes
	}
	return foundInText
}

// form settles what is kept of the member.
func (p *pass) form() {
	t, opt := p.t, &p.w.r.opt
	if opt.Keep == nil || t.form == FormBytes {
		return
	}
	t.lost = p.wanted
	if p.sink != nil {
		t.form = FormText
		return
	}
	t.form = FormNone
	if len(t.extracted) == 0 || p.wanted {
		return
	}
	t.lost = true
	if len(t.extracted) > 1 {
		return
	}
	e := t.extracted[0]
	i := slices.IndexFunc(opt.Extractors, func(x Extractor) bool { return x.Kind == e.Kind && x.Seal != nil })
	if i < 0 {
		return
	}
	p.guard(func() {
		if b, err := opt.Extractors[i].Seal(e); err == nil {
			t.form, t.sealed, t.lost = FormSealed, b, false
		}
	})
}

// keepHead notes by what a text was recognised; text is how it begins.
func (p *pass) keepHead(head, text []byte) {
	p.t.headSize = len(head)
	if !bytes.HasPrefix(text, head) {
		p.t.head = bytes.Clone(head)
	}
}

// headOf returns by what the text of a member that is kept was recognised; text is how it begins.
func (k *KeptMember) headOf(text []byte) []byte {
	if k.Head != nil {
		return k.Head
	}
	return text[:max(0, min(k.HeadSize, len(text)))]
}

// kept returns what is kept of the member.
func (t *task) kept() KeptMember {
	if t.m.kept != nil {
		return t.keptAgain()
	}
	k := KeptMember{
		Path: t.path, Modified: t.m.modified, UTC: t.m.utc, Truncated: t.m.truncated || t.stopped, Cut: t.cut, Lost: t.lost, First: uint8(t.m.first), Form: t.form,
	}
	if t.m.base != strings.ToLower(path.Base(t.path)) {
		k.Base = t.m.base
	}
	for _, p := range t.problems {
		again := t.form == FormBytes && p.in != foundOutside || t.form == FormText && p.in == foundInText
		if !again {
			k.Problems = append(k.Problems, p.Problem)
		}
	}
	a := t.artifact
	switch t.form {
	case FormText:
		k.SHA256, k.Bytes, k.Encoding, k.Assumed, k.Sensitive, k.HeadSize, k.Head = a.SHA256, a.Bytes, a.Encoding, t.assumed, t.sensitive, t.headSize, t.head
	case FormBytes:
		k.SHA256, k.Bytes = a.SHA256, a.Bytes
	case FormSealed, FormNone:
		known := *a
		k.Artifact = &known
		if t.form == FormSealed {
			k.Kind, k.Value = t.extracted[0].Kind, t.sealed
		}
	}
	return k
}

// keptAgain returns what was kept of the member, under the path that it has now.
func (t *task) keptAgain() KeptMember {
	k := *t.m.kept
	if k.Path == t.path {
		return k
	}
	if k.Artifact != nil {
		a := *k.Artifact
		a.Path = t.path
		k.Artifact = &a
	}
	var problems []Problem
	for _, p := range k.Problems {
		problems = append(problems, t.renamed(p))
	}
	k.Path, k.Problems = t.path, problems
	return k
}
