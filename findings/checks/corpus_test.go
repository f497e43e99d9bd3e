package checks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/ingest"
	"casebook/internal/need"
)

// corpusFolders hold the real logs, event logs and hives; the archives are containers of other things.
var corpusFolders = []string{"logs-cmtrace", "logs-msi", "logs-other", "logs-sep", "evtx", "hives", "hives-malformed"}

// corpusShows is all that is confirmed on a file of the corpus that is analysed alone, CHECK FILE, each with what an independent reader of the hive
// (hivexget) or of the text shows there.
var corpusShows = map[string]string{
	"windows-component-store-corrupt adamgell+cmtraceopen__st_corpus_dism_mixed_components_dism.log": "the resource checker could not repair comctl32.dll; a later line says that the store was repaired, so the finding is resolved",

	// Both are made-up logs, which state 0x80070070 (ERROR_DISK_FULL) as the code of an operation that ended for good; no volume is named.
	"windows-disk-full adamgell+cmtraceopen__fixtures_sccm_client_deployment_cache-failure_evidence_client-content_current_CAS.log":                                                              "line 2: errorCode=0x80070070 terminal=true",
	"windows-disk-full adamgell+cmtraceopen__fixtures_sccm_client_inventory-compliance-metering_inventory_terminal-failures_evidence_client-inventory_root-a_current_InventoryAgentProvider.log": "line 1: Terminal=true ErrorCode=0x80070070",
	// By an independent reader of event logs (the evtx crate), events of the Service Control Manager.
	"windows-driver-failed-at-boot omerbenamram+evtx__2-vss_7-System.evtx":                   "7026 three times: CSC and dam once, dam twice",
	"windows-driver-failed-at-boot omerbenamram+evtx__sample-with-zero-data-size-event.evtx": "7026: dam five times; that reader leaves the first chunk, in which CSC stands",
	"windows-driver-failed-at-boot omerbenamram+evtx__system.evtx":                           "7026 three times: CSC and dam once, dam twice",
	"windows-service-crashing omerbenamram+evtx__2-vss_7-System.evtx":                        "7023: iphlpsvc with %%21, Update Orchestrator Service with %%2147549471",
	"windows-service-crashing omerbenamram+evtx__sample-with-zero-data-size-event.evtx":      "7031: Sync Host_Session2 twice, Sync Host_Session1 once; 7023: Interactive Services Detection with %%1",
	"windows-service-crashing omerbenamram+evtx__system.evtx":                                "7023: Interactive Services Detection with %%1 ten times, Spooler with %%2147942414, iphlpsvc with %%1058",

	"windows-pending-reboot mkorman90+regipy__SYSTEM_2":           "PendingFileRenameOperations of the current control set holds two deletes below C:\\Users\\master\\AppData",
	"windows-pending-reboot mkorman90+regipy__SYSTEM_B":           "PendingFileRenameOperations holds eight deletes, of C:\\Config.Msi, the DriverStore and Dropbox",
	"windows-pending-reboot mkorman90+regipy__SYSTEM_WIN_10_1709": "PendingFileRenameOperations holds 101 operations, most of them of printer drivers that wait for a boot",
}

// unreadableAlone are the files that no analysis can begin with, with the reason that it gives; everything else must be analysed.
var unreadableAlone = []string{"neither an archive that can be opened, nor a registry hive, nor text", "transaction log says nothing without the hive"}

