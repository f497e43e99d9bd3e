// Package diff compares two reports: an upload with the one that came after the remedy, or two machines of which one is well.
//
// [Reports] knows reports only, so that it compares what was analysed by whichever version and wherever. What it says of an earlier finding is its
// receipt: cured, not cured, came back or cannot tell.
package diff

import (
	"cmp"
	"fmt"
	"path"
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
	Only   string       `json:"only,omitempty"`   // before or after, if only that report tells of it
	Paired Pairing      `json:"paired,omitempty"` // by what it is the same machine; "" if only one report tells of it
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

// ErrorChanges are kinds of errors that only one of the reports has.
type ErrorChanges struct {
	Came    []findings.ErrorKind `json:"came"`    // only the second has them
	Stopped []findings.ErrorKind `json:"stopped"` // only the first has them, and the second's log goes on longer
	// OnlyBefore has those of the first report that can't be said to have stopped: the second's log does not go on longer, or nothing says so.
	OnlyBefore []findings.ErrorKind `json:"only_before"`
}

// Reports compares two reports, neither of which may be nil.
func Reports(before, after *findings.Report) *Diff {
	d := &Diff{
		Schema: Schema, Before: side(before), After: side(after), Later: later(before, after),
		Findings: []FindingPair{}, Systems: []SystemChange{}, Caveats: []string{},
		Errors: ErrorChanges{Came: []findings.ErrorKind{}, Stopped: []findings.ErrorKind{}, OnlyBefore: []findings.ErrorKind{}},
	}
	names, by := pairSystems(before, after)
	d.findings(before, after, names)
	d.systems(before, after, names, by)
	d.caveats(before, after)
	d.errors(before, after, names)
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
	repack(was, is, before, after)
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
			if p.Receipt, p.Why = d.receipt(a, b, general, elsewhere(is, k), before.Window.To); b == nil {
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

// elsewhere returns what the second report claims of the same check and machine with another subject that the first does not have; nil if nothing.
func elsewhere(is map[key]*findings.Finding, k key) *findings.Finding {
	var best *findings.Finding
	for other, f := range is {
		if other.check == k.check && other.system == k.system && other != k && claims(f) &&
			(best == nil || cmp.Or(cmp.Compare(rank(f), rank(best)), strings.Compare(f.Subject, best.Subject)) < 0) {
			best = f
		}
	}
	return best
}

func (d *Diff) systems(before, after *findings.Report, names map[string]string, by map[string]Pairing) {
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
			d.Systems = append(d.Systems, SystemChange{System: id, Paired: by[b.ID], Facts: facts})
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
	called := map[string]int{}
	for _, p := range s.Packages {
		called[p.Name]++
	}
	for _, p := range s.Packages {
		name := p.Name
		if name == "" || called[name] > 1 { // an upgrade has another code, so that the name tells more where it is the only one
			name = strings.TrimSpace(name + " " + p.Code)
		}
		put(FactPackage, name, strings.TrimSpace(cmp.Or(p.Version, "registered")+" "+p.LocalPackage))
	}
	for _, p := range s.PendingRenames {
		what := p.Operation
		if p.Target != "" {
			what += " to " + p.Target
		}
		if earlier := out[fact{FactRename, p.Source}]; earlier != "" { // a file may be queued several times
			what = earlier + ", then " + what
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

// errors compares the kinds of errors. Of a log that only one upload holds nothing came and nothing stopped; and nothing has
// stopped of which the second upload does not tell for longer.
func (d *Diff) errors(before, after *findings.Report, names map[string]string) {
	only := func(r, other *findings.Report, which string) []findings.ErrorKind {
		known := map[string]bool{}
		for _, e := range other.Errors {
			known[e.Template] = true
		}
		logs := map[string]bool{}
		for _, a := range other.Artifacts {
			if a.Records > 0 {
				logs[logName(a.Path)] = true
			}
		}
		out, apart := []findings.ErrorKind{}, 0
		for _, e := range r.Errors {
			switch {
			case known[e.Template]:
			case e.First.Artifact != "" && !logs[logName(e.First.Artifact)]:
				apart++
			default:
				out = append(out, e)
			}
		}
		if apart == 1 {
			d.Caveats = append(d.Caveats, "One kind of error of the "+which+" upload stands in a log that the other lacks, and is not compared.")
		} else if apart > 1 {
			d.Caveats = append(d.Caveats, fmt.Sprintf("%d kinds of errors of the %s upload stand in logs that the other lacks, and are not compared.", apart, which))
		}
		return out
	}
	longer := d.longer(before, after, names)
	for _, e := range only(before, after, "first") {
		if longer(e) {
			d.Errors.Stopped = append(d.Errors.Stopped, e)
		} else {
			d.Errors.OnlyBefore = append(d.Errors.OnlyBefore, e)
		}
	}
	d.Errors.Came = only(after, before, "second")
}

// ends is when a log ends: in UTC, and by its own clock. Both are "" if it has no times.
type ends struct{ utc, local string }

// longer returns what tells whether the log of an error of the first report goes on longer in the second. Of a log without times the uploads decide.
func (d *Diff) longer(before, after *findings.Report, names map[string]string) func(findings.ErrorKind) bool {
	type key struct{ system, name string }
	const reading = len("2006-01-02T15:04:05") // without an offset
	list := func(r *findings.Report, names map[string]string) map[key]ends {
		out := map[key]ends{}
		for _, a := range r.Artifacts {
			if a.Records == 0 {
				continue
			}
			system := a.System
			if to, ok := names[system]; ok {
				system = to
			}
			k := key{system, logName(a.Path)}
			local := a.LastLocal[:min(len(a.LastLocal), reading)]
			out[k] = ends{max(out[k].utc, a.LastTime), max(out[k].local, local)}
		}
		return out
	}
	was, is := list(before, nil), list(after, names)
	owner := map[string]string{}
	for _, a := range before.Artifacts {
		owner[a.Path] = a.System
	}
	return func(e findings.ErrorKind) bool {
		if d.Later != LaterYes {
			return false
		}
		if e.First.Artifact == "" {
			return true
		}
		k := key{owner[e.First.Artifact], logName(e.First.Artifact)}
		b, there := is[k]
		switch a := was[k]; {
		case !there:
			return false // the log is another machine's
		case a.utc != "" && b.utc != "":
			return b.utc > a.utc // RFC 3339 in UTC sorts by time
		case a.local != "" && b.local != "":
			return b.local > a.local
		default:
			return a == (ends{})
		}
	}
}

// logName is what the files of one log have in common: the name without folders, extension, and the time or number of a part that was closed.
func logName(p string) string {
	name := strings.ToLower(path.Base(p))
	name = strings.TrimSuffix(name, path.Ext(name))
	return strings.TrimRight(name, "-_.0123456789")
}

func (d *Diff) caveats(before, after *findings.Report) {
	say := func(format string, args ...any) { d.Caveats = append(d.Caveats, fmt.Sprintf(format, args...)) }
	switch d.Later {
	case LaterNo:
		say("The second upload does not end later than the first, so nothing is called cured or stopped.")
	case LaterUnknown:
		say("Nothing says which upload is the later one, so nothing is called stopped: no record of one of them has a time in UTC.")
	case LaterYes:
	}
	for _, x := range []struct {
		name string
		r    *findings.Report
	}{{"first", before}, {"second", after}} {
		if n := unread(x.r); n > 0 {
			say("%d %s of the %s upload could not be read in full or raised a doubt: what they hold may be missing from the comparison.", n, files(n), x.name)
		}
	}
	if len(before.Errors) >= findings.MaxErrorKinds || len(after.Errors) >= findings.MaxErrorKinds {
		say("One of the uploads has more kinds of errors than its report lists: what seems to have come or stopped may only be unlisted.")
	}
	if before.Tool.Version != after.Tool.Version {
		say("The reports are of different versions of casebook (%s, %s): a verdict may differ for that reason.", before.Tool.Version, after.Tool.Version)
	}
}

// unread counts the files of a report that have problems; the upload itself counts as one.
func unread(r *findings.Report) int {
	files := map[string]bool{}
	for _, p := range r.Problems {
		files[p.Artifact] = true
	}
	return len(files)
}

func files(n int) string {
	if n == 1 {
		return "file"
	}
	return "files"
}
