package index

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// manifest is a generation: everything that is live.
type manifest struct {
	Generation int
	Cases      []liveCase // in ID order
}

// shards counts the shards.
func (m *manifest) shards() int {
	names := make(map[string]bool, len(m.Cases))
	for i := range m.Cases {
		names[m.Cases[i].Shard] = true
	}
	return len(names)
}

// liveCase is a case of a generation.
type liveCase struct {
	ID    string `json:"id"`
	Key   string `json:"key"`           // its part of the IDs of its documents
	Name  string `json:"name"`          // of its folder in cases
	Shard string `json:"shard"`         // the name of the folder in shards that indexes it
	Sum   string `json:"sum,omitempty"` // SHA-256 of case.json, which has those of the other files

	// What may change without the case being written anew.
	Labels  Labels    `json:"labels,omitempty"`
	Added   time.Time `json:"added,omitzero"` // when it came into the archive
	Hold    string    `json:"hold,omitempty"` // why it must not be removed
	Uploads []Upload  `json:"uploads,omitempty"`
}

// public returns what others may know of the case.
func (c *liveCase) public() Case {
	return Case{ID: c.ID, Labels: c.Labels, Added: c.Added, Hold: c.Hold, Uploads: c.Uploads, State: c.Name, Shard: c.Shard, Sum: c.Sum}
}

// valid refuses what would lead out of the archive.
func (c *liveCase) valid() error {
	if !plainName(c.Name) || !plainName(c.Shard) {
		return fmt.Errorf("names the folder %q", c.Name)
	}
	for _, u := range c.Uploads {
		if !isSum(u.SHA256) {
			return fmt.Errorf("names the upload %q", u.SHA256)
		}
	}
	return nil
}

// manifestFile is the file "generation-<n>". The cases stand in parts, files of their own in the order of the cases' IDs that later generations name too, so that what a
// publication writes and reads does not grow with the archive.
type manifestFile struct {
	Generation int             `json:"generation"`
	Parts      []manifestPart  `json:"parts,omitempty"`
	Shards     map[string]int  `json:"shards,omitempty"`  // how many of the cases each indexes
	Dropped    []droppedFolder `json:"dropped,omitempty"` // what is no longer named and may not be gone yet
	Cases      []liveCase      `json:"cases,omitempty"`   // as formats 1 and 2 had them, all of them
}

// manifestPart is a part of a manifest: a file in the folder "parts" with a JSON array of cases.
type manifestPart struct {
	Name  string `json:"name"`
	First string `json:"first"` // the first case's ID
	Cases int    `json:"cases"`
	Sum   string `json:"sum"` // SHA-256
}

// droppedFolder is a folder or a part that no generation since the given one names.
type droppedFolder struct {
	Path  string `json:"path"` // below the archive
	Since int    `json:"since"`
}

// readable is how many generations stay readable, for who has just read the manifest of the one before.
const readable = 2

// maxPart is how many cases a part may have.
const maxPart = 256

// generations lists the numbers of the generations in dir, the highest first.
func generations(dir string) ([]int, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var ns []int
	for _, e := range list {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), generationIs)); err == nil && n > 0 && e.Name() == generationIs+strconv.Itoa(n) {
			ns = append(ns, n)
		}
	}
	slices.SortFunc(ns, func(a, b int) int { return cmp.Compare(b, a) })
	return ns, nil
}

// newestOf returns what read makes of the highest generation of dir that is complete, the zero value if there is none yet. A generation that is gone before it
// was read had a successor.
func newestOf[T any](dir string, read func(n int) (T, error)) (T, error) {
	var none T
	for last := -1; ; {
		ns, err := generations(dir)
		if err != nil {
			return none, err
		}
		if len(ns) == 0 {
			return none, nil
		}
		var broken error
		for _, n := range ns {
			m, err := read(n)
			if err == nil {
				return m, nil
			}
			if broken == nil {
				broken = err
			}
		}
		if ns[0] == last || !errors.Is(broken, fs.ErrNotExist) {
			return none, broken
		}
		last = ns[0]
	}
}

