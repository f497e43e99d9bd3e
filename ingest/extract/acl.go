package extract

// Permissions, as icacls, cacls and Get-Acl print them. Account names and messages are in the language of the machine; the letters of the
// rights are not.
//
//	C:\Data BUILTIN\Administrators:(I)(OI)(CI)(F)     icacls (Windows' icacls command)
//	        CREATOR OWNER:(I)(OI)(CI)(IO)(F)          indented by the path's width and one blank
//	        CORP\bob:(DENY)(W)
//
//	C:\Data\x: Access is denied.                      a failure: path, colon, message
//	Successfully processed 1 files; Failed processing 1 files
//
//	C:\Data BUILTIN\Users:(OI)(CI)(ID)R               cacls: letters F C R W N behind the brackets,
//	        BUILTIN\Users:(CI)(special access:)       or a bracket with a colon, translated, and
//	                          FILE_APPEND_DATA        the rights' names in lines of their own
//
//	Path   : Microsoft.PowerShell.Core\FileSystem::C:\Data      Get-Acl | Format-List
//	Owner  : BUILTIN\Administrators
//	Access : NT AUTHORITY\SYSTEM Allow  FullControl
//	         CORP\bob Deny  Write
//
// Paths and accounts may both hold blanks. The indentation of the lines that follow tells where the path ends; an object with one entry only is cut
// by the path in its command, by known account names, and else at the last blank.

import (
	"regexp"
	"strings"

	"casebook/ingest"
)

// ACL is what a text shows of permissions.
type ACL struct {
	Objects   []ACLObject
	Failures  []ACLFailure
	Processed int64 // files done and failed by icacls' own count, summed over its runs; -1 if it is not there
	Failed    int64
}

// ACLObject is a file or folder with its permissions.
type ACLObject struct {
	Path    string // as printed: absolute, or the bare name
	Owner   string // "" if not shown
	Tool    string // icacls, cacls or Get-Acl
	Entries []ACE
	Line    int
}

// ACE is one access control entry.
type ACE struct {
	Account     string   // as printed, a SID where the name was not found
	Deny        bool     // it takes rights away
	Inherited   bool     // it comes from a folder above
	InheritOnly bool     // it holds for what is below, not for the object itself
	Label       bool     // it is an integrity level and no permission
	Flags       []string // the letters in brackets before the rights: OI, CI, IO, NP, I, ID
	Rights      []string // as printed: letters, or names such as FILE_APPEND_DATA and FullControl
	Access      Access
	Guessed     bool // where the path ends and the account begins is a guess
	Line        int
}

// Access is what rights amount to.
type Access uint8

// The rights, as bits. AccessModify and AccessFull include those below them.
const (
	AccessRead Access = 1 << iota
	AccessExecute
	AccessWrite
	AccessDelete
	AccessControl // change permissions and owner

	AccessModify = AccessRead | AccessExecute | AccessWrite | AccessDelete
	AccessFull   = AccessModify | AccessControl
)

// ACLFailure is a line with a path and a message in place of permissions.
type ACLFailure struct {
	Path    string
	Message string // in the machine's language
	Line    int
}

// Principal is an account that checks ask for.
type Principal uint8

// The principals.
const (
	PrincipalOther          Principal = iota
	PrincipalSystem                   // S-1-5-18
	PrincipalAdministrators           // S-1-5-32-544
	PrincipalEveryone                 // S-1-1-0
	PrincipalNetworkService           // S-1-5-20
)

