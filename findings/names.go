package findings

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest/extract"
)

// Name is what a machine, a domain or a person is called, as the typed facts of the bundle show it.
type Name struct {
	Name string   `json:"name"` // in lower case; of a machine perhaps with its domain
	Kind NameKind `json:"kind"`
}

// NameKind says what a name names. The vocabulary is closed.
type NameKind string

// The kinds of names.
const (
	NameHost   NameKind = "host"
	NameDomain NameKind = "domain"
	NameUser   NameKind = "user"
)

// names returns the names that tables, lists and lines of the systems show, in order, without those of r's systems themselves. A table may hold thousands of
// machines: only those count of whose name every word stands in r.
func names(r *Report, systems []*facts.Facts) []Name {
	all := nameSet{}
	for _, f := range systems {
		all.addRegistry(f.Registry)
		all.addTables(f)
		for _, n := range f.Names() {
			all.add(n.Text, NameKind(n.Kind))
		}
	}
	for i := range r.Findings {
		for _, n := range r.Findings[i].Names {
			all.add(n.Name, n.Kind)
		}
	}
	for _, s := range r.Systems {
		delete(all, strings.ToLower(s.ComputerName))
	}
	if len(all) == 0 {
		return nil
	}
	said := map[string]bool{}
	eachText(reflect.ValueOf(r).Elem(), func(s string) { addWords(said, s) })
	var out []Name
	for _, name := range slices.Sorted(maps.Keys(all)) {
		label, _, _ := strings.Cut(name, ".")
		told := true
		for _, w := range strings.FieldsFunc(label, func(r rune) bool { return !wordRune(r) }) {
			told = told && said[w]
		}
		if told || all[name] == NameDomain {
			out = append(out, Name{name, all[name]})
		}
	}
	return out
}

// nameSet maps names in lower case to what they name.
type nameSet map[string]NameKind

// add notes a name as a text writes it. An address is none; what is a host in one place stays one.
func (s nameSet) add(name string, kind NameKind) {
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `\$."'`))
	if name == "" || name == "unknown" || name == "localhost" || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "*") || strings.ContainsAny(name, " \t\\/:@") || strings.HasSuffix(name, ".arpa") {
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return
	}
	if s[name] != NameHost {
		s[name] = kind
	}
}

// registryNames are the values in which Windows keeps what the machine, its domain and its user are called.
var registryNames = []struct {
	key, value string
	kind       NameKind
}{
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "Hostname", NameHost},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "NV Hostname", NameHost},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "Domain", NameDomain},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "NV Domain", NameDomain},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "DhcpDomain", NameDomain},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "SearchList", NameDomain},
	{`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`, "DefaultUserName", NameUser},
	{`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`, "DefaultDomainName", NameDomain},
}

// addRegistry notes what the registry of a system, which may be nil, names.
func (s nameSet) addRegistry(reg *hive.Registry) {
	if reg == nil {
		return
	}
	for _, at := range registryNames {
		v, err := reg.Value(at.key, at.value)
		if err != nil {
			continue
		}
		for name := range strings.FieldsFuncSeq(v.Value.String(), func(r rune) bool { return r == ',' || r == ' ' }) {
			s.add(name, at.kind)
		}
	}
}

// addTables notes what the typed texts of a system name.
func (s nameSet) addTables(f *facts.Facts) {
	for _, t := range facts.Values[*extract.HostList](f) {
		for _, h := range t.Value.Hosts {
			s.add(h.Name, NameHost)
		}
	}
	for _, t := range facts.Values[*extract.DNSCheck](f) {
		for _, row := range t.Value.Rows {
			s.add(row.Name, NameHost)
			s.add(row.Reverse, NameHost)
		}
	}
	for _, t := range facts.Values[*extract.DNSZone](f) {
		for _, o := range t.Value.Origins {
			s.add(o, NameDomain)
		}
		for _, rec := range t.Value.Records {
			s.add(rec.Owner, NameHost)
			s.add(rec.Target, NameHost)
		}
	}
	for _, t := range facts.Values[*extract.Nslookup](f) {
		for _, a := range t.Value.Answers {
			for _, n := range []string{a.Query, a.Server, a.Name} {
				s.add(n, NameHost)
			}
		}
	}
	for _, t := range facts.Values[*extract.Components](f) {
		for _, v := range t.Value.Versions {
			s.add(v.Host, NameHost)
		}
	}
	for _, t := range facts.Values[*extract.VCMJobs](f) {
		for _, step := range t.Value.Steps {
			s.add(step.Host, NameHost)
		}
	}
	for _, t := range facts.Values[*extract.Listing](f) {
		for _, in := range t.Value.Inboxes() {
			for _, q := range in.Requests {
				s.add(q.Host, NameHost)
				s.add(q.Domain, NameDomain)
			}
		}
	}
	for _, t := range facts.Values[*extract.SMSCFG](f) {
		s.add(t.Value.Host, NameHost)
	}
	for _, t := range facts.Values[*extract.Manifest](f) {
		s.add(t.Value.Asked, NameHost)
		s.add(t.Value.Computer, NameHost)
	}
	for _, t := range facts.Values[*extract.Machines](f) {
		for _, m := range t.Value.List {
			s.add(m.Host.Text, NameHost)
			s.add(m.Domain.Text, NameDomain)
			for _, suffix := range m.Suffixes {
				s.add(suffix.Text, NameDomain)
			}
			for _, a := range m.Adapters {
				s.add(a.Suffix.Text, NameDomain)
			}
		}
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// addWords notes the runs of letters and digits of a text in lower case, and what is left of one behind an escape of an address, of JSON or of C.
func addWords(words map[string]bool, s string) {
	before := ' '
	start := -1
	end := func(i int) {
		if start < 0 {
			return
		}
		w := strings.ToLower(s[start:i])
		words[w] = true
		skip := map[rune]int{'%': 2, '\\': 1}[before]
		if w[0] == 'u' && before == '\\' {
			skip = 5
		}
		if skip > 0 && skip < len(w) {
			words[w[skip:]] = true
		}
		start = -1
	}
	for i, r := range s {
		switch {
		case !wordRune(r):
			end(i)
			before = r
		case start < 0:
			start = i
		}
	}
	end(len(s))
}

// eachText calls fn for every string of a report that is no word of a vocabulary.
func eachText(v reflect.Value, fn func(string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), fn)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			eachText(field, fn)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), fn)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			eachText(k, fn)
			eachText(v.MapIndex(k), fn)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			fn(v.String())
		}
	default:
	}
}
