package checks

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
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

// stated are the releases that all systems of the bundle state.
type stated struct {
	sites   map[string]releaseSeen // by site code, the newest
	rows    []versionRow
	clients []clientRelease
}

// clientRelease is a release that a client's own log states.
type clientRelease struct {
	words []string // upper-case names of the system and of the folders that hold the log
	releaseSeen
}

func gatherStated(all []*facts.Facts) stated {
	s := stated{sites: map[string]releaseSeen{}}
	site := func(code, version string, e findings.Evidence) {
		code = strings.ToUpper(code)
		if r, ok := parseSMSRelease(version); ok && r.build > 0 {
			if old, seen := s.sites[code]; !seen || r.compare(old.smsRelease) > 0 {
				s.sites[code] = releaseSeen{r, e}
			}
		}
	}
	asked := map[string]bool{} // computers of requests
	for _, f := range all {
		for _, o := range facts.Observed[*requestLog](f, retryID) {
			for key := range o.Value.hosts {
				asked[key] = true
			}
		}
		for _, b := range retryQueue(f) {
			for _, q := range b.files {
				asked[hostKey(q.host)] = true
			}
		}
	}
	for _, f := range all {
		for _, o := range facts.Observed[*requestLog](f, retryID) {
			s.rows = append(s.rows, o.Value.rows...)
			// In a table of clients the site's code is that of each client's site, which may run another release: what has the form of a
			// row for one of the computers says nothing of a site.
			var forms []int
			for _, row := range o.Value.rows {
				if slices.ContainsFunc(row.words, func(w string) bool { return asked[hostKey(w)] }) {
					forms = append(forms, len(row.words))
				}
			}
			for _, row := range o.Value.rows {
				if slices.Contains(forms, len(row.words)) {
					continue
				}
				versions := statedReleases(*row.line)
				for _, code := range slices.Sorted(maps.Keys(versions)) {
					site(code, versions[code], findings.FromMatch(*row.line, findings.Supports, "the release of site "+code))
				}
			}
		}
		if code, release, ok := registeredSite(f); ok {
			site(code.Value.String(), release.Value.String(), findings.FromValue(release, findings.Supports, "the release of site "+strings.ToUpper(code.Value.String())))
		}
		for _, m := range f.Matches(retryID + "/cap-release").Kept {
			code := strings.ToUpper(m.Capture("site"))
			site(code, m.Capture("version"), findings.FromMatch(m, findings.Supports, "the release of site "+code+", from its client access point"))
		}
		for _, m := range f.Matches(retryID + "/client-release").Kept {
			if r, ok := parseSMSRelease(m.Capture("version")); ok && r.build > 0 {
				words := append(strings.Split(strings.ToUpper(m.Ref.Artifact), "/"), f.Host)
				s.clients = append(s.clients, clientRelease{words, releaseSeen{r, findings.FromMatch(m, findings.Supports, "the client's release")}})
			}
		}
		for _, v := range facts.Values[*extract.Compver](f) {
			if code := siteFolder.FindStringSubmatch(v.Artifact.Path); code != nil && len(v.Value.Versions) > 0 {
				first := v.Value.Versions[0]
				site(code[1], first.Text, findings.FromLine(f, v.Artifact.Path, first.Line, findings.Supports, "the release of site "+strings.ToUpper(code[1])+", from its Compver.ini"))
			}
		}
	}
	return s
}

// registeredSite returns the code and the release that the registry of a site server states; false if it is none's.
func registeredSite(f *facts.Facts) (code, release hive.Found, ok bool) {
	release, err := f.Registry.Value(`SOFTWARE\Microsoft\SMS\Setup`, "Full Version")
	if err != nil {
		return code, release, false
	}
	code, err = f.Registry.Value(`SOFTWARE\Microsoft\SMS\Identification`, "Site Code")
	return code, release, err == nil
}

// of returns the newest release that is stated of a computer, by its own logs or by a table.
func (s stated) of(host string) (releaseSeen, bool) {
	host = hostKey(host)
	var best releaseSeen
	found := false
	take := func(r releaseSeen) {
		if !found || r.compare(best.smsRelease) > 0 {
			best, found = r, true
		}
	}
	for _, c := range s.clients {
		if slices.ContainsFunc(c.words, func(w string) bool { return namesHost(w, host) }) {
			take(c.releaseSeen)
		}
	}
	for _, row := range s.rows {
		if i := slices.IndexFunc(row.words, func(w string) bool { return hostKey(w) == host }); i >= 0 {
			if r, ok := parseSMSRelease(smsVersion.FindString(row.line.Quote)); ok {
				take(releaseSeen{r, findings.FromMatch(*row.line, findings.Supports, "the release of "+host)})
			}
		}
	}
	return best, found
}

// namesHost reports whether a system, a folder or a file is named for a computer: SPARC, SPARC.DOM, SPARC_Ccim32.log, Ccim32-SPARC.log. All
// names are in upper case.
func namesHost(name, host string) bool {
	for from := 0; ; {
		i := strings.Index(name[from:], host)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(host)
		if (i == 0 || strings.ContainsRune("_-. ", rune(name[i-1]))) && (end == len(name) || strings.ContainsRune("_-. ", rune(name[end]))) {
			return true
		}
		from = i + 1
	}
}
