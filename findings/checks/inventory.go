package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest/extract"
	"casebook/internal/winpath"
)

// inventory knows which files the listings of one system show, and which they show not to be there.
type inventory struct {
	facts    *facts.Facts
	listings []facts.Of[*extract.Listing]
	folders  map[string][]listedFolder // by path, cleaned and in lower case
	native   map[*extract.Listing]bool // whether a listing's System32 is that of the machine's own architecture
	root     string                    // Windows' folder; "" if neither the registry nor a listing tells
}

// listedFolder is a folder with the listing that shows it.
type listedFolder struct {
	listing facts.Of[*extract.Listing]
	folder  *extract.Folder
}

func newInventory(f *facts.Facts) *inventory {
	v := &inventory{facts: f, listings: slices.DeleteFunc(facts.Values[*extract.Listing](f), func(l facts.Of[*extract.Listing]) bool {
		return f.Conflicting(l.Artifact.Path)
	})}
	v.folders, v.native = map[string][]listedFolder{}, map[*extract.Listing]bool{}
	for _, l := range v.listings {
		for i := range l.Value.Folders {
			folder := &l.Value.Folders[i]
			key := strings.ToLower(winpath.Clean(folder.Path))
			v.folders[key] = append(v.folders[key], listedFolder{l, folder})
			v.native[l.Value] = v.native[l.Value] || isNative(folder)
		}
	}
	v.root = v.windowsFolder()
	return v
}

// windowsFolder is SystemRoot as the registry states it, else the one folder of a drive in which listings show System32.
func (v *inventory) windowsFolder() string {
	if p, err := v.facts.Registry.Product(); err == nil && winpath.Volume(p.SystemRoot) != "" {
		return winpath.Clean(p.SystemRoot)
	}
	found := ""
	for _, l := range v.listings {
		for i := range l.Value.Folders {
			dir := winpath.Clean(l.Value.Folders[i].Path)
			for winpath.Dir(winpath.Dir(dir)) != "" && winpath.Dir(winpath.Dir(winpath.Dir(dir))) != "" {
				dir = winpath.Dir(dir)
			}
			if !strings.EqualFold(winpath.Base(dir), "System32") || winpath.Dir(winpath.Dir(winpath.Dir(dir))) != "" {
				continue
			}
			root := winpath.Dir(dir)
			if found != "" && !strings.EqualFold(found, root) {
				return "" // of two installations either may be the one
			}
			found = root
		}
	}
	return found
}

// variable looks a variable up in the machine's environment and, for those that Windows itself sets, in the registry's values that it
// takes them from.
func (v *inventory) variable(name string) (string, bool) {
	for _, e := range v.facts.Registry.Environment() {
		if strings.EqualFold(e.Name, name) && !strings.EqualFold(e.Value, "%SystemRoot%") {
			return e.Value, true
		}
	}
	value := func(name string) (string, bool) {
		found, err := v.facts.Registry.Value(`SOFTWARE\Microsoft\Windows\CurrentVersion`, name)
		return found.Value.String(), err == nil && found.Value.String() != ""
	}
	switch strings.ToUpper(name) {
	case "SYSTEMROOT", "WINDIR":
		return v.root, v.root != ""
	case "SYSTEMDRIVE":
		return winpath.Volume(v.root), v.root != ""
	case "PROGRAMFILES", "PROGRAMW6432":
		return value("ProgramFilesDir")
	case "PROGRAMFILES(X86)":
		return value("ProgramFilesDir (x86)")
	}
	return "", false
}

// Places of a program in an image path: in quotation marks, or up to the first extension of a program that a blank or the end follows.
var (
	quotedImage   = regexp.MustCompile(`^\s*"([^"]+)"`)
	programsImage = regexp.MustCompile(`(?i)^\s*(.+?\.(?:exe|sys|dll|com))(?:\s|,|$)`)
)

// program returns the absolute path of the file that an image path names, as the service manager and the kernel read it; "" where
// that depends on what the bundle does not show, such as a search path.
func (v *inventory) program(image string) string {
	m := quotedImage.FindStringSubmatch(image)
	if m == nil {
		m = programsImage.FindStringSubmatch(image)
	}
	if m == nil {
		return ""
	}
	return v.absolute(m[1])
}

