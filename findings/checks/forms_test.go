package checks_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/hive"
	"casebook/internal/fixture"
	"casebook/internal/regftest"
)

// exportDiffers and queryDiffers list the cases in which a form of the registry says less than a hive file does, with the reason.
var (
	exportDiffers = map[string]string{
		"sms-duplicate-guid/confirmed-binary-uid-and-wow64":                    undated,
		"sms-duplicate-guid/confirmed-clone-of-one-image-without-sysprep":      undated,
		"windows-duplicate-machine-guid/confirmed-same-wsus-identity-and-sid":  undated,
		"windows-duplicate-machine-guid/confirmed-two-clones-one-well":         undated,
		"msi-cached-package-missing/suspected-listing-older-than-registration": undated,
		"vcm-agent-lock/suspected-hive-and-export-contradict":                  fileTimes,
		"windows-dynamic-disk-rename/confirmed-left-behind":                    freeCells,
		"windows-dynamic-disk-rename/confirmed-left-behind-on-another-drive":   freeCells,
		"windows-last-known-good-boot/near-miss-dirty-hive":                    "an export is never dirty",
		"windows-pending-reboot/near-miss-dirty-hive":                          "an export is never dirty",
		"windows-pending-reboot/suspected-hive-older-than-the-installation":    "an export does not say when it was made",
		"windows-service-broken/near-miss-dirty-hive":                          "an export is never dirty",
		"zenworks-mount-point/near-miss-dirty-hive":                            "an export is never dirty",
	}
	queryDiffers = map[string]string{
		"sms-duplicate-guid/confirmed-binary-uid-and-wow64":                    undated,
		"sms-duplicate-guid/confirmed-clone-of-one-image-without-sysprep":      undated,
		"windows-duplicate-machine-guid/confirmed-same-wsus-identity-and-sid":  undated,
		"windows-duplicate-machine-guid/confirmed-two-clones-one-well":         undated,
		"msi-cached-package-missing/suspected-listing-older-than-registration": undated,
		"windows-dynamic-disk-rename/confirmed-left-behind":                    freeCells,
		"windows-dynamic-disk-rename/confirmed-left-behind-on-another-drive":   freeCells,
		"vcm-agent-lock/suspected-hive-and-export-contradict":                  fileTimes,
		"windows-pending-reboot/ruled-out-booted-after-3010":                   absent,
		"windows-service-broken/confirmed-no-image-path":                       noValue,
		"windows-service-broken/confirmed-no-service-dll":                      noValue,
		"windows-update-agent-damaged/confirmed-service-missing":               "a query does not show that there is no such service",
		"zenworks-mount-point/confirmed-junction":                              unpaired,
		"zenworks-mount-point/confirmed-nested-mount-points":                   unpaired,
		"zenworks-mount-point/near-miss-junction-within-the-volume":            unpaired,
		"zenworks-mount-point/near-miss-mounted-twice":                         unpaired,
		"zenworks-mount-point/ruled-out-scheduled-and-booted-well":             absent,
		"zenworks-mount-point/suspected-dynamic-disk":                          unpaired,
		"zenworks-mount-point/suspected-scheduled-and-gone":                    absent,
	}
)

const (
	undated   = "a text does not say when a key was written"
	absent    = "a query does not show that PendingFileRenameOperations is absent, so that what a log has scheduled may still be pending"
	fileTimes = "of two texts that contradict each other the newer file decides"
	freeCells = "only a hive file has free cells in which a former queue is left"
	noValue   = "a query does not show that a value is absent"
	unpaired  = "a rename without ! and two deletes look the same where reg query leaves out empty strings"
)

// TestForms gives every check that reads the registry the same machine in three forms: as a hive file, as its .reg export and as output of
// reg query. The verdicts are the same, but for the tables above and one exception that is true of all checks: output of reg query never shows that something is absent, because
// the query may have asked for less, so that what a hive rules out may stay open.
func TestForms(t *testing.T) {
	compared := 0
	for _, c := range written() {
		a, err := txtar.ParseFile(filepath.Join("testdata", c.ID+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range caseNames(a) {
			if !slices.ContainsFunc(a.Files, func(f txtar.File) bool {
				return strings.HasPrefix(f.Name, name+"/") && strings.HasSuffix(f.Name, ".hive.reg")
			}) {
				continue
			}
			t.Run(c.ID+"/"+name, func(t *testing.T) {
				compared++
				asHive, asExport, asQuery := inForm(t, c, a, name, "hive"), inForm(t, c, a, name, "export"), inForm(t, c, a, name, "query")
				compareForms(t, "export", asHive, asExport, exportDiffers[c.ID+"/"+name])
				compareForms(t, "query", decided(asHive), decided(asQuery), queryDiffers[c.ID+"/"+name])
			})
		}
	}
	if compared < 10 {
		t.Errorf("only %d cases have a hive", compared)
	}
}

func compareForms(t *testing.T, form string, asHive, as []string, why string) {
	t.Helper()
	switch same := slices.Equal(asHive, as); {
	case same && why != "":
		t.Errorf("%s: the verdicts are the same (%v), the table says that they differ: %s", form, as, why)
	case !same && why == "":
		t.Errorf("hive: %v\n%s: %v", asHive, form, as)
	}
}

// decided leaves out what is ruled out, which needs the sight of something absent, and what is open.
func decided(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return strings.HasPrefix(s, string(findings.RuledOut)) || strings.HasPrefix(s, string(findings.NotEvaluated))
	})
}

// inForm analyses a case with its hives in a form, and returns verdicts and subjects.
func inForm(t *testing.T, c *findings.Check, a *txtar.Archive, name, form string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		rest, ok := strings.CutPrefix(f.Name, name+"/")
		if !ok || rest == "want" {
			continue
		}
		file, data := rest, f.Data
		if base, ok := strings.CutSuffix(rest, ".hive.reg"); ok && form != "hive" {
			file, data = base+"."+form+".txt", textOf(t, f.Data, form)
			if form == "export" {
				file = base + ".reg"
			}
		}
		if err := fixture.Write(dir, file, data); err != nil {
			t.Fatal(err)
		}
	}
	r, err := casebook.Analyze(t.Context(), []string{dir}, casebook.Options{Checks: []*findings.Check{c}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s %s", f.Verdict, f.System, f.Subject))
	}
	return out
}

// textOf returns a hive's text as a form.
func textOf(t *testing.T, source []byte, form string) []byte {
	t.Helper()
	b, err := regftest.Build(string(source))
	if err != nil {
		t.Fatal(err)
	}
	h, err := hive.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(string(source), "\n[")
	first, _, _ = strings.Cut(first, "]")
	root := strings.SplitN(first, `\`, 3)
	mount := strings.Join(root[:min(2, len(root))], `\`)
	if form == "query" {
		text, err := regftest.Query(h, mount)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(text)
	}
	var out bytes.Buffer
	if _, err := hive.WriteExport(&out, h.Root(), mount); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
