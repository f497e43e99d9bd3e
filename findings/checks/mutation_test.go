package checks_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/internal/fixture"
)

// redundant names the artifacts, CHECK CASE ARTIFACT, without which a confirmed case stays confirmed although they support it, with the
// rule of the check by which the rest proves it.
var redundant = map[string]string{
	"configmgr-program-retry confirmed-two-sites-of-one-mind CEN/sitectrl.ct0":             "the other site's list leads to the same",
	"configmgr-program-retry confirmed-two-sites-of-one-mind PR1/sitectrl.ct0":             "the other site's list leads to the same",
	"sep-cached-msi-missing confirmed installer.txt":                                       "the upgrade's log proves that the package was missing; the listing bears it out",
	"sep-cached-msi-missing confirmed sylink.xml":                                          "the upgrade's log proves the migration's failure; the client's file shows its outcome and raises the severity",
	"sms-copylog-site-mismatch confirmed client/MS/SMS/Logs/Clicore.log":                   "Ccim32.log states both releases, the site's and the client's",
	"sms-copylog-site-mismatch confirmed-sites-of-registries-of-their-own SRVCEN/software": "the named site's registry states that it is older; the other one tells whom to name",
	"sms-mixed-client-installation confirmed-lines-of-the-article CLICORE.LOG":             "Ccim32.log states two releases too",
	"sms-mixed-client-installation confirmed-lines-of-the-article Ccim32.log":              "Clicore.log states two releases too",
	"sms-mixed-client-installation confirmed-lines-of-the-article Clisvc.log":              "the signs in the other logs weigh enough",
	"sms-mixed-client-installation confirmed-lines-of-the-article Launch32.log":            "the signs in the other logs weigh enough",
	"sms-mixed-client-installation confirmed-lines-of-the-article SMSCLI.LOG":              "the signs in the other logs weigh enough",
	"sms-mixed-client-installation confirmed-lines-of-the-article Wn_logon.log":            "the signs in the other logs weigh enough",
	"windows-driver-failed-at-boot confirmed-file-gone config/SYSTEM":                      "event 7026 proves the failure; the key says which file it is",
	"windows-driver-failed-at-boot confirmed-file-gone drivers.txt":                        "event 7026 proves the failure; the listing says why",
	"zenworks-mount-point confirmed-mountvol reg/SYSTEM":                                   "Installer's message 1902 shows the rename that the queue holds",
	"zenworks-mount-point confirmed-junction fsutil.txt":                                   "dir shows the same junction, and its target",
}

// TestProofNeedsItsEvidence takes from every confirmed case each artifact that supports a confirmed finding: without it that finding must
// weaken, else it did not rest on what it quotes.
func TestProofNeedsItsEvidence(t *testing.T) {
	unused := map[string]bool{}
	for name := range redundant {
		unused[name] = true
	}
	for _, c := range written() {
		a, err := txtar.ParseFile(filepath.Join("testdata", c.ID+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range caseNames(a) {
			if !strings.HasPrefix(name, "confirmed") {
				continue
			}
			dir := t.TempDir()
			for _, f := range a.Files {
				if rest, ok := strings.CutPrefix(f.Name, name+"/"); ok && rest != "want" {
					if err := fixture.Write(dir, rest, f.Data); err != nil {
						t.Fatal(err)
					}
				}
			}
			// A bundle is never empty, whatever is taken from it.
			if err := fixture.Write(dir, "bystander.txt", []byte("nothing of any product\n")); err != nil {
				t.Fatal(err)
			}
			before := confirmed(t, c, dir)
			var supporting []string
			for _, f := range before {
				for _, e := range f.Evidence {
					if file := uploaded(e.Artifact); e.Role == findings.Supports && !slices.Contains(supporting, file) {
						supporting = append(supporting, file)
					}
				}
			}
			for _, artifact := range supporting {
				id := c.ID + " " + name + " " + artifact
				t.Run(strings.ReplaceAll(id, " ", "/"), func(t *testing.T) {
					file := filepath.Join(dir, filepath.FromSlash(artifact))
					data, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
					after := confirmed(t, c, dir)
					if err := os.WriteFile(file, data, 0o600); err != nil {
						t.Fatal(err)
					}
					delete(unused, id)
					_, allowed := redundant[id]
					switch weaker := len(after) < len(before); {
					case !weaker && !allowed:
						t.Errorf("%d findings stay confirmed without %s: %s", len(after), artifact, after[0].Summary)
					case weaker && allowed:
						t.Error("the finding weakens: it needs no entry in the list")
					}
				})
			}
		}
	}
	for name := range unused {
		t.Errorf("the list names %q, which supports nothing", name)
	}
}

// uploaded is the file that holds an artifact: the events of an event log are a member of it.
func uploaded(artifact string) string { return strings.TrimSuffix(artifact, "/events.xml") }

// confirmed analyses a folder with one check and returns its confirmed findings.
func confirmed(t *testing.T, c *findings.Check, dir string) []findings.Finding {
	t.Helper()
	r, err := casebook.Analyze(context.Background(), []string{dir}, casebook.Options{Checks: []*findings.Check{c}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(r.Findings, func(f findings.Finding) bool { return f.Verdict != findings.Confirmed })
}