// absolute expands a path and returns it if it begins with a drive letter or a share, else "".
func (v *inventory) absolute(file string) string {
	file = winpath.Expand(file, v.variable)
	clean := winpath.Clean(file)
	switch rest, inRoot := winpath.Rel(clean, `\SystemRoot`); {
	case inRoot && v.root != "":
		clean = winpath.Join(v.root, rest)
	case winpath.Beneath(clean, "System32") && v.root != "":
		clean = winpath.Join(v.root, clean) // a driver's path is relative to Windows' folder
	}
	if winpath.Volume(clean) == "" || strings.Contains(clean, "%") {
		return ""
	}
	return clean
}

// sighting is what the listings say of one file.
type sighting struct {
	path string
	here []seen
	gone []seen
}

// seen is a place in a listing.
type seen struct {
	artifact string
	line     int // of the entry; 0 if the folder lacks it
	folder   string
	name     string // what the folder lacks: the file, or a folder on the way to it
}

// there reports whether a listing shows the file; missing whether one shows that it is not there and none that it is.
func (s sighting) there() bool   { return len(s.here) > 0 }
func (s sighting) missing() bool { return len(s.gone) > 0 && len(s.here) == 0 }

// evidence is the first place that shows the file, or that it is not there.
func (s sighting) evidence(f *facts.Facts, role findings.Role) findings.Evidence {
	if len(s.here) > 0 {
		at := s.here[0]
		return findings.FromLine(f, at.artifact, at.line, role, s.path+" is there")
	}
	at := s.gone[0]
	return findings.AbsentLine(at.artifact, role, fmt.Sprintf("the listing of %s has no %s", at.folder, at.name))
}

// find looks for a file with an absolute path in all listings.
func (v *inventory) find(file string) sighting {
	s := sighting{path: winpath.Clean(file)}
	if winpath.Volume(s.path) == "" {
		return s
	}
	for dir := winpath.Dir(s.path); dir != ""; dir = winpath.Dir(dir) {
		rel, _ := winpath.Rel(s.path, dir)
		name, _, deeper := strings.Cut(rel, `\`)
		for _, l := range v.folders[strings.ToLower(dir)] {
			at := seen{artifact: l.listing.Artifact.Path, folder: l.folder.Path, name: name}
			if deeper {
				at.name = "folder " + name
			}
			switch e := l.folder.Find(name); {
			case e == nil && v.lacks(l.listing.Value, l.folder, name, deeper):
				s.gone = append(s.gone, at)
			case e != nil && !deeper && !e.Dir:
				at.line = e.Line
				s.here = append(s.here, at)
			}
		}
	}
	return s
}

// lacks reports whether a folder's listing proves that it has no file, or no folder, of that name.
func (v *inventory) lacks(l *extract.Listing, folder *extract.Folder, name string, dir bool) bool {
	if v.redirected(l, folder.Path) {
		return false
	}
	if folder.Lacks(name) {
		return true
	}
	// Files beside it of the same kind are not hidden, and neither would it be.
	ext := strings.ToLower(path.Ext(name))
	return !dir && len(ext) > 1 && folder.LacksBeside(name, regexp.MustCompile(`(?i)`+regexp.QuoteMeta(ext)+`$`))
}

// System files that only the folder of the machine's own architecture holds: a 32-bit program on a 64-bit Windows that lists System32 is
// shown SysWOW64, which lacks most drivers and services.
var (
	nativePrograms = []string{"smss.exe", "lsass.exe", "services.exe", "csrss.exe"}
	nativeDrivers  = []string{"ntfs.sys", "ndis.sys"}
)

// isNative reports whether a folder is System32, or lies in it, and holds a file that SysWOW64 lacks.
func isNative(f *extract.Folder) bool {
	return inSystem32(f.Path) && slices.ContainsFunc(slices.Concat(nativePrograms, nativeDrivers), func(name string) bool { return f.Find(name) != nil })
}

func inSystem32(dir string) bool {
	return strings.Contains(strings.ToLower(winpath.Clean(dir))+`\`, `\system32\`)
}

// redirected reports whether a listing of a folder in System32 may show SysWOW64 in its place.
func (v *inventory) redirected(l *extract.Listing, folder string) bool {
	if !inSystem32(folder) {
		return false
	}
	if arch, ok := v.variable("PROCESSOR_ARCHITECTURE"); ok && strings.EqualFold(arch, "x86") {
		return false
	}
	return !v.native[l]
}
