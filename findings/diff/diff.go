// Package diff compares two reports: an upload with the one that came after the remedy, or two machines of which one is well.
//
// [Reports] knows reports only, so that it compares what was analysed by whichever version and wherever. What it says of an earlier finding is its
// receipt: cured, not cured, came back or cannot tell.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
)

// Schema names the form of a comparison as JSON.
const Schema = "casebook.diff/1"

// Diff is what has changed from one report to another.
type Diff struct {
	Schema   string         `json:"schema"`
	Before   Side           `json:"before"`
	After    Side           `json:"after"`
	Later    Later          `json:"later"` // whether the second tells of a later time
	Findings []FindingPair  `json:"findings"`
	Systems  []SystemChange `json:"systems"`
	Errors   ErrorChanges   `json:"errors"`
	Caveats  []string       `json:"caveats"` // what keeps the comparison from saying more
}

// Side is one of the reports.
type Side struct {
	Name   string          `json:"name"` // of the upload, or of the case
	SHA256 string          `json:"sha256"`
	Window findings.Window `json:"window"`
}

// Later says whether the second report tells of a later time than the first. The vocabulary is closed.
type Later string

// The answers.
const (
	LaterYes     Later = "yes"
	LaterNo      Later = "no" // it ends at the same time or before
	LaterUnknown Later = "unknown"
)

// Change says what became of a finding. The vocabulary is closed.
type Change string

// The changes.
const (
	Came    Change = "came"    // only the second report has it confirmed or suspected
	Went    Change = "went"    // only the first has
	Changed Change = "changed" // both have, with another verdict, state or title
	Same    Change = "same"
)

// Receipt says whether a problem of the first report is over. The vocabulary is closed.
type Receipt string

// The receipts.
const (
	Cured      Receipt = "cured"
	NotCured   Receipt = "not-cured"
	CameBack   Receipt = "came-back" // it was over in the first report and is not in the second
	CannotTell Receipt = "cannot-tell"
)

// FindingPair is a check's verdict on one subject in both reports.
type FindingPair struct {
	Check   string  `json:"check"`
	Subject string  `json:"subject"`
	System  string  `json:"system"`
	Title   string  `json:"title"` // of the second report, of the first if that has none
	Change  Change  `json:"change"`
	Before  *Stand  `json:"before"`            // nil if the first report has no such finding
	After   *Stand  `json:"after"`             // likewise; of what went, the check's verdict on the machine or the upload
	Receipt Receipt `json:"receipt,omitempty"` // of what the first report had confirmed or suspected
	Why     string  `json:"why,omitempty"`     // what the receipt rests on
}

// Stand is what one report says.
type Stand struct {
	Verdict  findings.Verdict  `json:"verdict"`
	Severity findings.Severity `json:"severity"`
	State    findings.State    `json:"state"`
	Title    string            `json:"title"`
}

// SystemChange is what has changed on a machine.
type SystemChange struct {
	System string       `json:"system"`
	Only   string       `json:"only,omitempty"` // before or after, if only that report tells of it
	Facts  []FactChange `json:"facts"`
}

// FactChange is a fact that differs.
type FactChange struct {
	Kind   FactKind `json:"kind"`
	Name   string   `json:"name"`
	Before string   `json:"before"` // "" if it was not there
	After  string   `json:"after"`  // "" if it is no longer there
}

// FactKind says what a fact is about. The vocabulary is closed.
type FactKind string

// The kinds of facts.
const (
	FactSystem        FactKind = "system"      // name, version, zone, control set
	FactService       FactKind = "service"     // start, program, account
	FactPackage       FactKind = "package"     // products and patches of Windows Installer
	FactRename        FactKind = "rename"      // operations that wait for a boot
	FactMount         FactKind = "mount"       // MountedDevices
	FactEnvironment   FactKind = "environment" // the machine's variables
	FactRegistryValue FactKind = "registry"    // values of keys that evidence of both reports names
)

// ErrorChanges are kinds of errors that came and that stopped.
type ErrorChanges struct {
	Came    []findings.ErrorKind `json:"came"`
	Stopped []findings.ErrorKind `json:"stopped"`
}

// Reports compares two reports, neither of which may be nil.
func Reports(before, after *findings.Report) *Diff {
	d := &Diff{
		Schema: Schema, Before: side(before), After: side(after), Later: later(before, after),
		Findings: []FindingPair{}, Systems: []SystemChange{}, Caveats: []string{},
		Errors: ErrorChanges{Came: []findings.ErrorKind{}, Stopped: []findings.ErrorKind{}},
	}
	names := pairSystems(before, after)
	d.findings(before, after, names)
	d.systems(before, after, names)
	d.errors(before, after)
	d.caveats(before, after)
	return d
}

