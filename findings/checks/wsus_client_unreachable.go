package checks

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
)

const wsusUnreachableID = "wsus-client-unreachable"

// The agent's code says on which part of the way to its server a search ended. It proves that part and not who is at fault: a laptop outside the
// company meets the same time-outs as one whose server is down.
var wsusClientUnreachable = &findings.Check{
	ID:       wsusUnreachableID,
	Title:    "The update client does not reach its WSUS server and gets no updates",
	Severity: findings.High,
	Product:  scanProduct,
	Needs:    []findings.Need{scanNeed(wsusUnreachableID)},
	Signals:  scanSignals(wsusUnreachableID, slices.Sorted(maps.Keys(wsusCodes))),
	Observe:  scanWatch(wsusUnreachableID),
	Doc: findings.Doc{
		Cause: "The Windows Update agent asks its WSUS server for updates over HTTP with the machine's own account and the machine-wide (WinHTTP) proxy, not with the user's. " +
			"What lies on the way answered instead of the server, or nobody did, so that the search for updates ended and the machine gets none.",
		Remedy: []string{
			"From the machine itself, as its own account (psexec -s), open http://SERVER:8530/selfupdate/iuident.cab, or the port that WUServer names: it must be offered for download without a question.",
			"Compare netsh winhttp show proxy with what the log names: an internal WSUS server belongs into the bypass list.",
			"Then search again: wuauclt /detectnow (Windows 10 and later: usoclient StartScan; ConfigMgr: the Software Updates Scan Cycle).",
		},
		Risk:      "A change of the WinHTTP proxy holds for every service of the machine: what needs the proxy to reach the Internet loses it after a reset, and what is excepted is asked without the proxy's filter.",
		Undo:      "Set again what netsh winhttp show proxy showed before the change; netsh winhttp reset proxy if it was direct access.",
		Cured:     "The next WindowsUpdate.log has \"Found N updates and N categories in search\" behind the last failure, or WUAHandler.log \"Successfully completed scan\".",
		Overturns: "A log that shows that the search went to Microsoft's own service and not to the WSUS server, or a later search that ended well: then it was over.",
		Proves: []string{
			"A search for updates that ended with one of the codes (407, 502, invalid proxy, unresolved name; time-out, 408, 504, no connection, 503; 401, 403; client certificate required) against a WSUS server: " +
				"ConfigMgr's handler says it, or the log or the policy (WUServer and UseWUServer) names the server.",
		},
		Suggests:   []string{"Such a search where nothing shows which server it went to.", "Requests that met such a code where no end of a search is shown."},
		Exonerates: []string{"Searches that ended well or with other codes.", "The search went to Microsoft's own service.", "A later search ended well: the finding is then resolved."},
		FalsePositives: "A machine that is outside the company's network fails in the same way and needs nothing. 0x8024402C and 0x80072EE7 are names that were not resolved, that of the server or that of the proxy. " +
			"A reverse proxy in front of the server answers 502 and 504 too.",
		NotCovered: "Failures within the agent or the server's answers (other codes), and the download of the updates' files.",
		References: []findings.Reference{
			{Title: "Troubleshoot software update scan failures in Configuration Manager", URL: "https://learn.microsoft.com/en-us/troubleshoot/mem/configmgr/update-management/troubleshoot-software-update-scan-failures"},
			{Title: "Windows Update Agent: networking error codes", URL: "https://learn.microsoft.com/en-us/windows/win32/wua_sdk/wua-networking-error-codes-"},
		},
	},
	Rests: restsOn(wsusUnreachableID + "/code"), // whatever line tells one of the codes
	Run:   runWSUSUnreachable,
}

// wsusFamily is where on the way to the server the search ended.
type wsusFamily int

const (
	wsusProxy wsusFamily = iota
	wsusName
	wsusTimeout
	wsusServer
	wsusRefused
	wsusCertificate
)

