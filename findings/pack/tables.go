package pack

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

// maxScanned is how many rows a table condition looks at on one system.
const maxScanned = 200_000

// tableKind is a kind of typed artifact seen as rows of columns.
type tableKind struct {
	kind    ingest.Kind
	columns []string
	numbers []string // columns that hold numbers
	rows    func(f *facts.Facts, emit func(artifact string, line int, cells ...any) bool)
}

// each passes the parts of every typed value to emit until that returns false.
func each[T, P any](f *facts.Facts, parts func(T) []P, emit func(artifact string, p P) bool) {
	for _, v := range facts.Values[T](f) {
		for _, p := range parts(v.Value) {
			if !emit(v.Artifact.Path, p) {
				return
			}
		}
	}
}

// tableKinds are the tables by the names of their kinds, without what stands before the slash. The cells of a row come in the order of the columns, the
// numbers last.
var tableKinds = map[string]tableKind{
	"components": {ingest.KindComponents, []string{"host", "name", "version"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(c *extract.Components) []extract.ComponentVersion { return c.Versions }, func(a string, v extract.ComponentVersion) bool {
			return emit(a, v.Line, v.Host, v.Name, v.Version)
		})
	}},
	"boundaries": {ingest.KindBoundaries, []string{"value", "name"}, []string{"type"}, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(b *extract.Boundaries) []extract.Boundary { return b.List }, func(a string, b extract.Boundary) bool {
			return emit(a, b.Line, b.Value, b.Name, int64(b.Type))
		})
	}},
	"dnscheck": {ingest.KindDNSCheck, []string{"name", "ip", "reverse", "status", "outcome"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(d *extract.DNSCheck) []extract.DNSCheckRow { return d.Rows }, func(a string, r extract.DNSCheckRow) bool {
			return emit(a, r.Line, r.Name, address(r.IP), r.Reverse, r.Status, string(r.Outcome))
		})
	}},
	"dnszone": {ingest.KindDNSZone, []string{"owner", "type", "ip", "target", "data"}, []string{"ttl"}, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(d *extract.DNSZone) []extract.DNSRecord { return d.Records }, func(a string, r extract.DNSRecord) bool {
			return emit(a, r.Line, r.Owner, r.Type, address(r.IP), r.Target, r.Data, int64(r.TTL))
		})
	}},
	"hosts": {ingest.KindHosts, []string{"name", "ip"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(h *extract.HostList) []extract.ListedHost { return h.Hosts }, func(a string, h extract.ListedHost) bool {
			return emit(a, h.Line, h.Name, address(h.IP))
		})
	}},
	"listing": {ingest.KindListing, []string{"folder", "name", "dir", "reparse", "target", "owner"}, []string{"size"}, listingRows},
	"acl":     {ingest.KindACL, []string{"path", "owner", "account", "rights", "deny", "inherited"}, nil, aclRows},
	"mounts": {ingest.KindMounts, []string{"directory", "volume", "target", "kind"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(m *extract.Mounts) []extract.Mount { return m.Mounts }, func(a string, m extract.Mount) bool {
			return emit(a, m.Line, m.Directory, m.VolumeGUID, m.Target, string(m.Kind))
		})
	}},
	"pfro": {ingest.KindLogPFRO, []string{"source", "target", "status"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(p *extract.PFRO) []extract.PFROFailure { return p.Failures }, func(a string, p extract.PFROFailure) bool {
			return emit(a, p.Line, p.Source, p.Target, fmt.Sprintf("0x%08x", p.Status))
		})
	}},
	"compver": {ingest.KindCompver, iniColumns, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(c *extract.Compver) []extract.CompverKey { return c.Keys }, func(a string, k extract.CompverKey) bool {
			return emit(a, k.Line, k.Section, k.Key, k.Value)
		})
	}},
	"setaid": {ingest.KindSetAid, iniColumns, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(s *extract.SetAid) []extract.INIKey { return s.Keys }, iniRow(emit))
	}},
	"smscfg": {ingest.KindSMSCFG, iniColumns, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(s *extract.SMSCFG) []extract.INIKey { return s.Keys }, iniRow(emit))
	}},
	"copylog": {ingest.KindCopylog, []string{"section", "path", "site"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(c *extract.Copylog) []extract.CopylogSection { return c.Sections }, func(a string, s extract.CopylogSection) bool {
			return !slices.ContainsFunc(s.Entries, func(e extract.CopylogEntry) bool { return !emit(a, e.Line, s.Name, e.Path, e.Site) })
		})
	}},
	"sitectrl": {ingest.KindSiteControl, []string{"section", "name", "type", "value", "number"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(s *extract.SiteControl) []extract.SiteProperty { return s.Properties }, func(a string, p extract.SiteProperty) bool {
			return emit(a, p.Line, p.Section, p.Name, p.Type, p.Text, p.Number)
		})
	}},
	"vcm-jobs": {ingest.KindVCMJobs, []string{"name", "state", "host", "request", "message"}, []string{"number"}, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(v *extract.VCMJobs) []extract.VCMJobStep { return v.Steps }, func(a string, s extract.VCMJobStep) bool {
			return emit(a, s.Line, s.Name, string(s.State), s.Host, s.Request, s.Message, int64(s.Number))
		})
	}},
	"winmgmt": {ingest.KindWinmgmt, []string{"state", "output", "code"}, nil, func(f *facts.Facts, emit func(string, int, ...any) bool) {
		each(f, func(w *extract.Winmgmt) []extract.WinmgmtRun { return w.Runs }, func(a string, r extract.WinmgmtRun) bool {
			return emit(a, r.Line, string(r.State), r.Text, fmt.Sprintf("0x%08x", r.Code))
		})
	}},
}

