package extract

// msinfo32 /report: a head with the time and the computer, then sections in brackets with a line of heads and lines of items, cut by tabs.
//
//	System Information report written at: 01/08/11 20:16:41
//	System Name: PC1
//	[System Summary]
//
//	Item	Value
//	OS Name	Microsoft Windows 7 Enterprise
//	Version	6.1.7601 Service Pack 1 Build 7601
//	…
//	[Adapter]
//
//	Item	Value
//	Name	[00000007] Intel(R) PRO/1000
//	IP Address	10.1.0.1, fe80::1
//	IP Subnet	255.255.255.0, 64
//	Default IP Gateway	10.1.0.254
//	MAC Address	00:11:22:33:44:55
//
// All words are translated. The head's second line names the computer, the version is the first value of its form, and addresses are a list of them that
// a list of as many masks and prefix lengths follows.

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

var (
	msinfoHead    = regexp.MustCompile(`^\x{feff}?[^\s\t\[][^\t]{0,80}?[:：]\s*(\S.*?)\s*$`)
	msinfoSection = regexp.MustCompile(`^\[([^\]\t]{1,100})\]\s*$`)
)

func msinfo() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindMSInfo, Sniff: sniffMSInfo, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		start, ok := msinfoStart(in.Lines)
		if !ok {
			return nil, nil
		}
		return machines(in, []Machine{parseMSInfo(in.Lines, start)})
	}}
}

func sniffMSInfo(_ string, head []byte) int {
	if _, ok := msinfoStart(headLines(head[:min(len(head), 2<<10)])); ok {
		return 90
	}
	return 0
}

// msinfoStart finds the head: two lines with a colon, the second with a computer's name behind it, then a section, its heads and an item.
func msinfoStart(lines []string) (int, bool) {
	for i := 0; i+1 < len(lines) && i < 5; i++ {
		if trim(lines[i]) == "" {
			continue
		}
		a, b := msinfoHead.FindStringSubmatch(lines[i]), msinfoHead.FindStringSubmatch(lines[i+1])
		if a == nil || b == nil || hostName(b[1], i+2).Line == 0 {
			return 0, false
		}
		section := false
		for _, l := range lines[i+2 : min(len(lines), i+10)] {
			section = section || msinfoSection.MatchString(l)
			if section && strings.Contains(l, "\t") {
				return i, true
			}
		}
		return 0, false
	}
	return 0, false
}

// parseMSInfo reads a report whose head begins at line i.
func parseMSInfo(lines []string, i int) Machine {
	m := Machine{Line: i + 1}
	if b := msinfoHead.FindStringSubmatch(lines[i+1]); b != nil {
		m.Host = hostName(b[1], i+2)
	}
	section := Stated{}
	for ; i < len(lines); i++ {
		if s := msinfoSection.FindStringSubmatch(lines[i]); s != nil {
			section = Stated{s[1], i + 1}
			continue
		}
		_, value, ok := strings.Cut(lines[i], "\t")
		if !ok {
			continue
		}
		value = trim(value)
		if m.Version.Line == 0 && isWindowsVersion(value) {
			m.Version = Stated{value, i + 1}
			continue
		}
		ips := msinfoAddresses(value)
		if len(ips) == 0 || i+1 >= len(lines) || len(m.Adapters) == maxAdapters {
			continue
		}
		_, next, _ := strings.Cut(lines[i+1], "\t")
		masks := strings.Split(next, ",")
		if len(masks) != len(ips) {
			continue
		}
		a := Adapter{Name: section.Text, Line: section.Line}
		for j, ip := range ips {
			bits := msinfoBits(trim(masks[j]), ip)
			if bits < 0 {
				a.Addresses = nil
				break
			}
			a.Addresses = append(a.Addresses, AdapterAddress{IP: ip, Bits: bits, Line: i + 1})
		}
		if a.Addresses == nil {
			continue
		}
		if i+2 < len(lines) {
			_, gateway, _ := strings.Cut(lines[i+2], "\t")
			a.Gateways = msinfoAddresses(gateway)
		}
		for j := i + 1; j < min(len(lines), i+8) && trim(lines[j]) != ""; j++ {
			if _, mac, _ := strings.Cut(lines[j], "\t"); macForm.MatchString(strings.Trim(trim(mac), "\u200e\u202a\u202c")) {
				a.MAC = strings.Trim(trim(mac), "\u200e\u202a\u202c")
			}
		}
		m.Adapters = append(m.Adapters, a)
	}
	return m
}

// msinfoAddresses reads a list of addresses, nil if a part of it is none.
func msinfoAddresses(s string) []netip.Addr {
	if len(s) > 8<<10 {
		return nil
	}
	var out []netip.Addr
	for part := range strings.SplitSeq(s, ",") {
		ip, ok := looseIP(part)
		if !ok {
			return nil
		}
		out = append(out, ip)
	}
	return out
}

// msinfoBits reads the mask or the prefix length of an address, -1 if it is none.
func msinfoBits(s string, ip netip.Addr) int {
	if ip.Is4() && strings.Contains(s, ".") {
		return dottedMask(s)
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > ip.BitLen() {
		return -1
	}
	return n
}
