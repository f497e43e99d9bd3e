package findings

import (
	"regexp"
	"strings"
)

// changing is the beginning of a command that changes the machine, by what it changes.
var changing = []struct {
	command *regexp.Regexp
	product bool // it is asked for only with the name of the product that failed
	risk    string
}{
	{regexp.MustCompile(`(?im)(?:^|[&|] *)msiexec\b`), true, "this runs the installation again and changes the machine; services, or the machine itself, may restart. Run it only where that is allowed, with a backup"},
	{
		regexp.MustCompile(`(?im)(?:^|[&|(] *)(?:net (?:stop|start) +\w|sc (?:start|stop|config|failure|delete)\b|taskkill\b|ren(?:ame)? |move |del |rd |rmdir )`), false,
		"this stops a service and sets files aside; what depends on the service does not work meanwhile. Run it only where that is allowed, and undo it if it does not help",
	},
	{
		regexp.MustCompile(`(?im)(?:^|[&|(] *)(?:reg (?:add|delete|import|restore|load)\b|regsvr32\b|sfc +/scannow|dism\b.*/restorehealth|chkdsk\b.* /[frx]\b|gpupdate\b|wuauclt\b|usoclient\b|ccmrepair\b|ccmsetup\b|winmgmt +/(?:salvage|reset)repository|shutdown\b|bcdedit +/set|wevtutil (?:sl|cl)\b|w32tm +/(?:resync|config)|verifier\b)`), false,
		"this changes the machine. Run it only where that is allowed, with a backup",
	},
}

// riskOf is the risk of a request's commands, "" if they only read; product tells whether it is asked for only with the product's name.
func riskOf(collect string) (risk string, product bool) {
	for _, c := range changing {
		if c.command.MatchString(collect) {
			return c.risk, c.product
		}
	}
	return "", false
}

// InstallerEvents asks for what the machine has noted of its installations, where a new installation would tell more but nothing shows that one failed.
var InstallerEvents = Missing{
	What: "the Application event log as text", Why: "Installer notes there which installation failed, and with which code",
	Collect: `wevtutil qe Application "/q:*[System[Provider[@Name='MsiInstaller']]]" /f:text > "%PUBLIC%\msi-events.txt"`,
}

// harmless is what a finding asks for as it may be asked of a customer: for diagnosis commands that only read. A command that changes the machine is
// left to suspected findings, and one that installs to those that name the product that failed; ok is false if nothing is left.
func (m Missing) harmless(f *Finding) (out Missing, risk string, ok bool) {
	risk, product := riskOf(m.Collect)
	switch {
	case risk == "":
		return m, "", true
	case f.Verdict == Suspected && !product:
		return m, risk, true
	case f.Verdict == Suspected && f.Subject != "" && !strings.HasPrefix(f.Subject, "an unnamed "):
		m.What += ", of " + f.Subject
		return m, risk, true
	case product:
		return InstallerEvents, "", true
	}
	return Missing{}, "", false
}
