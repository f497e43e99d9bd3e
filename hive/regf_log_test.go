package hive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/hive"
	"casebook/internal/regftest"
)

// corpusReplays are the hives of the corpus that have logs. All numbers and the checksum come from elsewhere: a program in Python,
// written from the specification of the format for this purpose, applied the logs to the hive; sha256 is that of all bytes behind the base
// block then. The recovery of regipy 6.5.0 (PyPI) gives the same bytes when it is told to apply LOG1 before LOG2. Keys and values were counted
// by hivexml in that file; changed is the number of lines for values that reglookup prints of it and does not print of the hive alone.
var corpusReplays = map[string]struct {
	logs                        []string
	entries, pages              int
	first, last                 uint32
	sha256                      string
	keys, values, newKeys, diff int
	key, name, before, after    string // one value
}{
	"mkorman90+regipy__SYSTEM_B": {
		logs:    []string{"mkorman90+regipy__SYSTEM_B.LOG1", "mkorman90+regipy__SYSTEM_B.LOG2"},
		entries: 24, pages: 315, first: 2107, last: 2130,
		sha256: "18df453410086f0eee8ed7161a9e8f63b2977225aab5d30e5894eda30e0d882d",
		keys:   35595, values: 78901, newKeys: 2472, diff: 4040,
		key: `ControlSet001\Control\Session Manager\Power`, name: "BootPagesProcessed", before: "0", after: "61426",
	},
	"mkorman90+regipy__UsrClass.dat": {
		logs:    []string{"mkorman90+regipy__UsrClass.dat.LOG1", "mkorman90+regipy__UsrClass.dat.LOG2"},
		entries: 14, pages: 158, first: 287, last: 300,
		sha256: "626a7efd1aa13e972f3cdfbec128a3a0730c3945fb05ab96e2b84ce3cce63256",
		keys:   6238, values: 12531, newKeys: 33, diff: 183,
		key: `Local Settings\ImmutableMuiCache\Strings\52C64B7E`, name: `@C:\Windows\System32\powercpl.dll,-1#immutable1`, after: "Power Options",
	},
	"mkorman90+regipy__transactions_NTUSER.DAT": {
		logs:    []string{"mkorman90+regipy__transactions_ntuser.dat.log1", "mkorman90+regipy__transactions_ntuser.dat.log2"},
		entries: 23, pages: 132, first: 566, last: 588,
		sha256: "2414c9b55b5011712c0cc83b0dd9f880304a53d79a06e9fb84ad2cf5be2e6531",
		keys:   3105, values: 4695, newKeys: 521, diff: 723,
		key: `Control Panel\Desktop`, name: "MaxVirtualDesktopDimension", before: "2048", after: "2880",
	},
}

