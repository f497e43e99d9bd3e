package extract

// Copylog.tcf, \\<domain controller>\SMSLOGON\Config\Copylog.tcf of Systems Management Server 2.0, and the clients' copy temp.tcf:
// which site supplied each file of a logon point. Microsoft Knowledge Base Q264976 prints a sound and a damaged one; Q313209, Q263345, Q249077
// and Q251070 say what the lines mean.
//
//	[FILE SOURCE]
//	x86.bin\smsboot1.exe=ABC
//	X86.BIN\CLICORE.EXE=ABC
//	alpha.bin\CLICORE.EXE=ABC
//	SITES\ABC\cli_inst.cfg=ABC
//
// Sections other than [FILE SOURCE] are not published: they are kept as they are.

import (
	"path"
	"regexp"
	"strings"

	"casebook/ingest"
)

// Copylog is a Copylog.tcf.
type Copylog struct {
	Sections     []CopylogSection // in the order of the text; entries before any section are in one without a name and with line 0
	FileSource   bool             // there is a [FILE SOURCE] section
	SyntaxErrors []CopylogError
}

// CopylogSection is a section with its entries.
type CopylogSection struct {
	Name    string // as written
	Line    int
	Entries []CopylogEntry
}

// CopylogEntry says that a site supplied a file.
type CopylogEntry struct {
	Path string // below the SMSLOGON share, as written
	Site string // the three characters of the site code, as written
	Line int
}

// CopylogError is a line that is neither section nor entry.
type CopylogError struct {
	Line int
	Text string
}

var (
	copylogSection = regexp.MustCompile(`^\s*\[([^\]]+)\]\s*$`)
	copylogEntry   = regexp.MustCompile(`^\s*([^=;\[\s][^=]*?)\s*=\s*([A-Za-z0-9]{3})\s*$`)
	copylogPath    = regexp.MustCompile(`(?i)^\s*(?:x86\.bin|alpha\.bin|i386|alpha|sites)\\[^=]+=\s*[A-Za-z0-9]{3}\s*$`)
)

// isFileSource reports whether a section's name is that of the published section.
func isFileSource(name string) bool { return strings.EqualFold(strings.TrimSpace(name), "FILE SOURCE") }

// source returns the entries of [FILE SOURCE], and of the text before any section if there is no such section.
func (c *Copylog) source() []CopylogEntry {
	var out []CopylogEntry
	for _, s := range c.Sections {
		if isFileSource(s.Name) || !c.FileSource && s.Line == 0 {
			out = append(out, s.Entries...)
		}
	}
	return out
}

// Clicore returns the entries of Clicore.exe, the client's core, in the order of the text: a sound file has one for each platform.
func (c *Copylog) Clicore() []CopylogEntry {
	var out []CopylogEntry
	for _, e := range c.source() {
		if strings.EqualFold(path.Base(strings.ReplaceAll(e.Path, `\`, "/")), "clicore.exe") {
			out = append(out, e)
		}
	}
	return out
}

// Sites returns the entries below SITES by the site code in their path, in upper case.
func (c *Copylog) Sites() map[string][]CopylogEntry {
	out := map[string][]CopylogEntry{}
	for _, e := range c.source() {
		parts := strings.Split(e.Path, `\`)
		if len(parts) >= 3 && strings.EqualFold(parts[0], "SITES") {
			site := strings.ToUpper(parts[1])
			out[site] = append(out[site], e)
		}
	}
	return out
}

func copylog() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindCopylog, Sniff: sniffCopylog, Extract: extractCopylog}
}

func sniffCopylog(name string, head []byte) int {
	named := strings.HasSuffix(name, ".tcf") && (strings.Contains(name, "copylog") || strings.HasPrefix(name, "temp"))
	lines := headLines(head)
	sections, entries, paths, others := 0, 0, 0, 0
	source := false
	for _, l := range lines {
		if others > 50 && others > sections+entries+paths {
			break
		}
		text := strings.TrimSpace(l)
		if text == "" {
			continue
		}
		if site := text[strings.LastIndexByte(text, '=')+1:]; text[0] != '[' && (len(site) == len(text) || len(strings.TrimSpace(site)) != 3) {
			others++ // nearly every line of other texts: spare it the patterns
			continue
		}
		switch m := copylogSection.FindStringSubmatch(l); {
		case m != nil:
			sections++
			source = source || isFileSource(m[1])
		case copylogPath.MatchString(l):
			paths++
		case copylogEntry.MatchString(l):
			entries++
		default:
			others++
		}
	}
	switch {
	case source && others <= sections+entries+paths, paths > 0 && others <= paths/4:
		return 95
	case named && (sections+entries+paths > 0 || len(head) == 0):
		return 80
	case named && !isLog(lines):
		return 60
	}
	return 0
}

func extractCopylog(in ingest.Input) (any, []ingest.Problem) {
	c := &Copylog{}
	var problems []ingest.Problem
	entries := 0
	for i, line := range in.Lines {
		text := strings.TrimSpace(strings.TrimRight(line, "\x00\x1a"))
		if text == "" || strings.HasPrefix(text, ";") {
			continue
		}
		if entries++; entries > maxEntries {
			return c, append(problems, problem(in, "line %d: the first %d lines are kept", i+1, maxEntries))
		}
		if m := copylogSection.FindStringSubmatch(text); m != nil {
			c.Sections = append(c.Sections, CopylogSection{Name: m[1], Line: i + 1})
			c.FileSource = c.FileSource || isFileSource(m[1])
			continue
		}
		m := copylogEntry.FindStringSubmatch(text)
		if m == nil {
			c.SyntaxErrors = append(c.SyntaxErrors, CopylogError{Line: i + 1, Text: line})
			continue
		}
		if len(c.Sections) == 0 {
			c.Sections = append(c.Sections, CopylogSection{})
		}
		s := &c.Sections[len(c.Sections)-1]
		s.Entries = append(s.Entries, CopylogEntry{Path: m[1], Site: m[2], Line: i + 1})
	}
	if n := len(c.SyntaxErrors); n > 0 {
		problems = append(problems, problem(in, "%d lines are neither section nor entry, the first is line %d", n, c.SyntaxErrors[0].Line))
	}
	return c, problems
}
