package index_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/blevesearch/bleve/v2"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// The vocabulary of the generated logs: most of what a real log says repeats, some of it is said once.
var (
	benchComponents = strings.Fields("CcmExec execmgr ClientIDManagerStartup UpdatesHandler WUAHandler LocationServices PolicyAgent CAS ScanAgent")
	benchMessages   = []string{
		"Policy state for [CCM_Policy_Policy5.PolicyID=\"%G\",PolicyVersion=\"%n.00\",PolicySource=\"SMS:%s\"] is currently [Active]",
		"Evaluation not required. No changes detected.",
		"Successfully sent location services HTTP failure message.",
		"Looking for MIF file to get program status",
		"Execution is complete for program Per-system unattended. The exit code is %e, the execution status is Success",
		"Async searching of updates using WUAgent started.",
		"RegTask: Failed to refresh site code. Error: 0x8000ffff",
		"Unable to connect to WMI (root\\ccm) (0x80041003)",
		"Retrieved %n MP Records from AD for site '%s'",
		"Default Client DP list is empty.",
		"Executing Task WTATask",
		"The user has logged on.",
		"Program exit code %e",
		"Script for  Package:%s00%h, Program: Per-system unattended succeeded with exit code %e",
		"CTM job %G entered phase CCM_DOWNLOADSTATUS_DOWNLOADING_DATA",
		"Adding file '/SMS_DP_SMSPKG$/%G/sccm?/data%n.cab' to BITS job.",
		"CUpdateAssignment::OnScanComplete - %n updates found",
		"Failed to get certificate. Error: 0x80004005",
		"MP 'WKS00%h.corp.example.com' is compatible",
		"Copying \\\\WKS00%h\\SMSPKGD$\\%s00%h\\setup.exe to C:\\WINDOWS\\system32\\CCM\\Cache\\%s00%h.%n.System\\setup.exe",
		"Raising event:\n\ninstance of SoftDistProgramCompletedSuccessfullyEvent\n{\n\tAdvertisementId = \"%s2%h\";\n\tClientID = \"GUID:%G\";\n\tProcessID = %n;\n};",
	}
	benchInstaller = []string{
		"Executing op: FileCopy(SourceName=data%n.cab,SourceCabKey=File_%n,DestName=data%n.cab,Attributes=16384,FileSize=%n,PerTick=65536,,VerifyMedia=1,,,,,CheckCRC=0,Version=%n.0.%n.0)",
		"Note: 1: 2205 2:  3: Error ",
		"Component: %U; Installed: Absent;   Request: Local;   Action: Local",
		"PROPERTY CHANGE: Adding INSTALLDIR property. Its value is 'C:\\Program Files\\App%h\\'.",
	}
)

// benchText fills a template.
func benchText(r *rand.Rand, template string, pool []string) string {
	guid := func() string {
		return fmt.Sprintf("{%08X-%04X-%04X-%04X-%012X}", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Uint64N(1<<48))
	}
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			b.WriteByte(template[i])
			continue
		}
		i++
		switch template[i] {
		case 'G': // one in seven is new
			if r.IntN(7) == 0 {
				b.WriteString(guid())
			} else {
				b.WriteString(pool[r.IntN(len(pool))])
			}
		case 'U':
			b.WriteString(guid())
		case 'n':
			fmt.Fprint(&b, r.IntN(100000))
		case 'h':
			fmt.Fprintf(&b, "%02X", r.IntN(64))
		case 's':
			b.WriteString([]string{"CEN", "P01", "SEC"}[r.IntN(3)])
		case 'e':
			b.WriteString([]string{"0", "0", "0", "3010", "1603", "1618"}[r.IntN(6)])
		}
	}
	return b.String()
}

