package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casebook/internal/wincode"
)

func (a *App) explain() *cobra.Command {
	var component string
	c := &cobra.Command{
		Use:   "explain CODE…",
		Short: "What an error code means, in any spelling",
		Long: `Tells what error codes may mean: of Win32, Windows Installer, COM, Windows Update, BITS, WMI, certificates, NTSTATUS, ConfigMgr and servicing. A CODE is decimal,
negative, hexadecimal with or without 0x, or a name: 1603, -2147023293, 0x80070643, 80070643, 2147944003, ERROR_INSTALL_FAILURE. The same number may mean different things; all are told,
the likeliest first.

Exit status: 0 done, 1 nothing is known of some code, 2 the command was used wrongly.`,
		Example: `  casebook explain 0x80070643
  casebook explain 0x80040231 --component LocationServices`,
		Args: exactly(1, -1, "one or more error codes"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runExplain(args, component) },
	}
	c.Flags().StringVar(&component, "component", "", "the component or log that wrote the code, which decides between rivals: `NAME` as in the log, such as UpdatesHandler")
	return c
}

// negativeCode is an argument of explain that looks like a flag.
var negativeCode = regexp.MustCompile(`^-[0-9]+$`)

// keepNegative makes the negative codes among explain's arguments no flags, by a blank before them.
func keepNegative(root *cobra.Command, args []string) []string {
	if c, _, err := root.Find(args); err != nil || c.Name() != "explain" {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if negativeCode.MatchString(arg) {
			args[i] = " " + arg
		}
	}
	return args
}

// codeJSON and meaningJSON are a code and what it may mean as --json shows them.
type codeJSON struct {
	Query     string        `json:"query"`
	Hex       string        `json:"hex"`
	Signed    int32         `json:"signed"`
	Unsigned  uint32        `json:"unsigned"`
	Parts     *partsJSON    `json:"parts"` // null for a number below 65536
	Spellings []string      `json:"spellings"`
	Meanings  []meaningJSON `json:"meanings"`
	// Private says that each component defines such codes for itself, so that the meanings may be others'.
	Private bool `json:"private"`
}

type partsJSON struct {
	Failure      bool   `json:"failure"`
	NTStatus     bool   `json:"ntstatus"`
	Customer     bool   `json:"customer"`
	Facility     uint32 `json:"facility"`
	FacilityName string `json:"facility_name"`
	Code         uint32 `json:"code"`
}

type meaningJSON struct {
	Family  string `json:"family"`
	Code    uint32 `json:"code"`
	Symbol  string `json:"symbol"`
	Carried string `json:"carried_by"`
	Meaning string `json:"meaning"`
	Causes  string `json:"causes"`
	Next    string `json:"next"`
	Rivals  string `json:"rivals"`
}

