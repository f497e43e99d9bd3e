package extract

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
	"casebook/ingest"
)

// locked are the bytes of parts one behind the other: numbers little-endian, texts as they are.
func locked(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			out = append(out, v...)
		case uint32:
			out = binary.LittleEndian.AppendUint32(out, v)
		case uint64:
			out = binary.LittleEndian.AppendUint64(out, v)
		case int:
			out = append(out, make([]byte, v)...)
		case []uint16:
			for _, u := range v {
				out = binary.LittleEndian.AppendUint16(out, u)
			}
		}
	}
	return out
}

func TestVCMLock(t *testing.T) {
	const (
		guid  = "{2F1D3C4B-0A1B-4C2D-8E3F-4A5B6C7D8E9F}"
		ft    = uint64(128_988_648_620_000_000) // 2009-10-01 10:01:02 UTC
		tt    = uint32(1_254_391_262)           // the same
		stamp = "2009-10-01T10:01:02Z"
	)
	tests := []struct {
		name string
		data []byte
		want string // state, action@line, time@line (local), request@line, unread; reading
	}{
		{"zero", make([]byte, 64), "cleared @0 @0 @0 0; all zero"},
		{"pairs", locked("[Lock]\r\nAction=Installing\r\nTimeStamp=2009-10-01 10:01:02\r\nRequestId=4711\r\n"), "held installing@2 2009-10-01T10:01:02 local@3 4711@4 0; text, name and value a line"},
		{"colons", locked("Action: Uninstalling\nTime: " + stamp + "\nRequest ID: " + guid + "\n"), "held uninstalling@1 " + stamp + "@2 " + guid + "@3 0; text, name and value a line"},
		{"delimited", locked("Installing;2009-10-01 10:01:02;4711"), "held installing@1 2009-10-01T10:01:02 local@1 4711@1 0; text, delimited"},
		{"delimited-filetime", locked(fmt.Sprintf("collecting|%d|4711\r\n", ft)), "held collecting@1 " + stamp + "@1 4711@1 0; text, delimited"},
		{"a-field-a-line", locked(fmt.Sprintf("Installing\n%d\n%s\n", tt, guid)), "held installing@1 " + stamp + "@2 " + guid + "@3 0; text, a field a line"},
		{"columns", locked("INSTALL     2009-10-01 10:01:02     4711"), "held installing@1 2009-10-01T10:01:02 local@1 4711@1 0; text, columns"},
		{"padded-with-nuls", locked("Installing", 6, "2009-10-01 10:01:02", 5, "4711", 20), "held installing@1 2009-10-01T10:01:02 local@1 4711@1 0; text, fields padded with NULs"},
		{"utf-16", locked([]uint16{0xfeff}, utf16.Encode([]rune("Action=Installing\r\nTime=0\r\nRequestId=\r\n"))), "partial installing@1 @0 @0 0; UTF-16, name and value a line"},
		{"partial-pairs", locked("Action=Installing\nTime=0\nRequestId=\n"), "partial installing@1 @0 @0 0; text, name and value a line"},
		{"partial-zeros", locked("Installing,0,0"), "partial installing@1 @0 @0 0; text, delimited"},
		{"partial-alone", locked("Uninstalling\r\n"), "partial uninstalling@1 @0 @0 0; text, a field a line"},
		{"day-or-month", locked("Action=Installing\nTime=10/11/2009 10:01:02\nRequestId=4711\n"), "held installing@1 10/11/2009 10:01:02?@2 4711@3 0; text, name and value a line"},
		{"one-date-only", locked("Action=Installing\nTime=10/13/2009 10:01:02 PM\nRequestId=4711\n"), "held installing@1 2009-10-13T22:01:02 local@2 4711@3 0; text, name and value a line"},
		{"without-a-request", locked("Installing;2009-10-01 10:01:02"), "unclear installing@1 2009-10-01T10:01:02 local@1 @0 0; text, delimited"},
		{"prose", locked("nothing of it"), "unclear @0 @0 @0 0; text, columns"},
		{"binary-filetime", locked(uint32(1), uint32(0), ft, uint32(4711), 12), "held 1@0 " + stamp + "@0 4711@0 0; binary, FILETIME at 8, action number at 0, request number at 16"},
		{"binary-time-t", locked(uint32(2), tt, uint32(4711), 4), "held 2@0 " + stamp + "@0 4711@0 0; binary, time_t at 4, action number at 0, request number at 8"},
		{"binary-system-time", locked(uint32(1), []uint16{2009, 10, 4, 1, 10, 1, 2, 0}, uint32(4711)), "held 1@0 2009-10-01T10:01:02 local@0 4711@0 0; binary, SYSTEMTIME at 4, action number at 0, request number at 20"},
		{"binary-guid", locked(uint32(1), ft, uint32(0x2f1d3c4b), []uint16{0x0a1b, 0x4c2d}, "\x8e\x3f\x4a\x5b\x6c\x7d\x8e\x9f"), "held 1@0 " + stamp + "@0 " + guid + "@0 0; binary, FILETIME at 4, request GUID at 12, action number at 0"},
		{"binary-texts", locked("\x01\x02\x03\x04", utf16.Encode([]rune("Installing")), ft, guid, 2), "held installing@0 " + stamp + "@0 " + guid + "@0 4; binary, action at 4, request GUID at 32, FILETIME at 24"},
		{"binary-partial", locked(uint32(1), 28), "partial 1@0 @0 @0 0; binary, action number at 0"},
		{"binary-noise", []byte("\xff\xfd\x01\xb3\x9c"), "unclear @0 @0 @0 5; binary, nothing that can be told"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffVCMLock("ecmmachineactionlock.dat", tt.data) == 0 {
				t.Error("not taken for a lock")
			}
			v, problems := vcmLock().Extract(ingest.Input{Artifact: &ingest.Artifact{}, Bytes: tt.data})
			l, ok := v.(*VCMLock)
			if !ok {
				t.Fatalf("a %T", v)
			}
			when := ""
			switch {
			case !l.Time.IsZero() && l.Local:
				when = l.Time.Format("2006-01-02T15:04:05") + " local"
			case !l.Time.IsZero():
				when = l.Time.Format(time.RFC3339)
			case l.TimeText != "":
				when = l.TimeText + "?"
			}
			got := fmt.Sprintf("%s %s@%d %s@%d %s@%d %d; %s", l.State(), l.Action, l.ActionLine, when, l.TimeLine, l.Request, l.RequestLine, l.Unread, l.Reading)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lock (-want +got):\n%s", diff)
			}
			if (len(problems) > 0) != (l.State() == VCMLockUnclear) {
				t.Errorf("problems: %v", problems)
			}
		})
	}
	if n := sniffVCMLock("other.dat", make([]byte, 9)); n != 0 {
		t.Errorf("zeros are claimed by %d", n)
	}
}