func side(r *findings.Report) Side { return Side{Name: r.Name(), SHA256: sum(r), Window: r.Window} }

func sum(r *findings.Report) string {
	switch {
	case r.Bundle != nil:
		return r.Bundle.SHA256
	case len(r.Bundles) > 0:
		return r.Bundles[len(r.Bundles)-1].SHA256
	}
	return ""
}

// later compares the ends of what the reports tell of: the last record, and when the SYSTEM hives were written.
func later(before, after *findings.Report) Later {
	end := func(r *findings.Report) string {
		last := r.Window.To
		for _, s := range r.Systems {
			last = max(last, s.HiveWritten) // RFC 3339 in UTC sorts by time
		}
		return last
	}
	a, b := end(before), end(after)
	switch {
	case a == "" || b == "":
		return LaterUnknown
	case b > a:
		return LaterYes
	}
	return LaterNo
}

// pairSystems maps the systems of the second report to those of the first: the same computer name, and where each tells of one only and one of them
// has no name, that one.
func pairSystems(before, after *findings.Report) map[string]string {
	names := map[string]string{}
	for _, s := range after.Systems {
		names[s.ID] = s.ID
	}
	if len(before.Systems) == 1 && len(after.Systems) == 1 {
		a, b := before.Systems[0], after.Systems[0]
		if a.ComputerName == "" || b.ComputerName == "" || strings.EqualFold(a.ComputerName, b.ComputerName) {
			names[b.ID] = a.ID
		}
	}
	return names
}

// key tells the findings of one report apart.
type key struct{ check, system, subject string }