// latest reads the highest complete generation of dir. An archive without one has no case yet. known are parts that were read before; it may be nil.
func latest(dir string, known *parts) (*manifest, error) {
	m, err := newestOf(dir, func(n int) (*manifest, error) { return readManifest(dir, n, known) })
	if m == nil && err == nil {
		m = &manifest{}
	}
	return m, err
}

// parts are those of a manifest that were read. A file of a name is written once, and never changed.
type parts struct {
	mu   sync.Mutex
	read map[string][]liveCase
}

// readManifest reads a generation.
func readManifest(dir string, n int, known *parts) (*manifest, error) {
	f, err := readManifestFile(dir, n)
	if err != nil {
		return nil, err
	}
	if known == nil {
		known = &parts{}
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	m := &manifest{Generation: n, Cases: f.Cases}
	now := make(map[string][]liveCase, len(f.Parts))
	for _, p := range f.Parts {
		cases, ok := known.read[p.Name]
		if !ok {
			if cases, err = p.load(dir); err != nil {
				return nil, err
			}
		}
		now[p.Name] = cases
		m.Cases = append(slices.Grow(m.Cases, len(cases)), cases...)
	}
	known.read = now
	return m, nil
}

// readManifestFile reads what a generation says itself.
func readManifestFile(dir string, n int) (*manifestFile, error) {
	name := generationIs + strconv.Itoa(n)
	b, err := readFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	f := &manifestFile{}
	if err := json.Unmarshal(b, f); err != nil || f.Generation != n {
		return nil, fmt.Errorf("archive %q: the manifest %s is damaged", dir, name)
	}
	for i := range f.Cases {
		if err := f.Cases[i].valid(); err != nil {
			return nil, fmt.Errorf("archive %q: the manifest %s %w", dir, name, err)
		}
	}
	for _, p := range f.Parts {
		if !plainName(p.Name) {
			return nil, fmt.Errorf("archive %q: the manifest %s names the part %q", dir, name, p.Name)
		}
	}
	for _, d := range f.Dropped {
		if folder, base := filepath.Split(filepath.FromSlash(d.Path)); !plainName(base) || !slices.Contains([]string{dirCases, dirShards, dirParts}, filepath.Clean(folder)) {
			return nil, fmt.Errorf("archive %q: the manifest %s names the folder %q", dir, name, d.Path)
		}
	}
	return f, nil
}

// load reads the cases of a part.
func (p *manifestPart) load(dir string) ([]liveCase, error) {
	b, err := readFile(filepath.Join(dir, dirParts), p.Name)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var cases []liveCase
	if sumOf(b) != p.Sum || json.Unmarshal(b, &cases) != nil || len(cases) != p.Cases {
		return nil, fmt.Errorf("archive %q: the part %s of the manifest is damaged", dir, p.Name)
	}
	for i := range cases {
		if err := cases[i].valid(); err != nil {
			return nil, fmt.Errorf("archive %q: the part %s of the manifest %w", dir, p.Name, err)
		}
	}
	return cases, nil
}

// findCase returns what the newest generation says of a case, nil if there is none of that ID.
func findCase(dir, id string) (*liveCase, error) {
	return newestOf(dir, func(n int) (*liveCase, error) {
		f, err := readManifestFile(dir, n)
		if err != nil {
			return nil, err
		}
		return newEdit(dir, f).find(id)
	})
}

// edit is a generation that is being made of the one before.
type edit struct {
	dir        string
	generation int // its number
	parts      []*editPart
	shards     map[string]int
	dropped    []droppedFolder
	uploads    bool // some may be no longer in use
}

// editPart is a part, or what will be one.
type editPart struct {
	manifestPart
	cases   []liveCase
	loaded  bool
	changed bool
}

// newEdit begins with what f says.
func newEdit(dir string, f *manifestFile) *edit {
	e := &edit{dir: dir, generation: f.Generation + 1, shards: map[string]int{}}
	for _, p := range f.Parts {
		e.parts = append(e.parts, &editPart{manifestPart: p})
	}
	maps.Copy(e.shards, f.Shards)
	if len(f.Cases) > 0 { // as earlier formats had them
		e.parts = []*editPart{{manifestPart: manifestPart{First: f.Cases[0].ID}, cases: f.Cases, loaded: true, changed: true}}
		for i := range f.Cases {
			e.shards[f.Cases[i].Shard]++
		}
	}
	return e
}

// part returns the part in which a case with an ID stands or would stand, loaded.
func (e *edit) part(id string) (*editPart, error) {
	if len(e.parts) == 0 {
		e.parts = []*editPart{{loaded: true}}
	}
	i, found := slices.BinarySearchFunc(e.parts, id, func(p *editPart, id string) int { return cmp.Compare(p.First, id) })
	if !found {
		i = max(0, i-1)
	}
	p := e.parts[i]
	if !p.loaded {
		var err error
		if p.cases, err = p.load(e.dir); err != nil {
			return nil, err
		}
		p.loaded = true
	}
	return p, nil
}

// at returns where a case with an ID stands in the part, or would stand.
func (p *editPart) at(id string) (int, bool) {
	return slices.BinarySearchFunc(p.cases, id, func(c liveCase, id string) int { return cmp.Compare(c.ID, id) })
}

// find returns a case, nil if there is none of that ID.
func (e *edit) find(id string) (*liveCase, error) {
	p, err := e.part(id)
	if err != nil {
		return nil, err
	}
	i, ok := p.at(id)
	if !ok {
		return nil, nil //nolint:nilnil // there is none
	}
	c := p.cases[i]
	return &c, nil
}

// put enters a case, in the place of the one of the same ID.
func (e *edit) put(c liveCase) error {
	p, err := e.part(c.ID)
	if err != nil {
		return err
	}
	p.changed = true
	e.shards[c.Shard]++
	i, ok := p.at(c.ID)
	if !ok {
		p.cases = slices.Insert(p.cases, i, c)
		p.First = p.cases[0].ID
		return nil
	}
	e.drop(&p.cases[i], &c)
	p.cases[i] = c
	return nil
}

// remove takes a case out.
func (e *edit) remove(id string) error {
	p, err := e.part(id)
	if err != nil {
		return err
	}
	if i, ok := p.at(id); ok {
		p.changed = true
		e.drop(&p.cases[i], nil)
		p.cases = slices.Delete(p.cases, i, i+1)
	}
	return nil
}

// drop notes what is not named any more when a case is replaced, or removed if next is nil.
func (e *edit) drop(old, next *liveCase) {
	if next == nil || next.Name != old.Name {
		e.dropped = append(e.dropped, droppedFolder{dirCases + "/" + old.Name, e.generation})
	}
	if e.shards[old.Shard]--; e.shards[old.Shard] <= 0 {
		delete(e.shards, old.Shard)
		e.dropped = append(e.dropped, droppedFolder{dirShards + "/" + old.Shard, e.generation})
	}
	for _, u := range old.Uploads {
		e.uploads = e.uploads || u.Kept && (next == nil || !slices.ContainsFunc(next.Uploads, func(n Upload) bool { return n.SHA256 == u.SHA256 }))
	}
}

// file writes the parts that changed and returns what the generation says itself.
func (e *edit) file() (*manifestFile, error) {
	f := &manifestFile{Generation: e.generation, Shards: e.shards, Dropped: e.dropped}
	written := 0
	for _, p := range e.parts {
		if !p.changed {
			f.Parts = append(f.Parts, p.manifestPart)
			continue
		}
		if p.Name != "" {
			f.Dropped = append(f.Dropped, droppedFolder{dirParts + "/" + p.Name, e.generation})
		}
		if len(p.cases) == 0 {
			continue
		}
		// One that is too long becomes several of equal length, so that each has room.
		n := (len(p.cases) + maxPart - 1) / maxPart
		for cases := range slices.Chunk(p.cases, (len(p.cases)+n-1)/n) {
			b, err := json.Marshal(cases)
			if err != nil {
				return nil, err
			}
			written++
			part := manifestPart{Name: fmt.Sprintf("%d-%d", e.generation, written), First: cases[0].ID, Cases: len(cases), Sum: sumOf(b)}
			if err := writeFile(filepath.Join(e.dir, dirParts), part.Name, b); err != nil {
				return nil, err
			}
			f.Parts = append(f.Parts, part)
		}
	}
	return f, nil
}

// nextGeneration writes a generation. The caller holds the archive's lock.
func nextGeneration(dir string, apply func(*edit) error) error {
	before, err := newestOf(dir, func(n int) (*manifestFile, error) { return readWhole(dir, n) })
	if err != nil {
		return err
	}
	if before == nil {
		before = &manifestFile{}
	}
	ns, err := generations(dir)
	if err != nil {
		return err
	}
	e := newEdit(dir, before)
	if len(ns) > 0 {
		e.generation = ns[0] + 1 // a damaged manifest's number is never used again
	}
	// What could not be removed stays listed until it is gone.
	for _, d := range before.Dropped {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(d.Path))); !errors.Is(err, fs.ErrNotExist) {
			e.dropped = append(e.dropped, d)
		}
	}
	if err := apply(e); err != nil {
		return err
	}
	f, err := e.file()
	var b []byte
	if err == nil {
		b, err = json.Marshal(f)
	}
	if err == nil {
		err = writeFile(dir, generationIs+strconv.Itoa(f.Generation), b)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if e.uploads || before.Generation != e.generation-1 || len(before.Cases) > 0 {
		sweepAll(dir, readable) // what is left is tried again by the next writer
		return nil
	}
	sweep(dir, f, before.Generation)
	return nil
}

