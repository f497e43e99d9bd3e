package checks

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

const retryID = "sms-remote-install-retry"

// A site whose Client Configuration Manager lacks the update of Q252717 or Q252718 does not see that a computer within its boundaries
// already has the client of a later release. The installation can't succeed, so that its request is tried every hour for seven days.
var smsRemoteInstallRetry = &findings.Check{
	ID:       retryID,
	Title:    "The site retries installations on computers whose SMS client is of a later release, which it can never do",
	Severity: findings.High,
	Product: findings.Product{
		Name: "an SMS 2.0 site server", Words: requestWords,
		Seen: func(f *facts.Facts) bool { return len(requestLogs(f)) > 0 || len(retryQueue(f)) > 0 },
	},
	Needs: []findings.Need{{
		// A client's logs alone don't show a request, but they lie with another computer and state its release.
		Met: func(f *facts.Facts) bool {
			return len(requestLogs(f)) > 0 || len(retryQueue(f)) > 0 || f.Matches(retryID+"/client-release").Any() || f.Matches(retryID+"/version").Any()
		},
		What: "Ccm.log of the site server and a listing of its Ccrretry.box", Why: "they show which requests are retried, and for how long",
		Collect: retryCollect,
	}},
	Signals: retrySignals(),
	Observe: &facts.Watch{
		Kinds: retryKinds(),
		New: func(*ingest.Artifact) facts.Observer {
			return &requestWatch{log: requestLog{hosts: map[string]*requests{}, ids: map[string]string{}}}
		},
	},
	Doc: findings.Doc{
		Cause:      "Sites of different releases share boundaries and use Remote Client Installation. The older site's Client Configuration Manager lacks the update that makes it look for files of a later release, so that it tries to install its own older client, fails, and puts the request back: every hour, for seven days, for each such client. This alone does not lead to a mixed installation, but it keeps the site server busy and leaves orphaned clients without advertisements.",
		Remedy:     smsRemoteInstallRetryRemedy,
		Risk:       "While SMS_CLIENT_CONFIG_MANAGER is stopped, or Ccm.dll renamed, the site installs no client remotely at all. With the files of Ccrretry.box also those requests are gone that were worth retrying, of computers that were only switched off.",
		Undo:       `Start SMS_CLIENT_CONFIG_MANAGER, give Ccm.dll its name back, and copy the kept .CCR files into \SMS\inboxes\ccr.box; without a copy a needed request comes again with the next discovery. The update is taken back with the files that it replaced: keep Ccm.dll and Ccmbtldr.exe.`,
		Cured:      "Ccm.log stores no request of these computers in the queue Retry for two hours, and a listing of Ccrretry.box shows no file.",
		Overturns:  "A Ccim32.log or a table of versions in which the computer has the site's own release or an older one; a Ccm.dll of 2.0.1380.1125 or 2.0.1239.64 or later on the site server, with which retries have another cause.",
		Proves:     []string{"The requests for a client are retried (Ccm.log stores or receives them at least twice in the queue Retry, or its file lies in Ccrretry.box), and the client's release is later than that of the site."},
		Suggests:   []string{"A retry queue alone: files in Ccrretry.box, or repeated retries, without the release of the client or of the site."},
		Exonerates: []string{"Ccm.log puts no request into the queue Retry, and Ccrretry.box is empty.", "The clients of the requests have the site's own release.", "The log is of a later product, whose Client Configuration Manager installs another client."},
		FalsePositives: "Computers that are switched off, refuse the account or share no admin$ fill the same queue. A laptop in travel mode is discarded and comes again. " +
			"Requests named HOST.DOM without .CCR are never retried (Q242926, Q265882) and lie there for ever.",
		NotCovered: "Whether the update is installed, unless the versions of Ccm.dll are in the bundle.",
		References: []findings.Reference{
			{Title: "KB 264630: SMS 2.0 SP1 and SP2 interoperability issues", URL: "https://jeffpar.github.io/kbarchive/kb/264/Q264630/"},
			{Title: "KB 252717: CCM avoids installation attempts on SP2 clients", URL: "https://jeffpar.github.io/kbarchive/kb/252/Q252717/"},
			{Title: "KB 262298: requests of the Client Configuration Manager", URL: "https://jeffpar.github.io/kbarchive/kb/262/Q262298/"},
			{Title: "KB 265882: requests without the extension .ccr", URL: "https://jeffpar.github.io/kbarchive/kb/265/Q265882/"},
		},
	},
	RunAll: runRetry,
}

