package extract

// Boundaries of a Configuration Manager site, as SMS_Boundary of the site's WMI provider, the console and scripts export them: any table with a
// column of types and one of values.
//
//	DisplayName,BoundaryType,Value        BoundaryType : 3
//	Prague,3,10.1.0.1-10.1.0.254          Value        : 10.1.0.1-10.1.0.254
//	HQ,1,Default-First-Site-Name
//
// The types are 0 IP subnet (Value is the subnet's first address, without a mask), 1 Active Directory site, 2 IPv6 prefix, 3 IP range (SMS_Boundary
// server WMI class, Configuration Manager SDK; later versions have 4 for VPN). The console writes words instead, in its language: then the value's form tells
// the type, which a subnet, a prefix and a range each have of their own.

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// BoundaryType is the type of a boundary, by the numbers of SMS_Boundary.
type BoundaryType int

// The types of boundaries.
const (
	BoundaryUnknown BoundaryType = -1
	BoundarySubnet  BoundaryType = 0
	BoundaryADSite  BoundaryType = 1
	BoundaryIPv6    BoundaryType = 2
	BoundaryRange   BoundaryType = 3
	BoundaryVPN     BoundaryType = 4
)

// Boundaries is a list of boundaries.
type Boundaries struct {
	List []Boundary // in the order of the text
}

// Boundary is one boundary.
type Boundary struct {
	Type     BoundaryType // as the number says, else by the value's form
	TypeText string       // as written, "" if there is no such column
	Value    string       // as written
	Name     string       // its display name, "" if there is none
	Line     int          // of the value
	Strange  bool         // the value has not the form that its type asks for, so that it covers nothing for certain

	From, To netip.Addr   // of a range, both included
	Prefix   netip.Prefix // of a subnet whose mask is written, and of an IPv6 prefix
	Subnet   netip.Addr   // of a subnet: its first address
}

// Covers reports whether the boundary covers an address whose network has a prefix of so many bits, -1 if that is not known. known is
// false where the text does not decide it: an Active Directory site, a VPN, a value of a strange form, a subnet without a mask.
func (b *Boundary) Covers(ip netip.Addr, bits int) (covered, known bool) {
	ip = ip.Unmap().WithZone("")
	switch {
	case b.Strange || !ip.IsValid():
		return false, false
	case b.From.IsValid():
		if b.From.BitLen() != ip.BitLen() {
			return false, true
		}
		return b.From.Compare(ip) <= 0 && ip.Compare(b.To) <= 0, true
	case b.Prefix.IsValid():
		return b.Prefix.Contains(ip), true
	case b.Subnet.IsValid():
		if b.Subnet.BitLen() != ip.BitLen() {
			return false, true
		}
		network, err := ip.Prefix(bits)
		if err != nil {
			// Without the mask only this much is sure: a subnet's first address is not above those in it.
			return false, ip.Less(b.Subnet)
		}
		return network.Addr() == b.Subnet, true
	}
	return false, false
}

// boundaryWords are parts of the words that consoles print for types, in lower case, by type: the parts that tell one from the others.
var boundaryWords = []struct {
	kind  BoundaryType
	parts []string
}{
	{BoundaryVPN, []string{"vpn"}},
	{BoundaryIPv6, []string{"ipv6", "prefix", "präfix", "préfixe", "prefij", "prefiss", "префикс", "プレフィックス", "前缀"}},
	{BoundaryRange, []string{"range", "bereich", "plage", "intervall", "intervalo", "rozsah", "zakres", "диапазон", "範囲", "范围"}},
	{BoundarySubnet, []string{"subnet", "sous-réseau", "subred", "sub-rede", "podsíť", "podsieć", "undernät", "подсеть", "サブネット", "子网"}},
	{BoundaryADSite, []string{"active directory", "ad site", "adsite", "ad-", "ad_site"}},
}

