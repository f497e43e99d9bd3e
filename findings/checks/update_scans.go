package checks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

// The logs of the Windows Update agent and of ConfigMgr's handler of it tell how searches for updates (scans) ended, with which server, and
// which codes their single requests met. Several checks ask the same logs for different codes. WindowsUpdate.log and ConfigMgr's logs are never
// translated; of ReportingEvents.log the numbers of the events tell (147 a search ended well, 148 it failed).

// scanKinds are the kinds of those logs.
var scanKinds = []ingest.Kind{ingest.KindLogCCM, ingest.KindLogSMS, ingest.KindLogWindowsUpdate, ingest.KindLogReportingEvents}

// scanProduct shows the agent's logs.
var scanProduct = findings.Product{
	Name:  "a log of the Windows Update agent",
	Words: []string{"wuahandler", "windowsupdate.log", "windowsupdate_", "reportingevents", "scanagent"},
	Kinds: []ingest.Kind{ingest.KindLogWindowsUpdate, ingest.KindLogReportingEvents},
}

const scanLogs = `%windir%\WindowsUpdate.log (Windows 10 and later: powershell "Get-WindowsUpdateLog -LogPath $env:PUBLIC\WindowsUpdate.log"), %windir%\SoftwareDistribution\ReportingEvents.log, and with ConfigMgr WUAHandler.log of the client's logs`

// scanNeed is met where a search for updates has left a trace.
func scanNeed(id string) findings.Need {
	return findings.Need{
		Met:  func(f *facts.Facts) bool { return len(facts.Observed[*scanLog](f, id)) > 0 },
		What: "the logs of the Windows Update agent with a search for updates", Why: "they show how the search ended and with which code",
		Collect: scanLogs,
	}
}

// scanSignals are the lines that tell of searches, and those that hold one of the codes.
func scanSignals(id string, codes []uint32) []match.Signal {
	ccm := []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogWindowsUpdate)}
	literals, pattern := codeForms(codes)
	return []match.Signal{
		{
			Name: id + "/ended", Kinds: ccm,
			Literals: []string{"Exit code = 0x", "Scan failed with error", "Failed to end search job", "Search callback failed", "failed Searching for update", "self-update check returned"},
			Pattern:  `(?:Exit code = |[Ss]can [Ff]ailed with [Ee]rror ?= ?|[Ff]ailed to end search job\. Error = ?|[Ss]earch callback failed, result = ?|failed [Ss]earching for update with error |self-update check returned )(?:0[xX])?(?P<code>[0-9a-fA-F]{8})\b`,
		},
		{
			Name: id + "/well", Kinds: ccm,
			Literals: []string{"categories in search", "Successfully completed scan", "Scan completed successfully", "updates detected"},
			Pattern:  `Found \d+ updates and \d+ categories in search|Successfully completed scan|Scan completed successfully|# \d+ updates detected`,
		},
		{
			Name: id + "/event", Kinds: []string{string(ingest.KindLogReportingEvents)},
			Literals: []string{"\t147\t", "\t147 [", "\t148\t", "\t148 ["},
			Pattern:  `^\d+\t(?P<event>14[78])(?: \[[A-Z_]+\])?\t(?:[^\t]*\t){2,3}(?:0[xX])?(?P<code>[0-9a-fA-F]{1,8})\t`,
		},
		{
			Name: id + "/server", Kinds: ccm,
			Literals: []string{"Server URL = ", "WSUS server: ", "WUA Managed server"},
			Pattern:  `(?:Server URL = |WSUS server: |WUA Managed server (?:was already set \(|policy to use server: ))<?(?P<url>https?://[^\s)>,]+)`,
		},
		{
			Name: id + "/proxy", Kinds: ccm,
			Literals: []string{"Proxy List used"}, Pattern: `[Pp]roxy [Ll]ist used ?[:=] ?<?(?P<proxy>[^\s<>()]+)`,
		},
		{
			Name: id + "/status", Kinds: ccm,
			Literals: []string{"HTTP status code = "}, Pattern: `HTTP status code = (?P<status>[45]\d\d)\b`,
		},
		{Name: id + "/code", Kinds: append(slices.Clone(ccm), string(ingest.KindLogReportingEvents)), Literals: literals, Pattern: pattern},
	}
}

// codeForms returns HRESULTs as logs write them, in hexadecimal with and without 0x: the literals, and a pattern with the group "code".
func codeForms(codes []uint32) (literals []string, pattern string) {
	forms := make([]string, len(codes))
	for i, c := range codes {
		literals = append(literals, fmt.Sprintf("%08X", c))
		var form strings.Builder
		for _, d := range literals[i] {
			if d >= 'A' {
				fmt.Fprintf(&form, "[%c%c]", d, d|0x20)
			} else {
				form.WriteRune(d)
			}
		}
		forms[i] = form.String()
	}
	return literals, `\b(?:0[xX])?(?P<code>` + strings.Join(forms, "|") + `)\b`
}

