package extract

// What nslookup prints. First the server that was asked, then for each query a name with its addresses, or a line of asterisks that says why
// there is none:
//
//	Server:  dc1.corp.example.com          Server:  dc1.corp.example.com
//	Address:  10.1.0.53                    Address:  10.1.0.53
//
//	Name:    pc1.corp.example.com          *** dc1.corp.example.com can't find pc9: Non-existent domain
//	Addresses:  2001:db8::1
//	          10.1.0.1
//
// The words before the colons are translated, so it is the order that tells: a name and an address follow each other, and the server is the pair
// that comes first. A reverse lookup prints the same: the name found and the address asked for. Asterisks are printed in every language, with the
// server's name before the one that was asked for. Other systems' nslookup differs in tabs, in the port behind the server's address and in two
// asterisks for three.

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"casebook/ingest"
)

// Nslookup is what nslookup printed.
type Nslookup struct {
	Answers []NslookupAnswer // in the order of the text
}

// NslookupAnswer is the answer to a query.
type NslookupAnswer struct {
	Query     string       // what was asked for: by the command, else by the message of a failure, else ""
	Server    string       // who answered, "" if the text doesn't show it
	ServerIP  netip.Addr   // its address
	Name      string       // that was found, "" if none was
	Addresses []netip.Addr // that were found
	Failed    bool         // there is no answer: Message says why
	TimedOut  bool         // the server did not answer within nslookup's time, so that nothing is known of the name
	Message   string       // of a failure, in the tool's language
	Line      int          // of the name, or of the message
}

var (
	nslookupPair    = regexp.MustCompile(`^([^\s:*>][^:*]{0,40}?)[ \x{a0}]?[:：][ \t\x{a0}]+(\S+)\s*$`)
	nslookupTimeout = regexp.MustCompile(`^\s+\S.*\b(\d{1,4})\s+\S+\s*$`)
	nslookupPrompt  = regexp.MustCompile(`^>\s*(\S+)\s*$`)
)

func nslookup() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindNslookup, Sniff: sniffNslookup, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		n, cut := parseNslookup(in.Lines)
		var problems []ingest.Problem
		if cut > 0 {
			problems = append(problems, problem(in, "line %d: the first %d answers are kept", cut, maxEntries))
		}
		if len(n.Answers) == 0 {
			return nil, problems
		}
		return n, problems
	}}
}

// sniffNslookup wants the pair of the server: a name or a remark, and in the next line an address, as the tool prints them: flush left, with two
// blanks or a tab behind the colon.
func sniffNslookup(_ string, head []byte) int {
	lines := sample(head)
	for i := 0; i+1 < len(lines); i++ {
		if serverPair(lines, i) {
			if n, _ := parseNslookup(lines); len(n.Answers) > 0 {
				return 80
			}
			return 0
		}
	}
	return 0
}

// serverPair reports whether lines i and i+1 name a server and its address, with nothing before and a blank line or a message behind.
func serverPair(lines []string, i int) bool {
	a, b := nslookupPair.FindStringSubmatch(lines[i]), nslookupPair.FindStringSubmatch(lines[i+1])
	if a == nil || b == nil || !strings.Contains(lines[i], ":  ") && !strings.Contains(lines[i], ":\u00a0") && !strings.Contains(lines[i], ":\t") || !isComputerName(strings.Trim(a[2], "[]")) && !isIP(a[2]) || !isIP(nslookupIP(b[2])) {
		return false
	}
	if i+2 < len(lines) {
		next := lines[i+2]
		return trim(next) == "" || strings.HasPrefix(next, "*") || nslookupPair.MatchString(next)
	}
	return true
}

