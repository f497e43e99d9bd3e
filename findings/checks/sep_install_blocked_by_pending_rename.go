package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/match"
)

const sepBlockedID = "sep-install-blocked-by-pending-rename"

// The installer of Endpoint Protection refuses to begin while Windows waits for a reboot. It looks into more places than Windows works
// off, the numbered control sets among them, so that a queue that a reboot never touches can block it for good.
var sepInstallBlocked = &findings.Check{
	ID:       sepBlockedID,
	Title:    "Endpoint Protection is not installed: its installer refuses while a restart is pending",
	Severity: findings.Medium,
	Product: findings.Product{
		Name: "Symantec Endpoint Protection", Words: []string{"symantec", "sep_inst", "sylink", "endpoint protection", "setaid"},
		Kinds: []ingest.Kind{ingest.KindLogSEP, ingest.KindSylink},
		Seen:  func(f *facts.Facts) bool { return len(sepPackages(f)) > 0 || len(sepRefusals(f)) > 0 },
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(sepRefusals(f)) > 0 || f.Has(ingest.KindLogSEP) || sepSeen(f) && (readQueue(f).known || len(blockers(f)) > 0)
		},
		What: sepLog.What, Why: "it shows whether the installer refused because of a pending reboot", Collect: sepLog.Collect,
	}},
	Signals: []match.Signal{
		{Name: sepBlockedID + "/condition", Kinds: installerLogs, Literals: []string{"(NOT MIGRATIONPENDINGREBOOT)"}},
		{
			Name: sepBlockedID + "/property", Kinds: installerLogs, Literals: []string{"MIGRATIONPENDINGREBOOT = 1", "MIGRATIONPENDINGREBOOT property. Its value is '1'"},
		},
		{Name: sepBlockedID + "/message", Kinds: installerLogs, Literals: []string{"pending system changes that require a reboot"}},
		{
			Name: sepBlockedID + "/returning", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning "}, Pattern: `MainEngineThread is returning (?P<code>-?\d+)`,
		},
		{
			// The engine gets to these actions only where the launch conditions hold. The names of actions are never translated.
			Name: sepBlockedID + "/beyond", Kinds: installerLogs,
			Literals: []string{"Doing action: CostInitialize", "Doing action: InstallInitialize", ": InstallInitialize.", ": InstallFinalize.", "Executing op: Header("},
		},
	},
	Observe: &facts.Watch{
		Kinds: []ingest.Kind{ingest.KindLogSEP, ingest.KindLogMSI}, Every: true, Only: true,
		New: func(*ingest.Artifact) facts.Observer { return &sepRefusalObserver{open: &sepRefusal{}} },
	},
	Doc: findings.Doc{
		Cause: "The package checks PendingFileRenameOperations in the current and in the numbered control sets, and Windows Update's RebootRequired key, before it changes anything. What it finds there makes its launch condition fail, and the installation ends with 1603 without having begun. A restart clears the current queue only; one in a control set that is not in use stays and blocks every further attempt.",
		Remedy: []string{
			"Restart the machine and run the installation again at once, before anything queues new file operations.",
			"If it refuses again, look which of the places still has an entry (this finding names those that the registry shows); a product that queues deletes at every start is to be stopped for the installation.",
			"For a queue in a control set that is not in use: export that Session Manager key, then delete its PendingFileRenameOperations value. Do the same with RebootRequired only when Windows Update really waits for nothing.",
		},
		Risk:      "Deleting the current queue leaves half-replaced files of the product that queued them; delete only what a restart does not clear.",
		Undo:      "Import the exported keys.",
		Cured:     "The next SEP_Inst.log passes its launch conditions and ends with 0 or 3010.",
		Overturns: "A SEP_Inst.log whose failing action is another than the launch conditions.",
		Proves: []string{
			"The installer's log has its launch condition (NOT MIGRATIONPENDINGREBOOT) as the message of a session that the engine ends with 1603, or says that pending system changes require a reboot.",
		},
		Suggests: []string{
			"The launch condition stands in a log that breaks off before the engine's last line.",
			"A queue in a place that the installer looks at, on a machine with Endpoint Protection, and no log of an installation: the next one will be refused.",
		},
		Exonerates: []string{"The installer's log goes on beyond its launch conditions, or the installation succeeds.", "None of the places holds anything."},
		FalsePositives: "A pending reboot is normal after an installation of Endpoint Protection itself. RebootRequired is a volatile key, which a hive file never has. " +
			"The entry of the same name in Control\\BackupRestore\\KeysNotToRestore is Windows' own on many machines.",
		NotCovered: "The manager's installer, and packages that were built with the check turned off.",
		References: []findings.Reference{
			{Title: "Broadcom 178159: pending system changes that require a reboot", URL: "https://knowledge.broadcom.com/external/article/178159/error-pending-system-changes-that-requir.html"},
			{Title: "MoveFileExW and PendingFileRenameOperations", URL: "https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-movefileexw"},
		},
	},
	Run: runSEPInstallBlocked,
}

