package facts

import (
	"slices"
	"strings"

	"casebook/ingest"
	"casebook/internal/match"
)

// maxHosts bounds how many different computer names are noted for one artifact: two already contradict each other.
const maxHosts = 8

// hostClaim says how far a line that names a computer names the one that wrote it.
type hostClaim uint8

const (
	// claimOwn: the writer names its own machine. Two different ones in one artifact are a conflict.
	claimOwn hostClaim = iota + 1
	// claimUsual: the writer mostly names its own machine, but may name others. Counts only if all lines agree.
	claimUsual
)

// hostSignals are the lines by which an artifact tells the computer it comes from.
var hostSignals = []match.Signal{
	{
		// Installer dumps its properties at the end of a session; ComputerName is set by the engine.
		Name: "host/own/installer", Kinds: []string{string(ingest.KindLogMSI), string(ingest.KindLogSEP)},
		Literals: []string{"ComputerName = "}, Pattern: `^(?:Property\([SCNscn]\): )?ComputerName = (?P<host>[^\s\\/]{1,63})\s*$`,
	},
	{
		// The output of `set`, and of scripts that copy it.
		Name:     "host/own/environment",
		Literals: []string{"COMPUTERNAME="}, Pattern: `(?i)^COMPUTERNAME=(?P<host>[^\s\\/]{1,63})\s*$`,
	},
	{
		// The source of a status message. A site server's log also holds those of its clients.
		Name: "host/usual/status-message", Kinds: []string{string(ingest.KindLogSMS), string(ingest.KindLogCCM)},
		Literals: []string{"STATMSG:"}, Pattern: `STATMSG: .*?\bSYS=(?P<host>[^\s\\/]{1,63})\s`,
	},
	{
		// Events that the client raises carry its own name.
		Name: "host/usual/client-event", Kinds: []string{string(ingest.KindLogCCM)},
		Literals: []string{`MachineName = "`}, Pattern: `MachineName = "(?P<host>[^"\s\\/]{1,63})";`,
	},
	{
		// An event names the computer that wrote it; a log of forwarded events has those of many. The label is the same in most languages of Windows.
		Name: "host/usual/event", Kinds: []string{string(ingest.KindLogEvents)},
		Literals: []string{"<Computer>"}, Pattern: `<Computer>(?P<host>[^\s<\\/]{1,63})\s*</Computer>`,
	},
	{
		Name: "host/usual/event-label", Kinds: []string{string(ingest.KindLogEvents)},
		Literals: []string{"Computer:"}, Pattern: `(?m)^\s*Computer:\s+(?P<host>[^\s<\\/]{1,63})\s*$`,
	},
}

// hostSignal says what a signal of hostSignals claims; false for every other signal.
func hostSignal(name string) (hostClaim, bool) {
	if len(name) < 5 || name[:5] != "host/" {
		return 0, false
	}
	if name[5] == 'o' {
		return claimOwn, true
	}
	return claimUsual, true
}

// statedHost returns the computer name that the artifact states of itself, "" if it states none, and in order the names that
// contradict each other if it states several.
func (c *collected) statedHost() (string, []string) {
	var own, usual []string
	for name, claim := range c.hosts {
		if claim == claimOwn {
			own = append(own, name)
		} else {
			usual = append(usual, name)
		}
	}
	if own = distinct(own); len(own) > 1 {
		return "", own
	} else if len(own) == 1 {
		return own[0], nil
	}
	if usual = distinct(usual); len(usual) == 1 {
		return usual[0], nil
	}
	return "", nil
}

// distinct returns the names in order, of those that mean one computer the one that says most.
func distinct(names []string) []string {
	slices.Sort(names) // a name comes before the same name with its domain
	var out []string
	for _, n := range names {
		host, domain := cutDomain(n)
		i := slices.IndexFunc(out, func(o string) bool {
			h, d := cutDomain(o)
			return sameLabel(h, host) && (d == "" || domain == "" || d == domain)
		})
		switch {
		case i < 0:
			out = append(out, n)
		case len(n) > len(out[i]):
			out[i] = n
		}
	}
	return out
}

// computerName returns the name that a line states of a computer in upper case, "" for what names none: an address, and the words for
// the machine itself.
func computerName(b []byte) string {
	name := strings.ToUpper(string(b))
	if name == "." || name == "LOCALHOST" || strings.Contains(name, ":") ||
		strings.Contains(name, ".") && strings.Trim(name, "0123456789.") == "" {
		return ""
	}
	return name
}
