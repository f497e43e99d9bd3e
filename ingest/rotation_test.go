package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRotatedName(t *testing.T) {
	for _, c := range []struct {
		name, log string
		place     int64
		ok        bool
	}{
		{"cas.log", "cas.log", 0, true},
		{"cas.lo_", "cas.log", -1, true},
		{"app-20120301-101112.log", "app.log", 20120301101112 - 1e14, true},
		{"app_20120301-101112.log", "app.log", 20120301101112 - 1e14, true},
		{"app-20120301.log", "app-20120301.log", 0, true},
		{"zmd.log.2", "zmd.log", -2, true},
		{"zmd.log.0", "zmd.log", 0, false},
		{"netlogon.bak", "netlogon.log", -1, true},
		{"x.log.old", "x.log", -1, true},
		{"x.old", "x.log", -1, true},
		{"x.txt", "", 0, false},
		{"x", "", 0, false},
	} {
		if log, place, ok := rotatedName(c.name); ok != c.ok || ok && (log != c.log || place != c.place) {
			t.Errorf("%s: %q, %d, %v; want %q, %d, %v", c.name, log, place, ok, c.log, c.place, c.ok)
		}
	}
}

// rolled makes an artifact whose records are of some minutes of an hour.
func rolled(path string, kind Kind, from, to int) *Artifact {
	return &Artifact{
		Path: path, Kind: kind, Records: 2,
		WallFirst: WallTime(2012, 3, 1, 10, from, 0, 0), WallLast: WallTime(2012, 3, 1, 10, to, 0, 0),
	}
}