// sepRefusal is what one session of the installation says of its launch conditions.
type sepRefusal struct {
	condition, property, message, returned *facts.Match
	beyond                                 *facts.Match // an action that comes after them
	code                                   int
}

func (s *sepRefusal) refused() bool { return s.message != nil || s.condition != nil }

// wentOn is the line that shows that the launch conditions of the session held, nil if none does.
func (s *sepRefusal) wentOn() *facts.Match {
	if s.returned != nil && (s.code == 0 || s.code == 3010 || s.code == 1641) {
		return s.returned
	}
	return s.beyond
}

// proven reports whether the session ended because of the refusal.
func (s *sepRefusal) proven() bool {
	const fatal = 1603
	return s.message != nil || s.condition != nil && s.returned != nil && s.code == fatal
}

// sepRefusalObserver follows the sessions of a log.
type sepRefusalObserver struct {
	open *sepRefusal
	done []*sepRefusal
}

// See implements facts.Observer.
func (o *sepRefusalObserver) See(s *facts.Sight) {
	if t := s.Record.Text; len(t) > 4 && string(t[:4]) == "=== " && o.open.returned != nil {
		o.close()
	}
	for i := range s.Hits {
		h := &s.Hits[i]
		to := map[string]**facts.Match{
			"condition": &o.open.condition, "property": &o.open.property, "message": &o.open.message, "returning": &o.open.returned, "beyond": &o.open.beyond,
		}[strings.TrimPrefix(h.Name, sepBlockedID+"/")]
		if to == nil {
			continue
		}
		if to == &o.open.returned {
			o.open.code, _ = strconv.Atoi(string(h.Capture("code"))) // the pattern has digits alone
		}
		*to = s.Keep()
	}
}

func (o *sepRefusalObserver) close() {
	if (o.open.refused() || o.open.returned != nil || o.open.beyond != nil) && len(o.done) < maxMSISessions {
		o.done = append(o.done, o.open)
	}
	o.open = &sepRefusal{}
}

// End implements facts.Observer.
func (o *sepRefusalObserver) End() any {
	if o.close(); len(o.done) == 0 {
		return nil
	}
	return o.done
}

// sepRefusals are the sessions of the logs in which an installer refused.
func sepRefusals(f *facts.Facts) []facts.Of[[]*sepRefusal] {
	return slices.DeleteFunc(facts.Observed[[]*sepRefusal](f, sepBlockedID), func(o facts.Of[[]*sepRefusal]) bool {
		return !slices.ContainsFunc(o.Value, (*sepRefusal).refused)
	})
}

// sepWentOn are the lines of Endpoint Protection's own logs that show that launch conditions held.
func sepWentOn(f *facts.Facts) []facts.Match {
	var out []facts.Match
	for _, o := range facts.Observed[[]*sepRefusal](f, sepBlockedID) {
		for _, s := range o.Value {
			if m := s.wentOn(); m != nil && o.Artifact.Kind == ingest.KindLogSEP {
				out = append(out, *m)
			}
		}
	}
	return out
}

