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

// Each expression's first group is the secret.
var forms = []*regexp.Regexp{
	// PASSWORD=…, "pwd": "…", DBPASSWORD="a b"
	regexp.MustCompile(`(?i)(?:password|passwd|passphrase|passwort|kennwort|pwd|secret|api_?key|access_?key|connection_?key|\bkcs)["']?[ \t]*[:=][ \t]*("[^"\r\n]*(?:"|$)|'[^'\r\n]*(?:'|$)|[^\s"',;&<>]+)`),
	// <Password>…</Password>, <ConnectionKey>…
	regexp.MustCompile(`(?i)<[a-z:]*(?:password|passwd|pwd|secret|key)>([^<\r\n]+)<`),
	// Name="Password">…, name="password" value="…"
	regexp.MustCompile(`(?i)name=["'][a-z ]*(?:password|passwd|pwd|secret)["'](?:>| value=["'])([^<"'\r\n]+)`),
	// /p:…, /pass:…, -password …
	regexp.MustCompile(`(?i)(?:^|[\s"'])[-/](?:p|pw|pass|pwd|password|passwd):("[^"\r\n]*(?:"|$)|[^\s"']+)`),
	regexp.MustCompile(`(?i)[\s"'][-/](?:pass|pwd|password|passwd)[ \t]+("[^"\r\n]*(?:"|$)|[^\s"'/-][^\s"']*)`),
	regexp.MustCompile(`(?i)\s-u[ \t]+\S+[ \t]+-p[ \t]+("[^"\r\n]*(?:"|$)|[^\s"'-][^\s"']*)`),
	// net use \\server\share … /user:name, net user name …
	regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+use[ \t]+(?:[a-z*]:?[ \t]+)?\\\\\S+[ \t]+([^\s/]\S*)[ \t]+/user:`),
	regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+use[ \t]+(?:[a-z*]:?[ \t]+)?\\\\\S+[ \t]+/user:\S+[ \t]+([^\s/*]\S*)`),
	regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?[ \t]+user[ \t]+[^\s/]+[ \t]+([^\s/*]\S*)[ \t]+/add`),
	// https://user:…@server
	regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@"'<>]{1,64}:([^\s/@"'<>]{1,128})@`),
	regexp.MustCompile(`(?i)\bauthorization["']?:[ \t]*(?:basic|bearer|digest|negotiate|ntlm)[ \t]+([^\s"']+)`),
	regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))`),
}

// words are what a text with a secret contains, in lower case.
var words = []string{"pass", "pwd", "kennwort", "secret", "key", "kcs", "net", "://", "authorization", "/p:", "-p", "/pw:"}

// maybe says whether a text can hold a secret; it is quick.
func maybe(s string) bool {
	if !strings.ContainsAny(s, ":=> -") {
		return false
	}
	low := strings.ToLower(s)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
}

// Find returns where secrets stand in s, in order and without overlaps, as pairs of a beginning and an end in bytes. Placeholders such as stars are none.
func Find(s string) [][2]int {
	if !maybe(s) {
		return nil
	}
	var out [][2]int
	for _, re := range forms {
		for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
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
