// Package redact takes from a report what names people and machines, so that it may be passed on: user names, computers, domains, addresses, SIDs, GUIDs and
// mail addresses become pseudonyms that are the same throughout; passwords and keys are taken out.
//
// It is done over the finished report, so that no check has to think of it. Names are found first, where a report shows that something is a name
// (a computer's registry, C:\Users\NAME, \\SERVER\share …), and then replaced wherever they stand as whole words. A redacted report can't be verified: its
// quotes are no longer those of the bundle.
package redact

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"casebook/findings"
	"casebook/internal/secrets"
)

// minName is how many characters a name has at least to be looked for everywhere; shorter ones would hit within other words and numbers, and are replaced only
// where a path shows them to be names.
const minName = 3

// The cells of what is taken for a row of a table.
const (
	minCells = 3
	maxCells = 64
)

// class is a kind of name; the pseudonyms are CLASS-1, CLASS-2 …
type class string

const (
	host         class = "HOST"
	user         class = "USER"
	domain       class = "DOMAIN"
	organisation class = "ORG"
	unit         class = "OU"
	address      class = "IP"
	hwAddr       class = "MAC"
	sid          class = "SID"
	guid         class = "GUID"
	mail         class = "MAIL"
)

// Caveat is what the reader of something redacted has to know before passing it on.
const Caveat = "Redacted: computers, domains, users, organisations, addresses, SIDs, GUIDs (not those of products) and mail addresses that the analysis knows as such are replaced by placeholders, " +
	"the same for the same name, and passwords are taken out; what free text calls people, machines, places and customers can't be known, so look this through before you pass it on."

// Redactor calls what it takes out of several reports by the same pseudonyms.
type Redactor struct {
	names      map[string]class  // lower case
	spellings  map[string]string // another way to write a name, lower case, to the name
	uploads    map[string]string // an upload's name to what stands for it
	products   map[string]bool   // GUIDs in lower case that are the same everywhere: product codes
	pseudonyms map[string]string
	next       map[class]int
	known      *regexp.Regexp // all names and spellings; nil if there are none
}

// New returns a redactor that knows the names which the reports hold.
func New(reports ...*findings.Report) *Redactor {
	d := &Redactor{names: map[string]class{}, spellings: map[string]string{}, uploads: map[string]string{}, products: map[string]bool{}, pseudonyms: map[string]string{}, next: map[class]int{}}
	for _, r := range reports {
		d.collect(r)
	}
	for _, r := range reports {
		d.collectAccounts(r)
	}
	d.compile()
	return d
}

// Report returns a copy of r, one of the reports that the redactor was made of, without what names people and machines.
func (d *Redactor) Report(r *findings.Report) *findings.Report {
	out := Value(d, r)
	if out.Bundle != nil {
		out.Bundle.Name = d.uploads[r.Bundle.Name]
	}
	for i := range out.Bundles {
		out.Bundles[i].Name = d.uploads[r.Bundles[i].Name]
	}
	if out.Case != "" {
		out.Case = "CASE-1"
	}
	out.Statements = nil // in what people write names stand that nothing shows to be names
	out.Names, out.Redacted = nil, Caveat
	return out
}

// Value returns a copy of v, which was made of the redactor's reports, without what names people and machines. A name of an upload that is a text by itself is
// replaced too; one that was joined of several is not: [Redactor.Name] is what stands for it.
func Value[T any](d *Redactor, v *T) *T {
	out := new(T)
	d.copy(reflect.ValueOf(out).Elem(), reflect.ValueOf(v).Elem(), "")
	return out
}

// Name returns the name that the redacted copy of r has.
func (d *Redactor) Name(r *findings.Report) string {
	return d.Report(&findings.Report{Bundle: r.Bundle, Bundles: r.Bundles, Case: r.Case}).Name()
}

// Report returns a copy of r without what names people and machines. The same report gives the same copy.
func Report(r *findings.Report) *findings.Report { return New(r).Report(r) }

// long tells whether a name has the characters to be looked for everywhere; two are enough for a letter with a digit, as machines of laboratories are called.
func long(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= minName || n == 2 && strings.ContainsFunc(name, unicode.IsLetter) && strings.ContainsFunc(name, unicode.IsDigit)
}

