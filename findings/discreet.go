package findings

import "casebook/internal/secrets"

// Notes of evidence whose quote leaves out a secret.
const (
	noteCut     = "the line also holds a password or key, which is left out of the quote"
	noteRemoved = "the value is a password or key and is not shown"
)

// discreet takes passwords and keys out of what a report shows. A quote stays verbatim: it is cut to its longest run without one.
func discreet(r *Report) {
	for i := range r.Findings {
		f := &r.Findings[i]
		for _, s := range []*string{&f.Title, &f.Summary, &f.Cause, &f.Unmet} {
			*s = secrets.Remove(*s)
		}
		for k := range f.Evidence {
			discreetEvidence(&f.Evidence[k])
		}
	}
	for i := range r.Notable {
		discreetEvidence(&r.Notable[i])
	}
	for i := range r.Statements {
		for k := range r.Statements[i].Quotes {
			discreetEvidence(&r.Statements[i].Quotes[k])
		}
	}
	for i := range r.Errors {
		r.Errors[i].Template = secrets.Remove(r.Errors[i].Template)
		discreetEvidence(&r.Errors[i].First)
	}
	for i := range r.Registry {
		for k := range r.Registry[i].Values {
			v := &r.Registry[i].Values[k]
			if secrets.Named(v.Name) && v.Data != "" {
				v.Data = secrets.Removed
			} else {
				v.Data = secrets.Remove(v.Data)
			}
		}
	}
	for i := range r.Systems {
		s := &r.Systems[i]
		for name, value := range s.Environment {
			if secrets.Named(name) && value != "" {
				s.Environment[name] = secrets.Removed
			} else if shown := secrets.Remove(value); shown != value {
				s.Environment[name] = shown
			}
		}
		for k := range s.Services {
			s.Services[k].ImagePath = secrets.Remove(s.Services[k].ImagePath)
		}
	}
	for i := range r.Timeline.Marks {
		r.Timeline.Marks[i].Label = secrets.Remove(r.Timeline.Marks[i].Label)
	}
	for i := range r.Problems {
		r.Problems[i].Message = secrets.Remove(r.Problems[i].Message)
	}
}

// discreetEvidence cuts a quote to what holds no secret and takes secrets out of the lines around it.
func discreetEvidence(e *Evidence) {
	note := ""
	if e.Value != nil && secrets.Named(*e.Value) && e.Quote != "" {
		e.Quote, note = "", noteRemoved
	} else if run, whole := secrets.Longest(e.Quote); !whole {
		e.Quote, note = run, noteCut
	}
	if note != "" && e.Note != "" {
		note = e.Note + "; " + note
	}
	if note != "" {
		e.Note = note
	}
	for _, lines := range [][]string{e.Before, e.After} {
		for i := range lines {
			lines[i] = secrets.Remove(lines[i])
		}
	}
}
