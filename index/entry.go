package index

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"time"

	"casebook/findings"
)

// Labels are what a case is filed under beside its ID: ticket number, customer and the like. A label has one or more values, in order, since
// one upload may come with several tickets.
type Labels map[string][]string

// Add returns the labels together with others.
func (l Labels) Add(others Labels) Labels {
	out := Labels{}
	for name, values := range l {
		out[name] = slices.Clone(values)
	}
	for name, values := range others {
		all := append(out[name], values...)
		slices.Sort(all)
		out[name] = slices.Compact(all)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Has tells whether the labels hold all of others.
func (l Labels) Has(others Labels) bool {
	for name, values := range others {
		for _, v := range values {
			if !slices.Contains(l[name], v) {
				return false
			}
		}
	}
	return true
}

// clean returns the labels without empty ones, each with its values in order.
func (l Labels) clean() Labels {
	out := Labels{}
	for name, values := range l {
		values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
		if name != "" && len(values) > 0 {
			out = out.Add(Labels{name: values})
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Entry is what is filed with a case that is written. The zero value files nothing.
type Entry struct {
	Labels Labels    // added to those that the case has
	Added  time.Time // when the case comes into the archive; of a case that is there already, its own stays. Zero if not known
	Hold   string    // why the case must not be removed; a hold that it has stays
	// Keep maps the SHA-256 of uploads to their files; they are copied into the archive with the case.
	Keep map[string][]string
	// Replaces is the state of the case (see [Case.State]) that is to be replaced, "" if there is to be none yet. If another writer was quicker,
	// Commit gives [ErrChanged]. nil replaces whatever is there.
	Replaces *string
	// Waiting is told who holds the lock if that takes a while; it may be nil.
	Waiting func(Holder)
}

// Upload is an upload of a case.
type Upload struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Format string `json:"format"`
	Kept   bool   `json:"kept,omitempty"` // its bytes are in the archive
}

// Case is what the archive knows of a case without opening it.
type Case struct {
	ID      string    `json:"id"`
	Labels  Labels    `json:"labels,omitempty"`
	Added   time.Time `json:"added,omitzero"` // zero if not known
	Hold    string    `json:"hold,omitempty"` // why it must not be removed; "" if it may be
	Uploads []Upload  `json:"uploads,omitempty"`
	State   string    `json:"state"`         // changes whenever the case is written anew
	Shard   string    `json:"shard"`         // of several cases may be the same
	Sum     string    `json:"sum,omitempty"` // stands for all that the case holds but labels, time and hold: two with the same sum hold the same. "" if it was written without
}

// Holds tells whether an upload belongs to the case.
func (c *Case) Holds(sha256 string) bool {
	return slices.ContainsFunc(c.Uploads, func(u Upload) bool { return u.SHA256 == sha256 })
}

// Revision is what an earlier evaluation of a case said.
type Revision struct {
	Tool     findings.Tool `json:"tool"`
	Uploads  []string      `json:"uploads"` // SHA-256
	Verdicts []Verdict     `json:"verdicts"`
}

// Verdict is a finding in short.
type Verdict struct {
	Check    string            `json:"check"`
	Subject  string            `json:"subject,omitempty"`
	System   string            `json:"system,omitempty"`
	Verdict  findings.Verdict  `json:"verdict"`
	Severity findings.Severity `json:"severity"`
	State    findings.State    `json:"state,omitempty"`
	Title    string            `json:"title,omitempty"`
}

// maxRevisions is how many earlier evaluations a case keeps.
const maxRevisions = 20

// revise returns the history of a case that follows: that of the case before with what its report said. Verdicts of checks that were not
// evaluated are left out: their absence says it.
func revise(before []Revision, report []byte) []Revision {
	var r findings.Report
	if json.Unmarshal(report, &r) != nil {
		return before // nothing of it can be said
	}
	now := Revision{Tool: r.Tool, Uploads: []string{}, Verdicts: []Verdict{}}
	for _, u := range uploadsOf(&r) {
		now.Uploads = append(now.Uploads, u.SHA256)
	}
	for _, f := range r.Findings {
		if f.Verdict != findings.NotEvaluated {
			now.Verdicts = append(now.Verdicts, Verdict{f.Check, f.Subject, f.System, f.Verdict, f.Severity, f.State, f.Title})
		}
	}
	all := append(slices.Clone(before), now)
	return all[max(0, len(all)-maxRevisions):]
}

// uploadsOf lists the uploads of a report that could be read.
func uploadsOf(r *findings.Report) []Upload {
	list := r.Bundles
	if r.Bundle != nil {
		list = []findings.Upload{*r.Bundle}
	}
	var out []Upload
	for _, u := range list {
		if u.SHA256 != "" {
			out = append(out, Upload{Name: u.Name, SHA256: u.SHA256, Bytes: u.Bytes, Format: u.Format})
		}
	}
	return out
}

// All lists the labels with their values, in order of their names.
func (l Labels) All() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, name := range slices.Sorted(maps.Keys(l)) {
			if !yield(name, l[name]) {
				return
			}
		}
	}
}

// pairs lists the labels as name=value, by which they are searched and counted.
func (l Labels) pairs() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, values := range l.All() {
			for _, v := range values {
				if !yield(name + "=" + v) {
					return
				}
			}
		}
	}
}
