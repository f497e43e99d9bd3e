package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"casebook/internal/docscheck"
	"casebook/internal/oscluster"
	"casebook/internal/scriptcmd"
	"casebook/scale/blobs"
)

// TestStores runs each script of testdata/script over every kind of archive: what can be done with one can be done with the others. $ARCHIVE is the archive, $OTHER one in a folder.
func TestStores(t *testing.T) {
	for _, store := range []struct {
		name    string
		address func(t *testing.T, n string) string
		cases   func(dir string) string // what the environment says of where files are kept
	}{
		{"folder", func(*testing.T, string) string { return "cases" }, nil},
		{"opensearch", cluster, nil},
		{"opensearch-with-object-storage", cluster, func(dir string) string { return blobs.Dir(filepath.Join(dir, "kept")) }},
	} {
		t.Run(store.name, func(t *testing.T) {
			store.address(t, "") // skips the test if there is none
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "script"),
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					temp := filepath.Join(e.WorkDir, ".temp")
					e.Setenv(scriptcmd.Samples, filepath.Join(docscheck.Root(t), "testdata", "samples"))
					e.Setenv("TMPDIR", temp)
					e.Setenv("ARCHIVE", store.address(t, fmt.Sprintf("s%d", time.Now().UnixNano())))
					e.Setenv("OTHER", "other")
					if store.cases != nil {
						e.Setenv(casesVariable, store.cases(e.WorkDir))
					}
					return os.Mkdir(temp, 0o700)
				},
				Condition: func(cond string) (bool, error) {
					if cond == "folder" {
						return store.name == cond, nil
					}
					return false, fmt.Errorf("unknown condition %q", cond)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": scriptcmd.Exits, "sample": scriptcmd.Sample},
			})
		})
	}
}

// cluster is the address of an archive in the cluster of the tests.
func cluster(t *testing.T, prefix string) string {
	t.Helper()
	return "opensearch+http://" + strings.Join(oscluster.Shared(t).Hosts, ",") + "/" + prefix
}
