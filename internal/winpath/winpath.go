// Package winpath compares the paths of another machine's Windows as text. It asks no file system: short (8.3) names, links and
// mount points are not resolved, and a relative path stays one.
package winpath

import (
	"regexp"
	"strings"
)

// Prefixes of the forms in which a path with a drive letter or a volume name may be written. "\??\" is the object manager's, "\\?\" and
// "\\.\" are those of the file functions ("Naming Files, Paths, and Namespaces", Microsoft Learn).
var prefixes = []string{`\??\`, `\\?\`, `\\.\`, `\DosDevices\`}

var volumeName = regexp.MustCompile(`(?i)^Volume\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}`)

// Clean brings a path into the form in which the other functions compare it: backslashes, none of them doubled or at the end
// but for a drive's root (C:\), no prefix of the object manager, no quotes and blanks around it, "." and ".." followed. Case is kept. A
// path on a share begins with \\server\share, one on a volume without a letter with Volume{GUID}.
func Clean(path string) string {
	s := strings.ReplaceAll(strings.Trim(path, " \t\""), `/`, `\`)
	for _, prefix := range prefixes {
		if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			s = s[len(prefix):]
			if rest, ok := cutFold(s, `UNC\`); ok {
				s = `\\` + rest
			}
			break
		}
	}
	root := ""
	switch {
	case strings.HasPrefix(s, `\\`):
		root, s = `\\`, s[2:]
	case strings.HasPrefix(s, `\`):
		root, s = `\`, s[1:]
	}
	var parts []string
	for part := range strings.SplitSeq(s, `\`) {
		switch part {
		case "", ".":
		case "..":
			n := len(parts)
			switch {
			case n == 0 && root == "" || n > 0 && parts[n-1] == "..":
				parts = append(parts, part)
			case n > 1 || n == 1 && !isDrive(parts[0]):
				parts = parts[:n-1]
			}
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) == 1 && isDrive(parts[0]) && root == "" {
		return parts[0] + `\`
	}
	return root + strings.Join(parts, `\`)
}

// Equal reports whether two paths are the same, as Windows compares them.
func Equal(a, b string) bool { return strings.EqualFold(Clean(a), Clean(b)) }

// Beneath reports whether path is dir or lies anywhere below it.
func Beneath(path, dir string) bool {
	_, ok := Rel(path, dir)
	return ok
}

// Rel returns what follows dir in path, without a backslash at either end; "" if the two are the same, and false if path does not lie
// beneath dir.
func Rel(path, dir string) (string, bool) {
	p, d := Clean(path), strings.TrimSuffix(Clean(dir), `\`)
	if d == "" || len(p) < len(d) || !strings.EqualFold(p[:len(d)], d) {
		return "", false
	}
	if len(p) == len(d) {
		return "", true
	}
	if p[len(d)] != '\\' {
		return "", false
	}
	return p[len(d)+1:], true
}

// Volume returns what names the volume at the beginning of a path: a drive letter in upper case ("C:"), "volume{GUID}" or \\server\share in
// lower case; "" for every other path.
func Volume(path string) string {
	p := Clean(path)
	if len(p) >= 2 && isDrive(p[:2]) && (len(p) == 2 || p[2] == '\\') {
		return strings.ToUpper(p[:2])
	}
	if name := volumeName.FindString(p); name != "" && (len(p) == len(name) || p[len(name)] == '\\') {
		return strings.ToLower(name)
	}
	if rest, ok := strings.CutPrefix(p, `\\`); ok {
		server, rest, _ := strings.Cut(rest, `\`)
		share, _, _ := strings.Cut(rest, `\`)
		if server != "" && share != "" {
			return strings.ToLower(`\\` + server + `\` + share)
		}
	}
	return ""
}

// Dir returns the folder that holds path: "" for a root and for a bare name.
func Dir(path string) string {
	p := Clean(path)
	i := strings.LastIndexByte(p, '\\')
	if i < 0 || Volume(p) != "" && len(p) <= len(Volume(p))+1 {
		return ""
	}
	return Clean(p[:max(i, 1)])
}

// Base returns the last element of path.
func Base(path string) string {
	p := Clean(path)
	return p[strings.LastIndexByte(strings.TrimSuffix(p, `\`), '\\')+1:]
}

// Join joins a folder and a path below it.
func Join(dir, rel string) string { return Clean(dir + `\` + rel) }

// Expand replaces the %VARIABLES% of a path by what lookup returns for them, itself expanded up to four times. A variable that lookup does not
// know stays as it is.
func Expand(path string, lookup func(name string) (string, bool)) string {
	for range 4 {
		changed := false
		var b strings.Builder
		rest := path
		for {
			before, after, ok := strings.Cut(rest, "%")
			if !ok {
				break
			}
			name, behind, ok := strings.Cut(after, "%")
			if !ok {
				break
			}
			if value, known := lookup(name); known && name != "" {
				b.WriteString(before + value)
				rest, changed = behind, true
				continue
			}
			b.WriteString(before + "%")
			rest = after
		}
		b.WriteString(rest)
		if path = b.String(); !changed || len(path) > maxExpanded {
			break
		}
	}
	return path
}

// maxExpanded is the longest path that is expanded further. The kernel's own limit is 32,767 characters.
const maxExpanded = 32 << 10

func isDrive(s string) bool {
	return len(s) == 2 && s[1] == ':' && (s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
