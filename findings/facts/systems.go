package facts

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/safeio"
)

// Systems are the machines that a bundle tells of.
type Systems struct {
	list     []*system
	replies  []reply
	fallback *system // takes what nothing else does; may be nil
	problems []ingest.Problem
}

type system struct {
	id     string
	host   string // computer name, upper case, without a domain; "" if unknown
	domain string // what followed the name where a log states a DNS name, upper case; "" if unknown
	guid   string // MachineGuid, lower case
	root   string // the folder that stands for a computer without a name
	dirs   []string
	hives  []registry
	older  []registry
	unsure map[string]bool // artifacts among older of which nothing tells that they are
	reply  bool            // a collection script ran on it, so that its folders are known without a registry

	joined *hive.Registry
	locale ingest.Locale
}

// reply is the folder that a collection script filled, and what its manifest says of the computer on which it ran.
type reply struct {
	dir      string
	host     string // upper case, without a domain
	codePage int    // of the console; 0 if unknown
}

// Group finds the systems that the registries among the typed values tell of. Registries of one computer name and one MachineGuid are one
// system, in which the newest capture answers. One that names no computer belongs to the computer whose name its path tells, else to
// the one with which it shares the longest folder, else to the only one; a MachineGuid that contradicts makes it another machine's. What lies in
// the folder of a collection script's manifest is of the computer that the manifest names.
func Group(extracted []ingest.Extracted) *Systems {
	var s Systems
	var unnamed []registry
	for _, e := range extracted {
		if m, ok := e.Value.(*extract.Manifest); ok && m.Computer != "" {
			host, _ := cutDomain(m.Computer)
			s.replies = append(s.replies, reply{dir: dirOf(e.Artifact.Path), host: host, codePage: m.CodePage})
		}
	}
	for _, e := range extracted {
		h, ok := e.Value.(*hive.Hive)
		if !ok {
			continue
		}
		r := newRegistry(e, h)
		if from := s.replyOf(e.Artifact.Path); r.host == "" && from != nil {
			r.host = from.host
		}
		if r.host != "" {
			s.list = append(s.list, &system{host: r.host, guid: r.guid, dirs: []string{r.dir}, hives: []registry{r}})
		} else {
			unnamed = append(unnamed, r)
		}
	}
	rest := s.place(unnamed)
	s.merge()
	s.answer()
	s.found(rest)
	for _, m := range s.list {
		s.settle(m)
	}
	s.name()
	return &s
}

// replyOf returns the reply in whose folder, or below it, a path lies, nil if there is none. Of replies within each other it is the innermost.
func (s *Systems) replyOf(p string) *reply {
	var best *reply
	for i := range s.replies {
		r := &s.replies[i]
		if (r.dir == "" || p == r.dir || strings.HasPrefix(p, r.dir+"/")) && (best == nil || len(r.dir) > len(best.dir)) {
			best = r
		}
	}
	return best
}

// answer gives the folders of replies to their computers, and makes systems of computers that only a reply names.
func (s *Systems) answer() {
	for _, r := range s.replies {
		list := s.called(r.host)
		if len(list) > 1 {
			list = maxima(list, func(m *system) int { return m.near(r.dir) })
		}
		if len(list) != 1 {
			list = []*system{{host: r.host}}
			s.list = append(s.list, list[0])
		}
		m := list[0]
		m.reply = true
		if !slices.Contains(m.dirs, r.dir) {
			m.dirs = append(m.dirs, r.dir)
		}
	}
}

// place gives registries that name no computer to those that do, and returns those that can't be given. At this point every named registry
// is a system of its own, so that a MachineGuid goes to the copy beside which it lies.
func (s *Systems) place(unnamed []registry) []registry {
	type offer struct {
		registry
		to  *system
		gap int // the nearer the earlier
	}
	var offers []offer
	var rest []registry
	for _, r := range unnamed {
		if to, gap := s.beside(r); to != nil {
			offers = append(offers, offer{r, to, gap})
		} else {
			rest = append(rest, r)
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(a.gap, b.gap) })
	taken := make([][]registry, len(s.list)) // not yet in dirs, so that one does not draw the next
	for _, o := range offers {
		i := slices.Index(s.list, o.to)
		if o.guid != "" && o.to.guid != "" && o.guid != o.to.guid || slices.ContainsFunc(taken[i], func(x registry) bool { return foreign(x, o.registry) }) {
			rest = append(rest, o.registry)
			continue
		}
		o.to.guid = cmp.Or(o.to.guid, o.guid)
		taken[i] = append(taken[i], o.registry)
	}
	for i, m := range s.list {
		for _, r := range taken[i] {
			m.take(r)
		}
	}
	slices.SortFunc(rest, func(a, b registry) int { return strings.Compare(a.Artifact.Path, b.Artifact.Path) })
	return rest
}