// TestVCMLockLater takes a number for no time if it is later than the file.
func TestVCMLockLater(t *testing.T) {
	a := &ingest.Artifact{Modified: time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)}
	v, _ := vcmLock().Extract(ingest.Input{Artifact: a, Bytes: locked(uint32(1), uint32(1_254_391_262))})
	if l, ok := v.(*VCMLock); !ok || !l.Time.IsZero() || l.Request != "" {
		t.Errorf("%+v", v)
	}
}

func TestVCMRegistryLocks(t *testing.T) {
	const text = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Wow6432Node\\Configuresoft\\ECM\\4.0\\Agent]\n\"IsLocked\"=dword:00000001\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Configuresoft\\ECM\\5.0\\Agent]\n\"IsLocked\"=\"0\"\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Configuresoft\\ECM\\4.0\\Installer]\n\"IsLocked\"=dword:00000001\n"
	h, err := hive.ParseExport(strings.Split(text, "\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var r hive.Registry
	r.Add("ecm.reg", h)
	var got []string
	for _, f := range VCMRegistryLocks(&r) {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Value.Display()))
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], "7 ") || !strings.HasPrefix(got[1], "4 ") {
		t.Errorf("%v", got)
	}
}

func FuzzVCMLock(f *testing.F) {
	f.Add([]byte("Action=Installing\nTime=2009-10-01 10:01:02\nRequestId=4711\n"))
	f.Add(locked(uint32(1), uint32(0), uint64(128_988_648_620_000_000), uint32(4711)))
	e := vcmLock()
	f.Fuzz(func(t *testing.T, data []byte) {
		e.Sniff("ecmmachineactionlock.dat", data)
		v, _ := e.Extract(ingest.Input{Artifact: &ingest.Artifact{}, Bytes: data})
		again, _ := e.Extract(ingest.Input{Artifact: &ingest.Artifact{}, Bytes: data})
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("two readings differ:\n%s", diff)
		}
		if l, ok := v.(*VCMLock); ok && (l.Bytes != len(data) || l.Unread > len(data) || l.Zero && l.State() != VCMLockCleared) {
			t.Errorf("%+v", l)
		}
	})
}
