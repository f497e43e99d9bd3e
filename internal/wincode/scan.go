package wincode

import (
	"regexp"
	"slices"
	"strings"
)

// Form says by what a number in a line is known to be a code, and so whose it can be.
type Form int

// The forms.
const (
	FormCode    Form = iota // its own form tells, or a word such as "HRESULT": a code of Windows
	FormProgram             // what a program or function returned or calls an error: perhaps a code of its own
	FormMSI                 // what Windows Installer's engine returned
	FormMessage             // the number of an Installer's message or note
	FormAction              // the return value of an Installer's action
	FormHTTP                // an HTTP status
)

// Found is one code in a text.
type Found struct {
	From, To int // the bytes of the text that hold the number
	Code     uint32
	Form     Form
}

// maxScan bounds the text that is looked at.
const maxScan = 4096

// Scan finds the error codes of one line, quoted from an artifact of the context's kind, in the order of the text. A number is a code only where its form or the words
// before it say so: a PID, a size, a time, a line number or a version is none. Nor is what says that all went well: zero, and 1 as an action's return value.
func Scan(text string, ctx Context) []Found {
	s := scanner{text: message(text[:min(len(text), maxScan)]), ctx: ctx, installer: ctx.Kind == "log/msi" || ctx.Kind == "log/sep-inst"}
	s.all(noteNumber, FormMessage)
	s.noteErrors()
	s.all(productMessage, FormMessage)
	s.all(debugMessage, FormMessage)
	if s.installer {
		s.all(leadingMessage, FormMessage)
		s.all(actionEnded, FormAction)
		s.all(customAction, FormMSI)
		s.all(packageMessage, FormMessage)
	}
	s.all(engineReturns, FormMSI)
	s.all(actionReturn, FormAction)
	s.all(httpStatus, FormHTTP)
	s.worded()
	s.bare()
	s.found = slices.DeleteFunc(s.found, func(f Found) bool { return f.Code == 0 || f.Code == 1 && f.Form == FormAction })
	slices.SortFunc(s.found, func(a, b Found) int { return a.From - b.From })
	return s.found
}