func TestCorpusReplay(t *testing.T) {
	seen := 0
	for _, file := range corpus(t, "hives") {
		want, ok := corpusReplays[filepath.Base(file)]
		if !ok {
			continue
		}
		seen++
		t.Run(filepath.Base(file), func(t *testing.T) {
			primary := read(t, file)
			kept := bytes.Clone(primary)
			var logs [][]byte
			for _, l := range want.logs {
				logs = append(logs, read(t, filepath.Join(filepath.Dir(file), l)))
			}
			h, err := hive.OpenWithLogs(primary, logs...)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(primary, kept) || !bytes.Equal(h.File(), kept) {
				t.Error("the hive file's bytes were changed")
			}
			r := h.Replay()
			if got := fmt.Sprint(r.Entries, r.Pages, r.First, r.Last); got != fmt.Sprint(want.entries, want.pages, want.first, want.last) {
				t.Errorf("entries, pages, first, last: %s, want %d %d %d %d", got, want.entries, want.pages, want.first, want.last)
			}
			if dirty, why := h.Dirty(); dirty || !h.Sound() {
				t.Errorf("not sound: %s %v", why, h.Problems())
			}
			sum := sha256.Sum256(h.Image()[4096:])
			if got := hex.EncodeToString(sum[:]); got != want.sha256 {
				t.Errorf("the bins' SHA-256 is %s", got)
			}
			if keys, values := walk(t, h); keys != want.keys || values != want.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, want.keys, want.values)
			}
			newKeys, diff := 0, 0
			err = h.Walk(func(k *hive.Key) error {
				if k.Replayed() {
					newKeys++
				}
				for _, v := range k.Values() {
					if v.Replayed {
						diff++
					}
				}
				return nil
			})
			if err != nil || newKeys != want.newKeys || diff != want.diff {
				t.Errorf("%d keys and %d values come from the logs, want %d and %d (%v)", newKeys, diff, want.newKeys, want.diff, err)
			}
			k, err := h.Key(want.key)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := k.Value(want.name); err != nil || v.Display() != want.after || !v.Replayed {
				t.Errorf("value is %q, replayed %v, want %q (%v)", v.Display(), v.Replayed, want.after, err)
			}
			if k, err := open(t, primary).Key(want.key); err == nil {
				if v, _ := k.Value(want.name); v.Display() != want.before {
					t.Errorf("value of the file alone is %q, want %q", v.Display(), want.before)
				}
			}
			sameAsImage(t, h)
			slices.Reverse(logs) // the order of the arguments says nothing
			again, err := hive.OpenWithLogs(primary, logs...)
			if err != nil || !bytes.Equal(again.Image(), h.Image()) {
				t.Errorf("the logs in the other order give another hive (%v)", err)
			}
		})
	}
	if seen != len(corpusReplays) {
		t.Errorf("%d of %d hives were there", seen, len(corpusReplays))
	}
}

// TestCorpusReplayVector spoils sectors of a real hive and has a log of the format before Windows 8.1 give them back. The corpus has no such log, so
// this one is written here, each sector with a bit of its own. The recovery of regipy 6.5.0 (PyPI), given the two files whose checksums are stated, gives
// the same bins: those of the whole hive.
func TestCorpusReplayVector(t *testing.T) {
	for _, file := range corpus(t, "hives") {
		if filepath.Base(file) != "log2timeline+plaso__NTUSER.DAT" {
			continue
		}
		whole := read(t, file)
		bins := int(binary.LittleEndian.Uint32(whole[40:]))
		sequence := binary.LittleEndian.Uint32(whole[4:]) + 1
		p, log := bytes.Clone(whole), bytes.Clone(whole[:512])
		vector := make([]byte, bins/512/8)
		for i := range 97 {
			n := 1 + i*61%(bins/512-1)
			vector[n/8] |= 1 << (n % 8)
			clear(p[4096+512*n:][:512])
		}
		put(p, 4, sequence)
		regftest.SealHeader(p)
		put(log, 4, sequence)
		put(log, 8, sequence)
		put(log, 28, 1)
		regftest.SealHeader(log)
		log = slices.Concat(log, []byte("DIRT"), vector)
		log = append(log, make([]byte, -len(log)&511)...)
		for n := range bins / 512 {
			if vector[n/8]&(1<<(n%8)) != 0 {
				log = append(log, whole[4096+512*n:][:512]...)
			}
		}
		for name, sum := range map[string][2]string{
			"hive": {fmt.Sprintf("%x", sha256.Sum256(p)), "b00e0295b429643bf8014d14206cdccf5209397bd8cc0230c4a6d9015e1f2670"},
			"log":  {fmt.Sprintf("%x", sha256.Sum256(log)), "fad734323dcd8b8334e1ef0403db7259fb5f5d302aabe011607ee508ce6629c2"},
		} {
			if sum[0] != sum[1] {
				t.Errorf("the %s is not the one that was compared: %s", name, sum[0])
			}
		}
		h, err := hive.OpenWithLogs(p, log)
		if err != nil {
			t.Fatal(err)
		}
		if h.State() != fmt.Sprintf("replayed 1 log entry, sequence number %d", sequence) || h.Replay().Pages != 97 {
			t.Errorf("%s, %+v", h.State(), h.Replay())
		}
		if !bytes.Equal(h.Image()[4096:], whole[4096:]) || len(h.Problems()) > 0 {
			t.Errorf("not the whole hive: %v", h.Problems())
		}
		return
	}
	t.Error("the hive is not in the corpus")
}

