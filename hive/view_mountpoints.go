package hive

import "strings"

// SeenVolume is a volume or a share that a user's Explorer has shown, as MountPoints2 of the user's hive lists them. The list is never
// tidied: a volume need not be there any more. It says nothing of the folders that volumes are mounted in.
type SeenVolume struct {
	Kind  SeenKind
	Name  string // the letter with a colon, the GUID in braces in lower case, or the share as \\server\share\…
	Found Found  // the key
}

// SeenKind says what kind of name MountPoints2 has for a volume.
type SeenKind string

// The kinds.
const (
	SeenLetter SeenKind = "letter"
	SeenGUID   SeenKind = "volume"
	SeenShare  SeenKind = "share"
)

// SeenVolumes returns what MountPoints2 of each user's hive lists, in the order of the sources.
func (r *Registry) SeenVolumes() []SeenVolume {
	var out []SeenVolume
	for _, list := range r.Keys(`NTUSER\Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2`) {
		for _, k := range list.Children() {
			if v, ok := seenVolume(k.Name()); ok {
				v.Found = k.Found()
				out = append(out, v)
			}
		}
	}
	return out
}

// seenVolume reads the name of a key: C, {GUID}, or ##server#share. What else there is (CPC) is a cache.
func seenVolume(name string) (SeenVolume, bool) {
	switch share, ok := strings.CutPrefix(name, "##"); {
	case ok:
		return SeenVolume{Kind: SeenShare, Name: `\\` + strings.ReplaceAll(share, "#", `\`)}, true
	case len(name) == 1 && ('A' <= fold(rune(name[0])) && fold(rune(name[0])) <= 'Z'):
		return SeenVolume{Kind: SeenLetter, Name: strings.ToUpper(name) + ":"}, true
	case len(name) > 2 && name[0] == '{' && name[len(name)-1] == '}' && isGUID(name[1:len(name)-1]):
		return SeenVolume{Kind: SeenGUID, Name: strings.ToLower(name)}, true
	}
	return SeenVolume{}, false
}
