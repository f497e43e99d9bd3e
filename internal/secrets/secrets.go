// Package secrets finds passwords and keys in text: values that stand behind a word for a password, in addresses, command lines, headers and XML, and private
// keys. It knows words, not meanings: a password that nothing calls one is not found.
package secrets

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Removed stands where a password or key was.
const Removed = "[removed]"

// form is one way in which a secret stands in text.
type form struct {
	words []string       // one of them, in lower case, is in every text with the form
	re    *regexp.Regexp // its first group is the secret
}

var forms = []form{
	{ // PASSWORD=…, "pwd": "…", DBPASSWORD="a b"
		[]string{"pass", "kennwort", "pwd", "secret", "apikey", "api_key", "accesskey", "access_key", "connectionkey", "connection_key", "kcs"},
		regexp.MustCompile(`(?i)(?:password|passwd|passphrase|passwort|kennwort|pwd|secret|api_?key|access_?key|connection_?key|\bkcs)["']?[ \t]*[:=][ \t]*("[^"\r\n]*(?:"|$)|'[^'\r\n]*(?:'|$)|[^\s"',;&<>]+)`),
	},
	{ // <Password>…</Password>, <ConnectionKey>…
		[]string{"password>", "passwd>", "pwd>", "secret>", "key>"},
		regexp.MustCompile(`(?i)<[a-z:]*(?:password|passwd|pwd|secret|(?:connection|access|api|private|shared)_?key)>([^<\r\n]+)<`),
	},
	{ // Name="Password">…, name="password" value="…"
		[]string{"name="},
		regexp.MustCompile(`(?i)name=["'][a-z ]*(?:password|passwd|pwd|secret)["'](?:>| value=["'])([^<"'\r\n]+)`),
	},
	{ // /p:…, /pass:…, -password …
		[]string{"/p:", "/pw:", "/pass", "/pwd:", "-p:", "-pw:", "-pass", "-pwd:"},
		regexp.MustCompile(`(?i)(?:^|[\s"'])[-/](?:p|pw|pass|pwd|password|passwd):("[^"\r\n]*(?:"|$)|[^\s"']+)`),
	},
	{
		[]string{"-pass", "/pass", "-pwd", "/pwd"},
		regexp.MustCompile(`(?i)[\s"'][-/](?:pass|pwd|password|passwd)[ \t]+("[^"\r\n]*(?:"|$)|[^\s"'/-][^\s"']*)`),
	},
	{
		[]string{" -p "},
		regexp.MustCompile(`(?i)\s-u[ \t]+\S+[ \t]+-p[ \t]+("[^"\r\n]*(?:"|$)|[^\s"'-][^\s"']*)`),
	},
	{ // net use \\server\share … /user:name, net user name …
		[]string{"/user:"},
		regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+use[ \t]+(?:[a-z*]:?[ \t]+)?\\\\\S+[ \t]+([^\s/]\S*)[ \t]+/user:`),
	},
	{
		[]string{"/user:"},
		regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+use[ \t]+(?:[a-z*]:?[ \t]+)?\\\\\S+[ \t]+/user:\S+[ \t]+([^\s/*]\S*)`),
	},
	{
		[]string{"/add"},
		regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+user[ \t]+[^\s/]+[ \t]+([^\s/*]\S*)[ \t]+/add`),
	},
	{ // https://user:…@server
		[]string{"://"},
		regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@"'<>]{1,64}:([^\s/@"'<>]{1,128})@`),
	},
	{
		[]string{"authorization"},
		regexp.MustCompile(`(?i)\bauthorization["']?:[ \t]*(?:basic|bearer|digest|negotiate|ntlm)[ \t]+([^\s"']+)`),
	},
	{
		[]string{"-----begin "},
		regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))`),
	},
}

// A text is searched for the first three bytes of the words, all at once: the class of a byte takes five bits, and three of them name a bit of leads.
const classBits = 5

// classes are those of the bytes that stand within the first three of a word, in either case; 0 is that of all others.
var classes = func() (set [256]uint8) {
	next := uint8(1)
	for _, f := range forms {
		for _, w := range f.words {
			for _, c := range []byte(w[:3]) {
				if set[c] == 0 {
					set[c], next = next, next+1
				}
				if 'a' <= c && c <= 'z' {
					set[c-'a'+'A'] = set[c]
				}
			}
		}
	}
	if next > 1<<classBits {
		panic("secrets: too many classes of bytes") // the words are constants
	}
	return set
}()

// leads are the triples of classes with which a word begins.
var leads = func() (set [1 << (3 * classBits) / 64]uint64) {
	for _, f := range forms {
		for _, w := range f.words {
			at := uint(classes[w[0]])<<(2*classBits) | uint(classes[w[1]])<<classBits | uint(classes[w[2]])
			set[at/64] |= 1 << (at % 64)
		}
	}
	return set
}()

// Maybe reports whether a line may hold a secret: whether Find is worth its time. It allocates nothing.
func Maybe[T string | []byte](s T) bool {
	at := uint(0)
	for i := range len(s) {
		at = (at<<classBits | uint(classes[s[i]])) & (1<<(3*classBits) - 1)
		if leads[at/64]>>(at%64)&1 == 0 || i < 2 {
			continue
		}
		rest := s[i-2:]
		for _, f := range forms {
			for _, w := range f.words {
				if hasPrefixFold(rest, w) && (w != "://" || hasByte(rest, '@')) {
					return true
				}
			}
		}
	}
	return false
}

// hasPrefixFold reports whether s begins with a word of lower-case ASCII, in either case.
func hasPrefixFold[T string | []byte](s T, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := range len(word) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

func hasByte[T string | []byte](s T, c byte) bool {
	for i := range len(s) {
		if s[i] == c {
			return true
		}
	}
	return false
}

// Find returns where secrets stand in s, in order and without overlaps, as pairs of a beginning and an end in bytes. Placeholders such as stars are none.
func Find(s string) [][2]int {
	if !Maybe(s) {
		return nil
	}
	low := strings.ToLower(s)
	var out [][2]int
	for _, f := range forms {
		if !slices.ContainsFunc(f.words, func(w string) bool { return strings.Contains(low, w) }) {
			continue
		}
		for _, m := range f.re.FindAllStringSubmatchIndex(s, -1) {
			if value := strings.Trim(s[m[2]:m[3]], `"'`); value != "" && value != Removed && strings.Trim(value, "*xX.?-") != "" {
				out = append(out, [2]int{m[2], m[3]})
			}
		}
	}
	slices.SortFunc(out, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(b[1], a[1])) })
	apart := out[:0]
	for _, p := range out {
		if n := len(apart); n > 0 && p[0] < apart[n-1][1] {
			apart[n-1][1] = max(apart[n-1][1], p[1])
			continue
		}
		apart = append(apart, p)
	}
	return apart
}

// Remove returns s with [Removed] in the place of secrets.
func Remove(s string) string {
	found := Find(s)
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	last := 0
	for _, p := range found {
		b.WriteString(s[last:p[0]])
		b.WriteString(Removed)
		last = p[1]
	}
	return b.String() + s[last:]
}

// Longest returns the longest run of s without a secret, for a quote that has to stay verbatim; whole is true if that is s itself.
func Longest(s string) (run string, whole bool) {
	found := Find(s)
	if len(found) == 0 {
		return s, true
	}
	last := 0
	for _, p := range append(found, [2]int{len(s), len(s)}) {
		if p[0]-last > len(run) {
			run = s[last:p[0]]
		}
		last = p[1]
	}
	return run, false
}

var secretName = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|pwd|secret|api_?key|access_?key)\d*$`)

// Named reports whether a registry value or a variable of this name holds a secret, whatever its data look like.
func Named(name string) bool { return secretName.MatchString(name) && !strings.EqualFold(name, "pwd") }
