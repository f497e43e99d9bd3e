package facts

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"casebook/hive"
	"casebook/ingest"
)

// Systems are the machines that the registries of a bundle tell of.
type Systems struct {
	list []*system
}

type system struct {
	id    string
	host  string // computer name, upper case
	guid  string // MachineGuid, lower case
	root  string // see Facts.Root
	hives []registry
	older []registry

	joined *hive.Registry
	locale *ingest.Locale
}

// registry is one hive or export with what identifies its machine.
type registry struct {
	ingest.Extracted
	hive *hive.Hive
	dir  string
	host string
	guid string
}

// Group finds the systems that the registries among the typed values tell of. A registry that names its computer decides; one that
// does not joins the system with which it shares the longest folder, or the only one. Copies of one machine's hive are
// one system, in which the newest answers.
func Group(extracted []ingest.Extracted) *Systems {
	var s Systems
	var unnamed []registry
	for _, e := range extracted {
		h, ok := e.Value.(*hive.Hive)
		if !ok {
			continue
		}
		r := registry{Extracted: e, hive: h, dir: dirOf(e.Artifact.Path)}
		var one hive.Registry
		one.Add(e.Artifact.Path, h)
		if n, err := one.ComputerName(); err == nil {
			r.host = n.Name
		}
		if g, _, err := one.MachineGUID(); err == nil {
			r.guid = strings.ToLower(g)
		}
		if r.host == "" {
			unnamed = append(unnamed, r)
			continue
		}
		if i := slices.IndexFunc(s.list, func(m *system) bool {
			return m.host == r.host && (m.guid == "" || r.guid == "" || m.guid == r.guid)
		}); i >= 0 {
			s.list[i].take(r)
		} else {
			s.list = append(s.list, &system{host: r.host, guid: r.guid, hives: []registry{r}})
		}
	}
	s.place(unnamed)
	for _, m := range s.list {
		m.settle()
	}
	s.name()
	return &s
}

// place gives the registries that name no computer to systems.
func (s *Systems) place(unnamed []registry) {
	named := len(s.list)
	var rest []registry
	for _, r := range unnamed {
		if m := s.nearest(r.dir, s.list[:named]); m != nil {
			m.take(r)
			continue
		}
		rest = append(rest, r)
	}
	if len(rest) == 0 {
		return
	}
	// None of the rest names its machine. Two of the same kind are two machines, one to each folder below the deepest folder
	// that holds them all; otherwise all are parts of one registry.
	if !conflicting(rest) {
		m := &system{}
		if named > 0 {
			m.root = commonDir(rest)
		}
		for _, r := range rest {
			m.take(r)
		}
		s.list = append(s.list, m)
		return
	}
	common := commonDir(rest)
	byRoot := map[string]*system{}
	for _, r := range rest {
		root := below(common, r.dir)
		m := byRoot[root]
		if m == nil {
			m = &system{root: root}
			byRoot[root] = m
			s.list = append(s.list, m)
		}
		m.take(r)
	}
}

// take adds a registry to the system.
func (m *system) take(r registry) {
	if m.guid == "" {
		m.guid = r.guid
	}
	m.hives = append(m.hives, r)
}

// settle orders the system's registries so that the newest complete one answers first, and sets older copies aside.
func (m *system) settle() {
	slices.SortStableFunc(m.hives, func(a, b registry) int {
		if c := cmp.Compare(rank(b), rank(a)); c != 0 {
			return c
		}
		if c := captured(b).Compare(captured(a)); c != 0 {
			return c
		}
		return strings.Compare(a.Artifact.Path, b.Artifact.Path)
	})
	seen := map[hive.Kind]bool{}
	var keep []registry
	for _, r := range m.hives {
		kind := r.hive.Kind()
		whole := r.hive.Format() == hive.FormatRegf && kind != hive.KindOther && kind != hive.KindNTUser
		if whole && seen[kind] || isBackup(r.Artifact.Path) && seen[kind] {
			m.older = append(m.older, r)
			continue
		}
		seen[kind] = seen[kind] || whole
		keep = append(keep, r)
	}
	m.hives = keep
	m.joined = &hive.Registry{}
	for _, r := range m.hives {
		m.joined.Add(r.Artifact.Path, r.hive)
	}
}

// rank puts backups after what they are backups of, and whole hives before exports of parts.
func rank(r registry) int {
	n := 0
	if !isBackup(r.Artifact.Path) {
		n += 2
	}
	if r.hive.Format() == hive.FormatRegf {
		n++
	}
	return n
}

func isBackup(p string) bool {
	return slices.ContainsFunc(strings.Split(strings.ToLower(p), "/"), func(part string) bool {
		return part == "regback" || part == "repair" || part == "before" || part == "old" || part == "backup"
	})
}

// captured tells when a registry was last written to, as far as it says.
func captured(r registry) time.Time {
	t := r.hive.LastWritten()
	if k, err := r.hive.Key(`Select`); err == nil && k.LastWritten().After(t) {
		t = k.LastWritten()
	}
	if t.IsZero() {
		t = r.Artifact.Modified
	}
	return t
}

