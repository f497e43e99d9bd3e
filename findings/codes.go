package findings

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/wincode"
)

// maxCodes is how many codes of one quote are decoded.
const maxCodes = 4

// decode puts what the error codes of a quote mean into the evidence's note. What the note says already is not said again. A registry value's data are decoded only where the
// value's name says that it holds a code.
func decode(e *Evidence, kind ingest.Kind) {
	if e.Quote == "" || e.Value != nil && !codeValue.MatchString(*e.Value) {
		return
	}
	ctx := wincode.Context{Kind: string(kind), Component: wincode.ComponentOf(e.Quote)}
	if ctx.Component == "" {
		name := path.Base(e.Artifact)
		ctx.Component = strings.TrimSuffix(name, path.Ext(name))
	}
	var found []wincode.Found
	if e.Value != nil {
		if m := valueData.FindString(e.Quote); m != "" {
			if code, ok := wincode.Parse(m); ok && code != 0 {
				found = []wincode.Found{{To: len(m), Code: code, Form: wincode.FormProgram}}
			}
		}
	} else {
		found = wincode.Scan(e.Quote, ctx)
	}
	var said []string
	for i, f := range found {
		if slices.ContainsFunc(found[:i], func(o wincode.Found) bool { return o.Code == f.Code && o.Form == f.Form }) {
			continue
		}
		if text := meaning(f, e.Quote[f.From:f.To], ctx, e.Note); text != "" && len(said) < maxCodes {
			said = append(said, text)
		}
	}
	if len(said) == 0 {
		return
	}
	if e.Note != "" {
		said = slices.Insert(said, 0, e.Note)
	}
	e.Note = strings.Join(said, "; ")
}

// Code is an error code in a line of a log.
type Code struct {
	Text    string // as the line has it
	Meaning string // what it may be, the likeliest first, in the words that stand beside a quote
}

// Codes returns the error codes of a line of an artifact of that kind, of which something can be said: each once, the first four. component is what wrote the line, "" if that is not
// known.
func Codes(line string, kind ingest.Kind, component string) []Code {
	ctx := wincode.Context{Kind: string(kind), Component: component}
	var out []Code
	for _, f := range wincode.Scan(line, ctx) {
		c := Code{Text: line[f.From:f.To]}
		if len(out) == maxCodes || slices.ContainsFunc(out, func(o Code) bool { return o.Text == c.Text }) {
			continue
		}
		if c.Meaning = meaning(f, c.Text, ctx, ""); c.Meaning != "" {
			out = append(out, c)
		}
	}
	return out
}

var (
	// codeValue are names of registry values that hold a code: LastError, ResultCode, HResult, ExitCode …
	codeValue = regexp.MustCompile(`(?i)^(?:last)?(?:(?:error|exit|result|return)code|error|result|hresult)$`)
	valueData = regexp.MustCompile(`^(?:0x[0-9A-Fa-f]{1,8}|-?[0-9]{1,10})\b`)
)

// meaning is what stands beside a quote for one of its codes: what it may be, the likeliest first; "" if nothing can be said that the note does not say.
func meaning(f wincode.Found, text string, ctx wincode.Context, note string) string {
	all := fitting(f, ctx)
	switch {
	case len(all) == 0:
		return unknown(f, text)
	case slices.ContainsFunc(all, func(c wincode.Candidate) bool { return says(note, f, text, c) }):
		return ""
	case f.Form == wincode.FormMessage:
		return "message " + text + " of Windows Installer: " + all[0].Meaning
	case f.Form == wincode.FormAction:
		return "return value " + text + " of an action of Windows Installer: " + all[0].Meaning
	case f.Form == wincode.FormHTTP:
		return "HTTP status " + text + ": " + all[0].Meaning
	}
	doubt := ""
	switch {
	case f.Form == wincode.FormProgram && f.Code <= 0xFFFF && all[0].Family == wincode.Win32:
		if all[0].Explanation == nil || f.Code == 1 { // likelier a number of the program's own than an error that hardly occurs; 1 is what every other program returns
			return ""
		}
		doubt = ", unless the number is the program's own"
	case wincode.Private(f.Code) && all[0].Family == wincode.COM:
		doubt = ", unless the component defines the code for itself"
	}
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = candidate(c, doubt)
	}
	return shownCode(f, text) + " is " + strings.Join(parts, ", or ")
}