// isIP reports whether s is an address.
func isIP(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

// nslookupIP removes the port that other systems' nslookup prints behind #.
func nslookupIP(s string) string { s, _, _ = strings.Cut(s, "#"); return s }

// parseNslookup reads all answers, and the line at which there were too many, 0 if there were not.
func parseNslookup(lines []string) (*Nslookup, int) {
	n := &Nslookup{}
	server, query := "", ""
	var serverIP netip.Addr
	waited := false // a query timed out and nothing has come of it yet
	add := func(a NslookupAnswer) {
		a.Server, a.ServerIP = server, serverIP
		if a.Query == "" {
			a.Query = query
		}
		query, waited = "", false
		n.Answers = append(n.Answers, a)
	}
	for i := 0; i < len(lines); i++ {
		if len(n.Answers) == maxEntries {
			return n, i + 1
		}
		line := trimRight(lines[i])
		if c, ok := parseCommand(line, i+1); ok {
			query = ""
			if c.Name == "nslookup" {
				for _, arg := range c.Args {
					if !strings.HasPrefix(arg, "-") {
						query = arg
						break
					}
				}
			}
			continue
		}
		if m := nslookupPrompt.FindStringSubmatch(line); m != nil {
			query = m[1]
			continue
		}
		if strings.HasPrefix(line, "**") {
			text := trim(strings.TrimLeft(line, "*"))
			asked, about := failedName(text, server, serverIP)
			if about || asked == "" && query == "" { // the server's own name was looked for: the query is still to be answered
				continue
			}
			add(NslookupAnswer{Query: asked, Failed: true, TimedOut: waited, Message: text, Line: i + 1})
			continue
		}
		if i+1 < len(lines) && nslookupTimeout.MatchString(lines[i+1]) && strings.HasPrefix(line, "DNS ") {
			waited = true
			i++
			continue
		}
		m := nslookupPair.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if i+1 < len(lines) && serverPair(lines, i) && !n.expects(server, lines, i) {
			next := nslookupPair.FindStringSubmatch(lines[i+1])
			server, waited = m[2], false
			serverIP, _ = netip.ParseAddr(nslookupIP(next[2]))
			i++
			continue
		}
		if !isComputerName(m[2]) || isIP(m[2]) || server == "" && !serverIP.IsValid() {
			continue
		}
		a := NslookupAnswer{Name: m[2], Line: i + 1}
		for i+1 < len(lines) {
			next := trim(lines[i+1])
			if p := nslookupPair.FindStringSubmatch(lines[i+1]); p != nil {
				next = p[2]
			}
			ip, err := netip.ParseAddr(nslookupIP(next))
			if err != nil || len(a.Addresses) == 1000 {
				break
			}
			a.Addresses = append(a.Addresses, ip.Unmap())
			i++
		}
		if len(a.Addresses) > 0 {
			add(a)
		}
	}
	return n, 0
}

// expects reports whether the pair at line i is an answer: a server was named in the pair before it, a blank line or a remark behind that.
func (n *Nslookup) expects(server string, lines []string, i int) bool {
	if server == "" {
		return false
	}
	for j := i - 1; j >= max(0, i-4); j-- {
		p := nslookupPair.FindStringSubmatch(lines[j])
		switch {
		case strings.HasPrefix(lines[j], ">"), strings.HasPrefix(lines[j], "**"):
			return false
		case p != nil && isIP(nslookupIP(p[2])):
			// The address before is the server's, unless an answer stands there.
			return len(n.Answers) == 0 || n.Answers[len(n.Answers)-1].Line+len(n.Answers[len(n.Answers)-1].Addresses) < j+1
		}
		if _, ok := parseCommand(lines[j], j+1); ok {
			return false
		}
	}
	return false
}

// failedName finds the name that a message says was not found: a name before its last colon that is not the server's, "" if there is none. A
// message's own words are names too, by their form, so that only one with a dot or a digit counts, or the last word before the colon. about is true
// if the message is about the server: it has the server's address and not its name, or comes before the server is named.
func failedName(text, server string, serverIP netip.Addr) (name string, about bool) {
	if server == "" {
		return "", true
	}
	i := strings.LastIndex(text, ": ")
	if i < 0 {
		return "", false
	}
	byName, byIP := false, false
	found := slices.DeleteFunc(strings.Fields(text[:i]), func(w string) bool {
		ip, err := netip.ParseAddr(w)
		byName, byIP = byName || strings.EqualFold(w, server), byIP || err == nil && ip == serverIP
		return strings.EqualFold(w, server)
	})
	if byIP && !byName {
		return "", true
	}
	for _, w := range slices.Backward(found) {
		if w = strings.Trim(w, "\"'«»"); isIP(w) || isComputerName(w) && strings.ContainsAny(w, ".0123456789-") {
			return w, false
		}
	}
	if len(found) > 0 {
		if w := strings.Trim(found[len(found)-1], "\"'«»"); isComputerName(w) {
			return w, false
		}
	}
	return "", false
}
