package casebook

import (
	"context"
	"fmt"
	"os"

	"casebook/findings"
	"casebook/findings/pack"
	"casebook/ingest"
	"casebook/internal/fixture"
)

// PackResult is what came of a test of a pack.
type PackResult struct {
	Findings []findings.Finding // of the test's check, in the order of the report
	Notes    []string           // what must not be: the check's problems, and evidence that the bundle does not bear out
	Met      bool               // the findings are those that the test wants
}

// OK reports whether the test passed.
func (r PackResult) OK() bool { return r.Met && len(r.Notes) == 0 }

// RunPackTest analyses the bundle of a test with its check alone, the whole way that an upload goes, and verifies every quote at its
// place. The error says that the bundle could not be made or read.
func RunPackTest(ctx context.Context, t pack.Test) (PackResult, error) {
	var out PackResult
	dir, err := os.MkdirTemp("", "casebook-test-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its folder of temporary files
	for _, f := range t.Files {
		if err := fixture.Write(dir, f.Path, f.Data); err != nil {
			return out, fmt.Errorf("test %q of %s: %w", t.Name, t.Check.ID, err)
		}
	}
	// A bundle is never empty, so that a test may be about what is not there.
	if err := fixture.Write(dir, "bystander.txt", []byte("nothing of any product\n")); err != nil {
		return out, err
	}
	r, err := Analyze(ctx, []string{dir}, Options{Checks: []*findings.Check{t.Check}})
	if err != nil {
		return out, fmt.Errorf("test %q of %s: %w", t.Name, t.Check.ID, err)
	}
	out.Findings = r.Findings
	for _, p := range r.Problems {
		if p.Stage == ingest.StageCheck {
			out.Notes = append(out.Notes, p.Message)
		}
	}
	bad, err := Verify(ctx, r, []string{dir}, Options{})
	if err != nil {
		return out, fmt.Errorf("test %q of %s: %w", t.Name, t.Check.ID, err)
	}
	for _, m := range bad {
		out.Notes = append(out.Notes, "evidence is not borne out: "+m.String())
	}
	out.Met = len(t.Want) == len(r.Findings)
	for i := 0; out.Met && i < len(t.Want); i++ {
		out.Met = t.Want[i].Met(r.Findings[i])
	}
	return out, nil
}