func keyed(r *findings.Report, names map[string]string) map[key]*findings.Finding {
	out := map[key]*findings.Finding{}
	for i := range r.Findings {
		f := &r.Findings[i]
		system := f.System
		if to, ok := names[system]; ok {
			system = to
		}
		subject := f.Subject
		if strings.EqualFold(subject, f.System) {
			subject = system
		}
		k := key{f.Check, system, strings.ToLower(strings.ReplaceAll(subject, `\`, "/"))}
		if old := out[k]; old == nil || rank(f) < rank(old) {
			out[k] = f
		}
	}
	return out
}

// rank orders the verdicts on the same subject: what claims most comes first, what is over after what is not.
func rank(f *findings.Finding) int {
	n := 2 * slices.Index([]findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated}, f.Verdict)
	if f.State == findings.Resolved {
		n++
	}
	return n
}

func claims(f *findings.Finding) bool {
	return f != nil && (f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected)
}

func stand(f *findings.Finding) *Stand {
	if f == nil {
		return nil
	}
	return &Stand{Verdict: f.Verdict, Severity: f.Severity, State: f.State, Title: f.Title}
}

func (d *Diff) findings(before, after *findings.Report, names map[string]string) {
	was, is := keyed(before, nil), keyed(after, names)
	keys := map[key]bool{}
	for k := range was {
		keys[k] = claims(was[k])
	}
	for k := range is {
		keys[k] = keys[k] || claims(is[k])
	}
	for k, wanted := range keys {
		if !wanted {
			continue
		}
		a, b := was[k], is[k]
		p := FindingPair{Check: k.check, System: k.system, Before: stand(a), After: stand(b)}
		switch {
		case claims(a) && claims(b):
			p.Change = Same
			if *p.Before != *p.After {
				p.Change = Changed
			}
		case claims(a):
			p.Change = Went
		default:
			p.Change = Came
		}
		newest := cmp.Or(b, a)
		p.Title, p.Subject = newest.Title, newest.Subject
		if !claims(b) && a != nil {
			p.Title, p.Subject = a.Title, a.Subject
		}
		if claims(a) {
			general := verdictOn(after, names, k)
			if p.Receipt, p.Why = d.receipt(a, b, general); b == nil {
				p.After = stand(general)
			}
		}
		d.Findings = append(d.Findings, p)
	}
	order := []Change{Came, Changed, Same, Went}
	slices.SortFunc(d.Findings, func(x, y FindingPair) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.Change), slices.Index(order, y.Change)), strings.Compare(x.Check, y.Check),
			strings.Compare(x.System, y.System), strings.Compare(x.Subject, y.Subject))
	})
}

// verdictOn returns what the second report says of a check on a system where it has no finding on the same subject: a verdict on the system or on the
// whole bundle; nil if it says nothing.
func verdictOn(after *findings.Report, names map[string]string, k key) *findings.Finding {
	var best *findings.Finding
	for i := range after.Findings {
		f := &after.Findings[i]
		system := cmp.Or(names[f.System], f.System)
		if f.Check != k.check || claims(f) || system != "" && system != k.system && k.system != "" {
			continue
		}
		if best == nil || rank(f) < rank(best) {
			best = f
		}
	}
	return best
}

// receipt says what became of a problem. b is the second report's finding on the same subject, general its verdict on the check; both may be nil.
func (d *Diff) receipt(a, b, general *findings.Finding) (Receipt, string) {
	if d.Later == LaterNo {
		return CannotTell, "The second upload does not end later than the first."
	}
	over := a.State == findings.Resolved
	switch {
	case claims(b) && b.State == findings.Resolved:
		return Cured, "The second upload shows it, and that it was over by its end."
	case claims(b) && b.Verdict == findings.Suspected && a.Verdict == findings.Confirmed:
		return CannotTell, "The second upload only suggests it: what would prove it is not there."
	case claims(b) && over:
		return CameBack, "It was over in the first upload, and the second shows it again."
	case claims(b):
		return NotCured, "The second upload shows it still."
	}
	if b == nil {
		b = general
	}
	switch {
	case b == nil:
		return CannotTell, "The second upload has no verdict of this check on it."
	case b.Verdict == findings.RuledOut && d.Later == LaterUnknown:
		return CannotTell, "The second upload rules it out, but nothing says that it is the later one."
	case b.Verdict == findings.RuledOut:
		return Cured, "The second upload rules it out: " + strings.TrimSuffix(cmp.Or(b.Unmet, b.Title), ".") + "."
	default:
		return CannotTell, "The second upload lacks what the check needs: " + strings.TrimSuffix(cmp.Or(b.Unmet, b.Summary), ".") + "."
	}
}

func (d *Diff) systems(before, after *findings.Report, names map[string]string) {
	was := map[string]*findings.System{}
	for i := range before.Systems {
		was[before.Systems[i].ID] = &before.Systems[i]
	}
	met := map[string]bool{}
	for i := range after.Systems {
		b := &after.Systems[i]
		id := names[b.ID]
		met[id] = true
		a := was[id]
		if a == nil {
			d.Systems = append(d.Systems, SystemChange{System: b.ID, Only: "after", Facts: []FactChange{}})
			continue
		}
		facts := compare(factsOf(a), factsOf(b), a, b)
		facts = append(facts, excerpts(before, after, id, b.ID)...)
		if len(facts) > 0 {
			d.Systems = append(d.Systems, SystemChange{System: id, Facts: facts})
		}
	}
	for _, s := range before.Systems {
		if !met[s.ID] {
			d.Systems = append(d.Systems, SystemChange{System: s.ID, Only: "before", Facts: []FactChange{}})
		}
	}
	slices.SortFunc(d.Systems, func(a, b SystemChange) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Only, b.Only))
	})
}

// fact names a fact of a system.
type fact struct {
	kind FactKind
	name string
}

// factsOf lists the facts of a system that can be compared.
func factsOf(s *findings.System) map[fact]string {
	out := map[fact]string{}
	put := func(kind FactKind, name, value string) {
		if value != "" {
			out[fact{kind, name}] = value
		}
	}
	put(FactSystem, "computer name", s.ComputerName)
	put(FactSystem, "Windows", s.Product)
	put(FactSystem, "MachineGuid", s.MachineGUID)
	if s.ControlSet != nil {
		put(FactSystem, "control set", strconv.Itoa(*s.ControlSet))
	}
	if s.TimeZone != nil {
		put(FactSystem, "time zone", s.TimeZone.Name)
	}
	if c := s.ControlSets; c != nil {
		put(FactSystem, "control set that failed", strconv.Itoa(c.Failed))
		put(FactSystem, "last known good control set", strconv.Itoa(c.LastKnownGood))
	}
	for name, value := range s.Environment {
		put(FactEnvironment, name, value)
	}
	for _, v := range s.Services {
		put(FactService, v.Name, service(v))
	}
	for _, p := range s.Packages {
		name := strings.TrimSpace(p.Name + " " + p.Code)
		put(FactPackage, name, strings.TrimSpace(cmp.Or(p.Version, "registered")+" "+p.LocalPackage))
	}
	for _, p := range s.PendingRenames {
		what := p.Operation
		if p.Target != "" {
			what += " to " + p.Target
		}
		put(FactRename, p.Source, what)
	}
	for _, m := range s.MountedDevices {
		put(FactMount, m.Name, m.Kind+": "+m.Detail)
	}
	return out
}

// service is a service in one line.
func service(v findings.Service) string {
	start := "start not stated"
	if words := []string{"boot", "system", "automatic", "on demand", "disabled"}; v.Start >= 0 && v.Start < len(words) {
		start = words[v.Start]
	}
	return strings.TrimSpace(strings.Join([]string{start, v.ImagePath, v.ServiceDLL, v.Account}, " "))
}

// compare lists the facts that differ. Facts of a kind that one of the reports knows nothing of are no difference: a registry that was not sent has not
// lost its services.
func compare(was, is map[fact]string, a, b *findings.System) []FactChange {
	known := func(s *findings.System, k FactKind) bool {
		switch k {
		case FactService:
			return len(s.Services) > 0
		case FactPackage:
			return len(s.Packages) > 0
		case FactRename:
			return s.Hive != ""
		case FactMount:
			return len(s.MountedDevices) > 0
		case FactEnvironment:
			return len(s.Environment) > 0
		case FactSystem, FactRegistryValue:
		}
		return true
	}
	var out []FactChange
	add := func(f fact) {
		if was[f] == is[f] || !known(a, f.kind) || !known(b, f.kind) || f.kind == FactSystem && (was[f] == "" || is[f] == "") {
			return
		}
		out = append(out, FactChange{Kind: f.kind, Name: f.name, Before: was[f], After: is[f]})
	}
	for f := range was {
		add(f)
	}
	for f := range is {
		if _, ok := was[f]; !ok {
			add(f)
		}
	}
	order := []FactKind{FactSystem, FactRename, FactMount, FactService, FactPackage, FactEnvironment, FactRegistryValue}
	slices.SortFunc(out, func(a, b FactChange) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return out
}

// excerpts compares the registry keys that both reports quote of a machine.
func excerpts(before, after *findings.Report, was, is string) []FactChange {
	shown := map[string]string{} // keys as the reports spell them
	values := func(r *findings.Report, system string) map[string]map[string]string {
		owner := map[string]string{}
		for _, a := range r.Artifacts {
			owner[a.Path] = a.System
		}
		out := map[string]map[string]string{}
		for _, k := range r.Registry {
			if owner[k.Artifact] != system {
				continue
			}
			list := map[string]string{}
			for _, v := range k.Values {
				list[v.Name] = v.Data
			}
			if k.LeftOut == 0 {
				shown[strings.ToLower(k.Key)] = k.Key
				out[strings.ToLower(k.Key)] = list
			}
		}
		return out
	}
	old, now := values(before, was), values(after, is)
	var out []FactChange
	for k, list := range now {
		earlier, ok := old[k]
		if !ok {
			continue
		}
		names := map[string]bool{}
		for n := range list {
			names[n] = true
		}
		for n := range earlier {
			names[n] = true
		}
		for n := range names {
			if list[n] != earlier[n] {
				out = append(out, FactChange{Kind: FactRegistryValue, Name: shown[k] + `\` + n, Before: earlier[n], After: list[n]})
			}
		}
	}
	slices.SortFunc(out, func(a, b FactChange) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (d *Diff) errors(before, after *findings.Report) {
	known := func(r *findings.Report) map[string]bool {
		out := map[string]bool{}
		for _, e := range r.Errors {
			out[e.Template] = true
		}
		return out
	}
	only := func(r *findings.Report, other map[string]bool) []findings.ErrorKind {
		out := []findings.ErrorKind{}
		for _, e := range r.Errors {
			if !other[e.Template] {
				out = append(out, e)
			}
		}
		return out
	}
	d.Errors.Came = only(after, known(before))
	d.Errors.Stopped = only(before, known(after))
}

func (d *Diff) caveats(before, after *findings.Report) {
	say := func(format string, args ...any) { d.Caveats = append(d.Caveats, fmt.Sprintf(format, args...)) }
	switch d.Later {
	case LaterNo:
		say("The second upload does not end later than the first, so nothing is called cured.")
	case LaterUnknown:
		say("Nothing says which upload is the later one: no record of one of them has a time in UTC.")
	case LaterYes:
	}
	for _, x := range []struct {
		name string
		r    *findings.Report
	}{{"first", before}, {"second", after}} {
		if n := len(x.r.Problems); n > 0 {
			say("The %s upload has %d problems: what could not be read there can't be compared.", x.name, n)
		}
	}
	if len(before.Errors) >= findings.MaxErrorKinds || len(after.Errors) >= findings.MaxErrorKinds {
		say("One of the uploads has more kinds of errors than its report lists: what seems to have come or stopped may only be unlisted.")
	}
	if before.Tool.Version != after.Tool.Version {
		say("The reports are of different versions of casebook (%s, %s): a verdict may differ for that reason.", before.Tool.Version, after.Tool.Version)
	}
}