// smsRemoteInstallRetryRemedy is the remedy of the check, for findings that say more before it.
var smsRemoteInstallRetryRemedy = []string{
	"Apply the update to the older site: Q252717 on SP1 (Ccm.dll and Ccmbtldr.exe 2.0.1380.1125 or later), Q252718 without a service pack (2.0.1239.64 or later).",
	"Stop SMS_CLIENT_CONFIG_MANAGER and delete all files in \\SMS\\inboxes\\ccrretry.box: what is in the queue is retried for its seven days even after the update. Keep a copy.",
	"Or upgrade the site to the later release, after which the installations succeed. Renaming Ccm.dll stops the retries at once.",
}

// requestWords stand in the paths of a site server's requests.
var requestWords = []string{"ccrretry", "ccr.box"}

const retryCollect = `\SMS\Logs\Ccm.log of the site server, and dir /a \SMS\inboxes\ccrretry.box > "%TEMP%\ccrretry.txt"`

// retryKinds are the kinds in which requests and releases are looked for.
func retryKinds() []ingest.Kind {
	kinds := []ingest.Kind{ingest.KindLogTable}
	for _, k := range smsTexts() {
		kinds = append(kinds, ingest.Kind(k))
	}
	return kinds
}

func retrySignals() []match.Signal {
	kinds := smsTexts()
	const request = `request:? "(?P<id>[^"]+)",?(?: for)? machine name:? "(?P<host>[^"]+)"`
	return []match.Signal{
		{
			Name: retryID + "/request", Kinds: kinds, Literals: []string{`Received request`, `Stored request`},
			Pattern: `(?i)\b(?:Received|Stored) ` + request + `,? (?:in|on) queue:? "(?P<queue>[^"]{1,40})"`,
		},
		{Name: retryID + "/completed", Kinds: kinds, Literals: []string{"Completed request"}, Pattern: `(?i)\bCompleted ` + request},
		{
			Name: retryID + "/no-share", Kinds: kinds, Literals: []string{"Failed to connect to \\\\"},
			Pattern: `(?i)Failed to connect to \\\\(?P<host>[^\\\s]+)\\(?:admin|ipc|[a-z])\$.*?\((?P<code>(?:0x)?[0-9a-f]+)\)`,
		},
		{
			Name: retryID + "/no-access", Kinds: kinds, Literals: []string{"Unable to access target machine for request"},
			Pattern: `(?i)Unable to access target machine for ` + request + `(?:,? error code:? (?P<code>\d+))?`,
		},
		{Name: retryID + "/travel", Kinds: kinds, Literals: []string{"Travel mode is turned ON"}},
		{Name: retryID + "/site", Kinds: kinds, Literals: []string{"STATMSG:"}, Pattern: `STATMSG:.*? SITE=(?P<site>[A-Za-z0-9]{3})\s`},
		// The client of SMS 2003 and later is installed by other programs.
		{Name: retryID + "/later-product", Kinds: kinds, Literals: []string{"ccmsetup", "MobileClient", "client.msi", "sp_CP_"}},
		{
			Name: retryID + "/client-release", Kinds: kinds,
			Literals: []string{"Client core file version (from cliver.exe) is ", "Current clibase version is ", "Base client files are version ", "(client release is "},
			Pattern:  `(?i)(?:Client core file version \(from cliver\.exe\) is|Current clibase version is|Base client files are version|\(client release is) (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			Name: retryID + "/cap-release", Kinds: kinds, Literals: []string{"The CAP base release (from "},
			Pattern: `(?i)The CAP base release \(from [^)]*?\\CAP_(?P<site>[A-Z0-9]{3})\b[^)]*\) is (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			// An inventory, a table of sites, or a note.
			Name: retryID + "/version", Kinds: append(plainTexts(), string(ingest.KindLogTable)),
			Literals: []string{"2.00.1239", "2.00.1380", "2.00.1493", "2.0.1239", "2.0.1380", "2.0.1493"},
			Pattern:  `\b2\.0{1,2}\.(?:1239|1380|1493)(?:\.\d+)?\b`,
		},
		{Name: retryID + "/ccr", Kinds: kinds, Literals: []string{"Machine Name"}, Pattern: `(?im)^\s*Machine Name\s*=\s*(?P<host>[^\s\\]+)`},
	}
}

