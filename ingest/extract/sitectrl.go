package extract

// sitectrl.ct0, the site control file of Systems Management Server 2.0 to Configuration Manager 2007 (\inboxes\sitectrl.box), and Install.map, which
// has the same grammar (Microsoft Knowledge Base Q246331). It is ANSI or UTF-16 text of keywords and values in angle brackets; a value holds no
// angle bracket, and a long one goes on in the next lines:
//
//	SITE CODE: ABC                or SITE <ABC>
//	BEGIN_CLIENT_COMPONENT
//	    <Software Distribution>
//	    PROPERTY <Execution Failure Retry Count><REG_DWORD><><1008>
//	    PROPERTY <Execution Failure Retry Error Codes><REG_SZ><{4,5,8,…,1203,1219,
//	1220,…,2250}><0>
//	    BEGIN_PROPERTY_LIST
//	        <name>
//	        <value>
//	    END_PROPERTY_LIST
//	END_CLIENT_COMPONENT
//
// A PROPERTY has name, type, string and number. Names of properties, types and keywords are the site's own and never translated.

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// The bounds of one property. The longest known has some hundred characters on two lines.
const (
	maxPropertyLines = 64
	maxPropertyBytes = 64 << 10
	maxSections      = 32 // levels of BEGIN and END
)

// The names of the properties that say what becomes of a program that failed.
const (
	PropertyRetryCount    = "Execution Failure Retry Count"       // how often
	PropertyRetryInterval = "Execution Failure Retry Interval"    // after how many seconds
	PropertyRetryCodes    = "Execution Failure Retry Error Codes" // for which exit codes: {4,5,…}
)

// SiteControl is a site control file, or the part of one that a text shows.
type SiteControl struct {
	Site       string         // the code of the site whose file it is, in upper case; "" if the text does not state it before its first section
	Properties []SiteProperty // all of them, in the order of the text
	Cut        []int          // lines at which a property begins that is not closed, or has another form
}

// SiteProperty is a PROPERTY.
type SiteProperty struct {
	Section string // the innermost BEGIN_ keyword around it without BEGIN_, a blank, and the first value there; "" if the text shows none
	Name    string
	Type    string // REG_DWORD, REG_SZ …
	Text    string // the string; of several lines, without the line ends and the blanks around them
	Number  string // the number, as written
	Line    int    // of the keyword
	EndLine int    // of the last bracket
}

// Find returns the properties of that name, case folded, in the order of the text.
func (s *SiteControl) Find(name string) []*SiteProperty {
	var out []*SiteProperty
	for i := range s.Properties {
		if strings.EqualFold(s.Properties[i].Name, name) {
			out = append(out, &s.Properties[i])
		}
	}
	return out
}

// Uint returns the number of a property; ok is false if it is none.
func (p *SiteProperty) Uint() (n uint64, ok bool) {
	n, err := strconv.ParseUint(p.Number, 10, 64)
	return n, err == nil
}

// Codes returns the numbers of a string such as {4,5,8}, and those of its parts that are no numbers.
func (p *SiteProperty) Codes() (codes []int64, bad []string) {
	text := strings.TrimSpace(p.Text)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' || isBlank(r) }) {
		n, err := strconv.ParseInt(part, 0, 64)
		if err != nil {
			bad = append(bad, part)
			continue
		}
		codes = append(codes, n)
	}
	return codes, bad
}

var (
	sitePropertyStart = regexp.MustCompile(`^\s*PROPERTY\s*<`)
	siteProperty      = regexp.MustCompile(`^\s*PROPERTY\s*<([^<>]*)>\s*<([^<>]*)>\s*<([^<>]*)>\s*<([^<>]*)>\s*$`)
	siteHead          = regexp.MustCompile(`(?i)^\s*SITE(?: CODE)?\s*[:<]\s*<?([A-Z0-9]{3})>?\s*$`)
	siteBegin         = regexp.MustCompile(`^\s*BEGIN_([A-Z_]{1,64})\b`)
	siteEnd           = regexp.MustCompile(`^\s*END_[A-Z_]{1,64}\b`)
	siteValue         = regexp.MustCompile(`^\s*<([^<>]{1,256})>`)
)