// beside returns the system, made of one named registry each, to which an unnamed registry belongs by its path, and how many folders lie
// between the two; nil if the path leaves several computers open.
func (s *Systems) beside(r registry) (*system, int) {
	list := s.prefixes(path.Base(r.Artifact.Path))
	if len(list) == 0 {
		list = s.folder(r.dir, 0)
	}
	if len(list) == 0 {
		list = s.list
	}
	gap := func(m *system) int { return len(split(m.dirs[0])) + len(split(r.dir)) - 2*shared(m.dirs[0], r.dir) }
	list = maxima(list, func(m *system) int { return shared(m.dirs[0], r.dir) })
	if same := slices.DeleteFunc(slices.Clone(list), func(m *system) bool { return gap(m) > 0 }); len(same) > 0 {
		list = same
	}
	if len(list) == 0 || slices.ContainsFunc(list, func(m *system) bool { return m.host != list[0].host }) {
		return nil, 0
	}
	best := slices.MinFunc(list, func(a, b *system) int { return cmp.Compare(gap(a), gap(b)) })
	return best, gap(best)
}

// maxima returns the systems for which score is greatest.
func maxima(list []*system, score func(*system) int) []*system {
	var out []*system
	best := 0
	for _, m := range list {
		n := score(m)
		if len(out) == 0 || n > best {
			out, best = out[:0], n
		}
		if n == best {
			out = append(out, m)
		}
	}
	return out
}

// merge makes one system of the copies of one machine's registry. A copy without a MachineGuid joins the only machine of its name, or the
// one that lies nearest.
func (s *Systems) merge() {
	copies := s.list
	slices.SortStableFunc(copies, func(a, b *system) int { return compareBool(a.guid == "", b.guid == "") })
	s.list = nil
	for _, c := range copies {
		list := slices.DeleteFunc(slices.Clone(s.list), func(m *system) bool {
			return m.host != c.host || m.guid != "" && c.guid != "" && m.guid != c.guid
		})
		if len(list) > 1 {
			list = maxima(list, func(m *system) int { return m.near(c.dirs[0]) })
		}
		if len(list) != 1 {
			s.list = append(s.list, c)
			continue
		}
		for _, r := range c.hives {
			list[0].take(r)
		}
	}
	// RegBack lies in the folder of the hives of which it holds copies, also of the time before the computer got its present name.
	for _, c := range slices.Clone(s.list) {
		if slices.ContainsFunc(c.hives, func(r registry) bool { return !strings.EqualFold(path.Base(r.dir), "RegBack") }) {
			continue
		}
		i := slices.IndexFunc(s.list, func(m *system) bool {
			return m != c && slices.Contains(m.dirs, dirOf(c.dirs[0])) && (m.guid == "" || c.guid == "" || m.guid == c.guid)
		})
		if i < 0 {
			continue
		}
		for _, r := range c.hives {
			s.list[i].take(r)
		}
		s.list = slices.DeleteFunc(s.list, func(m *system) bool { return m == c })
	}
}

