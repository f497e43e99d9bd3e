package extract

// Tables of a DNS check: for each computer of a list the address that its name resolves to, the name that the address resolves to, and what the
// script that asked makes of it. In a console's columns, with the blanks that aligned them or without, or as CSV:
//
//	Name IP       Reverse Status              "Name","IP","Reverse","Status"
//	---- --       ------- ------              "xyz2","-","-","Could not Resolve IP"
//	xyz1 10.1.0.1 abc5    IP registered to another system
//	xyz2 -        -       Could not Resolve IP
//	xyz3 10.1.0.3 xyz3    OK
//	xyz4 10.1.0.4 -       IP Address not found in reverse zone
//
// The outcome follows from the first three columns alone, so that a status in another language is no loss; where the status is one of the four
// known ones and says otherwise, the row is marked.

import (
	"net/netip"
	"strings"

	"casebook/ingest"
)

// DNSOutcome is what the forward and the reverse lookup of a computer came to.
type DNSOutcome string

// The outcomes.
const (
	DNSOK         DNSOutcome = "ok"         // the address resolves back to the computer
	DNSUnresolved DNSOutcome = "unresolved" // the name has no address
	DNSOther      DNSOutcome = "other"      // the address resolves to another computer
	DNSNoReverse  DNSOutcome = "no-reverse" // the address resolves to nothing
)

// DNSCheck is a table of lookups.
type DNSCheck struct {
	Rows []DNSCheckRow // in the order of the text
}

// DNSCheckRow is a computer.
type DNSCheckRow struct {
	Name    string     // as written
	IP      netip.Addr // the zero Addr if the name has none
	Reverse string     // the name that the address resolves to, as written; "" if none
	Status  string     // as written
	Outcome DNSOutcome // by the three columns
	Differs bool       // the status is one of the known ones and means another outcome
	Line    int
}

// dnsStatus maps the known statuses, as plainName makes them, to outcomes.
var dnsStatus = map[string]DNSOutcome{
	"ok": DNSOK, "couldnotresolveip": DNSUnresolved, "ipregisteredtoanothersystem": DNSOther, "ipaddressnotfoundinreversezone": DNSNoReverse,
}

func dnsCheck() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindDNSCheck, Sniff: sniffDNSCheck, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		c, cut := parseDNSCheck(in.Lines)
		var problems []ingest.Problem
		if cut > 0 {
			problems = append(problems, problem(in, "line %d: the first %d rows are kept", cut, maxEntries))
		}
		if len(c.Rows) == 0 {
			return nil, problems
		}
		return c, problems
	}}
}

func sniffDNSCheck(_ string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 {
		return 0
	}
	if c, _ := parseDNSCheck(lines); len(c.Rows) > 0 {
		return 85
	}
	return 0
}

// parseDNSCheck reads all tables of the text, and the line at which there were too many rows, 0 if there were not.
func parseDNSCheck(lines []string) (*DNSCheck, int) {
	c := &DNSCheck{}
	tables, cut := readTables(lines)
	for i := range tables {
		c.Rows = append(c.Rows, tables[i].dnsRows(lines)...)
	}
	if len(c.Rows) > 0 {
		return c, cut
	}
	// Without heads, and without columns: what is left is the order of the words.
	var rows []DNSCheckRow
	for i, line := range lines {
		if f := words(line, 4); len(f) == 4 {
			if r, ok := newDNSRow(f[0], f[1], f[2], f[3], i+1); ok {
				if rows = append(rows, r); len(rows) == maxEntries {
					cut = i + 2
					break
				}
			}
		}
	}
	if spoken(rows) {
		c.Rows = rows
	}
	return c, cut
}

