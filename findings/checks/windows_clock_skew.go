package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
)

const clockSkewID = "windows-clock-skew"

// skewLimit is the difference from which Kerberos refuses a ticket and SMS reports a client's clock.
const skewLimit = 5 * time.Minute

// Events of the time service and of the clock; sources and numbers are never translated.
const (
	timeDifference = 50 // the clocks differ by more than the time service may correct at once
	timeSynced     = 35 // the service now synchronizes with a source
	timeReceiving  = 37 // it receives usable time from a source
)

// A clock is wrong if the time in UTC is: a wrong zone alone moves what the clock shows and not UTC, and does no harm to Kerberos.
var windowsClockSkew = &findings.Check{
	ID:       clockSkewID,
	Title:    "A computer's clock is wrong, so logons and certificates are refused",
	Severity: findings.High,
	Product:  findings.Product{Name: "a sign of clocks that differ, or a System log in which one would stand"},
	Needs: []findings.Need{{
		Met:  func(f *facts.Facts) bool { return readSkew(f).any() },
		What: "the difference between the computer's clock and its domain controller's", Why: "it shows whether the clock is wrong now", Collect: clockChart.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: clockSkewID + "/1215", Kinds: []string{string(ingest.KindLogSMS), string(ingest.KindLogCCM)}, Literals: []string{"STATMSG: ID=1215 "},
			Pattern: `STATMSG: ID=1215 .*?\bSYS=(?P<sys>[^\s\\/]{1,63})`,
		},
		{
			Name: clockSkewID + "/status-message", Kinds: []string{string(ingest.KindLogSMS)}, Literals: []string{" GMTDATE="},
			Pattern: `STATMSG: ID=\d+ .*?\bSYS=(?P<sys>[^\s\\/]{1,63}) .*?\bGMTDATE=\w{3} (?P<gmt>\w{3} +\d{1,2} +\d{1,2}:\d{2}:\d{2}\.\d{1,3} \d{4})`,
		},
		{
			Name: clockSkewID + "/kerberos", Kinds: skewKinds, Literals: []string{"KRB_AP_ERR_SKEW"},
		},
		{
			Name: clockSkewID + "/status", Kinds: skewKinds,
			Literals: []string{"0x80090324", "SEC_E_TIME_SKEW", "0xC0000133", "STATUS_TIME_DIFFERENCE_AT_DC", "0x80070576", "(1398)", "rror 1398", "rror: 1398", "2148074276", "-2146893020", "2147943798", "-2147023498"},
			Pattern:  `(?i)(?P<code>0x80090324|SEC_E_TIME_SKEW|0xC0000133|STATUS_TIME_DIFFERENCE_AT_DC|0x80070576|\(1398\)|\berror:? 1398\b|\b2148074276\b|-2146893020\b|\b2147943798\b|-2147023498\b)`,
		},
		{
			// w32tm /stripchart; its letters are never translated.
			Name: clockSkewID + "/chart", Kinds: append(plainTexts(), string(ingest.KindLogText)), Literals: []string{" o:+", " o:-"},
			Pattern: `(?:^|\s)d:[+-]\d+[.,]\d+s\s+o:(?P<offset>[+-]\d+[.,]\d+)s`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			ids := []int{timeDifference, timeSynced, timeReceiving}
			return newEventObserver(map[string][]int{"w32time": ids, "time-service": ids}, systemSources...)
		},
	},
	Before: []findings.Precedence{{
		Over: []string{"configmgr-client-certificate", "configmgr-registration-rejected", "windows-rdp-key-unreadable", "wsus-client-unreachable"},
		Why:  "certificates that are made or checked by a wrong clock are not valid yet, or not any more",
	}},
	Doc: findings.Doc{
		Cause: "The computer's clock differs from that of the domain or the site by more than five minutes: the time service is stopped or has no source, a virtual machine takes its host's time, the battery of the board is empty, or somebody set the clock for another zone instead of the zone itself. Kerberos then refuses its tickets, and inventory, policies and certificates seem to come from another time.",
		Remedy: []string{
			"Compare first, with UTC and not with the wall clock: w32tm /stripchart /computer:DC /samples:3 on the client, and on the domain controller against its own source. The clock that is wrong may be the server's.",
			"Check the zone (tzutil /g; control timedate.cpl on older systems). A wrong zone is set right without touching the time.",
			"Let the time service follow the domain: w32tm /config /syncfromflags:domhier /update, net stop w32time, net start w32time, w32tm /resync /rediscover. On Windows 2000 and XP: net time /set /y in a domain.",
			"On a virtual machine choose one source: the host's integration or the domain, not both. If the clock is wrong again after each start, have the board's battery looked at.",
		},
		Risk:      "Setting a clock back makes records, databases and certificates seem to come from the future, and scheduled tasks run twice. On the domain controller that holds the PDC emulator the whole domain follows.",
		Undo:      "The former settings of the time service are those of reg export HKLM\\SYSTEM\\CurrentControlSet\\Services\\W32Time, made before. Time itself is not taken back.",
		Cured:     "w32tm /stripchart shows a difference of seconds, and no new Kerberos error 0x25 or status message 1215 follows.",
		Overturns: "A comparison from the same hour that shows a small difference, or lines of another computer.",
		Proves: []string{
			"Kerberos' KRB_AP_ERR_SKEW (0x25), SEC_E_TIME_SKEW (0x80090324), STATUS_TIME_DIFFERENCE_AT_DC (0xC0000133) or ERROR_TIME_SKEW (1398): two clocks differ by more than the domain allows.",
			"Status message 1215: the site has found a client's clock ahead of its own.",
			"A strip chart of w32tm with a difference of five minutes or more.",
		},
		Suggests: []string{
			"Event 50 of the time service.",
			"A status message that was sent, by its GMTDATE, more than five minutes after the log received it, by a difference that no time zones have.",
		},
		Exonerates:     []string{"A strip chart with a difference below five minutes.", "A System log of several writers without these errors, for the time that it covers.", "Times that differ by whole quarters of an hour: that is a zone."},
		FalsePositives: "A computer that wakes from a long sleep may be refused once and then corrects itself. An error names two clocks and not which one is wrong.",
		NotCovered:     "Clocks that differ by less than five minutes.",
		References: []findings.Reference{
			{Title: "Windows Time service tools and settings", URL: "https://learn.microsoft.com/en-us/windows-server/networking/windows-time-service/windows-time-service-tools-and-settings"},
			{Title: "Maximum tolerance for computer clock synchronization", URL: "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-10/security/threat-protection/security-policy-settings/maximum-tolerance-for-computer-clock-synchronization"},
			{Title: "System error codes: ERROR_TIME_SKEW", URL: "https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--1300-1699-"},
		},
	},
	Rests: func() findings.Traces {
		return findings.Traces{
			Signals: []string{clockSkewID + "/1215", clockSkewID + "/status-message", clockSkewID + "/kerberos", clockSkewID + "/status", clockSkewID + "/chart"},
			Texts:   []string{"w32time", "time-service"}, // the sources of the events
		}
	},
	Run: runClockSkew,
}

