package hive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
	"casebook/internal/need"
)

// shown is everything that a hive shows, class names apart.
func shown(t *testing.T, h *hive.Hive) []string {
	t.Helper()
	var out []string
	if err := h.Walk(func(k *hive.Key) error {
		out = append(out, k.Path()+" "+k.LastWritten().String())
		for _, v := range k.Values() {
			out = append(out, k.Path()+" = "+v.Name+" "+v.Display())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWithoutSecrets takes the boot key out of real hives, and what was deleted: what the hives show stays.
func TestWithoutSecrets(t *testing.T) {
	corpus := need.Corpus(t)
	keys := 0
	for _, name := range []string{"hives/mkorman90+regipy__SYSTEM", "hives/mkorman90+regipy__SYSTEM_2", "hives/BitCurator+bcc-dfa-sample-data__registry_NTUSER.DAT"} {
		file, err := os.ReadFile(filepath.Join(corpus, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		before, err := hive.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		want := shown(t, before)
		for what, strip := range map[string]func([]byte) []byte{"boot key": hive.WithoutBootKey, "unused": hive.WithoutUnused} {
			original := bytes.Clone(file)
			out := strip(file)
			if !bytes.Equal(file, original) || len(out) != len(file) {
				t.Fatalf("%s: %s: the file was changed", name, what)
			}
			after, err := hive.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, shown(t, after)); diff != "" {
				t.Errorf("%s: without %s (-before +after):\n%s", name, what, diff)
			}
			if what == "unused" {
				if d := after.Deleted(); len(d.Keys)+len(d.Values) > 0 {
					t.Errorf("%s: %d deleted keys and %d values are left", name, len(d.Keys), len(d.Values))
				}
				continue
			}
			for _, set := range []string{"ControlSet001", "ControlSet002"} {
				for _, part := range []string{"JD", "Skew1", "GBG", "Data"} {
					path := set + `\Control\Lsa\` + part
					was, err := before.Key(path)
					if err != nil || was.ClassName() == "" {
						continue
					}
					keys++
					is, err := after.Key(path)
					if err != nil || strings.Trim(is.ClassName(), "\x00") != "" {
						t.Errorf("%s: %s still has the class name %q: %v", name, path, is.ClassName(), err)
					}
				}
			}
		}
	}
	if keys == 0 {
		t.Error("no hive of the corpus has a boot key")
	}
}