// wsusCodes are the codes with their families and meanings.
var wsusCodes = map[uint32]struct {
	family  wsusFamily
	meaning string
}{
	0x8024401B: {wsusProxy, "HTTP 407, a proxy demands credentials"},
	0x80240030: {wsusProxy, "the list of proxies that is set is not valid"},
	0x80244021: {wsusProxy, "HTTP 502, a proxy or gateway got no valid answer"},
	0x8024402C: {wsusName, "the name of the server or of the proxy was not resolved"},
	0x80072EE7: {wsusName, "the name of the server or of the proxy was not resolved"},
	0x80072EE2: {wsusTimeout, "no answer came in time"},
	0x8024401C: {wsusTimeout, "HTTP 408, the request took too long"},
	0x80244023: {wsusTimeout, "HTTP 504, a gateway waited in vain for the server"},
	0x80072EFD: {wsusServer, "no connection could be made"},
	0x80244022: {wsusServer, "HTTP 503, the server's web site is stopped or overloaded"},
	0x80244017: {wsusRefused, "HTTP 401, the server demands credentials"},
	0x80244018: {wsusRefused, "HTTP 403, the server forbids the request"},
	0x80072F0C: {wsusCertificate, "the server demands a client certificate"},
}

// bypassStep begins the step that takes the server out of the proxy's way.
const bypassStep = "Let the agent ask the WSUS server without the proxy: "