// skewKinds are the logs in which programs write the codes of a refused logon; other texts may list codes only to explain them.
var skewKinds = []string{
	string(ingest.KindLogEvents), string(ingest.KindLogText), string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogNetlogon), string(ingest.KindLogMSI),
	string(ingest.KindLogZENworks), string(ingest.KindLogWindowsUpdate), string(ingest.KindLogServicing), string(ingest.KindLogTable),
}

var clockChart = findings.Missing{
	What: "the difference between the computer's clock and its domain controller's", Why: "it shows which clock is wrong, and whether it still is",
	Collect: `(w32tm /stripchart /computer:%LOGONSERVER:\=% /samples:3 & w32tm /query /status & w32tm /tz) > "%PUBLIC%\clock.txt"`,
}

// skew is what a system tells of clocks.
type skew struct {
	refused    facts.Matches // errors by which a logon is refused
	kerberos   facts.Matches
	reported   facts.Matches // status message 1215
	ahead      []aheadMessage
	zones      []aheadMessage // ahead by whole quarters of an hour
	chart      []chartSample
	difference *eventGroup
	synced     *eventGroup
	system     *facts.Match // an event that shows that the System log is there
}

// aheadMessage is a status message from the future.
type aheadMessage struct {
	facts.Match
	by time.Duration
}

// chartSample is a line of w32tm's strip chart.
type chartSample struct {
	facts.Match
	offset time.Duration
}

func (s skew) any() bool {
	return s.refused.Any() || s.kerberos.Any() || s.reported.Any() || len(s.ahead) > 0 || len(s.chart) > 0 || s.difference != nil || s.system != nil
}

var blanks = regexp.MustCompile(` +`)

