package extract

// What a machine says of itself in the texts of ipconfig, systeminfo and msinfo32. This file has what they have in common; the grammars
// stand in ipconfig.go, systeminfo.go and msinfo.go.

import (
	"net/netip"
	"strings"

	"casebook/ingest"
)

// Machines are the machines of a text, one for each time that the tool ran.
type Machines struct {
	List []Machine // in the order of the text
}

// Machine is a machine.
type Machine struct {
	Host     Stated   // computer name
	Domain   Stated   // systeminfo: the domain or workgroup; ipconfig: the primary DNS suffix
	Suffixes []Stated // ipconfig: the list of DNS suffixes that are searched
	Boot     Stated   // systeminfo: when it was started, as printed: local time in the order of the machine's language
	Version  Stated   // of Windows, from its number on: 6.1.7601 Service Pack 1 Build 7601
	Adapters []Adapter
	Line     int // where its part of the text begins
}

// Stated is a text with its place.
type Stated struct {
	Text string // "" if the text doesn't state it
	Line int    // 0 if the text doesn't state it
}

// Adapter is a network adapter.
type Adapter struct {
	Name       string // as printed, "" if not shown
	Line       int
	Suffix     Stated // the connection's DNS suffix
	MAC        string // as printed
	Addresses  []AdapterAddress
	Gateways   []netip.Addr
	DNSServers []netip.Addr
}

// AdapterAddress is an address of an adapter.
type AdapterAddress struct {
	IP   netip.Addr // without a zone
	Bits int        // of its network; -1 if not shown
	Line int
}

// maxAdapters is how many adapters of one machine are kept, and addresses of one adapter: tunnels make hundreds.
const maxAdapters = 2000

// Addresses returns all addresses of the machine that lead beyond its own links: no loopback, no link-local one, no 0.0.0.0.
func (m *Machine) Addresses() []AdapterAddress {
	var out []AdapterAddress
	for _, a := range m.Adapters {
		for _, x := range a.Addresses {
			if !x.IP.IsLoopback() && !x.IP.IsLinkLocalUnicast() && !x.IP.IsUnspecified() {
				out = append(out, x)
			}
		}
	}
	return out
}

// machines ends an extraction: the artifact's host is set if the text names one machine only.
func machines(in ingest.Input, list []Machine) (any, []ingest.Problem) {
	if len(list) == 0 {
		return nil, nil
	}
	var problems []ingest.Problem
	host, several := "", false
	for i := range list {
		name := strings.ToUpper(hostLabel(list[i].Host.Text))
		several = several || name != "" && host != "" && name != host
		if host == "" {
			host = name
		}
	}
	switch {
	case several:
		problems = append(problems, problem(in, "the text is of several computers: it belongs to none of them"))
	case host != "" && in.Artifact != nil:
		in.Artifact.Host = host
	}
	return &Machines{List: list}, problems
}

// looseIP reads an address as tools print it: with a zone, with a remark in brackets behind it.
func looseIP(s string) (netip.Addr, bool) {
	if i := strings.IndexAny(s, "(（"); i > 0 {
		s = s[:i]
	}
	ip, err := netip.ParseAddr(strings.Trim(trim(s), "\u200e\u202a\u202c"))
	if err != nil {
		return netip.Addr{}, false
	}
	return ip.WithZone(""), true
}

// hostName returns s if it may be a computer's name.
func hostName(s string, line int) Stated {
	if s = trim(s); isComputerName(s) && strings.Trim(s, "0123456789.") != "" {
		return Stated{s, line}
	}
	return Stated{}
}