// found makes systems of the registries that belong to no computer that is named: those of one MachineGuid are one machine, and so are those that
// do not contradict each other; otherwise each folder directly below the deepest one that holds them all is a machine's.
func (s *Systems) found(rest []registry) {
	var open []registry
	for _, r := range rest {
		same := slices.DeleteFunc(slices.Clone(s.list), func(m *system) bool { return r.guid == "" || m.guid != r.guid })
		if len(same) == 1 {
			same[0].take(r)
			continue
		}
		open = append(open, r)
	}
	if len(open) == 0 {
		return
	}
	named := len(s.list)
	var dirs []string
	contradict := false
	for i, r := range open {
		dirs = append(dirs, r.dir)
		contradict = contradict || slices.ContainsFunc(open[:i], func(x registry) bool { return foreign(x, r) })
	}
	common := commonDir(dirs)
	for _, r := range open {
		root := common
		if contradict {
			root = below(common, r.dir)
		}
		i := slices.IndexFunc(s.list[named:], func(m *system) bool { return r.guid != "" && m.guid == r.guid })
		if i < 0 {
			i = slices.IndexFunc(s.list[named:], func(m *system) bool {
				return m.root == root && (m.guid == "" || r.guid == "" || m.guid == r.guid)
			})
		}
		if i < 0 {
			i = len(s.list) - named
			s.list = append(s.list, &system{root: root})
		}
		s.list[named+i].take(r)
	}
	if len(s.list) == 1 {
		s.list[0].root = ""
	}
}

// take adds a registry to the system.
func (m *system) take(r registry) {
	m.guid = cmp.Or(m.guid, r.guid)
	m.hives = append(m.hives, r)
	if !slices.Contains(m.dirs, r.dir) {
		m.dirs = append(m.dirs, r.dir)
	}
}

// settle orders the system's registries so that the newest capture answers first, and sets older copies aside.
func (s *Systems) settle(m *system) {
	if len(m.hives) > 1 {
		for i := range m.hives {
			m.hives[i].capture()
		}
	}
	slices.SortFunc(m.hives, newestFirst)
	var keep []registry
	for _, r := range m.hives {
		older := false
		for _, k := range keep {
			yes, key := k.supersedes(r)
			older = older || yes
			if key != "" {
				if m.unsure == nil {
					m.unsure = map[string]bool{}
				}
				m.unsure[r.Artifact.Path] = true
				s.problems = append(s.problems, ingest.Problem{
					Artifact: r.Artifact.Path, Stage: ingest.StageSystem,
					Message: fmt.Sprintf("says otherwise than %s of the key %s, and nothing tells which is newer; it is taken for the older one", safeio.Quote(k.Artifact.Path), safeio.Quote(key)),
				})
			}
		}
		if older {
			m.older = append(m.older, r)
		} else {
			keep = append(keep, r)
		}
	}
	m.hives = keep
	m.joined = &hive.Registry{}
	for _, r := range m.hives {
		m.joined.Add(r.Artifact.Path, r.hive)
	}
}

// name gives the systems their IDs: the computer name, else the root folder, made unique by ~2.
func (s *Systems) name() {
	key := func(m *system) string { return cmp.Or(m.host, m.root) }
	slices.SortStableFunc(s.list, func(a, b *system) int {
		return cmp.Or(strings.Compare(key(a), key(b)), strings.Compare(a.domain, b.domain), strings.Compare(a.firstPath(), b.firstPath()))
	})
	used := map[string]bool{}
	for _, m := range s.list {
		id := key(m)
		if id == "" && len(s.list) > 1 {
			id = "." // the folder of the upload itself; "" says that something belongs to no system
		}
		m.id = id
		for n := 2; used[m.id]; n++ {
			m.id = fmt.Sprintf("%s~%d", id, n)
		}
		used[m.id] = true
	}
}

// firstPath returns the first of the system's registries by path, "" if it has none.
func (m *system) firstPath() string {
	first := ""
	for _, r := range slices.Concat(m.hives, m.older) {
		if first == "" || r.Artifact.Path < first {
			first = r.Artifact.Path
		}
	}
	return first
}

// near returns how many folders the system has in common with dir, at most.
func (m *system) near(dir string) int {
	n := 0
	for _, d := range m.dirs {
		n = max(n, shared(d, dir))
	}
	return n
}

// registered reports whether the system has a registry or a reply of its own, and is not only named by logs.
func (m *system) registered() bool { return m.reply || len(m.hives)+len(m.older) > 0 }

// neighbour returns the system that has more of the leading folders of dir in common than any other, and more than skip; nil if there is
// none or several have as many. A computer that only logs name has its folders only where no registry is near.
func (s *Systems) neighbour(dir string, list []*system, skip int) *system {
	for _, registered := range []bool{true, false} {
		near := maxima(slices.DeleteFunc(slices.Clone(list), func(m *system) bool {
			return m.registered() != registered || m.near(dir) <= skip
		}), func(m *system) int { return m.near(dir) })
		if len(near) == 1 {
			return near[0]
		}
		if len(near) > 1 || slices.ContainsFunc(s.list, (*system).registered) {
			return nil
		}
	}
	return nil
}

