package collect

import (
	"slices"
	"strings"
)

// argument says what a word of a command may be.
type argument uint8

const (
	argPath    argument = iota // a local path
	argPattern                 // a local path whose last part may be a pattern
	argKey                     // a registry key
	argHost                    // a computer's name or address
	argName                    // the name of a service, store, class or value
	argChannel                 // an event log
	argFile                    // a file to write: always one in the output folder
)

// form is a command that only reads, or writes nothing but the file that it is told to.
type form struct {
	words    string     // the command and its fixed first arguments
	args     []argument // what follows, in this order; the last may come again if many
	least    int        // how many of them there must be
	many     bool       // the last one may come several times
	options  string     // those that may stand anywhere behind the words
	named    string     // the option whose next word is a name
	echo     bool       // the output does not say what was asked, so that the command is written above it
	fallback []string   // options that old versions of the tool lack: without them it is tried again
}

// forms lists what a script may run. Whatever changes the machine, asks another machine for more than a name, or takes a command as an argument has no
// place in it. findstr and wmic have rules of their own below.
var forms = []form{
	{words: "reg export", args: []argument{argKey, argFile}, least: 2, options: "/y /reg:64 /reg:32", fallback: []string{"/reg:64", "/reg:32", "/y"}},
	{words: "reg save", args: []argument{argKey, argFile}, least: 2, options: "/y /reg:64 /reg:32", fallback: []string{"/reg:64", "/reg:32", "/y"}},
	{words: "reg query", args: []argument{argKey}, least: 1, options: "/s /z /ve /reg:64 /reg:32", named: "/v", fallback: []string{"/reg:64", "/reg:32"}},
	{words: "dir", args: []argument{argPattern}, least: 1, many: true, options: "/a /a:d /a:l /ad /al /a-d /b /s /q /r /x /n /4 /-c /on /od /o:n /o:d /t:c /t:w /t:a /tc /tw"},
	{words: "type", args: []argument{argPath}, least: 1},
	{words: "attrib", args: []argument{argPattern}, least: 1, options: "/s /d"},
	{words: "mountvol", echo: true},
	{words: "mountvol", args: []argument{argPath}, least: 1, options: "/l", echo: true},
	{words: "fsutil reparsepoint query", args: []argument{argPath}, least: 1, echo: true},
	{words: "fsutil fsinfo volumeinfo", args: []argument{argPath}, least: 1, echo: true},
	{words: "fsutil fsinfo ntfsinfo", args: []argument{argPath}, least: 1, echo: true},
	{words: "fsutil fsinfo drivetype", args: []argument{argPath}, least: 1, echo: true},
	{words: "fsutil fsinfo drives", echo: true},
	{words: "fsutil volume diskfree", args: []argument{argPath}, least: 1, echo: true},
	{words: "fsutil dirty query", args: []argument{argPath}, least: 1, echo: true},
	{words: "icacls", args: []argument{argPattern}, least: 1},
	{words: "cacls", args: []argument{argPattern}, least: 1},
	{words: "nslookup", args: []argument{argHost}, least: 1, echo: true},
	{words: "ipconfig", options: "/all /displaydns"},
	{words: "hostname"},
	{words: "ver"},
	{words: "systeminfo", options: "/fo list /nh"},
	{words: "driverquery", options: "/v /fo csv list table /si"},
	{words: "tasklist", options: "/v /svc /fo csv list table"},
	{words: "netstat", options: "-a -n -o -ano -an -r"},
	{words: "nltest", options: "/dsgetsite /domain_trusts"},
	{words: "certutil", args: []argument{argName}, least: 1, options: "-v -store -verifystore"},
	{words: "wevtutil epl", args: []argument{argChannel, argFile}, least: 2, options: "/ow:true"},
	{words: "wevtutil qe", args: []argument{argChannel}, least: 1, options: "/f:text /f:xml /rd:true /rd:false"},
	{words: "sc query", args: []argument{argName}, options: "state= all type= service driver"},
	{words: "sc queryex", args: []argument{argName}, options: "state= all type= service driver"},
	{words: "sc qc", args: []argument{argName}, least: 1, echo: true},
	{words: "sc qfailure", args: []argument{argName}, least: 1, echo: true},
	{words: "sc sdshow", args: []argument{argName}, least: 1, echo: true},
	{words: "net start"},
	{words: "netsh winhttp show proxy"},
	{words: "bitsadmin", options: "/list /allusers /verbose /rawreturn"},
	{words: "w32tm", options: "/query /status /configuration /source /peers /verbose /tz", echo: true},
	{words: "tzutil", options: "/g"},
	{words: "schtasks", options: "/query /v /fo csv list table"},
	{words: "gpresult", options: "/r /z /v /scope computer"},
	{words: "bcdedit", options: "/enum all active"},
	{words: "winmgmt", options: "/verifyrepository", echo: true},
	{words: "vssadmin list writers"},
	{words: "vssadmin list shadows"},
	{words: "dsregcmd", options: "/status"},
	{words: "dsquery computer", options: "-o rdn -limit 0"},
	{words: "dism", options: "/online /get-packages /get-features /format:table /english"},
	{words: "pnputil", options: "-e /enum-drivers"},
}

