package collect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
)

// maxSteps bounds a script. Five requests need a few dozen.
const maxSteps = 200

// Plan is what a script does for a report's request.
type Plan struct {
	Case   string // the case's ID, as the report has it
	Upload string // SHA-256 of the first upload; "" if it is not known
	Host   string // the only computer that the request is about; "" if there are several, or it is not named
	Items  []Item // those of the request, in its order
}

// Item is one thing of the request.
type Item struct {
	What    string
	Settles []string
	Steps   []Step   // what the script does for it
	ByHand  []string // the lines of the request that are left to a person, as they stand there
}

// Step is one thing that the script does.
type Step struct {
	Command string // a command of the script's own making, without the file that its output goes to; "" if it copies
	Copy    string // a file, a pattern of files or a folder, in quotes; "" if it runs a command
	Folder  bool   // Copy is a folder
	Search  bool   // Copy is the name of files that are looked for in the folder before it and all below
	File    string // the file below the output folder, of a copy the folder

	retry  []string
	writes bool
	echo   bool
}

// Make plans the collection of what a report asks for.
func Make(r *findings.Report) Plan {
	p := Plan{Case: r.CaseID()}
	switch {
	case r.Bundle != nil:
		p.Upload = r.Bundle.SHA256
	case len(r.Bundles) > 0:
		p.Upload = r.Bundles[0].SHA256
	}
	p.Host = onlyHost(r)
	used := names{}
	steps := 0
	for _, it := range r.Request.Items {
		item := Item{What: it.What, Settles: it.Settles}
		item.read(it.Collect)
		for i := range item.Steps {
			steps++
			item.Steps[i].name(used, steps)
		}
		if steps > maxSteps {
			item.Steps, item.ByHand = nil, append(item.ByHand, it.Collect)
		}
		p.Items = append(p.Items, item)
	}
	return p
}

// Automatic reports whether the script does anything.
func (p Plan) Automatic() bool {
	for _, it := range p.Items {
		if len(it.Steps) > 0 {
			return true
		}
	}
	return false
}

// onlyHost is the computer that all items of the request are to come from, if it is one and has a name.
func onlyHost(r *findings.Report) string {
	host := ""
	for _, it := range r.Request.Items {
		if len(it.Systems) != 1 || host != "" && it.Systems[0] != host {
			return ""
		}
		host = it.Systems[0]
	}
	for _, s := range r.Systems {
		if s.ID == host {
			return s.ComputerName
		}
	}
	return ""
}

// remark is a line of a request that only explains.
var remark = regexp.MustCompile(`^\(.*\)$`)

// read sorts the lines of a request into steps and what is left to a person. Behind a line that is left, the rest is too: what
// follows may only make sense when it was done.
func (it *Item) read(collect string) {
	for line := range strings.Lines(collect) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case len(it.ByHand) > 0:
			it.ByHand = append(it.ByHand, line)
		case len(it.Steps) > 0 && remark.MatchString(line):
		default:
			steps, whole := readLine(line)
			it.Steps = append(it.Steps, steps...)
			if !whole {
				it.ByHand = append(it.ByHand, line)
			}
		}
	}
}

// readLine returns what the script does for a line of a request; whole is false if some of it, or all, is left to a person.
func readLine(line string) (steps []Step, whole bool) {
	if steps, ok := readCommands(line); ok {
		return steps, true
	}
	if steps, ok := readPossible(line); ok {
		return steps, false
	}
	if i := strings.LastIndex(line, " ("); i > 0 && strings.HasSuffix(line, ")") { // a remark behind the command
		if steps, ok := readCommands(line[:i]); ok {
			return steps, true
		}
	}
	return readPaths(line)
}

// readPossible reads a line of commands of which some lack what only a person can put in, and returns the others.
func readPossible(line string) ([]Step, bool) {
	list, ok := parse(line)
	if !ok {
		return nil, false
	}
	var out []Step
	for _, c := range list {
		if c.incomplete() {
			continue
		}
		cmd, ok := recognise(c)
		if !ok {
			return nil, false
		}
		out = append(out, cmd.step())
	}
	return out, len(out) > 0
}

