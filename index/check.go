package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/index/words"
)

// Fault is something in an archive that is not as it was written.
type Fault struct {
	Case string `json:"case"` // its ID
	What string `json:"what"`
}

// Checked is what was looked at.
type Checked struct {
	Cases    int   `json:"cases"`
	Files    int   `json:"files"`    // whose SHA-256 was computed
	Bytes    int64 `json:"bytes"`    // of them
	Unsummed int   `json:"unsummed"` // cases that were written before sums were kept
	Blocks   int   `json:"blocks"`   // that were read and found by a search for one of their words
	Quotes   int   `json:"quotes"`   // of evidence, that stand in the records where the report says
	Unproven int   `json:"unproven"` // whose artifact has no records, or that tell of absence
	Faults   int   `json:"faults"`
}

// Check implements [Checker]. It reads every file of the archive again: sums of the files, the records of every block, whether the index finds each block by a word of it, and whether evidence stands in the
// records. fault is told of what is not right. An error means that the check did not come to its end.
func (a *Archive) Check(ctx context.Context, fault func(Fault)) (Checked, error) {
	m, err := a.generation()
	if err != nil {
		return Checked{}, err
	}
	v := &checking{archive: a, shards: map[string]bool{}}
	for i := range m.Cases {
		if err := ctx.Err(); err != nil {
			return v.Checked, err
		}
		live := &m.Cases[i]
		v.fault = func(format string, args ...any) {
			v.Faults++
			fault(Fault{live.ID, fmt.Sprintf(format, args...)})
		}
		if err := v.check(ctx, live); err != nil {
			return v.Checked, err
		}
		v.Cases++
	}
	return v.Checked, nil
}

// checking is a check under way.
type checking struct {
	Checked
	archive *Archive
	shards  map[string]bool // those whose files were read
	fault   func(format string, args ...any)
}

// check checks a case. It returns the errors that end the check.
func (v *checking) check(ctx context.Context, live *liveCase) error {
	folder := filepath.Join(v.archive.dir, dirCases, live.Name)
	b, err := readFile(folder, fileCase)
	if err != nil {
		v.fault("%s can't be read: %v", fileCase, err)
		return nil
	}
	v.Files, v.Bytes = v.Files+1, v.Bytes+int64(len(b))
	if live.Sum == "" {
		v.Unsummed++
	} else if sumOf(b) != live.Sum {
		v.fault("%s is not what was written", fileCase)
	}
	var meta caseFile
	if json.Unmarshal(b, &meta) == nil {
		v.files(folder, meta.Sums)
	}
	if !v.shards[live.Shard] {
		v.shards[live.Shard] = true
		dir := filepath.Join(v.archive.dir, dirShards, live.Shard)
		f, err := readShardFile(dir)
		if err != nil {
			v.fault("index: %v", err)
			return nil
		}
		want := map[string]sum{}
		for name, s := range f.Sums {
			want[name] = sum{f.Files[name], s}
		}
		v.files(filepath.Join(dir, dirStore), want)
	}
	v.uploads(ctx, live)
	c, ok, err := v.archive.open(live)
	if err != nil {
		v.fault("%v", err)
	}
	if !ok {
		return nil
	}
	defer v.archive.release(c)
	if err := v.blocks(ctx, c, inShard(c)); err != nil {
		return err
	}
	v.evidence(c)
	return nil
}

// files compares the files of a folder with their sums.
func (v *checking) files(dir string, want map[string]sum) {
	for name, s := range want {
		if !filepath.IsLocal(name) {
			v.fault("a list of files names %q", name)
			continue
		}
		got, err := sumFile(filepath.Join(dir, name))
		v.Files, v.Bytes = v.Files+1, v.Bytes+got.Bytes
		switch {
		case err != nil:
			v.fault("the file %s can't be read: %v", name, err)
		case got != s:
			v.fault("the file %s is not what was written: %d bytes with the SHA-256 %s, not %d with %s", name, got.Bytes, got.SHA256, s.Bytes, s.SHA256)
		}
	}
}

// uploads compares kept uploads with their names.
func (v *checking) uploads(ctx context.Context, live *liveCase) {
	for _, u := range live.Uploads {
		if !u.Kept {
			continue
		}
		kept, err := keptUpload(v.archive.dir, u)
		got := ""
		if err == nil {
			got, err = kept.Sum(ctx)
		}
		v.Files, v.Bytes = v.Files+len(kept.Parts), v.Bytes+kept.Bytes
		switch {
		case err != nil:
			v.fault("the upload %q can't be read: %v", u.Name, err)
		case got != u.SHA256:
			v.fault("the upload %q is not what was received", u.Name)
		}
	}
}

// sought is a block, and a word by which a search must find it.
type sought struct {
	artifact    *caseArtifact
	number, seq int
	word        string
}

// blocksAtOnce is how many blocks are looked for at once.
const blocksAtOnce = 64