// folder returns the systems to which a folder belongs: those whose computer name is that of the folder or of one above it, or those whose
// registries share more than skip of its leading folders, whichever is deeper.
func (s *Systems) folder(dir string, skip int) []*system {
	near := maxima(slices.DeleteFunc(slices.Clone(s.list), func(m *system) bool {
		return !m.registered() || m.near(dir) <= skip
	}), func(m *system) int { return m.near(dir) })
	depth := 1
	if len(near) > 0 {
		depth = near[0].near(dir)
	}
	parts := split(dir)
	for i := len(parts) - 1; i >= 0 && i+1 >= depth; i-- {
		if named := s.prefixes(parts[i]); len(named) > 0 {
			return named
		}
	}
	return near
}

// prefixes returns the systems with the longest computer name that a file's or folder's name is, or begins with and goes on with what is
// no letter and no digit.
func (s *Systems) prefixes(part string) []*system {
	var out []*system
	part = strings.ToUpper(part)
	for _, m := range s.list {
		rest, ok := strings.CutPrefix(part, m.host)
		if m.host == "" || !ok {
			continue
		}
		if r, _ := utf8.DecodeRuneInString(rest); rest != "" && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			continue
		}
		out = append(out, m)
	}
	return maxima(out, func(m *system) int { return len(m.host) })
}

// called returns the systems that a log's word for its own computer means.
func (s *Systems) called(name string) []*system {
	return slices.DeleteFunc(slices.Clone(s.list), func(m *system) bool { return name == "" || !m.is(name) })
}

// is reports whether a computer's name, perhaps with its domain, is the system's.
func (m *system) is(name string) bool {
	host, domain := cutDomain(name)
	return m.host != "" && sameLabel(m.host, host) && (domain == "" || m.domain == "" || domain == m.domain)
}

// find returns the system of an artifact: the one that it names itself, else the one that its file's name begins with, else the one to which
// its folder belongs, else the only one. nil if nothing tells.
func (s *Systems) find(p, host string) *system {
	for _, list := range [][]*system{s.called(host), s.prefixes(path.Base(p)), s.folder(dirOf(p), 0)} {
		switch len(list) {
		case 0:
			continue
		case 1:
			return list[0]
		}
		return s.neighbour(dirOf(p), list, -1)
	}
	if m := s.neighbour(dirOf(p), s.list, 0); m != nil {
		return m
	}
	if s.fallback != nil {
		return s.fallback
	}
	if len(s.list) == 1 {
		return s.list[0]
	}
	return nil
}

// cutDomain parts a DNS name into the computer's own name and its domain, both in upper case.
func cutDomain(name string) (host, domain string) {
	host, domain, _ = strings.Cut(strings.ToUpper(strings.TrimSuffix(name, ".")), ".")
	return host, domain
}

// netBIOS is the length to which the registry's computer name is cut.
const netBIOS = 15

// sameLabel compares computer names in upper case; one of them may be cut to the length of a NetBIOS name.
func sameLabel(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) == netBIOS && strings.HasPrefix(b, a)
}

// Locale returns what the registry of the machine that wrote the artifact at path says of its texts, as far as the path alone tells.
func (s *Systems) Locale(p string) ingest.Locale {
	var l ingest.Locale
	if m := s.find(p, ""); m != nil {
		l = m.locale
	}
	if r := s.replyOf(p); r != nil && r.codePage != 0 {
		l.OEM = r.codePage // the console's own page, which need not be the machine's usual one
	}
	return l
}

// Prepare decodes the code pages and the time zone of each system, so that Locale may be called from several goroutines.
func (s *Systems) Prepare() *Systems {
	for _, m := range s.list {
		if cp, err := m.joined.CodePages(); err == nil {
			m.locale.ANSI, m.locale.OEM = cp.ANSI, cp.OEM
		}
		if z, err := m.joined.TimeZone(); err == nil {
			m.locale.Bias = z.BiasAt
		}
	}
	return s
}
