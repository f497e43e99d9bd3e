package checks_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"casebook"
	"casebook/findings"
	"casebook/internal/fixture"
)

// TestInstallerReturnCodes says of each return code why Installer gives it, and speaks of a rollback only where the session began.
func TestInstallerReturnCodes(t *testing.T) {
	const nothing, rolled = "Nothing was changed", "Installer rolled"
	for _, c := range []struct {
		code     string
		action   bool // an action of the session returned a failure
		says     []string
		saysNot  []string
		remedies string
	}{
		{"1601", false, []string{"msiserver", nothing}, []string{rolled}, "net start msiserver"},
		{"1602", false, []string{"Cancel"}, []string{rolled, nothing}, "run the installation again"},
		{"1603", true, []string{"any fatal error", "The action InstallFiles", rolled}, []string{nothing}, "Read the cause line"},
		{"1603", false, []string{"any fatal error", "shows no action"}, []string{rolled, nothing}, "Read the cause line"},
		{"1605", false, []string{"product code", nothing}, []string{rolled}, "product code of the command"},
		{"1612", false, []string{"sources that the product was installed from"}, []string{rolled}, "msiexec /fv"},
		{"1612", true, []string{"sources that the product was installed from", rolled}, []string{nothing}, "msiexec /fv"},
		{"1618", false, []string{"_MSIExecute", nothing}, []string{rolled}, "InProgress"},
		{"1619", false, []string{"path of the command", nothing}, []string{rolled}, "path of the package"},
		{"1620", false, []string{"not a valid package", nothing}, []string{rolled}, "hash"},
		{"1625", false, []string{"policy", nothing}, []string{rolled}, "DisableMSI"},
		{"1633", false, []string{"processor architecture", nothing}, []string{rolled}, "processor architecture"},
		{"1638", false, []string{"another package", nothing}, []string{rolled}, "REINSTALLMODE"},
		{"1604", false, []string{"ERROR_INSTALL_SUSPEND"}, []string{rolled}, "Read the cause line"},
	} {
		t.Run(fmt.Sprintf("%s-action-%t", c.code, c.action), func(t *testing.T) {
			log := "=== Verbose logging started: 3/8/2012  21:16:41  Build type: SHIP UNICODE 5.00.7600.00  Calling process: C:\\Windows\\system32\\msiexec.exe ===\n"
			if c.action {
				log += "Action ended 21:16:57: InstallFiles. Return value 3.\n"
			}
			log += "MSI (s) (40:94) [21:16:59:233]: MainEngineThread is returning " + c.code + "\n=== Verbose logging stopped: 3/8/2012  21:17:00 ===\n"
			dir := t.TempDir()
			if err := fixture.Write(dir, "install.log", []byte(log)); err != nil {
				t.Fatal(err)
			}
			check := slices.DeleteFunc(written(), func(x *findings.Check) bool { return x.ID != "msi-install-failed" })
			r, err := casebook.Analyze(context.Background(), []string{dir}, casebook.Options{Checks: check, Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Findings) != 1 || r.Findings[0].Verdict != findings.Confirmed {
				t.Fatalf("want one confirmed finding, got %s", verdicts(r))
			}
			f := r.Findings[0]
			for _, s := range c.says {
				if !strings.Contains(f.Cause, s) {
					t.Errorf("the cause lacks %q: %s", s, f.Cause)
				}
			}
			for _, s := range c.saysNot {
				if strings.Contains(f.Cause, s) {
					t.Errorf("the cause says %q: %s", s, f.Cause)
				}
			}
			if !strings.Contains(strings.Join(f.Remedy, "\n"), c.remedies) {
				t.Errorf("the remedy lacks %q: %q", c.remedies, f.Remedy)
			}
		})
	}
}
