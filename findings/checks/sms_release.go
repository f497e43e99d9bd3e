package checks

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/ingest"
)

// plainTexts are the kinds of texts that are no log of a known format.
func plainTexts() []string {
	kinds := []string{string(ingest.KindLogText)}
	for _, k := range ingest.Kinds() {
		if strings.HasPrefix(string(k), "text/") {
			kinds = append(kinds, string(k))
		}
	}
	return kinds
}

// smsTexts are the kinds in which lines of SMS 2.0 logs stand: the logs as written, and texts into which they were pasted.
func smsTexts() []string { return append(plainTexts(), string(ingest.KindLogSMS)) }

// smsVersion is a version of one of the three builds of SMS 2.0 wherever it stands.
var smsVersion = regexp.MustCompile(`\b2\.0{1,2}\.(?:1239|1380|1493)(?:\.\d+)?\b`)

// smsRelease is an SMS 2.0 version as far as it tells releases apart: the build, and the service pack in the thousands digit of the last
// group. Builds of SP2 to SP4 are all 1493.
type smsRelease struct {
	build, pack int // pack is -1 where the version is cut before its last group
	text        string
}

// parseSMSRelease reads 2.00.1493.2009, 2.0.1493.2005 and the truncated 2.00.1493.2.
func parseSMSRelease(s string) (smsRelease, bool) {
	parts := strings.Split(strings.Trim(s, ". "), ".")
	if len(parts) < 3 || len(parts) > 4 {
		return smsRelease{}, false
	}
	n := make([]int, len(parts))
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || v > 99999 {
			return smsRelease{}, false
		}
		n[i] = v
	}
	if n[0] != 2 || n[1] != 0 {
		return smsRelease{}, false
	}
	r := smsRelease{build: n[2], pack: -1, text: s}
	if len(n) == 4 && parts[3] != "" {
		// The service pack is the first digit of four; a print that is cut shows only it.
		r.pack = n[3]
		for r.pack >= 10 {
			r.pack /= 10
		}
		if len(parts[3]) > 1 && len(parts[3]) < 4 {
			r.pack = 0
		}
	}
	return r, true
}

// compare orders releases; equal builds of which one lacks the service pack count as equal.
func (r smsRelease) compare(o smsRelease) int {
	if c := cmp.Compare(r.build, o.build); c != 0 {
		return c
	}
	// Before build 1493 the last group's first digit is no service pack.
	if r.pack < 0 || o.pack < 0 || r.build < 1493 {
		return 0
	}
	return cmp.Compare(r.pack, o.pack)
}

// name is the release in words.
func (r smsRelease) name() string {
	switch {
	case r.build == 1239:
		return "2.0 without a service pack"
	case r.build == 1380:
		return "2.0 SP1"
	case r.build == 1493 && r.pack >= 2:
		return "2.0 SP" + strconv.Itoa(r.pack)
	}
	return r.text
}

// releaseSeen is a release with the place that states it.
type releaseSeen struct {
	smsRelease
	evidence findings.Evidence // supports
}