// step is the command as a step of the script.
func (c command) step() Step {
	return Step{Command: c.line, File: c.file, retry: c.retry, writes: c.writes, echo: c.echo}
}

// search is a search for files of one name at the end of a line, which are to be copied from wherever they lie.
var search = regexp.MustCompile(`(?i)for /f "delims=" %[a-z] in \('dir /a /b /s "([^"]+)"'\) do copy "%[a-z]" "[^"]*"$`)

// readCommands reads a line of commands. All of them must be known: a part of what was meant would be taken for the whole.
func readCommands(line string) ([]Step, bool) {
	var out []Step
	if m := search.FindStringSubmatchIndex(line); m != nil {
		before, ok := strings.CutSuffix(strings.TrimRight(line[:m[0]], " "), "&")
		if before = strings.TrimSpace(before); before != "" {
			if !ok {
				return nil, false
			}
			if out, ok = readCommands(before); !ok {
				return nil, false
			}
		}
		s, ok := copyOf(line[m[2]:m[3]])
		s.Search = true
		return append(out, s), ok && !s.Folder
	}
	list, ok := parse(line)
	if !ok {
		return nil, false
	}
	for _, c := range list {
		switch {
		case c.words[0].bare && strings.EqualFold(c.words[0].text, "echo"): // the script writes what it asks by itself
			continue
		case c.words[0].bare && strings.EqualFold(c.words[0].text, "copy"):
			s, ok := readCopy(c)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		default:
			cmd, ok := recognise(c)
			if !ok {
				return nil, false
			}
			out = append(out, cmd.step())
		}
	}
	return out, len(out) > 0
}

// readCopy reads: copy [/y] SOURCE [TARGET]. The target is always the output folder.
func readCopy(c simple) (Step, bool) {
	var given []string
	for _, w := range c.words[1:] {
		if w.bare && strings.EqualFold(w.text, "/y") {
			continue
		}
		given = append(given, w.text)
	}
	if len(given) == 0 || len(given) > 2 || strings.Contains(given[0], "+") {
		return Step{}, false
	}
	return copyOf(given[0])
}

// copyOf is the step that copies a file, a pattern of files or a folder.
func copyOf(path string) (Step, bool) {
	p, ok := cleanPath(path, true)
	if !ok || isRoot(p) || secretPath.MatchString(p) {
		return Step{}, false
	}
	base := p[strings.LastIndexByte(p, '\\')+1:]
	folder := !strings.Contains(base, ".")
	if base == "" || strings.HasSuffix(base, "%") || strings.ContainsAny(base, "*?") && folder || !folder && !readable(p) {
		return Step{}, false
	}
	q, ok := quotePath(p)
	return Step{Copy: q, Folder: folder}, ok
}

var (
	// pathStart is where a path begins in a sentence.
	pathStart = regexp.MustCompile(`^(?:"?(?:[A-Za-z]:\\|%[A-Za-z0-9()]+%\\|\\\\\?\\Volume\{))`)
	// pathLead are the words that may stand before a path which is to be sent.
	pathLead = regexp.MustCompile(`^(?i:the (?:whole )?(?:file|folder)s? )`)
	// sibling is a name of a file behind another one of the same folder.
	sibling = regexp.MustCompile(`^(?: and | or |, )([A-Za-z0-9_*-]+\.[A-Za-z0-9_*]{1,4})(?: |,|;|$|\))`)
	ending  = regexp.MustCompile(`\.[A-Za-z0-9_*]{1,4}$`)
	// elsewhere says that the path is one of another machine.
	elsewhere = regexp.MustCompile(`(?i) of (?:the |a |each |every )?(?:site|server|primary|domain|central|collector|management|distribution|other|all)\b`)
)

