package ingest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A log that has grown too long is renamed, and a new one is begun. The names that the members of one log have then:
//
//	X.lo_, X.log                       ConfigMgr with a history of one
//	X-yyyymmdd-hhmmss.log, X.log       ConfigMgr and Intune with a longer one; the stamp is that of the renaming
//	X.log.2, X.log.1, X.log            the highest number is the oldest
//	X.bak, X.log                       Netlogon
//	X.old, X.log.old, X.log            others
//
// Source: "Configure logging options" in "About log files in Configuration Manager"; KB 109626.

var (
	datedName    = regexp.MustCompile(`^(.+?)[-_](\d{8})-(\d{6})$`)
	numberedName = regexp.MustCompile(`^(.+\.log)\.(\d{1,3})$`)
)

// rotatedName returns the name that a file had before it was renamed, and its place among those of that name: the oldest first, the one that is still
// written has 0 and the others less. name is a base name in lower case. It returns false for a name that is none of a log.
func rotatedName(name string) (log string, place int64, ok bool) {
	if m := numberedName.FindStringSubmatch(name); m != nil {
		n, _ := strconv.ParseInt(m[2], 10, 64) // of three digits
		return m[1], -n, n > 0
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	switch ext {
	case ".lo_", ".bak":
		return stem + ".log", -1, true
	case ".old":
		return strings.TrimSuffix(stem, ".log") + ".log", -1, true
	case ".log":
		if m := datedName.FindStringSubmatch(stem); m != nil {
			stamp, _ := strconv.ParseInt(m[2]+m[3], 10, 64) // of 14 digits
			return m[1] + ".log", stamp - 1e14, true
		}
		return name, 0, true
	}
	return "", 0, false
}

// Sequence is one log that is kept in several files.
type Sequence struct {
	Name  string // path of the file that is still written, or would be
	Parts []Part // the oldest first
}

// Part is one file of a log.
type Part struct {
	Artifact *Artifact
	// Gap is the time from the last record of the part before to the first of this one; below zero if they overlap. It is zero for the first part, and where a time is not known.
	Gap   time.Duration
	place int64
}

// Sequences finds the logs that are kept in several files, in the order of their names: of the same folder and kind, with names that say so. The parts are in the order of
// their times, where all of them have one, else in that of their names. Problems say where parts overlap, and where a number is missing between others.
func Sequences(artifacts []*Artifact) ([]Sequence, []Problem) {
	groups := map[string][]Part{}
	for _, a := range artifacts {
		if !strings.HasPrefix(string(a.Kind), "log/") || a.Records == 0 {
			continue
		}
		dir, base := path.Split(a.Path)
		if log, place, ok := rotatedName(strings.ToLower(base)); ok {
			key := dir + log + "\x00" + string(a.Kind)
			groups[key] = append(groups[key], Part{Artifact: a, place: place})
		}
	}
	var all []Sequence
	var problems []Problem
	for key, parts := range groups {
		if len(parts) < 2 {
			continue
		}
		name, _, _ := strings.Cut(key, "\x00")
		s := Sequence{Name: name, Parts: parts}
		s.order()
		problems = append(problems, s.join()...)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Sequence) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Parts[0].Artifact.Path, b.Parts[0].Artifact.Path))
	})
	return all, problems
}

// order sorts the parts.
func (s *Sequence) order() {
	slices.SortFunc(s.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.Artifact.Path, b.Artifact.Path))
	})
	if !slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Artifact.WallFirst.Zone == ZoneNone }) {
		slices.SortStableFunc(s.Parts, func(a, b Part) int { return cmp.Compare(a.Artifact.WallFirst.Wall, b.Artifact.WallFirst.Wall) })
	}
	if n := len(s.Parts) - 1; s.Parts[n].place == 0 {
		s.Name = s.Parts[n].Artifact.Path
	}
}

// overlapping is by how much a part may begin before the end of the one before it: threads write their lines late.
const overlapping = -time.Minute

// join measures the gaps between the parts.
func (s *Sequence) join() []Problem {
	var problems []Problem
	for i := 1; i < len(s.Parts); i++ {
		p, before := &s.Parts[i], &s.Parts[i-1]
		first, last := p.Artifact.WallFirst, before.Artifact.WallLast
		if first.Zone != ZoneNone && last.Zone != ZoneNone {
			p.Gap = span(last, first)
		}
		if p.Gap < overlapping {
			problems = append(problems, Problem{Artifact: p.Artifact.Path, Stage: StageParse, Message: fmt.Sprintf("begins %v before %q ends, of which it is the continuation by its name: one of them is a copy or of another time, or the clock was put back",
				-p.Gap.Round(time.Second), path.Base(before.Artifact.Path))})
		}
		if p.place < 0 && p.place > -1000 && before.place < p.place-1 {
			problems = append(problems, Problem{Artifact: p.Artifact.Path, Stage: StageParse, Message: fmt.Sprintf("%d rotated files between %q and this one are missing", p.place-1-before.place, path.Base(before.Artifact.Path))})
		}
	}
	return problems
}

// span returns the time from a to b: in UTC if the offsets of both are known, else by the clock.
func span(a, b Time) time.Duration {
	if x, ok := a.UTC(); ok {
		if y, ok := b.UTC(); ok {
			return y.Sub(x)
		}
	}
	return time.Duration(b.Wall-a.Wall) * time.Microsecond
}
