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
				found = []wincode.Found{{To: len(m), Code: code}}
			}
		}
	} else {
		found = wincode.Scan(e.Quote, ctx)
	}
	var said []string
	for _, f := range found {
		text := meaning(f, e.Quote[f.From:f.To], ctx, e.Note)
		if text != "" && !slices.Contains(said, text) && len(said) < maxCodes {
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

var (
	// codeValue are names of registry values that hold a code: LastError, ResultCode, HResult, ExitCode, LastSuccessfulHr …
	codeValue = regexp.MustCompile(`(?i)(?:error|exitcode|result|errorcode|resultcode|returncode|hresult|laststatus|win32exitcode)$`)
	valueData = regexp.MustCompile(`^(?:0x[0-9A-Fa-f]{1,8}|-?[0-9]{1,10})\b`)
)

// meaning is what stands beside a quote for one of its codes: what it may be, the likeliest first; "" if nothing can be said that the note does not say.
func meaning(f wincode.Found, text string, ctx wincode.Context, note string) string {
	all := fitting(f, ctx)
	hedge := ""
	if f.Form == wincode.FormProgram && len(all) > 0 && all[0].Family == wincode.Win32 && f.Code <= 0xFFFF {
		if f.Code == 1 {
			return "" // every other program says so, whatever happened
		}
		hedge = "as a Win32 error, unless it is a number of the program's own, "
	}
	if len(all) == 0 {
		return unknown(f, text)
	}
	if slices.ContainsFunc(all, func(c wincode.Candidate) bool { return says(note, c) }) {
		return ""
	}
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = candidate(c)
	}
	return shownCode(f, text) + " is " + hedge + strings.Join(parts, ", or ")
}

// fitting are the candidates that the form of a code leaves.
func fitting(f wincode.Found, ctx wincode.Context) []wincode.Candidate {
	only := map[wincode.Form][]wincode.Family{
		wincode.FormMessage: {wincode.MSIMessage}, wincode.FormAction: {wincode.MSIAction}, wincode.FormMSI: {wincode.MSI, wincode.Win32}, wincode.FormHTTP: {wincode.HTTP},
	}[f.Form]
	not := []wincode.Family{wincode.MSIMessage, wincode.MSIAction, wincode.HTTP}
	return slices.DeleteFunc(wincode.Candidates(f.Code, ctx), func(c wincode.Candidate) bool {
		if f.Code > 0xFFFF { // an HRESULT or NTSTATUS, whatever holds it
			return false
		}
		if f.Form == wincode.FormAction && f.Code < 2 {
			return true // no failure
		}
		return only != nil && !slices.Contains(only, c.Family) || only == nil && slices.Contains(not, c.Family) || strings.HasPrefix(c.Carried, "the low word") && f.Form != wincode.FormProgram
	})
}

// says reports whether a check's own note tells a candidate already.
func says(note string, c wincode.Candidate) bool {
	switch {
	case c.Symbol != "" && strings.Contains(note, c.Symbol):
		return true
	case c.Family == wincode.MSIMessage:
		return regexp.MustCompile(`\b[Mm]essage ` + strconv.Itoa(int(c.Code)) + `\b`).MatchString(note)
	case c.Family == wincode.MSIAction:
		return strings.Contains(note, "return value "+strconv.Itoa(int(c.Code)))
	}
	return c.Explanation != nil && strings.Contains(note, c.Meaning)
}

// candidate tells one candidate: its name, whose it is, and its meaning if casebook has one.
func candidate(c wincode.Candidate) string {
	var b strings.Builder
	whose := c.Family.Title()
	if c.Symbol != "" {
		b.WriteString(c.Symbol)
		if c.Carried != "" && c.Code <= 0xFFFF {
			whose += " " + strconv.Itoa(int(c.Code))
		}
		fmt.Fprintf(&b, " (%s)", whose)
	} else {
		b.WriteString("a code of " + whose)
		if c.Family == wincode.MSIMessage || c.Family == wincode.MSIAction || c.Family == wincode.HTTP {
			b.Reset()
			b.WriteString(article(whose))
		}
	}
	if c.Explanation != nil {
		b.WriteString(": " + c.Meaning)
	}
	return b.String()
}

func article(noun string) string {
	if strings.HasPrefix(noun, "H") { // "HTTP" is spelt
		return "an " + noun
	}
	return "a " + noun
}

// shownCode is the code as the quote writes it, and in hexadecimal where the quote writes an HRESULT in decimal.
func shownCode(f wincode.Found, text string) string {
	if f.Code > 0xFFFF && !strings.HasPrefix(strings.ToLower(text), "0x") {
		return fmt.Sprintf("%s = 0x%08X", text, f.Code)
	}
	return text
}

// unknown takes apart an HRESULT of which nothing is known; it says nothing of other numbers.
func unknown(f wincode.Found, text string) string {
	p := wincode.Split(f.Code)
	if f.Code <= 0xFFFF || !p.Failure || p.FacilityName() == "" {
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
