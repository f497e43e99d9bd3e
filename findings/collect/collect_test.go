package collect

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
)

var update = flag.Bool("update", false, "rewrite the expected script")

func report(collect ...string) *findings.Report {
	r := &findings.Report{
		Case: "48213", Bundle: &findings.Upload{SHA256: strings.Repeat("ab", 32)},
		Systems: []findings.System{{ID: "PC1", ComputerName: "PC1"}},
	}
	for _, c := range collect {
		r.Request.Items = append(r.Request.Items, findings.RequestItem{What: "a thing", Why: "it tells", Collect: c, Settles: []string{"a-check"}, Systems: []string{"PC1"}})
	}
	return r
}

// TestForms sorts the lines of requests into what the script does and what it leaves to a person.
func TestForms(t *testing.T) {
	tests := []struct {
		name, collect string
		steps         []string
		byHand        []string
	}{
		{
			name: "export", collect: `reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "%PUBLIC%\session-manager.reg" /y /reg:64`,
			steps: []string{`reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "session-manager.reg" /y /reg:64`},
		},
		{name: "save", collect: `reg save HKLM\SYSTEM "%PUBLIC%\SYSTEM.hiv" /y`, steps: []string{`reg save "HKLM\SYSTEM" "SYSTEM.hiv" /y`}},
		{
			name: "query-with-redirection", collect: `reg query HKLM\SOFTWARE\Microsoft\Cryptography /v MachineGuid /reg:64 > "%PUBLIC%\machineguid.txt"`,
			steps: []string{`reg query "HKLM\SOFTWARE\Microsoft\Cryptography" /v "MachineGuid" /reg:64`},
		},
		{
			name: "two-lines-and-a-remark", collect: "dir /a /q \"%ALLUSERSPROFILE%\\Microsoft\\Crypto\\RSA\\MachineKeys\" > \"%PUBLIC%\\machinekeys.txt\"\n" +
				"icacls \"%ALLUSERSPROFILE%\\Microsoft\\Crypto\\RSA\\MachineKeys\\19c5cf9c*\" > \"%PUBLIC%\\acl.txt\"\n(Windows XP and 2003: cacls instead of icacls)",
			steps: []string{`dir /a /q "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys"`, `icacls "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5cf9c*"`},
		},
		{
			name: "loop-over-names", collect: `(mountvol & for %d in ("C:\Program Files" "C:\Program Files\Novell") do @(echo fsutil reparsepoint query %d& fsutil reparsepoint query %d)) > "%PUBLIC%\mounts.txt" 2>&1`,
			steps: []string{`mountvol`, `fsutil reparsepoint query "C:\Program Files"`, `fsutil reparsepoint query "C:\Program Files\Novell"`},
		},
		{
			name: "a-path-with-other-places", collect: `%windir%\CCM\Logs\execmgr.log and execmgr.lo_ (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
			steps: []string{
				`copy "%windir%\CCM\Logs\execmgr.log"`, `copy "%windir%\CCM\Logs\execmgr.lo_"`, `copy "%windir%\System32\CCM\Logs\execmgr.log"`, `copy "%windir%\System32\CCM\Logs\execmgr.lo_"`,
				`copy "%windir%\SysWOW64\CCM\Logs\execmgr.log"`, `copy "%windir%\SysWOW64\CCM\Logs\execmgr.lo_"`,
			},
		},
		{name: "a-path", collect: `%SystemRoot%\PFRO.log`, steps: []string{`copy "%SystemRoot%\PFRO.log"`}},
		{name: "a-path-of-a-user", collect: `%windir%\Temp\SEP_INST.log (or %TEMP%\SEP_INST.log of the user who installed)`, steps: []string{`copy "%windir%\Temp\SEP_INST.log"`, `copy "%TEMP%\SEP_INST.log"`}},
		{name: "a-folder", collect: `the folder %windir%\MS\SMS\Logs`, steps: []string{`copy "%windir%\MS\SMS\Logs"`}},
		{name: "a-folder-with-blanks", collect: `C:\Documents and Settings\All Users\Novell\logs\system-update`, steps: []string{`copy "C:\Documents and Settings\All Users\Novell\logs\system-update"`}},
		{name: "copy", collect: `copy "%windir%\SMSCFG.INI" "%PUBLIC%\%COMPUTERNAME%-SMSCFG.INI"`, steps: []string{`copy "%windir%\SMSCFG.INI"`}},
		{
			name: "search", collect: `reg query "HKLM\SOFTWARE\Configuresoft" /s > "%PUBLIC%\vcm.txt" & for /f "delims=" %f in ('dir /a /b /s "%SystemDrive%\ECMMachineActionLock.dat"') do copy "%f" "%PUBLIC%\"`,
			steps: []string{`reg query "HKLM\SOFTWARE\Configuresoft" /s`, `copy "%SystemDrive%\ECMMachineActionLock.dat"`},
		},
		{name: "wmic", collect: `wmic /namespace:\\root\ccm path CCM_InstalledComponent get Name,Version > "%PUBLIC%\c.txt"`, steps: []string{`wmic /namespace:\\root\ccm path CCM_InstalledComponent get Name,Version`}},
		{name: "findstr-is-literal", collect: `findstr /i "<Server DomainId" "%ProgramData%\Symantec\SyLink.xml" > "%PUBLIC%\s.txt" (the whole file holds the key)`, steps: []string{`findstr /l /i "/c:<Server DomainId" "%ProgramData%\Symantec\SyLink.xml"`}},
		{name: "nslookup", collect: `nslookup pc-1.example.com > "%PUBLIC%\nslookup.txt" 2>&1`, steps: []string{`nslookup pc-1.example.com`}},
		{
			name: "a-part-that-lacks-an-address", collect: `(nslookup pc1 & nslookup ADDRESS & nslookup %COMPUTERNAME%) > "%PUBLIC%\n.txt" 2>&1`,
			steps: []string{`nslookup pc1`, `nslookup %COMPUTERNAME%`}, byHand: []string{`(nslookup pc1 & nslookup ADDRESS & nslookup %COMPUTERNAME%) > "%PUBLIC%\n.txt" 2>&1`},
		},
		{
			name: "a-folder-as-the-better-way", collect: `%windir%\MS\SMS\Logs\Clicore.log and %windir%\MS\SMS\Logs\Ccim32.log (best the whole folder %windir%\MS\SMS\Logs)`,
			steps: []string{`copy "%windir%\MS\SMS\Logs\Clicore.log"`, `copy "%windir%\MS\SMS\Logs\Ccim32.log"`, `copy "%windir%\MS\SMS\Logs"`},
		},
		{
			name: "volume-by-its-guid", collect: `for %d in ("\\?\Volume{6e5a1c11-8f0d-11df-9d3e-005056c00008}\Novell") do @(echo %d& fsutil reparsepoint query %d)`,
			steps: []string{`fsutil reparsepoint query "\\?\Volume{6e5a1c11-8f0d-11df-9d3e-005056c00008}\Novell"`},
		},
		{
			name: "events-of-one-source", collect: `wevtutil qe System /q:"*[System[Provider[@Name='Service Control Manager']]]" /f:text /c:300 /rd:true > "%PUBLIC%\scm.txt"`,
			steps: []string{`wevtutil qe "System" "/q:*[System[Provider[@Name='Service Control Manager']]]" /f:text /c:300 /rd:true`},
		},
		{name: "certutil", collect: `(certutil -v -store My & certutil -v -store SMS) > "%PUBLIC%\c.txt"`, steps: []string{`certutil -v -store "My"`, `certutil -v -store "SMS"`}},
		{name: "events", collect: `wevtutil epl System "%PUBLIC%\System.evtx"`, steps: []string{`wevtutil epl "System" "System.evtx"`}},

		// What changes the machine, asks another one, or is for people.
		{
			name: "a-test-is-left-whole", collect: "net stop ccmexec\nren \"%ALLUSERSPROFILE%\\Microsoft\\Crypto\\RSA\\MachineKeys\\19c5*\" *.old\nnet start ccmexec\nthen send %windir%\\CCM\\Logs\\a.log",
			byHand: []string{"net stop ccmexec", `ren "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5*" *.old`, "net start ccmexec", `then send %windir%\CCM\Logs\a.log`},
		},
		{name: "what-follows-a-line-by-hand", collect: "net stop x\nhostname", byHand: []string{"net stop x", "hostname"}},
		{name: "another-machine", collect: `copy "\\EVIL\share\a.log" "%PUBLIC%\a.log"`, byHand: []string{`copy "\\EVIL\share\a.log" "%PUBLIC%\a.log"`}},
		{name: "a-path-on-another-machine", collect: `\\EVIL\admin$\a.log`, byHand: []string{`\\EVIL\admin$\a.log`}},
		{name: "a-listing-of-another-machine", collect: `dir /a \\EVIL\share > "%PUBLIC%\x.txt"`, byHand: []string{`dir /a \\EVIL\share > "%PUBLIC%\x.txt"`}},
		{name: "a-path-of-the-site-server", collect: `C:\SMS\Logs\Ccm.log of the site server`, byHand: []string{`C:\SMS\Logs\Ccm.log of the site server`}},
		{name: "no-drive", collect: `\SMS\Logs\Ccm.log`, byHand: []string{`\SMS\Logs\Ccm.log`}},
		{name: "of-the-bundle", collect: `hostA/C/Windows/PFRO.log`, byHand: []string{`hostA/C/Windows/PFRO.log`}},
		{name: "prose", collect: `VCM console: Administration, Job Manager`, byHand: []string{`VCM console: Administration, Job Manager`}},
		{name: "a-place-to-fill-in", collect: `nslookup ADDRESS`, byHand: []string{`nslookup ADDRESS`}},
		{name: "an-installation", collect: `msiexec /i "PACKAGE.msi" /l*v "%PUBLIC%\install.log"`, byHand: []string{`msiexec /i "PACKAGE.msi" /l*v "%PUBLIC%\install.log"`}},
		{name: "unmounting", collect: `mountvol C:\Mount /D`, byHand: []string{`mountvol C:\Mount /D`}},
		{name: "deleting-a-reparse-point", collect: `fsutil reparsepoint delete C:\Mount`, byHand: []string{`fsutil reparsepoint delete C:\Mount`}},
		{name: "granting", collect: `icacls C:\x /grant Everyone:F`, byHand: []string{`icacls C:\x /grant Everyone:F`}},
		{name: "starting", collect: `sc start x`, byHand: []string{`sc start x`}},
		{name: "creating-a-process", collect: `wmic process call create calc`, byHand: []string{`wmic process call create calc`}},
		{name: "wmic-on-another-machine", collect: `wmic /node:EVIL process get name`, byHand: []string{`wmic /node:EVIL process get name`}},
		{name: "passwords", collect: `reg save HKLM\SAM "%PUBLIC%\SAM.hiv" /y`, byHand: []string{`reg save HKLM\SAM "%PUBLIC%\SAM.hiv" /y`}},
		{name: "all-of-a-machine", collect: `reg export HKLM "%PUBLIC%\all.reg"`, byHand: []string{`reg export HKLM "%PUBLIC%\all.reg"`}},
		{name: "registry-of-another-machine", collect: `reg query \\EVIL\HKLM\SOFTWARE`, byHand: []string{`reg query \\EVIL\HKLM\SOFTWARE`}},
		{name: "a-private-key", collect: `C:\Users\a\.ssh\id_rsa.old`, byHand: []string{`C:\Users\a\.ssh\id_rsa.old`}},
		{name: "a-key-container", collect: `copy "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5.dat" "%PUBLIC%\"`, byHand: []string{`copy "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5.dat" "%PUBLIC%\"`}},
		{name: "a-document", collect: `C:\Users\a\Documents\taxes.docx`, byHand: []string{`C:\Users\a\Documents\taxes.docx`}},
		{name: "a-device", collect: `C:\x\con.log`, byHand: []string{`C:\x\con.log`}},
		{name: "a-stream", collect: `C:\x\a.log:hidden.log`, byHand: []string{`C:\x\a.log:hidden.log`}},
		{name: "upwards", collect: `%windir%\Logs\..\..\Users\a.log`, byHand: []string{`%windir%\Logs\..\..\Users\a.log`}},
		{name: "another-variable", collect: `%EVIL%\a.log`, byHand: []string{`%EVIL%\a.log`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Make(report(tt.collect))
			var steps []string
			for i := range p.Items[0].Steps {
				steps = append(steps, p.Items[0].Steps[i].String())
			}
			if diff := cmp.Diff(tt.steps, steps); diff != "" {
				t.Errorf("steps differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.byHand, p.Items[0].ByHand); diff != "" {
				t.Errorf("what is left differs (-want +got):\n%s", diff)
			}
			checkScript(t, p.Script())
		})
	}
}

// TestQuote puts hostile strings into arguments.
func TestQuote(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"plain", `C:\a b\c`, `"C:\a b\c"`},
		{"known-variable", `%windir%\a`, `"%windir%\a"`},
		{"known-variable-with-parentheses", `%ProgramFiles(x86)%\a`, `"%ProgramFiles(x86)%\a"`},
		{"unknown-variable", `C:\%PATH%\a`, `"C:\%%PATH%%\a"`},
		{"one-percent", `C:\100%`, `"C:\100%%"`},
		{"argument-of-a-batch-file", `C:\%1%~f0`, `"C:\%%1%%~f0"`},
		{"percent-before-a-variable", `%%windir%\a`, `"%%%windir%\a"`},
		{"substring", `%windir:~0,1%\a`, `"%%windir:~0,1%%\a"`},
		{"ampersand", `C:\a & calc`, `"C:\a & calc"`},
		{"redirection", `C:\a > b | c < d`, `"C:\a > b | c < d"`},
		{"caret", `C:\a^b`, `"C:\a^b"`},
		{"parentheses", `C:\a (b) c)`, `"C:\a (b) c)"`},
		{"quote", `C:\a" & calc & "`, ""},
		{"exclamation", `C:\a!b`, ""},
		{"line-break", "C:\\a\r\ncalc", ""},
		{"nul", "C:\\a\x00", ""},
		{"end-of-file", "C:\\a\x1a", ""},
		{"letter-beyond-ascii", `C:\ä`, ""},
		{"quote-like-letter", "C:\\a\u201d", ""},
		{"backslash-at-the-end", `C:\a\`, ""},
		{"empty", "", ""},
		{"long", strings.Repeat("a", maxArgument+1), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := quote(tt.in)
			if ok != (tt.want != "") || got != tt.want {
				t.Errorf("got %s %v, want %s", got, ok, tt.want)
			}
		})
	}
}

// fixed are the lines of a script that hold nothing of the request; testdata/collect.cmd shows them to whoever reviews.
var fixed = func() map[string]bool {
	lines := map[string]bool{}
	for l := range strings.SplitSeq(string(Plan{Case: "x"}.Script()), "\r\n") {
		lines[l] = true
	}
	return lines
}()

// The forms of lines that hold something of it. arg is a quoted argument in which nothing is expanded but known variables.
const arg = `"(?:[ #$&-~]|%%|%[A-Za-z0-9()]+%)+"`

var allowed = func() []*regexp.Regexp {
	const out = `"%CB_OUT%\\[A-Za-z0-9._-]+"`
	var list []*regexp.Regexp
	for _, p := range []string{
		`set "CB_NAME=casebook-[A-Za-z0-9._-]+"`,
		`>>"%CB_MANIFEST%" echo (?:case|upload|asked): [A-Za-z0-9 .,:_+\\'-]+`,
		`>>"%CB_MANIFEST%" echo by-hand: \d+`,
		`if /i not "%COMPUTERNAME%"=="[A-Za-z0-9_-]+" echo This script was made for [A-Za-z0-9_-]+\. On another computer its result is of little use\.`,
		`echo \d of \d: [A-Za-z0-9 .,:_+\\'-]*`,
		`echo     Part or all of this is left to you, as the request describes it\.`,
		`ver >nul`,
		`call :(?:done|copied) \d+ [A-Za-z0-9._-]+`,
		`md "%CB_OUT%\\\d{3}" 2>nul`,
		`copy /y ` + arg + ` "%CB_OUT%\\\d{3}\\" >nul`,
		`xcopy ` + arg + ` "%CB_OUT%\\\d{3}\\" /s /c /h /i /y >nul 2>&1`,
		`dir /a-d /b /s "%CB_OUT%\\\d{3}" >nul 2>&1`,
		`for /f "delims=" %%f in \('dir /a-d /b /s ` + arg + ` 2\^>nul'\) do copy /y "%%f" "%CB_OUT%\\\d{3}\\" >nul`,
		`>>` + out + ` echo (?:mountvol|fsutil|nslookup|sc|w32tm|winmgmt)(?: (?:` + arg + `|[A-Za-z0-9.:_/-]+|%COMPUTERNAME%))*`,
		`(?:if errorlevel 1 )?reg (?:export|save) ` + arg + ` ` + out + `(?: /y| /reg:64| /reg:32)* >nul 2>&1 <nul`,
		`(?:if errorlevel 1 )?>>` + out + ` 2>&1 [a-z0-9]+(?: (?:` + arg + `|/namespace:\\\\root\\[a-z0-9_\\]+|[A-Za-z0-9=,.:_/-]+|%COMPUTERNAME%|` + out + `))* <nul`,
		`wevtutil epl ` + arg + ` ` + out + `(?: /ow:true)? >nul 2>&1 <nul`,
	} {
		list = append(list, regexp.MustCompile(`^(?i:`+p+`)$`))
	}
	return list
}()

// checkScript holds a script to its grammar: ASCII, CRLF, and each line a fixed one or of a form of the list. Independently of the forms,
// what stands outside quotes must be harmless.
func checkScript(t *testing.T, data []byte) {
	t.Helper()
	for i, line := range strings.Split(string(data), "\r\n") {
		if strings.ContainsAny(line, "\r\n") {
			t.Fatalf("line %d has a line end of its own: %q", i+1, line)
		}
		for j := range len(line) {
			if line[j] < ' ' || line[j] > '~' {
				t.Fatalf("line %d holds the byte %#x: %q", i+1, line[j], line)
			}
		}
		if len(line) > 8000 {
			t.Fatalf("line %d is longer than cmd takes", i+1)
		}
		if fixed[line] {
			continue
		}
		ok := false
		for _, p := range allowed {
			ok = ok || p.MatchString(line)
		}
		if !ok {
			t.Errorf("line %d is of no form: %q", i+1, line)
		}
		if strings.Count(line, `"`)%2 != 0 {
			t.Errorf("line %d has a quote without its partner: %q", i+1, line)
		}
		for k, part := range strings.Split(line, `"`) {
			if k%2 == 0 && strings.ContainsAny(part, "&|!") && !strings.Contains(part, "2>&1") {
				t.Errorf("line %d has an operator outside quotes: %q", i+1, line)
			}
		}
	}
}

// TestScript compares a script with the one that was read and approved.
func TestScript(t *testing.T) {
	r := report(
		`reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "%PUBLIC%\session-manager.reg" /y /reg:64`,
		`(mountvol & for %d in ("C:\Program Files" "C:\100% & more") do @(echo fsutil reparsepoint query %d& fsutil reparsepoint query %d)) > "%PUBLIC%\mounts.txt" 2>&1`,
		`%SystemRoot%\PFRO.log`,
		"the folder %windir%\\MS\\SMS\\Logs",
		"net stop ccmexec",
	)
	r.Request.Items[1].What = `what shows mount points above C:\"x" & del /q *`
	data := Make(r).Script()
	checkScript(t, data)
	const file = "testdata/collect.cmd"
	if *update {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("the script differs (-want +got):\n%s", diff)
	}
	if !bytes.Equal(data, Make(r).Script()) {
		t.Error("the same request gives another script")
	}
}

// TestHostileNames puts what a bundle names into the script's other places.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{`x" & calc & "`, "x\r\ncalc", "%PATH%", "..", `..\..\x`, "con", strings.Repeat("a", 500), "ä", "", "!x!", "a/?b"} {
		r := report(`reg export "HKLM\SOFTWARE\X" "%PUBLIC%\`+name+`.reg"`, "hostname > "+name)
		r.Case, r.Systems[0].ComputerName, r.Bundle.SHA256 = name, name, name
		r.Request.Items[0].What = name
		checkScript(t, Make(r).Script())
	}
}

// FuzzScript: whatever a request says, the script holds to its grammar, and making it twice gives the same.
func FuzzScript(f *testing.F) {
	for _, s := range []string{
		`reg export "HKLM\SYSTEM\X" "%PUBLIC%\x.reg" /y`, `(a & b) > "c" 2>&1`, `for %d in ("a" "b") do @(dir %d)`, "%windir%\\a.log and b.log (or %TEMP%\\c)",
		`dir "C:\a" & calc`, "dir \"C:\\a\r\ncalc\"", `copy "C:\%PATH%\a.log"`, `nslookup -x & calc`, `wevtutil qe System /q:"*[System[(Level=1)]]"`,
		`for /f "delims=" %f in ('dir /a /b /s "C:\a.log"') do copy "%f" "x"`, `findstr /i "a" "C:\a.log"`,
	} {
		f.Add(s, "what", "PC1")
	}
	f.Fuzz(func(t *testing.T, collect, what, host string) {
		r := report(collect, "hostname\n"+collect)
		r.Request.Items[0].What, r.Systems[0].ComputerName, r.Case = what, host, host
		data := Make(r).Script()
		checkScript(t, data)
		if !bytes.Equal(data, Make(r).Script()) {
			t.Fatal("the same request gives another script")
		}
	})
}
