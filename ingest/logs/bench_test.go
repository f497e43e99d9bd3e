package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"casebook/ingest"
)

const benchSize = 8 << 20

// benchMessages are of the lengths and words of real logs.
var benchMessages = []string{
	"Evaluation not required. No changes detected.",
	"Policy state for [CCM_Policy_Policy5.PolicyID=\"{%s}\",PolicyVersion=\"7.00\",PolicySource=\"SMS:P01\"] is currently [Active]",
	"CTM job {%s} entered phase CCM_DOWNLOADSTATUS_DOWNLOADING_DATA",
	"Adding file '/SMS_DP_SMSPKG$/{%s}/sccm?/update12.msp' to BITS job.",
	"Update (Site_{%s}/SUM_12) added to the targeted list of deployment",
	"Failed to get certificate. Error: 0x80004005",
	"Program exit code 0",
	"Execution is complete for program Silent. The exit code is 0, the execution status is Success",
	"Copying \\\\WKS0012\\SMSPKGD$\\P0000123\\data1.cab to C:\\WINDOWS\\system32\\CCM\\Cache\\P0000123.1.System\\data1.cab",
}

// benchText joins lines until there is enough of them.
func benchText(line func(r *rand.Rand, i int, msg string) string) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := 0; b.Len() < benchSize; i++ {
		msg := benchMessages[r.IntN(len(benchMessages))]
		if bytes.Contains([]byte(msg), []byte("%s")) {
			msg = fmt.Sprintf(msg, fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48)))
		}
		b.WriteString(line(r, i, msg))
	}
	return b.Bytes()
}

func hms(i int) string { return fmt.Sprintf("%02d:%02d:%02d", i/3600%24, i/60%60, i%60) }

