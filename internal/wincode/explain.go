package wincode

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed explanations.tsv
var explanations string

// Explanation is what casebook has to say of a code beyond its name. Its texts are phrases without a full stop.
type Explanation struct {
	Family  Family
	Code    uint32
	Symbol  string // "" if it has none
	Meaning string // in a few words
	Causes  string // what usually brings it about
	Next    string // what to look at
	Rivals  string // what else the number may be mistaken for; "" for nothing
}

type familyCode struct {
	family Family
	code   uint32
}

// explained is the file by code; byFamily holds the codes of one number in the order of the file.
type explained struct {
	list     []Explanation
	at       map[familyCode]int
	byCode   map[uint32][]int
	bySymbol map[string][]int
}

var loadExplained = sync.OnceValue(func() explained {
	e := explained{at: map[familyCode]int{}, byCode: map[uint32][]int{}, bySymbol: map[string][]int{}}
	dash := func(s string) string {
		if s == "-" {
			return ""
		}
		return s
	}
	for line := range strings.Lines(explanations) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) < 7 || strings.HasPrefix(line, "#") {
			continue
		}
		code, ok := Parse(f[1])
		if !ok {
			continue
		}
		i := len(e.list)
		x := Explanation{Family(f[0]), code, dash(f[2]), f[3], f[4], f[5], dash(f[6])}
		e.list = append(e.list, x)
		e.at[familyCode{x.Family, x.Code}] = i
		e.byCode[code] = append(e.byCode[code], i)
		if x.Symbol != "" {
			e.bySymbol[x.Symbol] = append(e.bySymbol[x.Symbol], i)
		}
	}
	return e
})

// Explanations returns all explanations in the order of the file. The list is not to be changed.
func Explanations() []Explanation { return loadExplained().list }

// Candidate is one thing that a code may mean.
type Candidate struct {
	Family  Family
	Code    uint32 // as the family counts it: 1603 for 0x80070643
	Symbol  string // "" if it has no name
	Carried string // how the code that was asked for carries this one, such as "HRESULT_FROM_WIN32"; "" if it is the code itself
	*Explanation
}

// Context is where a code was seen. Its zero value is none.
type Context struct {
	Kind      string // kind of the artifact, such as "log/msi"; "" if not known
	Component string // component that wrote the line, or the log's name; "" if not known
}

// Candidates returns what a code may mean, the likeliest in its context first; nil if nothing is known of it.
func Candidates(code uint32, ctx Context) []Candidate {
	var out []Candidate
	add := func(f Family, c uint32, symbol, carried string) {
		i := slices.IndexFunc(out, func(x Candidate) bool { return x.Code == c && x.Symbol == symbol && symbol != "" })
		if i >= 0 {
			// Installer's return codes and cryptography's codes stand in the table twice. The narrower family says more, but for the few general
			// Win32 codes that Installer returns as well.
			if f == MSI && c >= 1600 || f == Win32 && c < 1600 || f == Crypto {
				out[i].Family = f
			}
			return
		}
		if f == COM && (c>>16 == 0x8009 || c>>16 == 0x800B) {
			f = Crypto
		}
		out = append(out, Candidate{Family: f, Code: c, Symbol: symbol, Carried: carried})
	}
	known := func(c uint32, carried string, only ...Family) {
		for _, k := range load().byCode[c] {
			if len(only) == 0 || slices.Contains(only, k.Family) {
				add(k.Family, c, k.Symbol, carried)
			}
		}
		e := loadExplained()
		for _, i := range e.byCode[c] {
			x := e.list[i]
			named := slices.ContainsFunc(out, func(o Candidate) bool {
				return o.Code == c && (o.Family == x.Family || o.Symbol == x.Symbol && x.Symbol != "")
			})
			if !named && (len(only) == 0 || slices.Contains(only, x.Family)) {
				add(x.Family, c, x.Symbol, carried)
			}
		}
	}
	known(code, "")
	switch {
	case code>>16 == 0x8007:
		known(code&0xFFFF, "HRESULT_FROM_WIN32", Win32, MSI)
	case code>>28 == 0xD: // 0xC… with the N bit
		known(code&^0x10000000, "HRESULT_FROM_NT", NTStatus)
	case code>>16 == 0xE000: // how SetupAPI hands on its errors as Win32 codes
		known(0x800F0000|code&0xFFFF, "HRESULT_FROM_SETUPAPI", COM, Servicing)
	case code>>16 == 0x8019:
		known(code&0xFFFF, "HTTP status as HRESULT", HTTP)
	case code>>12 == 4: // exit codes of which only the low word was kept: 16389 for 0x80004005
		known(0x80000000|code, "the low word of "+fmt.Sprintf("0x%08X", 0x80000000|code), COM)
	}
	out = settle(out)
	for i := range out {
		out[i].Explanation = explanation(out[i])
	}
	rank := func(c Candidate) int { return ranking(c, ctx) }
	slices.SortStableFunc(out, func(a, b Candidate) int { return rank(a) - rank(b) })
	return out
}

