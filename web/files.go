package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
	"casebook/ingest"
)

// filesLeaf is a page of the list of files.
type filesLeaf struct {
	page    string
	folders []folder
	files   int
}

// folder is a folder of the upload, or the part of it that a page shows.
type folder struct {
	name   string // "" for the upload itself
	anchor string // "" if an earlier page began it
	files  []file
	bytes  int64
}

// spread puts the files, folder by folder, on pages of [maxArtifacts].
func (v *view) spread() {
	order := slices.Clone(v.All)
	slices.SortStableFunc(order, func(a, b file) int {
		return cmp.Or(compareFolders(a.dir, b.dir), strings.Compare(a.base, b.base))
	})
	v.files = make(map[string]place, len(order))
	v.Files, v.Unlisted = order, 0
	v.leaves = pagesOf(order, maxArtifacts)
	for _, l := range v.leaves {
		for _, d := range l.folders {
			for _, f := range d.files {
				v.files[f.Path] = place{l.page, f.Anchor}
			}
		}
	}
}

// pagesOf cuts files, in the order of their folders, into pages of so many.
func pagesOf(order []file, limit int) []filesLeaf {
	leaves := []filesLeaf{{page: PageFiles}}
	last := ""
	for i, f := range order {
		l := &leaves[len(leaves)-1]
		if l.files == limit {
			leaves = append(leaves, filesLeaf{page: FolderFiles + "/" + strconv.Itoa(len(leaves)+1) + ".html"})
			l = &leaves[len(leaves)-1]
		}
		if l.files == 0 || f.dir != last {
			d := folder{name: f.dir}
			if i == 0 || f.dir != last {
				d.anchor = "folder." + shortHash(f.dir)
			}
			l.folders = append(l.folders, d)
			last = f.dir
		}
		d := &l.folders[len(l.folders)-1]
		d.files = append(d.files, f)
		d.bytes += f.Bytes
		l.files++
	}
	return leaves
}

// compareFolders puts a folder before those within it, and these before its neighbours.
func compareFolders(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// listed are the pages of the list of files: of one document its only one.
func (v *view) listed() []filesLeaf {
	if len(v.leaves) > 0 {
		return v.leaves
	}
	return pagesOf(v.Files, len(v.Files))
}

// leafHere is the page of the list of files that is drawn.
func (v *view) leafHere() (leaf filesLeaf, number int) {
	for i, l := range v.listed() {
		if l.page == v.here {
			return l, i + 1
		}
	}
	return v.listed()[0], 1
}

// depthClass is the style sheet's class of a folder that lies so deep.
func depthClass(name string) string {
	if name == "" {
		return "d0"
	}
	return "d" + strconv.Itoa(min(1+strings.Count(name, "/"), 8))
}

// kindCount says how many artifacts are of a kind.
type kindCount struct {
	kind    ingest.Kind
	files   int
	bytes   int64
	records int
}

// Kinds counts the artifacts by kind, the most frequent first.
func (v *view) Kinds() []kindCount {
	counts := map[ingest.Kind]*kindCount{}
	var list []*kindCount
	for _, a := range v.Artifacts {
		c := counts[a.Kind]
		if c == nil {
			c = &kindCount{kind: a.Kind}
			counts[a.Kind] = c
			list = append(list, c)
		}
		c.files++
		c.bytes += a.Bytes
		c.records += a.Records
	}
	slices.SortFunc(list, func(a, b *kindCount) int {
		return cmp.Or(cmp.Compare(b.files, a.files), strings.Compare(string(a.kind), string(b.kind)))
	})
	out := make([]kindCount, len(list))
	for i, c := range list {
		out[i] = *c
	}
	return out
}

// stageCount says how many problems arose in a part of the work.
type stageCount struct {
	stage    ingest.Stage
	problems int
}

// Stages counts the problems that are no refusals by the part of the work, in the order of the work.
func (v *view) Stages() []stageCount {
	var out []stageCount
	_, other := v.Refused()
	for _, p := range other {
		i := slices.IndexFunc(out, func(c stageCount) bool { return c.stage == p.Stage })
		if i < 0 {
			i = len(out)
			out = append(out, stageCount{stage: p.Stage})
		}
		out[i].problems++
	}
	slices.SortStableFunc(out, func(a, b stageCount) int { return cmp.Compare(rank(stages, a.stage), rank(stages, b.stage)) })
	return out
}

// stages are the parts of the work in their order.
var stages = []ingest.Stage{
	ingest.StageOpen, ingest.StageRead, ingest.StageLimit, ingest.StageDecode, ingest.StageParse, ingest.StageSystem, ingest.StageCheck, ingest.StageArchive,
}

// lack is something that the upload lacks, with the checks that need it.
type lack struct {
	findings.Missing
	checks []item
}

// Lacking lists what the checks whose product is seen miss in this upload: what those that could not decide need, then what would
// settle a suspicion.
func (v *view) Lacking() []lack {
	var out []lack
	for _, group := range [][]item{v.DataMissing, v.Suspected, v.Causes} {
		for _, f := range group {
			for _, m := range f.Missing {
				i := slices.IndexFunc(out, func(x lack) bool { return x.What == m.What && x.Collect == m.Collect })
				if i < 0 {
					i = len(out)
					out = append(out, lack{Missing: m})
				}
				if !slices.ContainsFunc(out[i].checks, func(x item) bool { return x.Anchor == f.Anchor }) {
					out[i].checks = append(out[i].checks, f)
				}
			}
		}
	}
	return out
}

// localSpan says what the clock of a log showed at its first and last record, and how far that clock is from UTC.
func localSpan(a findings.Artifact) string {
	from, fromOffset := wallOf(a.FirstLocal)
	to, toOffset := wallOf(a.LastLocal)
	if from == "" && to == "" {
		return ""
	}
	first, last := between(from, to)
	if fromOffset != toOffset {
		return first + " " + fromOffset + " to " + to + " " + toOffset
	}
	if last != "" {
		first += " to " + last
	}
	return first + ", " + toOffset
}

// wallOf splits the reading of a clock from its offset.
func wallOf(s string) (wall, offset string) {
	const day = "2006-01-02 15:04:05"
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.Format(day), "UTC" + t.Format("-07:00")
	}
	if t, err := time.Parse("2006-01-02T15:04:05.999999999", s); err == nil {
		return t.Format(day), offsetUnknown
	}
	return s, ""
}

// gapWord says how the part of a rotated log joins the one before.
func gapWord(first bool, seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case first:
		return "the oldest part"
	case seconds < 0:
		return "overlaps the part before by " + (-d).String()
	case seconds == 0:
		return "follows at once, or a time is not known"
	}
	return d.String() + " after the last record of the part before"
}

// folderLink is a folder with the page on which it begins.
type folderLink struct {
	folder folder
	page   string
}

// folderLinks lists the folders.
func (v *view) folderLinks() []folderLink {
	var out []folderLink
	for _, l := range v.listed() {
		for _, d := range l.folders {
			if d.anchor != "" {
				out = append(out, folderLink{d, l.page})
			}
		}
	}
	return out
}

// folderName is how the page calls a folder.
func folderName(name string) string {
	if name == "" {
		return "the upload itself"
	}
	return name + "/"
}

// leafSpan names the first and the last folder of a page of files.
func leafSpan(l filesLeaf) string {
	if len(l.folders) == 0 {
		return ""
	}
	return folderName(l.folders[0].name) + " to " + folderName(l.folders[len(l.folders)-1].name)
}

// filesColumns is how many columns the list of files has.
func filesColumns(v *view) int {
	if v.Hosts() {
		return 8
	}
	return 7
}
