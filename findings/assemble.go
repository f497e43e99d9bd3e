package findings

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

// maxNotable is how many of a bundle's first errors a report shows.
const maxNotable = 12

// Case is everything that a report is assembled from.
type Case struct {
	Tool      Tool
	ID        string    // the case's ID if one was given
	At        time.Time // the incident; zero if not known
	Uploads   []Upload
	Systems   []*facts.Facts
	Artifacts []*ingest.Artifact
	Findings  []Finding // of Run
	Problems  []ingest.Problem
	Notes     *Notebook // what people wrote; may be nil
}

// Assemble makes the report. The same case gives the same report, in whatever order its systems, artifacts, findings and problems are.
func Assemble(c Case) *Report {
	r := &Report{
		Schema: Schema, Tool: c.Tool, Case: c.ID,
		Systems: []System{}, Artifacts: []Artifact{}, Sequences: []Sequence{}, Sensitive: []Sensitive{}, Findings: []Finding{}, Problems: []ingest.Problem{}, Notable: []Evidence{},
	}
	if len(c.Uploads) == 1 {
		r.Bundle = &c.Uploads[0]
	} else {
		r.Bundles = c.Uploads
	}
	problems := slices.Clone(c.Problems)
	owner := map[string]string{}
	systems := slices.SortedStableFunc(slices.Values(c.Systems), func(a, b *facts.Facts) int { return strings.Compare(a.ID, b.ID) })
	for _, f := range systems {
		for _, a := range f.Artifacts {
			owner[a.Path] = f.ID
		}
		if !f.Mixed {
			s, p := describe(f)
			r.Systems = append(r.Systems, s)
			problems = append(problems, p...)
		}
	}
	r.Window = window(c.Artifacts)
	if !c.At.IsZero() {
		r.Incident = &Incident{Time: Timestamp(c.At), Covered: covered(c.At, c.Artifacts)}
	}
	for _, a := range slices.SortedStableFunc(slices.Values(c.Artifacts), func(a, b *ingest.Artifact) int { return strings.Compare(a.Path, b.Path) }) {
		r.Artifacts = append(r.Artifacts, listed(a, owner[a.Path]))
		if a.Sensitive != "" {
			r.Sensitive = append(r.Sensitive, Sensitive{a.Path, a.Sensitive})
		}
	}
	sequences, odd := ingest.Sequences(c.Artifacts)
	problems = append(problems, odd...)
	for _, s := range sequences {
		out := Sequence{Name: s.Name, Parts: []SequencePart{}}
		for _, p := range s.Parts {
			out.Parts = append(out.Parts, SequencePart{p.Artifact.Path, int64(p.Gap / time.Second)})
		}
		r.Sequences = append(r.Sequences, out)
	}
	for _, f := range slices.SortedStableFunc(slices.Values(c.Findings), compare) {
		f.Remedy, f.References, f.Rivals = orEmpty(f.Remedy), orEmpty(f.References), orEmpty(f.Rivals)
		f.Evidence, f.Missing = orEmpty(f.Evidence), orEmpty(f.Missing)
		r.Findings = append(r.Findings, f)
	}
	r.Notable = notable(systems)
	r.Errors = errorKinds(systems)
	if c.Notes != nil {
		r.Statements = c.Notes.statements(c.Artifacts)
	}
	r.Timeline = timeline(r, c.Artifacts, systems)
	offsets(r, systems)
	r.Registry = excerpts(r.Findings, systems)
	slices.SortFunc(problems, func(a, b ingest.Problem) int {
		return cmp.Or(strings.Compare(a.Artifact, b.Artifact), strings.Compare(string(a.Stage), string(b.Stage)), strings.Compare(a.Message, b.Message))
	})
	r.Problems = append(r.Problems, slices.Compact(problems)...)
	r.Request = MakeRequest(r.Findings, machines(systems), r.CutShort())
	discreet(r)
	r.Names = names(r, c.Systems)
	return r
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// window is the time from the first to the last record whose offset is known.
func window(artifacts []*ingest.Artifact) Window {
	from, to := span(artifacts)
	var w Window
	if !from.IsZero() {
		w.From, w.To = Timestamp(from), Timestamp(to)
	}
	return w
}

// covered says where a time lies to the window.
func covered(at time.Time, artifacts []*ingest.Artifact) Covered {
	from, to := span(artifacts)
	switch {
	case from.IsZero():
		return CoveredUnknown
	case at.Before(from):
		return CoveredBefore
	case at.After(to):
		return CoveredAfter
	}
	return CoveredWithin
}

// span returns the first and the last record time whose offset is known; both are zero if there is none.
func span(artifacts []*ingest.Artifact) (from, to time.Time) {
	for _, a := range artifacts {
		for _, x := range []ingest.Time{a.First, a.Last} {
			t, ok := x.UTC()
			if !ok {
				continue
			}
			if from.IsZero() || t.Before(from) {
				from = t
			}
			if to.IsZero() || t.After(to) {
				to = t
			}
		}
	}
	return from, to
}

func listed(a *ingest.Artifact, system string) Artifact {
	out := Artifact{
		Path: a.Path, SHA256: a.SHA256, Bytes: a.Bytes, Kind: a.Kind, Encoding: a.Encoding, Records: a.Records,
		FirstLocal: local(a.WallFirst), LastLocal: local(a.WallLast), Clock: clockWord(a), ClockReason: a.Clock, System: system, Truncated: a.Truncated,
	}
	if t, ok := a.First.UTC(); ok {
		out.FirstTime = Timestamp(t)
	}
	if t, ok := a.Last.UTC(); ok {
		out.LastTime = Timestamp(t)
	}
	return out
}

// clockWord says how the offset of an artifact's times is known, of first and last time the weaker of the certain ones.
func clockWord(a *ingest.Artifact) string {
	weakest := ingest.ZoneNone
	for _, t := range []ingest.Time{a.First, a.Last} {
		if t.Zone >= ingest.ZoneSystem && (weakest == ingest.ZoneNone || t.Zone < weakest) {
			weakest = t.Zone
		}
	}
	switch {
	case weakest == ingest.ZoneStated:
		return "stated"
	case weakest == ingest.ZoneSystem:
		return "system"
	case a.WallFirst.Zone != ingest.ZoneNone:
		return "unknown"
	}
	return "none"
}

// notable returns the earliest errors of the bundle: those whose time is known in UTC, then the others in path order.
func notable(systems []*facts.Facts) []Evidence {
	var all []facts.Match
	for _, f := range systems {
		all = append(all, f.Loud()...)
	}
	slices.SortStableFunc(all, func(a, b facts.Match) int {
		x, xk := a.UTC()
		y, yk := b.UTC()
		switch {
		case xk && yk:
			return cmp.Or(x.Compare(y), strings.Compare(a.Ref.Artifact, b.Ref.Artifact), cmp.Compare(a.Ref.Line, b.Ref.Line))
		case xk:
			return -1
		case yk:
			return 1
		}
		return cmp.Or(strings.Compare(a.Ref.Artifact, b.Ref.Artifact), cmp.Compare(a.Ref.Line, b.Ref.Line))
	})
	out := []Evidence{}
	for _, m := range all[:min(len(all), maxNotable)] {
		e := FromMatch(m, Context, "")
		decode(&e, kindOf(systems, e.Artifact))
		out = append(out, e)
	}
	return out
}

// MaxErrorKinds is how many kinds of errors a report lists.
const MaxErrorKinds = 300

// errorKinds returns the kinds of errors, the rarest first: what happens once tells more than what happens all the time.
func errorKinds(systems []*facts.Facts) []ErrorKind {
	out := []ErrorKind{}
	for _, f := range systems {
		for _, k := range f.ErrorKinds() {
			first := FromMatch(k.First, Context, "")
			decode(&first, kindOf(systems, first.Artifact))
			out = append(out, ErrorKind{Template: k.Template, Count: k.Count, System: f.ID, First: first})
		}
	}
	slices.SortStableFunc(out, func(a, b ErrorKind) int {
		return cmp.Or(cmp.Compare(a.Count, b.Count), strings.Compare(a.Template, b.Template), strings.Compare(a.System, b.System))
	})
	return out[:min(len(out), MaxErrorKinds)]
}

// describe states a system's identity and the registry facts that a report lists.
func describe(f *facts.Facts) (System, []ingest.Problem) {
	s := System{
		ID: f.ID, ComputerName: f.Host, Environment: map[string]string{},
		PendingRenames: []PendingRename{}, MountedDevices: []MountedDevice{},
	}
	var problems []ingest.Problem
	note := func(source string, list []hive.Problem) {
		for _, p := range list {
			problems = append(problems, ingest.Problem{Artifact: source, Stage: ingest.StageParse, Message: p.String()})
		}
	}
	reg := f.Registry
	sets, err := reg.ControlSets()
	if err == nil {
		if sets.Used != 0 {
			s.ControlSet = &sets.Used
		}
		note(sets.Found.Source, sets.Problems)
	}
	if keys := reg.Keys("SYSTEM"); len(keys) > 0 {
		s.Hive = keys[0].Source
		h := reg.Hive(s.Hive)
		s.HiveState = h.State()
		if dirty, _ := h.Dirty(); dirty && len(h.Replay().Unused) == 0 {
			s.HiveState += "; no transaction log lies beside it, so that what was written last (on Windows 8.1 and later, for up to an hour) may be missing"
		}
		if t := h.LastWritten(); !t.IsZero() {
			s.HiveWritten = Timestamp(t)
		}
	}
	if z, err := reg.TimeZone(); err == nil {
		s.TimeZone = &TimeZone{Name: z.Name, BiasMinutes: z.Bias}
	}
	if cp, err := reg.CodePages(); err == nil {
		s.CodePage, s.OEMCodePage = cp.ANSI, cp.OEM
	}
	if p, err := reg.Product(); err == nil {
		s.Product = strings.TrimSpace(strings.Join([]string{p.Name, p.ServicePack}, " "))
		if p.Build != "" {
			s.Product = strings.TrimSpace(s.Product + " (build " + p.Build + ")")
		}
	}
	if g, _, err := reg.MachineGUID(); err == nil {
		s.MachineGUID = g
	}
	for _, v := range reg.Environment() {
		s.Environment[v.Name] = v.Value
	}
	renames, bad := reg.PendingRenames()
	if len(bad) > 0 {
		source := s.Hive
		if len(renames) > 0 {
			source = renames[0].Found.Source
		}
		note(source, bad)
	}
	for _, p := range renames {
		if p.Operation == hive.OperationUnpaired {
			continue // the problem of the list says so
		}
		out := PendingRename{
			Operation: string(p.Operation), Source: p.Source, Target: p.Target, ReplaceExisting: p.ReplaceExisting, Value: p.Found.Value.Name,
		}
		if n := p.Found.ControlSet; n != 0 {
			out.ControlSet = &n
		}
		s.PendingRenames = append(s.PendingRenames, out)
	}
	devices, bad := reg.MountedDevices()
	note(s.Hive, bad)
	for _, d := range devices {
		s.MountedDevices = append(s.MountedDevices, MountedDevice{Name: d.Name, Kind: string(d.Kind), Detail: d.Detail})
	}
	s.inventory(reg)
	return s, problems
}

// CaseID is what an archive calls the case: the ID that was given, else the SHA-256 of the first upload that could be read; "" if neither is known.
func (r *Report) CaseID() string {
	switch {
	case r.Case != "":
		return r.Case
	case r.Bundle != nil:
		return r.Bundle.SHA256
	}
	for _, b := range r.Bundles {
		if b.SHA256 != "" {
			return b.SHA256
		}
	}
	return ""
}

// Headline is the sentence that says what is wrong: the first confirmed finding that is more than information; "" if there is none.
func (r *Report) Headline() string {
	for _, f := range r.Findings {
		if f.Verdict == Confirmed && f.Severity != Info {
			return f.Title
		}
	}
	return ""
}

// Informs lists the findings that are worth knowing but no fault: confirmed or suspected with severity info, the confirmed ones first.
func (r *Report) Informs() []Finding {
	var list []Finding
	for _, v := range []Verdict{Confirmed, Suspected} {
		for _, f := range r.Findings {
			if f.Verdict == v && f.Severity == Info {
				list = append(list, f)
			}
		}
	}
	return list
}

// Name is what the report is about: the upload's name, or those of all uploads of the case.
func (r *Report) Name() string {
	if r.Bundle != nil {
		return r.Bundle.Name
	}
	names := make([]string, len(r.Bundles))
	for i, b := range r.Bundles {
		names[i] = path.Base(b.Name)
	}
	if r.Case != "" {
		return fmt.Sprintf("%s (%s)", r.Case, strings.Join(names, ", "))
	}
	return strings.Join(names, ", ")
}
