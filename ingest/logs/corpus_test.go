package logs

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"casebook/ingest"
)

// decode turns a file's bytes into UTF-8 as simply as the corpus allows: UTF-16 by its mark or its zeros, UTF-8, else Latin-1.
func decode(b []byte) []byte {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return decodeUTF16(b[2:])
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return b[3:]
	case len(b) > 3 && b[1] == 0 && b[3] == 0 && b[0] != 0:
		return decodeUTF16(b)
	case utf8.Valid(b):
		return b
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return []byte(string(r))
}

func decodeUTF16(b []byte) []byte {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(u)))
}

// corpusText returns the decoded text of every log of the corpus by its base name.
func corpusText(t testing.TB) map[string][]byte {
	t.Helper()
	root := os.Getenv("CASEBOOK_CORPUS")
	if root == "" {
		t.Skip("CASEBOOK_CORPUS is not set: the logs of the corpus are not read")
	}
	texts := map[string][]byte{}
	for _, dir := range []string{"logs-cmtrace", "logs-msi", "logs-other", "logs-sep"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts[d.Name()] = decode(b)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// TestCorpus splits every log of the corpus: nothing is lost, and the pieces do not matter.
func TestCorpus(t *testing.T) {
	for name, text := range corpusText(t) {
		r := surest(strings.ToLower(name), text[:min(len(text), headSize)])
		checkPieces(t, r, text, func() int { return 5003 })
		if r.Kind != ingest.KindLogCCM {
			continue
		}
		// A trailer is on one line and has no other shape, so that counting it is an independent count of the records that have one.
		whole := 0
		for _, rec := range splitAll(t, r, text) {
			if strings.Contains(rec.Raw, ccmEnd+ccmTrailer) {
				whole++
			}
		}
		if want := bytes.Count(text, []byte(ccmEnd+ccmTrailer)); whole != want {
			t.Errorf("%s: %d records with a trailer, the text has %d", name, whole, want)
		}
	}
}

// TestCorpusCounts compares with counts made by grep and by Python's re over the decoded files:
//
//	CCM        records: lines that begin with "<![LOG[" (a cut record is one too) and blank lines outside of records; timed: matches of an expression for a whole record with a sound time and date
//	Installer  records: wc -l; timed: lines of "^MSI \(", "^[A-Za-z ]+ [0-9]{1,2}:[0-9]{2}:[0-9]{2}: " and "^=== "
//	setupapi   records: wc -l; timed: lines with a date before the time in ">>>", "<<<" and "[", and lines ending in hh:mm:ss.mmm
//	SEP        records: matches of a number of at most 8 hexadecimal digits, at least 64, a tab and a FILETIME; scan logs: lines of 12 such digits and three numbers
//	others     timed: lines with the file's stamp; records: those and the lines before the first
func TestCorpusCounts(t *testing.T) {
	texts := corpusText(t)
	for _, c := range []struct {
		name           string // the end of the file's name
		kind           ingest.Kind
		records, timed int
		stated         int // of timed: the offset is known
	}{
		{"plaso__sccm_various.log", ingest.KindLogCCM, 10, 10, 8},
		{"ccm_psadt_install.log", ingest.KindLogCCM, 42, 42, 0},
		{"ime_multiline_HealthScripts.log", ingest.KindLogCCM, 2, 2, 0},
		{"ccm_malformed_truncated.log", ingest.KindLogCCM, 3, 2, 0},
		{"ccm_malformed_broken_timestamp.log", ingest.KindLogCCM, 4, 2, 0},
		{"ime_sparse_ClientHealth.log", ingest.KindLogCCM, 4, 2, 0},
		{"sccm_spine_multiline-policy.log", ingest.KindLogCCM, 1, 1, 1},
		{"simple_clean_basic.log", ingest.KindLogSMS, 3, 3, 3},
		{"st_corpus_msi_clean_basic.log", ingest.KindLogMSI, 7, 7, 0},
		{"Redball__msi_install.log", ingest.KindLogMSI, 1457, 942 + 155 + 4, 0},
		{"Win10_RathbunVM_setupapi.dev.log", ingest.KindLogSetupAPI, 12227, 53 + 4988, 0},
		{"Win11_RathbunVM_setupapi.dev.log", ingest.KindLogSetupAPI, 9432, 56 + 3338, 0},
		{"plaso__setupapi.dev.log", ingest.KindLogSetupAPI, 10653, 400 + 2467, 0},
		{"plaso__setupapi.setup.log", ingest.KindLogSetupAPI, 1357, 33 + 502, 0},
		{"TeamViewer15_Logfile.log", ingest.KindLogText, 1013, 1013, 0},
		{"MPLog-20200801-144809.log", ingest.KindLogText, 7 + 4424, 4424, 4424},
		{"MPLog-20231017-224350.log", ingest.KindLogText, 7 + 836, 836, 836},
		{"MPDetection-20210213-115635.log", ingest.KindLogText, 18, 18, 18},
		{"AccessProtectionLog.txt", ingest.KindLogText, 14, 14, 0},
		{"iis10_edge_cases.log", ingest.KindLogW3C, 19, 15, 15},
		{"iis_w3c_clean_u_ex260329.log", ingest.KindLogW3C, 5, 2, 2},
		{"skydriveerr-unicode.log", ingest.KindLogText, 17, 16, 0},
		{"Splashtop_SPLog.txt", ingest.KindLogText, 15, 0, 0}, // no year
		{"cbs_mixed_components_CBS.log", ingest.KindLogServicing, 9, 9, 0},
		{"dns_debug_mixed_rcodes.log", ingest.KindLogText, 4, 4, 0},
		{"patchmypc_detection_clean_detection.log", ingest.KindLogText, 2, 2, 0},
		{"jamf_policy_log_basic.log", ingest.KindLogText, 12, 0, 0}, // no year
		{"reporting_events_clean_ReportingEvents.log", ingest.KindLogReportingEvents, 2, 2, 0},
		{"powershell_transcript.txt", ingest.KindText, 24, 0, 0},
		{"OfcUrlf.log", ingest.KindText, 4, 0, 0},
		{"Logs_12192018.Log", ingest.KindLogSEPClient, 3, 3, 0},
		{"Logs_02012019.Log", ingest.KindLogSEPClient, 306, 306, 0},
		{"plaso__Symantec.Log", ingest.KindLogSEPClient, 8, 8, 0},
		{"SEPparser__AVMan.log", ingest.KindLogSEPClient, 1 + 275, 275, 275},
		{"SEPparser__AVMan (2).log", ingest.KindLogSEPClient, 1 + 663, 663, 663},
		{"SEPparser__syslog.log", ingest.KindLogSEPClient, 1 + 829, 829, 829},
		{"SEPparser__tralog.log", ingest.KindLogSEPClient, 1 + 346, 346, 346},
		{"SEPparser__seclog3.log", ingest.KindLogSEPClient, 1 + 5, 5, 5},
		{"SEPparser__rawlog.log", ingest.KindLogSEPClient, 1 + 45, 45, 45},
		{"SEPparser__processlog.log", ingest.KindLogSEPClient, 1 + 7, 7, 7},
		{"dism_mixed_components_dism.log", ingest.KindLogServicing, 7, 7, 0},
		{"reporting_events_mixed_ReportingEvents.log", ingest.KindLogReportingEvents, 3, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, text := range texts {
				if !strings.HasSuffix(name, c.name) {
					continue
				}
				r := surest(strings.ToLower(name), text[:min(len(text), headSize)])
				if r.Kind != c.kind {
					t.Errorf("read as %s, want %s", r.Kind, c.kind)
				}
				records, timed, stated := 0, 0, 0
				for _, rec := range splitAll(t, r, text) {
					records++
					if rec.Time.Zone != ingest.ZoneNone {
						timed++
					}
					if rec.Time.Zone == ingest.ZoneStated {
						stated++
					}
				}
				if records != c.records || timed != c.timed || stated != c.stated {
					t.Errorf("%d records, %d timed, %d stated; want %d, %d, %d", records, timed, stated, c.records, c.timed, c.stated)
				}
				return
			}
			t.Errorf("the corpus has no such file")
		})
	}
}