// principals holds account names in lower case without their domain, in the languages that Windows translates them to.
var principals = map[string]Principal{
	"s-1-5-18": PrincipalSystem, "s-1-5-32-544": PrincipalAdministrators, "s-1-1-0": PrincipalEveryone, "s-1-5-20": PrincipalNetworkService,

	"network service": PrincipalNetworkService, "netzwerkdienst": PrincipalNetworkService, "service réseau": PrincipalNetworkService, "service reseau": PrincipalNetworkService,
	"servicio de red": PrincipalNetworkService, "servizio di rete": PrincipalNetworkService, "serviço de rede": PrincipalNetworkService, "netwerkservice": PrincipalNetworkService,
	"usługa sieciowa": PrincipalNetworkService, "nätverkstjänst": PrincipalNetworkService, "nettverkstjeneste": PrincipalNetworkService, "netværkstjeneste": PrincipalNetworkService,
	"verkkopalvelu": PrincipalNetworkService, "hálózati szolgáltatás": PrincipalNetworkService, "síťová služba": PrincipalNetworkService, "сетевая служба": PrincipalNetworkService,

	"system": PrincipalSystem, "système": PrincipalSystem, "systeme": PrincipalSystem, "sistema": PrincipalSystem, "система": PrincipalSystem, "järjestelmä": PrincipalSystem,
	"rendszer": PrincipalSystem, "σύστημα": PrincipalSystem,

	"administrators": PrincipalAdministrators, "administratoren": PrincipalAdministrators, "administrateurs": PrincipalAdministrators,
	"administradores": PrincipalAdministrators, "administratorzy": PrincipalAdministrators, "администраторы": PrincipalAdministrators,
	"administratörer": PrincipalAdministrators, "administratorer": PrincipalAdministrators, "järjestelmänvalvojat": PrincipalAdministrators,
	"rendszergazdák": PrincipalAdministrators, "yöneticiler": PrincipalAdministrators, "адміністратори": PrincipalAdministrators,

	"everyone": PrincipalEveryone, "jeder": PrincipalEveryone, "tout le monde": PrincipalEveryone, "todos": PrincipalEveryone, "everyone ": PrincipalEveryone,
	"все": PrincipalEveryone, "wszyscy": PrincipalEveryone, "iedereen": PrincipalEveryone, "alla": PrincipalEveryone, "alle": PrincipalEveryone, "kaikki": PrincipalEveryone,
	"mindenki": PrincipalEveryone, "herkes": PrincipalEveryone, "усі": PrincipalEveryone, "tutti": PrincipalEveryone,
}

// authorities holds the parts before the backslash of built-in accounts, in lower case, that have blanks in them; the account follows them.
var authorities = []string{
	"nt authority", "autoridade nt", "nt instans", "autorite nt", "autorité nt", "nt service", "nt virtual machine", "application package authority", "mandatory label", "zarządzanie nt", "nt rīkotājs", "window manager",
}

// spaced holds accounts without domain that have blanks in their names, in lower case.
var spaced = []string{"tout le monde", "creator owner", "creator group", "owner rights", "créateur propriétaire", "groupe créateur", "all application packages"}