// settle drops what an HRESULT carries if the table names the HRESULT itself for the same thing: E_ACCESSDENIED and the Win32 code 5 are told as one.
func settle(all []Candidate) []Candidate {
	own := slices.ContainsFunc(all, func(c Candidate) bool { return c.Carried == "" })
	return slices.DeleteFunc(all, func(c Candidate) bool {
		return own && (c.Carried == "HRESULT_FROM_WIN32" || c.Carried == "HTTP status as HRESULT")
	})
}

// explanation finds what is said of a candidate. Codes that stand in two families under one name are explained in one.
func explanation(c Candidate) *Explanation {
	e := loadExplained()
	for _, f := range []Family{c.Family, Win32, MSI} {
		if i, ok := e.at[familyCode{f, c.Code}]; ok && (f == c.Family || e.list[i].Symbol == c.Symbol && c.Symbol != "") {
			return &e.list[i]
		}
	}
	// Old names of the table: the code is of a narrower family that the file explains.
	for _, i := range e.byCode[c.Code] {
		if e.list[i].Symbol == c.Symbol && c.Symbol != "" {
			return &e.list[i]
		}
	}
	return nil
}

// ranking orders candidates: a lower rank is likelier.
func ranking(c Candidate, ctx Context) int {
	rank := 10 * (1 + slices.Index(Families(), c.Family))
	for i, f := range preferred(c, ctx) {
		if f == c.Family {
			return i
		}
	}
	return rank
}

// preferred lists the families whose codes are to be expected in a context, the likeliest first.
func preferred(c Candidate, ctx Context) []Family {
	if c.Code>>16 == 0x8004 && !Private(c.Code) {
		return []Family{COM}
	}
	var out []Family
	switch ctx.Kind {
	case "log/msi", "log/sep-inst":
		out = []Family{MSI, Win32}
	case "log/windows-update", "log/reporting-events":
		out = []Family{WUA, Win32}
	case "log/servicing":
		out = []Family{Servicing, COM, Win32}
	case "log/pfro", "log/netlogon":
		out = []Family{NTStatus}
	}
	if f := familyOf(ctx.Component); f != "" {
		out = append(out, f)
	}
	return out
}

// Private reports whether a code is one that each component defines for itself: those of FACILITY_ITF from 0x200 on. Those below are COM's own.
func Private(code uint32) bool { return code>>16 == 0x8004 && code&0xFFFF >= 0x200 }

// components are words of component and log names that tell whose codes a log holds.
var components = []struct {
	family Family
	words  []string
}{
	{WMI, []string{"wmi", "wbem", "winmgmt", "mofcomp"}},
	{BITS, []string{"bits", "qmgr"}},
	{WUA, []string{"windowsupdate", "wuauclt", "wuaueng"}},
	{MSI, []string{"msi"}},
	{Servicing, []string{"cbs", "dism", "trustedinstaller"}},
	{NTStatus, []string{"pfro", "netlogon"}},
	{ConfigMgr, []string{
		"ccm", "sms", "updateshandler", "updatehandler", "updatesdeployment", "updatesstore", "scanagent", "wuahandler", "execmgr", "locationservices", "contenttransfer", "datatransfer",
		"contentaccess", "policyagent", "policyevaluator", "clientidmanager", "clientlocation", "ciagent", "cidownloader", "appenforce", "appdiscovery", "rebootcoordinator",
		"servicewindow", "inventoryagent", "statemessage", "statusagent", "srcupdatemgr", "patchuiagent", "filebits", "filesystemfile", "mtrmgr", "dcmagent", "sdmagent",
	}},
}

// familyOf is the family of the component's own codes; "" if it is not known.
func familyOf(component string) Family {
	lower := strings.ToLower(component)
	for _, c := range components {
		if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(lower, w) }) {
			return c.family
		}
	}
	return ""
}

// Find reads a code in any spelling: those of [Parse], hexadecimal without 0x (eight digits that begin with 8, C or D, or any number that holds a letter), or a symbol such
// as ERROR_INSTALL_FAILURE, which may have several codes. It returns nil for what is none.
func Find(s string) []uint32 {
	s = strings.TrimSpace(s)
	bare := strings.ToUpper(strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(s), "h"), "0x"))
	hex := len(bare) > 0 && len(bare) <= 8 && strings.Trim(bare, "0123456789ABCDEF") == ""
	if hex && !strings.HasPrefix(s, "-") {
		eight := len(bare) == 8 && strings.ContainsRune("8CD", rune(bare[0]))
		if eight || strings.ContainsAny(bare, "ABCDEF") || strings.HasSuffix(strings.ToLower(s), "h") {
			if n, ok := Parse("0x" + bare); ok {
				return []uint32{n}
			}
		}
	}
	if n, ok := Parse(s); ok {
		return []uint32{n}
	}
	var out []uint32
	symbol := strings.ToUpper(s)
	for _, c := range load().bySymbol[symbol] {
		out = append(out, c.Code)
	}
	e := loadExplained()
	for _, i := range e.bySymbol[symbol] {
		out = append(out, e.list[i].Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
