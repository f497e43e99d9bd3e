package extract

// Lists of computers, as scripts take them: a name a line, or a hosts file (%SystemRoot%\System32\drivers\etc\hosts): an address and names, # begins a
// comment.
//
//	pc1                      10.1.0.1   pc1.corp.example.com  pc1   # printer room
//	pc2.corp.example.com
//
// A word a line may be a list of anything. It is taken for computers only if the file's name says so, or if the words are names of one domain.

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"casebook/ingest"
)

// HostList is a list of computers.
type HostList struct {
	Hosts []ListedHost // in the order of the text
	Open  bool         // the last one's line has no end, so that its name may be cut off
}

// ListedHost is a computer of a list.
type ListedHost struct {
	Name string     // as written
	IP   netip.Addr // of a hosts file; else the zero Addr
	Line int
}

// hostListName are the names of files that hold such lists.
var hostListName = regexp.MustCompile(`^(?:sys|systems?|computers?|computerlist|hosts?|hostnames?|hostlist|machines?|machinelist|clients?|servers?|serverlist|pcs?|workstations?|targets?|rechner|rechnerliste|names?|namen|liste?|adcomputers?|devices?|nodes?|stale)[-_0-9a-z]{0,20}(?:\.(?:txt|csv|lst|list))?$`)

func hostList() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindHosts, Sniff: sniffHostList, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		l, bad, badLine := parseHostList(in.Lines)
		var problems []ingest.Problem
		if bad > 0 {
			problems = append(problems, problem(in, "%d lines name no computer, the first is line %d", bad, badLine))
		}
		if len(l.Hosts) == maxEntries {
			problems = append(problems, problem(in, "the first %d computers are kept", maxEntries))
		}
		if len(l.Hosts) == 0 {
			return nil, problems
		}
		l.Open = in.Open && l.Hosts[len(l.Hosts)-1].Line == len(in.Lines)
		return l, problems
	}}
}

func sniffHostList(name string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 {
		return 0
	}
	l, bad, _ := parseHostList(lines)
	addresses, letters := 0, 0
	domains := map[string]int{}
	for _, h := range l.Hosts {
		if h.IP.IsValid() {
			addresses++
		}
		if strings.ContainsFunc(h.Name, func(r rune) bool { return r > '9' }) {
			letters++
		}
		if _, domain, ok := strings.Cut(strings.ToLower(h.Name), "."); ok && strings.Contains(domain, ".") && strings.Trim(domain, "0123456789.") != "" {
			domains[domain]++
		}
	}
	most := 0
	for _, n := range domains {
		most = max(most, n)
	}
	n := len(l.Hosts)
	switch {
	case n == 0 || bad*10 > n || letters*2 < n:
		return 0
	case addresses == n && (n > 1 || name == "hosts"):
		return 70
	case addresses > 0:
		return 0
	case hostListName.MatchString(name), n >= 2 && bad == 0 && most*10 >= n*8:
		return 50
	}
	return 0
}

// parseHostList reads all lines, and how many are neither computers nor comments, with the first such line.
func parseHostList(lines []string) (l *HostList, bad, badLine int) {
	l = &HostList{}
	first := true
	for i, line := range lines {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\x00\x1a"), "#")
		line = trim(strings.Trim(trim(line), `",`))
		if line == "" || strings.HasPrefix(line, ";") {
			continue
		}
		head := first && slices.Contains(hostHeads, plainName(line)) || first && plainName(line) == "name"
		first = false
		if head {
			continue
		}
		if len(l.Hosts) == maxEntries {
			break
		}
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if ip, err := netip.ParseAddr(f[0]); err == nil && len(f) > 1 {
			for _, name := range f[1:] {
				if isComputerName(name) && len(l.Hosts) < maxEntries {
					l.Hosts = append(l.Hosts, ListedHost{Name: name, IP: ip, Line: i + 1})
				}
			}
			continue
		}
		if len(f) == 1 && isComputerName(f[0]) {
			l.Hosts = append(l.Hosts, ListedHost{Name: f[0], Line: i + 1})
			continue
		}
		if bad++; bad == 1 {
			badLine = i + 1
		}
	}
	return l, bad, badLine
}
