package cli

import (
	"testing"

	"casebook/findings"
	"casebook/ingest"
)

// TestHeadline holds that the first line agrees with the findings that follow it.
func TestHeadline(t *testing.T) {
	fault := findings.Finding{Check: "a", Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active}
	over := fault
	over.State = findings.Resolved
	info := findings.Finding{Check: "b", Verdict: findings.Confirmed, Severity: findings.Info}
	maybe := findings.Finding{Check: "c", Verdict: findings.Suspected, Severity: findings.Info}
	ruledOut := findings.Finding{Check: "d", Verdict: findings.RuledOut, Severity: findings.Info}
	noData := findings.Finding{Check: "e", Verdict: findings.NotEvaluated, Severity: findings.Info}
	cut := []ingest.Problem{{Cut: ingest.CutUnlisted}}
	tests := []struct {
		name     string
		list     []findings.Finding
		problems []ingest.Problem
		want     string
	}{
		{"fault", []findings.Finding{fault, info, ruledOut}, nil, "1 problem confirmed"},
		{"over", []findings.Finding{over, info, ruledOut}, nil, "1 problem found, over by the end of the capture"},
		{"information", []findings.Finding{info, ruledOut}, nil, "no known fault found; 1 finding confirmed as information"},
		{"information-of-both-kinds", []findings.Finding{maybe, info}, nil, "no known fault found; 1 finding confirmed, 1 finding suspected as information"},
		{"suspected-information", []findings.Finding{maybe, ruledOut}, nil, "no known fault found; 1 finding suspected as information"},
		{"information-of-a-part", []findings.Finding{info}, cut, "no known fault found in the part of the upload that could be read; 1 finding confirmed as information"},
		{"nothing", []findings.Finding{ruledOut, noData}, nil, "no known problem found"},
		{"nothing-in-a-part", []findings.Finding{ruledOut}, cut, "no known problem found in the part of the upload that could be read"},
		{"no-data", []findings.Finding{noData}, nil, "no check had the data that it needs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := summary{report: &findings.Report{Bundle: &findings.Upload{Name: "u.zip"}, Findings: tt.list, Problems: tt.problems}}
			if got := s.headline(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