// iniColumns are the columns of an INI file's keys.
var iniColumns = []string{"section", "key", "value"}

func iniRow(emit func(string, int, ...any) bool) func(string, extract.INIKey) bool {
	return func(a string, k extract.INIKey) bool { return emit(a, k.Line, k.Section, k.Key, k.Value) }
}

// address is an address as text, "" for none.
func address(ip interface {
	IsValid() bool
	String() string
},
) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func listingRows(f *facts.Facts, emit func(string, int, ...any) bool) {
	each(f, func(l *extract.Listing) []extract.Folder { return l.Folders }, func(a string, d extract.Folder) bool {
		return !slices.ContainsFunc(d.Entries, func(e extract.Entry) bool {
			return !emit(a, e.Line, d.Path, e.Name, yes(e.Dir), e.Reparse, e.Target, e.Owner, e.Size)
		})
	})
}

func aclRows(f *facts.Facts, emit func(string, int, ...any) bool) {
	each(f, func(l *extract.ACL) []extract.ACLObject { return l.Objects }, func(a string, o extract.ACLObject) bool {
		return !slices.ContainsFunc(o.Entries, func(e extract.ACE) bool {
			return !emit(a, e.Line, o.Path, o.Owner, e.Account, strings.Join(e.Rights, ","), yes(e.Deny), yes(e.Inherited))
		})
	})
}

// rows is a table condition: the rows of a kind of typed artifact for which an expression holds.
type rows struct {
	of    tableKind
	where *expression // nil: every row
	item  *schema
}

// table compiles a table condition.
func (c *compiler) table(n *tableNode) {
	of, ok := tableKinds[n.Table.s]
	if !ok {
		names := make([]string, 0, len(tableKinds))
		for name := range tableKinds {
			names = append(names, name)
		}
		slices.Sort(names)
		if c.need(n.Table, "the table", n.ID.at) {
			c.fail(n.Table.at, "there is no table %q; there are %s", n.Table.s, strings.Join(names, ", "))
		}
		return
	}
	fields := map[string]*types.Type{}
	for _, column := range of.columns {
		fields[column] = types.StringType
	}
	for _, column := range of.numbers {
		fields[column] = types.IntType
	}
	x := &rows{of: of}
	if !c.add(n.ID, "table condition", x, fields, nil) {
		return
	}
	x.item = c.check.schemas["item."+n.ID.s]
	if n.Where.s == "" {
		return
	}
	env, err := newEnvironment(c.check.schemas, map[string]*types.Type{"row": x.item.celType()})
	if err != nil {
		c.fail(n.ID.at, "%v", err)
		return
	}
	x.where = env.condition(c.source, n.Where)
}

func (r *rows) find(f *facts.Facts, _ scope) (found, error) {
	var out found
	var failed error
	scanned := 0
	sc := scope{}
	r.of.rows(f, func(artifact string, line int, cells ...any) bool {
		if scanned++; scanned > maxScanned {
			failed = fmt.Errorf("more than %d rows", maxScanned)
			return false
		}
		o := r.object(f, artifact, line, cells)
		if r.where != nil {
			sc["row"] = o
			v, err := r.where.eval(sc)
			if err != nil {
				failed = err
				return false
			}
			if v != types.True {
				return true
			}
		}
		if out.count++; len(out.items) < maxItems {
			if m, ok := f.Line(artifact, line); ok {
				o.values["text"] = m.Quote
			}
			out.items = append(out.items, o)
		}
		return true
	})
	return out, failed
}

// object is a row as an expression sees it.
func (r *rows) object(f *facts.Facts, artifact string, line int, cells []any) *object {
	o := &object{schema: r.item, facts: f, values: make(map[string]any, len(cells)+5)}
	o.values["artifact"], o.values["line"], o.values["text"] = artifact, int64(line), ""
	o.values["time"], o.values["timed"] = epoch, false
	for i, column := range r.of.columns {
		o.values[column] = cells[i]
	}
	for i, column := range r.of.numbers {
		o.values[column] = cells[len(r.of.columns)+i]
	}
	o.proof = func(role findings.Role, note string) []findings.Evidence {
		return []findings.Evidence{findings.FromLine(f, artifact, line, role, note)}
	}
	return o
}

func (r *rows) absent(f *facts.Facts) []findings.Evidence {
	var out []findings.Evidence
	last := ""
	r.of.rows(f, func(artifact string, line int, _ ...any) bool {
		if artifact != last {
			last = artifact
			out = append(out, findings.AbsentLine(artifact, "", "no such row"))
		}
		return len(out) < maxAbsent
	})
	return out
}