// TestCorpusReplayClean has a clean hive whose log holds its last write: nothing is replayed, as Windows does not.
func TestCorpusReplayClean(t *testing.T) {
	for _, file := range corpus(t, "hives") {
		if filepath.Base(file) != "log2timeline+dfwinreg__NTUSER.DAT" {
			continue
		}
		h, err := hive.OpenWithLogs(read(t, file), read(t, file+".LOG"))
		if err != nil || h.State() != "clean" || h.Replay().Entries != 0 {
			t.Errorf("state %q, %+v, %v", h.State(), h.Replay(), err)
		}
		return
	}
	t.Error("the hive is not in the corpus")
}

var sortStrings = cmpopts.SortSlices(func(a, b string) bool { return a < b })

const (
	before = `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"kept"="the same"
"changed"="before"
[HKEY_LOCAL_MACHINE\SYSTEM\gone]
`
	between = `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"kept"="the same"
"changed"="between"
[HKEY_LOCAL_MACHINE\SYSTEM\gone]
`
)

// after has a value more, which needs another bin.
var after = `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"kept"="the same"
"changed"="after"
"large"="` + strings.Repeat("x", 5000) + `"
[HKEY_LOCAL_MACHINE\SYSTEM\new]
`

// dirtyHive is a hive that was copied while it was written, its primary sequence number 2 and its secondary one 1.
func dirtyHive(t testing.TB) []byte {
	t.Helper()
	data, err := regftest.Options{Dirty: true}.Build(header + before)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }

// TestReplay has small hives with logs of both formats, and with what is wrong with logs in the field.
func TestReplay(t *testing.T) {
	b, c := build(t, between), build(t, after)
	for name, tc := range map[string]struct {
		make  func(p []byte) (primary []byte, logs [][]byte)
		want  string // the value "changed"
		state string // in State
		say   string // in Unused
	}{
		"no-logs":    {func(p []byte) ([]byte, [][]byte) { return p, nil }, "before", "dirty: the sequence numbers differ (2 and 1)", ""},
		"empty-logs": {func(p []byte) ([]byte, [][]byte) { return p, [][]byte{nil, make([]byte, 512)} }, "before", "dirty: the sequence numbers", "holds no change"},
		"one-log": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.Log(1, p, b, c)}
		}, "after", "replayed 2 log entries up to sequence number 2", ""},
		"two-logs-in-turn": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.Log(8, b, c), regftest.Log(7, p, b)}
		}, "after", "replayed 2 log entries up to sequence number 8", ""},
		"older-log": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.Log(0, c, p), regftest.Log(5, p, b)}
		}, "between", "replayed 1 log entry, sequence number 5", "are older than the hive"},
		"gap": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.Log(2, p, b), regftest.Log(4, b, c)}
		}, "between", "replayed 1 log entry, sequence number 2", "entry 4 does not follow entry 2"},
		"left-over-entries": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{append(regftest.Log(5, p, b), regftest.Log(3, c, p)[512:]...)}
		}, "between", "replayed 1 log entry, sequence number 5", ""},
		"clean": {func(p []byte) ([]byte, [][]byte) {
			put(p, 4, 1)
			regftest.SealHeader(p)
			return p, [][]byte{regftest.Log(1, p, b)}
		}, "before", "clean", ""},
		"page-changed-in-log": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b, c)
			l[len(l)-5000] ^= 1
			return p, [][]byte{l}
		}, "between", "dirty: the sequence numbers differ (2 and 1): a write had begun and not ended; replayed 1 log entry, sequence number 1, but the entry 2", "do not match their checksum"},
		"entry-header-changed": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			l[512+8] ^= 1
			return p, [][]byte{l}
		}, "before", "dirty:", "header that does not match"},
		"log-cut": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			return p, [][]byte{l[:len(l)-512]}
		}, "before", "dirty:", "is cut"},
		"page-behind-bins": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			put(l, 512+40, 1<<20)
			regftest.Seal(l[512:])
			return p, [][]byte{l}
		}, "before", "dirty:", "behind the bins"},
		"more-pages-than-bytes": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			put(l, 512+20, 0xffffffff)
			regftest.Seal(l[512:])
			return p, [][]byte{l}
		}, "before", "dirty:", "too small for its pages"},
		"bins-of-4-GiB": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			put(l, 512+16, 0xfffff000)
			put(l, 512+40, 0xffffe000)
			regftest.Seal(l[512:])
			return p, [][]byte{l}
		}, "before", "dirty:", "more than hive and logs hold"},
		"entry-size-0": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			put(l, 512+4, 0)
			return p, [][]byte{l}
		}, "before", "dirty:", "states a size of 0 bytes"},
		"log-of-another-hive": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			l[48] ^= 1
			regftest.SealHeader(l)
			return p, [][]byte{l}
		}, "before", "dirty:", "belongs to"},
		"log-header-changed": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(1, p, b)
			l[48] ^= 1
			return p, [][]byte{l}
		}, "before", "dirty:", "checksum"},
		"a-hive-as-log": {func(p []byte) ([]byte, [][]byte) { return p, [][]byte{b} }, "before", "dirty:", "no transaction log"},
		"header-changed": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(7, p, b, c)
			p[100] ^= 1
			return p, [][]byte{regftest.Log(3, c, p), l}
		}, "after", "replayed 2 log entries up to sequence number 8", ""},
		"first-page-of-zeros": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.Log(7, p, b, c)
			clear(p[:4096])
			return p, [][]byte{l}
		}, "after", "replayed 2 log entries up to sequence number 8", ""},
		"vector": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.VectorLog(p, c)}
		}, "after", "replayed 1 log entry, sequence number 2", ""},
		"vector-of-another-time": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.VectorLog(p, c)
			l[12]++
			regftest.SealHeader(l)
			return p, [][]byte{l}
		}, "before", "dirty:", "of another time"},
		"vector-being-written": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.VectorLog(p, c)
			l[4]++
			regftest.SealHeader(l)
			return p, [][]byte{l}
		}, "before", "dirty:", "being written itself"},
		"vector-cut": {func(p []byte) ([]byte, [][]byte) {
			l := regftest.VectorLog(p, c)
			return p, [][]byte{l[:len(l)-1]}
		}, "before", "dirty:", "is cut"},
		"vector-empty": {func(p []byte) ([]byte, [][]byte) {
			return p, [][]byte{regftest.VectorLog(p, p)}
		}, "before", "dirty:", "holds no change"},
		"vector-header-changed": {func(p []byte) ([]byte, [][]byte) {
			put(p, 4096+20, uint32(binary.LittleEndian.Uint64(p[12:]))) // the time of the first bin
			put(p, 4096+24, uint32(binary.LittleEndian.Uint64(p[12:])>>32))
			l := regftest.VectorLog(p, c)
			p[100] ^= 1
			return p, [][]byte{l}
		}, "after", "replayed 1 log entry, sequence number 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, logs := tc.make(dirtyHive(t))
			kept := bytes.Clone(p)
			h, err := hive.OpenWithLogs(p, logs...)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(p, kept) {
				t.Error("the hive file was changed")
			}
			k, err := h.Key("a")
			if err != nil {
				t.Fatal(err)
			}
			v, err := k.Value("changed")
			if err != nil || v.String() != tc.want || v.Replayed != (tc.want != "before") {
				t.Errorf("the value is %q, replayed %v (%v), want %q", v, v.Replayed, err, tc.want)
			}
			if v, err := k.Value("kept"); err != nil || v.Replayed {
				t.Errorf("the value that stays: replayed %v, %v", v.Replayed, err)
			}
			if got := h.State(); !strings.HasPrefix(got, tc.state) {
				t.Errorf("state %q, want %q", got, tc.state)
			}
			if got := strings.Join(h.Replay().Unused, "\n"); !strings.Contains(got, tc.say) || tc.say == "" && got != "" {
				t.Errorf("unused: %q, want %q", got, tc.say)
			}
			if dirty, _ := h.Dirty(); dirty != strings.HasPrefix(tc.state, "dirty") || h.Sound() == dirty {
				t.Errorf("dirty %v, sound %v, problems %v", dirty, h.Sound(), h.Problems())
			}
		})
	}
}