// add notes a name.
func (d *Redactor) add(name string, c class) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !long(name) || common[name] || strings.HasPrefix(name, "%") || !strings.ContainsFunc(name, unicode.IsLetter) {
		return
	}
	if old, ok := d.names[name]; !ok || c < old { // a name that is two things is always called the same
		d.names[name] = c
	}
}

// collect finds the names that a report holds.
func (d *Redactor) collect(r *findings.Report) {
	uploads := r.Bundles
	if r.Bundle != nil {
		uploads = append([]findings.Upload{*r.Bundle}, uploads...)
	}
	for _, u := range uploads {
		if d.uploads[u.Name] == "" {
			d.uploads[u.Name] = fmt.Sprintf("upload-%d%s", len(d.uploads)+1, extension(u))
		}
	}
	for _, s := range r.Systems {
		d.addHost(s.ComputerName)
		if !strings.ContainsAny(s.ID, `/\ `) {
			name, _, _ := strings.Cut(s.ID, "~") // ~2 makes it unique
			d.addHost(name)
		}
		for name, value := range s.Environment {
			d.addVariable(name, value)
		}
		for _, p := range s.Packages {
			d.products[strings.ToLower(strings.Trim(p.Code, "{}"))] = true
		}
	}
	for _, n := range r.Names {
		switch n.Kind {
		case findings.NameHost:
			d.addHost(n.Name)
			if _, rest, ok := strings.Cut(n.Name, "."); ok && !public(n.Name) {
				d.addDomain(rest)
			}
		case findings.NameDomain:
			if !public(n.Name) {
				d.addDomain(n.Name)
			}
		case findings.NameUser:
			d.add(n.Name, user)
		}
	}
	for _, a := range r.Artifacts {
		d.collectPath(a.Path)
	}
	for i := range r.Findings {
		for _, e := range r.Findings[i].Evidence {
			if e.Value != nil {
				d.collectText(*e.Value + "=" + e.Quote)
			}
		}
	}
	for _, k := range r.Registry {
		for _, v := range k.Values {
			d.collectText(v.Name + "=" + v.Data)
		}
	}
	each(reflect.ValueOf(r).Elem(), "", d.collectText)
}

// collectPath notes the folders of a member's path that are named after a machine: what holds a tree of Windows or of a client, and what looks like a machine's name.
func (d *Redactor) collectPath(path string) {
	parts := strings.Split(path, "/")
	for i, p := range parts[:len(parts)-1] {
		if holder[strings.ToLower(p)] {
			continue
		}
		if roots[strings.ToLower(parts[i+1])] && holderName.MatchString(p) || machineLike(p) {
			d.addHost(p)
		}
	}
}

// machineLike tells whether a folder's name has the form that machines are given: letters of one case with a number of two digits or more. Names of programs,
// packages and kinds that have it too are none.
func machineLike(s string) bool {
	if !machineName.MatchString(s) || s != strings.ToUpper(s) && s != strings.ToLower(s) || packageID.MatchString(s) || guidText.MatchString(s) {
		return false
	}
	letters := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) })
	return !slices.ContainsFunc(letters, func(w string) bool { return numbered[w] })
}

// addDomain notes a domain that typed facts show, those above it, and what it is called in short.
func (d *Redactor) addDomain(name string) {
	for name = strings.ToLower(strings.Trim(name, ".")); name != ""; {
		first, rest, more := strings.Cut(name, ".")
		d.add(name, domain)
		if !more || !strings.ContainsFunc(rest, unicode.IsLetter) {
			return
		}
		if !generic[first] {
			d.add(first, domain)
		}
		if !strings.Contains(rest, ".") {
			return
		}
		name = rest
	}
}

// extension is the end of an upload's name that says what it is.
func extension(u findings.Upload) string {
	switch u.Format {
	case "zip", "7z", "rar", "tar", "cab":
		return "." + u.Format
	}
	return ""
}