func readSkew(f *facts.Facts) skew {
	s := skew{refused: f.Matches(clockSkewID + "/status"), kerberos: f.Matches(clockSkewID + "/kerberos"), reported: f.Matches(clockSkewID + "/1215")}
	for _, m := range f.Matches(clockSkewID + "/status-message").Kept {
		sent, err := time.Parse("Jan 2 15:04:05 2006", blanks.ReplaceAllString(m.Capture("gmt"), " "))
		got, known := m.UTC()
		// Times that a status message itself has settled can't contradict it.
		if err != nil || !known || m.Time.Basis == ingest.BasisStatusMessage || m.Time.Basis == ingest.BasisRegistry {
			continue
		}
		by := sent.Sub(got)
		const quarter = 15 * time.Minute
		switch rest := (by + quarter/2) % quarter; {
		case by < skewLimit:
		case rest > quarter/2-time.Minute && rest < quarter/2+time.Minute && by < 27*time.Hour:
			s.zones = append(s.zones, aheadMessage{m, by})
		default:
			s.ahead = append(s.ahead, aheadMessage{m, by})
		}
	}
	for _, m := range f.Matches(clockSkewID + "/chart").Kept {
		if seconds, err := strconv.ParseFloat(strings.ReplaceAll(m.Capture("offset"), ",", "."), 64); err == nil {
			s.chart = append(s.chart, chartSample{m, time.Duration(seconds * float64(time.Second))})
		}
	}
	for _, l := range facts.Observed[*eventLog](f, clockSkewID) {
		if m := completeLog(l.Value); m != nil && s.system == nil {
			s.system = m
		}
		for _, g := range l.Value.groups {
			to := &s.synced
			if g.id == timeDifference {
				to = &s.difference
			}
			if *to == nil || !earlier(g.last.Time, (*to).last.Time) {
				*to = g
			}
		}
	}
	return s
}

func runClockSkew(f *facts.Facts) ([]findings.Finding, error) {
	s := readSkew(f)
	out := findings.Finding{Subject: f.ID, State: findings.Unknown}
	var says []string
	worst := chartSample{}
	for _, c := range s.chart {
		if c.offset.Abs() >= worst.offset.Abs() {
			worst = c
		}
	}
	for _, x := range []struct {
		seen     facts.Matches
		severity findings.Severity
		title    string
		says     string
		note     string
	}{
		{s.refused, findings.High, "Logons are refused because two clocks differ", "logons are refused because two clocks differ by more than five minutes", "refused: the clocks of the two computers differ by more than allowed"},
		{s.reported, findings.Medium, "A client's clock is ahead of the site server's", "the site reports that a client's clock is ahead of its own (status message 1215)", "status message 1215: the client's clock is ahead of the site server's"},
		{s.kerberos, findings.Medium, "Kerberos refuses tickets because two clocks differ", "Kerberos refuses tickets with KRB_AP_ERR_SKEW (0x25)", "0x25: the clocks differ by more than the domain allows"},
	} {
		m, ok := x.seen.Last()
		if !ok {
			continue
		}
		out.Verdict = findings.Confirmed
		out.Severity, out.Title = cmp.Or(out.Severity, x.severity), cmp.Or(out.Title, x.title)
		if host := m.Capture("sys"); host != "" {
			out.Subject = strings.ToUpper(host)
		}
		says = append(says, fmt.Sprintf("%s, %s in the log", x.says, count(x.seen.Count, "time")))
		if first, _ := x.seen.First(); first.Ref != m.Ref {
			out.Evidence = append(out.Evidence, findings.FromMatch(first, findings.Supports, x.note))
		}
		out.Evidence = append(out.Evidence, findings.FromMatch(m, findings.Supports, x.note))
	}
	if len(s.chart) > 0 && worst.offset.Abs() >= skewLimit {
		out.Verdict = findings.Confirmed
		out.Severity, out.State = findings.High, findings.Active
		out.Title = fmt.Sprintf("The clock differs by %s from the one that it was compared with; domains refuse logons from five minutes on", worst.offset.Abs().Round(time.Second))
		says = append(says, fmt.Sprintf("the strip chart of w32tm shows a difference of %s", worst.offset.Round(time.Second)))
		out.Evidence = append(out.Evidence, findings.FromMatch(worst.Match, findings.Supports, "the difference between the two clocks"))
	}
	if out.Verdict == "" {
		return []findings.Finding{suspectedSkew(f, s, worst)}, nil
	}
	out.Summary = upperFirst(strings.Join(says, "; ")) + "."
	switch {
	case out.State == findings.Active:
	case len(s.chart) > 0:
		out.Summary += fmt.Sprintf(" By the strip chart the clocks agree (%s); whether it was made later is not shown.", worst.offset.Round(time.Millisecond))
		out.Evidence = append(out.Evidence, findings.FromMatch(worst.Match, findings.Contradicts, "the clocks agree"))
	case s.synced != nil && len(out.Evidence) > 0 && afterAll(s):
		out.State = findings.Resolved
		out.Summary += " The time service synchronized with a source after the last of them."
		out.Evidence = append(out.Evidence, findings.FromMatch(*s.synced.last, findings.Contradicts, "the time service has a source"))
	default:
		out.Summary += " Which of the two clocks is wrong, and whether it still is, the bundle does not show."
		out.Missing = []findings.Missing{clockChart}
	}
	if s.difference != nil {
		out.Evidence = append(out.Evidence, findings.FromMatch(*s.difference.last, findings.Context, "event 50: the time service sees the difference too"))
	}
	out.Rivals = []findings.Rival{zoneRival(s)}
	return []findings.Finding{out}, nil
}

