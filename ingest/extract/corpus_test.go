package extract

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"casebook/hive"
	"casebook/ingest"
)

// corpus returns the folder of real artifacts, and skips the test where there is none.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CASEBOOK_CORPUS")
	if dir == "" {
		t.Skip("CASEBOOK_CORPUS is not set: the real artifacts are not there")
	}
	return dir
}

// decode is enough of a decoder for the corpus: UTF-16 with a byte-order mark, else bytes as they are.
func decode(data []byte) string {
	if len(data) < 2 || data[0] != 0xff || data[1] != 0xfe {
		return string(data)
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
	}
	return string(utf16.Decode(units))
}

// TestCorpusLogsAreNotClaimed takes every log of the corpus: none of them is one of the texts read here.
func TestCorpusLogsAreNotClaimed(t *testing.T) {
	dir := corpus(t)
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || !strings.HasPrefix(rel, "logs-") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		text := decode(data)
		for _, e := range All() {
			if e.Binary {
				continue
			}
			if sure := e.Sniff(strings.ToLower(d.Name()), []byte(text[:min(len(text), 64<<10)])); sure > 0 {
				t.Errorf("%s is claimed as %s by %d", rel, e.Kind, sure)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Error("the corpus has no logs")
	}
}

// TestCorpusHives reads every regf file of the corpus through the extractor.
func TestCorpusHives(t *testing.T) {
	dir := corpus(t)
	want := map[string]ingest.Kind{
		"BitCurator+bcc-dfa-sample-data__registry_SYSTEM":     ingest.KindHiveSystem,
		"mkorman90+regipy__SYSTEM":                            ingest.KindHiveSystem,
		"BitCurator+bcc-dfa-sample-data__registry_NTUSER.DAT": ingest.KindHiveNTUser,
		"mkorman90+regipy__SYSTEM_B.LOG1":                     ingest.KindHiveLog,
		"log2timeline+dfwinreg__NTUSER.DAT.LOG":               ingest.KindHiveLog,
		"mkorman90+regipy__BCD":                               ingest.KindHiveOther,
	}
	for name, kind := range want {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "hives", name))
			if err != nil {
				t.Fatal(err)
			}
			e := regf()
			if e.Sniff(strings.ToLower(name), data[:min(len(data), 64<<10)]) != 100 {
				t.Error("not taken for a hive")
			}
			a := &ingest.Artifact{Path: name, Kind: e.Kind}
			v, problems := e.Extract(ingest.Input{Artifact: a, Bytes: data})
			if a.Kind != kind {
				t.Errorf("kind %s, want %s; problems %v", a.Kind, kind, problems)
			}
			switch v.(type) {
			case *hive.Hive, *TransactionLog:
			default:
				t.Errorf("a %T", v)
			}
		})
	}
}
