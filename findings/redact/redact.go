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
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/findings"
)

// minName is how many characters a name has at least to be looked for everywhere; shorter ones would hit within other words and numbers.
const minName = 3

// class is a kind of name; the pseudonyms are CLASS-1, CLASS-2 …
type class string

const (
	host    class = "HOST"
	user    class = "USER"
	domain  class = "DOMAIN"
	address class = "IP"
	hwAddr  class = "MAC"
	sid     class = "SID"
	guid    class = "GUID"
	mail    class = "MAIL"
)

// secret stands for a password or a key.
const secret = "[removed]"

// Report returns a copy of r without what names people and machines. The same report gives the same copy.
func Report(r *findings.Report) *findings.Report {
	d := &redactor{names: map[string]class{}, pseudonyms: map[string]string{}, next: map[class]int{}}
	d.collect(r)
	d.compile()
	v := reflect.New(reflect.TypeFor[findings.Report]()).Elem()
	d.copy(v, reflect.ValueOf(r).Elem(), "")
	out, _ := reflect.TypeAssert[*findings.Report](v.Addr())
	return out
}

// redactor knows the names of one report.
type redactor struct {
	names      map[string]class // lower case
	pseudonyms map[string]string
	next       map[class]int
	known      *regexp.Regexp // all names; nil if there are none
}

