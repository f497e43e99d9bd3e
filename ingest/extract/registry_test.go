package extract

import (
	"testing"

	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/regftest"
)

const exported = `Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]
"MachineGuid"="50e417e0-e461-474b-96e2-077b80325612"
`

func TestRegf(t *testing.T) {
	software, err := regftest.Build("Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\n\"ProductName\"=\"x\"\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes]\n")
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte("XXXX"), software[4:]...)
	log := append([]byte(nil), software[:4096]...)
	log[28] = 1
	tests := []struct {
		name     string
		data     []byte
		sure     int
		kind     ingest.Kind
		value    bool
		problems bool
		cut      bool
	}{
		{name: "software", data: software, sure: 100, kind: ingest.KindHiveSoftware, value: true},
		{name: "damaged-signature", data: damaged, sure: 80, kind: ingest.KindHiveSoftware, value: true, problems: true},
		{name: "transaction-log", data: log, sure: 100, kind: ingest.KindHiveLog, value: true},
		{name: "base-block-only", data: software[:4096], sure: 100, kind: ingest.KindHiveOther, problems: true},
		{name: "other", data: []byte("MZ"), kind: ingest.KindHiveOther, problems: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := regf()
			if got := e.Sniff("x.dat", tt.data); got != tt.sure {
				t.Errorf("sure by %d, want %d", got, tt.sure)
			}
			a := &ingest.Artifact{Path: "x.dat", Kind: e.Kind}
			v, problems := e.Extract(ingest.Input{Artifact: a, Bytes: tt.data})
			if a.Kind != tt.kind || (v != nil) != tt.value || (len(problems) > 0) != tt.problems {
				t.Errorf("kind %s, value %v, problems %v", a.Kind, v != nil, problems)
			}
			for _, p := range problems {
				if p.Artifact != "x.dat" || p.Stage != ingest.StageParse || p.Message == "" {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

func TestRegistryTexts(t *testing.T) {
	tests := []struct {
		name, text string
		e          ingest.Extractor
		key        string
		line       int
	}{
		{"export", exported, regExport(), `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography`, 3},
		{"query", "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\n    MachineGuid    REG_SZ    50e417e0-e461-474b-96e2-077b80325612\n\n", regQuery(), `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography`, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.e.Sniff("a.txt", []byte(tt.text)) == 0 {
				t.Error("not taken for a registry")
			}
			v, problems := tt.e.Extract(input(tt.text))
			h, ok := v.(*hive.Hive)
			if !ok {
				t.Fatalf("a %T, %v", v, problems)
			}
			k, err := h.Key(tt.key)
			if err != nil || k.Line() != tt.line {
				t.Errorf("key at line %d, %v", k.Line(), err)
			}
			value, err := k.Value("MachineGuid")
			if err != nil || value.Name == "" {
				t.Errorf("value %v, %v", value, err)
			}
		})
	}
}

// TestRegistryANSI has a REGEDIT4 file, whose strings in hexadecimal are in the machine's ANSI code page.
func TestRegistryANSI(t *testing.T) {
	in := input("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\n\"path\"=hex(2):43,3a,5c,c4,00\n")
	for page, want := range map[int]string{0: `C:\Ä`, 1251: `C:\Д`} {
		in.Locale.ANSI = page
		v, problems := regExport().Extract(in)
		k, err := v.(*hive.Hive).Key(`HKEY_LOCAL_MACHINE\SOFTWARE\x`)
		if err != nil {
			t.Fatal(err, problems)
		}
		if path, err := k.Value("path"); err != nil || path.String() != want {
			t.Errorf("page %d: %q, %v, want %q", page, path, err, want)
		}
	}
}