// siteServer is one site's queue: its logs and folders.
type siteServer struct {
	facts *facts.Facts
	logs  []facts.Of[*requestLog]
	boxes []retryFolder
}

// siteServers tells the servers of a system apart: logs of requests in different folders of what belongs to no one computer.
func siteServers(f *facts.Facts) []siteServer {
	logs, boxes := requestLogs(f), retryQueue(f)
	var dirs []string
	for _, l := range logs {
		if d := path.Dir(l.Artifact.Path); !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	if f.ID != "" || len(dirs) <= 1 {
		if len(logs)+len(boxes) == 0 {
			return nil
		}
		return []siteServer{{f, logs, boxes}}
	}
	var out []siteServer
	for _, d := range dirs {
		out = append(out, siteServer{facts: f, logs: slices.DeleteFunc(slices.Clone(logs), func(l facts.Of[*requestLog]) bool { return path.Dir(l.Artifact.Path) != d })})
	}
	if len(boxes) > 0 {
		out = append(out, siteServer{facts: f, boxes: boxes})
	}
	return out
}

// release returns the release that a server's site runs and its code, "" if that is not known.
func (s siteServer) release(known stated) (releaseSeen, string, bool) {
	var codes []string
	id, idErr := s.facts.Registry.Value(`SOFTWARE\Microsoft\SMS\Identification`, "Site Code")
	if idErr == nil {
		codes = append(codes, strings.ToUpper(id.Value.String()))
	}
	if v, err := s.facts.Registry.Value(`SOFTWARE\Microsoft\SMS\Setup`, "Full Version"); err == nil {
		if r, ok := parseSMSRelease(v.Value.String()); ok {
			return releaseSeen{r, findings.FromValue(v, findings.Supports, "the release of the site that retries")}, strings.Join(codes, ""), true
		}
	}
	var names []string
	for _, l := range s.logs {
		codes = append(codes, l.Value.sites...)
		names = append(names, strings.Split(strings.ToUpper(path.Dir(l.Artifact.Path)), "/")...)
	}
	for _, b := range s.boxes {
		names = append(names, strings.Split(strings.ToUpper(path.Dir(b.artifact)), "/")...)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	if len(codes) == 1 {
		r, ok := known.sites[codes[0]]
		return r, codes[0], ok
	}
	if len(codes) > 1 {
		return releaseSeen{}, "", false // status messages of several sites, so that the log does not say whose it is
	}
	// A folder named for the site or for its server tells it too.
	for _, n := range names {
		for _, word := range append([]string{n}, folderWord.Split(n, -1)...) {
			if r, ok := known.sites[word]; ok && siteCode.MatchString(word) {
				return r, word, true
			}
		}
	}
	for _, n := range append(names, s.facts.Host) {
		if slices.Contains(plainFolders, n) {
			continue
		}
		var of []versionRow
		for _, row := range known.rows {
			if slices.Contains(row.words, n) {
				of = append(of, row)
			}
		}
		if len(of) == 1 {
			if r, ok := parseSMSRelease(smsVersion.FindString(of[0].line.Quote)); ok {
				return releaseSeen{r, findings.FromMatch(*of[0].line, findings.Supports, "the release of the site of "+n)}, "", true
			}
		}
	}
	// A bundle that names one site only is of that site.
	if len(codes) == 0 && len(known.sites) == 1 {
		for code, r := range known.sites {
			r.evidence.Note += ", the only one that the bundle names"
			return r, code, true
		}
	}
	return releaseSeen{}, "", false
}

// plainFolders are names of folders that also stand in sentences about sites, and name no server.
var plainFolders = []string{"", ".", "SMS", "LOGS", "LOG", "SITE", "SITES", "SERVER", "SERVERS", "CLIENT", "CLIENTS", "PRIMARY", "SECONDARY", "CENTRAL", "INBOXES", "DATA"}

var folderWord = regexp.MustCompile(`[^A-Z0-9]+`)

// retriedHost is a computer whose requests a server retries.
type retriedHost struct {
	requests
	files   []queued
	release releaseSeen
	known   bool // release is
	unnamed bool // host is the name of a request's file, and nothing shows that it is a computer's
}

// called is how the computer is called in a list.
func (h retriedHost) called() string {
	if h.unnamed {
		return "an unnamed computer (request " + h.host + ")"
	}
	return h.host
}

// hosts are the computers whose requests are retried, those of later releases first as they stand, in the order of their names.
func (s siteServer) hosts(known stated) []retriedHost {
	ids := map[string]string{}
	byName := map[string]*retriedHost{}
	get := func(name string) *retriedHost {
		key := hostKey(name)
		if byName[key] == nil {
			byName[key] = &retriedHost{requests: requests{host: name}}
		}
		return byName[key]
	}
	for _, l := range s.logs {
		if l.Value.later != nil {
			continue
		}
		maps.Copy(ids, l.Value.ids)
		for _, key := range slices.Sorted(maps.Keys(l.Value.hosts)) {
			r := l.Value.hosts[key]
			if r.retried == 0 {
				continue
			}
			h := get(r.host)
			if h.retried == 0 {
				h.requests = *r
				continue
			}
			h.retried += r.retried
			h.refused += r.refused
			h.refusal = cmp.Or(r.refusal, h.refusal)
			h.completed = cmp.Or(r.completed, h.completed)
			h.code = cmp.Or(r.code, h.code)
			if s.facts.Later(*r.last, *h.last) {
				h.last = r.last
			} else {
				h.first = r.first
			}
		}
	}
	for _, b := range s.boxes {
		for _, q := range b.files {
			name := q.host
			if of, ok := ids[strings.ToUpper(q.host)]; ok && q.bare {
				name, q.bare = of, false
			}
			h := get(name)
			h.files = append(h.files, q)
		}
	}
	var out []retriedHost
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		h := *byName[key]
		h.release, h.known = known.of(h.host)
		h.unnamed = !h.known && h.retried == 0 && !slices.ContainsFunc(h.files, func(q queued) bool { return !q.bare })
		out = append(out, h)
	}
	return out
}

// again reports whether the bundle shows that the requests are retried: twice in the log, or waiting in the queue by a name that is taken
// from it again.
func (h retriedHost) again() bool {
	return h.retried >= 2 || slices.ContainsFunc(h.files, func(q queued) bool { return !q.noSuffix })
}

// unreachable reports whether the attempts that the log shows all ended at the computer's administrative share.
func (h retriedHost) unreachable() bool { return h.refused > 0 && 2*h.refused >= h.retried }

// evidence is what shows the retries of one computer.
func (h retriedHost) evidence(role findings.Role) []findings.Evidence {
	var out []findings.Evidence
	if h.first != nil {
		note := "a request for " + h.host + " in the queue Retry"
		if h.retried > 1 {
			note = fmt.Sprintf("the first of %d lines of a request for %s in the queue Retry", h.retried, h.host)
		}
		out = append(out, findings.FromMatch(*h.first, role, note))
		if h.retried > 1 {
			out = append(out, findings.FromMatch(*h.last, role, "the last of them"))
		}
	}
	for _, q := range h.files[:min(len(h.files), 3)] {
		q.evidence.Role = role
		out = append(out, q.evidence)
	}
	return out
}

// how says in words how the requests are retried.
func (h retriedHost) how() string {
	var parts []string
	if h.retried > 0 {
		text := fmt.Sprintf("%s has the request for %s %s in its queue Retry", path.Base(h.first.Ref.Artifact), h.host, count(h.retried, "time"))
		a, ok := h.first.Time.Local()
		b, ok2 := h.last.Time.Local()
		if ok && ok2 && h.retried > 1 {
			text += fmt.Sprintf(", from %s to %s", a.Format(time.DateTime), b.Format(time.DateTime))
		}
		parts = append(parts, text)
	}
	if n := len(h.files); n > 0 {
		text := fmt.Sprintf("%s for %s %s in Ccrretry.box", count(n, "request"), h.host, plural(n, "lies", "lie"))
		if stale := countStale(h.files); stale > 0 {
			text += fmt.Sprintf(", %d of them older than seven days", stale)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func countStale(files []queued) int {
	n := 0
	for _, q := range files {
		if q.stale {
			n++
		}
	}
	return n
}

// maxRetryFindings bounds the findings on single computers of one server.
const maxRetryFindings = 20

func runRetry(all []*facts.Facts) ([]findings.Finding, error) {
	known := gatherStated(all)
	var out []findings.Finding
	for _, f := range all {
		for _, s := range siteServers(f) {
			out = append(out, judgeServer(s, known)...)
		}
	}
	if len(out) == 0 {
		reason := findings.ProductAbsent
		if slices.ContainsFunc(all, func(f *facts.Facts) bool { return f.Mentions(requestWords...) }) {
			reason = findings.DataMissing
		}
		out = []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: reason,
			Summary: "The bundle states releases of SMS 2.0, but holds no log of client configuration requests and no retry queue.",
			Missing: []findings.Missing{{What: "Ccm.log of the site server and a listing of its Ccrretry.box", Why: "they show which requests are retried, and for how long", Collect: retryCollect}},
		}}
	}
	return out, nil
}

// judgeServer gives the verdicts on one server's requests.
func judgeServer(s siteServer, known stated) []findings.Finding {
	site, code, siteKnown := s.release(known)
	var out []findings.Finding
	var open, same, ahead []retriedHost
	for _, h := range s.hosts(known) {
		switch {
		case !h.again() && h.retried == 0 && len(h.files) == 0:
		case h.known && siteKnown && h.release.compare(site.smsRelease) <= 0:
			same = append(same, h)
		case h.known && siteKnown && h.again():
			ahead = append(ahead, h)
		default:
			open = append(open, h)
		}
	}
	for _, h := range ahead[:min(len(ahead), maxRetryFindings)] {
		out = append(out, s.laterClient(h, site, code))
	}
	if len(ahead) > maxRetryFindings {
		rest := ahead[maxRetryFindings:]
		f := s.laterClient(rest[0], site, code)
		f.Subject = count(len(rest), "more computer")
		f.Title = fmt.Sprintf("Installations that can never succeed are retried on %s of a later release than the site", f.Subject)
		f.Summary += fmt.Sprintf(" It is the first of %s in the same state: %s.", f.Subject, hostNames(rest))
		out = append(out, f)
	}
	if len(open) > 0 {
		f := s.queueAlone(open, siteKnown, site, code)
		if !siteKnown && len(known.sites) > 1 {
			f.Missing[0] = findings.Missing{
				What: "the code of the site whose server wrote the log or holds the queue", Why: "the bundle states the releases of several sites, and not which of them retries",
				Collect: `on the site server: regedit /e "%TEMP%\sms.reg" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SMS" (it holds Identification\Site Code)`,
			}
		}
		out = append(out, f)
	}
	if len(out) > 0 {
		return out
	}
	f := findings.Finding{Verdict: findings.RuledOut, System: s.facts.ID}
	switch {
	case len(same) > 0:
		f.Summary = fmt.Sprintf("Requests are retried, but the computers that they are for have no later release than the site (%s): %s.", site.name(), hostNames(same))
		for _, h := range same[:min(len(same), 5)] {
			f.Evidence = append(f.Evidence, h.evidence(findings.Context)...)
			h.release.evidence.Role = findings.Contradicts
			f.Evidence = append(f.Evidence, h.release.evidence)
		}
		site.evidence.Role = findings.Contradicts
		f.Unmet = fmt.Sprintf("No computer whose request is retried has a later release than the site: %s has %s (%s).", same[0].host, same[0].release.name(), same[0].release.evidence.Place())
		f.Evidence = oncePlaced(append(f.Evidence, site.evidence))
		f.Evidence = append(f.Evidence, refusals(same)...)
	default:
		for _, l := range s.logs {
			if l.Value.later != nil {
				f.Evidence = append(f.Evidence, findings.FromMatch(*l.Value.later, findings.Contradicts, "the log is of SMS 2003 or later, which installs another client"))
			} else {
				f.Evidence = append(f.Evidence, findings.AbsentLine(l.Artifact.Path, findings.Contradicts, "no request in the queue Retry"))
			}
		}
		for _, b := range s.boxes {
			if b.complete {
				f.Evidence = append(f.Evidence, findings.FromLine(s.facts, b.artifact, b.line, findings.Contradicts, "the folder holds no request"))
			}
		}
		f.Summary = "No client configuration request of SMS 2.0 is retried."
		if len(f.Evidence) > 0 {
			f.Unmet = fmt.Sprintf("No request of SMS 2.0 is in the queue Retry (%s).", f.Evidence[0].Place())
		}
		if len(f.Evidence) == 0 {
			f.Verdict, f.Reason = findings.NotEvaluated, findings.DataMissing
			f.Summary = "The listing of the retry queue is not whole, and there is no log of requests."
			f.Missing = []findings.Missing{{What: "Ccm.log of the site server and a listing of its Ccrretry.box", Why: "they show which requests are retried, and for how long", Collect: retryCollect}}
		}
	}
	return []findings.Finding{f}
}

// laterClient is the finding on a computer that has a later release than the site that retries.
func (s siteServer) laterClient(h retriedHost, site releaseSeen, code string) findings.Finding {
	who := "The site"
	if code != "" {
		who = "Site " + code
	}
	f := findings.Finding{
		Verdict: findings.Confirmed, Subject: hostKey(h.host), System: s.facts.ID, State: findings.Active,
		Title: fmt.Sprintf("%s retries the installation of its %s client on %s, which has %s", who, site.name(), h.host, h.release.name()),
	}
	f.Evidence = append(h.evidence(findings.Supports), h.release.evidence, site.evidence)
	f.Summary = fmt.Sprintf("%s. %s has the client of %s (%s), and %s runs %s (%s): an older site can't install its client over a later one, and without its update it tries every hour for seven days.",
		h.how(), h.host, h.release.name(), h.release.text, strings.ToLower(who[:1])+who[1:], site.name(), site.text)
	f.Rivals = s.rivals([]retriedHost{h})
	f.Evidence = append(f.Evidence, refusals([]retriedHost{h})...)
	if h.unreachable() {
		f.Severity = findings.Medium
		f.Summary += " The attempts in the log end at the computer's administrative share, before any release is looked at: with the share open again they would fail for the release."
	}
	if h.completed != nil && h.last != nil && s.facts.Later(*h.completed, *h.last) {
		f.State = findings.Resolved
		f.Summary += " A later line completes the request, so that the retries are over."
		f.Evidence = append(f.Evidence, findings.FromMatch(*h.completed, findings.Contradicts, "the request was completed after its last retry"))
	}
	f.Evidence = oncePlaced(f.Evidence)
	return f
}

// queueAlone is the finding on computers of which a release is not known.
func (s siteServer) queueAlone(open []retriedHost, siteKnown bool, site releaseSeen, code string) findings.Finding {
	f := findings.Finding{Verdict: findings.Suspected, Severity: findings.Low, System: s.facts.ID, State: findings.Active}
	f.Subject = "the retry queue"
	if len(s.boxes) > 0 {
		f.Subject = s.boxes[0].path
	} else if len(s.logs) > 0 {
		f.Subject = s.logs[0].Artifact.Path
	}
	if code != "" {
		f.Subject = "the retry queue of site " + code
	}
	files, stale, bare, most, reached := 0, 0, 0, 0, false
	for _, h := range open {
		files += len(h.files)
		stale += countStale(h.files)
		for _, q := range h.files {
			if q.noSuffix {
				bare++
			}
		}
		most = max(most, h.retried)
		reached = reached || !h.unreachable()
	}
	if (stale > 0 || most >= 24 || len(open) >= 20) && reached {
		f.Severity = findings.Medium
	}
	f.Title = "Remote installations are retried again and again; whether the computers have a later release is not shown"
	f.Summary = fmt.Sprintf("Requests for %s wait for a retry or were retried: %s.", count(len(open), "computer"), hostNames(open))
	if files > 0 {
		f.Summary += " Ccrretry.box holds " + count(files, "request")
		if stale > 0 {
			f.Summary += fmt.Sprintf(", %d of them older than the seven days after which a retry ends", stale)
		}
		f.Summary += "."
	}
	if bare > 0 {
		f.Summary += fmt.Sprintf(" %s no extension .CCR, as happens with domain names of less than four characters: such requests are never retried and stay.", upperFirst(count(bare, "request"))+plural(bare, " has", " have"))
	}
	if siteKnown {
		f.Summary += fmt.Sprintf(" The site runs %s (%s).", site.name(), site.text)
		if slices.ContainsFunc(open, func(h retriedHost) bool { return !h.known }) {
			f.Summary += " The releases of these clients are not in the bundle."
		}
		site.evidence.Role = findings.Context
	}
	for _, h := range open[:min(len(open), 5)] {
		f.Evidence = append(f.Evidence, h.evidence(findings.Supports)...)
		if h.known {
			h.release.evidence.Role = findings.Context
			f.Evidence = append(f.Evidence, h.release.evidence)
		}
	}
	if siteKnown {
		f.Evidence = append(f.Evidence, site.evidence)
	}
	f.Evidence = oncePlaced(append(f.Evidence, refusals(open[:min(len(open), 5)])...))
	f.Rivals = s.rivals(open)
	f.Remedy = append([]string{"Find out first whether these computers have a later release (Ccim32.log of one of them) or can't be reached: only the former need the steps below."}, smsRemoteInstallRetryRemedy...)
	if stale > 0 {
		f.Remedy = append([]string{"Requests older than seven days are no longer retried: move them out of Ccrretry.box, and keep them."}, f.Remedy...)
	}
	first := open[0]
	for _, h := range open {
		if !h.unnamed && (first.unnamed || first.unreachable()) {
			first = h
		}
	}
	if !siteKnown {
		f.Missing = append(f.Missing, findings.Missing{
			What: "the release of the site", Why: "only clients of a later release than the site's can't be installed",
			Collect: `on the site server: regedit /e "%TEMP%\sms.reg" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SMS" (it holds Setup\Full Version and Identification\Site Code)`,
		})
	}
	switch {
	case first.unnamed:
		f.Missing = append(f.Missing, findings.Missing{
			What: "the files of Ccrretry.box", Why: "each names the computer that it is for", Collect: `copy \SMS\inboxes\ccrretry.box\*.* "%TEMP%\ccrretry\"`,
		})
	case !first.known:
		f.Missing = append(f.Missing, findings.Missing{
			What: "Ccim32.log of " + first.host, Why: "it states the release of the client against which the installation is retried",
			Collect: fmt.Sprintf(`\\%s\admin$\MS\SMS\Logs\Ccim32.log`, first.host),
		})
	}
	if len(s.logs) == 0 {
		f.Missing = append(f.Missing, findings.Missing{What: "Ccm.log of the site server", Why: "it shows how the attempts end", Collect: `\SMS\Logs\Ccm.log of the site server`})
	}
	if len(s.boxes) == 0 {
		f.Missing = append(f.Missing, findings.Missing{What: "a listing of Ccrretry.box", Why: "it shows how many requests wait, and for how long", Collect: `dir /a \SMS\inboxes\ccrretry.box > "%TEMP%\ccrretry.txt"`})
	}
	return f
}

// refusals is the evidence that attempts ended at the administrative share.
func refusals(list []retriedHost) []findings.Evidence {
	var out []findings.Evidence
	for _, h := range list {
		if h.refusal != nil && len(out) < 5 {
			note := "an attempt that ended at the administrative share"
			if h.code != 0 {
				note += fmt.Sprintf(": %d is %s", h.code, wincode.Name(h.code))
			}
			out = append(out, findings.FromMatch(*h.refusal, findings.Context, note))
		}
	}
	return out
}

// rivals are the other causes of retries, with what the log says of them.
func (s siteServer) rivals(list []retriedHost) []findings.Rival {
	var out []findings.Rival
	refused := 0
	var code uint32
	for _, h := range list {
		if h.refusal != nil {
			refused++
			code = cmp.Or(h.code, code)
		}
	}
	share := findings.Rival{Name: "The computers can't be reached over their administrative share", Verdict: rivalSilent + "the log shows no failure to connect to the share of these computers."}
	switch {
	case len(s.logs) == 0:
		share.Verdict = rivalOpen + "Ccm.log is not in the upload."
	case refused > 0 && code != 0:
		share.Verdict = rivalSupported + fmt.Sprintf("the log shows it for %s, with error %d (%s).", count(refused, "computer"), code, wincode.Name(code))
	case refused > 0:
		share.Verdict = rivalSupported + fmt.Sprintf("the log shows it for %s.", count(refused, "computer"))
	}
	out = append(out, share)
	for _, l := range s.logs {
		if l.Value.travel != nil {
			out = append(out, findings.Rival{Name: "The computers are laptops in travel mode (Q299772)", Verdict: rivalSupported + "the log discards requests for that reason; such a request comes again with each discovery, but not hourly."})
			break
		}
	}
	return out
}

// hostNames lists computers, the first five by name.
func hostNames(list []retriedHost) string {
	var names []string
	for _, h := range list[:min(len(list), 5)] {
		names = append(names, h.called())
	}
	if n := len(list) - len(names); n > 0 {
		return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}
