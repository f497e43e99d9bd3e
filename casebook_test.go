package casebook_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/internal/docscheck"
	"casebook/internal/fixture"
	"casebook/internal/need"
	"casebook/web"
)

// pack writes a txtar archive of testdata/samples as a zip and returns its path.
func pack(t *testing.T, file string) string {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := fixture.Zip(a.Files)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(file), ".txtar")+".zip")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func samples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/samples/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample: %v", err)
	}
	return files
}

// report analyses uploads with a number of workers and writes the report folder.
func report(t *testing.T, workers int, uploads ...string) (*findings.Report, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	out, err := casebook.NewOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Discard()
	r, err := casebook.Analyze(context.Background(), uploads, casebook.Options{Workers: workers, Version: "test", Index: index.Dir(out.ArchivePath())})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Write(t.Context(), r, "", web.LogsEvidence); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	docscheck.Report(t, []byte(read(t, filepath.Join(dir, casebook.ReportFile))))
	return r, dir
}

// TestSamples analyses every sample: each has the verdict that its name promises, its evidence is borne out, and the files of the
// report are the same whatever the number of workers.
func TestSamples(t *testing.T) {
	for _, file := range samples(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			upload := pack(t, file)
			r, one := report(t, 1, upload)
			_, eight := report(t, 8, upload)
			for _, f := range []string{casebook.ReportFile, casebook.IndexFile} {
				if diff := cmp.Diff(read(t, filepath.Join(one, f)), read(t, filepath.Join(eight, f))); diff != "" {
					t.Errorf("%s differs between one worker and eight:\n%s", f, diff)
				}
			}
			bad, err := casebook.Verify(context.Background(), r, []string{upload}, casebook.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range bad {
				t.Errorf("evidence is not borne out: %s", m)
			}
			confirmed := checksWith(r, findings.Confirmed)
			switch name {
			case "healthy":
				if len(confirmed) > 0 || len(checksWith(r, findings.Suspected)) > 0 {
					t.Errorf("the healthy sample has confirmed %v, suspected %v", confirmed, checksWith(r, findings.Suspected))
				}
			case "several-problems":
				if len(confirmed) < 3 || len(r.Systems) < 2 {
					t.Errorf("the sample of several problems has confirmed %v on %d systems", confirmed, len(r.Systems))
				}
			default:
				if !slices.Contains(confirmed, name) {
					t.Errorf("confirmed are %v, not %s", confirmed, name)
				}
			}
		})
	}
}