// codeName is what the name of a code looks like.
var codeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*$`)

func (a *App) runExplain(args []string, component string) error {
	out := []codeJSON{}
	for _, arg := range args {
		query := strings.TrimSpace(arg)
		codes := wincode.Find(query)
		switch {
		case len(codes) == 0 && codeName.MatchString(query):
			a.code = exitFindings
			if !a.quiet {
				fmt.Fprintf(a.err, "casebook: no code of the name %s is known\n", query)
			}
		case len(codes) == 0:
			return usagef("%q is no error code: give 32 bits in decimal or hexadecimal, such as 1603, -2147023293 or 0x80070643, or a name such as ERROR_INSTALL_FAILURE", query)
		}
		for _, code := range codes {
			e := explained(query, code, component)
			if len(e.Meanings) == 0 {
				a.code = exitFindings
			}
			out = append(out, e)
		}
	}
	if a.json {
		return a.writeJSON(out)
	}
	for i, e := range out {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		a.writeCode(e)
	}
	return nil
}

// explained puts together what is known of a code.
func explained(query string, code uint32, component string) codeJSON {
	e := codeJSON{
		Query: query, Hex: fmt.Sprintf("0x%08X", code), Signed: int32(code), Unsigned: code, Private: wincode.Private(code), //nolint:gosec // the same 32 bits
		Spellings: wincode.Spellings(code), Meanings: []meaningJSON{},
	}
	if code > 0xFFFF {
		p := wincode.Split(code)
		e.Parts = &partsJSON{p.Failure, p.NTStatus, p.Customer, p.Facility, p.FacilityName(), p.Code}
	}
	for _, c := range wincode.Candidates(code, wincode.Context{Component: component}) {
		m := meaningJSON{Family: string(c.Family), Code: c.Code, Symbol: c.Symbol, Carried: c.Carried}
		if x := c.Explanation; x != nil {
			m.Meaning, m.Causes, m.Next, m.Rivals = x.Meaning, x.Causes, x.Next, x.Rivals
		}
		e.Meanings = append(e.Meanings, m)
		if c.Code != code {
			e.Spellings = append(e.Spellings, wincode.Spellings(c.Code)...)
		}
	}
	if code>>16 == 0x8007 { // a log that holds the HRESULT often holds the plain code beside it
		e.Spellings = append(e.Spellings, wincode.Spellings(code&0xFFFF)...)
	}
	seen := map[string]bool{}
	e.Spellings = slices.DeleteFunc(e.Spellings, func(s string) bool {
		double := seen[s]
		seen[s] = true
		return double
	})
	return e
}

// writeCode writes a code for people: its spellings and parts, then each meaning.
func (a *App) writeCode(e codeJSON) {
	const (
		label  = "  %-10s"
		indent = "            "
	)
	w, p := a.page(), a.paint()
	w.line("", p.bold(e.Query))
	part := func(name, text string) {
		if text != "" {
			w.paragraph(fmt.Sprintf(label, name), indent, text)
		}
	}
	part("spellings", strings.Join(e.Spellings, ", "))
	part("parts", partsText(e.Parts))
	if len(e.Meanings) == 0 {
		text := "nothing is known of this code"
		if e.Private {
			text += ": each component defines codes of FACILITY_ITF from 0x200 on for itself, so that only the program that wrote the line knows it"
		}
		part("unknown", text)
		return
	}
	if e.Private {
		part("beware", "Each component defines codes of FACILITY_ITF from 0x200 on for itself: look at which component wrote the line.")
	}
	for _, m := range e.Meanings {
		family := wincode.Family(m.Family).Title()
		if m.Code != e.Unsigned || m.Symbol == "" && m.Code <= 0xFFFF {
			family += fmt.Sprintf(" %d", m.Code)
			if m.Code > 0xFFFF {
				family = fmt.Sprintf("%s 0x%08X", wincode.Family(m.Family).Title(), m.Code)
			}
		}
		if m.Carried != "" {
			family += ", " + m.Carried
		}
		w.line("", "")
		if m.Symbol == "" {
			w.line("  ", p.bold(family))
		} else {
			w.line("  ", p.bold(m.Symbol)+"  "+family)
		}
		part("means", sentence(m.Meaning))
		part("causes", sentence(m.Causes))
		part("look at", sentence(m.Next))
		part("beware", sentence(m.Rivals))
		if m.Meaning == "" {
			part("means", "casebook knows the name only.")
		}
	}
}

// partsText is a code taken apart, "" for a number that has no parts.
func partsText(p *partsJSON) string {
	if p == nil {
		return ""
	}
	kind := "success"
	switch {
	case p.NTStatus && p.Failure:
		kind = "NTSTATUS error"
	case p.NTStatus:
		kind = "NTSTATUS"
	case p.Failure:
		kind = "failure"
	}
	name := ""
	if p.FacilityName != "" {
		name = " (" + p.FacilityName + ")"
	}
	if p.Customer {
		kind += ", an application's own (the customer bit is set)"
	}
	return fmt.Sprintf("%s, facility %d%s, code %d (0x%X)", kind, p.Facility, name, p.Code, p.Code)
}

// sentence makes a phrase a sentence.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