// benchLogs makes n logs of about the given size, four of five of them CCM logs and the fifth an Installer log.
func benchLogs(n, size int) (logs []testArtifact, bytes int64) {
	r := rand.New(rand.NewPCG(1, 2))
	pool := make([]string, 400)
	for i := range pool {
		pool[i] = benchText(r, "%U", nil)
	}
	for i := range n {
		a := testArtifact{path: fmt.Sprintf("logs/%02d.log", i), kind: ingest.KindLogCCM}
		line, ms, total := 1, 0, 0
		for total < size {
			ms += r.IntN(400)
			rec := ingest.Record{Line: line, Severity: []ingest.Severity{ingest.SeverityInfo, ingest.SeverityError}[r.IntN(500)/499], Thread: uint64(1200 + 4*r.IntN(40)), Time: ingest.WallTime(2011, 1, 1, 0, 0, 0, ms*1000)}
			clock := fmt.Sprintf("%02d:%02d:%02d", ms/3600000%24, ms/60000%60, ms/1000%60)
			if i%5 == 3 {
				head := fmt.Sprintf("MSI (s) (%02X:%02X) [%s:%03d]: ", r.IntN(256), r.IntN(256), clock, ms%1000)
				text := benchText(r, benchInstaller[r.IntN(len(benchInstaller))], pool)
				rec.Raw = []byte(head + text + "\r\n")
				rec.Text = rec.Raw[len(head) : len(head)+len(text)]
			} else {
				text := benchText(r, benchMessages[r.IntN(len(benchMessages))], pool)
				c := benchComponents[r.IntN(len(benchComponents))]
				rec.Raw = fmt.Appendf(nil, "<![LOG[%s]LOG]!><time=\"%s.%03d+300\" date=\"01-01-2011\" component=\"%s\" context=\"\" type=\"1\" thread=\"%d\" file=\"execmgr.cpp:%d\">\r\n",
					text, clock, ms%1000, c, rec.Thread, r.IntN(2000))
				rec.Text = rec.Raw[7 : 7+len(text)]
				rec.Component = []byte(c)
				rec.Time = rec.Time.Stated(300)
			}
			rec.Lines = strings.Count(string(rec.Raw), "\n")
			line += rec.Lines
			total += len(rec.Raw)
			a.records = append(a.records, rec)
		}
		bytes += int64(total)
		logs = append(logs, a)
	}
	return logs, bytes
}

// writeLogs writes a case as two workers would.
func writeLogs(b *testing.B, dir string, logs []testArtifact) {
	w, err := index.Create(context.Background(), dir, index.Entry{})
	if err != nil {
		b.Fatal(err)
	}
	jobs := make(chan *testArtifact)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for a := range jobs {
				art := &ingest.Artifact{Path: a.path, Kind: a.kind}
				s := w.Artifact(art)
				for i := 0; i < len(a.records); i += 200 {
					s.Records(a.records[i:min(i+200, len(a.records))])
				}
				s.Done(art)
			}
		})
	}
	for i := range logs {
		jobs <- &logs[i]
	}
	close(jobs)
	workers.Wait()
	if err := w.Report(&findings.Report{Case: "bench"}, emptyReport); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// size returns the bytes of the files in a folder.
func size(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkIndex writes a case of 64 MB of decoded logs with two workers: index and record store. It also prints the share of
// the decoded text that each of them takes.
func BenchmarkIndex(b *testing.B) {
	logs, total := benchLogs(16, 4<<20)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		dir := b.TempDir()
		writeLogs(b, dir, logs)
		b.ReportMetric(100*float64(size(b, filepath.Join(dir, "shards")))/float64(total), "index-%")
		b.ReportMetric(100*float64(size(b, filepath.Join(dir, "cases")))/float64(total), "records-%")
	}
}

// BenchmarkBleve indexes such logs with Bleve as it comes, a document for each record, to compare. It writes no record store.
func BenchmarkBleve(b *testing.B) {
	logs, total := benchLogs(5, 1<<20)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "bleve")
		i, err := bleve.New(dir, bleve.NewIndexMapping())
		if err != nil {
			b.Fatal(err)
		}
		batch := i.NewBatch()
		flush := func() {
			if err := i.Batch(batch); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
		for _, a := range logs {
			for n := range a.records {
				r := &a.records[n]
				at, _ := r.Time.Local()
				err := batch.Index(fmt.Sprintf("%s:%d", a.path, r.Line), map[string]any{
					"file": a.path, "text": string(r.Text), "component": string(r.Component), "time": at, "thread": r.Thread, "severity": r.Severity.String(),
				})
				if err != nil {
					b.Fatal(err)
				}
				if batch.Size() == 1000 {
					flush()
				}
			}
		}
		flush()
		if err := i.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(100*float64(size(b, dir))/float64(total), "index-%")
	}
}

// BenchmarkSearch searches 64 MB in an archive that is open.
func BenchmarkSearch(b *testing.B) {
	logs, _ := benchLogs(16, 4<<20)
	last := &logs[7].records[len(logs[7].records)-1]
	last.Raw = bytes.Replace(last.Raw, last.Text, []byte("needle 0x80040669"), 1)
	last.Text = []byte("needle 0x80040669")
	dir := b.TempDir()
	writeLogs(b, dir, logs)
	a := openArchive(b, dir)
	for _, q := range []string{"0x80040669", "needle 0x8004*", "certificate", "\"exit code 1603\" component:execmgr", "severity:error"} {
		b.Run(q, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = len(find(b, a, q, index.SearchOptions{Limit: 100}))
			}
			b.ReportMetric(float64(n), "hits")
		})
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			a, err := index.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			find(b, a, "needle", index.SearchOptions{})
			if err := a.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