// readWhole reads what a generation says itself, if the parts that were written for it are as they were written.
func readWhole(dir string, n int) (*manifestFile, error) {
	f, err := readManifestFile(dir, n)
	if err != nil {
		return nil, err
	}
	for _, p := range f.Parts {
		if strings.HasPrefix(p.Name, strconv.Itoa(n)+"-") {
			if _, err := p.load(dir); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// sweep removes what was dropped before generation now: a reader of the one before goes on undisturbed. What can't be removed, since a reader has it open on a system that
// minds, is tried again by the next writer.
func sweep(dir string, now *manifestFile, before int) {
	for _, d := range now.Dropped {
		if d.Since < now.Generation {
			_ = os.RemoveAll(filepath.Join(dir, filepath.FromSlash(d.Path)))
		}
	}
	sweepGenerations(dir, before)
}

// sweepGenerations removes the generations before one.
func sweepGenerations(dir string, before int) {
	ns, err := generations(dir)
	if err != nil {
		return
	}
	for _, n := range ns {
		if n < before {
			_ = os.Remove(filepath.Join(dir, generationIs+strconv.Itoa(n)))
		}
	}
}

// sweepAll removes everything that none of the newest generations names, of which so many are kept, also what a killed writer moved in and never published, and returns what
// can't be removed. It looks at all cases. The caller holds the archive's lock.
func sweepAll(dir string, kept int) (left []string) {
	ns, err := generations(dir)
	if err != nil {
		return nil
	}
	live := map[string]bool{}
	var read []int
	for _, n := range ns {
		if len(read) < kept && name(dir, n, live) == nil {
			read = append(read, n)
		}
	}
	if len(read) == 0 {
		return nil // nothing is known of what is live
	}
	for _, d := range []string{dirCases, dirShards, dirUploads, dirParts} {
		list, err := os.ReadDir(filepath.Join(dir, d))
		if err != nil {
			continue
		}
		for _, e := range list {
			path := filepath.Join(d, e.Name())
			if !live[path] && os.RemoveAll(filepath.Join(dir, path)) != nil {
				left = append(left, path)
			}
		}
	}
	sweepGenerations(dir, read[len(read)-1])
	return left
}

// name enters what a generation names.
func name(dir string, n int, live map[string]bool) error {
	f, err := readManifestFile(dir, n)
	if err != nil {
		return err
	}
	m, err := readManifest(dir, n, nil)
	if err != nil {
		return err
	}
	for _, p := range f.Parts {
		live[filepath.Join(dirParts, p.Name)] = true
	}
	for i := range m.Cases {
		c := &m.Cases[i]
		live[filepath.Join(dirCases, c.Name)] = true
		live[filepath.Join(dirShards, c.Shard)] = true
		for _, u := range c.Uploads {
			live[filepath.Join(dirUploads, u.SHA256)] = true
		}
	}
	return nil
}
