package checks

import (
	"cmp"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/match"
)

// networkKinds are the artifacts in which lines about the machine's network are looked for: logs of the client, and console output, which may
// stand in one file with listings and the like.
var networkKinds = []ingest.Kind{
	ingest.KindLogCCM, ingest.KindLogSMS, ingest.KindLogText, ingest.KindLogTable, ingest.KindText, ingest.KindListing, ingest.KindMounts, ingest.KindHosts, ingest.KindNslookup,
	ingest.KindIPConfig, ingest.KindSystemInfo, ingest.KindMSInfo,
}

// consoleKinds are those of networkKinds that console programs write. Their marks are short, and would cost the logs of the client dear.
var consoleKinds = func() []string {
	var out []string
	for _, k := range networkKinds {
		if k != ingest.KindLogCCM && k != ingest.KindLogSMS {
			out = append(out, string(k))
		}
	}
	return out
}()

// networkSignals are the lines from which a machine's addresses, its domain and its site are read. Console output is told by its shape in
// any language: ipconfig draws dots, systeminfo numbers the addresses in brackets.
func networkSignals(id string) []match.Signal {
	return []match.Signal{
		{Name: id + "/net-ipconfig", Kinds: consoleKinds, Literals: []string{". . ."}, Pattern: `^(?P<label>[^:]{2,80}?)(?:\. ?){2,}\s*[:：]\s*(?P<ip>[0-9A-Fa-f:.]{3,45})`},
		{Name: id + "/net-systeminfo", Kinds: consoleKinds, Literals: []string{"]: "}, Pattern: `^\s*\[\d{1,3}\]:\s+(?P<ip>[0-9A-Fa-f:.]{3,45})\s*$`},
		{Name: id + "/net-location", Literals: []string{"<IPAddress ", "<ADSite ", "<Domain "}},
		{Name: id + "/net-site", Literals: []string{"AD site", "ADSite"}, Pattern: `AD ?[Ss]ite (?:of (?:this |the )?(?:machine|computer|client) )?(?:is|:|=)\s*["']?(?P<site>[\w-]{1,63})`},
		{
			Name:     id + "/net-workgroup",
			Literals: []string{"Workgroup client is in", "joined to a domain", "joined to the domain", "not domain joined", "not joined to domain", "in a workgroup", "PartOfDomain", "DomainJoined"},
			Pattern:  `(?i)Workgroup client is in|\bnot (?:been )?(?:joined to (?:a |the |any )?domain|domain[ -]joined)|\b(?:machine|computer|client) is in a workgroup|\b(?:PartOfDomain|DomainJoined)\s*[:=]\s*(?:FALSE|NO)\b`,
		},
		{
			Name: id + "/net-joined", Literals: []string{"Domain joined client is in", "PartOfDomain", "DomainJoined"},
			Pattern: `(?i)Domain joined client is in|\b(?:PartOfDomain|DomainJoined)\s*[:=]\s*(?:TRUE|YES)\b`,
		},
		{
			Name: id + "/net-domain", Kinds: consoleKinds, Literals: []string{"Domain:", "Domäne:", "Domaine", "Dominio:", "Domínio:", "Домен:", "ドメイン:", "域:"},
			Pattern: `^(?i:Domain|Domäne|Domaine|Dominio|Domínio|Домен|ドメイン|域)\s*[:：]\s+(?P<domain>\S+)\s*$`,
		},
	}
}

// machineAddress is an address of the machine with the line or the value that shows it.
type machineAddress struct {
	ip   netip.Addr
	bits int // of its network, -1 if unknown
	rank int // how well its source shows the addresses in use
	at   findings.Evidence
}

// The ranks of sources. A registry keeps the leases of adapters that are long unplugged.
const (
	rankRegistry = iota + 1
	rankLog
	rankIPConfig
)

// machineNetwork is what a bundle shows of a machine's place in the network.
type machineNetwork struct {
	addresses []machineAddress
	complete  bool // the addresses are those that ipconfig lists, so there are no others
	joined    *findings.Evidence
	workgroup *findings.Evidence
	site      string
	siteAt    *findings.Evidence
}

