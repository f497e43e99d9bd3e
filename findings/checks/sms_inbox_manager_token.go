package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const inboxLockID = "sms-inbox-manager-token"

const lockName = "inboxlck.tok"

var tokenKinds = []string{string(ingest.KindLogSMS), string(ingest.KindLogText)}

// From Service Pack 2 on, the site's Inbox Manager puts a token file into each inbox of a client access point while it refreshes it, and clients keep out.
// A token that is not removed, because a client has a file open there, keeps them out for good. The client's log and the server's are of two
// computers, so the check sees all systems; they are joined by the inbox.
var smsInboxManagerToken = &findings.Check{
	ID:       inboxLockID,
	Title:    "Clients get no new files from a client access point: Inbox Manager's token is left in an inbox",
	Severity: findings.High,
	Product:  findings.Product{Name: "SMS 2.0 clients or site servers", Words: []string{"ccim32", "inboxmgr", "odpsys32", "odpusr32", "ms/sms/", "smslogon", "clicomp.box"}},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return readTokens(f).any() || tokenLog(f) != nil || len(listedTokens(f)) > 0
		},
		What: "Ccim32.log and the Odp*.log files of a client, and Inboxmgr.log of the site server",
		Why:  "the client's logs show that it met the token, the server's why it was not removed", Collect: inboxTokenLogs.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: inboxLockID + "/found", Kinds: tokenKinds, Literals: []string{"Inbox manager token file found", "Found Lock File '"},
			Pattern: `(?is)(?:token file found\s+\(|Found Lock File ')(?P<token>[^()']*?\\inboxlck\.tok)`,
		},
		{
			Name: inboxLockID + "/skipped", Kinds: tokenKinds, Literals: []string{"still in use by inbox manager", "CAP offer Inbox is not accessible or is locked"},
		},
		{
			Name: inboxLockID + "/violation", Kinds: tokenKinds, Literals: []string{"because of sharing violation"},
			Pattern: `(?s)Failed to copy\s+(?P<from>\S.*?)\s+to\s+(?P<to>\S.*?)\s+because of sharing violation`,
		},
		{
			Name: inboxLockID + "/copied", Kinds: tokenKinds, Literals: []string{`\inboxes\`},
			Pattern: `(?s)^\s*Copying\s+(?P<from>\S.*?\\inboxes\\.*?)\s+to\s+(?P<to>\S.*?),\s+OK\b`,
		},
	},
	Observe: &facts.Watch{
		Kinds: []ingest.Kind{ingest.KindLogSMS, ingest.KindLogText}, Only: true,
		New: func(*ingest.Artifact) facts.Observer { return &tokenObserver{} },
	},
	Doc: findings.Doc{
		Cause: "Inbox Manager could not replace a file of the inbox because a client has it open, or could not delete its token because a client was looking at it. While the token is there clients process no offers from that client access point and do not upgrade the component; their component stays \"Repair Pending\" or \"Install Pending\".",
		Remedy: []string{
			"Stop SMS_INBOX_MANAGER on the site server with SMS Service Manager.",
			"On each client access point that shows it, close all open files below the inbox (Computer Management, Open Files; on NT 4.0 Server Manager).",
			"Start SMS_INBOX_MANAGER and see in Inboxmgr.log that the file is copied (\"…, OK\") and that the token is gone from the inbox.",
			"Bring the site to Service Pack 4: with it Inbox Manager tries ten times to delete the token, and clients no longer open it.",
		},
		Risk:      "Closing open files ends what clients are reading at the moment; they try again. Deleting the token by hand while Inbox Manager works lets clients read half a refresh.",
		Undo:      "There is nothing to take back: Inbox Manager makes and removes the token itself.",
		Cured:     "Inboxmgr.log of the next upload shows the file copied with OK, and the client's log no \"token file found\" after it.",
		Overturns: "A copy of the same file with OK after the last sharing violation, or an inbox without the token.",
		Proves: []string{
			"A client met the token in an inbox and gave up, and the site server's Inbox Manager fails with a sharing violation on a file of the same inbox without copying it later.",
			"A client met the token in an inbox and gave up, and a listing shows the token in the same inbox.",
		},
		Suggests: []string{
			"The client's lines alone: a token that is there for the seconds of a refresh is normal.",
			"The server's sharing violation alone, or a listing with the token alone.",
		},
		Exonerates:     []string{"The file was copied with OK after the last sharing violation.", "The logs of client or Inbox Manager are there and speak of no token."},
		FalsePositives: "A client that runs during a refresh meets the token once, waits and goes on.",
		NotCovered:     "Which client holds the file open: only the client access point's list of open files tells.",
		References: []findings.Reference{
			{Title: "Q322967: the software distribution component may not be upgraded", URL: "https://jeffpar.github.io/kbarchive/kb/322/Q322967/"},
			{Title: "Q275617: Inbox Manager can't remove Inboxlck.tok", URL: "https://jeffpar.github.io/kbarchive/kb/275/Q275617/"},
		},
	},
	RunAll: runInboxToken,
}

var inboxTokenLogs = findings.Missing{
	What: "Inboxmgr.log of the site server and a listing of the client access point", Why: "they show whether the token stays and what Inbox Manager fails on",
	Collect: `on the site server: \SMS\Logs\Inboxmgr.log and Inboxmgr.lo_
on the client access point: dir /a /s "CAP_XXX\inboxlck.tok" > "%PUBLIC%\tokens.txt" (on the drive that holds the folder CAP_XXX)
on a client: the folder %windir%\MS\SMS\Logs`,
}

// tokenSeen is how often something was seen of one path.
type tokenSeen struct {
	path  string // as written
	count int
	last  *facts.Match
	gave  *facts.Match // of a token: the client gave up on its inbox
}

// tokenLogState is what one log, or the logs of one system one after the other, tell.
type tokenLogState struct {
	found    []tokenSeen
	failures []tokenSeen // targets that were not copied since
	copied   []tokenSeen // targets that were copied after a failure
}

func (s tokenLogState) any() bool {
	return len(s.found)+len(s.failures)+len(s.copied) > 0
}

// maxTokenPaths bounds what is kept of one log.
const maxTokenPaths = 200

type tokenObserver struct {
	log tokenLogState
	met string // the token that was met last
}

// See implements facts.Observer.
func (o *tokenObserver) See(s *facts.Sight) {
	if h := s.Hit(inboxLockID + "/found"); h != nil {
		o.met = string(h.Capture("token"))
		note(&o.log.found, o.met, s)
	}
	if i := seenAt(o.log.found, o.met); i >= 0 && s.Hit(inboxLockID+"/skipped") != nil {
		o.log.found[i].gave = s.Keep()
	}
	if h := s.Hit(inboxLockID + "/violation"); h != nil {
		to := string(h.Capture("to"))
		o.log.copied = without(o.log.copied, to)
		note(&o.log.failures, to, s)
	}
	if h := s.Hit(inboxLockID + "/copied"); h != nil {
		if to := string(h.Capture("to")); seenAt(o.log.failures, to) >= 0 {
			o.log.failures = without(o.log.failures, to)
			note(&o.log.copied, to, s)
		}
	}
}

// End implements facts.Observer.
func (o *tokenObserver) End() any {
	if !o.log.any() {
		return nil
	}
	return &o.log
}

func seenAt(list []tokenSeen, p string) int {
	return slices.IndexFunc(list, func(t tokenSeen) bool { return strings.EqualFold(t.path, p) })
}

// note counts a path that lies in an inbox of a client access point.
func note(list *[]tokenSeen, p string, s *facts.Sight) {
	i := seenAt(*list, p)
	if i < 0 {
		if _, _, ok := inboxOf(p); !ok || len(*list) == maxTokenPaths {
			return
		}
		i = len(*list)
		*list = append(*list, tokenSeen{path: p})
	}
	(*list)[i].count++
	(*list)[i].last = s.Keep()
}

func without(list []tokenSeen, p string) []tokenSeen {
	return slices.DeleteFunc(list, func(t tokenSeen) bool { return strings.EqualFold(t.path, p) })
}

// readTokens joins what the logs of a system tell, the files of one log in their order.
func readTokens(f *facts.Facts) tokenLogState {
	var all tokenLogState
	for _, l := range facts.Observed[*tokenLogState](f, inboxLockID) {
		all.found = append(all.found, l.Value.found...)
		for _, t := range l.Value.failures {
			all.copied = without(all.copied, t.path)
			all.failures = append(without(all.failures, t.path), t)
		}
		for _, t := range l.Value.copied {
			all.failures = without(all.failures, t.path)
			all.copied = append(without(all.copied, t.path), t)
		}
	}
	return all
}

var tokenLogName = regexp.MustCompile(`(?i)^(?:.*[-_ ])?(?:ccim32|inboxmgr|odp(?:sys|usr|wnt)\w*)\.lo[g_]`)

// tokenLog returns a log that would speak of a token, nil if the system has none.
func tokenLog(f *facts.Facts) *ingest.Artifact {
	for _, a := range f.Artifacts {
		if a.Records > 0 && tokenLogName.MatchString(path.Base(a.Path)) {
			return a
		}
	}
	return nil
}

// inboxOf is the inbox of a file: its folder from that of the client access point on; server is the computer that a UNC path
// names, "" for a local path. ok is false if the path lies in no client access point.
func inboxOf(p string) (inbox, server string, ok bool) {
	p = strings.ReplaceAll(strings.TrimSpace(p), "/", `\`)
	parts := strings.FieldsFunc(p, func(r rune) bool { return r == '\\' || r == '\n' || r == '\r' })
	for i, part := range parts {
		if len(part) == len("CAP_XXX") && strings.EqualFold(part[:4], "CAP_") && i+1 < len(parts) {
			if strings.HasPrefix(p, `\\`) && i > 0 {
				server = strings.ToUpper(parts[0])
			}
			return strings.Join(parts[i:len(parts)-1], `\`), server, true
		}
	}
	return "", "", false
}

// listedToken is a token that a listing shows in an inbox.
type listedToken struct {
	inbox, server string
	evidence      findings.Evidence
}

func listedTokens(f *facts.Facts) []listedToken {
	var out []listedToken
	for _, l := range facts.Values[*extract.Listing](f) {
		for _, folder := range l.Value.Folders {
			e := folder.Find(lockName)
			if e == nil {
				continue
			}
			if inbox, server, ok := inboxOf(folder.Join(e.Name)); ok {
				out = append(out, listedToken{inbox, server, findings.FromLine(f, l.Artifact.Path, e.Line, findings.Supports, "the token lies in the inbox")})
			}
		}
	}
	return out
}

// heldInbox is an inbox with all that the systems tell of it.
type heldInbox struct {
	name, server string
	shown        string         // the name as it was written first
	clients      []*facts.Match // the client met the token there
	met          int
	skipped      *facts.Match // and gave up
	failed       *facts.Match // the server could not replace a file there
	failures     int
	copied       *facts.Match
	listed       []findings.Evidence // the token in a listing
}

func runInboxToken(all []*facts.Facts) ([]findings.Finding, error) {
	var inboxes []*heldInbox
	// at returns the inbox to which a path below a client access point belongs; a path of a server's copy may lie deeper.
	at := func(shown, server string) *heldInbox {
		inbox := strings.ToLower(shown)
		for _, h := range inboxes {
			within := h.name == inbox || strings.HasPrefix(inbox, h.name+`\`)
			if within && (h.server == "" || server == "" || sameServer(h.server, server)) {
				if h.server == "" {
					h.server = server
				}
				return h
			}
		}
		h := &heldInbox{name: inbox, server: server, shown: shown}
		inboxes = append(inboxes, h)
		return h
	}
	states := make([]tokenLogState, len(all))
	for i, f := range all {
		states[i] = readTokens(f)
		for _, t := range states[i].found {
			if inbox, server, ok := inboxOf(t.path); ok {
				h := at(inbox, server)
				h.met += t.count
				h.clients = append(h.clients, t.last)
				if t.gave != nil {
					h.skipped = t.gave
				}
			}
		}
	}
	for _, f := range all {
		for _, t := range listedTokens(f) {
			h := at(t.inbox, serverOf(f, t.server))
			h.listed = append(h.listed, t.evidence)
		}
	}
	for i, f := range all {
		for _, t := range states[i].failures {
			if inbox, server, ok := inboxOf(t.path); ok {
				h := at(inbox, serverOf(f, server))
				h.failed, h.failures = t.last, h.failures+t.count
			}
		}
		for _, t := range states[i].copied {
			if inbox, server, ok := inboxOf(t.path); ok {
				h := at(inbox, serverOf(f, server))
				h.copied = t.last
			}
		}
	}
	var out []findings.Finding
	for _, h := range inboxes {
		out = append(out, h.finding())
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, f := range all {
		log := tokenLog(f)
		if log == nil {
			continue
		}
		out = append(out, findings.Finding{
			Verdict: findings.RuledOut, System: f.ID,
			Summary:  "The logs in which an SMS 2.0 client or Inbox Manager would speak of a token are in the bundle and name none, and no copy into an inbox failed with a sharing violation.",
			Evidence: []findings.Evidence{findings.AbsentLine(log.Path, findings.Contradicts, "no line about a token or a sharing violation")},
		})
	}
	return out, nil
}

// serverOf is the computer that holds a local path of a system.
func serverOf(f *facts.Facts, server string) string {
	if server != "" {
		return server
	}
	return f.Host
}

// sameServer compares computer names, one of which may have a domain.
func sameServer(a, b string) bool {
	a, _, _ = strings.Cut(a, ".")
	b, _, _ = strings.Cut(b, ".")
	return strings.EqualFold(a, b)
}

func (h *heldInbox) finding() findings.Finding {
	subject := h.shown
	if h.server != "" {
		subject = `\\` + h.server + `\` + h.shown
	}
	out := findings.Finding{Subject: subject, Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active}
	if h.copied != nil && h.failed == nil {
		return findings.Finding{
			Verdict: findings.RuledOut, Title: "Inbox Manager could refresh " + subject + " in the end",
			Summary:  fmt.Sprintf("Inbox Manager failed on a file of %s with a sharing violation and has copied the same file since.", subject),
			Evidence: []findings.Evidence{findings.FromMatch(*h.copied, findings.Contradicts, "the file was copied after the last sharing violation")},
		}
	}
	var says []string
	if len(h.clients) > 0 {
		what := "met the token " + count(h.met, "time")
		if h.skipped != nil {
			what += " and gave up"
			out.Evidence = append(out.Evidence, findings.FromMatch(*h.skipped, findings.Supports, "the client gives up on the inbox"))
		}
		says = append(says, "a client "+what)
		for _, m := range h.clients[:min(3, len(h.clients))] {
			out.Evidence = append(out.Evidence, findings.FromMatch(*m, findings.Supports, "the client finds Inbox Manager's token"))
		}
	}
	if h.failed != nil {
		says = append(says, fmt.Sprintf("Inbox Manager failed on a file there with a sharing violation %s and has not copied it since", count(h.failures, "time")))
		out.Evidence = append(out.Evidence, findings.FromMatch(*h.failed, findings.Supports, "somebody has the file open, so that the refresh does not end"))
	}
	if len(h.listed) > 0 {
		says = append(says, "a listing shows the token there")
		out.Evidence = append(out.Evidence, h.listed[:min(2, len(h.listed))]...)
	}
	out.Title = "Clients get no new files from " + subject + ": Inbox Manager's token is left in it"
	out.Summary = upperFirst(strings.Join(says, "; ")) + "."
	if h.skipped != nil && (h.failed != nil || len(h.listed) > 0) {
		out.Verdict, out.Severity = findings.Confirmed, findings.High
		out.Summary += " The token is not removed, and clients process nothing from this inbox."
		out.Rivals = []findings.Rival{{Name: "Client and site are of different releases", Verdict: rivalOpen + "the same \"Repair Pending\" comes of it; sms-mixed-client-installation says what the versions tell. Where they are equal, the token explains it by itself."}}
		return out
	}
	if h.skipped == nil && h.failed == nil {
		out.Severity = findings.Low
	}
	out.Summary += " A token that is there for the seconds of a refresh is normal; that it stays is not shown."
	out.Missing = []findings.Missing{inboxTokenLogs}
	out.Rivals = []findings.Rival{{Name: "A refresh at that very moment", Verdict: rivalOpen + "nothing in the bundle excludes it."}}
	return out
}