// saidAt is what a log says, with its line.
type saidAt struct {
	text string
	at   *facts.Match
}

// scanCode is what one log tells of one code.
type scanCode struct {
	code        uint32
	ended       bool // searches ended with it; otherwise single requests or steps met it
	handler     bool // ConfigMgr's handler says it, which always asks the site's own server
	count       int
	first, last *facts.Match
	server      *saidAt // as the log named it before the last time; nil if it did not
	proxy       *saidAt
	status      *saidAt // the HTTP status with which its last request was refused
}

// scanLog is what one log tells of the searches for updates.
type scanLog struct {
	codes []*scanCode
	wells []*facts.Match // the first and the last search that ended well
	count int            // how many did

	server, proxy, status *saidAt
}

// maxScanCodes bounds how many different codes are kept of one log.
const maxScanCodes = 64

// scanWatch is the observer of a check's signals that [scanSignals] has made.
func scanWatch(id string) *facts.Watch {
	return &facts.Watch{Kinds: scanKinds, Only: true, New: func(a *ingest.Artifact) facts.Observer {
		return &scanObserver{id: id, kind: a.Kind, name: strings.ToLower(a.Path)}
	}}
}

type scanObserver struct {
	id   string
	kind ingest.Kind
	name string
	log  scanLog
}

// End implements facts.Observer.
func (o *scanObserver) End() any {
	if len(o.log.codes) == 0 && o.log.count == 0 {
		return nil
	}
	return &o.log
}

// See implements facts.Observer.
func (o *scanObserver) See(s *facts.Sight) {
	handler := false
	if o.kind == ingest.KindLogCCM || o.kind == ingest.KindLogSMS {
		// Other components meet the same codes on other ways.
		component := bytes.ToLower(s.Record.Component)
		if handler = bytes.Contains(component, []byte("wuahandler")) || bytes.Contains(component, []byte("scanagent")); !handler {
			return
		}
	}
	if h := s.Hit(o.id + "/server"); h != nil {
		o.log.server = &saidAt{strings.TrimSuffix(string(h.Capture("url")), "."), s.KeepLine()}
	}
	if h := s.Hit(o.id + "/proxy"); h != nil {
		o.log.proxy = &saidAt{string(h.Capture("proxy")), s.KeepLine()}
	}
	if h := s.Hit(o.id + "/status"); h != nil {
		o.log.status = &saidAt{string(h.Capture("status")), s.KeepLine()}
	}
	if h := s.Hit(o.id + "/event"); h != nil {
		code, _ := wincode.Parse("0x" + string(h.Capture("code")))
		o.ended(s, code, string(h.Capture("event")) == "147", false)
		return
	}
	if h := s.Hit(o.id + "/ended"); h != nil {
		code, _ := wincode.Parse("0x" + string(h.Capture("code")))
		switch {
		case code != 0:
			o.ended(s, code, false, handler)
		case bytes.Contains(s.Record.Text, []byte("Finding updates")):
			o.ended(s, 0, true, handler)
		}
		return
	}
	if s.Hit(o.id+"/well") != nil {
		o.ended(s, 0, true, handler)
	} else if h := s.Hit(o.id + "/code"); h != nil {
		if code, ok := wincode.Parse("0x" + string(h.Capture("code"))); ok {
			o.note(s, code, false, handler)
		}
	}
}

// ended notes the end of a search.
func (o *scanObserver) ended(s *facts.Sight, code uint32, well, handler bool) {
	if !well {
		o.note(s, code, true, handler)
		return
	}
	if o.log.server != nil && isMicrosoft(o.log.server.text) && !handler {
		return // says nothing of the server of the organisation
	}
	o.log.count++
	if o.log.wells = append(o.log.wells, s.Keep()); len(o.log.wells) > 2 {
		o.log.wells[1] = o.log.wells[2]
		o.log.wells = o.log.wells[:2]
	}
}

// searchLength is how far apart the lines that tell the end of one search may lie.
const searchLength = 2 * time.Minute

// apart reports whether two lines of one log tell the ends of two searches.
func apart(a, b ingest.Time) bool {
	x, okx := a.Local()
	y, oky := b.Local()
	return okx && oky && y.Sub(x).Abs() > searchLength
}

// note counts a code.
func (o *scanObserver) note(s *facts.Sight, code uint32, ended, handler bool) {
	i := slices.IndexFunc(o.log.codes, func(c *scanCode) bool { return c.code == code && c.ended == ended })
	if i < 0 {
		if len(o.log.codes) == maxScanCodes {
			return
		}
		o.log.codes = append(o.log.codes, &scanCode{code: code, ended: ended, first: s.Keep()})
		i = len(o.log.codes) - 1
	}
	c := o.log.codes[i]
	if c.last == nil {
		c.last, c.count = c.first, 1
	} else {
		// Several parts of the agent say how one search ended.
		if !ended || apart(c.last.Time, s.Record.Time) {
			c.count++
		}
		c.last = s.Keep()
	}
	c.handler, c.server, c.proxy, c.status = handler, o.log.server, o.log.proxy, o.log.status
}

