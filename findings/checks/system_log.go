package checks

import "casebook/findings/facts"

// systemSources are writers of the System log whose events stand in it on nearly every machine.
var systemSources = []string{
	serviceManager, "eventlog", "kernel-general", "kernel-power", "windowsupdateclient", "windows update agent", "dhcp-client", "dhcp", "tcpip", "netbt", "w32time",
	"time-service", "browser", "ntfs", "userpnp", "grouppolicy", "dns-client", "netlogon", "print", "winlogon", "userenv",
}

// completeLog returns an event that shows that an artifact is a System log of more than one writer, so that what is not in it was not written; nil
// if it may be the events of one writer alone, as a filtered export has them. The artifact's observer was made with systemSources.
func completeLog(l *eventLog) *facts.Match {
	var shows *facts.Match
	for _, m := range l.shown {
		if shows == nil || m.Ref.Line < shows.Ref.Line {
			shows = m
		}
	}
	if len(l.shown) < 2 {
		return nil
	}
	return shows
}
