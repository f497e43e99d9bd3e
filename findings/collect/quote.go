package collect

import (
	"regexp"
	"strings"
)

// maxArgument is the length of an argument; a path of Windows is shorter.
const maxArgument = 400

// variables are those of the environment that a path may begin with. Every other percent sign is a plain character.
var variables = map[string]bool{
	"ALLUSERSPROFILE": true, "APPDATA": true, "COMMONPROGRAMFILES": true, "COMMONPROGRAMFILES(X86)": true, "COMPUTERNAME": true, "LOCALAPPDATA": true,
	"PROGRAMDATA": true, "PROGRAMFILES": true, "PROGRAMFILES(X86)": true, "PROGRAMW6432": true, "PUBLIC": true, "SYSTEMDRIVE": true, "SYSTEMROOT": true,
	"TEMP": true, "TMP": true, "USERPROFILE": true, "WINDIR": true,
}

// quote returns s as one argument in a batch file: in quotes, in which & | < > ( ) ^ and blanks are plain characters, and with percent signs doubled
// except around the variables above. It refuses what quotes can't hold: a quote, control characters, ! (a variable where delayed expansion is
// on), a backslash at the end (which some programs take for an escape of the quote), and what is not ASCII, because the bytes that
// cmd would read then depend on the code page.
func quote(s string) (string, bool) {
	if s == "" || len(s) > maxArgument || strings.HasSuffix(s, `\`) {
		return "", false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '!' {
			return "", false
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if n := strings.IndexByte(s[i+1:], '%'); n > 0 && variables[strings.ToUpper(s[i+1:i+1+n])] {
			b.WriteString(s[i : i+n+2])
			i += n + 1
			continue
		}
		b.WriteString("%%")
	}
	b.WriteByte('"')
	return b.String(), true
}

// told makes a sentence fit for echo: letters, digits and harmless punctuation stay, everything else becomes an underscore.
func told(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(` .,:_+-\'`, r):
			return r
		}
		return '_'
	}, s)
	const most = 200
	return s[:min(len(s), most)]
}

// fileName makes a name of a file in the output folder of what a request calls it: its base name, of harmless characters. "" if
// nothing is left.
func fileName(s string) string {
	if i := strings.LastIndexAny(s, `\/`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.ReplaceAll(s, "%COMPUTERNAME%-", "")
	s = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, s), ".-_")
	const most = 60
	if len(s) > most {
		s = s[len(s)-most:]
	}
	if device.MatchString(s) {
		return "x-" + s
	}
	return s
}

// device are the names that Windows keeps for devices, in every folder and with any extension.
var device = regexp.MustCompile(`(?i)^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)`)

var (
	// localPath is a path on the machine itself: by a drive letter, a variable, or a volume's GUID. A path of another computer is none: asking for it
	// would show the customer's credentials to a machine that the bundle names.
	localPath = regexp.MustCompile(`^(?:[A-Za-z]:\\|%[A-Za-z0-9()]+%(?:\\|$)|\\\\\?\\Volume\{[0-9A-Fa-f-]{36}\}\\)[^/<>|"?*:]*$`)
	// hostName is a name or address that may be looked up.
	hostName = regexp.MustCompile(`^(?:%COMPUTERNAME%|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39})$`)
	// plainName is the name of a service, a store, a class, a value.
	plainName  = regexp.MustCompile(`^[A-Za-z0-9_$][A-Za-z0-9 _.$()-]{0,79}$`)
	nameList   = regexp.MustCompile(`^[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*$`)
	channel    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _./-]{0,120}$`)
	eventTest  = regexp.MustCompile(`^(?i:/q:)[A-Za-z0-9*\[\]()=' @/.:_-]{1,300}$`)
	eventCount = regexp.MustCompile(`^/c:[0-9]{1,6}$`)
	// placeholder is a word that a person has to put something in the place of.
	placeholder = regexp.MustCompile(`^(?:ADDRESS|HOST|HOSTNAME|SERVER|SITESERVER|NAME|COMPUTER|TARGET|PDC|DC|FILE|FOLDER|PATH|PACKAGE|PRODUCT|USER|GUID|SID)$`)
	rootKey     = regexp.MustCompile(`^(?i:HKLM|HKEY_LOCAL_MACHINE|HKCU|HKEY_CURRENT_USER|HKCR|HKEY_CLASSES_ROOT|HKU|HKEY_USERS)(?:\\[^"%!]*[^"%!\\])?$`)
	// secretKey are the keys that hold passwords.
	secretKey = regexp.MustCompile(`(?i)^(?:HKLM|HKEY_LOCAL_MACHINE)(?:\\(?:SAM|SECURITY)(?:\\|$)|$)|\\Winlogon(?:\\|$)|\\Policy\\Secrets`)
)

// cleanPath returns a local path as it is written in the script, without its last backslash; false if it is none. A pattern is allowed in its last part.
func cleanPath(s string, pattern bool) (string, bool) {
	s = strings.ReplaceAll(s, "/", `\`)
	if len(s) > 3 {
		s = strings.TrimSuffix(s, `\`)
	}
	test := s
	if i := strings.LastIndexByte(s, '\\'); pattern && i >= 0 {
		test = s[:i+1] + strings.NewReplacer("*", "x", "?", "x").Replace(s[i+1:])
	}
	if name, ok := strings.CutPrefix(s, "%"); ok {
		if name, _, _ = strings.Cut(name, "%"); !variables[strings.ToUpper(name)] {
			return "", false
		}
	}
	if !localPath.MatchString(test) || strings.Contains(s, `\..`) || len(s) < 4 && !isRoot(s) {
		return "", false
	}
	for part := range strings.SplitSeq(s[strings.IndexByte(s, '\\')+1:], `\`) {
		if device.MatchString(part) {
			return "", false
		}
	}
	return s, true
}

// ordinary are the extensions of files that hold logs, settings and listings. A script copies no other: programs, keys and documents are not what a
// request is after, and a path may come from the bundle.
var ordinary = map[string]bool{
	".log": true, ".lo_": true, ".log1": true, ".old": true, ".txt": true, ".csv": true, ".ini": true, ".inf": true, ".xml": true, ".tcf": true, ".ct0": true, ".mof": true,
	".evtx": true, ".evt": true, ".etl": true, ".dat": true, ".cfg": true, ".nal": true, ".ccr": true, ".sid": true, ".err": true, ".htm": true, ".html": true,
}

// secretPath are folders and files that hold keys and passwords whatever their extension.
var secretPath = regexp.MustCompile(`(?i)\\(?:crypto|protect|credentials|vault|\.ssh|\.aws|\.gnupg|ntds|system32\\config|repair|regback|login data|cookies)(?:\\|\.|$)|` +
	`\\(?:ntuser|usrclass|sam|security|unattend|sysprep|autounattend|web)\.(?:dat|xml|inf|config|old|log1?)|password|passwd|secret|\\id_[dr]sa`)

// readable reports whether a script may copy a file.
func readable(path string) bool {
	base := path[strings.LastIndexAny(path, `\/`)+1:]
	i := strings.LastIndexByte(base, '.')
	return i >= 0 && ordinary[strings.ToLower(base[i:])] && !secretPath.MatchString(strings.ReplaceAll(path, "/", `\`))
}

// isRoot reports whether a path is the root of a drive, C:\.
func isRoot(s string) bool { return len(s) == 3 && s[1] == ':' && s[2] == '\\' }

// quotePath quotes a local path. The root of a drive ends in a backslash, behind which a dot keeps the quote one.
func quotePath(s string) (string, bool) {
	if isRoot(s) {
		s += "."
	}
	return quote(s)
}
