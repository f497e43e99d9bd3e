package hive_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"casebook/hive"
	"casebook/internal/need"
)

// corpus returns the files below a folder of the corpus.
func corpus(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(need.Corpus(t), folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s (%v)", folder, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sound lists the hives of the corpus with the numbers of keys and values that hivexml prints; for a hive that hivexml refuses, of
// reglookup. An empty kind is a file that is no hive.
var sound = map[string]struct {
	kind         hive.Kind
	keys, values int
	dirty        bool
}{
	"BitCurator+bcc-dfa-sample-data__registry_NTUSER.DAT": {hive.KindNTUser, 1700, 8247, false},
	"BitCurator+bcc-dfa-sample-data__registry_SYSTEM":     {hive.KindSystem, 9629, 26819, false},
	"EricZimmerman+Registry__BCD":                         {hive.KindOther, 66, 46, false},
	"EricZimmerman+Registry__NTUSER1.DAT":                 {hive.KindNTUser, 595, 878, false},
	"EricZimmerman+Registry__SAN(OTHER)":                  {hive.KindSAM, 68, 73, true},
	"EricZimmerman+Registry__UsrClassDeletedBags.dat":     {hive.KindOther, 37, 231, false},
	"log2timeline+dfwinreg__NTUSER.DAT":                   {hive.KindNTUser, 1597, 2310, false},
	"log2timeline+dfwinreg__NTUSER.DAT.LOG":               {},
	"log2timeline+dfwinreg__UsrClass.dat":                 {hive.KindOther, 7505, 19987, false},
	"log2timeline+dfwinreg__old_SYSTEM":                   {hive.KindSystem, 10269, 27556, false},
	"log2timeline+plaso__Amcache.hve":                     {hive.KindOther, 2105, 17539, true},
	"log2timeline+plaso__NTUSER-CCLEANER.DAT":             {hive.KindNTUser, 1203, 2373, false},
	"log2timeline+plaso__NTUSER-RunTests.DAT":             {hive.KindNTUser, 893, 1306, false},
	"log2timeline+plaso__NTUSER-WIN7.DAT":                 {hive.KindNTUser, 2288, 5470, false},
	"log2timeline+plaso__NTUSER.DAT":                      {hive.KindNTUser, 1127, 5602, false},
	"log2timeline+plaso__win10-Amcache.hve":               {hive.KindOther, 207, 4188, false},
	"mkorman90+regipy__BCD":                               {hive.KindOther, 132, 103, false},
	"mkorman90+regipy__NTUSER-WSL.DAT":                    {hive.KindNTUser, 3074, 4949, false},
	"mkorman90+regipy__NTUSER.DAT":                        {hive.KindNTUser, 1812, 4094, false},
	"mkorman90+regipy__NTUSER_BAGMRU.DAT":                 {hive.KindNTUser, 6279, 15912, true},
	"mkorman90+regipy__NTUSER_modified.DAT":               {hive.KindNTUser, 1808, 4090, false},
	"mkorman90+regipy__NTUSER_with_winscp.DAT":            {hive.KindNTUser, 5328, 12014, true},
	"mkorman90+regipy__SYSTEM":                            {hive.KindSystem, 30756, 73456, false},
	"mkorman90+regipy__SYSTEM_2":                          {hive.KindSystem, 20015, 49779, true},
	"mkorman90+regipy__SYSTEM_B":                          {hive.KindSystem, 33123, 74957, true},
	"mkorman90+regipy__SYSTEM_B.LOG1":                     {},
	"mkorman90+regipy__SYSTEM_B.LOG2":                     {},
	"mkorman90+regipy__SYSTEM_WIN_10_1709":                {hive.KindSystem, 43211, 90307, true},
	"mkorman90+regipy__SYSTEM_old":                        {hive.KindSystem, 30756, 73455, false},
	"mkorman90+regipy__UsrClass.dat":                      {hive.KindOther, 6205, 12369, true},
	"mkorman90+regipy__UsrClass.dat.LOG1":                 {},
	"mkorman90+regipy__UsrClass.dat.LOG2":                 {},
	"mkorman90+regipy__transactions_NTUSER.DAT":           {hive.KindNTUser, 2590, 4119, true},
	"mkorman90+regipy__transactions_ntuser.dat.log1":      {},
	"mkorman90+regipy__transactions_ntuser.dat.log2":      {},
	"skelsec+aiowinreg__nt_sam.reg":                       {hive.KindSAM, 56, 61, false},
	"skelsec+aiowinreg__nt_software.reg":                  {hive.KindSoftware, 2221, 3198, false},
	"skelsec+aiowinreg__nt_system.reg":                    {hive.KindSystem, 1971, 5841, false},
	"skelsec+aiowinreg__win2008_32_sam.reg":               {hive.KindSAM, 55, 59, false},
	"skelsec+aiowinreg__win2008r2_64_sam.reg":             {hive.KindSAM, 55, 59, false},
	"skelsec+aiowinreg__win2012_64_sam.reg":               {hive.KindSAM, 55, 60, false},
	"skelsec+aiowinreg__win2016_64_sam.reg":               {hive.KindSAM, 60, 66, false},
	"skelsec+aiowinreg__win2019_64_sam.reg":               {hive.KindSAM, 64, 75, false},
	"skelsec+aiowinreg__win2022_64_sam.reg":               {hive.KindSAM, 64, 75, false},
}

func TestCorpusHives(t *testing.T) {
	seen := 0
	for _, file := range corpus(t, "hives") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			want, ok := sound[name]
			if !ok {
				t.Fatal("the table has no row for this file")
			}
			seen++
			data := read(t, file)
			isHive, isLog := hive.SniffRegf(data)
			h, err := hive.Open(data)
			if want.kind == "" {
				if err == nil || !isLog || isHive {
					t.Errorf("error %v, SniffRegf %v %v, want a transaction log", err, isHive, isLog)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p := h.Problems(); len(p) > 0 {
				t.Errorf("problems: %v", p)
			}
			keys, values := walk(t, h)
			if keys != want.keys || values != want.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, want.keys, want.values)
			}
			if dirty, why := h.Dirty(); dirty != want.dirty {
				t.Errorf("dirty %v (%s), want %v", dirty, why, want.dirty)
			}
			if h.Kind() != want.kind || h.Truncated() {
				t.Errorf("kind %q, truncated %v, want %q and whole", h.Kind(), h.Truncated(), want.kind)
			}
			if k, v, ok := hivexml(t, file); ok && (k != want.keys || v != want.values) {
				t.Errorf("hivexml counts %d keys and %d values, the table says %d and %d", k, v, want.keys, want.values)
			}
		})
	}
	if seen != len(sound) {
		t.Errorf("%d files of %d in the table", seen, len(sound))
	}
}