// ComponentOf returns the component that a quoted line says it is from; "" if it does not.
func ComponentOf(text string) string {
	for _, re := range []*regexp.Regexp{ccmComponent, smsComponent} {
		if m := re.FindStringSubmatch(text); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

var (
	ccmComponent = regexp.MustCompile(`\]LOG\]!>\s*<time="[^"]*"\s+date="[^"]*"\s+component="([^"]*)"`)
	smsComponent = regexp.MustCompile(`\$\$<([^<>]*)><`)
)

// message cuts off what stands behind the message of a ConfigMgr or SMS record: component, thread and source line are no codes.
func message(text string) string {
	for _, end := range []string{"]LOG]!>", "$$<"} {
		if i := strings.Index(text, end); i >= 0 {
			text = text[:i]
		}
	}
	return text
}

// The forms in which codes stand. What is localised is told by its structure; English words are looked for only where the writing program is not localised, or
// in addition.
var (
	engineReturns = regexp.MustCompile(`MainEngineThread is returning (-?\d+)`)
	// "Note" is not localised, unlike the messages. A note's fields are numbered.
	noteNumber = regexp.MustCompile(`\bNote: 1: (\d{4,5})(?: 2: |\s|$)`)
	noteFields = regexp.MustCompile(`\bNote: 1: (\d{4,5})((?: \d+: \S.*?)*)\s*$`)
	// A message as the engine repeats it: "Product: NAME -- Error 1920. …", "Produkt: NAME -- Fehler 1920. …".
	productMessage = regexp.MustCompile(` -- \p{L}+[ \x{a0}](\d{4,5})\.`)
	// A message by itself: "Error 1920. …", "Info 1603. …", "エラー 1920。…".
	leadingMessage = regexp.MustCompile(`^(?:MSI \([^)]*\) \([^)]*\)(?: \[[^\]]*\])?: )?\p{L}[\p{L}’' ]{0,30}?[ \x{a0}]?(\d{4,5})[.。][ \x{a0}]?\S`)
	// A message about the package itself, which only developers see.
	debugMessage   = regexp.MustCompile(`^DEBUG: Error (\d{4}):`)
	packageMessage = regexp.MustCompile(`The error code is (2\d{3})\. The arguments are`)
	// The end of an action: words, a time of day, the action's name, and a value: "Action ended 21:16:55: InstallFinalize. Return value 3."
	actionEnded  = regexp.MustCompile(`\d{1,2}[:.]\d{2}[:.]\d{2}[:：]?[ \x{a0}]+[^\s.。]+(?:\.[^\s.。]+)*(?:\. |。|\.\x{a0})[^\d.。]*(\d{1,2})[ \x{a0}]?[.。]?\s*$`)
	actionReturn = regexp.MustCompile(`^Action ended .*\. Return value (\d)\.?\s*$`)
	customAction = regexp.MustCompile(`CustomAction \S+ returned actual error code (-?\d+)`)
	httpStatus   = regexp.MustCompile(`(?i)\bhttp\b[^.;,\n]{0,24}?\b(?:status|code|error|returned)[ \t:=(]*(?:code)?[ \t:=(]*([45]\d\d)\b`)

	// Words before a number: those that only Windows' codes have, and those that programs use for codes of their own.
	wordedCode = regexp.MustCompile(`(?i)(?:^|[^\p{L}\d_])` +
		`(?P<word>(?:win32|windows|last) ?error(?: ?code)?|get ?last ?error(?:\(\))?|(?P<hresult>hresult|hr|nt ?status)|(?P<any>(?:(?:system|os|service) ?)?error(?: ?code)?|err ?code|err)|` +
		`(?P<weak>(?:program |process )?exit(?:ed)?(?: with)?(?: code| status)?|return(?:ed|s|ing)?(?: with)?(?: error)?(?: (?:code|value|status))?|ret ?val|rc|result(?: ?code)?|status(?: ?code)?|failed|failure|fails))` +
		`(?: was| is| of| with| value| number| no\.?)?[ \t]*(?:[:=(\[#"']|-[ \t])?[ \t]*(?:%%)?` +
		`(?P<n>0x[0-9a-f]{1,8}|[8c][0-9a-f]{7}|-?\d{1,10})`)
	// Numbers that need no word.
	bareCode  = regexp.MustCompile(`(?i)0x[8cd][0-9a-f]{7}|-[12]\d{9}|%%2147\d{6}`)
	reported  = regexp.MustCompile(`\t([8Cc][0-9A-Fa-f]{7})\t`) // the result's column of ReportingEvents.log
	afterNoun = regexp.MustCompile(`^[ \t]+(?:of|to|out|bytes?|items?|rows?|records?|files?|objects?|entries|results?|instances?|updates?|policies|times?|seconds?|minutes?|days?|ms|kb|mb|%|-|\+|/)(?:\W|$)`)
)

// scanner collects the codes of one text.
type scanner struct {
	text      string
	ctx       Context
	installer bool // the text is of an Installer's log
	found     []Found
}

// add takes a number that no earlier form has taken.
func (s *scanner) add(from, to int, form Form) {
	if s.taken(from, to) {
		return
	}
	code, ok := Parse(strings.TrimPrefix(s.text[from:to], "%%"))
	if !ok || code > 0xFFFF && code < 0x80000000 && len(Candidates(code, s.ctx)) == 0 { // flags, an ID, an amount
		return
	}
	s.found = append(s.found, Found{from, to, code, form})
}

func (s *scanner) taken(from, to int) bool {
	return slices.ContainsFunc(s.found, func(f Found) bool { return from < f.To && f.From < to })
}

// all takes the first group of every match.
func (s *scanner) all(re *regexp.Regexp, form Form) {
	for _, m := range re.FindAllStringSubmatchIndex(s.text, -1) {
		s.add(m[2], m[3], form)
	}
}

// systemErrors says which field of a note is a system error, by the templates of Installer's messages.
var systemErrors = map[string]string{
	"1401": "3", "1402": "3", "1403": "4", "1404": "3", "1405": "4", "1406": "4", "2203": "3", "2329": "2", "2330": "2",
}

var noteField = regexp.MustCompile(` (\d+): (-?\d+)(?: |$)`)

// noteErrors takes the system errors among the fields of Installer's notes: "Note: 1: 1402 2: HKEY_… 3: 2".
func (s *scanner) noteErrors() {
	m := noteFields.FindStringSubmatchIndex(s.text)
	if m == nil {
		return
	}
	want := systemErrors[s.text[m[2]:m[3]]]
	for at := m[3]; want != ""; {
		f := noteField.FindStringSubmatchIndex(s.text[at:])
		if f == nil {
			return
		}
		if s.text[at+f[2]:at+f[3]] == want {
			s.add(at+f[4], at+f[5], FormCode)
			return
		}
		at += f[3]
	}
}

// worded takes the numbers before which a word says that they are codes.
func (s *scanner) worded() {
	group := func(name string) int { return 2 * wordedCode.SubexpIndex(name) }
	word, hresult, whole, weak, n := group("word"), group("hresult"), group("any"), group("weak"), group("n")
	text := s.text
	if note := noteNumber.FindStringIndex(text); note != nil {
		text = text[:note[0]] // a note's fields are no sentence
	}
	for at := 0; at < len(text); {
		m := wordedCode.FindStringSubmatchIndex(text[at:])
		if m == nil {
			return
		}
		from, to := at+m[n], at+m[n+1]
		told := strings.ToLower(text[at+m[word] : at+m[word+1]])
		before := strings.Fields(strings.ToLower(text[:at+m[word]]))
		at += m[word+1] // what follows the word may be a word itself: "status: error 5"
		if slices.ContainsFunc(before[max(0, len(before)-2):], func(w string) bool { return slices.Contains(others, w) }) {
			continue
		}
		number := text[from:to]
		hex := strings.HasPrefix(strings.ToLower(number), "0x")
		if to < len(text) && continues(text[to:], hex) {
			continue
		}
		if len(number) == 8 && !hex && strings.ContainsAny(number[:1], "8Cc") { // "hr=8004da0e"
			s.addHex(from, to)
			continue
		}
		code, _ := Parse(number)
		digits := len(strings.TrimPrefix(number, "-"))
		switch high := code >= 0x80000000; {
		case m[hresult] >= 0:
			if high { // 1 is S_FALSE
				s.add(from, to, FormCode)
			}
		case m[weak] < 0 && (m[whole] < 0 || hex || high || s.installer && strings.HasPrefix(told, "system")): // in a message of Installer it is Windows'
			s.add(from, to, FormCode)
		case m[weak] >= 0 && !returned(told) && (hex && !high || !hex && digits < 4):
			// A state, or flags: by a numbering of its own.
		case hex:
			s.add(from, to, FormCode)
		case !afterNoun.MatchString(text[to:]) && (digits <= 5 || digits == 10): // else an amount
			s.add(from, to, FormProgram)
		}
	}
}

// others are makers of error numbers of their own, named before the word that a number follows: "soap client error = 10".
var others = []string{"soap", "sql", "odbc", "ldap", "jet", "oracle", "xml", "ssl", "curl", "java", "line"}

// returned reports whether the word before a number speaks of what a program or function returned, and not of a state or result.
func returned(word string) bool {
	return strings.Contains(word, "exit") || strings.HasPrefix(word, "ret") || word == "rc"
}

// continues reports whether a number goes on in what follows it, so that it is a part of a time, date, version, path, name or amount.
func continues(rest string, hex bool) bool {
	c := rest[0]
	switch {
	case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '%' || c >= 0x80 && !strings.HasPrefix(rest, "。"):
		return true
	case len(rest) > 1 && c == '.' && (rest[1] >= 'a' && rest[1] <= 'z' || rest[1] >= 'A' && rest[1] <= 'Z'): // a file's name
		return true
	case len(rest) > 1 && strings.ContainsRune(".,:/-", rune(c)) && rest[1] >= '0' && rest[1] <= '9':
		return !hex || c != ','
	case c == '\\':
		return true
	}
	return false
}

// addHex takes eight hexadecimal digits without 0x.
func (s *scanner) addHex(from, to int) {
	if code, ok := Parse("0x" + s.text[from:to]); ok && !s.taken(from, to) {
		s.found = append(s.found, Found{from, to, code, FormCode})
	}
}

// bare takes the numbers whose own form tells that they are codes, if something is known of them: flags and tags may have the form as well.
func (s *scanner) bare() {
	for _, m := range bareCode.FindAllStringIndex(s.text, -1) {
		from, to := m[0], m[1]
		if from > 0 && part(s.text[from-1]) || to < len(s.text) && continues(s.text[to:], true) {
			continue
		}
		code, ok := Parse(strings.TrimPrefix(s.text[from:to], "%%"))
		if ok && code >= 0x80000000 && len(Candidates(code, s.ctx)) > 0 {
			s.add(from, to, FormCode)
		}
	}
	if s.ctx.Kind == "log/reporting-events" {
		for _, m := range reported.FindAllStringSubmatchIndex(s.text, -1) {
			s.addHex(m[2], m[3])
		}
	}
}

// part reports whether a character before a number makes it a part of a longer word.
func part(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.' || c >= 0x80
}
