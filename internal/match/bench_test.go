package match_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"casebook/internal/match"
)

// verbs, nouns and forms make phrases as logs have them, so that the signals of a benchmark share words with each other and with
// the text.
var (
	verbs = []string{"get", "find", "open", "download", "install", "replace", "register", "connect to", "verify", "load", "copy", "refresh"}
	nouns = []string{
		"certificate", "management point", "policy", "site code", "content location", "cached package", "service", "registry key",
		"update source", "distribution point", "provider", "configuration item", "cache folder", "machine key", "program",
		"scan results", "boundary group", "lock file", "mount point", "inventory report",
	}
	forms = []string{
		"Failed to %s the %s", "Unable to %s %s", "Could not %s %s, will retry", "Error while trying to %s %s",
		"Attempt to %s %s was refused", "Timed out waiting to %s %s",
	}
)

// benchSignals returns n signals whose literals have 8 to 60 bytes; the first are the short ones.
func benchSignals(n int) []match.Signal {
	fixed := []string{
		"exit code", "0x80040669", "Info 1603", "in phase ", "compver.ini", "Return value 3", "MainEngineThread is returning", "is being held in use",
		"0x87d00300", "PendingFileRename", "MigrateAppData", "not authorized", "IsLocked", "Provisioning", "Config.Msi", "MsiSystemRebootPending",
		"CLICORE.EXE", "fatal error", "rolled back", "Access is denied",
	}
	var signals []match.Signal
	for _, literal := range fixed {
		signals = append(signals, match.Signal{Name: literal, Literals: []string{literal}})
	}
	// A walk with a stride that shares no divisor with their number visits every combination once, in a mixed order.
	total := len(verbs) * len(nouns) * len(forms)
	for i := 0; len(signals) < n; i++ {
		k := i * 1009 % total
		phrase := fmt.Sprintf(forms[k%len(forms)], verbs[k/len(forms)%len(verbs)], nouns[k/len(forms)/len(verbs)])
		if len(phrase) > 60 {
			phrase = phrase[:60]
		}
		signals = append(signals, match.Signal{Name: fmt.Sprint(i, " ", phrase), Literals: []string{phrase}, Pattern: `(?i)` + phrase + `.*?(?P<code>0x[0-9a-f]{8})`})
	}
	return signals[:n]
}

