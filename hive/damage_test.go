package hive_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"casebook/hive"
	"casebook/internal/regftest"
)

// damaged states for every hive of regftest.Damages what is still read of its five keys and three values, and a part of what is
// said: each damage is one problem, with what it costs if that is another place.
var damaged = map[string]struct {
	keys, values int
	say          []string
}{
	"sound": {5, 3, nil},

	"root outside the file":   {5, 3, []string{"lies outside the file; the key at 0x10a0, marked as a root, is taken"}},
	"root is a value":         {5, 3, []string{"is no key; the key at 0x10a0, marked as a root, is taken"}},
	"root is a key below it":  {5, 3, []string{"lies below the key at 0x10a0, which is marked as a root and taken"}},
	"root key is overwritten": {5, 3, []string{"no other key is marked as a root: keys whose parents are gone are shown side by side"}},
	"no base block":           {5, 3, []string{"the base block begins with", "is no key; the key at 0x10a0, marked as a root, is taken"}},
	"no signature":            {5, 3, []string{"the base block begins with"}},

	"bins larger than the file": {5, 3, []string{"the file is cut: its bins should have 65536 bytes, 4096 are there"}},
	"bins of 4 GiB":             {5, 3, []string{"the file is cut: its bins should have 4294963200 bytes, 4096 are there"}},
	"bin without header":        {5, 3, []string{"offset 0x1000: no bin header"}},
	"bin of no size":            {5, 3, []string{"offset 0x1000: the bin's size is 0, no multiple of 4096"}},
	"bin of an odd size":        {5, 3, []string{"offset 0x1000: the bin's size is 4097, no multiple of 4096"}},
	"bin larger than the file":  {5, 3, []string{"offset 0x1000: the bin's size is 1048576, which reaches behind the last bin"}},
	"bin at another offset":     {5, 3, []string{"offset 0x1000: a bin says that it lies at 0x2000"}},

	"index list names itself":          {1, 0, []string{"names another such index", "should have 3 subkeys, 0 can be read"}},
	"index lists name each other":      {1, 0, []string{"names another such index", "should have 3 subkeys, 0 can be read"}},
	"subkey list names its own key":    {4, 3, []string{"a subkey shares its bytes", `key "alpha" should have 1 subkeys, 0 can be read`}},
	"subkey list names the root":       {4, 3, []string{"a subkey shares its bytes", `key "alpha" should have 1 subkeys, 0 can be read`}},
	"two keys are each other's subkey": {5, 3, []string{"a subkey list shares its bytes", `key "alpha\\child" should have 1 subkeys, 0 can be read`}},
	"two keys with one subkey list":    {5, 3, []string{"a subkey list shares its bytes", `key "gamma" should have 1 subkeys, 0 can be read`}},
	"subkey count too large":           {5, 3, []string{"should have 65535 entries, its cell holds 3"}},
	"key states too many subkeys":      {5, 3, []string{`key "alpha" should have 4294967295 subkeys, 1 can be read`}},
	"subkey list of another kind":      {1, 0, []string{`begins with "xx"`, "should have 3 subkeys, 0 can be read"}},
	"subkey list outside the file":     {1, 0, []string{"subkey list can't be read", "should have 3 subkeys, 0 can be read"}},
	"subkey outside the file":          {3, 1, []string{"a subkey lies outside the file", "should have 3 subkeys, 2 can be read"}},
	"subkey at an odd end":             {3, 1, []string{"a subkey lies outside the file", "should have 3 subkeys, 2 can be read"}},
	"subkey is a value":                {3, 1, []string{"a subkey is no key", "should have 3 subkeys, 2 can be read"}},
	"two keys of one name":             {5, 3, []string{`two keys are named "beta"`}},

	"two keys with one value list": {5, 3, []string{"a value list shares its bytes"}},
	"value count too large":        {5, 3, []string{"should have 4294967295 values, the cell of their list holds 1"}},
	"value list outside the file":  {5, 2, []string{"the cell of their list holds 0"}},
	"value outside the file":       {5, 2, []string{"a value lies outside the file"}},
	"value is a key":               {5, 2, []string{"holds no value"}},
	"value name too long":          {5, 2, []string{"holds no value"}},
	"two values with one data":     {5, 3, []string{`the data of value "three" shares`}},
	"data outside the file":        {5, 3, []string{`value "one" should have 4 bytes of data, 0 can be read`}},
	"data longer than its cell":    {5, 3, []string{`value "two" should have 2147483647 bytes of data, 20 can be read`}},

	"cell of no size":            {4, 3, []string{"a cell of no size", "should have 3 subkeys, 2 can be read"}},
	"cell of 2 GiB":              {5, 3, []string{"a key's cell of 2147483648 bytes reaches behind the end of the file"}},
	"cell too small for its key": {4, 3, []string{"has 12 bytes, less than a key has", "should have 3 subkeys, 2 can be read"}},
	"key in a free cell":         {5, 3, []string{"a key's cell is marked as free"}},
	"value in a free cell":       {5, 3, []string{"a value's cell is marked as free"}},
	"key name too long":          {4, 3, []string{"too few for its name", "should have 3 subkeys, 2 can be read"}},
	"class outside the file":     {5, 3, []string{`the class name of key "beta" can't be read`}},
}

