package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
)

// What a bundle says of another explanation begins with one of these words, so that a reader sees at once which explanations are left.
const (
	rivalExcluded  = "Excluded: "      // something in the bundle contradicts it
	rivalSupported = "Supported: "     // something in the bundle speaks for it
	rivalSilent    = "Not borne out: " // what would show it is in the bundle and does not
	rivalOpen      = "Open: "          // what would show it is not in the bundle, or nothing in a bundle could
)

// silentIn is a rival of which no line speaks: open where none of the artifacts that would show it is in the bundle, else not borne out. sign is what
// they lack, what is how to call them.
func silentIn(f *facts.Facts, name, sign, what string, shows func(*ingest.Artifact) bool) findings.Rival {
	const shown = 2
	var paths []string
	for _, a := range f.Artifacts {
		if shows(a) && a.Records > 0 {
			paths = append(paths, a.Path)
		}
	}
	if len(paths) == 0 {
		return findings.Rival{Name: name, Verdict: rivalOpen + what + " is not in the upload."}
	}
	more := ""
	if len(paths) > shown {
		more = fmt.Sprintf(" and %d more", len(paths)-shown)
	}
	return findings.Rival{
		Name:    name,
		Verdict: fmt.Sprintf("%s%s%s %s no %s.", rivalSilent, strings.Join(paths[:min(len(paths), shown)], ", "), more, plural(len(paths), "has", "have"), sign),
	}
}

// logNamed tells artifacts whose names begin with one of those, in lower case, or with another word and it: rotated logs keep the beginning,
// and people who collect the logs of several computers put a computer's name before it.
func logNamed(names ...string) func(*ingest.Artifact) bool {
	return func(a *ingest.Artifact) bool {
		base := strings.ToLower(path.Base(a.Path))
		return slices.ContainsFunc(names, func(n string) bool {
			i := strings.Index(base, n)
			return i == 0 || i > 0 && strings.IndexByte("_-. ", base[i-1]) >= 0
		})
	}
}

// ofKind tells artifacts of one of the kinds.
func ofKind(kinds ...ingest.Kind) func(*ingest.Artifact) bool {
	return func(a *ingest.Artifact) bool { return slices.Contains(kinds, a.Kind) }
}
