package extract

// compver.ini of Systems Management Server 2.0: which version of a client component a folder holds, on a client access point
// (CAP_<site>\clicomp.box\<component>\compver.ini) and on clients. Microsoft Knowledge Base Q246331 and Q266130 name it; its sections and
// keys are not published, so all of them are kept, and a value counts as a version by its form.
//
//	[section]
//	key=value                   ; comment lines begin with a semicolon
//	key=2.00.1493.2009          three or four numbers, or two and a build

import (
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// Compver is a compver.ini.
type Compver struct {
	Keys     []CompverKey
	Versions []CompverVersion // of the keys whose value holds a version, in the order of the text
}

// CompverKey is a line with a key.
type CompverKey struct {
	Section, Key, Value string // as written, without blanks around
	Line                int
}

// CompverVersion is a version that a value states.
type CompverVersion struct {
	CompverKey
	Text    string    // as written, for example 2.00.1493.2009
	Numbers [4]uint32 // the same as numbers, 0 where the text has fewer
	Parts   int       // how many numbers the text has, 3 or 4
}

var (
	iniSection = regexp.MustCompile(`^\s*\[([^\]]*)\]\s*$`)
	iniKey     = regexp.MustCompile(`^\s*([^=;\[\s][^=]{0,255}?)\s*=\s*(.*?)\s*$`)
	version    = regexp.MustCompile(`(?:^|[^\d.])(\d{1,5}\.\d{1,5}\.\d{1,5}(?:\.\d{1,5})?)(?:[^\d.]|$)`)
)

func compver() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindCompver, Sniff: sniffCompver, Extract: extractCompver}
}

// sniffCompver needs the name: without it, an ini file that holds versions is any of thousands.
func sniffCompver(name string, head []byte) int {
	if !strings.Contains(name, "compver") || isLog(headLines(head)) {
		return 0
	}
	keys, others := 0, 0
	for _, l := range headLines(head) {
		switch {
		case strings.TrimSpace(l) == "", strings.HasPrefix(strings.TrimSpace(l), ";"):
		case iniSection.MatchString(l), iniKey.MatchString(l):
			keys++
		default:
			others++
		}
	}
	if keys > others {
		return 90
	}
	return 0
}

func extractCompver(in ingest.Input) (any, []ingest.Problem) {
	c := &Compver{}
	var problems []ingest.Problem
	section, bad, badLine := "", 0, 0
	for i, line := range in.Lines {
		text := strings.TrimSpace(strings.TrimRight(line, "\x00\x1a"))
		if text == "" || strings.HasPrefix(text, ";") {
			continue
		}
		if m := iniSection.FindStringSubmatch(text); m != nil {
			section = m[1]
			continue
		}
		m := iniKey.FindStringSubmatch(text)
		if m == nil {
			if bad++; bad == 1 {
				badLine = i + 1
			}
			continue
		}
		if len(c.Keys) == maxEntries {
			return c, append(problems, problem(in, "line %d: the first %d keys are kept", i+1, maxEntries))
		}
		k := CompverKey{Section: section, Key: m[1], Value: strings.Trim(m[2], `"`), Line: i + 1}
		c.Keys = append(c.Keys, k)
		if v := version.FindStringSubmatch(k.Value); v != nil {
			c.Versions = append(c.Versions, compverVersion(k, v[1]))
		}
	}
	if bad > 0 {
		problems = append(problems, problem(in, "%d lines are neither section nor key, the first is line %d", bad, badLine))
	}
	return c, problems
}

// compverVersion reads the numbers of text, which the pattern has bounded to four of at most five digits.
func compverVersion(k CompverKey, text string) CompverVersion {
	v := CompverVersion{CompverKey: k, Text: text}
	for s := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil || v.Parts == len(v.Numbers) {
			break
		}
		v.Numbers[v.Parts] = uint32(n)
		v.Parts++
	}
	return v
}