// addVariable notes what a variable of the environment names.
func (d *Redactor) addVariable(name, value string) {
	switch strings.ToUpper(name) {
	case "COMPUTERNAME", "LOGONSERVER", "CLIENTNAME":
		d.addHost(strings.TrimLeft(value, `\`))
	case "USERNAME":
		d.add(value, user)
	case "USERDOMAIN", "USERDNSDOMAIN", "USERDOMAIN_ROAMINGPROFILE":
		d.add(value, domain)
	}
}

// collectText finds the names in one string.
func (d *Redactor) collectText(s string) {
	for _, m := range productCode.FindAllStringSubmatch(s, -1) {
		d.products[strings.ToLower(m[1])] = true
	}
	for _, m := range profile.FindAllStringSubmatch(s, -1) {
		d.add(strings.SplitN(m[1], ".", 2)[0], user) // NAME.DOMAIN is a profile of a second machine or domain
		d.add(m[1], user)
		if first, _, more := strings.Cut(m[1], " "); more { // a name of two words, or one with text behind it
			d.add(first, user)
		}
	}
	for _, re := range []*regexp.Regexp{unc, webHost, hostField, quotedHost, internalHost} {
		for _, m := range re.FindAllStringSubmatch(s, -1) {
			d.addHost(m[1])
		}
	}
	for _, name := range fullName.FindAllString(s, -1) {
		if first, _, _ := strings.Cut(strings.ToLower(name), "."); !generic[first] {
			d.addHost(name)
		} else if !public(name) {
			d.add(name, domain)
		}
	}
	if cells := cellEnd.Split(s, maxCells+1); len(cells) >= minCells && len(cells) <= maxCells {
		for _, c := range cells {
			if c = strings.Trim(c, `"' `); machineLike(c) {
				d.addHost(c)
			}
		}
	}
	for _, m := range account.FindAllStringSubmatch(s, -1) {
		if m[1] != "" { // without a domain the word behind may be any
			d.add(m[1], domain)
			d.add(m[2], user)
		}
	}
	for _, m := range variable.FindAllStringSubmatch(s, -1) {
		d.addVariable(m[1], m[2])
	}
	for _, m := range userField.FindAllStringSubmatch(s, -1) {
		if i := strings.LastIndexByte(m[1], '\\'); i > 0 {
			d.add(m[1][:i], domain)
			m[1] = m[1][i+1:]
		}
		d.add(m[1], user)
	}
	for _, m := range domainField.FindAllStringSubmatch(s, -1) {
		d.add(m[1], domain)
	}
	for _, m := range companyField.FindAllStringSubmatch(s, -1) {
		d.add(strings.TrimSpace(m[1]), organisation)
	}
	for _, m := range mailAddress.FindAllStringSubmatch(s, -1) {
		if strings.ContainsAny(m[1], "._") || strings.ContainsAny(m[1], "0123456789") { // "support" is a word, "j.doe" is somebody
			d.add(m[1], user)
		}
		if !public(m[2]) {
			d.add(m[2], domain)
		}
	}
	for _, dn := range distinguished.FindAllString(s, -1) {
		if !strings.Contains(strings.ToUpper(dn), "DC=") {
			continue // the subject of a certificate; its parts are replaced where they stand
		}
		for _, m := range relative.FindAllStringSubmatch(dn, -1) {
			if strings.EqualFold(m[1], "CN") {
				d.add(m[2], user)
			}
		}
		if name := domainOf(dn); strings.Contains(name, ".") {
			d.add(name, domain)
		}
	}
}

// collectAccounts finds what only those names show that are known by now: DOMAIN\user, which is a path everywhere else, and hosts in a known domain.
func (d *Redactor) collectAccounts(r *findings.Report) {
	domains := map[string]bool{}
	var inDomain []string
	for name, c := range d.names {
		if c == domain || c == host {
			first, _, full := strings.Cut(name, ".")
			domains[first] = true // the short name of corp.example.com is mostly CORP
			if c == domain && full {
				inDomain = append(inDomain, regexp.QuoteMeta(name))
			}
		}
	}
	var member *regexp.Regexp
	if len(inDomain) > 0 {
		slices.Sort(inDomain)
		member = regexp.MustCompile(`(?i)([a-z0-9][a-z0-9.-]*)\.(?:` + strings.Join(inDomain, "|") + `)`)
	}
	each(reflect.ValueOf(r).Elem(), "", func(s string) {
		for _, m := range qualified.FindAllStringSubmatch(s, -1) {
			if domains[strings.ToLower(m[1])] {
				d.add(m[1], domain)
				d.add(m[2], user)
			}
		}
		if member != nil {
			for _, m := range member.FindAllStringSubmatch(s, -1) {
				d.addHost(m[0])
			}
		}
	})
}