func siteControl() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSiteControl, Sniff: sniffSiteControl, Extract: extractSiteControl}
}

// sniffSiteControl looks for the keyword at the beginning of a line. What follows may be behind the head's end.
func sniffSiteControl(_ string, head []byte) int {
	rest := head
	for {
		i := bytes.Index(rest, []byte("PROPERTY"))
		if i < 0 {
			return 0
		}
		before := rest[:i]
		before = before[bytes.LastIndexByte(before, '\n')+1:]
		line, _, whole := bytes.Cut(rest[i:], []byte("\n"))
		if len(bytes.TrimSpace(before)) == 0 && sitePropertyStart.Match(line) && bytes.Count(line, []byte("><")) >= min(2, bytes.Count(line, []byte(">"))) {
			if whole || bytes.HasSuffix(bytes.TrimSpace(line), []byte(">")) {
				return 95
			}
		}
		rest = rest[i+len("PROPERTY"):]
	}
}

func extractSiteControl(in ingest.Input) (any, []ingest.Problem) {
	s := &SiteControl{}
	var problems []ingest.Problem
	var sections []string
	for i := 0; i < len(in.Lines); i++ {
		line := strings.TrimRight(in.Lines[i], "\x00\x1a")
		switch {
		case sitePropertyStart.MatchString(line):
			if len(s.Properties)+len(s.Cut) == maxEntries {
				return s, append(problems, problem(in, "line %d: the first %d properties are kept", i+1, maxEntries))
			}
			text, last := siteJoin(in.Lines, i)
			m := siteProperty.FindStringSubmatch(text)
			if m == nil {
				s.Cut = append(s.Cut, i+1)
				continue
			}
			p := SiteProperty{Name: trim(m[1]), Type: trim(m[2]), Text: m[3], Number: trim(m[4]), Line: i + 1, EndLine: last + 1}
			if len(sections) > 0 {
				p.Section = sections[len(sections)-1]
			}
			s.Properties = append(s.Properties, p)
			i = last
		case siteEnd.MatchString(line):
			if len(sections) > 0 {
				sections = sections[:len(sections)-1]
			}
		default:
			if m := siteHead.FindStringSubmatch(line); m != nil && s.Site == "" && len(s.Properties) == 0 {
				s.Site = strings.ToUpper(m[1])
			} else if m := siteBegin.FindStringSubmatch(line); m != nil && len(sections) < maxSections {
				sections = append(sections, m[1])
			} else if m := siteValue.FindStringSubmatch(line); m != nil && len(sections) > 0 && !strings.Contains(sections[len(sections)-1], " ") {
				sections[len(sections)-1] += " " + m[1]
			}
		}
	}
	if n := len(s.Cut); n > 0 {
		problems = append(problems, problem(in, "%d properties are cut off or of another form, the first is line %d", n, s.Cut[0]))
	}
	if len(s.Properties)+len(s.Cut) == 0 {
		return nil, problems
	}
	return s, problems
}

// siteJoin returns the property that begins at line i with the lines that it goes on in, up to its fourth closing bracket, and the index of
// its last line.
func siteJoin(lines []string, i int) (string, int) {
	text := trimRight(strings.TrimRight(lines[i], "\x00\x1a"))
	last := i
	for strings.Count(text, ">") < 4 && last+1 < len(lines) && last-i < maxPropertyLines {
		next := trim(strings.TrimRight(lines[last+1], "\x00\x1a"))
		if sitePropertyStart.MatchString(next) || siteBegin.MatchString(next) || siteEnd.MatchString(next) || len(text)+len(next) > maxPropertyBytes {
			break
		}
		text += next
		last++
	}
	return text, last
}
