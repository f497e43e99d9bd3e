package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook/internal/docscheck"
	"casebook/internal/fixture"
)

// named finds names in the sources of the samples, by expressions of its own.
var named = []*regexp.Regexp{
	regexp.MustCompile(`"ComputerName"="([^"]{3,})"`),
	regexp.MustCompile(`(?i)\\Users\\([a-z][a-z0-9.]{3,})\\`),
	regexp.MustCompile(`(?i)\\Documents and Settings\\([a-z][a-z0-9.]{3,})\\`),
	regexp.MustCompile(`"MachineGuid"="\{?([0-9a-fA-F-]{36})`),
	regexp.MustCompile(`\b(10\.\d{1,3}\.\d{1,3}\.\d{1,3})\b`),
	regexp.MustCompile(`\b(S-1-5-21-\d+-\d+-\d+-\d+)\b`),
}

// ordinary are accounts of every Windows.
var ordinary = map[string]bool{"public": true, "default": true, "administrator": true, "all users": true, "networkservice": true, "localservice": true}

// TestRedactedSamples looks for the names of every sample in everything that analyze --redact writes and prints.
func TestRedactedSamples(t *testing.T) {
	samples, err := filepath.Glob(filepath.Join(docscheck.Root(t), "testdata", "samples", "*.txtar"))
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	total := 0
	for i, sample := range samples {
		archive, err := txtar.ParseFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, f := range archive.Files {
			for _, re := range named {
				for _, m := range re.FindAllStringSubmatch(string(f.Data), -1) {
					if name := strings.ToLower(m[1]); !ordinary[name] {
						names[name] = true
					}
				}
			}
		}
		total += len(names)
		if testing.Short() && i%8 != 0 {
			continue
		}
		zip, err := fixture.Zip(archive.Files)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		upload := filepath.Join(dir, "contoso-4711.zip")
		if err := os.WriteFile(upload, zip, 0o600); err != nil {
			t.Fatal(err)
		}
		names["contoso-4711"] = true
		var out, errOut bytes.Buffer
		args := []string{"analyze", upload, "-o", filepath.Join(dir, "out"), "--redact", "--no-progress"}
		if code := program.Run(t.Context(), args, strings.NewReader(""), &out, &errOut); code != exitOK {
			t.Fatalf("%s: exit status %d: %s", sample, code, errOut.String())
		}
		for _, form := range []string{formMarkdown, formCSV, formTimesketch, formHTML} {
			if code := program.Run(t.Context(), []string{"render", filepath.Join(dir, "out"), "--format", form, "-o", filepath.Join(dir, "out."+form)}, strings.NewReader(""), io.Discard, &errOut); code != exitOK {
				t.Fatalf("%s as %s: exit status %d: %s", sample, form, code, errOut.String())
			}
		}
		look := func(where string, data []byte) {
			low := bytes.ToLower(data)
			for name := range names {
				if at := bytes.Index(low, []byte(name)); at >= 0 {
					t.Errorf("%s: %s holds %q: …%s…", filepath.Base(sample), where, name, low[max(0, at-80):min(len(low), at+40)])
				}
			}
		}
		look("stdout", bytes.ReplaceAll(out.Bytes(), []byte(dir), nil))
		look("stderr", errOut.Bytes())
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path == upload {
				return err
			}
			data, err := os.ReadFile(path)
			look(filepath.Base(path), data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if total < 20 {
		t.Errorf("the samples have %d names: too few for this test", total)
	}
}
