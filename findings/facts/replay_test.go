package facts_test

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/regftest"
)

func TestReplay(t *testing.T) {
	const text = "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n\"Current\"=dword:0000000"
	primary, err := regftest.Options{Dirty: true}.Build(text + "1\n")
	if err != nil {
		t.Fatal(err)
	}
	second, err := regftest.Build(text + "2\n")
	if err != nil {
		t.Fatal(err)
	}
	log := regftest.Log(1, primary, second)
	for name, tc := range map[string]struct {
		hive, log string
		want      uint64
		problem   string
	}{
		"beside":         {"C/config/SYSTEM", "C/config/SYSTEM.LOG1", 2, ""},
		"other-case":     {"C/config/SYSTEM", "C/Config/system.log", 2, ""},
		"stem":           {"reg/system.hiv", "reg/SYSTEM.LOG2", 2, ""},
		"compressed":     {"reg/SYSTEM.gz/SYSTEM", "reg/SYSTEM.LOG1.gz/SYSTEM.LOG1", 2, ""},
		"another-folder": {"C/config/SYSTEM", "C/config/RegBack/SYSTEM.LOG1", 1, ""},
		"another-name":   {"C/config/SYSTEM", "C/config/SOFTWARE.LOG1", 1, ""},
		"not-usable":     {"C/config/SYSTEM", "C/config/SYSTEM.LOG1", 1, "do not make it whole"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := hive.Open(primary)
			if err != nil {
				t.Fatal(err)
			}
			data := log
			if tc.problem != "" {
				data = log[:1000]
			}
			extracted := []ingest.Extracted{
				{Artifact: &ingest.Artifact{Path: tc.hive}, Value: h},
				{Artifact: &ingest.Artifact{Path: tc.log}, Value: &extract.TransactionLog{Data: data}},
			}
			problems := facts.Replay(extracted, nil)
			if len(problems) > 0 != (tc.problem != "") || len(problems) > 0 && (!strings.Contains(problems[0].Message, tc.problem) || problems[0].Artifact != tc.hive) {
				t.Errorf("problems %v, want %q", problems, tc.problem)
			}
			k, err := extracted[0].Value.(*hive.Hive).Key("Select")
			if err != nil {
				t.Fatal(err)
			}
			if v, err := k.Value("Current"); err != nil || v.Data[0] != byte(tc.want) {
				t.Errorf("%s: Current is %s, want %d (%v)", path.Base(tc.log), v.Display(), tc.want, err)
			}
		})
	}
}

// TestReplayRepairs has a hive of which a log repairs one of two damages: the other one stays a problem, and so do those of other artifacts.
func TestReplayRepairs(t *testing.T) {
	whole, err := regftest.Options{Dirty: true}.Build("REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n\"Current\"=dword:00000001\n\"Default\"=\"text in a cell\"\n")
	if err != nil {
		t.Fatal(err)
	}
	damage := func(b []byte, name string) []byte {
		b = bytes.Clone(b)
		at := bytes.Index(b, []byte(name)) - 20
		binary.LittleEndian.PutUint32(b[at+4:], 0x4000) // length of the data
		binary.LittleEndian.PutUint32(b[at+8:], 0x7fffff00)
		return b
	}
	primary := damage(damage(whole, "Current"), "Default")
	h, err := hive.Open(primary)
	if err != nil || len(h.Problems()) != 2 {
		t.Fatal(h.Problems(), err)
	}
	var before []ingest.Problem
	for _, p := range h.Problems() {
		before = append(before, ingest.Problem{Artifact: "SYSTEM", Stage: ingest.StageParse, Message: p.String()})
	}
	before = append(before, ingest.Problem{Artifact: "other/SYSTEM", Stage: ingest.StageParse, Message: before[0].Message})
	kept := slices.Clone(before)
	extracted := []ingest.Extracted{
		{Artifact: &ingest.Artifact{Path: "SYSTEM"}, Value: h},
		{Artifact: &ingest.Artifact{Path: "SYSTEM.LOG1"}, Value: &extract.TransactionLog{Data: regftest.Log(1, primary, damage(whole, "Default"))}},
	}
	after := facts.Replay(extracted, before)
	if d := cmp.Diff(kept[1:], after); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(kept, before); d != "" {
		t.Errorf("the list that was given changed: %s", d)
	}
}