// domainKnown reports whether the bundle says without contradiction if the machine is in a domain.
func (n *machineNetwork) domainKnown() bool { return (n.joined == nil) != (n.workgroup == nil) }

// networkLine is what an observer keeps of a line.
type networkLine struct {
	kind   string // of the signal: net-ipconfig …; net-site for a site that a location request states
	ip     netip.Addr
	bits   int
	text   string // the site, or the domain
	at     *facts.Match
	domain bool // the line states a domain, which may be empty
}

const maxNetworkLines = 200

// networkObserver reads the lines of one artifact.
type networkObserver struct {
	id    string
	lines []networkLine
	last  *networkLine // the address that ipconfig has just listed, if a mask may follow
	line  int          // where it stands
}

var (
	locationAddress = regexp.MustCompile(`<IPAddress\s[^<>]{0,200}`)
	locationSubnet  = regexp.MustCompile(`\bSubnetAddress="([^"]{0,45})"`)
	locationIP      = regexp.MustCompile(`\sAddress="([^"]{2,45})"`)
	locationSite    = regexp.MustCompile(`<ADSite\s+Name="([^"]{0,63})"`)
	locationDomain  = regexp.MustCompile(`<Domain\s+Name="([^"]{0,255})"`)
)

// See implements facts.Observer.
func (o *networkObserver) See(s *facts.Sight) {
	for i := range s.Hits {
		h := &s.Hits[i]
		kind, found := strings.CutPrefix(h.Name, o.id+"/")
		if !found || !strings.HasPrefix(kind, "net-") || len(o.lines) >= maxNetworkLines {
			continue
		}
		switch kind {
		case "net-ipconfig":
			o.ipconfig(s, string(h.Capture("label")), string(h.Capture("ip")))
		case "net-systeminfo":
			if ip, ok := usableAddress(string(h.Capture("ip"))); ok {
				o.add(networkLine{kind: kind, ip: ip, bits: -1, at: s.Keep()})
			}
		case "net-location":
			o.location(s)
		default:
			l := networkLine{kind: kind, text: cmp.Or(string(h.Capture("site")), string(h.Capture("domain")))}
			if !o.knows(l) { // a log says it again and again
				l.at = s.Keep()
				o.lines = append(o.lines, l)
			}
		}
	}
}

// add keeps a line, unless one that says the same is kept: a log repeats them.
func (o *networkObserver) add(l networkLine) {
	if !o.knows(l) {
		o.lines = append(o.lines, l)
	}
}

// knows reports whether a line that says the same is kept.
func (o *networkObserver) knows(l networkLine) bool {
	return slices.ContainsFunc(o.lines, func(k networkLine) bool {
		return k.kind == l.kind && k.ip == l.ip && k.bits == l.bits && k.text == l.text && k.domain == l.domain
	})
}

// ipconfig reads a line of ipconfig. An IPv4 address of the machine is the one right above its mask; those of gateways and servers have none.
func (o *networkObserver) ipconfig(s *facts.Sight, label, text string) {
	above, line := o.last, o.line
	o.last = nil
	ip, err := netip.ParseAddr(strings.TrimRight(text, ":."))
	if err != nil {
		return
	}
	bits := maskLength(ip)
	switch {
	case bits > 0 && above != nil && s.Record.Line == line+1:
		above.bits = bits
		o.add(*above)
	case ip.Is4():
		if _, ok := usableAddress(text); ok {
			o.last, o.line = &networkLine{kind: "net-ipconfig", ip: ip, at: s.Keep()}, s.Record.Line
		}
	case strings.Contains(label, "IPv6"):
		if _, ok := usableAddress(ip.String()); ok {
			o.add(networkLine{kind: "net-ipconfig", ip: ip, bits: 64, at: s.Keep()})
		}
	}
}