// plainServer is a host with or without a port, which a command line may hold as it stands.
var plainServer = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}(?::\d{1,5})?$`)

// plainBypass is a list of servers that a command line may hold between quotes.
var plainBypass = regexp.MustCompile(`^[A-Za-z0-9._*;<>:-]{1,500}$`)

// proxySteps are the steps of the family of proxies with the names that the bundle shows, and how they are taken back; ok is false where it
// does not show proxy and server.
func proxySteps(proxy, server string, set winHTTP) (steps []string, undo string, ok bool) {
	host := hostOf(server)
	if !plainServer.MatchString(proxy) || !plainServer.MatchString(host) {
		return nil, "", false
	}
	old := ""
	if plainBypass.MatchString(set.bypass) {
		old = set.bypass
	}
	command := fmt.Sprintf(`netsh winhttp set proxy %s "%s;%s"`, proxy, cmp.Or(old, "<local>"), host)
	steps = slices.Clone(wsusFamilies[wsusProxy].remedy)
	for i, s := range steps {
		if strings.HasPrefix(s, bypassStep) {
			steps[i] = bypassStep + command + " (Windows XP and Server 2003: proxycfg -p with the same two). Where the machine needs no proxy at all: netsh winhttp reset proxy."
		}
	}
	switch {
	case set.proxy != proxy:
		return steps, "Set again what netsh winhttp show proxy showed before; netsh winhttp reset proxy if it was direct access.", true
	case old != "":
		return steps, fmt.Sprintf(`netsh winhttp set proxy %s "%s" sets it as it is now.`, proxy, old), true
	case set.bypass == "":
		return steps, "netsh winhttp set proxy " + proxy + " sets it as it is now.", true
	}
	return steps, "Set again what netsh winhttp show proxy showed before.", true
}

// httpStatus is the HTTP status in the meaning of a code.
var httpStatus = regexp.MustCompile(`^HTTP (\d{3})`)

// refusedRequest returns the line in which a log states the HTTP status of a code, of the same log or of another; nil if none does.
func refusedRequest(all []*scanCode, c *scanCode) *saidAt {
	m := httpStatus.FindStringSubmatch(wsusCodes[c.code].meaning)
	if m == nil {
		return nil
	}
	for _, o := range slices.Concat([]*scanCode{c}, all) {
		if o.code == c.code && o.status != nil && o.status.text == m[1] {
			return o.status
		}
	}
	return nil
}

// usedProxy returns the proxy that a log names for a code's requests, of the same log or of another; nil if none does.
func usedProxy(all []*scanCode, c *scanCode) *saidAt {
	for _, o := range slices.Concat([]*scanCode{c}, all) {
		if o.code == c.code && o.proxy != nil && o.proxy.text != "null" {
			return o.proxy
		}
	}
	return nil
}

// cause and remedy of each family.
var wsusFamilies = map[wsusFamily]struct {
	cause  string
	remedy []string
}{
	wsusProxy: {
		"The agent's request goes through a proxy, which answers itself instead of passing it on: the agent uses the machine-wide proxy and the machine's account, and a proxy that knows only users refuses it. An internal WSUS server should not be behind a proxy at all.",
		[]string{
			`Note what is set now: netsh winhttp show proxy (Windows XP and Server 2003: proxycfg).`,
			bypassStep + `netsh winhttp set proxy PROXY:PORT "<local>;WSUS-SERVER" (XP and 2003: proxycfg -p PROXY:PORT "<local>;WSUS-SERVER"). Where the machine needs no proxy at all: netsh winhttp reset proxy.`,
			"Where a proxy script decides, let it return DIRECT for the server; it compares names with their case. Or let the proxy pass requests to the server without authentication.",
			`If searches go well then and downloads do not, look at the proxy of the account that downloads: bitsadmin /util /getieproxy localsystem.`,
		},
	},
	wsusName: {
		"The name of the server, or that of the proxy which the machine is set to, has no address in the machine's DNS, so that no request left the machine.",
		[]string{
			"nslookup SERVER on the machine, with the name that WUServer holds, and the same for the proxy that netsh winhttp show proxy names.",
			"Correct the record in DNS, the name in the policy, or the proxy.",
		},
	},
	wsusTimeout: {
		"The connection was open or under way and no answer came in time: the server's application pool works at its limit, or something on the way drops packets.",
		[]string{
			"See whether other machines time out at the same hours: then it is the server. Raise the private memory limit and the queue length of its pool WsusPool, and decline superseded updates (the server's cleanup wizard).",
			"If only this machine does, test the port from it: Test-NetConnection SERVER -Port 8530.",
		},
	},
	wsusServer: {
		"Nobody serves the server's port: its web site or application pool (WsusPool) is stopped, or a firewall refuses the connection.",
		[]string{
			"On the server, see that the web site WSUS Administration and the pool WsusPool are started, and why the pool stopped (event 5117 of WAS: its memory limit).",
			"From the machine: Test-NetConnection SERVER -Port 8530, or the port that WUServer names.",
		},
	},
	wsusRefused: {
		"The server answered and refused: its virtual directories (ClientWebService, SimpleAuthWebService, SelfUpdate, Content) must allow anonymous access, and must not demand TLS where the client's address says http.",
		[]string{
			"On the server, see in IIS that the virtual directories below the WSUS site allow anonymous access, carry no address restrictions, and demand TLS only where WUServer says https.",
		},
	},
	wsusCertificate: {
		"The server's virtual directory demands a client certificate, or the connection ended at a proxy that does. The agent offers none unless ConfigMgr's client has one for it.",
		[]string{
			"On the server, set \"Client certificates\" of the virtual directories ClientWebService, SimpleAuthWebService, DSSAuthWebService, ServerSyncWebService and APIRemoting30 to Ignore.",
		},
	},
}

// scanTarget is which server a search went to.
type scanTarget int

const (
	targetMicrosoft scanTarget = iota
	targetUnknown
	targetWSUS
)

// target tells which server a failed search went to, and by what it is known; the evidence is nil where the failure's own line tells.
func (p updatePolicy) target(c *scanCode) (scanTarget, string, *findings.Evidence) {
	switch {
	case c.server != nil:
		e := findings.FromMatch(*c.server.at, findings.Supports, "the server that the search went to")
		if isMicrosoft(c.server.text) && !c.handler {
			return targetMicrosoft, c.server.text, &e
		}
		return targetWSUS, c.server.text, &e
	case c.handler:
		return targetWSUS, p.url, nil
	case p.use == 0:
		e := findings.FromValue(p.useAt, findings.Supports, "the machine is not to use a WSUS server")
		return targetMicrosoft, "", &e
	case p.url != "" && isMicrosoft(p.url):
		e := findings.FromValue(p.urlAt, findings.Supports, "the server that is set is Microsoft's own")
		return targetMicrosoft, p.url, &e
	case p.url != "" && p.use == 1:
		e := findings.FromValue(p.urlAt, findings.Supports, "the WSUS server that the machine is to use")
		return targetWSUS, p.url, &e
	case p.absentAt != nil:
		name := "WUServer"
		e := findings.AbsentValue(*p.absentAt, updatePolicyKey, &name, findings.Supports, "no WSUS server is set")
		return targetMicrosoft, "", &e
	}
	return targetUnknown, p.url, nil
}

func runWSUSUnreachable(f *facts.Facts) ([]findings.Finding, error) {
	s := readScans(f, wsusUnreachableID)
	ours := func(list []*scanCode) []*scanCode {
		return slices.DeleteFunc(slices.Clone(list), func(c *scanCode) bool { _, known := wsusCodes[c.code]; return !known })
	}
	ended, met := ours(s.ended), ours(s.met)
	switch {
	case len(ended) > 0:
		return []findings.Finding{unreachable(f, s, ended)}, nil
	case len(met) > 0:
		return []findings.Finding{requestsFailed(f, s, met)}, nil
	}
	return []findings.Finding{s.reached("The searches for updates in the logs met none of the codes of a server that is not reached")}, nil
}

// reached is the finding of logs whose searches met none of a check's codes.
func (s scans) reached(summary string) findings.Finding {
	x := findings.Finding{Verdict: findings.RuledOut, Summary: summary}
	for _, m := range s.wells {
		x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Contradicts, "a search for updates that ended well"))
		x.Unmet = fmt.Sprintf("No search ended with one of the codes; the last that ended well is line %d of %s.", m.Ref.Line, m.Ref.Artifact)
	}
	var others []string
	for _, c := range s.ended {
		x.Evidence = append(x.Evidence, findings.FromMatch(*c.last, findings.Context, "a search that ended with "+codeText(c.code)))
		if !slices.Contains(others, codeText(c.code)) {
			others = append(others, codeText(c.code))
		}
		x.Unmet = fmt.Sprintf("No search ended with one of the codes; line %d of %s has %s.", c.last.Ref.Line, c.last.Ref.Artifact, codeText(c.code))
	}
	switch {
	case len(others) > 0:
		x.Summary += "; searches ended with " + strings.Join(others[:min(len(others), 4)], ", ") + "."
	case len(s.wells) > 0:
		x.Summary += ", and searches ended well."
	default:
		x.Summary += "."
	}
	if len(s.wells) == 0 {
		for _, a := range s.logs {
			x.Evidence = append(x.Evidence, findings.AbsentLine(a, findings.Contradicts, "none of the codes stands in it"))
		}
	}
	x.Evidence = x.Evidence[:min(len(x.Evidence), 12)]
	return x
}

// unreachable is the finding of searches that ended with one of the codes.
func unreachable(f *facts.Facts, s scans, ended []*scanCode) findings.Finding {
	p := readUpdatePolicy(f)
	var c *scanCode
	var to scanTarget
	for _, x := range ended {
		// Where the server is known says more than what is only later.
		if at, _, _ := p.target(x); c == nil || at > to || at == to && f.Later(*x.last, *c.last) {
			c, to = x, at
		}
	}
	_, server, shown := p.target(c)
	code := wsusCodes[c.code]
	last := findings.FromMatch(*c.last, findings.Supports, codeText(c.code)+": "+code.meaning)
	if to == targetMicrosoft {
		x := findings.Finding{Verdict: findings.RuledOut, Title: "The failed search went to no WSUS server", Unmet: fmt.Sprintf("No WSUS server is shown: %s (%s).", shown.Note, shown.Place())}
		x.Summary = fmt.Sprintf("A search for updates ended with %s (%s), but it did not go to a WSUS server: %s. The way to Microsoft's service is what failed.",
			codeText(c.code), code.meaning, shown.Note)
		shown.Role = findings.Contradicts
		x.Evidence = []findings.Evidence{*shown, asContext(last)}
		return x
	}
	x := findings.Finding{
		Verdict: findings.Confirmed, State: findings.Active, Subject: machineOf(f, c.last.Ref.Artifact),
		Cause: wsusFamilies[code.family].cause, Remedy: slices.Concat(wsusFamilies[code.family].remedy, wsusClientUnreachableRemedy),
	}
	x.Title = "No updates: the update client does not reach its WSUS server (" + code.meaning + ")"
	if server != "" {
		x.Title = fmt.Sprintf("No updates: the update client does not reach %s (%s)", server, code.meaning)
	}
	x.Evidence = append(x.Evidence, last)
	if shown != nil {
		x.Evidence = append(x.Evidence, *shown)
	}
	x.Summary = fmt.Sprintf("%s ended with %s: %s.", searches(c.count), codeText(c.code), code.meaning)
	if c.first.Ref != c.last.Ref && c.count > 1 {
		x.Summary = fmt.Sprintf("%s ended with %s: %s; the last one is line %d of %s.", searches(c.count), codeText(c.code), code.meaning, c.last.Ref.Line, c.last.Ref.Artifact)
		x.Evidence = append(x.Evidence, findings.FromMatch(*c.first, findings.Context, "the first search that ended so"))
	}
	switch {
	case server == "":
		x.Summary += " ConfigMgr's handler of the agent says it, which asks the site's own server; its address is not shown."
	case c.server != nil:
		x.Summary += fmt.Sprintf(" The log names the server %s.", server)
	default:
		x.Summary += fmt.Sprintf(" The registry names the server %s.", server)
	}
	for _, o := range ended {
		if o != c {
			x.Evidence = append(x.Evidence, findings.FromMatch(*o.last, findings.Context, fmt.Sprintf("%s ended with %s: %s", searches(o.count), codeText(o.code), wsusCodes[o.code].meaning)))
		}
	}
	set := readWinHTTP(f)
	proxy := usedProxy(s.all(), c)
	x.Rivals = wsusRivals(c, p, code.family, server, proxy, set)
	if r := refusedRequest(s.all(), c); r != nil {
		x.Summary += fmt.Sprintf(" Line %d of %s states the answer itself: HTTP status %s.", r.at.Ref.Line, r.at.Ref.Artifact, r.text)
		x.Evidence = slices.Insert(x.Evidence, 1, findings.FromMatch(*r.at, findings.Supports, "the answer to the request: HTTP "+r.text))
	}
	role := findings.Context
	if code.family == wsusProxy {
		role = findings.Supports
	}
	if proxy != nil {
		x.Summary += fmt.Sprintf(" The request went by way of the proxy %s.", proxy.text)
		x.Evidence = append(x.Evidence, findings.FromMatch(*proxy.at, role, "the proxy that the agent used"))
	}
	if set.proxy != "" {
		x.Summary += fmt.Sprintf(" The machine-wide proxy is set to %s, with %s.", set.proxy, cmp.Or(set.bypass, "no server excepted"))
		x.Evidence = append(x.Evidence, findings.FromValue(set.at, role, "the machine-wide proxy: "+set.proxy))
	}
	if code.family == wsusProxy {
		name := set.proxy
		if proxy != nil {
			name = proxy.text
		}
		if steps, undo, ok := proxySteps(name, server, set); ok {
			x.Remedy, x.Undo = slices.Concat(steps, wsusClientUnreachableRemedy), undo
		}
	}
	if p.url != "" && (shown == nil || shown.Value == nil) {
		x.Evidence = append(x.Evidence, findings.FromValue(p.urlAt, findings.Context, "the server of the policy"))
	}
	if well, ok := f.Overcome(lasts(ended), s.wells); ok {
		x.State = findings.Resolved
		x.Summary += " A later search ended well, so that it was over by then."
		x.Evidence = append(x.Evidence, findings.FromMatch(well, findings.Contradicts, "a later search that ended well"))
	}
	if to == targetUnknown {
		x.Verdict, x.Severity = findings.Suspected, findings.Medium
		x.Title = "No updates: the update client does not reach its server (" + code.meaning + ")"
		x.Summary = fmt.Sprintf("%s ended with %s: %s. Nothing in the bundle shows whether the search went to a WSUS server or to Microsoft's own service.", searches(c.count), codeText(c.code), code.meaning)
		x.Missing = []findings.Missing{updatePolicyMissing}
	}
	return x
}

// wsusClientUnreachableRemedy ends the remedy of every family.
var wsusClientUnreachableRemedy = []string{
	"Then search again: wuauclt /detectnow (Windows 10 and later: usoclient StartScan; ConfigMgr: the Software Updates Scan Cycle).",
}

func searches(n int) string {
	if n == 1 {
		return "A search for updates"
	}
	return fmt.Sprintf("%d searches for updates", n)
}

// wsusRivals names the other explanations.
func wsusRivals(c *scanCode, p updatePolicy, family wsusFamily, server string, proxy *saidAt, set winHTTP) []findings.Rival {
	policy := findings.Rival{Name: "The machine asks another server than it should", Verdict: rivalOpen + "the registry's policy is not in the upload, so the server can't be compared."}
	switch {
	case p.url != "" && c.server != nil && hostOf(p.url) != hostOf(c.server.text):
		policy.Verdict = rivalSupported + fmt.Sprintf("the policy names %s, the log %s: a group policy and ConfigMgr may set the server against each other.", p.url, c.server.text)
	case p.url != "":
		policy.Verdict = rivalOpen + fmt.Sprintf("the policy names %s; whether that is the right server the bundle does not say.", p.url)
	case p.absentAt != nil:
		policy.Verdict = rivalSilent + "no server is set in the registry."
	}
	rivals := []findings.Rival{policy}
	if family == wsusName || family == wsusTimeout || family == wsusServer {
		rivals = append(rivals, findings.Rival{Name: "The machine was outside the network in which the server is", Verdict: rivalOpen + "the logs of the agent do not say where the machine was; compare the times of the failures with those of its user."})
	}
	if family == wsusProxy && set.proxy == "" && proxy == nil {
		rivals = append(rivals, findings.Rival{Name: "A gateway in front of the server itself answers so", Verdict: rivalOpen + "no proxy is named in the log or set in the registry that was sent, so that " + cmp.Or(server, "the server") + " may itself stand behind the gateway."})
	}
	return rivals
}

// requestsFailed is the finding of requests that met one of the codes where no search is shown to have ended with it.
func requestsFailed(f *facts.Facts, s scans, met []*scanCode) findings.Finding {
	if well, ok := f.Overcome(lasts(met), s.wells); ok {
		x := findings.Finding{
			Verdict:  findings.RuledOut,
			Summary:  "Single requests of the update client failed and were made again; the search for updates after them ended well.",
			Unmet:    fmt.Sprintf("No search ended with the code of the requests; line %d of %s shows one that ended well after them.", well.Ref.Line, well.Ref.Artifact),
			Evidence: []findings.Evidence{findings.FromMatch(well, findings.Contradicts, "a later search that ended well")},
		}
		for _, c := range met {
			x.Evidence = append(x.Evidence, findings.FromMatch(*c.last, findings.Context, codeText(c.code)+": "+wsusCodes[c.code].meaning))
		}
		return x
	}
	c := met[0]
	for _, o := range met[1:] {
		if f.Later(*o.last, *c.last) {
			c = o
		}
	}
	code := wsusCodes[c.code]
	x := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Medium, Subject: machineOf(f, c.last.Ref.Artifact),
		Title:   "Requests of the update client fail, so updates may not arrive: " + code.meaning,
		Summary: fmt.Sprintf("Requests of the update client met %s (%s), but the logs do not show how a search for updates ended after them.", codeText(c.code), code.meaning),
		Cause:   wsusFamilies[code.family].cause, Remedy: slices.Concat(wsusFamilies[code.family].remedy, wsusClientUnreachableRemedy),
		Missing: []findings.Missing{scanNeed(wsusUnreachableID).Missing()},
	}
	for _, o := range met {
		role := findings.Context
		if o == c {
			role = findings.Supports
		}
		x.Evidence = append(x.Evidence, findings.FromMatch(*o.last, role, codeText(o.code)+": "+wsusCodes[o.code].meaning))
	}
	for _, m := range s.wells {
		x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Context, "a search that ended well, not after these requests"))
	}
	return x
}