// benchRecords returns the messages and lines of a CCM log: about so many bytes, the same each time. One in a hundred holds a signal.
func benchRecords(size int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	guid := func() string {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xffff, r.Uint32()&0xffff, r.Uint64()&0xffffffffffff)
	}
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	messages := []func() string{
		func() string {
			return fmt.Sprintf(`Policy state for [CCM_Policy_Policy5.PolicyID="{%s}",PolicyVersion="%d.00",PolicySource="SMS:%s"] is currently [Active]`, guid(), r.IntN(100000), pick("CEN", "P01", "SEC"))
		},
		func() string { return "Evaluation not required. No changes detected." },
		func() string {
			return fmt.Sprintf("CTM job {%s} entered phase CCM_DOWNLOADSTATUS_DOWNLOADING_DATA", guid())
		},
		func() string {
			return fmt.Sprintf("Execution is complete for program %s. The exit code is %d, the execution status is Success", pick("Silent", "Install Office"), r.IntN(3)*1603)
		},
		func() string {
			return fmt.Sprintf("Update (Site_{%s}/SUM_%s) added to the targeted list of deployment ({%s})", guid(), guid(), guid())
		},
		func() string {
			return fmt.Sprintf(`Copying \\WKS%04d\SMSPKGD$\CEN%05X\update%d.msp to C:\WINDOWS\system32\CCM\Cache\CEN%05X.%d.System\update%d.msp`, r.IntN(60), r.IntN(1024), r.IntN(40), r.IntN(1024), r.IntN(9), r.IntN(40))
		},
		func() string { return "Failed to get certificate. Error: 0x80004005" },
		func() string { return `Unable to connect to WMI (root\ccm) (0x80041003)` },
		func() string {
			return fmt.Sprintf("Retrieved %d MP Records from AD for site '%s'", r.IntN(9), pick("CEN", "P01"))
		},
		func() string { return "Async searching of updates using WUAgent started." },
		func() string { return fmt.Sprintf("Persisting location services for WKS%04d", r.IntN(60)) },
		func() string {
			return fmt.Sprintf("Executing op: FileCopy(SourceName=setup.exe,SourceCabKey=File_%d,DestName=setup.exe,Attributes=16384,FileSize=%d,PerTick=65536,,VerifyMedia=1,,,,,CheckCRC=0,Version=%d.0.%d.0,Language=1033,InstallMode=58982400)", r.IntN(9000), r.IntN(1000000), r.IntN(9), r.IntN(9999))
		},
	}
	var records [][]byte
	for total := 0; total < size; {
		message := messages[r.IntN(len(messages))]()
		if r.IntN(100) == 0 {
			message = fmt.Sprintf(forms[r.IntN(len(forms))], verbs[r.IntN(len(verbs))], nouns[r.IntN(len(nouns))]) + ", error 0x80070005"
		}
		line := fmt.Appendf(nil, "<![LOG[%s]LOG]!><time=\"%02d:%02d:%02d.%03d+300\" date=\"01-%02d-2011\" component=\"%s\" context=\"\" type=\"1\" thread=\"%d\" file=\"%s.cpp:%d\">\r\n",
			message, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), 1+r.IntN(28), pick("execmgr", "CcmExec", "PolicyAgent", "ContentTransferManager", "UpdatesHandler"),
			1200+4*r.IntN(40), pick("execmgr", "ccmexec", "policyagent", "datatransfer"), r.IntN(2000))
		records = append(records, line)
		total += len(line)
	}
	return records
}

// BenchmarkMatch measures the search for literals alone and with the patterns of the records that hold one.
func BenchmarkMatch(b *testing.B) {
	records := benchRecords(4 << 20)
	size := len(bytes.Join(records, nil))
	for _, c := range []struct {
		name     string
		signals  int
		short    bool // with some literals too short for the windows of the others
		patterns bool
	}{
		{"literals-100", 100, false, false},
		{"literals-100-and-short", 100, true, false},
		{"literals-1100", 1100, false, false},
		{"patterns-100", 100, false, true},
		{"patterns-1100", 1100, false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			signals := benchSignals(c.signals)
			for i := range signals {
				if !c.patterns {
					signals[i].Pattern = ""
				}
			}
			if c.short {
				for _, literal := range []string{"DMIO", "3010", "80040669", "PFRO", "Q293117"} {
					signals = append(signals, match.Signal{Name: literal, Literals: []string{literal}})
				}
			}
			m := compile(b, signals).For("log/ccm")
			hits := 0
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				hits = 0
				for _, record := range records {
					m.Match(record, func(match.Hit) { hits++ })
				}
			}
			b.ReportMetric(float64(hits), "hits/op")
		})
	}
}

// BenchmarkLongRecord measures a pattern on a record of the greatest length, whose only match stands at its end.
func BenchmarkLongRecord(b *testing.B) {
	text := append(bytes.Join(benchRecords(1<<20), nil), "Failed to find the lock file: 0x80070002"...)
	m := compile(b, []match.Signal{{
		Name: "lock file", Literals: []string{"find the lock file"}, Pattern: `(?i)failed to find the lock file.*?(?P<code>0x[0-9a-f]{8})`,
	}}).For("log/ccm")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Match(text, func(match.Hit) {})
	}
}

// BenchmarkCompile measures compiling and the first use of a kind.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{100, 1100} {
		signals := benchSignals(n)
		b.Run(fmt.Sprint("signals-", n), func(b *testing.B) {
			for b.Loop() {
				compile(b, signals).For("log/ccm")
			}
		})
	}
}