// command is what a form and the words of a request give: a line for the script.
type command struct {
	line   string   // without redirection
	retry  []string // the same without the options that old tools lack, in the order in which they are tried
	file   string   // the name of the file that it writes, in the output folder
	writes bool     // it writes the file itself; otherwise its output goes there
	echo   bool
}

// recognise turns a command of a request into a line of the script; false if it is none of the forms.
func recognise(c simple) (command, bool) {
	if len(c.words) == 0 || !c.words[0].bare {
		return command{}, false
	}
	name := strings.TrimSuffix(strings.ToLower(c.words[0].text), ".exe")
	switch name {
	case "findstr":
		return findstr(c)
	case "wmic":
		return wmic(c)
	}
	for i := range forms {
		if cmd, ok := forms[i].match(c); ok {
			return cmd, true
		}
	}
	return command{}, false
}

// incomplete reports whether a word of a command has to be put in by a person.
func (c simple) incomplete() bool {
	return slices.ContainsFunc(c.words, func(w word) bool { return w.bare && placeholder.MatchString(w.text) })
}

// match fits the words of a command into the form.
func (f *form) match(c simple) (command, bool) {
	fixed := strings.Fields(f.words)
	if len(c.words) < len(fixed) {
		return command{}, false
	}
	for i, w := range fixed {
		given := c.words[i].text
		if i == 0 {
			given = strings.TrimSuffix(strings.ToLower(given), ".exe")
		}
		if !c.words[i].bare || !strings.EqualFold(given, w) {
			return command{}, false
		}
	}
	options := strings.Fields(f.options)
	parts := slices.Clone(fixed)
	out := command{file: fileName(c.file), echo: f.echo}
	at := 0
	rest := c.words[len(fixed):]
	for i := 0; i < len(rest); i++ {
		w := rest[i]
		low := strings.ToLower(w.text)
		if w.bare && slices.Contains(options, low) {
			parts = append(parts, low)
			continue
		}
		if low == f.named && w.bare && i+1 < len(rest) {
			i++
			v, ok := argName.render(rest[i])
			if !ok {
				return command{}, false
			}
			parts = append(parts, low, v)
			continue
		}
		if f.words == "wevtutil qe" || f.words == "wevtutil epl" {
			if q, ok := quote(w.text); ok && eventTest.MatchString(w.text) {
				parts = append(parts, q)
				continue
			}
			if w.bare && eventCount.MatchString(low) {
				parts = append(parts, low)
				continue
			}
		}
		if at >= len(f.args) && (!f.many || len(f.args) == 0) {
			return command{}, false
		}
		kind := f.args[min(at, len(f.args)-1)]
		at++
		if kind == argFile {
			if out.file = fileName(w.text); out.file == "" {
				return command{}, false
			}
			out.writes = true
			parts = append(parts, fileMark)
			continue
		}
		q, ok := kind.render(w)
		if !ok || f.words == "type" && !readable(w.text) {
			return command{}, false
		}
		parts = append(parts, q)
	}
	if at < f.least {
		return command{}, false
	}
	out.line = strings.Join(parts, " ")
	kept := parts
	for _, o := range f.fallback {
		if i := slices.Index(kept, o); i >= 0 {
			kept = slices.Delete(slices.Clone(kept), i, i+1)
			out.retry = append(out.retry, strings.Join(kept, " "))
		}
	}
	return out, true
}

