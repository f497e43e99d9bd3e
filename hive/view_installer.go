package hive

import "strings"

// InstallerPackage is a product or a patch that Windows Installer has registered.
type InstallerPackage struct {
	Code         string // product or patch code, {8-4-4-4-12} in upper case
	Packed       string // as the key is named
	Patch        bool
	SID          string // the user for whom it is installed; S-1-5-18 for the machine
	DisplayName  string // "" for patches
	Version      string // DisplayVersion; "" for patches
	Publisher    string // "" for patches
	LocalPackage string // path of the cached package; "" if not stated
	Found        Found  // the LocalPackage value if stated, else the key
}

// InstallerPackages returns the registered products and patches, each from the first source that has it, in the order of the sources.
func (r *Registry) InstallerPackages() []InstallerPackage {
	type id struct {
		sid, packed string
		patch       bool
	}
	seen := map[id]bool{}
	var out []InstallerPackage
	for _, view := range []string{`SOFTWARE\`, `SOFTWARE\Wow6432Node\`} {
		for _, users := range r.Keys(view + `Microsoft\Windows\CurrentVersion\Installer\UserData`) {
			for _, user := range users.Children() {
				for _, p := range packages(user) {
					if at := (id{p.SID, strings.ToUpper(p.Packed), p.Patch}); !seen[at] {
						seen[at] = true
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

// packages reads what is registered for one user: Products\<packed>\InstallProperties and Patches\<packed>.
func packages(user FoundKey) []InstallerPackage {
	var out []InstallerPackage
	for _, list := range user.Children() {
		patch := equalFold(list.Name(), "Patches")
		if !patch && !equalFold(list.Name(), "Products") {
			continue
		}
		for _, k := range list.Children() {
			code, ok := UnpackGUID(k.Name())
			if !ok {
				continue
			}
			p := InstallerPackage{Code: code, Packed: k.Name(), Patch: patch, SID: user.Name()}
			if !patch {
				if k.Key, ok = k.Subkey("InstallProperties"); !ok {
					continue // only parts of the product are registered here
				}
				p.DisplayName = k.valueOrZero("DisplayName").String()
				p.Version = k.valueOrZero("DisplayVersion").String()
				p.Publisher = k.valueOrZero("Publisher").String()
			}
			p.Found = k.Found()
			if v, err := k.Value("LocalPackage"); err == nil {
				p.LocalPackage, p.Found = v.String(), k.At(v)
			}
			out = append(out, p)
		}
	}
	return out
}

// packedOrder is where the 32 digits of a GUID stand in its packed form: the first three groups are reversed, and so is each pair of
// digits of the last two. The order is its own inverse.
var packedOrder = [32]int{
	7, 6, 5, 4, 3, 2, 1, 0,
	11, 10, 9, 8,
	15, 14, 13, 12,
	17, 16, 19, 18,
	21, 20, 23, 22, 25, 24, 27, 26, 29, 28, 31, 30,
}

// UnpackGUID turns the packed form that Windows Installer uses for key names, 32 digits, into {8-4-4-4-12} in upper case; false if s is not one.
func UnpackGUID(s string) (string, bool) {
	d, ok := swapDigits(s)
	if !ok {
		return "", false
	}
	return "{" + d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:] + "}", true
}

// PackGUID is the inverse of [UnpackGUID]; the braces may be missing.
func PackGUID(s string) (string, bool) {
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	if !isGUID(s) {
		return "", false
	}
	return swapDigits(strings.ReplaceAll(s, "-", ""))
}

func swapDigits(s string) (string, bool) {
	if len(s) != len(packedOrder) {
		return "", false
	}
	var out [32]byte
	for i, from := range packedOrder {
		c := s[from]
		switch {
		case !isHexDigit(c):
			return "", false
		case c >= 'a':
			c -= 'a' - 'A'
		}
		out[i] = c
	}
	return string(out[:]), true
}