func checksWith(r *findings.Report, v findings.Verdict) []string {
	var ids []string
	for _, f := range r.Findings {
		if f.Verdict == v && !slices.Contains(ids, f.Check) {
			ids = append(ids, f.Check)
		}
	}
	return ids
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestComposite analyses real files of a real machine, real logs of others and a hostile archive as one upload.
func TestComposite(t *testing.T) {
	corpus := need.Corpus(t)
	dir := t.TempDir()
	for _, f := range []string{
		"hives/mkorman90+regipy__SYSTEM", "logs-msi/ArMaTeC+Redball__msi_install.log", "logs-sep/Beercow+SEPparser__AVMan.log",
		"logs-cmtrace/log2timeline+plaso__sccm_various.log", "archives/google+safearchive__zip_symlinks.zip",
		"archives/golang+go__zip_test-badbase.zip", "hives-malformed",
	} {
		if err := os.CopyFS(filepath.Join(dir, filepath.Base(filepath.Dir(f))), single(t, filepath.Join(corpus, f))); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := report(t, 2, dir)
	if got := checksWith(r, findings.Confirmed); len(got) > 0 {
		t.Errorf("confirmed without reason: %v", got)
	}
	var system *findings.System
	for i := range r.Systems {
		if r.Systems[i].ID == "WKS-WIN732BITA" {
			system = &r.Systems[i]
		}
	}
	if system == nil {
		t.Fatalf("the SYSTEM hive's computer is not among the systems: %+v", r.Systems)
	}
	want := findings.System{ComputerName: "WKS-WIN732BITA", CodePage: 1252, TimeZone: &findings.TimeZone{Name: "Eastern Standard Time", BiasMinutes: 300}}
	if system.CodePage != want.CodePage || !cmp.Equal(system.TimeZone, want.TimeZone, cmpopts.IgnoreFields(findings.TimeZone{}, "Offsets")) || len(system.TimeZone.Offsets) < 2 || system.HiveState != "clean" {
		t.Errorf("system is %+v", system)
	}
	links := slices.ContainsFunc(r.Problems, func(p ingest.Problem) bool { return strings.Contains(p.Message, "symbolic link") })
	if !links {
		t.Errorf("the symbolic link is not told: %v", r.Problems)
	}
	msi := slices.IndexFunc(r.Artifacts, func(a findings.Artifact) bool { return strings.HasSuffix(a.Path, "msi_install.log") })
	if msi < 0 || r.Artifacts[msi].Kind != ingest.KindLogMSI || r.Artifacts[msi].System == system.ID || r.Artifacts[msi].Clock == "system" {
		t.Errorf("the Installer log of another machine is taken for this one's: %+v", r.Artifacts[msi])
	}
}

// single is a file system with one file, or with the files of one folder.
func single(t *testing.T, path string) fs.FS {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		return os.DirFS(path)
	}
	sub := t.TempDir()
	if err := os.WriteFile(filepath.Join(sub, filepath.Base(path)), []byte(read(t, path)), 0o600); err != nil {
		t.Fatal(err)
	}
	return os.DirFS(sub)
}

// TestOneCase joins two uploads: the log of the first and the listing of the second are facts of one machine.
func TestOneCase(t *testing.T) {
	a, err := txtar.ParseFile("testdata/samples/configmgr-client-certificate.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var uploads []string
	isListing := func(f txtar.File) bool { return strings.Contains(f.Name, "machinekeys") }
	for i, part := range [][]txtar.File{
		slices.DeleteFunc(slices.Clone(a.Files), isListing),
		slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return !isListing(f) }),
	} {
		data, err := fixture.Zip(part)
		if err != nil {
			t.Fatal(err)
		}
		uploads = append(uploads, filepath.Join(t.TempDir(), []string{"first.zip", "reply.zip"}[i]))
		if err := os.WriteFile(uploads[i], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alone, _ := report(t, 2, uploads[0])
	if got := checksWith(alone, findings.Confirmed); slices.Contains(got, "configmgr-client-certificate") {
		t.Errorf("confirmed without the listing: %v", got)
	}
	joined, _ := report(t, 2, uploads...)
	if got := checksWith(joined, findings.Confirmed); !slices.Contains(got, "configmgr-client-certificate") {
		t.Errorf("the two uploads together confirm %v", got)
	}
	if len(joined.Bundles) != 2 || joined.Bundle != nil {
		t.Errorf("the case names %v and %v", joined.Bundle, joined.Bundles)
	}
}

// TestUnusable holds what Analyze returns of uploads that can't be analysed, beside others and alone.
func TestUnusable(t *testing.T) {
	dir := t.TempDir()
	noise := filepath.Join(dir, "noise.bin")
	if err := os.WriteFile(noise, []byte("\x00\x01\x02\x03\xfe\xfd"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent.zip")
	sound := pack(t, "testdata/samples/healthy.txtar")
	tests := []struct {
		name    string
		uploads []string
		reasons int
		all     bool
		formats []string
	}{
		{"absent", []string{absent}, 1, true, []string{"unreadable"}},
		{"noise", []string{noise}, 1, true, []string{"file"}},
		{"both", []string{noise, absent}, 2, true, []string{"file", "unreadable"}},
		{"beside-a-sound-one", []string{absent, sound, noise}, 2, false, []string{"unreadable", "zip", "file"}},
		{"sound", []string{sound}, 0, false, []string{"zip"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := casebook.Analyze(t.Context(), tt.uploads, casebook.Options{Case: "T-1", Version: "test"})
			if r == nil {
				t.Fatalf("no report, %v", err)
			}
			unusable, ok := errors.AsType[*casebook.UnusableError](err)
			switch {
			case !ok && (err != nil || tt.reasons > 0):
				t.Errorf("the error is %v", err)
			case ok && (len(unusable.Reasons) != tt.reasons || unusable.All != tt.all):
				t.Errorf("all: %t, reasons: %v", unusable.All, unusable.Reasons)
			}
			uploads := r.Bundles
			if r.Bundle != nil {
				uploads = []findings.Upload{*r.Bundle}
			}
			var formats []string
			for _, u := range uploads {
				formats = append(formats, u.Format)
			}
			if diff := cmp.Diff(tt.formats, formats); diff != "" {
				t.Errorf("formats: %s", diff)
			}
			data, err := casebook.EncodeReport(r)
			if err != nil {
				t.Fatal(err)
			}
			docscheck.Report(t, data)
			if strings.Contains(string(data), dir) {
				t.Error("the report names a folder of this machine")
			}
		})
	}
}

// TestIncident places an incident before, within and after the records.
func TestIncident(t *testing.T) {
	upload := pack(t, "testdata/samples/healthy.txtar")
	for at, want := range map[string]findings.Covered{
		"2001-01-01T00:00:00Z": findings.CoveredBefore,
		"2012-03-09T00:00:00Z": findings.CoveredWithin,
		"2030-01-01T00:00:00Z": findings.CoveredAfter,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		r, err := casebook.Analyze(t.Context(), []string{upload}, casebook.Options{At: when})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&findings.Incident{Time: at, Covered: want}, r.Incident); diff != "" {
			t.Error(diff)
		}
	}
}

// TestOutput holds that a folder is replaced as a whole, or nothing is.
func TestOutput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "for", "it")
	out, err := casebook.NewOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	out.Discard()
	if _, err := os.Stat(filepath.Dir(filepath.Dir(dir))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folders above a discarded report are left: %v", err)
	}
	write := func(version string) {
		t.Helper()
		out, err := casebook.NewOutput(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Discard()
		if err := out.Write(t.Context(), casebook.Unfinished([]string{"a.zip"}, "given up", casebook.Options{Version: version}), "", web.LogsEvidence); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = casebook.NewOutput(dir); err != nil {
		t.Fatal(err)
	}
	out.Discard()
	if report := read(t, filepath.Join(dir, casebook.ReportFile)); !strings.Contains(report, `"version": "first"`) {
		t.Error("a discarded report has replaced the earlier one")
	}
	write("second")
	if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
		t.Errorf("the folder, which may be a mount point, is another: %v", err)
	}
	foreign := func(e os.DirEntry) bool {
		return e.Name() != casebook.ReportFile && !slices.Contains(web.Parts(), e.Name())
	}
	if inside, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(inside, foreign) {
		t.Errorf("in the folder: %v, %v", inside, err)
	}
	report := read(t, filepath.Join(dir, casebook.ReportFile))
	if !strings.Contains(report, `"version": "second"`) {
		t.Error("the earlier report is not replaced")
	}
	docscheck.Report(t, []byte(report))
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := casebook.NewOutput(dir); err == nil || !strings.Contains(err.Error(), `"notes.txt"`) {
		t.Errorf("a folder with foreign files is taken: %v", err)
	}
	beside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(beside) != 1 {
		t.Errorf("beside the report: %v, %v", beside, err)
	}
}