// corpusFiles are the paths of the corpus' logs and hives, in order.
func corpusFiles(t *testing.T) []string {
	t.Helper()
	root := need.Corpus(t)
	var out []string
	for _, folder := range corpusFolders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				out = append(out, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 500 {
		t.Fatalf("the corpus has only %d logs and hives", len(out))
	}
	return out
}

// shown analyses an upload, verifies every quote at its place, and returns what is confirmed, CHECK FILE with the file of the first supporting
// evidence, and the findings themselves by that name. It returns nil where the upload can't be analysed for one of the reasons in unreadableAlone.
func shown(t *testing.T, upload string) map[string]findings.Finding {
	t.Helper()
	ctx := context.Background()
	r, err := casebook.Analyze(ctx, []string{upload}, casebook.Options{Checks: checks.All(), Version: "test"})
	if err != nil {
		if !slices.ContainsFunc(unreadableAlone, func(why string) bool { return strings.Contains(err.Error(), why) }) {
			t.Errorf("%s: %v", filepath.Base(upload), err)
		}
		return nil
	}
	bad, err := casebook.Verify(ctx, r, []string{upload}, casebook.Options{})
	if err != nil {
		t.Error(err)
	}
	for _, m := range bad {
		t.Errorf("%s: evidence is not borne out: %s", filepath.Base(upload), m)
	}
	for _, p := range r.Problems {
		if p.Stage == ingest.StageCheck {
			t.Errorf("%s: %s", filepath.Base(upload), p.Message)
		}
	}
	out := map[string]findings.Finding{}
	for _, f := range r.Findings {
		if f.Verdict != findings.Confirmed {
			continue
		}
		var files []string
		for _, e := range f.Evidence {
			if name := path.Base(uploaded(e.Artifact)); e.Role == findings.Supports && !slices.Contains(files, name) {
				files = append(files, name)
			}
		}
		if len(files) != 1 {
			t.Errorf("%s: %s rests on %d files that have nothing to do with each other: %v", filepath.Base(upload), f.Check, len(files), files)
		}
		out[f.Check+" "+files[0]] = f
	}
	return out
}

// aloneShown analyses each file of the corpus alone.
func aloneShown(t *testing.T, files []string) map[string]findings.Finding {
	t.Helper()
	all := map[string]findings.Finding{}
	var mu sync.Mutex
	t.Run("alone", func(t *testing.T) {
		const parts = 4
		for part := range parts {
			t.Run(strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				for i := part; i < len(files); i += parts {
					found := shown(t, files[i])
					mu.Lock()
					maps.Copy(all, found)
					mu.Unlock()
				}
			})
		}
	})
	return all
}

// TestCorpus analyses the real logs and hives of the corpus, each alone and in random combinations: nothing is confirmed that is not there. Alone,
// all that is confirmed stands in corpusShows. Combined, as the folders of several computers and as one folder of files that nothing tells apart, no
// finding is confirmed by evidence from two files, none that the same file does not give alone, and the folders of several
// computers lose none.
func TestCorpus(t *testing.T) {
	files := corpusFiles(t)
	alone := aloneShown(t, files)
	if d := cmp.Diff(slices.Sorted(maps.Keys(corpusShows)), slices.Sorted(maps.Keys(alone))); d != "" {
		t.Errorf("confirmed on single files (-want +got):\n%s", d)
	}
	const combinations, size = 24, 9
	for seed := range uint64(combinations) {
		pick := combination(files, seed, size)
		for _, apart := range []bool{true, false} {
			name := map[bool]string{true: "computers", false: "one-folder"}[apart]
			t.Run(fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				want := map[string]bool{}
				for i, file := range pick {
					sub := ""
					if apart {
						sub = fmt.Sprintf("computer%d", i)
					}
					link(t, file, filepath.Join(dir, sub, filepath.Base(file)))
					for key := range corpusShows {
						if strings.HasSuffix(key, " "+filepath.Base(file)) {
							want[key] = true
						}
					}
				}
				got := shown(t, dir)
				for key := range got {
					if !want[key] {
						t.Errorf("confirmed in company, not alone: %s: %s", key, got[key].Summary)
					}
				}
				for key := range want {
					if _, ok := got[key]; apart && !ok {
						t.Errorf("confirmed alone, not in company: %s", key)
					}
				}
			})
		}
	}
}

// combination picks files with a seed; the first is one on which something is confirmed, and every other one is a hive, so that registries and logs of
// strangers meet.
func combination(files []string, seed uint64, size int) []string {
	r := rand.New(rand.NewPCG(seed, 7))
	shows := slices.Sorted(maps.Keys(corpusShows))
	_, must, _ := strings.Cut(shows[r.IntN(len(shows))], " ")
	var out []string
	for _, f := range files {
		if filepath.Base(f) == must {
			out = append(out, f)
		}
	}
	hives := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return filepath.Base(filepath.Dir(f)) != "hives" })
	for len(out) < size {
		from := files
		if len(out)%2 == 0 { // the malformed ones come with the logs
			from = hives
		}
		if f := from[r.IntN(len(from))]; !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// link makes a file of the corpus a member of an upload: by a hard link, or where that can't be by a copy.
func link(t *testing.T, file, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file, at); err == nil || errors.Is(err, fs.ErrExist) {
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