// PrincipalOf tells which principal an account name or SID is, in any of the common languages of Windows. A name of SYSTEM or
// Administrators counts with the domain of built-in accounts or without one, never with another.
func PrincipalOf(account string) Principal {
	name := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(account), "*"))
	domain, base, ok := strings.Cut(name, `\`)
	if !ok {
		return principals[name]
	}
	p := principals[base]
	if p == PrincipalEveryone || p != PrincipalOther && !builtin(domain) {
		return PrincipalOther
	}
	return p
}

// IsBuiltin reports whether an account is one of Windows' own: SYSTEM may belong to such a group, never to one of a domain or of the machine.
func IsBuiltin(account string) bool {
	domain, _, ok := strings.Cut(strings.ToLower(strings.TrimSpace(account)), `\`)
	return !ok || builtin(domain)
}

// builtin reports whether a domain, in lower case, is that of built-in accounts.
func builtin(domain string) bool {
	switch domain {
	case "nt authority", "builtin", "nt-autorität", "vordefiniert", "autorite nt", "autorité nt", "autoridade nt", "nt-autoriteit", "ingebouwd", "predefinito",
		"integrado", "wbudowani", "zarządzanie nt", "nt instans", "nt-myndighet", "beépített", "nt-hallinta", "sisäänrakennettu", "incorporado":
		return true
	}
	return false
}

var (
	// aclRights is what an entry ends with: brackets behind a colon, and cacls' letter.
	aclRights = regexp.MustCompile(`:((?:\([^()\\]{1,60}\))*)([FCRWN]?)\s*$`)
	aclFlags  = regexp.MustCompile(`\(([^()]*)\)`)
	aclLetter = regexp.MustCompile(`^(?:[A-Z]{1,4})(?:,[A-Z]{1,4})*$`)
	aclName   = regexp.MustCompile(`^[A-Z][A-Z_]+$`)
	aclTotals = regexp.MustCompile(`^\D*(\d+)\D+(\d+)\D*$`)
	getAccess = regexp.MustCompile(`^(.+?) +(Allow|Deny) +(-?[A-Za-z0-9, ]+?)\s*$`)
)

// icaclsFlags are the brackets that are no rights.
var icaclsFlags = map[string]bool{"OI": true, "CI": true, "IO": true, "NP": true, "I": true, "ID": true, "DENY": true}

// rightsOf maps letters of icacls and cacls, names of cacls and of .NET to what they allow.
var rightsOf = map[string]Access{
	"F": AccessFull, "M": AccessModify, "C": AccessModify, "RX": AccessRead | AccessExecute, "R": AccessRead, "W": AccessWrite, "D": AccessDelete, "DE": AccessDelete, "N": 0,
	"GR": AccessRead, "GW": AccessWrite, "GE": AccessExecute, "GA": AccessFull, "RD": AccessRead, "WD": AccessWrite, "AD": AccessWrite, "X": AccessExecute,
	"DC": AccessDelete, "WDAC": AccessControl, "WO": AccessControl, "MA": AccessFull,

	"FILE_ALL_ACCESS": AccessFull, "GENERIC_ALL": AccessFull, "GENERIC_READ": AccessRead, "GENERIC_WRITE": AccessWrite, "GENERIC_EXECUTE": AccessExecute,
	"FILE_READ_DATA": AccessRead, "FILE_GENERIC_READ": AccessRead, "FILE_GENERIC_WRITE": AccessWrite, "FILE_GENERIC_EXECUTE": AccessExecute,
	"FILE_WRITE_DATA": AccessWrite, "FILE_APPEND_DATA": AccessWrite, "FILE_EXECUTE": AccessExecute, "DELETE": AccessDelete, "FILE_DELETE_CHILD": AccessDelete,
	"WRITE_DAC": AccessControl, "WRITE_OWNER": AccessControl,

	"FullControl": AccessFull, "Modify": AccessModify, "ReadAndExecute": AccessRead | AccessExecute, "Read": AccessRead, "Write": AccessWrite, "Delete": AccessDelete,
	"ReadData": AccessRead, "ListDirectory": AccessRead, "WriteData": AccessWrite, "CreateFiles": AccessWrite, "AppendData": AccessWrite, "CreateDirectories": AccessWrite,
	"ExecuteFile": AccessExecute, "Traverse": AccessExecute, "DeleteSubdirectoriesAndFiles": AccessDelete, "ChangePermissions": AccessControl, "TakeOwnership": AccessControl,
}

func acl() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindACL, Sniff: sniffACL, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		a, problems := parseACL(in)
		if a == nil {
			return nil, problems
		}
		return a, problems
	}}
}

func sniffACL(_ string, head []byte) int {
	lines := headLines(head)
	if isLog(lines) {
		return 0
	}
	starts, follows, failures, gets, all := 0, 0, 0, 0, 0
	for _, l := range lines {
		if trim(l) == "" {
			continue
		}
		all++
		if _, _, _, ok := aceLine(l); ok {
			if indent(l) > 0 {
				follows++
			} else {
				starts++
			}
		} else if m := property.FindStringSubmatch(l); m != nil && m[1] == "Access" && getAccess.MatchString(m[2]) {
			gets++
		} else if (pathStart(l) == 0 || keyName.MatchString(l)) && strings.Contains(l[2:], ": ") {
			failures++
		}
	}
	switch {
	case gets > 0, starts > 0 && (starts+follows+failures)*2 >= all:
		return 90
	case starts > 1 && follows > 0:
		return 60
	}
	return 0
}

// aceLine cuts a line with an entry: what stands before the rights, and the rights.
func aceLine(line string) (subject string, brackets []string, letter string, ok bool) {
	end := trimRight(line)
	if len(end) < 4 || !strings.Contains(")FCRWN", end[len(end)-1:]) { // nearly every line: spare it the pattern
		return "", nil, "", false
	}
	m := aclRights.FindStringSubmatchIndex(line)
	if m == nil || m[2] == m[3] && m[4] == m[5] {
		return "", nil, "", false
	}
	subject = line[:m[0]]
	if trim(subject) == "" || strings.ContainsAny(subject, `<>|"`) || len(subject) < 3 {
		return "", nil, "", false
	}
	rights := 0
	for _, b := range aclFlags.FindAllStringSubmatch(line[m[2]:m[3]], -1) {
		t := strings.TrimSpace(b[1])
		switch {
		case aclLetter.MatchString(t):
			brackets = append(brackets, t)
			for f := range strings.SplitSeq(t, ",") {
				if !icaclsFlags[f] {
					rights++
				}
			}
		case strings.HasSuffix(t, ":"): // cacls: rights in the lines that follow
			brackets = append(brackets, t)
			rights++
		default:
			return "", nil, "", false
		}
	}
	letter = line[m[4]:m[5]]
	if rights == 0 && letter == "" {
		return "", nil, "", false
	}
	if len(brackets) == 0 && indent(line) == 0 && !strings.Contains(subject, `\`) { // "x:F" is too little
		return "", nil, "", false
	}
	return subject, brackets, letter, true
}

// parseACL reads all permissions of the text, nil if there are none.
func parseACL(in ingest.Input) (*ACL, []ingest.Problem) {
	a := &ACL{Processed: -1, Failed: -1}
	var problems []ingest.Problem
	lines := in.Lines
	known := ""         // the path that the command names
	var open *ACLObject // the object that further entries belong to
	entries := 0
	room := func() bool { entries++; return entries <= maxEntries }
	ended := false // the line is the first behind entries or failures, where icacls prints its totals
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if c, ok := parseCommand(line, i+1); ok {
			known = ""
			if c.Name == "icacls" || c.Name == "cacls" || c.Name == "xcacls" {
				for _, arg := range c.Args {
					if !strings.HasPrefix(arg, "/") {
						known = cleanFolder(c.absolute(arg))
						break
					}
				}
			}
			continue
		}
		if m := property.FindStringSubmatch(line); m != nil && (strings.HasSuffix(m[1], "Path") || m[1] == "Owner" || m[1] == "Access") {
			i = a.getACL(lines, i, m, room)
			open = nil
			continue
		}
		subject, brackets, letter, ok := aceLine(line)
		if ok {
			ended = true
		}
		switch {
		case ok && indent(line) == 0:
			width := followWidth(lines, i)
			path, account, guessed := splitSubject(subject, width, known)
			if path == "" || !room() {
				continue
			}
			o := ACLObject{Path: path, Line: i + 1, Tool: "icacls"}
			if letter != "" || special(brackets) {
				o.Tool = "cacls"
			}
			e := newACE(account, brackets, letter, i+1)
			e.Guessed = guessed
			o.Entries = append(o.Entries, e)
			a.Objects = append(a.Objects, o)
			open = &a.Objects[len(a.Objects)-1]
		case ok && open != nil && room():
			open.Entries = append(open.Entries, newACE(trim(subject), brackets, letter, i+1))
		case open != nil && indent(line) > 0 && aclName.MatchString(trim(line)):
			e := &open.Entries[len(open.Entries)-1]
			if len(e.Rights) < 64 {
				e.Rights = append(e.Rights, trim(line))
				e.Access |= rightsOf[trim(line)]
			}
		case pathStart(line) == 0 || keyName.MatchString(line):
			if f, ok := failure(line, i+1); ok && room() {
				a.Failures = append(a.Failures, f)
				ended = true
			}
		case trim(line) != "":
			if ended {
				a.totals(line)
			}
			ended = false
		}
	}
	if len(a.Objects) == 0 && (len(a.Failures) == 0 || a.Processed < 0) {
		return nil, nil
	}
	if entries > maxEntries {
		problems = append(problems, problem(in, "the text has %d entries, of which the first %d are kept", entries, maxEntries))
	}
	return a, problems
}

// failure reads a line with a path or a key file's name, a colon and a message.
func failure(line string, n int) (ACLFailure, bool) {
	from := 0
	if pathStart(line) == 0 {
		from = 2 // behind the drive's colon
	}
	i := strings.Index(line[from:], ": ")
	if i < 1 {
		return ACLFailure{}, false
	}
	return ACLFailure{Path: trim(line[:from+i]), Message: trim(line[from+i+2:]), Line: n}, true
}

// totals reads icacls' last line, which has the number of files done and then that of files failed in every language.
func (a *ACL) totals(line string) {
	m := aclTotals.FindStringSubmatch(line)
	if m == nil {
		return
	}
	done, ok1 := number(m[1])
	failed, ok2 := number(m[2])
	if ok1 && ok2 && done < 1<<40 && failed < 1<<40 {
		a.Processed, a.Failed = max(a.Processed, 0)+done, max(a.Failed, 0)+failed
	}
}

// followWidth returns the indentation of the entry below line i, 0 if that is no further entry of the same object.
func followWidth(lines []string, i int) int {
	for j := i + 1; j < len(lines) && j < i+40; j++ {
		if _, _, _, ok := aceLine(lines[j]); ok {
			return indent(lines[j])
		}
		if indent(lines[j]) == 0 || !aclName.MatchString(trim(lines[j])) {
			return 0
		}
	}
	return 0
}

// splitSubject cuts "path account". width is the indentation of further entries, known the path that the command names.
func splitSubject(subject string, width int, known string) (path, account string, guessed bool) {
	if width > 0 {
		for _, at := range [2]int{column(subject, width), cell(subject, width)} {
			if at < len(subject) && subject[at-1] == ' ' && !startsBlank(subject[at:]) {
				return trimRight(subject[:at]), subject[at:], false
			}
		}
	}
	if known != "" && len(subject) > len(known)+1 && strings.EqualFold(subject[:len(known)], known) && subject[len(known)] == ' ' {
		return subject[:len(known)], trim(subject[len(known):]), false
	}
	low := strings.ToLower(subject)
	if len(low) == len(subject) {
		for _, name := range authorities {
			if i := strings.LastIndex(low, " "+name+`\`); i > 0 {
				return trimRight(subject[:i]), subject[i+1:], false
			}
		}
		for _, name := range spaced {
			if i := strings.LastIndex(low, " "+name); i > 0 && i+1+len(name) == len(low) {
				return trimRight(subject[:i]), subject[i+1:], false
			}
		}
	}
	// A domain is the word before the last backslash if a blank stands before it; else the account is the last word.
	end := len(subject)
	if slash := strings.LastIndexByte(subject, '\\'); slash > 0 {
		if blank := strings.LastIndexByte(subject[:slash], ' '); blank > 0 && !strings.ContainsAny(subject[blank:slash], `\:`) {
			end = slash
		}
	}
	blank := strings.LastIndexByte(subject[:end], ' ')
	if blank <= 0 {
		return "", "", true
	}
	path, account = trimRight(subject[:blank]), subject[blank+1:]
	// With one blank in all, or with the domain of built-in accounts, there is only one place to cut.
	domain, _, _ := strings.Cut(strings.ToLower(account), `\`)
	return path, account, strings.Count(subject, " ") > 1 && !builtin(domain)
}

// special reports whether a bracket announces rights in the lines that follow.
func special(brackets []string) bool {
	for _, b := range brackets {
		if strings.HasSuffix(b, ":") {
			return true
		}
	}
	return false
}

// newACE makes an entry of brackets and cacls' letter.
func newACE(account string, brackets []string, letter string, line int) ACE {
	e := ACE{Account: trim(account), Line: line}
	labels := 0
	for _, b := range brackets {
		if strings.HasSuffix(b, ":") {
			continue
		}
		for t := range strings.SplitSeq(b, ",") {
			switch t {
			case "DENY":
				e.Deny = true
				continue
			case "I", "ID":
				e.Inherited = true
			case "IO":
				e.InheritOnly = true
			case "NW", "NR", "NX":
				labels++
			}
			if icaclsFlags[t] {
				e.Flags = append(e.Flags, t)
			} else {
				e.Rights = append(e.Rights, t)
				e.Access |= rightsOf[t]
			}
		}
	}
	if letter != "" {
		e.Rights = append(e.Rights, letter)
		e.Access |= rightsOf[letter]
	}
	e.Deny = e.Deny || len(e.Rights) == 1 && e.Rights[0] == "N"
	e.Label = labels > 0 && labels == len(e.Rights)
	return e
}

// getACL reads a Get-Acl block that begins with the property m at line i, and returns its last line.
func (a *ACL) getACL(lines []string, i int, m []string, room func() bool) int {
	var o *ACLObject
	if len(a.Objects) > 0 && a.Objects[len(a.Objects)-1].Tool == "Get-Acl" {
		o = &a.Objects[len(a.Objects)-1]
	}
	switch m[1] {
	case "Path", "PSPath":
		if at := pathStart(m[2]); at >= 0 && i+2 < len(lines) && room() {
			if next := property.FindStringSubmatch(lines[i+1]); next != nil && (next[1] == "Owner" || next[1] == "Group" || next[1] == "Access") {
				a.Objects = append(a.Objects, ACLObject{Path: trimRight(m[2][at:]), Tool: "Get-Acl", Line: i + 1})
			}
		}
	case "Owner":
		if o != nil && o.Owner == "" {
			o.Owner = trim(m[2])
		}
	case "Access":
		text := m[2]
		for {
			if g := getAccess.FindStringSubmatch(text); g != nil && o != nil && room() {
				e := ACE{Account: trim(g[1]), Deny: g[2] == "Deny", Line: i + 1}
				for r := range strings.SplitSeq(g[3], ",") {
					r = trim(r)
					e.Rights = append(e.Rights, r)
					e.Access |= rightsOf[r]
				}
				o.Entries = append(o.Entries, e)
			}
			if i+1 >= len(lines) || indent(lines[i+1]) < 3 {
				break
			}
			i++
			text = trim(lines[i])
		}
	}
	return i
}