// location reads a location request, which states the client's addresses, its domain and its site.
func (o *networkObserver) location(s *facts.Sight) {
	for _, m := range locationAddress.FindAll(s.Record.Text, 16) {
		a := locationIP.FindSubmatch(m)
		if a == nil {
			continue
		}
		ip, ok := usableAddress(string(a[1]))
		if !ok {
			continue
		}
		l := networkLine{kind: "net-location", ip: ip, bits: -1, at: s.Keep()}
		if sub := locationSubnet.FindSubmatch(m); sub != nil {
			if net, err := netip.ParseAddr(string(sub[1])); err == nil {
				l.bits = networkLength(ip, net)
			}
		}
		o.add(l)
	}
	if m := locationSite.FindSubmatch(s.Record.Text); m != nil && len(m[1]) > 0 {
		o.add(networkLine{kind: "net-site", text: string(m[1]), at: s.Keep()})
	}
	if m := locationDomain.FindSubmatch(s.Record.Text); m != nil {
		o.add(networkLine{kind: "net-location", text: string(m[1]), domain: true, at: s.Keep()})
	}
}

// End implements facts.Observer.
func (o *networkObserver) End() any {
	if len(o.lines) == 0 {
		return nil
	}
	return o.lines
}

// usableAddress reads an address by which a machine can be reached: not 0.0.0.0, not its own loop, none that it gave itself for want of a
// server.
func usableAddress(text string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.Is4() && (ip.As4()[0] == 255 || ip.As4()[0] == 0) {
		return netip.Addr{}, false
	}
	return ip.WithZone(""), true
}

// maskLength returns the bits of an IPv4 mask, 0 if the address is none.
func maskLength(mask netip.Addr) int {
	if !mask.Is4() || mask.As4()[0] != 255 {
		return 0
	}
	bits, ended := 0, false
	for _, b := range mask.As4() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && ended {
				return 0
			}
			if ended = ended || !one; one {
				bits++
			}
		}
	}
	return bits
}

// networkLength returns a length of prefix with which the address's network begins at net, -1 if there is none. Of those that do, it is any: a
// boundary is compared with where the network begins, which the text states, and not with its mask, which it does not.
func networkLength(ip, net netip.Addr) int {
	for bits := ip.BitLen(); bits > 0; bits-- {
		if p, err := ip.Prefix(bits); err == nil && p.Addr() == net {
			return bits
		}
	}
	return -1
}

// workgroups are the names that Windows gives to workgroups of its own accord.
var workgroups = []string{"WORKGROUP", "ARBEITSGRUPPE", "MSHOME", "GROUPE_TRAVAIL", "GRUPO_TRABAJO", "GRUPPO_LAVORO"}

// readNetwork puts together what a system's artifacts show of its network.
func readNetwork(f *facts.Facts, id string) machineNetwork {
	var n machineNetwork
	say := func(to **findings.Evidence, e findings.Evidence) {
		if *to == nil {
			*to = &e
		}
	}
	for _, artifact := range facts.Observed[[]networkLine](f, id) {
		// A management point's own logs hold the requests of all clients.
		if strings.HasPrefix(strings.ToLower(path.Base(artifact.Artifact.Path)), "mp_") {
			continue
		}
		for _, l := range artifact.Value {
			at := func(note string) findings.Evidence { return findings.FromMatch(*l.at, findings.Supports, note) }
			switch {
			case l.ip.IsValid():
				rank := rankLog
				if l.kind == "net-ipconfig" {
					rank = rankIPConfig
				}
				n.addresses = append(n.addresses, machineAddress{ip: l.ip, bits: l.bits, rank: rank, at: at("an address of this machine")})
			case l.kind == "net-workgroup", l.domain && l.text == "", l.kind == "net-domain" && slices.Contains(workgroups, strings.ToUpper(l.text)):
				say(&n.workgroup, at("the machine is in no domain"))
			case l.kind == "net-joined", l.domain, l.kind == "net-domain" && strings.Contains(l.text, "."):
				say(&n.joined, at("the machine is in a domain"))
			case l.kind == "net-site" && n.siteAt == nil:
				n.site = l.text
				say(&n.siteAt, at("the machine's Active Directory site"))
			}
		}
	}
	n.fromRegistry(f, say)
	best := 0
	for _, a := range n.addresses {
		best = max(best, a.rank)
	}
	n.complete = best == rankIPConfig
	n.addresses = slices.DeleteFunc(n.addresses, func(a machineAddress) bool { return a.rank < best })
	var seen []netip.Addr
	n.addresses = slices.DeleteFunc(n.addresses, func(a machineAddress) bool {
		if slices.Contains(seen, a.ip) {
			return true
		}
		seen = append(seen, a.ip)
		return false
	})
	return n
}