// dnsRows reads a table, nil if it is none of a DNS check.
func (t *table) dnsRows(lines []string) []DNSCheckRow {
	name, ip, reverse, status := t.find("name", "computer", "host", "hostname", "system"), t.find("ip", "ipaddress", "address"), t.find("reverse", "reversename", "ptr"), t.find("status")
	rows := t.Rows
	headed := name >= 0 && ip >= 0 && reverse >= 0 && status >= 0
	if !headed {
		if len(t.Head) < 4 {
			return nil
		}
		rows = t.all()
		name, ip, reverse, status = 0, 1, 2, 3
		if n, i, r, s, ok := t.dnsColumns(rows); ok {
			name, ip, reverse, status = n, i, r, s
		}
	}
	var out []DNSCheckRow
	for i := range rows {
		r := &rows[i]
		row, ok := newDNSRow(unquote(r.cell(name)), unquote(r.cell(ip)), unquote(r.cell(reverse)), unquote(r.cell(status)), r.line(ip))
		if f := words(lines[r.Line-1], 4); !ok && t.Marked && !t.List && len(f) == 4 { // a row that is not aligned as the others are
			row, ok = newDNSRow(f[0], f[1], f[2], f[3], r.Line)
		}
		if ok {
			out = append(out, row)
		}
	}
	if !headed && !spoken(out) {
		return nil
	}
	return out
}

// dnsColumns tells the columns of a table whose heads are in another language by what is in them: known statuses, addresses, names in every row,
// and names in some; ok is false if they can't be told.
func (t *table) dnsColumns(rows []tableRow) (name, ip, reverse, status int, ok bool) {
	name, ip, reverse, status = -1, -1, -1, -1
	rows = rows[:min(len(rows), sampleRows)]
	for c := range min(len(t.Head), maxColumns) {
		statuses, addresses, names, empty := 0, 0, 0, 0
		for i := range rows {
			switch cell := unquote(rows[i].cell(c)); {
			case cell == "" || cell == "-" || cell == "–":
				empty++
			case dnsStatus[plainName(cell)] != "":
				statuses++
			case isAddress(cell):
				addresses++
			case isComputerName(cell):
				names++
			}
		}
		all := len(rows) - 1 // one of them may be the head
		switch {
		case status < 0 && statuses > 0 && statuses >= all:
			status = c
		case ip < 0 && addresses > 0 && addresses+empty >= all:
			ip = c
		case name < 0 && names >= all && empty == 0:
			name = c
		case reverse < 0 && empty > 0 && names+empty >= all:
			reverse = c
		}
	}
	return name, ip, reverse, status, name >= 0 && ip >= 0 && reverse >= 0 && status >= 0
}

// isAddress reports whether s is an IP address.
func isAddress(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

// newDNSRow reads a row; ok is false if it is none.
func newDNSRow(name, ip, reverse, status string, line int) (r DNSCheckRow, ok bool) {
	none := func(s string) bool { return s == "" || s == "-" || s == "–" }
	if !isComputerName(name) || none(status) || len(status) > 200 {
		return r, false
	}
	r = DNSCheckRow{Name: name, Status: status, Line: line}
	if !none(ip) {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return r, false
		}
		r.IP = addr.Unmap()
	}
	if !none(reverse) {
		if !isComputerName(reverse) {
			return r, false
		}
		r.Reverse = reverse
	}
	switch {
	case !r.IP.IsValid():
		r.Outcome = DNSUnresolved
	case r.Reverse == "":
		r.Outcome = DNSNoReverse
	case strings.EqualFold(hostLabel(r.Name), hostLabel(r.Reverse)):
		r.Outcome = DNSOK
	default:
		r.Outcome = DNSOther
	}
	said, known := dnsStatus[plainName(status)]
	r.Differs = known && said != r.Outcome
	return r, true
}

// hostLabel returns a computer's name without its domain.
func hostLabel(name string) string {
	label, _, _ := strings.Cut(name, ".")
	return label
}

// spoken reports whether rows without heads are those of a DNS check: most statuses are known ones, or each status has one outcome and three
// outcomes at least are there.
func spoken(rows []DNSCheckRow) bool {
	known := 0
	outcome := map[string]DNSOutcome{}
	seen := map[DNSOutcome]bool{}
	for _, r := range rows {
		if dnsStatus[plainName(r.Status)] != "" {
			known++
		}
		if o, ok := outcome[r.Status]; ok && o != r.Outcome {
			outcome[r.Status] = ""
		} else if !ok {
			outcome[r.Status] = r.Outcome
		}
		seen[r.Outcome] = true
	}
	if known > 0 && known*2 >= len(rows) {
		return true
	}
	for _, o := range outcome {
		if o == "" {
			return false
		}
	}
	return len(seen) >= 3 && len(outcome) == len(seen)
}