// TestReplayMarks asks which keys and values come from a log, and through a Registry.
func TestReplayMarks(t *testing.T) {
	p := dirtyHive(t)
	h, err := hive.OpenWithLogs(p, regftest.Log(1, p, build(t, after)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = h.Walk(func(k *hive.Key) error {
		got = append(got, fmt.Sprint(k.Path(), " ", k.Replayed()))
		for _, v := range k.Values() {
			got = append(got, fmt.Sprint(k.Path(), ": ", v.Name, " ", v.Replayed))
		}
		return nil
	})
	if d := cmp.Diff([]string{" false", "a false", "new true", "a: kept false", "a: changed true", "a: large true"}, got, sortStrings); err != nil || d != "" {
		t.Error(d, err)
	}

	text := strings.ReplaceAll(before, `SYSTEM\a`, `SYSTEM\Select`)
	p, err = regftest.Options{Dirty: true}.Build(header + text + `[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001]`)
	if err != nil {
		t.Fatal(err)
	}
	h, err = hive.OpenWithLogs(p, regftest.Log(1, p, build(t, strings.ReplaceAll(after, `SYSTEM\a`, `SYSTEM\Select`)+`[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001]`)))
	if err != nil {
		t.Fatal(err)
	}
	var r hive.Registry
	r.Add("SYSTEM", h)
	for name, want := range map[string]bool{"changed": true, "kept": false} {
		if v, err := r.Value(`SYSTEM\Select`, name); err != nil || v.Replayed != want || v.Value.Replayed != want {
			t.Errorf("%s: replayed %v, %v", name, v.Replayed, err)
		}
	}
	for path, want := range map[string]bool{`SYSTEM\new`: true, `SYSTEM\Select`: false} {
		if k, err := r.Key(path); err != nil || k.Replayed != want {
			t.Errorf("%s: replayed %v, %v", path, k.Replayed, err)
		}
	}
}

// lostBetween is what is said of a hive that is cut before pages that its logs hold.
const lostBetween = "neither it nor its logs hold the bytes"

// sameAsImage compares a hive with one that is opened from its bytes, which then lie in one slice.
func sameAsImage(t *testing.T, h *hive.Hive) {
	t.Helper()
	whole, err := hive.Open(h.Image())
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(content(t, whole), content(t, h)); d != "" {
		t.Error(d)
	}
	problems := h.Problems()
	if n := len(problems); n > 0 && strings.Contains(problems[n-1].Message, lostBetween) {
		problems = problems[:n-1] // the image has zeros there
	}
	if d := cmp.Diff(whole.Problems(), problems, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if a, b := whole.Deleted(), h.Deleted(); !reflect.DeepEqual(a, b) {
		t.Error(cmp.Diff(a, b))
	}
}

// TestReplayDamaged adds a bin, by a log, to every damaged hive. What is wrong in the first bin, cells that reach into the new one included, costs and
// is said as if no log had been there.
func TestReplayDamaged(t *testing.T) {
	list, err := regftest.Damages()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if len(d.Data)%4096 != 0 || string(d.Data[:4]) != "regf" {
			continue // cut, or without a base block to which a log could belong
		}
		t.Run(d.Name, func(t *testing.T) {
			p := bytes.Clone(d.Data)
			first := binary.LittleEndian.Uint32(p[8:])
			put(p, 4, first+1)
			regftest.SealHeader(p)
			more := make([]byte, 4096)
			copy(more, "hbin")
			put(more, 4, uint32(len(p)-4096))
			put(more, 8, 4096)
			put(more, 32, 4096-32) // one free cell
			next := append(bytes.Clone(p), more...)
			put(next, 40, uint32(len(next)-4096))
			h, err := hive.OpenWithLogs(p, regftest.Log(first, p, next))
			if err != nil {
				t.Fatal(err)
			}
			if h.Replay().Entries != 1 || len(h.Image()) != len(next) {
				t.Errorf("%v, %q, %d bytes", h.Replay(), h.State(), len(h.Image()))
			}
			sameAsImage(t, h)
		})
	}
}

// TestReplayRemoves asks for what only the hive file holds.
func TestReplayRemoves(t *testing.T) {
	dirty := func(text string) []byte {
		p, err := regftest.Options{Dirty: true}.Build(header + text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const sets = "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]\n"
	p := dirty(sets + `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"kept"="x"
"Gone"="y"
[HKEY_LOCAL_MACHINE\SYSTEM\a\b]
[HKEY_LOCAL_MACHINE\SYSTEM\a\b\c]
"in"="z"
`)
	h, err := hive.OpenWithLogs(p, regftest.Log(1, p, build(t, sets+"[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n\"KEPT\"=\"x\"\n[HKEY_LOCAL_MACHINE\\SYSTEM\\new]\n")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	removed := h.Removed()
	for _, k := range removed.Keys {
		got = append(got, k.Path())
	}
	for _, v := range removed.Values {
		got = append(got, v.Key.Path()+": "+v.Value.Name+"="+v.Value.String())
	}
	if d := cmp.Diff([]string{`a\b`, "a: Gone=y"}, got); d != "" {
		t.Error(d)
	}
	if r := open(t, p).Removed(); len(r.Keys)+len(r.Values) != 0 {
		t.Errorf("of a hive without logs: %+v", r)
	}
	var r hive.Registry
	r.Add("SYSTEM", h)
	for path, want := range map[string]bool{`SYSTEM\a\b\c`: true, `SYSTEM\a\B`: true, `SYSTEM\nowhere`: false, `SYSTEM\new\x`: false} {
		if k, err := r.Key(path); !errors.Is(err, hive.ErrNotExist) || k.Removed != want || k.Source != "SYSTEM" {
			t.Errorf("%s: %+v, %v", path, k, err)
		}
	}
	for at, want := range map[string]bool{`SYSTEM\a gone`: true, `SYSTEM\a other`: false, `SYSTEM\a\b\c in`: true, `SYSTEM\a\b\c out`: false} {
		path, name, _ := strings.Cut(at, " ")
		if v, err := r.Value(path, name); !errors.Is(err, hive.ErrNotExist) || v.Removed != want {
			t.Errorf("%s: %+v, %v", at, v, err)
		}
	}
	if v, err := r.Value(`SYSTEM\a`, "kept"); err != nil || v.Removed {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestReplayCut has a hive that is cut before a page that its log holds: what lies between is lost, and the replay does not hide that.
func TestReplayCut(t *testing.T) {
	p := dirtyHive(t)
	full := build(t, after)
	if len(full) < len(p)+2*4096 {
		t.Fatalf("%d bytes", len(full))
	}
	base := append(bytes.Clone(p), full[len(p):]...)
	put(base, 40, uint32(len(base)-4096))
	next := bytes.Clone(base)
	next[len(next)-1] ^= 1 // only the last page is in the log
	put(p, 40, uint32(len(base)-4096))
	regftest.SealHeader(p)
	h, err := hive.OpenWithLogs(p, regftest.Log(1, base, next))
	if err != nil || h.Replay().Entries != 1 {
		t.Fatal(h.State(), err)
	}
	if said := fmt.Sprint(h.Problems()); !h.Truncated() || h.Sound() || !strings.Contains(said, lostBetween) {
		t.Errorf("truncated %v, problems %s", h.Truncated(), said)
	}
	sameAsImage(t, h)
	if h, err := hive.OpenWithLogs(p, regftest.Log(1, p, base)); err != nil || h.Truncated() {
		t.Errorf("with a log that holds all of it: %v (%v)", h.Problems(), err)
	}
}