// forms are the families that a code of a form can be of; a form without them leaves all but those that others name.
var forms = map[wincode.Form][]wincode.Family{
	wincode.FormMessage: {wincode.MSIMessage}, wincode.FormAction: {wincode.MSIAction}, wincode.FormHTTP: {wincode.HTTP}, wincode.FormMSI: {wincode.MSI, wincode.Win32},
}

// fitting are the candidates that the form of a code leaves.
func fitting(f wincode.Found, ctx wincode.Context) []wincode.Candidate {
	return slices.DeleteFunc(wincode.Candidates(f.Code, ctx), func(c wincode.Candidate) bool {
		switch {
		case f.Form == wincode.FormMSI && f.Code > 0xFFFF: // an HRESULT
			return false
		case forms[f.Form] != nil:
			return !slices.Contains(forms[f.Form], c.Family)
		case c.Family == wincode.MSIMessage || c.Family == wincode.MSIAction || c.Family == wincode.HTTP:
			return c.Carried == ""
		}
		return f.Form != wincode.FormProgram && strings.HasPrefix(c.Carried, "the low word") // only an exit code is cut
	})
}

// says reports whether a check's own note tells a candidate of a code already: by its name, its meaning, or with words of its own behind the number.
func says(note string, f wincode.Found, text string, c wincode.Candidate) bool {
	if note == "" {
		return false
	}
	if c.Symbol != "" && strings.Contains(note, c.Symbol) || c.Explanation != nil && strings.Contains(note, c.Meaning) {
		return true
	}
	note = strings.ToLower(note)
	if c.Family == wincode.MSIAction {
		return strings.Contains(note, "return value "+text)
	}
	return slices.ContainsFunc(append(wincode.Spellings(f.Code), text), func(number string) bool { return tells(note, strings.ToLower(number)) })
}

// tells reports whether words follow a number that stands alone in a note.
func tells(note, number string) bool {
	for {
		before, after, ok := strings.Cut(note, number)
		if !ok {
			return false
		}
		alone := before == "" || !strings.ContainsAny(before[len(before)-1:], "0123456789abcdefx-.")
		if alone && (strings.HasPrefix(after, ":") || strings.HasPrefix(after, " is ") || strings.HasPrefix(after, " (")) {
			return true
		}
		note = after
	}
}

// candidate tells one candidate: its name, whose it is, and its meaning if casebook has one.
func candidate(c wincode.Candidate, doubt string) string {
	whose := c.Family.Title()
	if c.Carried != "" && c.Code <= 0xFFFF {
		whose += " " + strconv.FormatUint(uint64(c.Code), 10)
	}
	out := "a code of " + whose
	if c.Symbol != "" {
		out = fmt.Sprintf("%s (%s%s)", c.Symbol, whose, doubt)
	}
	if c.Explanation != nil {
		out += ": " + c.Meaning
	}
	return out
}

// shownCode is the code as the quote writes it, and in hexadecimal with 0x where the quote writes an HRESULT otherwise.
func shownCode(f wincode.Found, text string) string {
	hex := fmt.Sprintf("0x%08X", f.Code)
	switch {
	case f.Code <= 0xFFFF || strings.HasPrefix(strings.ToLower(text), "0x"):
		return text
	case strings.EqualFold(text, hex[2:]):
		return hex
	}
	return text + " = " + hex
}

// unknown takes apart an HRESULT of which nothing is known; it says nothing of other numbers.
func unknown(f wincode.Found, text string) string {
	p := wincode.Split(f.Code)
	if f.Code <= 0xFFFF || !p.Failure || p.Facility == 0 || p.FacilityName() == "" { // facility 0 may be a warning of NTSTATUS as well
		return ""
	}
	if p.Facility == 4 {
		return fmt.Sprintf("%s is a failure of FACILITY_ITF (code 0x%X), whose meaning the component that returned it defines", shownCode(f, text), p.Code)
	}
	return fmt.Sprintf("%s is a failure of facility %d, %s (code 0x%X), with no meaning that casebook knows", shownCode(f, text), p.Facility, p.FacilityName(), p.Code)
}

// kindOf is the kind of an artifact of one of the systems; "" if none has it.
func kindOf(about []*facts.Facts, artifact string) ingest.Kind {
	for _, f := range about {
		if a := f.Artifact(artifact); a != nil {
			return a.Kind
		}
	}
	return ""
}
