package extract

// PFRO.log, %SystemRoot%\PFRO.log of Windows Vista and later: what came of the pending file renames at a boot, written by the Session Manager.
// The words are part of smss.exe and not translated; the numbers are not padded, the month comes first, the time is local.
//
//	6/14/2016 19:14:22 - PFRO Error: \??\C:\a.tmp, |delete operation|, 0xc000003a
//	6/14/2016 19:14:22 - PFRO Error: \??\C:\a.tmp, !\??\D:\a.dll, 0xc00000d4
//	6/14/2016 19:14:22 - 21 Successful PFRO operations
//
// Paths may hold commas and blanks, so a line is read from its right end.

import (
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// PFRO is a PFRO.log.
type PFRO struct {
	Failures  []PFROFailure
	Successes []PFROSuccess
	Cut       []int // lines of failures whose paths or status the writer cut off
}

// PFROFailure is an operation that failed at a boot.
type PFROFailure struct {
	Line       int
	Date, Time string // as printed: month/day/year, local time
	Source     string // without markers and \??\
	Target     string // the same, "" for a delete
	Delete     bool
	Replace    bool   // the target had the ! marker: an existing file was to be replaced
	Status     uint32 // NTSTATUS, for example 0xc00000d4: source and target are on different volumes
}

// PFROSuccess is the number of operations that succeeded at a boot.
type PFROSuccess struct {
	Line       int
	Date, Time string // as printed
	Count      int64
}

var (
	pfroLine    = regexp.MustCompile(`^(\d{1,2}/\d{1,2}/\d{4}) (\d{1,2}:\d{1,2}:\d{1,2}) - (.+?)\s*$`)
	pfroFailed  = regexp.MustCompile(`^[^:]{1,40}: (.+), (0[xX][0-9A-Fa-f]{1,8})$`)
	pfroSuccess = regexp.MustCompile(`^(\d{1,9}) \D+$`)
	pfroTarget  = regexp.MustCompile(`, (\|[^|]*\||[!@*0-9]*(?:\\\?\?\\|\\DosDevices\\|\\SystemRoot\\|\\Device\\).*|[!@]?)$`)
)

func pfro() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindLogPFRO, Sniff: sniffPFRO, Extract: extractPFRO}
}

func sniffPFRO(_ string, head []byte) int {
	lines, all := 0, 0
	for _, l := range headLines(head) {
		if strings.TrimSpace(l) == "" {
			continue
		}
		all++
		if m := pfroLine.FindStringSubmatch(l); m != nil && strings.Contains(m[3], "PFRO") {
			lines++
		}
	}
	if lines > 0 && lines*2 > all {
		return 95
	}
	return 0
}

func extractPFRO(in ingest.Input) (any, []ingest.Problem) {
	p := &PFRO{}
	var problems []ingest.Problem
	for i, line := range in.Lines {
		m := pfroLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(p.Failures)+len(p.Successes)+len(p.Cut) == maxEntries {
			problems = append(problems, problem(in, "line %d: the first %d entries are kept", i+1, maxEntries))
			break
		}
		if s := pfroSuccess.FindStringSubmatch(m[3]); s != nil {
			n, _ := strconv.ParseInt(s[1], 10, 64) // at most nine digits
			p.Successes = append(p.Successes, PFROSuccess{Line: i + 1, Date: m[1], Time: m[2], Count: n})
			continue
		}
		f := pfroFailed.FindStringSubmatch(m[3])
		if f == nil {
			p.Cut = append(p.Cut, i+1)
			continue
		}
		source, target, ok := pfroPaths(f[1])
		status, err := strconv.ParseUint(f[2][2:], 16, 32)
		if !ok || err != nil {
			p.Cut = append(p.Cut, i+1)
			continue
		}
		e := PFROFailure{Line: i + 1, Date: m[1], Time: m[2], Status: uint32(status)}
		e.Source, _ = pfroName(source)
		if target == "" || strings.HasPrefix(target, "|") {
			e.Delete = true
		} else {
			e.Target, e.Replace = pfroName(target)
		}
		p.Failures = append(p.Failures, e)
	}
	if len(p.Failures)+len(p.Successes)+len(p.Cut) == 0 {
		return nil, problems
	}
	if len(p.Cut) > 0 {
		problems = append(problems, problem(in, "%d entries are cut off or of another form, the first is line %d", len(p.Cut), p.Cut[0]))
	}
	return p, problems
}

// pfroPaths cuts "source, target" where the last target can begin.
func pfroPaths(s string) (source, target string, ok bool) {
	for end := len(s); ; {
		i := strings.LastIndex(s[:end], ", ")
		if i < 0 {
			return "", "", false
		}
		if pfroTarget.MatchString(s[i:]) {
			return s[:i], s[i+2:], true
		}
		end = i
	}
}

// pfroName removes the markers before a path and its NT prefix.
func pfroName(s string) (name string, replace bool) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, false
	}
	replace = strings.Contains(s[:i], "!")
	for _, prefix := range []string{`\??\`, `\DosDevices\`} {
		if len(s[i:]) >= len(prefix) && strings.EqualFold(s[i:i+len(prefix)], prefix) {
			return s[i+len(prefix):], replace
		}
	}
	return s[i:], replace
}