var (
	boundaryNumber = regexp.MustCompile(`^[0-4]$`)
	boundaryRange  = regexp.MustCompile(`^([0-9A-Fa-f.:]{2,45})\s*[-–]\s*([0-9A-Fa-f.:]{2,45})$`)
	boundaryMasked = regexp.MustCompile(`^([0-9.]{7,15})\s*(?:/|\()\s*([0-9.]{1,15})\)?$`)
)

func boundaries() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindBoundaries, Sniff: sniffBoundaries, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		b, cut := parseBoundaries(in.Lines)
		var problems []ingest.Problem
		if tables, _ := readTables(in.Lines); len(b.List) > 0 && cutShort(in, tables) {
			in.Artifact.Truncated = true
			problems = append(problems, problem(in, "line %d: the text ends within a row, so it was cut short", len(in.Lines)))
		}
		if cut > 0 {
			problems = append(problems, problem(in, "line %d: the first %d rows are kept", cut, maxEntries))
		}
		strange, line := 0, 0
		for i := range b.List {
			if b.List[i].Strange {
				if strange++; strange == 1 {
					line = b.List[i].Line
				}
			}
		}
		if strange > 0 {
			problems = append(problems, problem(in, "%d boundaries have values that do not fit their types, the first is line %d", strange, line))
		}
		if len(b.List) == 0 {
			return nil, problems
		}
		return b, problems
	}}
}

func sniffBoundaries(_ string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 {
		return 0
	}
	if b, _ := parseBoundaries(lines); len(b.List) > 0 {
		return 80
	}
	return 0
}

// parseBoundaries reads the boundaries of all tables, and the line at which there were too many rows, 0 if there were not.
func parseBoundaries(lines []string) (*Boundaries, int) {
	b := &Boundaries{}
	tables, cut := readTables(lines)
	for i := range tables {
		b.add(&tables[i])
	}
	return b, cut
}

// add reads a table, if it is one of boundaries.
func (b *Boundaries) add(t *table) {
	kind, value := t.find("boundarytype"), t.find("value", "boundary", "boundaryvalue", "wert")
	rows := t.Rows
	if kind < 0 || value < 0 {
		rows = t.all()
		var ok bool
		if kind, value, ok = t.boundaryColumns(rows); !ok {
			return
		}
	}
	name := t.find("displayname", "description", "name", "boundaryname")
	if name == kind || name == value {
		name = -1
	}
	for i := range rows {
		r := &rows[i]
		x := newBoundary(unquote(r.cell(kind)), unquote(r.cell(value)))
		if x.Value == "" || i == 0 && r.Line == t.Line && typeOf(x.TypeText) == BoundaryUnknown { // the head
			continue
		}
		x.Name, x.Line = unquote(r.cell(name)), r.line(value)
		b.List = append(b.List, x)
	}
}

// boundaryColumns finds the columns of a table whose heads say nothing: types and values that agree in at least half of the rows.
func (t *table) boundaryColumns(rows []tableRow) (kind, value int, ok bool) {
	columns := min(len(t.Head), 32)
	rows = rows[:min(len(rows), sampleRows)]
	most := 0
	for k := range columns {
		for v := range columns {
			if v == k {
				continue
			}
			agree, sites, against, telling := 0, 0, 0, 0
			for i := range rows {
				text, form := unquote(rows[i].cell(k)), formOf(unquote(rows[i].cell(v)))
				said := typeOf(text)
				switch {
				case said == BoundaryUnknown:
				case form == BoundaryUnknown:
					if said == BoundaryADSite {
						sites++
					}
				case said == form && strings.HasPrefix(unquote(rows[i].cell(v)), "255."):
					against++ // the mask of an adapter, whose name has the word subnet in it
				case said == form:
					agree++
					if form != BoundarySubnet || !boundaryNumber.MatchString(text) { // 0 beside an address may be anything
						telling++
					}
				case said != BoundaryVPN:
					against++
				}
			}
			if telling > 0 && (agree+sites)*2 >= len(rows)-1 && against == 0 && agree > most {
				kind, value, most = k, v, agree
			}
		}
	}
	return kind, value, most > 0
}