// fileMark stands in a command's line for the file that it writes.
const fileMark = "\x00file"

// render checks a word and returns it as the script writes it.
func (a argument) render(w word) (string, bool) {
	if placeholder.MatchString(w.text) {
		return "", false
	}
	switch a {
	case argPath, argPattern:
		p, ok := cleanPath(w.text, a == argPattern)
		if !ok {
			return "", false
		}
		return quotePath(p)
	case argKey:
		if !rootKey.MatchString(w.text) || secretKey.MatchString(w.text) {
			return "", false
		}
		return quote(w.text)
	case argHost:
		return w.text, hostName.MatchString(w.text)
	case argName:
		return `"` + w.text + `"`, plainName.MatchString(w.text)
	case argChannel:
		return `"` + w.text + `"`, channel.MatchString(w.text)
	case argFile: // written by match
	}
	return "", false
}

// findstr reads: findstr [/i] [/n] [/l] "LITERAL" PATH. What is searched is taken literally, whatever the request says.
func findstr(c simple) (command, bool) {
	parts := []string{"findstr", "/l"}
	var given []word
	for _, w := range c.words[1:] {
		switch low := strings.ToLower(w.text); {
		case w.bare && (low == "/i" || low == "/n"):
			parts = append(parts, low)
		case w.bare && low == "/l":
		default:
			given = append(given, w)
		}
	}
	if len(given) != 2 || given[0].bare || !readable(given[1].text) || strings.ContainsAny(given[0].text, `%\`) || strings.HasPrefix(given[0].text, "/") {
		return command{}, false
	}
	text, ok := quote("/c:" + given[0].text)
	if !ok {
		return command{}, false
	}
	file, ok := argPath.render(given[1])
	if !ok {
		return command{}, false
	}
	return command{line: strings.Join(append(parts, text, file), " "), file: fileName(c.file)}, true
}

// wmic reads: wmic [/namespace:\\root\X] (path CLASS | ALIAS) get NAME,NAME [/value | /format:list | /format:csv].
func wmic(c simple) (command, bool) {
	parts := []string{"wmic"}
	words := c.words[1:]
	take := func(ok func(string) bool) bool {
		if len(words) == 0 || !words[0].bare || !ok(words[0].text) {
			return false
		}
		parts = append(parts, words[0].text)
		words = words[1:]
		return true
	}
	is := func(s string) func(string) bool { return func(t string) bool { return strings.EqualFold(s, t) } }
	namespace := func(s string) bool {
		rest, ok := strings.CutPrefix(strings.ToLower(s), `/namespace:\\root\`)
		return ok && rest != "" && strings.Trim(rest, `abcdefghijklmnopqrstuvwxyz0123456789_\`) == ""
	}
	class := func(s string) bool { return nameList.MatchString(s) && !strings.Contains(s, ",") }
	take(namespace)
	take(is("path"))
	if !take(class) || strings.EqualFold(parts[len(parts)-1], "path") {
		return command{}, false
	}
	if !take(is("get")) || !take(nameList.MatchString) {
		return command{}, false
	}
	for len(words) > 0 {
		if !take(is("/value")) && !take(is("/format:list")) && !take(is("/format:csv")) {
			return command{}, false
		}
	}
	return command{line: strings.Join(parts, " "), file: fileName(c.file)}, true
}
