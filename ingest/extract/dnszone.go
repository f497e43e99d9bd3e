package extract

// DNS zones as text: master files (RFC 1035, section 5; RFC 2308 for $TTL), the .dns files of Windows' DNS server (%SystemRoot%\System32\dns), what
// dnscmd /ZoneExport, /ZonePrint and /EnumRecords print, and PowerShell's Get-DnsServerResourceRecord. Forward zones map names to addresses, reverse
// zones (in-addr.arpa, ip6.arpa) addresses to names.
//
//	;  Database file corp.example.com.dns for corp.example.com zone.
//	$ORIGIN corp.example.com.
//	@                       IN  SOA dc1 hostmaster ( 42 900 600 86400 3600 )
//	pc1  [AGE:3571243] 1200 A   10.1.0.1        the age: hours since 1601-01-01 00:00 UTC at the last refresh
//	                   1200 A   10.1.1.1        the same owner
//	4                       PTR pc1.corp.example.com.
//
// A record is read by the module github.com/miekg/dns; which lines it stands in, which owner and origin it has, and which records are not
// read is settled here, so that one bad record costs no other and each has its line. $INCLUDE is not followed and $GENERATE not expanded.

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"casebook/ingest"
)

// The bounds of one record.
const (
	maxZoneLines = 256
	maxZoneBytes = 64 << 10
)

// unknownOrigin stands for the zone's name where the text doesn't tell it (RFC 2606 reserves the top-level domain).
const unknownOrigin = "unknown-origin.invalid."

// DNSZone is what a text shows of one or several zones.
type DNSZone struct {
	Origins []string    // the zones' names, in lower case without the last dot, in the order of the text; those of $ORIGIN too
	Records []DNSRecord // in the order of the text
	Cut     bool        // the text ends within a record, so that what is not in it may be in the zone
}

// DNSRecord is a resource record.
type DNSRecord struct {
	Owner     string     // absolute, in lower case, without the last dot; relative if Relative
	Relative  bool       // the zone's name is not known, and Owner is relative to it ("" is the zone itself)
	Type      string     // A, PTR …
	IP        netip.Addr // of A and AAAA; of PTR the address whose reverse name Owner is, the zero Addr if that is not known
	Target    string     // of PTR, CNAME and NS: the name, as Owner is written
	Data      string     // as the record's text form has it
	TTL       uint32     // seconds, 0 if neither the record nor the zone states it
	Refreshed time.Time  // when a dynamic record was last refreshed, to the hour in UTC; zero for a static one, or if the text doesn't show it
	Line      int        // where it begins
}

var (
	zoneRecord = regexp.MustCompile(`^(?:[^\s;$(]\S{0,254})?\s+(?:\[(?i:age|aging):\d{1,10}\]\s*)?(?:\d{1,10}\s+)?(?:(?i:in)\s+)?(?:\d{1,10}\s+)?(?:(?:(SOA|soa)\s+\S+\s+\S)|(?:A|a)\s+\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\s*(?:;.*)?$|(?:AAAA|aaaa)\s+[0-9A-Fa-f:.]{2,45}\s*(?:;.*)?$|(?:PTR|CNAME|NS|ptr|cname|ns)\s+\S+\s*(?:;.*)?$|(?:MX|SRV|mx|srv)\s+\d)`)
	zoneAge    = regexp.MustCompile(`\[(?i:age|aging):(\d{1,10})\]`)
	// ownType is a record of a type that only Windows has, or one by its number: it is whole and not read.
	ownType = regexp.MustCompile(`(?i)\s(?:wins|wins-?r|type\d+)\s+\S`)
	// zoneFile is the comment in which Windows names the zone beside its file; zoneLabel the one of dnscmd.
	zoneFile  = regexp.MustCompile(`^;.*?(\S+)\.dns\b(.*)$`)
	zoneLabel = regexp.MustCompile(`^;\s+\S+:\s+([^\s:]+\.[^\s:]+)\s*$`)
)

func dnsZone() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindDNSZone, Sniff: sniffDNSZone, Extract: extractDNSZone}
}