// readPaths reads a line that names paths to send: the first at its beginning, others behind "and", "or" and commas, or in parentheses. A folder in
// parentheses is another place for the files before them, unless the sentence calls it a folder.
func readPaths(line string) ([]Step, bool) {
	rest := pathLead.ReplaceAllString(line, "")
	if !pathStart.MatchString(rest) || elsewhere.MatchString(line) {
		return nil, false
	}
	var out []Step
	var files []string // the names before the parentheses
	add := func(path string) bool {
		s, ok := copyOf(path)
		if ok && !slices.ContainsFunc(out, func(o Step) bool { return o.Copy == s.Copy }) {
			out = append(out, s)
		}
		return ok
	}
	baseOf := func(path string) string { return path[strings.LastIndexByte(path, '\\')+1:] }
	for i := 0; i < len(rest); {
		if !pathStart.MatchString(rest[i:]) || i > 0 && rest[i-1] != ' ' && rest[i-1] != '(' {
			i++
			continue
		}
		path, n := cutPath(rest[i:])
		within := strings.Count(rest[:i], "(") > strings.Count(rest[:i], ")")
		if within && len(files) > 0 && !ending.MatchString(path) && !strings.HasSuffix(rest[:i], "folder ") {
			for _, name := range files {
				if !add(path + `\` + name) {
					return nil, false
				}
			}
			i += n
			continue
		}
		if !add(path) {
			return nil, false
		}
		if !within {
			files = append(files, baseOf(path))
		}
		i += n
		for {
			m := sibling.FindStringSubmatch(rest[i:])
			if m == nil || !ending.MatchString(path) {
				break
			}
			if !add(path[:strings.LastIndexByte(path, '\\')+1] + m[1]) {
				return nil, false
			}
			files = append(files, m[1])
			i += strings.Index(rest[i:], m[1]) + len(m[1])
		}
	}
	return out, true
}

// cutPath returns the path that s begins with, and its length in s. A path in quotes ends at the quote; another one where a sentence goes on: at a
// parenthesis, at a comma or semicolon, at a word that joins it to another path or name, or at "of".
func cutPath(s string) (string, int) {
	if strings.HasPrefix(s, `"`) {
		if n := strings.IndexByte(s[1:], '"'); n > 0 {
			return s[1 : n+1], n + 2
		}
		return s[1:], len(s)
	}
	end := len(s)
	for i := 1; i < end; i++ {
		switch {
		case strings.HasPrefix(s[i:], " ("), s[i] == ')' && strings.Count(s[:i], "(") <= strings.Count(s[:i], ")"),
			s[i] == ',' && (i+1 == len(s) || s[i+1] == ' '), s[i] == ';', strings.HasPrefix(s[i:], " of the "):
			end = i
		case strings.HasPrefix(s[i:], " and "), strings.HasPrefix(s[i:], " or "):
			word := strings.TrimPrefix(strings.TrimPrefix(s[i:], " and "), " or ")
			if pathStart.MatchString(word) || ending.MatchString(s[:i]) {
				end = i
			}
		}
	}
	return strings.TrimRight(s[:end], ` .`), end
}

// names makes names of files unique, without regard to case.
type names map[string]bool

// name settles where a step's result goes. Output of several commands may go to one file; a file that a command writes itself is its alone.
func (s *Step) name(used names, number int) {
	if s.Copy != "" {
		s.File = fmt.Sprintf("%03d", number)
		return
	}
	if s.File == "" {
		verb, _, _ := strings.Cut(s.Command, " ")
		s.File = verb + ".txt"
		if strings.HasPrefix(s.Command, "reg export") {
			s.File = verb + ".reg"
		}
	}
	if !strings.Contains(s.File, ".") {
		s.File += ".txt"
	}
	key := strings.ToLower(s.File)
	if key == strings.ToLower(ManifestFile) || used[key] && s.writes {
		s.File = fmt.Sprintf("%03d-%s", number, s.File)
		key = strings.ToLower(s.File)
	}
	if s.writes {
		used[key] = true
	}
}