// fromRegistry reads the registry: the adapters' addresses, the primary domain, and the site that Netlogon has found.
func (n *machineNetwork) fromRegistry(f *facts.Facts, say func(**findings.Evidence, findings.Evidence)) {
	const tcpip = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	if n.joined == nil && n.workgroup == nil {
		name := "Domain"
		v, err := f.Registry.Value(tcpip, name)
		switch {
		case err == nil && v.Value.String() != "":
			say(&n.joined, findings.FromValue(v, findings.Supports, "the machine's domain"))
		case err == nil:
			say(&n.workgroup, findings.FromValue(v, findings.Supports, "the machine is in no domain"))
		case v.Source != "" && f.ShowsAbsence(v.Source) && strings.EqualFold(path.Base(strings.ReplaceAll(v.Key, `\`, "/")), "Parameters"):
			say(&n.workgroup, findings.AbsentValue(v, v.Key, &name, findings.Supports, "no domain is stated: the machine is in none"))
		}
	}
	for _, at := range []struct{ key, value string }{
		{`SYSTEM\CurrentControlSet\Services\Netlogon\Parameters`, "DynamicSiteName"},
		{`SYSTEM\CurrentControlSet\Services\Netlogon\Parameters`, "SiteName"},
		{`SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\State\Machine`, "Site-Name"},
	} {
		if v, err := f.Registry.Value(at.key, at.value); err == nil && n.siteAt == nil && v.Value.String() != "" {
			n.site = v.Value.String()
			say(&n.siteAt, findings.FromValue(v, findings.Supports, "the machine's Active Directory site"))
		}
	}
	seen := map[string]bool{}
	for _, all := range f.Registry.Keys(tcpip + `\Interfaces`) {
		for _, k := range all.Children() {
			if name := strings.ToLower(k.Name()); !seen[name] {
				seen[name] = true
				n.adapter(k)
			}
		}
	}
}

// adapter reads the addresses of one network adapter.
func (n *machineNetwork) adapter(k hive.FoundKey) {
	names, masks := "IPAddress", "SubnetMask"
	if v, err := k.Value("EnableDHCP"); err == nil {
		if on, ok := v.Uint(); ok && on != 0 {
			names, masks = "DhcpIPAddress", "DhcpSubnetMask"
		}
	} else if _, err := k.Value("DhcpIPAddress"); err == nil {
		names, masks = "DhcpIPAddress", "DhcpSubnetMask"
	}
	v, err := k.Value(names)
	if err != nil {
		return
	}
	var mask []string
	if m, err := k.Value(masks); err == nil {
		mask = valueStrings(m)
	}
	for i, text := range valueStrings(v) {
		ip, ok := usableAddress(strings.TrimSpace(text))
		if !ok {
			continue
		}
		a := machineAddress{ip: ip, bits: -1, rank: rankRegistry}
		if i < len(mask) {
			if m, err := netip.ParseAddr(strings.TrimSpace(mask[i])); err == nil && maskLength(m) > 0 {
				a.bits = maskLength(m)
			}
		}
		a.at = findings.FromQuotedValue(k.At(v), text, findings.Supports, "an address of this machine")
		n.addresses = append(n.addresses, a)
	}
}

// valueStrings returns the strings of a multi-string, or the one of a string.
func valueStrings(v hive.Value) []string {
	if list := v.Strings(); len(list) > 0 {
		return list
	}
	return []string{v.String()}
}
