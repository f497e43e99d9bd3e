package extract

// Windows' initialisation files: sections in square brackets, keys and values with an equals sign, comments behind a semicolon at the beginning of a line
// (GetPrivateProfileString). Which keys mean something is told where the files are read.

import (
	"strings"

	"casebook/ingest"
)

// INI is an initialisation file.
type INI struct {
	Keys []INIKey // all of them, in the order of the text
}

// INIKey is a line with a key.
type INIKey struct {
	Section, Key, Value string // as written, without blanks and quotes around
	Line                int
}

// Find returns the first key of that name in a section of that name, case folded, as Windows does; in any section if section is "". nil if there is none.
func (f *INI) Find(section, key string) *INIKey {
	for i := range f.Keys {
		if k := &f.Keys[i]; strings.EqualFold(k.Key, key) && (section == "" || strings.EqualFold(k.Section, section)) {
			return k
		}
	}
	return nil
}

// parseINI reads all lines. Those that are neither section, key nor comment are a problem.
func parseINI(in ingest.Input) (INI, []ingest.Problem) {
	var f INI
	var problems []ingest.Problem
	section, bad, badLine := "", 0, 0
	for i, line := range in.Lines {
		text := strings.TrimSpace(strings.TrimRight(line, "\x00\x1a"))
		if text == "" || text[0] == ';' || text[0] == '#' {
			continue
		}
		if m := iniSection.FindStringSubmatch(text); m != nil {
			section = trim(m[1])
			continue
		}
		m := iniKey.FindStringSubmatch(text)
		if m == nil {
			if bad++; bad == 1 {
				badLine = i + 1
			}
			continue
		}
		if len(f.Keys) == maxEntries {
			problems = append(problems, problem(in, "line %d: the first %d keys are kept", i+1, maxEntries))
			break
		}
		f.Keys = append(f.Keys, INIKey{Section: section, Key: m[1], Value: strings.Trim(m[2], `"`), Line: i + 1})
	}
	if bad > 0 {
		problems = append(problems, problem(in, "%d lines are neither section nor key, the first is line %d", bad, badLine))
	}
	return f, problems
}

// sniffINI counts the lines of a head that are sections and keys, and those that are nothing of an initialisation file.
func sniffINI(lines []string) (sections map[string]bool, keys, others int) {
	sections = map[string]bool{}
	for _, l := range lines {
		text := strings.TrimSpace(strings.TrimRight(l, "\x00\x1a"))
		if text == "" || text[0] == ';' || text[0] == '#' {
			continue
		}
		if m := iniSection.FindStringSubmatch(text); m != nil {
			sections[strings.ToLower(trim(m[1]))] = true
		} else if iniKey.MatchString(text) {
			keys++
		} else {
			others++
		}
	}
	return sections, keys, others
}
