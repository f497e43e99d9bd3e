package findings

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"casebook/ingest"
)

// CutShort is an archive of which files are missing: it ends too early, or a part of its set is not there.
type CutShort struct {
	Archive string   // what it is called: the upload's name, of an archive within it the base name
	Within  string   // the upload that holds the archive, "" if the archive is the upload itself
	Bytes   int64    // how many bytes of it arrived, 0 if that is not known
	Whole   int      // how many of its files were read in full
	Listed  int      // how many files its directory names, 0 if it is lost with them
	Partial []string // paths of the files of which only a part is there
	Missing []string // paths of the files that the directory names and of which nothing is there
}

// IsCut tells whether an upload, or an archive in one, is cut short or lacks a part.
func (r *Report) IsCut() bool {
	return slices.ContainsFunc(r.Problems, func(p ingest.Problem) bool { return p.Cut != "" })
}

// CutShort lists the archives of the report of which files are missing, the uploads first.
func (r *Report) CutShort() []CutShort {
	uploads := r.Bundles
	if r.Bundle != nil {
		uploads = []Upload{*r.Bundle}
	}
	var own, inner []CutShort
	told := map[string]bool{}
	for _, p := range r.Problems {
		if p.Cut == "" || told[p.Artifact] {
			continue
		}
		told[p.Artifact] = true
		i := slices.IndexFunc(uploads, func(u Upload) bool { return u.Name == p.Artifact })
		if i < 0 && p.Artifact == "" && len(uploads) == 1 {
			i = 0
		}
		c := CutShort{Archive: p.Artifact[strings.LastIndexByte(p.Artifact, '/')+1:]}
		if i >= 0 {
			c.Archive, c.Bytes = uploads[i].Name, uploads[i].Bytes
		} else if c.Within = uploads[0].Name; len(uploads) > 1 {
			c.Within, _, _ = strings.Cut(p.Artifact, "/")
		}
		prefix := p.Artifact + "/"
		if p.Artifact == "" {
			prefix = ""
		}
		for _, a := range r.Artifacts {
			name, ok := strings.CutPrefix(a.Path, prefix)
			switch {
			case !ok, a.Kind == ingest.KindArchive: // the files in it count
				if a.Path == p.Artifact && i < 0 {
					c.Bytes = a.Bytes
				}
				continue
			case !a.Truncated:
				c.Whole++
			case a.Bytes > 0 || p.Cut == ingest.CutUnlisted:
				c.Partial = append(c.Partial, name)
			default:
				c.Missing = append(c.Missing, name)
			}
		}
		if p.Cut == ingest.CutListed {
			c.Listed = c.Whole + len(c.Partial) + len(c.Missing)
		}
		if i >= 0 {
			own = append(own, c)
		} else {
			inner = append(inner, c)
		}
	}
	return append(own, inner...)
}

// maxNamed is how many missing files a sentence names.
const maxNamed = 5

// Sentence says which archive is cut short and what is missing of it.
func (c CutShort) Sentence() string {
	what := "The upload " + c.Archive
	if c.Within != "" {
		what = "The archive " + c.Archive + " in the upload"
	}
	return what + " is cut short, and files of it are missing: " + c.extent(func(p string) string { return p }) + "."
}

// extent says how much of the archive is there, in which called names a file.
func (c CutShort) extent(called func(path string) string) string {
	named := func(list []string) string {
		var out []string
		for _, p := range list[:min(len(list), maxNamed)] {
			out = append(out, called(p))
		}
		if more := len(list) - len(out); more > 0 {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", more)
		}
		return strings.Join(out, ", ")
	}
	parts := ""
	if n := len(c.Partial); n > 0 {
		parts = fmt.Sprintf(", %d more only in part (%s)", n, named(c.Partial))
	}
	switch {
	case c.Listed > 0 && len(c.Missing) > 0:
		return fmt.Sprintf("%d of %d files are there%s; missing: %s", c.Whole, c.Listed, parts, named(c.Missing))
	case c.Listed > 0:
		return fmt.Sprintf("%d of %d files are there%s", c.Whole, c.Listed, parts)
	case c.Whole+len(c.Partial) == 0:
		return "no file of it can be read"
	case c.Whole == 1:
		return "1 file is there" + parts + "; how many there were is not known"
	}
	return fmt.Sprintf("%d files are there%s; how many there were is not known", c.Whole, parts)
}

// asked is the archive as an item of the request. The paths within it mean nothing to whoever sent it: files are called by their names.
func (c CutShort) asked() RequestItem {
	it := RequestItem{What: "the archive " + c.Archive + " once more, complete", Why: "it arrived cut short: " + c.extent(path.Base), Collect: c.Archive, Settles: []string{}}
	if c.Within != "" {
		it.What += ", which lies in " + c.Within
	}
	if c.Bytes > 0 {
		it.Collect += fmt.Sprintf(" (%d bytes arrived: compare with the size that your file has, and send all parts if it is a set of several)", c.Bytes)
	} else {
		it.Collect += " (send all parts if it is a set of several)"
	}
	return it
}