func benchCases() []struct {
	name   string
	reader ingest.Reader
	text   []byte
} {
	return []struct {
		name   string
		reader ingest.Reader
		text   []byte
	}{
		{"ccm", ccmReader, benchText(func(r *rand.Rand, i int, msg string) string {
			if i%25 == 0 {
				msg = "Raising event:\n\ninstance of SoftDistProgramCompletedSuccessfullyEvent\n{\n\tAdvertisementId = \"P0120012\";\n\tProcessID = 12;\n};\n"
			}
			return fmt.Sprintf("<![LOG[%s]LOG]!><time=\"%s.%03d+300\" date=\"01-%02d-2011\" component=\"execmgr\" context=\"\" type=\"1\" thread=\"%d\" file=\"execmgr.cpp:%d\">\r\n",
				msg, hms(i/10), r.IntN(1000), 1+i/864000%28, 1200+r.IntN(400), r.IntN(2000))
		})},
		{"sms", smsReader, benchText(func(r *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("%s~  $$<SMS_CLIENT_CONFIG_MANAGER><Fri Jan %02d %s.%03d 2000 Eastern Standard Time><thread=%d (0x%X)>\r\n",
				msg, 1+i/86400%28, hms(i), r.IntN(1000), 300+i%40, 300+i%40)
		})},
		{"msi", msiReader, append([]byte("=== Verbose logging started: 1/18/2011  21:16:41  Build type: SHIP ===\r\n"), benchText(func(r *rand.Rand, i int, msg string) string {
			switch i % 8 {
			case 0:
				return "Property(S): INSTALLDIR = C:\\Program Files\\App\\" + msg + "\r\n"
			case 1:
				return "Action start " + hms(i) + ": InstallFinalize.\r\n"
			}
			return fmt.Sprintf("MSI (s) (%02X:%02X) [%s:%03d]: Executing op: %s\r\n", r.IntN(256), r.IntN(256), hms(i), r.IntN(1000), msg)
		})...)},
		{"pfro", pfroReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("6/%d/2016 %s - PFRO Error: \\??\\C:\\%s, |delete operation|, 0xc000003a\r\n", 1+i/86400%28, hms(i), msg)
		})},
		{"text-cbs", textReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			if i%10 == 0 {
				return "    " + msg + "\r\n"
			}
			return fmt.Sprintf("2024-01-%02d %s, Info                  CBS    %s\r\n", 1+i/86400%28, hms(i), msg)
		})},
		{"text-plain-level", textReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("[%d/%d/2007 %d:%02d:%02d PM] [] [ZMD] [] [%s] [] [].\r\n", 1+i%12, 1+i%28, 1+i%12, i%60, i%60, msg)
		})},
		{"servicing", servicingReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("2024-01-%02d %s, Info                  CBS    %s\r\n", 1+i/86400%28, hms(i), msg)
		})},
		{"windows-update", windowsUpdateReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("2012-01-%02d\t%s:123\t 900\tdd0\tAgent\t%s\r\n", 1+i/86400%28, hms(i), msg)
		})},
		{"zenworks", zenworksReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("[INFO] [1/%d/2007 %d:%02d:%02d PM] [] [ZMD] [] [%s] [] [].\r\n", 1+i/43200%28, 1+i/3600%12, i/60%60, i%60, msg)
		})},
		{"w3c", w3cReader, append([]byte("#Fields: date time cs-method cs-uri-stem sc-status\r\n"), benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("2026-01-%02d %s GET /%s 200\r\n", 1+i/86400%28, hms(i), bytes.ReplaceAll([]byte(msg), []byte(" "), []byte("+")))
		})...)},
		{"sep-client", sepClientReader, append([]byte("00000000\t00080000\t00000000\t00000002\t00000000\t0000000000002a70\t0000000e\r\n"), benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("000000b4\t01d45f6a%08x\t1207030c\t00000000\t00000000\t00000000\t%s\tCVE\t\r\n", i, msg)
		})...)},
		{"wevtutil", wevtutilReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("Event[%d]:\r\n  Log Name: System\r\n  Source: X\r\n  Date: 2012-03-%02dT%s.000\r\n  Event ID: 7000\r\n  Task: N/A\r\n  Level: Error\r\n  Opcode: N/A\r\n  Keyword: Classic\r\n  User: N/A\r\n  User Name: N/A\r\n  Computer: PC1\r\n  Description: \r\n%s\r\n\r\n", i, 1+i/86400%28, hms(i), msg)
		})},
		{"event-xml", eventXMLReader, benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='X'/><EventID>7000</EventID><Level>2</Level><TimeCreated SystemTime='2012-03-%02dT%s.1234567Z'/><Execution ProcessID='4' ThreadID='88'/><Computer>PC1</Computer></System><EventData><Data>%s</Data></EventData></Event>\r\n", 1+i/86400%28, hms(i), msg)
		})},
		{"table", tableReader, append([]byte("Machine,Time,Class,Message\r\n"), benchText(func(_ *rand.Rand, i int, msg string) string {
			return fmt.Sprintf("PC1,2012-03-%02d %s,Info,\"%s\"\r\n", 1+i/86400%28, hms(i), bytes.ReplaceAll([]byte(msg), []byte{'"'}, nil))
		})...)},
		{"plain", plainReader, benchText(func(_ *rand.Rand, _ int, msg string) string { return msg + "\r\n" })},
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, c := range benchCases() {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			records := 0
			emit := func(ingest.Record) { records++ }
			for b.Loop() {
				s := c.reader.New()
				start, end := 0, 0
				for end < len(c.text) { // 1 MiB at a time, as a file is read
					end = min(len(c.text), end+1<<20)
					start += s.Split(c.text[start:end], end == len(c.text), emit)
				}
			}
			if records == 0 {
				b.Fatal("no records")
			}
		})
	}
}

func BenchmarkSniff(b *testing.B) {
	for _, c := range benchCases() {
		b.Run(c.name, func(b *testing.B) {
			head := c.text[:headSize]
			b.SetBytes(headSize)
			b.ReportAllocs()
			for b.Loop() {
				if surest("x.log", head).New == nil {
					b.Fatal("no reader")
				}
			}
		})
	}
}