func sniffDNSZone(_ string, head []byte) int {
	lines := sample(head)
	records, others, marks := 0, 0, 0
	for i, l := range lines {
		switch {
		case trim(l) == "" || strings.HasPrefix(l, ";"):
		case strings.HasPrefix(l, "$ORIGIN ") || strings.HasPrefix(l, "$TTL "):
			marks++
		case zoneRecord.MatchString(l):
			records++
			if m := zoneRecord.FindStringSubmatch(l); m[1] != "" || zoneAge.MatchString(l) {
				marks++
			}
		case i+1 < len(lines) && isZoneGrid(lines, i):
			return 85
		case startsBlank(l): // within brackets, or of a type that is not looked for
		default:
			others++
		}
	}
	switch {
	case marks > 0 && records > 0 && records*4 >= others:
		return 85
	case records >= 2 && records >= others*2:
		return 70
	}
	return 0
}

// isZoneGrid reports whether line i holds the heads of Get-DnsServerResourceRecord.
func isZoneGrid(lines []string, i int) bool {
	return strings.Contains(lines[i], "HostName") && strings.Contains(lines[i], "RecordType") && strings.Contains(lines[i], "RecordData") && dashes.MatchString(lines[i+1])
}

// zoneReader reads zones line by line.
type zoneReader struct {
	in     ingest.Input
	z      DNSZone
	origin string // absolute, with the last dot
	owner  string // of the last record, absolute
	ttl    uint32

	bad, badLine      int // records that are not read
	badLast           int // the line of the last of them in a master file's form
	skipped, skipped1 int // $INCLUDE and $GENERATE
}

func extractDNSZone(in ingest.Input) (any, []ingest.Problem) {
	r := &zoneReader{in: in}
	r.fromName()
	var problems []ingest.Problem
	for i := 0; i < len(in.Lines); i++ {
		if len(r.z.Records) >= maxEntries {
			problems = append(problems, problem(in, "line %d: the first %d records are kept", i+1, maxEntries))
			break
		}
		if i+1 < len(in.Lines) && isZoneGrid(in.Lines, i) {
			i = r.grid(i)
			continue
		}
		i = r.line(i)
	}
	if n := len(r.z.Records); in.Open && n > 1 && r.cutName(in.Lines[len(in.Lines)-1]) {
		r.z.Cut, r.z.Records = true, r.z.Records[:n-1]
	}
	if r.bad > 0 {
		problems = append(problems, problem(in, "%d records of the zone could not be read, the first is line %d", r.bad, r.badLine))
		r.z.Cut = r.badLast > 0 && trim(strings.Join(in.Lines[r.badLast:], "")) == "" && !ownType.MatchString(in.Lines[r.badLast-1])
		if r.z.Cut {
			problems = append(problems, problem(in, "line %d: the text ends within a record, so that what it lacks may be in the zone", r.badLast))
		}
	}
	if r.skipped > 0 {
		problems = append(problems, problem(in, "%d $INCLUDE and $GENERATE directives are not carried out, the first is line %d", r.skipped, r.skipped1))
	}
	if len(r.z.Records) == 0 {
		return nil, problems
	}
	return &r.z, problems
}

// cutName reports whether the last record, of the text's last line, is a name that lost its end: all others end in the dot of an absolute name.
func (r *zoneReader) cutName(line string) bool {
	last := &r.z.Records[len(r.z.Records)-1]
	if last.Target == "" || last.Line != len(r.in.Lines) || strings.HasSuffix(trimRight(line), ".") {
		return false
	}
	for i := range r.z.Records[:len(r.z.Records)-1] {
		if o := &r.z.Records[i]; o.Type == last.Type && !strings.HasSuffix(trimRight(r.in.Lines[o.Line-1]), ".") {
			return false
		}
	}
	return true
}

// fromName takes the origin from the member's name: Windows calls a zone's file as the zone and .dns.
func (r *zoneReader) fromName() {
	if r.in.Artifact == nil {
		return
	}
	name := strings.ToLower(r.in.Artifact.Path[strings.LastIndexByte(r.in.Artifact.Path, '/')+1:])
	if zone, ok := strings.CutSuffix(name, ".dns"); ok && strings.Contains(zone, ".") && isComputerName(zone) {
		r.setOrigin(zone)
	}
}

// setOrigin makes a name the origin of what follows.
func (r *zoneReader) setOrigin(name string) {
	if name != "." && !isComputerName(strings.TrimSuffix(name, ".")) && !strings.Contains(name, "/") {
		return
	}
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	r.origin = strings.ToLower(name)
	if shown := strings.TrimSuffix(r.origin, "."); len(r.z.Origins) < 1000 && (len(r.z.Origins) == 0 || r.z.Origins[len(r.z.Origins)-1] != shown) {
		r.z.Origins = append(r.z.Origins, shown)
	}
}