// name gives the systems their IDs: the computer name, else the root folder, made unique by ~2.
func (s *Systems) name() {
	slices.SortStableFunc(s.list, func(a, b *system) int {
		if c := strings.Compare(cmp.Or(a.host, a.root), cmp.Or(b.host, b.root)); c != 0 {
			return c
		}
		return strings.Compare(a.firstPath(), b.firstPath())
	})
	used := map[string]int{}
	for _, m := range s.list {
		id := cmp.Or(m.host, m.root)
		used[id]++
		m.id = id
		if n := used[id]; n > 1 {
			m.id = fmt.Sprintf("%s~%d", id, n)
		}
	}
}

func (m *system) firstPath() string {
	if len(m.hives) == 0 {
		return ""
	}
	return m.hives[0].Artifact.Path
}

// dirs are the folders in which the system's registries lie.
func (m *system) dirs() []string {
	var out []string
	for _, r := range slices.Concat(m.hives, m.older) {
		out = append(out, r.dir)
	}
	if len(out) == 0 {
		out = append(out, m.root)
	}
	return out
}

// nearest returns the system among list that shares the longest folder prefix with dir, the only one if there is one, and nil if
// several share the same.
func (s *Systems) nearest(dir string, list []*system) *system {
	if len(list) == 1 {
		return list[0]
	}
	var best *system
	length, tie := 0, false
	for _, m := range list {
		n := 0
		for _, d := range m.dirs() {
			n = max(n, len(split(shared(d, dir))))
		}
		if m.host != "" && slices.ContainsFunc(split(dir), func(p string) bool { return strings.EqualFold(p, m.host) }) {
			n += 1000 // a folder of the computer's own name says more than any other folder
		}
		switch {
		case n > length:
			best, length, tie = m, n, false
		case n == length:
			tie = true
		}
	}
	if tie || length == 0 {
		return nil
	}
	return best
}

// find returns the system of an artifact: the one that the artifact names, else by the beginning of its file name, else by folder.
// nil if nothing tells.
func (s *Systems) find(p, host string) *system {
	if host != "" {
		for _, m := range s.list {
			if sameHost(m.host, host) {
				return m
			}
		}
	}
	base := strings.ToUpper(path.Base(p))
	for _, m := range s.list {
		if m.host != "" && strings.HasPrefix(base, m.host) && !isNameByte(base[len(m.host):]) {
			return m
		}
	}
	return s.nearest(dirOf(p), s.list)
}

// sameHost compares computer names; one of them may be a DNS name.
func sameHost(a, b string) bool {
	first := func(s string) string { s, _, _ = strings.Cut(strings.ToUpper(s), "."); return s }
	return a != "" && first(a) == first(b)
}

func isNameByte(rest string) bool {
	return rest != "" && (rest[0] >= 'A' && rest[0] <= 'Z' || rest[0] >= '0' && rest[0] <= '9')
}

// Locale returns what the registry of the machine that wrote the artifact at path says of its texts.
func (s *Systems) Locale(p string) ingest.Locale {
	m := s.find(p, "")
	if m == nil {
		return ingest.Locale{}
	}
	if m.locale == nil {
		return ingest.Locale{}
	}
	return *m.locale
}

// Prepare decodes the code pages and the time zone of each system, so that Locale may be called from several goroutines.
func (s *Systems) Prepare() *Systems {
	for _, m := range s.list {
		l := ingest.Locale{}
		if cp, err := m.joined.CodePages(); err == nil {
			l.ANSI, l.OEM = cp.ANSI, cp.OEM
		}
		if z, err := m.joined.TimeZone(); err == nil {
			l.Bias = z.BiasAt
		}
		m.locale = &l
	}
	return s
}

func dirOf(p string) string {
	d := path.Dir(p)
	if d == "." {
		return ""
	}
	return d
}

func split(dir string) []string {
	if dir == "" {
		return nil
	}
	return strings.Split(dir, "/")
}

// shared returns the folder that two folders have in common.
func shared(a, b string) string {
	x, y := split(a), split(b)
	n := 0
	for n < len(x) && n < len(y) && strings.EqualFold(x[n], y[n]) {
		n++
	}
	return strings.Join(x[:n], "/")
}

func commonDir(list []registry) string {
	dir := list[0].dir
	for _, r := range list[1:] {
		dir = shared(dir, r.dir)
	}
	return dir
}

// below returns the folder directly below common in which dir lies; dir itself if it is common.
func below(common, dir string) string {
	x := split(dir)
	n := len(split(common))
	if n >= len(x) {
		return dir
	}
	return strings.Join(x[:n+1], "/")
}

// conflicting reports whether two of the registries hold the same hive and lie in different folders, so that they can't be parts of one registry.
func conflicting(list []registry) bool {
	seen := map[hive.Kind]string{}
	for _, r := range list {
		kind := r.hive.Kind()
		if kind == hive.KindOther || kind == hive.KindNTUser || isBackup(r.Artifact.Path) {
			continue
		}
		if d, ok := seen[kind]; ok && d != r.dir {
			return true
		}
		seen[kind] = r.dir
	}
	return false
}