// domainOf joins the DC parts of a distinguished name.
func domainOf(dn string) string {
	var parts []string
	for _, m := range relative.FindAllStringSubmatch(dn, -1) {
		if strings.EqualFold(m[1], "DC") {
			parts = append(parts, m[2])
		}
	}
	return strings.Join(parts, ".")
}

// addHost notes a computer, and the domain of a full name. An address is no name, and the pages of vendors that checks refer to are public.
func (d *Redactor) addHost(name string) {
	name = strings.Trim(name, ".-")
	if _, err := netip.ParseAddr(name); err == nil || public(name) {
		return
	}
	short, rest, full := strings.Cut(name, ".")
	if full && !strings.ContainsFunc(rest, unicode.IsLetter) { // a version
		return
	}
	d.add(name, host)
	d.add(short, host)
	if full && strings.Contains(rest, ".") {
		d.add(rest, domain)
	}
}

// public reports whether a name is that of a vendor's or a standard's site, which is the same for everybody.
func public(name string) bool {
	name = strings.ToLower(name)
	for _, known := range []string{"microsoft.com", "windowsupdate.com", "windows.com", "symantec.com", "broadcom.com", "novell.com", "vmware.com", "w3.org", "xmlsoap.org", "digicert.com", "verisign.com"} {
		if name == known || strings.HasSuffix(name, "."+known) {
			return true
		}
	}
	return false
}

// compile makes one expression of all names in all their spellings, the longest first.
func (d *Redactor) compile() {
	for name := range d.names {
		for _, other := range spellings(name) {
			if _, taken := d.names[other]; !taken {
				d.spellings[other] = name
			}
		}
	}
	all := slices.Concat(slices.Collect(maps.Keys(d.names)), slices.Collect(maps.Keys(d.spellings)))
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	if len(all) == 0 {
		return
	}
	for i, n := range all {
		all[i] = regexp.QuoteMeta(n)
	}
	d.known = regexp.MustCompile(`(?i)` + strings.Join(all, "|"))
}

// spellings are the other ways in which a name is written within text that is escaped for something: addresses, JSON and XML. All in lower case.
func spellings(name string) []string {
	var json, xml strings.Builder
	for _, r := range name {
		switch {
		case r == '&':
			json.WriteRune(r)
			xml.WriteString("&amp;")
		case r < utf8.RuneSelf:
			json.WriteRune(r)
			xml.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&json, `\u%04x`, u)
			}
			fmt.Fprintf(&xml, "&#%d;", r)
		}
	}
	all := []string{strings.ToLower(url.PathEscape(name)), strings.ToLower(url.QueryEscape(name)), json.String(), xml.String(), norm.NFD.String(name), norm.NFC.String(name)}
	return slices.DeleteFunc(all, func(s string) bool { return s == name })
}

// pseudonym returns what stands for a name from now on.
func (d *Redactor) pseudonym(name string, c class) string {
	key := string(c) + strings.ToLower(name)
	if p, ok := d.pseudonyms[key]; ok {
		return p
	}
	d.next[c]++
	p := fmt.Sprintf("%s-%d", c, d.next[c])
	d.pseudonyms[key] = p
	return p
}