// afterAll reports whether the time service had a source after the last refusal, as far as the logs' own clocks tell.
func afterAll(s skew) bool {
	return !slices.ContainsFunc([]facts.Matches{s.refused, s.kerberos, s.reported}, func(m facts.Matches) bool {
		last, ok := m.Last()
		return ok && !clockedLater(*s.synced.last, last)
	})
}

// clockedLater reports whether a is later than b by the clocks of their logs. Exports of events may have the newest first, so their order tells nothing.
func clockedLater(a, b facts.Match) bool {
	return a.Time.Zone != ingest.ZoneNone && b.Time.Zone != ingest.ZoneNone && earlier(b.Time, a.Time)
}

// zoneRival says what the bundle tells of a wrong zone.
func zoneRival(s skew) findings.Rival {
	r := findings.Rival{Name: "A wrong time zone", Verdict: rivalExcluded + "a wrong zone alone leaves UTC right and gives none of these errors; it does if the clock was set to fit the wrong zone."}
	if len(s.zones) > 0 {
		r.Verdict = rivalSupported + fmt.Sprintf("a status message in %s, line %d, is ahead by %s, which is a zone's difference: a zone is wrong too.", s.zones[0].Ref.Artifact, s.zones[0].Ref.Line, s.zones[0].by.Round(time.Minute))
	}
	return r
}

// suspectedSkew is the finding of a system without proof.
func suspectedSkew(f *facts.Facts, s skew, worst chartSample) findings.Finding {
	out := findings.Finding{Subject: f.ID, Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Unknown, Rivals: []findings.Rival{zoneRival(s)}}
	switch {
	case len(s.chart) > 0:
		return findings.Finding{
			Verdict:  findings.RuledOut,
			Summary:  fmt.Sprintf("The strip chart of w32tm shows a difference of %s between the clocks, less than the five minutes that matter.", worst.offset.Round(time.Millisecond)),
			Evidence: []findings.Evidence{findings.FromMatch(worst.Match, findings.Contradicts, "the clocks agree")},
		}
	case len(s.ahead) > 0:
		m := s.ahead[len(s.ahead)-1]
		out.Subject = strings.ToUpper(m.Capture("sys"))
		out.Summary = fmt.Sprintf("A status message of %s was sent, by its own clock, %s after the log received it, which no pair of time zones explains.", out.Subject, m.by.Round(time.Second))
		out.Evidence = []findings.Evidence{findings.FromMatch(m.Match, findings.Supports, "sent "+m.by.Round(time.Second).String()+" after it was received: GMTDATE is UTC by the sender's clock")}
	case s.difference != nil:
		out.Summary = fmt.Sprintf("The time service has seen a difference that it may not correct at once (event %d, %s).", timeDifference, s.difference.span())
		out.Evidence = []findings.Evidence{findings.FromMatch(*s.difference.last, findings.Supports, "event 50 of the time service")}
		if s.synced != nil && clockedLater(*s.synced.last, *s.difference.last) {
			out.State, out.Severity = findings.Resolved, findings.Low
			out.Summary += " It has synchronized with a source since."
			out.Evidence = append(out.Evidence, findings.FromMatch(*s.synced.last, findings.Context, "the time service has a source"))
		}
	default:
		return findings.Finding{
			Verdict: findings.RuledOut,
			Summary: "The System log of the bundle holds no refusal because of different clocks and no event 50 of the time service, for the time that it covers.",
			Evidence: []findings.Evidence{
				findings.AbsentLine(s.system.Ref.Artifact, findings.Contradicts, "no Kerberos error 0x25 and no event 50 of the time service"),
				findings.FromMatch(*s.system, findings.Context, "an event of the System log, in which those would stand"),
			},
		}
	}
	out.Missing = []findings.Missing{clockChart}
	return out
}