// typeOf reads a type's number or word.
func typeOf(text string) BoundaryType {
	if boundaryNumber.MatchString(text) {
		return BoundaryType(text[0] - '0')
	}
	if len(text) > 60 {
		return BoundaryUnknown
	}
	text = strings.ToLower(text)
	for _, w := range boundaryWords {
		for _, part := range w.parts {
			if strings.Contains(text, part) {
				return w.kind
			}
		}
	}
	return BoundaryUnknown
}

// formOf tells the type by a value's form. What is no address may be the name of a site, which has no form: it is unknown.
func formOf(value string) BoundaryType {
	if len(value) < 2 || len(value) > 100 || !strings.ContainsAny(value, ".:") {
		return BoundaryUnknown
	}
	b := Boundary{}
	b.address(value)
	switch {
	case b.From.IsValid():
		return BoundaryRange
	case b.Subnet.IsValid():
		return BoundarySubnet
	case b.Prefix.IsValid():
		return BoundaryIPv6
	}
	return BoundaryUnknown
}

// newBoundary reads a type and a value.
func newBoundary(text, value string) Boundary {
	b := Boundary{TypeText: text, Value: value}
	b.address(value)
	form := formOf(value)
	b.Type = BoundaryUnknown
	if boundaryNumber.MatchString(text) {
		b.Type = typeOf(text)
	} else if form != BoundaryUnknown {
		b.Type = form
	} else if text != "" && digits(text) < len(text) {
		// A word. A value that is no address is a site's name, unless the word says otherwise.
		if b.Type = typeOf(text); b.Type == BoundaryUnknown {
			b.Type = BoundaryADSite
		}
	}
	switch b.Type {
	case BoundarySubnet, BoundaryIPv6, BoundaryRange:
		b.Strange = form != b.Type
	case BoundaryUnknown:
		b.Strange = true
	case BoundaryADSite, BoundaryVPN: // names have no form
	}
	return b
}

// address reads the addresses of a value, as far as it has any.
func (b *Boundary) address(value string) {
	if m := boundaryRange.FindStringSubmatch(value); m != nil {
		from, err1 := netip.ParseAddr(m[1])
		to, err2 := netip.ParseAddr(m[2])
		if err1 == nil && err2 == nil && from.BitLen() == to.BitLen() && from.Compare(to) <= 0 {
			b.From, b.To = from, to
		}
		return
	}
	if m := boundaryMasked.FindStringSubmatch(value); m != nil {
		ip, err := netip.ParseAddr(m[1])
		bits := maskBits(m[2])
		if err == nil && bits >= 0 {
			b.Subnet, b.Prefix = ip, netip.PrefixFrom(ip, bits).Masked()
		}
		return
	}
	if p, err := netip.ParsePrefix(value); err == nil && p.Addr().Is6() {
		b.Prefix = p.Masked()
		return
	}
	ip, err := netip.ParseAddr(value)
	switch {
	case err != nil:
		// A prefix without its length is four groups: 2001:db8:0:1.
		if strings.Count(value, ":") == 3 && !strings.Contains(value, "::") {
			if ip, err := netip.ParseAddr(value + "::"); err == nil {
				b.Prefix = netip.PrefixFrom(ip, 64)
			}
		}
	case ip.Is4():
		b.Subnet = ip
	default:
		b.Prefix = netip.PrefixFrom(ip.WithZone(""), 64).Masked()
	}
}

// maskBits returns the bits of a mask, written as their number or as an address; -1 if it is none.
func maskBits(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		if n >= 0 && n <= 32 {
			return n
		}
		return -1
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || !ip.Is4() {
		return -1
	}
	bits := 0
	ended := false
	for _, b := range ip.As4() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && ended {
				return -1
			}
			ended = ended || !one
			if one {
				bits++
			}
		}
	}
	return bits
}