// Text returns s without names and secrets.
func (d *Redactor) Text(s string) string {
	for name, to := range d.uploads { // with several uploads each path begins with its upload's name
		if s == name {
			return to
		}
		if rest, ok := strings.CutPrefix(s, name+"/"); ok && rest != "" {
			s = to + "/" + rest
			break
		}
	}
	s = secrets.Remove(s)
	s = mailAddress.ReplaceAllStringFunc(s, func(m string) string { return d.pseudonym(m, mail) })
	s = distinguished.ReplaceAllStringFunc(s, d.distinguished)
	s = sidText.ReplaceAllStringFunc(s, func(m string) string {
		if strings.Count(m, "-") < 6 { // S-1-5-18 and the like are the same everywhere
			return m
		}
		return d.pseudonym(m, sid)
	})
	s = guidText.ReplaceAllStringFunc(s, func(m string) string {
		if d.products[strings.ToLower(m)] {
			return m
		}
		return d.pseudonym(m, guid)
	})
	hardware := func(m string) string {
		return d.pseudonym(strings.Map(func(r rune) rune {
			if strings.ContainsRune(":-.", r) {
				return -1
			}
			return r
		}, m), hwAddr)
	}
	s = macText.ReplaceAllStringFunc(s, hardware)
	s = replaceGroup(macField, s, hardware)
	s = d.addresses(s)
	s = replaceGroup(ip6Text, s, d.address)
	s = replaceGroup(profile, s, d.inPath(user))
	s = replaceGroup(unc, s, d.inPath(host))
	if d.known == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, m := range d.known.FindAllStringIndex(s, -1) {
		if !whole(s, m[0], m[1]) {
			continue
		}
		name, c := d.find(s[m[0]:m[1]])
		if name == "" {
			continue
		}
		b.WriteString(s[last:m[0]])
		b.WriteString(d.pseudonym(name, c))
		last = m[1]
	}
	return b.String() + s[last:]
}

// Message returns a message about uploads without names, those of the uploads among them.
func (d *Redactor) Message(s string) string {
	for _, name := range slices.SortedFunc(maps.Keys(d.uploads), func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) }) {
		if name != "" {
			s = strings.ReplaceAll(s, name, d.uploads[name])
		}
	}
	return d.Text(s)
}

// find returns the name that text is a spelling of. The expression folds more characters than lower case does.
func (d *Redactor) find(text string) (string, class) {
	low := strings.ToLower(text)
	if name, ok := d.spellings[low]; ok {
		low = name
	}
	if c, ok := d.names[low]; ok {
		return low, c
	}
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if strings.EqualFold(name, text) {
			return name, d.names[name]
		}
	}
	for _, spelling := range slices.Sorted(maps.Keys(d.spellings)) {
		if strings.EqualFold(spelling, text) {
			return d.spellings[spelling], d.names[d.spellings[spelling]]
		}
	}
	return "", ""
}

// inPath returns what replaces a name whose place in a path shows what it is, and that is too short to be replaced everywhere.
func (d *Redactor) inPath(c class) func(string) string {
	return func(s string) string {
		if utf8.RuneCountInString(s) >= minName || common[strings.ToLower(s)] || strings.Trim(s, ".~%$?*") == "" {
			return s
		}
		return d.pseudonym(s, c)
	}
}

// distinguished returns a distinguished name whose parts are pseudonyms; those of the directory itself and of vendors stay.
func (d *Redactor) distinguished(dn string) string {
	var out []string
	home := domainOf(dn)
	told := false
	for _, m := range relative.FindAllStringSubmatch(dn, -1) {
		value := strings.TrimSpace(m[2])
		switch kind := strings.ToUpper(m[1]); {
		case kind == "DC" && !told:
			told = true
			out = append(out, m[1]+"="+d.pseudonym(home, domain))
		case kind == "DC":
		case directory[strings.ToLower(value)]:
			out = append(out, m[1]+"="+value)
		case kind == "OU":
			out = append(out, m[1]+"="+d.pseudonym(value, unit))
		case kind == "CN":
			c := user
			if known, ok := d.names[strings.ToLower(value)]; ok {
				c = known
			}
			out = append(out, m[1]+"="+d.pseudonym(value, c))
		default:
			out = append(out, m[1]+"="+d.pseudonym(value, organisation))
		}
	}
	return strings.Join(out, ",")
}

