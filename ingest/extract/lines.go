package extract

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/ingest"
)

// maxEntries is how many entries (files, access control entries, mounts …) one extractor keeps of one artifact. A listing of a
// whole system drive stays below it; what is beyond is counted and said.
const maxEntries = 200_000

// problem is a Problem of the parse stage about the artifact of in.
func problem(in ingest.Input, format string, args ...any) ingest.Problem {
	p := ingest.Problem{Stage: ingest.StageParse, Message: fmt.Sprintf(format, args...)}
	if in.Artifact != nil {
		p.Artifact = in.Artifact.Path
	}
	return p
}

// headLines cuts the beginning of a text into its lines without their ends. The last line is left out if more follow it, because the
// head may end anywhere within it.
func headLines(head []byte) []string {
	lines := strings.Split(string(head), "\n") // one copy: every text passes through here
	if len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return lines
}

// sampleSize is how much of a head the readers of tables and small files look at to know their own.
const sampleSize = 16 << 10

// sample returns the first lines of a head, at most sampleSize bytes of them; nil if they are those of a log. A table with a column of times
// is none if dashes underline its heads.
func sample(head []byte) []string {
	if first := headLines(head[:min(len(head), 2<<10)]); isLog(first) && !slices.ContainsFunc(first[:min(len(first), 5)], dashes.MatchString) {
		return nil
	}
	return headLines(head[:min(len(head), sampleSize)])
}

// isBlank reports whether r is one of the characters that Windows' tools pad, separate and group with.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\u00a0', '\u2007', '\u202f', '\u3000':
		return true
	}
	return false
}

func trim(s string) string      { return strings.TrimFunc(s, isBlank) }
func trimLeft(s string) string  { return strings.TrimLeftFunc(s, isBlank) }
func trimRight(s string) string { return strings.TrimRightFunc(s, isBlank) }

// indent returns how many characters of blank space s begins with.
func indent(s string) int {
	return utf8.RuneCountInString(s) - utf8.RuneCountInString(trimLeft(s))
}

// column returns the byte offset of the n-th character of s (from 0), and len(s) if s is shorter.
func column(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// startsBlank reports whether s begins with blank space.
func startsBlank(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return isBlank(r)
}

// digits returns how many ASCII digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// count returns the number that s begins with as console tools print it: with the thousands separators of any locale, or none; "" if
// it begins with none.
func count(s string) string {
	n := digits(s)
	if n == 0 || n > 3 || n == len(s) {
		return s[:n]
	}
	sep, width := utf8.DecodeRuneInString(s[n:])
	switch sep {
	case '.', ',', '\'', '’', ' ', '\u00a0', '\u202f':
	case 'ÿ', 'á': // the no-break space of OEM text read as ANSI, and of ANSI text read as OEM
	default:
		return s[:n]
	}
	for strings.HasPrefix(s[n:], string(sep)) && digits(s[n+width:]) == 3 {
		n += width + 3
	}
	return s[:n]
}

// number reads the digits of s, whatever separates them. It fails on a number that does not fit.
func number(s string) (int64, bool) {
	only := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	n, err := strconv.ParseInt(only, 10, 64)
	return n, err == nil
}

// pathStart returns the offset of the first absolute path in s, C:\ or \\server, also behind PowerShell's provider name (FileSystem::); -1 if
// there is none.
func pathStart(s string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], '\\')
		if i < 0 {
			return -1
		}
		at += i
		start := -1
		switch {
		case at >= 2 && s[at-1] == ':' && ('a' <= s[at-2]|0x20 && s[at-2]|0x20 <= 'z'):
			start = at - 2
		case at+2 < len(s) && s[at+1] == '\\' && !strings.ContainsRune(`\/:*?"<>| `, rune(s[at+2])):
			start = at
		}
		if start < 0 {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(s[:start]); start == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\\' {
			return start
		}
	}
}

// isPath reports whether the whole of s is an absolute path without characters that no file name may have.
func isPath(s string) bool {
	if len(s) < 3 || len(s) > 1024 || s[0] != '\\' && s[1] != ':' || pathStart(s) != 0 {
		return false
	}
	return !strings.ContainsAny(s[2:], `:*?"<>|/`)
}

// cell returns the byte offset of the n-th column of s on a console, where East Asian characters take two columns; len(s) if s is shorter.
func cell(s string, n int) int {
	for i, r := range s {
		if n <= 0 {
			return i
		}
		n -= consoleWidth(r)
	}
	return len(s)
}

// consoleWidth returns how many columns of a console a character takes.
func consoleWidth(r rune) int {
	if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6) {
		return 2
	}
	return 1
}

// command is a line on which a console shows its prompt and what was typed behind it.
type command struct {
	Line int      // 1-based
	Dir  string   // the directory in the prompt
	Text string   // what was typed
	Name string   // the program in lower case, without folder and .exe; the one behind cmd /c
	Args []string // without quotes, up to the first redirection or pipe
}

// prompts are those of cmd and of PowerShell. The second is the looser one: a prompt may hold a path with blanks.
var prompt = regexp.MustCompile(`^(?:\[[^\]]{1,255}\]: )?(?:PS )?((?:[A-Za-z]:\\|\\\\)[^<>:"|?*]{0,255})> ?(\S.*)$`)

