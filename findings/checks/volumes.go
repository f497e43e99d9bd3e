package checks

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/winpath"
)

// volumes knows which volume the paths of one system lie on, as far as MountedDevices and captures of mount points tell.
type volumes struct {
	parent  map[string]string             // joins the names of one volume: "C:", "volume{…}", "mount:" and a folder
	devices map[string]hive.MountedDevice // by name of the volume
	links   []link
	plain   map[string]bool // folders, cleaned and in lower case, that a tool shows to be no reparse points
	folders []facts.Of[*extract.Listing]
	// nameless are reparse points of which the capture does not show the folder.
	nameless []placed[extract.Mount]
	// listing is the first capture that lists the volumes with all places where they are mounted, drive letters among them.
	listing *placed[extract.Volume]
	listed  map[string]placed[extract.Volume] // by a volume's name what a tool lists of it
}

// placed is something with the artifact that shows it.
type placed[T any] struct {
	artifact string
	value    T
}

// location is a path with all links on its way followed.
type location struct {
	volume string // a name of the volume
	rel    string // below the volume's root
	by     *link  // the last link followed that leads to another volume, the innermost; nil if none
	open   *link  // a link whose target the bundle does not show; what is beneath it may lie anywhere
}

// link is a folder that is another place.
type link struct {
	volume, rel string // where it lies, links above it followed
	to          location
	unknown     bool // the target is not shown
	mount       extract.Mount
	artifact    string
	also        []placed[extract.Mount] // other captures of it
}

// maxLinks is how many links may stand on the way to a file. Windows itself follows 63.
const maxLinks = 63

// newVolumes gathers what a system's registry and captures tell.
func newVolumes(f *facts.Facts) *volumes {
	v := &volumes{parent: map[string]string{}, devices: map[string]hive.MountedDevice{}, listed: map[string]placed[extract.Volume]{}, plain: map[string]bool{}}
	devices, _ := f.Registry.MountedDevices() // its problems are in the report already
	byData := map[string]string{}
	for _, d := range devices {
		name := d.Letter
		if name == "" && d.Volume != "" {
			name = "volume{" + d.Volume + "}"
		}
		if name == "" {
			continue
		}
		v.devices[name] = d
		if first, ok := byData[string(d.Found.Value.Data)]; ok {
			v.join(first, name)
		} else {
			byData[string(d.Found.Value.Data)] = name
		}
	}
	var mounts []placed[extract.Mount]
	for _, m := range facts.Values[*extract.Mounts](f) {
		for _, e := range m.Value.Volumes {
			v.volume(placed[extract.Volume]{m.Artifact.Path, e}, f.Reliable(m.Artifact.Path))
		}
		for _, e := range m.Value.Plain {
			v.plain[strings.ToLower(winpath.Clean(e.Directory))] = true
		}
		for _, e := range m.Value.Mounts {
			mounts = append(mounts, placed[extract.Mount]{m.Artifact.Path, e})
		}
	}
	v.folders = facts.Values[*extract.Listing](f)
	for _, l := range v.folders {
		for _, m := range l.Value.Mounts() {
			mounts = append(mounts, placed[extract.Mount]{l.Artifact.Path, m})
		}
	}
	// A text may be read both as a listing and as what a tool says of links; one line of it is one capture.
	once := map[ingest.Ref]bool{}
	mounts = slices.DeleteFunc(mounts, func(m placed[extract.Mount]) bool {
		at := ingest.Ref{Artifact: m.artifact, Line: m.value.Line}
		twice := once[at]
		once[at] = true
		return twice
	})
	// A link may lie beneath another, so the outer ones come first; and of several captures of one folder the one that says most.
	slices.SortStableFunc(mounts, func(a, b placed[extract.Mount]) int {
		return cmp.Or(
			cmp.Compare(len(winpath.Clean(a.value.Directory)), len(winpath.Clean(b.value.Directory))),
			cmp.Compare(said(b.value), said(a.value)),
		)
	})
	for _, m := range mounts {
		v.link(m)
	}
	return v
}

// said ranks how much a capture says of a folder's target.
func said(m extract.Mount) int {
	switch {
	case m.Kind == extract.MountUnknown:
		return 0
	case m.VolumeGUID == "" && m.Kind == extract.MountPoint:
		return 1
	}
	return 2
}

