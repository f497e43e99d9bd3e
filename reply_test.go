package casebook_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/collect"
	"casebook/ingest"
	"casebook/internal/fixture"
)

// TestReply analyses a first upload that only suspects, then together with the reply as the collection script of its report would have made it:
// what was suspected is settled, for the computer on which the script ran and in its encodings.
func TestReply(t *testing.T) {
	a, err := txtar.ParseFile("testdata/reply.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, first, reply, check string
		host                      string
		before, after             findings.Verdict
		zipped                    bool
	}{
		{name: "confirmed", first: "zen", reply: "zen-mounted", check: "zenworks-mount-point", host: "ARBEITSPLATZ7", before: findings.Suspected, after: findings.Confirmed},
		{name: "confirmed-from-a-zip", first: "zen", reply: "zen-mounted", check: "zenworks-mount-point", host: "ARBEITSPLATZ7", before: findings.Suspected, after: findings.Confirmed, zipped: true},
		{name: "ruled-out", first: "zen", reply: "zen-plain", check: "zenworks-mount-point", host: "ARBEITSPLATZ7", before: findings.Suspected, after: findings.RuledOut},
		{name: "of-another-computer", first: "zen", reply: "zen-stranger", check: "zenworks-mount-point", host: "ARBEITSPLATZ7", before: findings.Suspected, after: findings.Suspected},
		{name: "of-two-computers-by-their-manifests-alone", first: "zen", reply: "zen-two", check: "zenworks-mount-point", host: "ARBEITSPLATZ7", before: findings.Suspected, after: findings.Confirmed},
		{name: "a-log-that-names-no-computer", first: "hint", reply: "hint-queue", check: "windows-pending-reboot", host: "PC1", before: findings.Suspected, after: findings.Confirmed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := upload(t, a, tt.first, false)
			opt := casebook.Options{Case: "48213", Version: "test"}
			for _, c := range checks.All() {
				if c.ID == tt.check {
					opt.Checks = []*findings.Check{c}
				}
			}
			r := analyzed(t, opt, first)
			if got := verdictOf(r, ""); got != tt.before {
				t.Fatalf("the first upload alone is %s, want %s", got, tt.before)
			}
			plan := collect.Make(r)
			if !plan.Automatic() {
				t.Fatalf("the script collects nothing of: %s", r.Request.Text)
			}
			reply := upload(t, a, tt.reply, tt.zipped)
			both := analyzed(t, opt, first, reply)
			if got := verdictOf(both, tt.host); got != tt.after {
				t.Errorf("with the reply it is %s, want %s", got, tt.after)
				for _, f := range both.Findings {
					t.Logf("%s on %q: %s", f.Verdict, f.System, f.Summary)
				}
				for _, p := range both.Problems {
					t.Logf("problem of %s: %s", p.Artifact, p.Message)
				}
			}
			for _, x := range both.Artifacts {
				if filepath.Base(x.Path) == collect.ManifestFile && x.Kind != ingest.KindManifest {
					t.Errorf("the manifest is read as %s", x.Kind)
				}
				host := tt.host
				if tt.reply == "zen-stranger" || strings.Contains(x.Path, "/b/") {
					host = "BESUCHER3"
				}
				if filepath.Base(x.Path) == "mounts.txt" && (x.System != host || x.Encoding != "ibm850") {
					t.Errorf("%s is of %q and read by %s", x.Path, x.System, x.Encoding)
				}
			}
			bad, err := casebook.Verify(context.Background(), both, []string{first, reply}, casebook.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range bad {
				t.Errorf("evidence is not borne out: %s", m)
			}
		})
	}
}

// upload writes the members below a folder of the archive, and packs them if asked to.
func upload(t *testing.T, a *txtar.Archive, name string, zipped bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	var files []txtar.File
	for _, f := range a.Files {
		if rest, ok := strings.CutPrefix(f.Name, name+"/"); ok {
			files = append(files, txtar.File{Name: rest, Data: f.Data})
			if err := fixture.Write(dir, rest, f.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(files) == 0 {
		t.Fatalf("the archive has no upload %q", name)
	}
	if !zipped {
		return dir
	}
	data, err := fixture.Zip(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+".zip", data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir + ".zip"
}

func analyzed(t *testing.T, opt casebook.Options, uploads ...string) *findings.Report {
	t.Helper()
	r, err := casebook.Analyze(context.Background(), uploads, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdictOf is the verdict on a system, the first one for "".
func verdictOf(r *findings.Report, system string) findings.Verdict {
	for _, f := range r.Findings {
		if system == "" || f.System == system {
			return f.Verdict
		}
	}
	return "no verdict"
}