func sepSeen(f *facts.Facts) bool {
	return len(sepPackages(f)) > 0 || f.Has(ingest.KindSylink) || f.Mentions("sep_inst", "symantec", "endpoint protection")
}

// blocker is an entry that the installer looks at.
type blocker struct {
	found hive.Found
	where string
	stale bool // in a control set that is not in use, which no restart clears
}

// blockers are the entries of the places that the installer looks at.
func blockers(f *facts.Facts) []blocker {
	var out []blocker
	sets, _ := f.Registry.ControlSets() // without one nothing is numbered
	q := readQueue(f)
	if len(q.pairs) > 0 {
		out = append(out, blocker{q.pairs[0].Found, "the current control set", false})
	}
	for n := 1; n <= 2; n++ {
		if n == sets.Used {
			continue
		}
		v, err := f.Registry.Value(fmt.Sprintf(`SYSTEM\ControlSet%03d\Control\Session Manager`, n), pendingValue)
		const empty = 4 // bytes: nothing but the end of a multi-string
		if err == nil && len(v.Value.Data) > empty && sets.Used != 0 {
			out = append(out, blocker{v, fmt.Sprintf("control set %d, which is not in use", n), true})
		}
	}
	for _, m := range f.Registry.RebootMarkers() {
		if m.Name == "RebootRequired" {
			out = append(out, blocker{m.Found, "Windows Update's RebootRequired", false})
		}
	}
	return out
}

func (b blocker) evidence(role findings.Role) findings.Evidence {
	note := "the installer looks here: " + b.where
	if b.found.Value.Name == "" {
		return findings.FromKey(b.found, role, note)
	}
	return findings.FromValue(b.found, role, note)
}

func runSEPInstallBlocked(f *facts.Facts) ([]findings.Finding, error) {
	subject := cmp.Or(f.Host, f.ID)
	found, went := blockers(f), sepWentOn(f)
	var last *sepRefusal
	var well *facts.Match // a later session that went through
	for _, o := range sepRefusals(f) {
		for _, s := range o.Value {
			switch {
			case s.refused():
				last, well = s, nil
			case s.returned != nil && (s.code == 0 || s.code == 3010) && last != nil:
				well = s.returned
			}
		}
	}
	switch {
	case last != nil:
		return []findings.Finding{sepRefused(f, subject, last, well, found)}, nil
	case len(went) > 0:
		out := findings.Finding{Verdict: findings.RuledOut, Severity: findings.Info, Title: "No installation of Endpoint Protection was refused because of a pending reboot"}
		log := went[0].Ref.Artifact
		out.Evidence = []findings.Evidence{
			findings.FromMatch(went[0], findings.Contradicts, "the installation went on beyond its launch conditions"),
			findings.AbsentLine(log, findings.Contradicts, "no launch condition about a pending reboot failed"),
		}
		out.Summary = fmt.Sprintf("The installer's log %s goes on beyond the launch conditions, and none about a pending reboot failed.", log)
		out.Unmet = "No session of " + log + " shows the condition (NOT MIGRATIONPENDINGREBOOT)."
		return []findings.Finding{out}, nil
	case len(found) > 0:
		return []findings.Finding{sepWillRefuse(f, subject, found)}, nil
	}
	q := readQueue(f)
	if !q.known {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Missing: []findings.Missing{sepLog},
			Summary: "The log of Endpoint Protection's installer holds no failed launch condition and does not go on beyond the launch conditions, so that it does not show how they ended.",
		}}, nil
	}
	return []findings.Finding{{
		Verdict: findings.RuledOut, Severity: findings.Info, Title: "Nothing that the installer of Endpoint Protection looks at is pending",
		Summary:  "The registry queues no file operation in the control sets that it shows. RebootRequired is a volatile key, which a hive file never has.",
		Evidence: []findings.Evidence{q.absent(findings.Contradicts)},
	}}, nil
}

