package diff

import (
	"slices"
	"strings"

	"casebook/findings"
)

// Pairing says by what a machine of the second report is taken for one of the first. The vocabulary is closed.
type Pairing string

// What two machines have in common.
const (
	PairedByBoth  Pairing = "name-and-machine-guid"
	PairedByName  Pairing = "name"
	PairedByGUID  Pairing = "machine-guid" // a clone has the same
	PairedByID    Pairing = "id"           // neither has a name; they stand in the same folder
	PairedByCount Pairing = "only-machine" // each report tells of one, and one of the two has no name
)

// Reason says in a sentence by what the machines were taken for the same; "" if only one report tells of it.
func (p Pairing) Reason() string {
	switch p {
	case PairedByBoth:
		return "Its name and MachineGuid are the same in both uploads."
	case PairedByName:
		return "Taken for the same machine by its name; its MachineGuid is not known to be the same."
	case PairedByGUID:
		return "Taken for the same machine by its MachineGuid, which a clone of a machine shares: it was renamed, or these are two machines."
	case PairedByID:
		return "Taken for the same machine since it lies in the same folder; no name is known."
	case PairedByCount:
		return "Taken for the same machine since each upload tells of one, and one of them has no name."
	}
	return ""
}

// pairSystems maps the ids of the second report's systems to those of the first, and says by what. Machines are the same if their name and their MachineGuid are, else their
// name, else their MachineGuid (a computer that was renamed), each only where it fits one machine on either side; then if their ids are, and where each
// report tells of one machine and one of the two has no name. A machine that only the second report knows keeps its id, with a word behind it where
// the first calls another one so.
func pairSystems(before, after *findings.Report) (names map[string]string, by map[string]Pairing) {
	names, by = map[string]string{}, map[string]Pairing{}
	taken := map[string]bool{}
	pair := func(p Pairing, key func(findings.System) string) {
		one := func(list []findings.System, free func(string) bool) map[string]string {
			out := map[string]string{}
			for _, s := range list {
				k := strings.ToUpper(key(s))
				if k == "" || !free(s.ID) {
					continue
				}
				if _, twice := out[k]; twice {
					out[k] = ""
				} else {
					out[k] = "=" + s.ID // an id may be empty
				}
			}
			return out
		}
		was := one(before.Systems, func(id string) bool { return !taken[id] })
		is := one(after.Systems, func(id string) bool { _, done := names[id]; return !done })
		for k, b := range is {
			if a := was[k]; a != "" && b != "" {
				names[b[1:]], by[b[1:]] = a[1:], p
				taken[a[1:]] = true
			}
		}
	}
	pair(PairedByBoth, func(s findings.System) string {
		if s.ComputerName == "" || s.MachineGUID == "" {
			return ""
		}
		return s.ComputerName + "\x00" + s.MachineGUID
	})
	pair(PairedByName, func(s findings.System) string { return s.ComputerName })
	pair(PairedByGUID, func(s findings.System) string { return s.MachineGUID })
	pair(PairedByID, func(s findings.System) string {
		if s.ComputerName != "" {
			return ""
		}
		return "=" + s.ID
	})
	if len(before.Systems) == 1 && len(after.Systems) == 1 {
		if a, b := before.Systems[0], after.Systems[0]; a.ComputerName == "" || b.ComputerName == "" {
			if _, done := names[b.ID]; !done {
				by[b.ID] = PairedByCount
			}
			names[b.ID], taken[a.ID] = a.ID, true
		}
	}
	for _, s := range after.Systems {
		if _, done := names[s.ID]; done {
			continue
		}
		id := s.ID
		if slices.ContainsFunc(before.Systems, func(a findings.System) bool { return a.ID == id }) {
			id += " (second upload)"
		}
		names[s.ID] = id
	}
	return names, by
}

// key tells the findings of one report apart.
type key struct{ check, system, subject string }

// keyed lists the findings of a report by what they are about, the one that claims most where several are about the same. names maps the report's
// systems; nil leaves them as they are.
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

// repack gives findings of the second report the key of the first where only the folder of the upload differs: a subject that is a file of the upload is
// the same if its name is, provided that neither report has two of that name.
func repack(was, is map[key]*findings.Finding, before, after *findings.Report) {
	files := func(r *findings.Report) map[string]bool {
		out := map[string]bool{}
		for _, a := range r.Artifacts {
			out[strings.ToLower(a.Path)] = true
		}
		return out
	}
	byName := func(list, other map[key]*findings.Finding, files map[string]bool) map[key]key {
		out := map[key]key{}
		for k := range list {
			if _, paired := other[k]; paired || !files[k.subject] {
				continue
			}
			name := key{k.check, k.system, k.subject[strings.LastIndexByte(k.subject, '/')+1:]}
			if _, twice := out[name]; twice {
				out[name] = key{}
			} else {
				out[name] = k
			}
		}
		return out
	}
	old, now := byName(was, is, files(before)), byName(is, was, files(after))
	for name, b := range now {
		if a := old[name]; a != (key{}) && b != (key{}) {
			is[a] = is[b]
			delete(is, b)
		}
	}
}

// rank orders the verdicts on the same subject: what claims most comes first, what is over after what is not.
func rank(f *findings.Finding) int {
	n := 2 * slices.Index([]findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated}, f.Verdict)
	if f.State == findings.Resolved {
		n++
	}
	return n
}