var (
	profile   = regexp.MustCompile(`(?i)[\\/](?:users|documents and settings|dokumente und einstellungen|benutzer|home|winnt[\\/]profiles)[\\/]+([^\\/"'<>|:*?;,\r\n\x00]{1,64})`)
	unc       = regexp.MustCompile(`(?:^|[^\\:A-Za-z0-9])\\\\([A-Za-z0-9][A-Za-z0-9_.-]{0,254})\\`)
	webHost   = regexp.MustCompile(`(?i)\b(?:https?|ftp|ldaps?)://([A-Za-z0-9][A-Za-z0-9_.-]{0,254})`)
	account   = regexp.MustCompile(`(?i)\b(?:user(?:name)?|account|owner|logon|log on as|sender)\b["':=\s]{1,4}(?:name["':=\s]{1,4})?(?:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\\)?([A-Za-z][A-Za-z0-9_.-]{1,63})\b`)
	qualified = regexp.MustCompile(`(?i)(?:^|[^\\/:A-Za-z0-9-])([A-Za-z0-9][A-Za-z0-9-]{0,14})\\([A-Za-z][A-Za-z0-9_.$-]{1,63})\b`)

	mailAddress = regexp.MustCompile(`[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+`)
	sidText     = regexp.MustCompile(`(?i)\bS-1-\d{1,3}(?:-\d{1,10}){1,15}\b`)
	guidText    = regexp.MustCompile(`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`)
	macText     = regexp.MustCompile(`\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b`)
	ip4Text     = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	ip6Text     = regexp.MustCompile(`(?i)(?:^|[^0-9a-z:.])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})`)
	password    = regexp.MustCompile(`(?i)\b((?:[a-z_]*(?:password|passwd|passphrase|pwd|secret|apikey|api_key|accesskey|kcs)|/p(?:ass)?)\b["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s"',;&<>]+)`)
	pemKey      = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

// common are names of every Windows, and words that stand where names do: they name nobody.
var common = func() map[string]bool {
	out := map[string]bool{}
	for n := range strings.FieldsSeq(`public default all administrator admin guest system localservice networkservice local network service everyone user users
		owner name authority builtin windows installer microsoft software the not for and defaultuser0 localsystem localhost unknown none null true false
		appdata temp programdata iis apppool font driver host dwm umfd trustedinstaller creator interactive context mode rights profile account accounts`) {
		out[n] = true
	}
	return out
}()

// add notes a name.
func (d *redactor) add(name string, c class) {
	name = strings.ToLower(strings.TrimSpace(name))
	if utf8.RuneCountInString(name) < minName || common[name] || strings.HasPrefix(name, "%") || !strings.ContainsFunc(name, unicode.IsLetter) {
		return
	}
	if old, ok := d.names[name]; !ok || c < old { // a name that is two things is always called the same
		d.names[name] = c
	}
}

// collect finds the names that a report holds.
func (d *redactor) collect(r *findings.Report) {
	for _, s := range r.Systems {
		d.add(s.ComputerName, host)
		if !strings.ContainsAny(s.ID, `/\ `) {
			name, _, _ := strings.Cut(s.ID, "~") // ~2 makes it unique
			d.add(name, host)
		}
		for name, value := range s.Environment {
			switch strings.ToUpper(name) {
			case "COMPUTERNAME", "LOGONSERVER":
				d.add(strings.TrimLeft(value, `\`), host)
			case "USERNAME":
				d.add(value, user)
			case "USERDOMAIN", "USERDNSDOMAIN":
				d.add(value, domain)
			}
		}
	}
	each(reflect.ValueOf(r).Elem(), "", func(s string) {
		for _, m := range profile.FindAllStringSubmatch(s, -1) {
			d.add(strings.SplitN(m[1], ".", 2)[0], user) // NAME.DOMAIN is a profile of a second machine or domain
			d.add(m[1], user)
		}
		for _, re := range []*regexp.Regexp{unc, webHost} {
			for _, m := range re.FindAllStringSubmatch(s, -1) {
				d.addHost(m[1])
			}
		}
		for _, m := range account.FindAllStringSubmatch(s, -1) {
			if m[1] != "" { // without a domain the word behind may be any
				d.add(m[1], domain)
				d.add(m[2], user)
			}
		}
	})
	// DOMAIN\user is a path everywhere else, so that only domains that are known by now count.
	each(reflect.ValueOf(r).Elem(), "", func(s string) {
		for _, m := range qualified.FindAllStringSubmatch(s, -1) {
			if c := d.names[strings.ToLower(m[1])]; c == domain || c == host {
				d.add(m[2], user)
			}
		}
	})
}

// addHost notes a computer, and the domain of a full name. An address is no name, and the pages of vendors that checks refer to are public.
func (d *redactor) addHost(name string) {
	if _, err := netip.ParseAddr(name); err == nil {
		return
	}
	short, rest, full := strings.Cut(name, ".")
	for _, public := range []string{"microsoft.com", "windowsupdate.com", "symantec.com", "broadcom.com", "novell.com", "vmware.com", "w3.org", "xmlsoap.org", "digicert.com", "verisign.com"} {
		if strings.HasSuffix(strings.ToLower(name), public) {
			return
		}
	}
	d.add(name, host)
	d.add(short, host)
	if full && strings.Contains(rest, ".") {
		d.add(rest, domain)
	}
}

// compile makes one expression of all names, the longest first.
func (d *redactor) compile() {
	names := slices.SortedFunc(maps.Keys(d.names), func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	if len(names) == 0 {
		return
	}
	for i, n := range names {
		names[i] = regexp.QuoteMeta(n)
	}
	d.known = regexp.MustCompile(`(?i)` + strings.Join(names, "|"))
}

// pseudonym returns what stands for a name from now on.
func (d *redactor) pseudonym(name string, c class) string {
	key := string(c) + strings.ToLower(name)
	if p, ok := d.pseudonyms[key]; ok {
		return p
	}
	d.next[c]++
	p := fmt.Sprintf("%s-%d", c, d.next[c])
	d.pseudonyms[key] = p
	return p
}

// text returns s without names and secrets.
func (d *redactor) text(s string) string {
	s = pemKey.ReplaceAllLiteralString(s, secret)
	s = password.ReplaceAllString(s, "${1}"+secret)
	s = mailAddress.ReplaceAllStringFunc(s, func(m string) string { return d.pseudonym(m, mail) })
	s = sidText.ReplaceAllStringFunc(s, func(m string) string {
		if strings.Count(m, "-") < 6 { // S-1-5-18 and the like are the same everywhere
			return m
		}
		return d.pseudonym(m, sid)
	})
	s = guidText.ReplaceAllStringFunc(s, func(m string) string { return d.pseudonym(m, guid) })
	s = macText.ReplaceAllStringFunc(s, func(m string) string { return d.pseudonym(m, hwAddr) })
	s = ip4Text.ReplaceAllStringFunc(s, d.address)
	s = replaceGroup(ip6Text, s, d.address)
	if d.known == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, m := range d.known.FindAllStringIndex(s, -1) {
		if !whole(s, m[0], m[1]) {
			continue
		}
		name := s[m[0]:m[1]]
		b.WriteString(s[last:m[0]])
		b.WriteString(d.pseudonym(name, d.names[strings.ToLower(name)]))
		last = m[1]
	}
	return b.String() + s[last:]
}

// address returns the pseudonym of an address, or what is none as it is: a version number, or an address that is the same everywhere.
func (d *redactor) address(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsLoopback() || a.IsUnspecified() || strings.HasPrefix(s, "255.") || a.Is6() && !strings.Contains(strings.Trim(s, ":"), ":") {
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

// whole reports whether a range of s stands for itself and is no part of a longer word.
func whole(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	word := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return !word(before) && !word(after)
}

// kept are the fields, by their JSON names, that hold no string of the bundle: vocabularies, sums, times and public addresses.
var kept = map[string]bool{
	"schema": true, "check": true, "sha256": true, "url": true, "encoding": true, "format": true, "time": true, "local_time": true, "from": true, "to": true,
	"first_time": true, "last_time": true, "first_local": true, "last_local": true, "clock": true, "hive_written": true, "last_written": true, "settles": true,
	"type": true, "operation": true, "version": true,
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
func (d *redactor) copy(to, from reflect.Value, name string) {
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
				to.SetMapIndex(k, value)
			}
		}
	case reflect.String:
		if isText(from.Type(), name) {
			to.SetString(d.text(from.String()))
		} else {
			to.SetString(from.String())
		}
	default:
		to.Set(from)
	}
}