// line reads the record or directive that begins at line i, and returns the index of its last line.
func (r *zoneReader) line(i int) int {
	line := strings.TrimRight(r.in.Lines[i], "\x00\x1a")
	switch {
	case trim(line) == "":
		return i
	case strings.HasPrefix(trimLeft(line), ";"):
		r.comment(trimLeft(line))
		return i
	case strings.HasPrefix(line, "$"):
		r.directive(line, i)
		return i
	}
	text, last, ok := r.record(i)
	before := r.bad
	if ok {
		r.add(text, i+1)
	} else {
		r.fail(i)
		last = i
	}
	if r.bad > before {
		r.badLast = last + 1
	}
	return last
}

// fail counts a record that is not read.
func (r *zoneReader) fail(i int) {
	if r.bad++; r.bad == 1 {
		r.badLine = i + 1
	}
}

// comment looks for the zone's name in a comment, unless it is known.
func (r *zoneReader) comment(line string) {
	if r.origin != "" {
		return
	}
	if m := zoneFile.FindStringSubmatch(line); m != nil {
		for w := range strings.FieldsSeq(m[2]) {
			if strings.EqualFold(strings.Trim(w, `."'`), m[1]) {
				r.setOrigin(m[1])
				return
			}
		}
	}
	if m := zoneLabel.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "/") {
		if _, err := netip.ParseAddr(m[1]); err != nil {
			r.setOrigin(m[1])
		}
	}
}

// directive reads a line that begins with $.
func (r *zoneReader) directive(line string, i int) {
	line, _, _ = strings.Cut(line, ";")
	f := strings.Fields(line)
	switch strings.ToUpper(f[0]) {
	case "$ORIGIN":
		if len(f) > 1 {
			name := f[1]
			if !strings.HasSuffix(name, ".") && r.origin != "" && r.origin != "." && !strings.HasSuffix(strings.ToLower(name)+".", r.origin) {
				name += "." + r.origin
			}
			r.setOrigin(name)
		}
	case "$TTL":
		if len(f) > 1 {
			if n, err := strconv.ParseUint(f[1], 10, 32); err == nil {
				r.ttl = uint32(n)
			}
		}
	default:
		if r.skipped++; r.skipped == 1 {
			r.skipped1 = i + 1
		}
	}
}

// record joins the lines of the record that begins at line i: brackets let it go on in the next ones. Comments and brackets are removed. It
// returns the index of the last line; ok is false if a bracket is not closed.
func (r *zoneReader) record(i int) (text string, last int, ok bool) {
	var b strings.Builder
	depth := 0
	for last = i; last < len(r.in.Lines) && last-i < maxZoneLines && b.Len() < maxZoneBytes; last++ {
		line := strings.TrimRight(r.in.Lines[last], "\x00\x1a")
		quoted, escaped := false, false
	scan:
		for _, c := range []byte(line) {
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == ';':
				break scan
			case c == '(':
				depth++
				c = ' '
			case c == ')':
				depth--
				c = ' '
			}
			b.WriteByte(c)
		}
		if depth <= 0 {
			return b.String(), last, depth == 0
		}
		b.WriteByte(' ')
	}
	return "", i, false
}

