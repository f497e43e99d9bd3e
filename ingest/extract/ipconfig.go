package extract

// ipconfig and ipconfig /all. A block of the machine, then one for each adapter under a line that ends in a colon; labels are filled up with dots, and
// further values stand below the first:
//
//	Windows IP Configuration
//
//	   Host Name . . . . . . . . . . . . : PC1
//	   Primary Dns Suffix  . . . . . . . : corp.example.com
//	   Node Type . . . . . . . . . . . . : Hybrid
//	   IP Routing Enabled. . . . . . . . : No
//	   WINS Proxy Enabled. . . . . . . . : No
//	   DNS Suffix Search List. . . . . . : corp.example.com
//	                                       example.com
//
//	Ethernet adapter Local Area Connection:
//
//	   Connection-specific DNS Suffix  . : corp.example.com
//	   Physical Address. . . . . . . . . : 00-11-22-33-44-55
//	   IPv4 Address. . . . . . . . . . . : 10.1.0.1(Preferred)
//	   Subnet Mask . . . . . . . . . . . : 255.255.255.0
//	   Default Gateway . . . . . . . . . : 10.1.0.254
//	   DHCP Server . . . . . . . . . . . : 10.1.0.2
//	   DNS Servers . . . . . . . . . . . : 10.1.0.53
//
// The labels are translated; their order is not, and values have forms. The name comes first and the suffix second; the search list follows the fifth
// label. An IPv4 address is followed by its mask, then come the gateway, the server of a lease if there is one, and the DNS servers.

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"

	"casebook/ingest"
)

// dotted is a label filled up with dots. One that leaves no room for them has a blank or nothing.
var dotted = regexp.MustCompile(`^[ \t]{1,12}(\S.{0,80}?)(?: {0,2}\.)+ ?[:：](?:\s+(.*?))?\s*$`)

var macForm = regexp.MustCompile(`^[0-9A-Fa-f]{2}(?:[-:][0-9A-Fa-f]{2}){5,7}$`)

func ipconfig() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindIPConfig, Sniff: sniffIPConfig, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		return machines(in, parseIPConfig(in.Lines))
	}}
}

func sniffIPConfig(_ string, head []byte) int {
	if !bytes.Contains(head[:min(len(head), sampleSize)], []byte(". . . :")) {
		return 0
	}
	for _, m := range parseIPConfig(sample(head)) {
		if m.Host.Line > 0 {
			return 90
		}
		for _, a := range m.Adapters {
			if a.MAC != "" || len(a.Addresses) > 0 {
				return 85
			}
		}
	}
	return 0
}

// dottedLabel is a label with its values.
type dottedLabel struct {
	values []string // "" alone if there is none
	line   int      // of the first value; the others are in the lines below
}

// parseIPConfig reads the output of each run in a text.
func parseIPConfig(lines []string) []Machine {
	var list []Machine
	var block []dottedLabel
	name, nameLine := "", 0 // of the open adapter, "" in the machine's block
	inMachine := false      // the open block is the machine's
	begun := false          // the tool ran once more, and nothing of that run was read
	start := 0
	flush := func() {
		defer func() { block = nil }()
		if len(block) == 0 {
			return
		}
		if begun || len(list) == 0 {
			list, begun = append(list, Machine{Line: start}), false
		}
		m := &list[len(list)-1]
		if inMachine {
			m.dottedHead(block)
		} else if len(m.Adapters) < maxAdapters {
			a := Adapter{Name: name, Line: nameLine}
			a.dotted(block)
			m.Adapters = append(m.Adapters, a)
		}
	}
	for i, line := range lines {
		if len(list) >= maxEntries/100 {
			break
		}
		if m := dotted.FindStringSubmatch(line); m != nil {
			if len(block) < 256 {
				block = append(block, dottedLabel{values: []string{trim(m[2])}, line: i + 1})
			}
			continue
		}
		switch {
		case trim(line) == "":
		case indent(line) > 12 && len(block) > 0: // a further value
			if b := &block[len(block)-1]; i+1 == b.line+len(b.values) && len(b.values) < 256 {
				b.values = append(b.values, trim(line))
			}
		case !startsBlank(line):
			flush()
			if t := trimRight(line); strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") {
				inMachine, name, nameLine = false, strings.TrimRight(t, ":： \u00a0"), i+1
			} else {
				inMachine, begun, name, start = true, true, "", i+1
			}
		}
	}
	flush()
	return list
}

// dottedHead reads the machine's block.
func (m *Machine) dottedHead(block []dottedLabel) {
	m.Host = hostName(block[0].values[0], block[0].line)
	if len(block) > 1 {
		if s := block[1].values[0]; isComputerName(s) && !isIP(s) {
			m.Domain = Stated{s, block[1].line}
		}
	}
	for _, b := range block[min(len(block), 5):] {
		for i, s := range b.values {
			if isComputerName(s) && strings.Contains(s, ".") && !isIP(s) {
				m.Suffixes = append(m.Suffixes, Stated{s, b.line + i})
			}
		}
	}
}

// dotted reads an adapter's block.
func (a *Adapter) dotted(block []dottedLabel) {
	if s := block[0].values[0]; isComputerName(s) && strings.Contains(s, ".") && !isIP(s) {
		a.Suffix = Stated{s, block[0].line}
	}
	masked := false  // an address with a mask was read: the gateway is to come
	gateway := false // it was
	lease := 0       // labels between with another text: when a lease began and when it ends
	server := false  // the server of the lease was read
	for i := range block {
		b := &block[i]
		var ips []netip.Addr
		for _, v := range b.values {
			if ip, ok := looseIP(v); ok {
				ips = append(ips, ip)
			}
		}
		bits := -1
		if i+1 < len(block) {
			bits = dottedMask(block[i+1].values[0])
		}
		switch {
		case macForm.MatchString(b.values[0]):
			if a.MAC == "" {
				a.MAC = b.values[0]
			}
		case i > 0 && len(ips) > 0 && ips[0].Is4() && dottedMask(b.values[0]) >= 0 && masked && !gateway: // the mask itself
		case len(ips) > 0 && !gateway && (ips[0].Is4() && bits >= 0 || ips[0].Is6() && !masked):
			if ips[0].Is6() {
				bits = -1
			}
			for j, ip := range ips {
				if len(a.Addresses) < maxAdapters {
					a.Addresses = append(a.Addresses, AdapterAddress{IP: ip, Bits: bits, Line: b.line + j})
				}
			}
			masked = masked || ips[0].Is4()
		case masked && !gateway && (len(ips) > 0 || b.values[0] == ""):
			gateway = true
			a.Gateways = ips
		case masked && !gateway:
			lease++
		case gateway && len(ips) > 0 && lease > 0 && !server:
			server = true
		case gateway && len(ips) > 0 && a.DNSServers == nil:
			a.DNSServers = ips
		}
	}
}

// dottedMask returns the bits of a mask as ipconfig prints it, -1 if it is none: an address that begins with ones.
func dottedMask(s string) int {
	if !strings.Contains(s, ".") || !strings.HasPrefix(s, "255.") && s != "0.0.0.0" && s != "128.0.0.0" && s != "192.0.0.0" && s != "224.0.0.0" && s != "240.0.0.0" && s != "248.0.0.0" && s != "252.0.0.0" && s != "254.0.0.0" {
		return -1
	}
	return maskBits(s)
}
