package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

// vcmProduct tells VCM (vCenter Configuration Manager, formerly Configuresoft ECM) and its agent.
var vcmProduct = findings.Product{
	Name: "VCM (vCenter Configuration Manager) or its agent", Words: []string{"configuresoft", "/vcm/", "ecmcommon", "ecmsimpleinstaller", "ecmcomsocketlistener", "machineactionlock"},
	Kinds: []ingest.Kind{ingest.KindVCMLock, ingest.KindVCMJobs},
	Seen: func(f *facts.Facts) bool {
		return len(f.Registry.Keys(`SOFTWARE\Configuresoft\ECM`))+len(f.Registry.Keys(`SOFTWARE\Wow6432Node\Configuresoft\ECM`)) > 0
	},
}

// vcmGuide are the editions of the guide that describe the installation.
var vcmGuide = []findings.Reference{
	{Title: "VCM Troubleshooting Guide: agent installation, step by step", URL: "https://vmware.manymanuals.cz/unknown/vcm-5-3/troubleshooting-guide-3391/38"},
	{Title: "VCM Troubleshooting Guide 5.3", URL: "https://fliphtml5.com/dtbd/ator/vcm_53_troubleshooting_guide/43"},
}

// vcmRow is a row of a job history with its place.
type vcmRow struct {
	facts    *facts.Facts
	artifact string
	cut      bool // the row is the last one of a text that ends within a row
	extract.VCMJobStep
}

func (r vcmRow) evidence(role findings.Role, note string) findings.Evidence {
	return findings.FromLine(r.facts, r.artifact, r.Line, role, note)
}

// label is the step as people find it in the guide: its number and its name.
func (r vcmRow) label() string { return vcmStepLabel(r.Step, cmp.Or(r.Name, "a step")) }

var rowTime = regexp.MustCompile(`\b(\d{4})[-/](\d{2})[-/](\d{2})[ T](\d{2}:\d{2}:\d{2})`)

// latest returns the latest time that the row states in a form that means one time only, as the clock on its wall; zero if it states none.
func (r vcmRow) latest() time.Time {
	var last time.Time
	m, _ := r.facts.Line(r.artifact, r.Line)
	for _, f := range rowTime.FindAllStringSubmatch(m.Quote, -1) {
		if t, err := time.Parse("2006-01-02 15:04:05", f[1]+"-"+f[2]+"-"+f[3]+" "+f[4]); err == nil && t.After(last) {
			last = t
		}
	}
	return last
}

// vcmRows returns the rows of all job histories.
func vcmRows(all []*facts.Facts) []vcmRow {
	var out []vcmRow
	for _, f := range all {
		for _, v := range facts.Values[*extract.VCMJobs](f) {
			// Other programs clean up too: one step at least is of this product alone.
			if !slices.ContainsFunc(v.Value.Steps, func(s extract.VCMJobStep) bool {
				return s.Step != extract.VCMStepOther && s.Step != extract.VCMStepCleanup && s.Step != extract.VCMStepSubmitRequest
			}) {
				continue
			}
			for i, s := range v.Value.Steps {
				out = append(out, vcmRow{f, v.Artifact.Path, v.Value.Cut && i == len(v.Value.Steps)-1, s})
			}
		}
	}
	return out
}

// sameComputer reports whether two names mean one computer, as far as names tell.
func sameComputer(a, b string) bool { return firstLabel(a) == firstLabel(b) || shortened(a, b) }

// vcmStepLabel is a step by its number in the guide, which all editions share up to the ninth, and its name; written names another step.
func vcmStepLabel(s extract.VCMStep, written string) string {
	switch {
	case s == extract.VCMStepOther:
		return fmt.Sprintf("the step %q", written)
	case s <= extract.VCMStepInstallModule:
		return fmt.Sprintf("step %d, %s", s, s)
	}
	return "the step " + s.String()
}