// sepRefused is the finding of a log in which the installer refused.
func sepRefused(f *facts.Facts, subject string, s *sepRefusal, well *facts.Match, found []blocker) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Confirmed, Severity: findings.Medium, State: findings.Unknown,
		Title: "The installer of Endpoint Protection refused because a reboot was pending",
	}
	for _, x := range []struct {
		m    *facts.Match
		note string
	}{
		{s.message, "the installer's own words"},
		{s.condition, "the launch condition that failed"},
		{s.property, "what the package's check found"},
		{s.returned, fmt.Sprintf("the engine's last line: %d", s.code)},
	} {
		if x.m != nil && (x.m != s.returned || s.code != 0) {
			out.Evidence = append(out.Evidence, findings.FromMatch(*x.m, findings.Supports, x.note))
		}
	}
	first := cmp.Or(s.message, s.condition)
	out.Subject = cmp.Or(subject, "the machine of "+first.Ref.Artifact)
	out.Summary = fmt.Sprintf("%s, line %d: the launch condition about a pending reboot failed", first.Ref.Artifact, first.Ref.Line)
	if s.returned != nil {
		out.Summary += fmt.Sprintf(", and the engine returned %d", s.code)
	}
	out.Summary += "."
	if !s.proven() {
		out.Verdict, out.Severity = findings.Suspected, findings.Low
		out.Title = "The installer of Endpoint Protection may have refused because a reboot was pending"
		out.Summary += " That the session ended for it the log does not show."
		out.Missing = append(out.Missing, sepLog)
	}
	stale := false
	for i, b := range found {
		stale = stale || b.stale
		if i < 3 {
			out.Evidence = append(out.Evidence, b.evidence(findings.Context))
		}
	}
	switch {
	case well != nil:
		out.State = findings.Resolved
		out.Evidence = append(out.Evidence, findings.FromMatch(*well, findings.Contradicts, "a later session of the same log ends well"))
		out.Summary += " A later session of the same log ends well."
	case stale:
		out.State, out.Severity = findings.Active, findings.High
		out.Summary += " The registry holds a queue in a control set that is not in use: no restart clears it, and the installer reads it too."
	case len(found) > 0:
		out.State = findings.Active
		out.Summary += fmt.Sprintf(" The registry still has an entry where the installer looks: %s.", found[0].where)
	case readQueue(f).known:
		out.Summary += " The registry that was sent queues nothing, so a restart has cleared it since, or it was Windows Update's volatile key."
	default:
		out.Missing = append(out.Missing, pendingRebootNeed.Missing())
	}
	out.Rivals = []findings.Rival{{Name: "Another action of the installation failed (msi-install-failed)", Verdict: rivalExcluded + "the launch conditions come first; nothing after them ran in this session."}}
	return out
}

// sepWillRefuse is the finding of a registry alone.
func sepWillRefuse(f *facts.Facts, subject string, found []blocker) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Info, State: findings.Predicted, Subject: cmp.Or(subject, "the machine of "+found[0].found.Source),
		Title:   "The next installation of Endpoint Protection will be refused until the machine is restarted",
		Summary: fmt.Sprintf("The installer looks at %s, and the registry has an entry there. No log of an installation is in the bundle.", found[0].where),
		Missing: []findings.Missing{sepLog},
	}
	for i, b := range found {
		if i < 3 {
			out.Evidence = append(out.Evidence, b.evidence(findings.Supports))
		}
		if b.stale {
			out.Severity = findings.Low
			out.Title = "A queue in a control set that is not in use will block every installation of Endpoint Protection"
			out.Summary = fmt.Sprintf("PendingFileRenameOperations stands in %s. No restart clears it, and the installer of Endpoint Protection looks there too.", b.where)
		}
	}
	return out
}