func TestSequences(t *testing.T) {
	untimed := func(path string) *Artifact { return &Artifact{Path: path, Kind: KindLogNetlogon, Records: 1} }
	for _, c := range []struct {
		name     string
		list     []*Artifact
		want     []string // name: parts with the gap before each
		problems []string
	}{
		{"history-of-one", []*Artifact{rolled("a/CAS.log", KindLogCCM, 20, 30), rolled("a/CAS.lo_", KindLogCCM, 0, 19)}, []string{"a/CAS.log: CAS.lo_ 0s, CAS.log 1m0s"}, nil},
		{"other-folder-or-kind", []*Artifact{rolled("a/CAS.log", KindLogCCM, 20, 30), rolled("b/CAS.lo_", KindLogCCM, 0, 19), rolled("a/CAS.lo_", KindLogMSI, 0, 19)}, nil, nil},
		{"dated", []*Artifact{rolled("App.log", KindLogCCM, 40, 50), rolled("App-20120301-101500.log", KindLogCCM, 0, 15), rolled("App-20120301-103000.log", KindLogCCM, 15, 30)}, []string{
			"App.log: App-20120301-101500.log 0s, App-20120301-103000.log 0s, App.log 10m0s",
		}, nil},
		{"numbered-with-a-hole", []*Artifact{rolled("z.log", KindLogText, 40, 50), rolled("z.log.1", KindLogText, 30, 40), rolled("z.log.3", KindLogText, 0, 10)}, []string{
			"z.log: z.log.3 0s, z.log.1 20m0s, z.log 0s",
		}, []string{`z.log.1: 1 rotated files between "z.log.3" and this one are missing`}},
		{"without-the-current-file", []*Artifact{rolled("z.log.1", KindLogText, 30, 40), rolled("z.log.2", KindLogText, 0, 10)}, []string{"z.log: z.log.2 0s, z.log.1 20m0s"}, nil},
		{"overlap", []*Artifact{rolled("CAS.log", KindLogCCM, 10, 30), rolled("CAS.lo_", KindLogCCM, 0, 19)}, []string{"CAS.log: CAS.lo_ 0s, CAS.log -9m0s"}, []string{
			`CAS.log: begins 9m0s before "CAS.lo_" ends, of which it is the continuation by its name: one of them is a copy or of another time, or the clock was put back`,
		}},
		{"no-times", []*Artifact{untimed("netlogon.log"), untimed("netlogon.bak")}, []string{"netlogon.log: netlogon.bak 0s, netlogon.log 0s"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, problems := Sequences(c.list)
			var got, said []string
			for _, s := range list {
				var parts []string
				for _, p := range s.Parts {
					parts = append(parts, p.Artifact.Path[strings.LastIndexByte(p.Artifact.Path, '/')+1:]+" "+p.Gap.String())
				}
				got = append(got, s.Name+": "+strings.Join(parts, ", "))
			}
			for _, p := range problems {
				said = append(said, p.Artifact+": "+p.Message)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.problems, said); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestClockTally(t *testing.T) {
	at := func(minute int) Time { return WallTime(2012, 3, 1, 10, minute, 0, 0) }
	for _, c := range []struct {
		name, reason, problem string
		times                 []Time
	}{
		{"nothing", "", "", nil},
		{"bare", "the records state no offset", "", []Time{at(0), at(1)}},
		{"several", "2 state Windows' bias; 1 state no offset", "", []Time{at(0), at(1).Stated(60).On(BasisBias), at(2).Stated(60).On(BasisBias)}},
		{"no-year", "the records have a date without a year", "", []Time{{Basis: BasisNoYear}}},
		{"late-lines", "the records state no offset", "", []Time{at(10), at(6), at(11)}},
		{"end-of-summer-time", "the records state their offset from UTC", "", []Time{at(59).Stated(-120), at(0).Stated(-60)}},
		{
			"put-back", "the records state no offset", "line 12: the time is 30m0s before that of the record above: the clock was put back, the file was put together from several, or its writer goes round in it",
			[]Time{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(40), at(10)},
		},
		{"newest-first", "the records state no offset", "", []Time{at(40), at(30), at(20), at(10), at(0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tally clockTally
			for i := range c.times {
				tally.add(&c.times[i], i+1)
			}
			if got := tally.reason(); got != c.reason {
				t.Errorf("reason %q, want %q", got, c.reason)
			}
			if got := tally.problem(); got != c.problem {
				t.Errorf("problem %q, want %q", got, c.problem)
			}
		})
	}
}

// TestClockSign: the system's registry settles a bias that is meant with the opposite sign.
func TestClockSign(t *testing.T) {
	p := &pass{a: &Artifact{}, locale: Locale{Bias: func(time.Time) int16 { return 300 }}}
	for _, c := range []struct {
		name string
		in   Time
		bias int16
		want Basis
	}{
		{"same", WallTime(2012, 3, 1, 10, 0, 0, 0).Stated(300).On(BasisBias), 300, BasisBias},
		{"opposite", WallTime(2012, 3, 1, 10, 0, 0, 0).Stated(-300).On(BasisBias), 300, BasisSettled},
		{"another-zone", WallTime(2012, 3, 1, 10, 0, 0, 0).Stated(-60).On(BasisBias), -60, BasisBias},
		{"offset-is-certain", WallTime(2012, 3, 1, 10, 0, 0, 0).Stated(-300), -300, BasisOffset},
		{"none", WallTime(2012, 3, 1, 10, 0, 0, 0), 300, BasisRegistry},
	} {
		got := c.in
		p.time(&got)
		if got.Bias != c.bias || got.Basis != c.want {
			t.Errorf("%s: bias %d on %d; want %d on %d", c.name, got.Bias, got.Basis, c.bias, c.want)
		}
	}
}

func TestSensitive(t *testing.T) {
	for _, c := range []struct{ name, path, head, want string }{
		{"pem", "a.txt", "x\n-----BEGIN RSA PRIVATE KEY-----\n", "a private key"},
		{"certificate", "a.pem", "-----BEGIN CERTIFICATE-----\n", ""},
		{"pfx", "a.bin", "\x30\x82\x0a\x10\x02\x01\x03\x30\x82", "a certificate with its private key (PKCS #12)"},
		{"der-certificate", "a.cer", "\x30\x82\x0a\x10\x30\x82\x01", ""},
		{"machine-key", "k/19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612", "x", "a private key of the machine or of a user"},
		{"machine-key-folder", "C/ProgramData/Microsoft/Crypto/RSA/MachineKeys/x", "x", "a private key of the machine or of a user"},
		{"empty", "C/ProgramData/Microsoft/Crypto/RSA/MachineKeys/x", "", ""},
		{"password-file", "Desktop/Passwords 2012.xlsx", "PK", "a file whose name says that it holds passwords"},
		{"password-log", "password-reset.log", "x", ""},
		{"group-policy", "Groups.xml", `<Properties cpassword="abc"`, "a password of Group Policy preferences"},
		{"log", "logs/cas.log", "text", ""},
	} {
		if got := sensitiveContent(c.path, []byte(c.head)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if sensitiveKind(KindHiveSAM) == "" || sensitiveKind(KindHiveSystem) != "" {
		t.Error("the SAM hive is sensitive, the SYSTEM hive is not")
	}
}
