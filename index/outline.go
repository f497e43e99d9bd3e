package index

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"casebook/findings"
	"casebook/index/query"
	"casebook/ingest"
)

// The file "outline" of a shard says of its cases what their own files say of artifacts, of blocks and of findings, as far as that can refuse a query:
// a search for a file, a host, a time or a verdict that a thousand cases have not would otherwise open the files of a thousand cases. It only saves time. A shard that
// has none, or a damaged one, is searched without.
//
//	uvarint  outlineVersion
//	uvarint  number of strings, then each as uvarint length and bytes; they are referred to by their numbers
//	uvarint  number of cases, then of each
//	  16 bytes key
//	  uvarint  number of artifacts, then of each: path, kind, host, size, 1 for registry values, first block, number of blocks
//	  uvarint  number of findings plus one, 0 if they can't be told; then of each: check, system, verdict, severity, artifact
//	  uvarint  number of blocks, then their entries, as in the file "blocks"
//	4 bytes  CRC-32 (Castagnoli) of all before, little-endian
const outlineVersion = 1

const fileOutline = "outline"

var outlineSum = crc32.MakeTable(crc32.Castagnoli)

// outline is what the file says.
type outline struct {
	cases map[string]*outlineCase // by key
}

// outlineCase is what it says of a case.
type outlineCase struct {
	artifacts []caseArtifact
	findings  []outlineFinding
	open      bool // the findings can't be told
	entries   []byte
}

// outlineFinding is the head of a finding, for there are many.
type outlineFinding struct{ check, system, verdict, severity, artifact string }

// writeOutline writes the outline of the cases whose files lie in folders, into a shard's folder. A case that can't be read is left out.
func writeOutline(dir string, folders map[string]liveCase) error {
	o := outlineBuilder{numbers: map[string]uint64{}}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		live := folders[folder]
		c, err := openCaseFiles(folder, &live)
		if err != nil {
			continue // who searches it is told
		}
		err = o.add(c)
		if err = errors.Join(err, c.close()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, dirStore, fileOutline), o.bytes(), 0o600)
}

// outlineBuilder makes an outline.
type outlineBuilder struct {
	numbers map[string]uint64
	strings []string
	cases   uint64
	body    []byte
}

func (o *outlineBuilder) number(s string) {
	n, ok := o.numbers[s]
	if !ok {
		n = uint64(len(o.strings))
		o.numbers[s] = n
		o.strings = append(o.strings, s)
	}
	o.body = binary.AppendUvarint(o.body, n)
}

func (o *outlineBuilder) put(n int64) {
	o.body = binary.AppendUvarint(o.body, uint64(max(0, n)))
}

// add adds a case.
func (o *outlineBuilder) add(c *openCase) error {
	entries, err := readFile(c.dir, fileBlocks)
	if err != nil {
		return err
	}
	o.cases++
	o.body = append(o.body, c.live.Key...)
	o.put(int64(len(c.meta.Artifacts)))
	for i := range c.meta.Artifacts {
		a := &c.meta.Artifacts[i]
		o.number(a.Path)
		o.number(string(a.Kind))
		o.number(a.Host)
		o.put(a.Size)
		registry := int64(0)
		if a.Registry {
			registry = 1
		}
		o.put(registry)
		o.put(int64(a.First))
		o.put(int64(a.Blocks))
	}
	if list, err := c.findings(); err == nil {
		o.put(int64(len(list)) + 1)
		for i := range list {
			for _, field := range []query.Name{query.Check, query.Host, query.Verdict, query.Severity, query.File} {
				o.number(findingValue(field, &list[i]))
			}
		}
	} else {
		o.put(0)
	}
	o.put(int64(len(entries) / entrySize))
	o.body = append(o.body, entries[:len(entries)/entrySize*entrySize]...)
	return nil
}

// bytes returns the file.
func (o *outlineBuilder) bytes() []byte {
	b := binary.AppendUvarint(nil, outlineVersion)
	b = binary.AppendUvarint(b, uint64(len(o.strings)))
	for _, s := range o.strings {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, o.cases)
	b = append(b, o.body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, outlineSum))
}