// blocks reads every block and looks whether a search finds it. It returns the errors that end the check; those of finds are among them.
func (v *checking) blocks(ctx context.Context, c *openCase, finds func([]sought) ([]error, error)) error {
	var list []sought
	look := func() error {
		found, err := finds(list)
		if err != nil {
			return err
		}
		for i, err := range found {
			if err == nil {
				v.Blocks++
			} else {
				v.fault("%q: a search does not find block %d: %v", list[i].artifact.Path, list[i].seq, err)
			}
		}
		list = list[:0]
		return nil
	}
	for number := range c.meta.Artifacts {
		a := &c.meta.Artifacts[number]
		for seq := range a.Blocks {
			if err := ctx.Err(); err != nil {
				return err
			}
			rs, err := c.block(a.First + seq)
			if err != nil {
				v.fault("%q: %v", a.Path, err)
				continue
			}
			if list = append(list, sought{a, number, seq, telltale(rs)}); len(list) == blocksAtOnce {
				if err := look(); err != nil {
					return err
				}
			}
		}
	}
	return look()
}

// errNotFound says that a block is not among those that hold a word of it.
var errNotFound = errors.New("it is not among those with its longest word")

// inShard looks for blocks in the shard of a case.
func inShard(c *openCase) func([]sought) ([]error, error) {
	return func(list []sought) ([]error, error) {
		out := make([]error, len(list))
		for i, b := range list {
			out[i] = guard(func() error {
				found, err := c.shard.index.holds(b.word, documentID(c.live.Key, uint32(b.number), uint32(b.seq))) //nolint:gosec // fewer than the blocks of the file
				if err == nil && !found {
					err = errNotFound
				}
				return err
			})
		}
		return out, nil
	}
}

// telltale is a word of the records that few other blocks hold: the longest of the last record that has any.
func telltale(rs []record) string {
	var split words.Splitter
	longest := ""
	for i := len(rs) - 1; i >= 0 && longest == ""; i-- {
		split.Each(rs[i].Text, func(w []byte) {
			if len(w) > len(longest) {
				longest = string(w)
			}
		})
	}
	return longest
}

// evidence looks for the quotes of the case's findings in its records.
func (v *checking) evidence(c *openCase) {
	fs, err := c.findings()
	if err != nil {
		v.fault("%v", err)
		return
	}
	for i := range fs {
		for j := range fs[i].Evidence {
			e := &fs[i].Evidence[j]
			switch proven, err := c.proves(e); {
			case err != nil:
				v.fault("check %s: %q line %d: %v", fs[i].Check, e.Artifact, e.Line, err)
			case proven:
				v.Quotes++
			default:
				v.Unproven++
			}
		}
	}
}

// proves tells whether the records hold a piece of evidence: false if they can't tell. An error says that they hold something else.
func (c *openCase) proves(e *findings.Evidence) (bool, error) {
	if e.Absent || e.Line == 0 || e.Quote == "" {
		return false, nil
	}
	i := slices.IndexFunc(c.meta.Artifacts, func(a caseArtifact) bool { return a.Path == e.Artifact && !a.Registry && a.Blocks > 0 })
	if i < 0 {
		return false, nil
	}
	want := strings.TrimSuffix(e.Quote, "…")
	text, err := c.textFrom(&c.meta.Artifacts[i], e.Line, len(want))
	if err != nil {
		return false, err
	}
	first, rest, _ := strings.Cut(text, "\n")
	first = strings.TrimSuffix(first, "\r")
	joined := first + " " + strings.ReplaceAll(strings.ReplaceAll(rest, "\r\n", "\n"), "\n", " ")
	at := strings.Index(joined, want)
	if at < 0 || at > len(first) {
		return false, errors.New("the line does not hold the quote")
	}
	return true, nil
}

// textFrom returns the decoded text of an artifact from a line on, to the end of a record behind n bytes more than that line.
func (c *openCase) textFrom(a *caseArtifact, line, n int) (string, error) {
	block := a.First
	for i := a.First; i < a.First+a.Blocks; i++ {
		e, err := c.entry(i)
		if err != nil {
			return "", err
		}
		if int64(e.Line) > int64(line) {
			break
		}
		block = i
	}
	var text strings.Builder
	begun, enough := false, 0
	for ; block < a.First+a.Blocks; block++ {
		rs, err := c.block(block)
		if err != nil {
			return "", err
		}
		for i := range rs {
			raw := string(rs[i].Raw)
			if !begun {
				if rs[i].Line+rs[i].Lines <= line {
					continue
				}
				for skip := line - rs[i].Line; skip > 0; skip-- {
					_, after, _ := strings.Cut(raw, "\n")
					raw = after
				}
				begun = true
				enough = max(strings.IndexByte(raw, '\n'), 0) + 2*n + 2
			}
			text.WriteString(raw)
			if text.Len() > enough && strings.Contains(text.String(), "\n") {
				return text.String(), nil
			}
		}
	}
	return text.String(), nil
}
