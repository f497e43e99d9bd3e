package extract

import (
	"strings"
	"testing"

	"casebook/ingest"
)

// input makes an Input of a text, with Windows' line ends or without.
func input(text string) ingest.Input {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return ingest.Input{Artifact: &ingest.Artifact{Path: "capture.txt"}, Lines: lines}
}

// messages are the messages of problems.
func messages(ps []ingest.Problem) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Message)
	}
	return out
}

// claims are the extractors that a text's head is claimed by, with how sure they are.
func claims(name, text string) map[ingest.Kind]int {
	out := map[ingest.Kind]int{}
	for _, e := range All() {
		if n := e.Sniff(name, []byte(text)); n > out[e.Kind] {
			out[e.Kind] = n
		}
	}
	return out
}

func TestSniffNearMisses(t *testing.T) {
	tests := []struct{ name, file, text string }{
		{"empty", "a.txt", ""},
		{"prose", "readme.txt", "Copy C:\\Data to D:\\ and run icacls.\nThen reboot.\n"},
		{"text-log-with-sizes", "app.log", strings.Repeat("2012-08-14 10:01:05 123 message about C:\\Data\r\n", 40)},
		{"text-log-of-minutes", "app.log", strings.Repeat("2012-08-14 10:01 5 items were copied\r\n", 40)},
		{"ccm-log-that-quotes-dir", "a.log", strings.Repeat("<![LOG[14.08.2012  10:01    <JUNCTION>     Data [\\??\\Volume{6e5a3b3c-0000-0000-0000-100000000000}\\]]LOG]!><time=\"10:01:00.000-60\" date=\"08-14-2012\" component=\"x\" context=\"\" type=\"1\" thread=\"1\" file=\"a.cpp:1\">\n", 5)},
		{"sms-log-of-copylog", "nt_logon.log", strings.Repeat("Wrote X86.BIN\\CLICORE.EXE=ABC  $$<SMS_NT_LOGON_SERVER_MANAGER><Fri Dec 10 01:12:40.304 1999 Pacific Standard Time><thread=322 (0x142)>\n", 5)},
		{"log-about-a-key", "cert.log", strings.Repeat("10:01:02 cannot open C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612\n", 3)},
		{"log-about-icacls", "fix.log", strings.Repeat("10:01:02 C:\\Data BUILTIN\\Administrators:(OI)(CI)(F)\n", 5)},
		{"ini", "setup.ini", "[Startup]\nProduct=App\nVersion=2.00.1493.2009\n"},
		{"xml", "config.xml", "<?xml version=\"1.0\"?>\n<Server Address=\"x\"/>\n"},
		{"csv-of-services", "services.csv", "\"Name\",\"Status\"\n\"a\",\"Running\"\n"},
		{"table-of-processes", "ps.txt", "Name    Id\n----    --\nsvchost 12\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := claims(tt.file, tt.text); len(got) != 0 {
				t.Errorf("claimed as %v", got)
			}
		})
	}
}

func TestAllKindsAreKnown(t *testing.T) {
	known := map[ingest.Kind]bool{}
	for _, k := range ingest.Kinds() {
		known[k] = true
	}
	first := true
	for _, e := range All() {
		if !known[e.Kind] {
			t.Errorf("%q is none of ingest's kinds", e.Kind)
		}
		if e.First && !first {
			t.Errorf("%q is a First extractor behind others", e.Kind)
		}
		first = e.First
	}
}

// BenchmarkSniff is what every text member costs: all extractors look at 64 KiB of a log.
func BenchmarkSniff(b *testing.B) {
	head := []byte(strings.Repeat("<![LOG[Raising event: a message of some length about C:\\Windows\\CCM\\Logs]LOG]!><time=\"10:01:00.000-60\" date=\"08-14-2012\" component=\"x\" context=\"\" type=\"1\" thread=\"1\" file=\"a.cpp:1\">\r\n", 400)[:64<<10])
	all := All()
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range all {
			if !e.Binary && e.Sniff("a.log", head) > 0 {
				b.Fatal("a log is claimed")
			}
		}
	}
}