// readOutline reads the outline of the shard in dir. It is nil if there is none that can be used.
func readOutline(dir string) *outline {
	b, err := readFile(filepath.Join(dir, dirStore), fileOutline)
	if err != nil || len(b) < 4 || crc32.Checksum(b[:len(b)-4], outlineSum) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil
	}
	c := cursor{b: b[:len(b)-4]}
	if c.uvarint() != outlineVersion {
		return nil
	}
	names := make([]string, c.length(len(c.b)))
	for i := range names {
		names[i] = string(c.take(c.length(len(c.b))))
	}
	name := func() string {
		if n := c.length(len(names)); n < len(names) {
			return names[n]
		}
		c.bad = true
		return ""
	}
	o := &outline{cases: map[string]*outlineCase{}}
	for n := c.length(len(c.b)); n > 0 && !c.bad; n-- {
		one := &outlineCase{}
		key := string(c.take(16))
		one.artifacts = make([]caseArtifact, c.length(len(c.b)))
		for i := range one.artifacts {
			one.artifacts[i] = caseArtifact{
				Path: name(), Kind: ingest.Kind(name()), Host: name(), Size: int64(c.uvarint()), //nolint:gosec // as it was written
				Registry: c.uvarint() == 1, First: c.length(len(b)), Blocks: c.length(len(b)),
			}
		}
		if heads := c.length(len(c.b)); heads > 0 {
			one.findings = make([]outlineFinding, heads-1)
			for i := range one.findings {
				one.findings[i] = outlineFinding{name(), name(), name(), name(), name()}
			}
		} else {
			one.open = true
		}
		one.entries = c.take(entrySize * c.length(len(c.b)/entrySize))
		o.cases[key] = one
	}
	if c.bad {
		return nil
	}
	return o
}

// decides tells whether an outline may refuse a query that terms of the index do not.
func decides(n query.Node) bool {
	switch n := n.(type) {
	case query.And:
		return slices.ContainsFunc(n.Nodes, decides)
	case query.Or:
		return slices.ContainsFunc(n.Nodes, decides)
	case query.Not:
		return decides(n.Node)
	case query.Field, query.Number, query.Time:
		return true
	}
	return false
}

// narrow leaves of an answer what the outline does not refuse.
func (a *answer) narrow(ctx context.Context, o *outline) error {
	for key, c := range o.cases {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.all {
			a.cases[key] = &picks{all: true, findings: true}
		}
		if p := a.cases[key]; p != nil {
			c.narrow(a.query, p)
		}
	}
	return nil
}

// nobody stands for a case of which a query's answer does not depend any more: its ID and labels were asked before.
var nobody = &liveCase{}

// narrow leaves of the blocks of a case those that may match.
func (c *outlineCase) narrow(q query.Node, p *picks) {
	if p.findings && !c.open {
		evidence := []findings.Evidence{{Role: findings.Supports}}
		f := findings.Finding{Evidence: evidence}
		p.findings = slices.ContainsFunc(c.findings, func(head outlineFinding) bool {
			f.Check, f.System, f.Verdict, f.Severity = head.check, head.system, findings.Verdict(head.verdict), findings.Severity(head.severity)
			evidence[0].Artifact = head.artifact
			return judge(q, func(n query.Node) tri { return headLeaf(n, nobody, &f, true) }) != no
		})
	}
	left := map[int][]int{}
	for number := range c.artifacts {
		a := &c.artifacts[number]
		var seqs []int
		switch {
		case p.all:
			seqs = make([]int, a.Blocks)
			for i := range seqs {
				seqs[i] = i
			}
		default:
			seqs = p.seqs[number]
		}
		if len(seqs) == 0 {
			continue
		}
		open, answer := reduce(q, func(n query.Node) tri { return artifactLeaf(n, nobody, a) })
		if answer == no {
			continue
		}
		if answer == maybe {
			seqs = slices.DeleteFunc(seqs, func(seq int) bool {
				e, ok := c.entry(a.First + seq)
				return ok && judge(open, func(n query.Node) tri { return blockLeaf(n, nobody, a, &e) }) == no
			})
		}
		if len(seqs) > 0 {
			left[number] = seqs
		}
	}
	p.all, p.seqs = false, left
}

// entry returns what is known of a block; ok is false if there is none of that number.
func (c *outlineCase) entry(n int) (e entry, ok bool) {
	if n < 0 || n >= len(c.entries)/entrySize {
		return e, false
	}
	e.get(c.entries[n*entrySize:])
	return e, true
}