func TestDamages(t *testing.T) {
	list, err := regftest.Damages()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, d := range list {
		if strings.HasPrefix(d.Name, "file cut") {
			continue // TestDamagesCut
		}
		seen[d.Name] = true
		t.Run(d.Name, func(t *testing.T) {
			want, ok := damaged[d.Name]
			if !ok {
				t.Fatal("the table has no row for this damage")
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			h := open(t, d.Data)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<10 {
				t.Errorf("reading %d bytes took %d bytes of memory", len(d.Data), used)
			}
			if keys, values := walk(t, h); keys != want.keys || values != want.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, want.keys, want.values)
			}
			var got []string
			for _, p := range h.Problems() {
				got = append(got, p.String())
				if p.Offset < 0 || p.Offset > 4096+1<<32 {
					t.Errorf("offset of %v", p)
				}
			}
			if len(got) != len(want.say) {
				t.Fatalf("problems %q, want %q", got, want.say)
			}
			for i, say := range want.say {
				if !strings.Contains(got[i], say) {
					t.Errorf("problem %q, want %q", got[i], say)
				}
			}
			if h.Sound() != (d.Name == "sound") {
				t.Errorf("sound: %v", h.Sound())
			}
		})
	}
	for name := range damaged {
		if !seen[name] {
			t.Errorf("no hive for row %q", name)
		}
	}
}

// TestDamagesCut has files that end early: what lies before the end is read.
func TestDamagesCut(t *testing.T) {
	list, err := regftest.Damages()
	if err != nil {
		t.Fatal(err)
	}
	cut := 0
	for _, d := range list {
		if !strings.HasPrefix(d.Name, "file cut") {
			continue
		}
		cut++
		h := open(t, d.Data)
		if keys, _ := walk(t, h); keys == 0 || !h.Truncated() || !strings.Contains(fmt.Sprint(h.Problems()), "the file is cut") {
			t.Errorf("cut at %d: %d keys, problems %v", len(d.Data), keys, h.Problems())
		}
	}
	if cut == 0 {
		t.Error("no hive is cut")
	}
}

// TestOrphans has a hive whose root is gone: the keys that were below it stand side by side, with all below them.
func TestOrphans(t *testing.T) {
	list, err := regftest.Damages()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Name != "root key is overwritten" {
			continue
		}
		h := open(t, d.Data)
		k, err := h.Key(`alpha\child`)
		if err != nil || k.Path() != `alpha\child` {
			t.Errorf("%v: %v", k, err)
		}
		if root := h.Root(); root.Name() != "" || root.ClassName() != "" || !root.LastWritten().IsZero() || len(root.Values()) != 0 {
			t.Errorf("the root that stands in: %q %v", root.Name(), root.Values())
		}
		_ = h.Walk(func(k *hive.Key) error { _ = k.Path(); return nil }) // no error is returned
		return
	}
}
