package checks

import (
	"net/netip"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest/extract"
)

// isAddress reports whether s is an IP address.
func isAddress(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

// dnsListed is a computer of a list.
type dnsListed struct {
	facts    *facts.Facts
	artifact string
	open     bool // its name may be cut off
	extract.ListedHost
}

// zoneRecord is a record with its place.
type zoneRecord struct {
	facts    *facts.Facts
	artifact string
	*extract.DNSRecord
}

func (r zoneRecord) evidence(note string) findings.Evidence {
	return findings.FromLine(r.facts, r.artifact, r.Line, findings.Supports, note)
}

// zoneFile is a zone's text.
type zoneFile struct {
	facts.Of[*extract.DNSZone]
	facts *facts.Facts
	whole bool // what is not in it is not in the zone
	holds bool // addresses
}

// dnsZoneSet are all zones of a bundle.
type dnsZoneSet struct {
	files   []zoneFile
	forward map[string][]zoneRecord     // A, AAAA and CNAME by first label
	reverse map[netip.Addr][]zoneRecord // PTR
	shared  map[netip.Addr][]zoneRecord // A and AAAA
	cuts    map[string]bool             // names with NS records: delegated, unless a zone of that name is there
}

// dnsZones gathers the zones and the lists of computers. A hosts file is no list of computers to be found in DNS.
func dnsZones(all []*facts.Facts) (*dnsZoneSet, []dnsListed) {
	z := &dnsZoneSet{forward: map[string][]zoneRecord{}, reverse: map[netip.Addr][]zoneRecord{}, shared: map[netip.Addr][]zoneRecord{}, cuts: map[string]bool{}}
	var lists []dnsListed
	for _, f := range all {
		for _, v := range facts.Values[*extract.HostList](f) {
			for i, h := range v.Value.Hosts {
				if !h.IP.IsValid() {
					lists = append(lists, dnsListed{f, v.Artifact.Path, v.Value.Open && i == len(v.Value.Hosts)-1, h})
				}
			}
		}
		for _, v := range facts.Values[*extract.DNSZone](f) {
			holds := slices.ContainsFunc(v.Value.Records, func(r extract.DNSRecord) bool { return r.Type == "A" || r.Type == "AAAA" })
			z.files = append(z.files, zoneFile{v, f, !v.Value.Cut && f.ShowsAbsence(v.Artifact.Path), holds})
			for i := range v.Value.Records {
				r := zoneRecord{f, v.Artifact.Path, &v.Value.Records[i]}
				switch r.Type {
				case "A", "AAAA":
					keepRecord(z.forward, firstLabel(r.Owner), r)
					keepRecord(z.shared, r.IP, r)
				case "CNAME":
					keepRecord(z.forward, firstLabel(r.Owner), r)
				case "PTR":
					keepRecord(z.reverse, r.IP, r)
				case "NS":
					z.cuts[r.Owner] = true
				}
			}
		}
	}
	if len(z.files) == 0 {
		return nil, lists
	}
	return z, lists
}

// maxAlike is how many records are looked at for one name or one address.
const maxAlike = 100

func keepRecord[K comparable](m map[K][]zoneRecord, k K, r zoneRecord) {
	if len(m[k]) < maxAlike {
		m[k] = append(m[k], r)
	}
}

// isReverse reports whether a zone maps addresses to names.
func isReverse(origin string) bool {
	return strings.HasSuffix(origin, "in-addr.arpa") || strings.HasSuffix(origin, "ip6.arpa")
}

// holder returns the file of the forward zone that would hold a name, which is whole, not delegated and has addresses; false if there is none. A
// name without a domain is one of any zone.
func (z *dnsZoneSet) holder(name string) (zoneFile, bool) {
	domain := domainOf(name)
	for _, f := range z.files {
		if !f.whole || !f.holds {
			continue
		}
		if domain == "" || len(f.Value.Origins) == 0 {
			return f, true
		}
		for _, origin := range f.Value.Origins {
			if isReverse(origin) || domain != origin && !strings.HasSuffix(domain, "."+origin) {
				continue
			}
			cut := false
			for d := domain; d != origin && d != ""; d = domainOf(d) {
				cut = cut || z.cuts[d]
			}
			if !cut {
				return f, true
			}
		}
	}
	return zoneFile{}, false
}

// covers returns the file of the reverse zone that would hold an address; false if there is none.
func (z *dnsZoneSet) covers(ip netip.Addr) (zoneFile, bool) {
	if !ip.Is4() {
		return zoneFile{}, false // the nibbles of a zone's name are not compared
	}
	octets := strings.Split(ip.String(), ".")
	slices.Reverse(octets)
	for _, f := range z.files {
		for n := 1; n <= 3 && f.whole; n++ {
			if slices.Contains(f.Value.Origins, strings.Join(octets[n:], ".")+".in-addr.arpa") {
				return f, true
			}
		}
	}
	return zoneFile{}, false
}

// find returns the address records of a name, by way of an alias too, with the records that led there.
func (z *dnsZoneSet) find(name string) (out, by []zoneRecord) {
	for range 8 { // an alias of an alias …
		domain := domainOf(name)
		var alias *zoneRecord
		for _, r := range z.forward[firstLabel(name)] {
			if domain != "" && !r.Relative && domainOf(r.Owner) != domain {
				continue
			}
			if r.Type == "CNAME" {
				alias = &r
				continue
			}
			out = append(out, r)
		}
		if len(out) > 0 || alias == nil {
			return out, by
		}
		by = append(by, *alias)
		name = alias.Target
	}
	return nil, by
}

// begins reports whether a name without a domain is the beginning of one that the zones hold.
func (z *dnsZoneSet) begins(name string) bool {
	if domainOf(name) != "" {
		return false
	}
	for label := range z.forward {
		if strings.HasPrefix(label, firstLabel(name)) {
			return true
		}
	}
	return false
}

// lookUp looks up the computers of the lists, as a resolver would by the zones. A name that no zone of the bundle would hold is passed over.
func (z *dnsZoneSet) lookUp(lists []dnsListed) *dnsSource {
	s := &dnsSource{artifact: z.files[0].Artifact.Path, noun: "the zones of the bundle"}
	if len(z.files) == 1 {
		s.noun = "the zone " + s.artifact
	}
	for _, h := range lists {
		l := &dnsLookup{source: s, name: h.Name}
		s.works = s.works || domainOf(h.Name) != "" // and the zone of that domain is here, or the name is passed over
		listed := findings.FromLine(h.facts, h.artifact, h.Line, findings.Supports, h.Name+" is one of the computers in question")
		found, by := z.find(h.Name)
		if len(found) == 0 {
			f, ok := z.holder(h.Name)
			if !ok || len(z.forward["*"]) > 0 || len(by) > 0 {
				continue
			}
			if h.open && z.begins(h.Name) {
				continue
			}
			l.outcome = dnsUnresolved
			l.evidence = []findings.Evidence{findings.AbsentLine(f.Artifact.Path, findings.Supports, "no address record of "+h.Name), listed}
			s.lookups = append(s.lookups, l)
			continue
		}
		first := found[0]
		l.ip, l.outcome = first.IP.String(), dnsForward
		l.evidence = append(l.evidence, listed)
		for _, r := range by {
			l.evidence = append(l.evidence, r.evidence(h.Name+" is an alias"))
			l.name = r.Target
		}
		l.evidence = append(l.evidence, first.evidence(refreshed(first, l.name+" has the address "+l.ip)))
		z.reverseOf(l, found)
		s.lookups = append(s.lookups, l)
	}
	return s
}

// reverseOf looks up the names that the addresses of a computer belong to. One address that is its own is enough.
func (z *dnsZoneSet) reverseOf(l *dnsLookup, found []zoneRecord) {
	for _, r := range found {
		for _, p := range z.reverse[r.IP] {
			if firstLabel(p.Target) == firstLabel(l.name) {
				l.ip, l.reverse, l.outcome = r.IP.String(), p.Target, dnsOK
				l.evidence = append(l.evidence, p.evidence(l.ip+" belongs to "+p.Target))
				return
			}
		}
	}
	for _, r := range found {
		if list := z.reverse[r.IP]; len(list) > 0 {
			l.ip, l.reverse = r.IP.String(), list[0].Target
			l.compare()
			l.evidence = append(l.evidence, list[0].evidence(l.ip+" belongs to "+l.reverse))
			return
		}
	}
	if f, ok := z.covers(found[0].IP); ok {
		l.outcome = dnsNoReverse
		l.evidence = append(l.evidence, findings.AbsentLine(f.Artifact.Path, findings.Supports, "no reverse entry of "+l.ip))
		return
	}
	for _, r := range found {
		for _, o := range z.shared[r.IP] {
			if firstLabel(o.Owner) != firstLabel(l.name) && o.Owner != domainOf(o.Owner) && firstLabel(o.Owner) != "" {
				l.ip, l.reverse, l.outcome = r.IP.String(), o.Owner, dnsOther
				l.doubt = "both names have this address, and without the reverse zone it is open whose it is"
				l.evidence = append(l.evidence, o.evidence(refreshed(o, o.Owner+" has the same address")))
				return
			}
		}
	}
}

// refreshed adds to a note when a dynamic record was last refreshed.
func refreshed(r zoneRecord, note string) string {
	if r.Refreshed.IsZero() {
		return note
	}
	return note + "; last refreshed on " + r.Refreshed.Format("2006-01-02")
}