// parseCommand reads a prompt with a command behind it.
func parseCommand(line string, n int) (command, bool) {
	if len(line) < 5 || line[0] != 'P' && line[0] != '[' && line[1] != ':' && line[1] != '\\' || strings.IndexByte(line, '>') < 0 {
		return command{}, false // nearly every line: spare it the pattern
	}
	m := prompt.FindStringSubmatch(line)
	if m == nil {
		return command{}, false
	}
	c := command{Line: n, Dir: m[1], Text: trim(m[2])}
	words := splitWords(c.Text)
	for len(words) > 2 && programName(words[0]) == "cmd" && strings.EqualFold(words[1], "/c") {
		words = words[2:]
	}
	for i, w := range words {
		if strings.HasPrefix(w, ">") || strings.HasPrefix(w, "2>") || w == "|" || w == "&" || w == "&&" {
			words = words[:i]
			break
		}
	}
	if len(words) == 0 {
		return command{}, false
	}
	name, rest, switched := strings.Cut(words[0], "/") // dir/a is one word
	c.Name = programName(name)
	if switched {
		c.Args = append(c.Args, "/"+rest)
	}
	c.Args = append(c.Args, words[1:]...)
	return c, c.Name != ""
}

// programName is a program's base name in lower case, without .exe.
func programName(s string) string {
	s = s[strings.LastIndexByte(s, '\\')+1:]
	return strings.TrimSuffix(strings.ToLower(s), ".exe")
}

// splitWords cuts a command line at blanks that are not within quotes, and removes the quotes.
func splitWords(s string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	in := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'' && !in:
			quote, in = r, true
		case isBlank(r):
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

// absolute joins a path as typed with the prompt's directory.
func (c command) absolute(path string) string {
	switch {
	case path == "" || path == ".":
		return c.Dir
	case pathStart(path) == 0:
		return path
	case strings.HasPrefix(path, `\`) && len(c.Dir) >= 2 && c.Dir[1] == ':':
		return c.Dir[:2] + path
	case strings.ContainsAny(path, ":%$") || strings.Contains(path, ".."):
		return "" // a drive's own directory, a variable or a climb: not known from the text
	}
	return strings.TrimRight(c.Dir, `\`) + `\` + strings.TrimPrefix(path, `.\`)
}

// hasClock reports whether a time with seconds stands near the beginning of a line, as it does in nearly all logs. Listings print
// none, but for tables whose columns someone chose.
func hasClock(line string) bool {
	line = line[:min(len(line), 70)]
	for at := 0; ; {
		i := strings.IndexByte(line[at:], ':')
		if i < 0 {
			return false
		}
		at += i
		if at > 0 && '0' <= line[at-1] && line[at-1] <= '9' && digits(line[at+1:]) == 2 && strings.HasPrefix(line[at+3:], ":") && digits(line[at+4:]) == 2 {
			return true
		}
		at++
	}
}

// isLog reports whether more than half of the lines are those of a log, so that a log that quotes a tool's output is not taken for it.
func isLog(lines []string) bool {
	logged, all := 0, 0
	for _, l := range lines {
		if trim(l) == "" {
			continue
		}
		all++
		if hasClock(l) || strings.Contains(l, "<![LOG[") || strings.Contains(l, "$$<") {
			logged++
		}
	}
	return logged*2 > all
}

// property is PowerShell's list form, Name : value. The names are those of .NET and are never translated.
var property = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.]{1,40}) *:(?: (.*))?$`)

// dashes is the line under the column heads of a table: two or more runs of hyphens.
var dashes = regexp.MustCompile(`^ *-+(?: +-+)+ *$`)

// span is a run of characters of a line, in characters.
type span struct{ from, to int }

// spans returns the runs of non-blank characters of s.
func spans(s string) []span {
	var out []span
	n, start := 0, -1
	for _, r := range s {
		switch {
		case isBlank(r) && start >= 0:
			out = append(out, span{start, n})
			start = -1
		case !isBlank(r) && start < 0:
			start = n
		}
		n++
	}
	if start >= 0 {
		out = append(out, span{start, n})
	}
	return out
}

// cells cuts a table's row at the columns that the dashes show. A right-aligned number may stand out to the left of its dashes,
// so the cut is moved left to the next blank.
func cells(line string, cols []span) []string {
	runes := []rune(line)
	cuts := make([]int, len(cols)+1)
	cuts[len(cols)] = len(runes)
	for i := 1; i < len(cols); i++ {
		at := min(cols[i].from, len(runes))
		for at > cols[i-1].from && at < len(runes) && !isBlank(runes[at-1]) {
			at--
		}
		cuts[i] = at
	}
	out := make([]string, len(cols))
	for i := range cols {
		from := min(cuts[i], len(runes))
		out[i] = trim(string(runes[from:max(from, min(cuts[i+1], len(runes)))]))
	}
	return out
}

// isComputerName reports whether s may be the name of a computer, with its domain or without.
func isComputerName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	last := '.'
	for _, r := range s {
		switch {
		case r == '.' && last == '.', r == '-' && last == '.':
			return false
		case r != '.' && r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return false
		}
		last = r
	}
	return true
}