// volume takes what a tool says of one volume: its letter and its folders are one. whole says that the capture is not cut short.
func (v *volumes) volume(p placed[extract.Volume], whole bool) {
	var names []string
	if p.value.GUID != "" {
		names = append(names, "volume{"+p.value.GUID+"}")
	}
	for _, path := range p.value.Paths {
		names = append(names, mountedName(path))
		if whole && winpath.Dir(path) == "" && v.listing == nil {
			v.listing = &p
		}
	}
	for _, name := range names {
		if _, ok := v.listed[name]; !ok {
			v.listed[name] = p
		}
		v.join(names[0], name)
	}
}

// mountedName is the name of the volume that is mounted at path.
func mountedName(path string) string {
	if winpath.Dir(path) == "" {
		return winpath.Volume(path)
	}
	return "mount:" + strings.ToLower(winpath.Clean(path))
}

// link takes a folder that a capture shows to be another place.
func (v *volumes) link(p placed[extract.Mount]) {
	m := p.value
	if m.Kind == extract.MountRoot {
		at := v.locate(m.Directory)
		if m.VolumeGUID != "" && at.volume != "" {
			v.join(at.volume, "volume{"+m.VolumeGUID+"}")
		}
		return
	}
	if m.Directory == "" {
		v.nameless = append(v.nameless, p)
		return
	}
	at := v.locate(winpath.Dir(m.Directory))
	if at.volume == "" || at.open != nil {
		return // no absolute path, or beneath a folder whose target is not known
	}
	l := link{volume: at.volume, rel: strings.TrimPrefix(at.rel+`\`+winpath.Base(m.Directory), `\`), mount: m, artifact: p.artifact}
	if i := slices.IndexFunc(v.links, func(o link) bool { return v.same(o.volume, l.volume) && strings.EqualFold(o.rel, l.rel) }); i >= 0 {
		v.links[i].also = append(v.links[i].also, p) // of several captures of one folder the first says most
		return
	}
	switch m.Kind {
	case extract.MountPoint:
		l.to.volume = mountedName(m.Directory)
		if m.VolumeGUID != "" {
			v.join(l.to.volume, "volume{"+m.VolumeGUID+"}")
		}
	case extract.MountJoin, extract.MountLink:
		target := m.Target
		if winpath.Volume(target) == "" && !strings.HasPrefix(target, `\`) {
			target = winpath.Join(winpath.Dir(m.Directory), target)
		}
		l.to = v.locate(target)
		l.unknown = l.to.volume == "" || l.to.open != nil
	case extract.MountUnknown, extract.MountRoot:
		l.unknown = true
	}
	v.links = append(v.links, l)
}

// locate follows the links on the way to path. The volume is "" for a path that names none.
func (v *volumes) locate(path string) location {
	name := winpath.Volume(path)
	if name == "" {
		return location{}
	}
	rel, _ := winpath.Rel(path, name)
	at := location{volume: name, rel: rel}
	for range maxLinks {
		var next *link
		for i := range v.links {
			l := &v.links[i]
			if v.same(l.volume, at.volume) && beneath(at.rel, l.rel) && (next == nil || len(l.rel) < len(next.rel)) {
				next = l
			}
		}
		if next == nil {
			return at
		}
		if next.unknown {
			at.open = next
			return at
		}
		rest := strings.TrimPrefix(at.rel[len(next.rel):], `\`)
		to := location{volume: next.to.volume, rel: strings.Trim(next.to.rel+`\`+rest, `\`), by: at.by}
		if !v.same(to.volume, at.volume) {
			to.by = next
		}
		at = to
	}
	return location{} // the links go round in a circle
}

// beneath is winpath.Beneath for paths below the root of one volume.
func beneath(path, dir string) bool {
	return len(path) >= len(dir) && strings.EqualFold(path[:len(dir)], dir) && (len(path) == len(dir) || path[len(dir)] == '\\')
}

// find returns the name that stands for all names of a volume.
func (v *volumes) find(name string) string {
	for {
		up, ok := v.parent[name]
		if !ok {
			return name
		}
		name = up
	}
}

// join notes that two names are of one volume. The lesser name stands for both, so that the order of joins does not show.
func (v *volumes) join(a, b string) {
	a, b = v.find(a), v.find(b)
	if a == b {
		return
	}
	if b < a {
		a, b = b, a
	}
	v.parent[b] = a
}

func (v *volumes) same(a, b string) bool { return a != "" && v.find(a) == v.find(b) }

// names returns the known names of a volume in order.
func (v *volumes) names(of string) []string {
	var out []string
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(v.devices)), slices.Sorted(maps.Keys(v.listed)), []string{of}) {
		if v.same(name, of) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// device returns what MountedDevices says of a volume by any of its names.
func (v *volumes) device(of string) (hive.MountedDevice, bool) {
	for _, name := range v.names(of) {
		if d, ok := v.devices[name]; ok {
			return d, true
		}
	}
	return hive.MountedDevice{}, false
}

// letter returns the volume's drive letter, "" if none is known.
func (v *volumes) letter(of string) string {
	for _, name := range v.names(of) {
		if len(name) == 2 {
			return name
		}
	}
	return ""
}

// relation is how the places of two paths relate.
type relation uint8

// The relations.
const (
	relationOpen    relation = iota // the bundle does not tell
	relationSame                    // one volume
	relationLetter                  // one drive letter, and no capture shows whether one of the two lies beneath a mount point
	relationCrosses                 // different volumes
)

// crossing says how two paths relate and why.
type crossing struct {
	relation relation
	a, b     location
	why      string                   // what tells that the volumes differ or are one, to follow "because"
	by       *link                    // for crossing: the link that is the reason, nil if the paths themselves show it
	devices  []hive.MountedDevice     // what MountedDevices says of both, where that is the proof
	listed   []placed[extract.Volume] // what a tool lists of both, where that is the proof
}

// compare tells whether a rename from a to b stays within a volume.
func (v *volumes) compare(a, b string) crossing {
	c := crossing{a: v.locate(a), b: v.locate(b)}
	x, y := c.a, c.b
	switch {
	case sameFolder(a, b):
		c.relation, c.why = relationSame, "source and target lie in one folder"
	case x.volume == "" || y.volume == "":
	case x.open != nil || y.open != nil:
		if x.open == y.open {
			c.relation, c.why = relationSame, "both lie beneath "+x.open.name()
		}
	case v.same(x.volume, y.volume):
		c.relation = relationSame
		switch {
		case x.by != nil && x.by == y.by:
			c.why = "both lie beneath " + x.by.name()
		case x.by != nil || y.by != nil:
			c.why = "the mount points above them lead to one volume"
		case winpath.Volume(a) != winpath.Volume(b):
			c.why = winpath.Volume(a) + " and " + winpath.Volume(b) + " are one volume"
		case v.covered(a) && v.covered(b):
			c.why = "they have one drive letter, and the captures show no mount point above them"
		default:
			c.relation, c.why = relationLetter, "they have one drive letter, and no volume without a letter is known that could be mounted above them"
		}
	case isLetter(winpath.Volume(a)) && isLetter(winpath.Volume(b)) && winpath.Volume(a) != winpath.Volume(b) && (x.by == nil || y.by == nil):
		c.relation, c.why = relationCrosses, "their drive letters differ ("+winpath.Volume(a)+" and "+winpath.Volume(b)+")"
	case x.by != nil && y.by != nil:
		c.relation, c.by = relationCrosses, y.by
		c.why = "they lie beneath two different links, " + x.by.name() + " and " + y.by.name()
	case x.by != nil || y.by != nil:
		c.relation, c.by = relationCrosses, cmp.Or(y.by, x.by)
		c.why = "one of them lies beneath " + c.by.name() + " and the other does not"
	case strings.HasPrefix(x.volume, `\\`) || strings.HasPrefix(y.volume, `\\`):
		c.relation, c.why = relationCrosses, "one of them is on a share"
	default:
		// A volume's GUID and a letter, or two GUIDs: only what says of both what they stand for tells them apart.
		d, known := v.device(x.volume)
		e, too := v.device(y.volume)
		switch {
		case known && too:
			c.relation, c.devices = relationCrosses, []hive.MountedDevice{d, e}
			c.why = "MountedDevices holds different devices for " + x.volume + " and " + y.volume
		default:
			d, known := v.listed[x.volume]
			e, too := v.listed[y.volume]
			if known && too {
				c.relation, c.listed = relationCrosses, []placed[extract.Volume]{d, e}
				c.why = "the list of volumes holds " + x.volume + " and " + y.volume + " as two"
			}
		}
		c.by = v.mountedAt(x.volume, y.volume)
	}
	return c
}

// mountedAt returns the folder on which one of two volumes is mounted, nil if none is known.
func (v *volumes) mountedAt(a, b string) *link {
	for i := range v.links {
		if l := &v.links[i]; l.mount.Kind == extract.MountPoint && (v.same(l.to.volume, a) || v.same(l.to.volume, b)) {
			return l
		}
	}
	return nil
}

func isLetter(volume string) bool { return len(volume) == 2 }

// sameFolder reports whether two files lie in one folder, which is one volume wherever it is.
func sameFolder(a, b string) bool {
	return winpath.Dir(a) != "" && winpath.Equal(winpath.Dir(a), winpath.Dir(b))
}

// covered reports whether a capture would show a mount point on the way to path if there were one.
func (v *volumes) covered(path string) bool {
	if v.listing != nil {
		return true
	}
	// Without a list, every folder on the way must have been looked at.
	for dir := winpath.Dir(path); winpath.Dir(dir) != ""; dir = winpath.Dir(dir) {
		if !v.isPlain(dir) {
			return false
		}
	}
	return winpath.Dir(path) != ""
}

// isPlain reports whether a capture shows that a folder is no reparse point. dir says so by its word for a folder; PowerShell's mode shows
// reparse points in new versions only.
func (v *volumes) isPlain(dir string) bool {
	if v.plain[strings.ToLower(winpath.Clean(dir))] {
		return true
	}
	for _, l := range v.folders {
		for i := range l.Value.Folders {
			f := &l.Value.Folders[i]
			if !winpath.Equal(f.Path, winpath.Dir(dir)) {
				continue
			}
			if e := f.Find(winpath.Base(dir)); e != nil && e.Dir && e.Reparse == "" && e.Attributes == "" {
				return true
			}
		}
	}
	return false
}

// bootPartition is the greatest size of the partition that Windows' setup makes before its own for the boot files.
const bootPartition = 1 << 30

// precedes reports whether a volume of MountedDevices ends where a volume with a letter begins, and is too small to be one that is mounted for
// its space: the partition for the boot files that Windows 7 and later make has no letter.
func (v *volumes) precedes(d hive.MountedDevice) bool {
	for _, l := range v.devices {
		if d.Kind == hive.DeviceMBR && l.Kind == hive.DeviceMBR && l.Letter != "" && l.Signature == d.Signature && l.Offset > d.Offset && l.Offset-d.Offset <= bootPartition {
			return true
		}
	}
	return false
}

// unlettered returns the volumes of MountedDevices that have no drive letter and so may be mounted in a folder; false if MountedDevices shows
// no letter at all.
func (v *volumes) unlettered() ([]hive.MountedDevice, bool) {
	var out []hive.MountedDevice
	seen := map[string]bool{}
	letters := false
	for _, name := range slices.Sorted(maps.Keys(v.devices)) {
		letters = letters || len(name) == 2
		d := v.devices[name]
		if d.Kind == hive.DevicePath || v.letter(name) != "" || v.precedes(d) || seen[v.find(name)] {
			continue
		}
		seen[v.find(name)] = true
		out = append(out, d)
	}
	return out, letters
}

// above returns the innermost folder at or above path that is, or may be, a way to another volume; nil if none is known.
func (v *volumes) above(path string) *link {
	at := v.locate(path)
	if at.open != nil {
		return at.open
	}
	if v.same(at.volume, winpath.Volume(path)) {
		return nil
	}
	return at.by
}

// name says what the link is and where it stands.
func (l *link) name() string {
	dir := winpath.Clean(l.mount.Directory)
	switch {
	case l.unknown:
		return "the reparse point " + dir
	case l.mount.Kind == extract.MountPoint:
		return "the mount point " + dir
	case l.mount.Kind == extract.MountLink:
		return "the symbolic link " + dir
	}
	return "the junction " + dir
}

// undo says how the link is made again once it was replaced by a folder.
func (l *link) undo() string {
	dir := winpath.Clean(l.mount.Directory)
	how := "make it again as it was: note first what fsutil reparsepoint query shows of " + dir
	switch {
	case l.unknown:
	case l.mount.Kind == extract.MountPoint && l.mount.VolumeGUID != "":
		how = `mount the volume again: mountvol "` + dir + `" \\?\Volume{` + l.mount.VolumeGUID + `}\`
	case l.mount.Kind == extract.MountPoint:
		how = `mount the volume again with mountvol, by the name that mountvol "` + dir + `" /L shows before`
	case l.mount.Kind == extract.MountLink:
		how = `make the symbolic link again: mklink /D "` + dir + `" "` + winpath.Clean(l.mount.Target) + `"`
	default:
		how = `make the junction again: mklink /J "` + dir + `" "` + winpath.Clean(l.mount.Target) + `"`
	}
	return "Keep what lay behind " + l.name() + " until the upgrade has gone through. To go back, stop the agent's services, move the new folder aside and " + how + "."
}

// describe is the name and where the link leads.
func (l *link) describe() string {
	switch {
	case l.unknown:
		return l.name()
	case l.mount.Kind == extract.MountPoint && l.mount.VolumeGUID != "":
		return l.name() + " of volume {" + l.mount.VolumeGUID + "}"
	case l.mount.Kind == extract.MountPoint:
		return l.name()
	}
	return l.name() + " to " + winpath.Clean(l.mount.Target)
}