// addresses replaces the IPv4 addresses of s. Four numbers behind a word for a version are one.
func (d *Redactor) addresses(s string) string {
	var b strings.Builder
	last := 0
	for _, m := range ip4Text.FindAllStringIndex(s, -1) {
		before, after := s[:m[0]], s[m[1]:]
		joined := len(before) > 0 && (isDigit(before[len(before)-1]) || len(before) > 1 && before[len(before)-1] == '.' && isDigit(before[len(before)-2])) ||
			after != "" && (isDigit(after[0]) || len(after) > 1 && after[0] == '.' && isDigit(after[1]))
		if joined || versionBefore.MatchString(before[max(0, len(before)-24):]) {
			continue
		}
		b.WriteString(s[last:m[0]])
		b.WriteString(d.address(s[m[0]:m[1]]))
		last = m[1]
	}
	return b.String() + s[last:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// address returns the pseudonym of an address, or what is none as it is: a version number, or an address that is the same everywhere.
func (d *Redactor) address(s string) string {
	plain := s
	if !strings.Contains(s, ":") { // netip refuses 010.001.002.003
		octets := strings.Split(s, ".")
		for i, o := range octets {
			octets[i] = cmp.Or(strings.TrimLeft(o, "0"), "0")
		}
		plain = strings.Join(octets, ".")
	}
	a, err := netip.ParseAddr(plain)
	if err != nil || a.IsLoopback() || a.IsUnspecified() || strings.HasPrefix(plain, "255.") || a.Is6() && !strings.Contains(strings.Trim(plain, ":"), ":") {
		return s
	}
	return d.pseudonym(a.String(), address)
}

// replaceGroup replaces what the first group of an expression matches.
func replaceGroup(re *regexp.Regexp, s string, by func(string) string) string {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:m[2]])
		b.WriteString(by(s[m[2]:m[3]]))
		last = m[3]
	}
	return b.String() + s[last:]
}

// escapeBefore are the escapes of addresses, JSON and C that may stand before a name: their last character is no part of it.
var escapeBefore = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrtbfv])$`)

// whole reports whether a range of s stands for itself and is no part of a longer word.
func whole(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	word := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return (!word(before) || escapeBefore.MatchString(s[max(0, from-6):from])) && !word(after)
}

// kept are the fields, of reports and comparisons, by their JSON names, that hold no string of the bundle: vocabularies, sums, times and public addresses.
var kept = map[string]bool{
	"schema": true, "check": true, "sha256": true, "url": true, "encoding": true, "format": true, "time": true, "local_time": true, "from": true, "to": true,
	"first_time": true, "last_time": true, "first_local": true, "last_local": true, "clock": true, "hive_written": true, "last_written": true, "settles": true,
	"type": true, "operation": true, "version": true, "only": true, "redacted": true,
}

// jsonName is the name of a field in report.json.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// isText reports whether a field of a type and name holds text that may name somebody. Vocabularies are types of their own.
func isText(t reflect.Type, name string) bool { return t == reflect.TypeFor[string]() && !kept[name] }

// each calls fn for every string that may hold a name.
func each(v reflect.Value, name string, fn func(string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			each(v.Elem(), name, fn)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), jsonName(v.Type().Field(i)), fn)
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), name, fn)
		}
	case reflect.Map:
		for _, k := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			each(v.MapIndex(k), name, fn)
		}
	case reflect.String:
		if isText(v.Type(), name) {
			fn(v.String())
		}
	default:
	}
}

// copy makes to a redacted copy of from.
func (d *Redactor) copy(to, from reflect.Value, name string) {
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			d.copy(to.Elem(), from.Elem(), name)
		}
	case reflect.Struct:
		for i := range from.NumField() {
			d.copy(to.Field(i), from.Field(i), jsonName(from.Type().Field(i)))
		}
	case reflect.Slice:
		if !from.IsNil() {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
			for i := range from.Len() {
				d.copy(to.Index(i), from.Index(i), name)
			}
		}
	case reflect.Map:
		if !from.IsNil() {
			to.Set(reflect.MakeMap(from.Type()))
			for _, k := range slices.SortedFunc(slices.Values(from.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
				value := reflect.New(from.Type().Elem()).Elem()
				d.copy(value, from.MapIndex(k), name)
				name := d.Text(k.String())
				for to.MapIndex(reflect.ValueOf(name)).IsValid() { // names that have become the same
					name += "~"
				}
				to.SetMapIndex(reflect.ValueOf(name), value)
			}
		}
	case reflect.String:
		if isText(from.Type(), name) {
			to.SetString(d.Text(from.String()))
		} else {
			to.SetString(from.String())
		}
	default:
		to.Set(from)
	}
}