// walk reads everything and counts it.
func walk(t testing.TB, h *hive.Hive) (keys, values int) {
	t.Helper()
	err := h.Walk(func(k *hive.Key) error {
		keys++
		_, _, _ = k.Name(), k.ClassName(), k.LastWritten()
		for _, v := range k.Values() {
			values++
			_ = v.Display()
			if v.Truncated {
				t.Logf("%s: value %q is cut short", k.Path(), v.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if k, v := h.Counts(); k != keys || v != values {
		t.Errorf("Counts says %d and %d, the walk %d and %d", k, v, keys, values)
	}
	return keys, values
}

// hivexml counts the keys and values that hivexml prints; false if it is not installed or refuses the file.
func hivexml(t *testing.T, file string) (keys, values int, ok bool) {
	t.Helper()
	path, err := exec.LookPath("hivexml")
	if err != nil {
		t.Log("hivexml is not installed (Debian: libhivex-bin): compared with the table alone")
		return 0, 0, false
	}
	xml, err := exec.Command(path, file).Output()
	if err != nil {
		t.Logf("hivexml refuses the file: %v", err)
		return 0, 0, false
	}
	return bytes.Count(xml, []byte("<node ")), bytes.Count(xml, []byte("<value ")), true
}

// malformed lists the damaged files with a part of the error, or of the first problem, and how much can be read all the same.
var malformed = map[string]struct {
	err, problem string
	keys, values int
}{
	"EricZimmerman+Registry__Acronis_0x52_Usrclass.dat":                                               {keys: 205, values: 855},
	"EricZimmerman+Registry__NotAHive":                                                                {err: `begins with "MZ`},
	"EricZimmerman+Registry__SAMBadHBinHeader":                                                        {problem: "offset 0x2000: no bin header", keys: 68, values: 73},
	"EricZimmerman+Registry__SAM_DUPENAME":                                                            {keys: 112, values: 128},
	"EricZimmerman+Registry__SECURITYNoRoot":                                                          {keys: 8, values: 2},
	"googleprojectzero+p0tools__01_Key_node_Security_OOB_read_poc.dat":                                {problem: "offset 0x1ff8: the root key that the base block names is no key, and no key is marked", keys: 1},
	"googleprojectzero+p0tools__02_SymbolicLinkValue_OOB_read_poc.dat":                                {keys: 2, values: 1},
	"googleprojectzero+p0tools__10_CmpKeySecurityIncrementReferenceCount_zero_refcount_crash_poc.dat": {keys: 2, values: 0},
	"googleprojectzero+p0tools__20_App_hive_security_inconsistencies_poc.dat":                         {keys: 3, values: 0},
	"mkorman90+regipy__corrupted_system_hive":                                                         {problem: "offset 0x1a000: no bin header", keys: 1687, values: 5625},
	"mkorman90+regipy__ntuser_software_partial":                                                       {keys: 6396, values: 19990},
	"williballenthin+python-registry__REORGANIZED_VALUES_TESTS":                                       {keys: 3, values: 22},
	"williballenthin+python-registry__UNICODE_TESTS":                                                  {keys: 3, values: 22},
	"williballenthin+python-registry__issue22.hive":                                                   {keys: 1, values: 10},
	"williballenthin+python-registry__new_log_1_reversed_and_invalid_checksum_SYSTEM.LOG1":            {err: "hive: the file is a transaction log of a"},
	"williballenthin+python-registry__new_log_1_reversed_and_invalid_checksum_SYSTEM.LOG2":            {err: "hive: the file is a transaction log of a"},
}

// hivexRefuses lists the files that we read and hivex refuses, with the reason. There is no file that hivex reads and we refuse.
var hivexRefuses = map[string]string{
	"EricZimmerman+Registry__SAN(OTHER)":                               "hivex demands a right checksum in the base block",
	"EricZimmerman+Registry__SAMBadHBinHeader":                         "hivex demands a header at every bin",
	"mkorman90+regipy__corrupted_system_hive":                          "hivex demands a header at every bin",
	"googleprojectzero+p0tools__01_Key_node_Security_OOB_read_poc.dat": "hivex demands the root where the base block puts it",
	"googleprojectzero+p0tools__02_SymbolicLinkValue_OOB_read_poc.dat": "hivex demands the data of every value",
}

// TestCorpusHivex opens every file of the corpus with hivex, too.
func TestCorpusHivex(t *testing.T) {
	tool := need.Tool(t, "hivexml")
	for _, file := range append(corpus(t, "hives"), corpus(t, "hives-malformed")...) {
		_, ours := hive.Open(read(t, file))
		theirs := exec.Command(tool, file).Run()
		switch why := hivexRefuses[filepath.Base(file)]; {
		case ours != nil && theirs == nil:
			t.Errorf("%s: hivex reads it, we refuse it: %v", filepath.Base(file), ours)
		case ours == nil && (theirs != nil) != (why != ""):
			t.Errorf("%s: we read it, hivex: %v; the table says %q", filepath.Base(file), theirs, why)
		}
	}
}

func TestCorpusMalformed(t *testing.T) {
	for _, file := range corpus(t, "hives-malformed") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			want, ok := malformed[name]
			if !ok {
				t.Fatal("the table has no row for this file")
			}
			h, err := hive.Open(read(t, file))
			if want.err != "" {
				if err == nil || !strings.Contains(err.Error(), want.err) {
					t.Errorf("error %v, want one with %q", err, want.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if keys, values := walk(t, h); keys != want.keys || values != want.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, want.keys, want.values)
			}
			p := h.Problems()
			switch {
			case want.problem == "" && len(p) > 0:
				t.Errorf("problems: %v", p)
			case want.problem != "" && (len(p) == 0 || !strings.Contains(p[0].String(), want.problem)):
				t.Errorf("problems %v, want the first to say %q", p, want.problem)
			}
			if len(p) > 101 {
				t.Errorf("%d problems are listed", len(p))
			}
		})
	}
}

// TestCorpusCut reads a real hive cut at many places: what can be reached is read, the loss is said.
func TestCorpusCut(t *testing.T) {
	for _, file := range corpus(t, "hives") {
		if filepath.Base(file) != "log2timeline+dfwinreg__NTUSER.DAT" {
			continue
		}
		data := read(t, file)
		last, end := 0, 4096+int(binary.LittleEndian.Uint32(data[40:])) // what follows the bins is slack
		for cut := 8192; cut < end; cut += 40961 {
			h, err := hive.Open(data[:cut:cut])
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			keys, _ := walk(t, h)
			if !h.Truncated() || len(h.Problems()) == 0 {
				t.Errorf("cut at %d: not said", cut)
			}
			if keys < last {
				t.Errorf("cut at %d: %d keys, less than the %d of a shorter file", cut, keys, last)
			}
			last = keys
		}
		if last < 1000 {
			t.Errorf("%d keys of the longest part", last)
		}
	}
}

// TestCorpusPendingRenames compares the strings of both values with what hivexget prints, which is every string on its own line.
func TestCorpusPendingRenames(t *testing.T) {
	tool := need.Tool(t, "hivexget")
	pairs := 0
	for _, file := range corpus(t, "hives") {
		h, err := hive.Open(read(t, file))
		if err != nil || h.Kind() != hive.KindSystem {
			continue
		}
		var r hive.Registry
		r.Add("SYSTEM", h)
		sets, err := r.ControlSets()
		if err != nil || sets.Used == 0 || len(sets.Problems) > 0 {
			t.Fatalf("%s: control sets %+v, %v", file, sets, err)
		}
		renames, problems := r.PendingRenames()
		if len(problems) > 0 {
			t.Errorf("%s: %v", file, problems)
		}
		got := map[string][]string{}
		for _, p := range renames {
			pairs++
			if p.Operation == hive.OperationUnpaired || p.Source == "" || strings.HasPrefix(p.Source, `\??\`) {
				t.Errorf("%s: %+v", file, p)
			}
			got[p.Found.Value.Name] = append(got[p.Found.Value.Name], strings.Split(p.Quote, " | ")...)
		}
		for _, name := range []string{"PendingFileRenameOperations", "PendingFileRenameOperations2"} {
			key := fmt.Sprintf("ControlSet%03d", sets.Used) + `\Control\Session Manager`
			out, err := exec.Command(tool, file, key, name).Output()
			if err != nil { // the value is not there
				out = nil
			}
			want := strings.TrimRight(string(out), "\n")
			if list := strings.TrimRight(strings.Join(got[name], "\n"), "\n"); list != want {
				t.Errorf("%s %s: got %q, want %q", file, name, list, want)
			}
		}
	}
	if pairs == 0 {
		t.Error("no pair in any hive")
	}
	t.Logf("%d pairs", pairs)
}
