package extract

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

const soundSetAid = "; SEP client package\r\n[CUSTOM_SMC_CONFIG]\r\nInstallUserInterface=1\r\nKeepPreviousSetting = 0\r\n[FEATURE_SELECTION]\r\nCore=1\r\nSAVMain=1\r\n"

func TestSetAid(t *testing.T) {
	tests := []struct {
		name, file, text string
		claimed          bool
		want             string // line keep known
	}{
		{"discards", "x.ini", soundSetAid, true, "4 false true"},
		{"keeps", "setaid.ini", "[custom_smc_config]\nkeepprevioussetting=1\n", true, "2 true true"},
		{"other-section", "setaid.ini", "KeepPreviousSetting=1\n", true, "1 true true"},
		{"other-value", "setaid.ini", "[CUSTOM_SMC_CONFIG]\nKeepPreviousSetting=yes\n", true, "2 false false"},
		{"not-stated", "setaid.ini", "[CUSTOM_SMC_CONFIG]\nInstallUserInterface=1\n", true, "none"},
		{"another-ini", "setup.ini", "[Startup]\nKeepPreviousSetting=1\n", false, "2 true true"},
		{"log", "setaid.log", strings.Repeat("10:01:02 KeepPreviousSetting=1\n", 5), false, "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffSetAid(tt.file, []byte(tt.text)) > 0; got != tt.claimed {
				t.Errorf("claimed: %v", got)
			}
			v, _ := setAid().Extract(input(tt.text))
			got := "none"
			if s, ok := v.(*SetAid); ok {
				if key, keep, known := s.KeepPrevious(); key != nil {
					got = fmt.Sprintf("%d %v %v", key.Line, keep, known)
				}
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestSMSCFG(t *testing.T) {
	const id = "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"
	tests := []struct {
		name, file, text string
		claimed          bool
		want             string // id@line host
		problems         int
	}{
		{"sound", "x.txt", "[Configuration - Client Properties]\nSMS Unique Identifier=GUID:" + strings.ToLower(id) + "\nSID=0105\n", true, id + "@2 ", 0},
		{"by-name-with-host", "smscfg.ini", "[LOCAL]\nNetBIOS Name=pc1\nSMS Unique ID=GUID:" + id + "\n", true, id + "@3 PC1", 0},
		{"empty-identifier", "smscfg.ini", "[Configuration - Client Properties]\nSMS Unique Identifier=\n", true, "@2 ", 0},
		{"other-form", "smscfg.ini", "[Configuration - Client Properties]\nSMS Unique Identifier=4711\nbroken\n", true, "@2 ", 2},
		{"another-ini", "win.ini", "[fonts]\nSMS=1\n", false, "@0 ", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffSMSCFG(tt.file, []byte(tt.text)) > 0; got != tt.claimed {
				t.Errorf("claimed: %v", got)
			}
			in := input(tt.text)
			v, problems := extractSMSCFG(in)
			s, ok := v.(*SMSCFG)
			if !ok {
				t.Fatalf("a %T", v)
			}
			if got := fmt.Sprintf("%s@%d %s", s.UniqueID, s.UniqueIDLine, in.Artifact.Host); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestSMSUID(t *testing.T) {
	const id = "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"
	wide := func(s string) string {
		return string(locked(utf16.Encode([]rune(s))))
	}
	tests := []struct {
		name, data string
		want       []SMSUIDEntry
	}{
		{"text", "\r\nGUID:" + strings.ToLower(id) + "\r\n", []SMSUIDEntry{{id, 2, 2}}},
		{"utf-16", wide("GUID:" + id), []SMSUIDEntry{{id, 1, 0}}},
		{"utf-16-at-an-odd-offset", "\x01" + wide("GUID:"+id), []SMSUIDEntry{{id, 1, 1}}},
		{"within-a-structure", "\x00\x01\x02GUID:" + id + "\x00\xff", []SMSUIDEntry{{id, 1, 3}}},
		{"cut", "GUID:" + id[:30], nil},
		{"zero", "\x00\x00\x00\x00", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffSMSUID("smsuid.dat", []byte(tt.data)) == 0 {
				t.Error("not taken for a Smsuid.dat")
			}
			v, problems := smsuid().Extract(ingest.Input{Bytes: []byte(tt.data)})
			var got []SMSUIDEntry
			if s, ok := v.(*SMSUID); ok {
				got = s.IDs
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("identifiers (-want +got):\n%s", diff)
			}
			if (len(problems) > 0) != (tt.want == nil) {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func FuzzSetAid(f *testing.F) {
	f.Add(soundSetAid)
	fuzzExtract(f, setAid(), "setaid.ini")
}

func FuzzSMSCFG(f *testing.F) {
	f.Add("[Configuration - Client Properties]\nSMS Unique Identifier=GUID:0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9\nNetBIOS Name=a\n")
	fuzzExtract(f, smscfg(), "smscfg.ini")
}

func FuzzSMSUID(f *testing.F) {
	f.Add([]byte("\x00GUID:0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9\x00"))
	e := smsuid()
	f.Fuzz(func(t *testing.T, data []byte) {
		e.Sniff("smsuid.dat", data)
		v, _ := e.Extract(ingest.Input{Bytes: data})
		if s, ok := v.(*SMSUID); ok {
			for _, id := range s.IDs {
				if id.Offset >= len(data) || len(id.UniqueID) != 36 {
					t.Errorf("%+v in %d bytes", id, len(data))
				}
			}
		}
	})
}