// scans is what all logs of a system tell of its searches.
type scans struct {
	ended, met []*scanCode // searches that ended with a code, and codes that requests met, by log
	wells      []facts.Match
	logs       []string // the artifacts
}

func readScans(f *facts.Facts, id string) scans {
	var out scans
	for _, o := range facts.Observed[*scanLog](f, id) {
		out.logs = append(out.logs, o.Artifact.Path)
		for _, c := range o.Value.codes {
			if c.ended {
				out.ended = append(out.ended, c)
			} else {
				out.met = append(out.met, c)
			}
		}
		for _, m := range o.Value.wells {
			out.wells = append(out.wells, *m)
		}
	}
	return out
}

// all are the codes with which searches ended and those that requests met.
func (s scans) all() []*scanCode { return slices.Concat(s.ended, s.met) }

// lasts are the last lines of codes.
func lasts(list []*scanCode) []facts.Match {
	out := make([]facts.Match, len(list))
	for i, c := range list {
		out[i] = *c.last
	}
	return out
}

// codeText is a code with its name, if it has one.
func codeText(code uint32) string {
	hex := fmt.Sprintf("0x%08X", code)
	if name := wincode.Name(code); name != hex {
		return hex + " (" + name + ")"
	}
	return hex
}

// urlHost is the host of a URL in lower case.
var urlHost = regexp.MustCompile(`^(?i:https?)://([^/:\s]+)`)

func hostOf(url string) string {
	if m := urlHost.FindStringSubmatch(url); m != nil {
		return strings.ToLower(m[1])
	}
	return strings.ToLower(url)
}

// isMicrosoft reports whether a URL is one of Microsoft's own update services.
func isMicrosoft(url string) bool {
	host := hostOf(url)
	return slices.ContainsFunc([]string{"microsoft.com", "windowsupdate.com", "windows.com"}, func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+d)
	})
}

const (
	updatePolicyKey = `SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate`
	winHTTPKey      = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections`
)

// updatePolicy is where the registry tells the agent to look for updates.
type updatePolicy struct {
	url      string // WUServer, "" if it is not set
	urlAt    hive.Found
	use      int // UseWUServer: 1 the server is used, 0 it is not, -1 where the registry does not say
	useAt    hive.Found
	absentAt *hive.Found // what shows that no server is set; nil if the registry is not in the bundle, or sets one
}

func readUpdatePolicy(f *facts.Facts) updatePolicy {
	p := updatePolicy{use: -1}
	v, err := f.Registry.Value(updatePolicyKey, "WUServer")
	if err == nil {
		p.url, p.urlAt = strings.TrimSpace(v.Value.String()), v
	} else if v.Source != "" {
		p.absentAt = &v
	}
	if v, err := f.Registry.Value(updatePolicyKey+`\AU`, "UseWUServer"); err == nil {
		if n, ok := v.Value.Uint(); ok {
			p.use, p.useAt = int(min(n, 1)), v
		}
	}
	return p
}

// updatePolicyMissing asks for the policy.
var updatePolicyMissing = findings.Missing{
	What: "the policy of Windows Update in the registry", Why: "it tells whether the machine is to use a WSUS server, and which one",
	Collect: findings.RegistryCollect(`HKLM\`+updatePolicyKey, "wupolicy.reg"),
}

// winHTTP is the proxy that services use.
type winHTTP struct {
	proxy  string // "" if none is set or the registry does not say
	bypass string // the servers that are asked without it, as set; "" if there are none
	at     hive.Found
}

// readWinHTTP reads WinHttpSettings: bytes 8 to 11 hold flags (2: a proxy is set), then length and text of the proxy and of the list of servers
// without it follow.
func readWinHTTP(f *facts.Facts) winHTTP {
	v, err := f.Registry.Value(winHTTPKey, "WinHttpSettings")
	p := winHTTP{at: v}
	if err != nil || len(v.Value.Data) < 12 || v.Value.Data[8]&2 == 0 {
		return p
	}
	proxy, rest := winHTTPText(v.Value.Data[12:])
	p.proxy = proxy
	p.bypass, _ = winHTTPText(rest)
	return p
}

// winHTTPText reads a text behind its length of four bytes, and returns it with what follows; "" if it is not whole or not ASCII.
func winHTTPText(d []byte) (string, []byte) {
	if len(d) < 4 {
		return "", nil
	}
	n := binary.LittleEndian.Uint32(d)
	if d = d[4:]; uint64(n) > uint64(len(d)) {
		return "", nil
	}
	text := string(d[:n])
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", nil
	}
	return text, d[n:]
}