// add reads a joined record that begins in the given line.
func (r *zoneReader) add(text string, line int) {
	owner := ""
	if !startsBlank(text) {
		owner, text = text, ""
		if i := strings.IndexFunc(owner, isBlank); i >= 0 {
			owner, text = owner[:i], owner[i:]
		}
	}
	refreshed := time.Time{}
	if m := zoneAge.FindStringSubmatchIndex(text); m != nil {
		refreshed = zoneTime(text[m[2]:m[3]])
		text = text[:m[0]] + " " + text[m[1]:]
	}
	origin := r.origin
	if origin == "" {
		origin = unknownOrigin
	}
	switch {
	case owner == "@":
		owner = origin
	case owner == "":
		if owner = r.owner; owner == "" {
			owner = origin
		}
	case !strings.HasSuffix(owner, "."):
		owner += "." + strings.TrimPrefix(origin, ".")
	}
	if trim(text) == "" {
		r.fail(line - 1)
		return
	}
	zp := dns.NewZoneParser(strings.NewReader(owner+" "+trim(text)+"\n"), origin, "")
	zp.SetDefaultTTL(r.ttl)
	rr, ok := zp.Next()
	if !ok || rr == nil || zp.Err() != nil {
		r.fail(line - 1)
		return
	}
	h := rr.Header()
	r.owner = h.Name
	x := DNSRecord{Type: dns.TypeToString[h.Rrtype], TTL: h.Ttl, Refreshed: refreshed, Line: line, Data: trim(strings.TrimPrefix(rr.String(), h.String()))}
	x.Owner, x.Relative = zoneName(h.Name)
	switch v := rr.(type) {
	case *dns.SOA:
		if r.origin == "" && !x.Relative {
			r.setOrigin(h.Name)
		}
	case *dns.A:
		x.IP, _ = netip.AddrFromSlice(v.A.To4())
	case *dns.AAAA:
		x.IP, _ = netip.AddrFromSlice(v.AAAA)
	case *dns.PTR:
		x.Target, _ = zoneName(v.Ptr)
		x.IP = reverseAddr(x.Owner)
	case *dns.CNAME:
		x.Target, _ = zoneName(v.Target)
	case *dns.NS:
		x.Target, _ = zoneName(v.Ns)
	}
	x.Data = strings.ReplaceAll(x.Data, "."+unknownOrigin, "")
	r.z.Records = append(r.z.Records, x)
}

// grid reads the table of Get-DnsServerResourceRecord whose heads stand in line i, and returns the index of its last line. What is too long for its column
// ends in dots and is not read.
func (r *zoneReader) grid(i int) int {
	cols := spans(r.in.Lines[i+1])
	head := cells(r.in.Lines[i], cols)
	t := table{Head: head}
	name, kind, data, ttl := t.find("hostname"), t.find("recordtype"), t.find("recorddata"), t.find("timetolive")
	j := i + 2
	for ; j < len(r.in.Lines) && trim(r.in.Lines[j]) != "" && len(r.z.Records) < maxEntries; j++ {
		row := tableRow{Cells: cells(r.in.Lines[j], cols)}
		owner, text := row.cell(name), row.cell(data)
		if strings.HasSuffix(owner, "...") || strings.HasSuffix(text, "...") || owner == "" || text == "" {
			r.fail(j)
			continue
		}
		if k := row.cell(kind); k == "A" || k == "AAAA" || k == "PTR" || k == "CNAME" || k == "NS" {
			r.add(owner+" "+gridTTL(row.cell(ttl))+" "+k+" "+text, j+1)
		}
	}
	return j - 1
}

// gridTTL turns .NET's hh:mm:ss into seconds, "" if it is of another form.
func gridTTL(s string) string {
	d, err := time.Parse("15:04:05", s)
	if err != nil {
		return ""
	}
	return strconv.Itoa(d.Hour()*3600 + d.Minute()*60 + d.Second())
}

// zoneTime turns hours since 1601 into a time; 0 is a static record.
func zoneTime(hours string) time.Time {
	n, err := strconv.ParseInt(hours, 10, 64)
	if err != nil || n == 0 || n > 8_000_000 { // beyond the year 2500
		return time.Time{}
	}
	return time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(n/24)).Add(time.Duration(n%24) * time.Hour)
}

// zoneName writes an absolute name without its last dot, and without an unknown origin.
func zoneName(name string) (shown string, relative bool) {
	name = strings.ToLower(name)
	if name == unknownOrigin {
		return "", true
	}
	if s, ok := strings.CutSuffix(name, "."+unknownOrigin); ok {
		return s, true
	}
	return strings.TrimSuffix(name, "."), false
}

// reverseAddr returns the address whose reverse name (RFC 1035, section 3.5; RFC 3596) this is, the zero Addr if it is none.
func reverseAddr(name string) netip.Addr {
	if s, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		parts := strings.Split(s, ".")
		if len(parts) != 4 {
			return netip.Addr{}
		}
		ip, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
		if err != nil {
			return netip.Addr{}
		}
		return ip
	}
	s, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(s) != 63 {
		return netip.Addr{}
	}
	var ip [16]byte
	for i := range 32 {
		d, err := strconv.ParseUint(s[62-2*i:63-2*i], 16, 8)
		if err != nil || i < 31 && s[61-2*i] != '.' {
			return netip.Addr{}
		}
		ip[i/2] |= byte(d) << (4 * (1 - i%2))
	}
	return netip.AddrFrom16(ip)
}
