package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
	"casebook/ingest/logs"
)

// scriptLine is a line of a script that imitates ConfigMgr's log, with a stamp such as "10:00:00.000+-120".
func scriptLine(clock, date string) string {
	return fmt.Sprintf("<![LOG[text]LOG]!><time=%q date=%q component=\"Deploy\" context=\"\" type=\"1\" thread=\"4\" file=\"deploy.ps1\">\r\n", clock, date)
}

// ntfsTimes is the extra field with the times of NTFS.
func ntfsTimes(t time.Time) []byte {
	const unix = 116444736000000000
	b := []byte{0x0A, 0, 32, 0, 0, 0, 0, 0, 1, 0, 24, 0}
	for range 3 {
		b = binary.LittleEndian.AppendUint64(b, uint64(t.UnixNano()/100+unix))
	}
	return b
}

// unixTimes is Info-ZIP's extra field; flags say which times it has.
func unixTimes(flags byte, seconds int64) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0x55, 0x54, 5, 0, flags}, uint32(seconds))
}

// zipOf packs one member with an extra field and an MS-DOS time.
func zipOf(t *testing.T, body string, dos time.Time, extra []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "a.log", Method: zip.Deflate, Extra: extra}
	h.ModifiedDate = uint16((dos.Year()-1980)<<9 | int(dos.Month())<<5 | dos.Day()) //nolint:staticcheck // Modified would add a field of its own
	h.ModifiedTime = uint16(dos.Hour()<<11 | dos.Minute()<<5 | dos.Second()/2)      //nolint:staticcheck // as above
	m, err := w.CreateHeader(h)
	if err == nil {
		_, err = m.Write([]byte(body))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readOne analyses an upload and returns its log's artifact.
func readOne(t *testing.T, path string) *ingest.Artifact {
	t.Helper()
	opt := ingest.Options{Readers: logs.All()}
	b, err := ingest.Open(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := ingest.Read(t.Context(), []*ingest.Bundle{b}, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range c.Artifacts {
		if strings.HasSuffix(a.Path, "a.log") {
			return a
		}
	}
	t.Fatal("no log")
	return nil
}

func saved(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFileTimeSettlesSign: the sign of a bias is settled by the file's time only where that time is UTC, close behind the last record by one
// of the two signs, and speaks of the records.
func TestFileTimeSettlesSign(t *testing.T) {
	// At 08:00:30 UTC a clock two hours ahead of it shows 10:00:30, one two hours behind it 06:00:30.
	utc := time.Date(2011, 1, 8, 8, 0, 31, 0, time.UTC)
	const known, open = "2011-01-08T08:00:30Z", ""
	for name, c := range map[string]struct {
		body string
		file time.Time
		last string // Artifact.Last in RFC 3339
	}{
		"windows-bias-east":    {scriptLine("10:00:00.000-120", "01-08-2011") + scriptLine("10:00:30.000-120", "01-08-2011"), utc, known},
		"windows-bias-west":    {scriptLine("06:00:30.000+120", "01-08-2011"), utc, known},
		"opposite-east":        {scriptLine("10:00:30.000+120", "01-08-2011"), utc, known},
		"opposite-east-spelt":  {scriptLine("10:00:30.000+120", "1-8-2011"), utc, known},
		"opposite-west":        {scriptLine("06:00:30.000+-120", "01-08-2011"), utc, known},
		"file-two-minutes-on":  {scriptLine("10:00:30.000+120", "01-08-2011"), utc.Add(2 * time.Minute), known},
		"whole-seconds":        {scriptLine("10:00:30.000+120", "01-08-2011"), utc.Add(-2 * time.Second), known},
		"file-earlier":         {scriptLine("10:00:30.000+120", "01-08-2011"), utc.Add(-5 * time.Second), open},
		"file-copied-later":    {scriptLine("10:00:30.000+120", "01-08-2011"), utc.Add(20 * time.Minute), open},
		"file-of-another-year": {scriptLine("10:00:30.000+120", "01-08-2011"), utc.AddDate(1, 0, 0), open},
		"local-time-as-utc":    {scriptLine("10:00:30.000+120", "01-08-2011"), utc.Add(2 * time.Hour), open},
		"both-signs-near":      {scriptLine("08:00:30.000+001", "01-08-2011"), utc.Add(90 * time.Second), open},
		"last-record-has-none": {scriptLine("10:00:20.000+120", "01-08-2011") + scriptLine("10:00:30.000", "01-08-2011"), utc, open},
		"two-writers":          {scriptLine("10:00:20.000-120", "01-08-2011") + scriptLine("10:00:30.000+120", "01-08-2011"), utc, open},
		"two-zones":            {scriptLine("10:00:20.000+300", "01-08-2011") + scriptLine("10:00:30.000+120", "01-08-2011"), utc, open},
		"months-of-one-number": {scriptLine("10:00:20.000+120", "07-08-2010") + scriptLine("10:00:30.000+120", "01-08-2011"), utc, open},
		"summer-and-winter":    {scriptLine("10:00:20.000+180", "07-08-2010") + scriptLine("10:00:30.000+120", "01-08-2011"), utc, known},
		"no-file-time":         {scriptLine("10:00:30.000+120", "01-08-2011"), time.Time{}, open},
	} {
		t.Run(name, func(t *testing.T) {
			var extra []byte
			if !c.file.IsZero() {
				extra = ntfsTimes(c.file)
			}
			a := readOne(t, saved(t, "x.zip", zipOf(t, c.body, time.Date(2011, 1, 8, 10, 0, 30, 0, time.UTC), extra)))
			got := ""
			if at, ok := a.Last.UTC(); ok {
				got = at.Format(time.RFC3339)
			}
			if got != c.last {
				t.Fatalf("the last record is of %q, want %q; clock: %s", got, c.last, a.Clock)
			}
			records, settled := uint32(strings.Count(c.body, "\n")), strings.Contains(a.Clock, "the time of the file itself settles")
			if settled != (c.last != "") || settled != (a.Reading != ingest.ReadingOpen) {
				t.Errorf("reading %d, clock: %s", a.Reading, a.Clock)
			}
			sum := func(h ingest.Histogram) (n uint32) {
				for _, b := range h.Bins {
					n += b.Records
				}
				return n
			}
			want := [2]uint32{0, records}
			if settled {
				want = [2]uint32{records, 0}
			}
			if diff := cmp.Diff(want, [2]uint32{sum(a.Tally.UTC), sum(a.Tally.Local)}); diff != "" {
				t.Errorf("records by UTC and by the log's clock: %s", diff)
			}
		})
	}
}

// TestFileTimes: which containers state the time of a member in UTC.
func TestFileTimes(t *testing.T) {
	body := scriptLine("10:00:30.000+120", "01-08-2011")
	utc, local := time.Date(2011, 1, 8, 8, 0, 31, 0, time.UTC), time.Date(2011, 1, 8, 10, 0, 30, 0, time.UTC)
	var tarball, packed bytes.Buffer
	tw := tar.NewWriter(&tarball)
	if err := tw.WriteHeader(&tar.Header{Name: "a.log", Size: int64(len(body)), Mode: 0o600, ModTime: utc}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	gw := gzip.NewWriter(&packed)
	gw.Name, gw.ModTime = "a.log", utc
	if _, err := gw.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface{ Close() error }{tw, gw} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	loose := filepath.Join(folder, "a.log")
	if err := os.WriteFile(loose, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(loose, utc, utc); err != nil {
		t.Fatal(err)
	}
	salvaged := zipOf(t, body, local, unixTimes(1, utc.Unix()))
	salvaged = salvaged[:bytes.Index(salvaged, []byte("PK\x01\x02"))]
	for name, c := range map[string]struct {
		upload string
		want   time.Time
		utc    bool
	}{
		"zip-dos-only":    {saved(t, "x.zip", zipOf(t, body, local, nil)), local, false},
		"zip-unix":        {saved(t, "x.zip", zipOf(t, body, local, unixTimes(1, utc.Unix()))), utc, true},
		"zip-unix-access": {saved(t, "x.zip", zipOf(t, body, local, unixTimes(2, utc.Unix()))), local, false},
		"zip-ntfs":        {saved(t, "x.zip", zipOf(t, body, local, ntfsTimes(utc))), utc, true},
		"zip-ntfs-cut":    {saved(t, "x.zip", zipOf(t, body, local, []byte{0x0A, 0, 8, 0, 0, 0, 0, 0, 1, 0, 24, 0})), local, false},
		"zip-salvaged":    {saved(t, "x.zip", salvaged), utc, true},
		"tar":             {saved(t, "x.tar", tarball.Bytes()), utc, true},
		"gzip":            {saved(t, "a.log.gz", packed.Bytes()), utc, true},
		"folder":          {folder, utc, true},
		"loose":           {loose, utc, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := readOne(t, c.upload)
			if !a.Modified.Equal(c.want) || a.ModifiedUTC != c.utc {
				t.Errorf("modified %v, UTC %v; want %v, %v", a.Modified, a.ModifiedUTC, c.want, c.utc)
			}
			if settled := a.Reading == ingest.ReadingOffset; settled != c.utc {
				t.Errorf("the sign is settled: %v; clock: %s", settled, a.Clock)
			}
		})
	}
}
