package winpath_test

import (
	"strings"
	"testing"

	"casebook/internal/winpath"
)

const guid = `Volume{6e5a1c11-8f0d-11df-9d3e-005056c00008}`

func TestClean(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"plain":          {`C:\Program Files\Novell`, `C:\Program Files\Novell`},
		"object-manager": {`\??\C:\a\b.dll`, `C:\a\b.dll`},
		"long":           {`\\?\c:\a`, `c:\a`},
		"dos-devices":    {`\dosdevices\D:\a`, `D:\a`},
		"volume":         {`\??\` + guid + `\bin\x.dll`, guid + `\bin\x.dll`},
		"share":          {`\??\UNC\server\share\a`, `\\server\share\a`},
		"slashes":        {`c:/Novell//ZENworks/`, `c:\Novell\ZENworks`},
		"root":           {`D:\`, `D:\`},
		"root-bare":      {`D:`, `D:\`},
		"quoted":         {` "C:\a b\" `, `C:\a b`},
		"dots":           {`C:\a\.\b\..\c`, `C:\a\c`},
		"dots-at-root":   {`C:\..\..\a`, `C:\a`},
		"system-root":    {`\SystemRoot\temp\`, `\SystemRoot\temp`},
		"relative":       {`..\a`, `..\a`},
		"empty":          {``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			got := winpath.Clean(tt.in)
			if got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if again := winpath.Clean(got); again != got {
				t.Errorf("cleaned again it is %q", again)
			}
		})
	}
}

func TestRel(t *testing.T) {
	for name, tt := range map[string]struct {
		path, dir, want string
		ok              bool
	}{
		"below":      {`c:\program files\NOVELL\ZENworks\bin\x.dll`, `C:\Program Files\Novell\`, `ZENworks\bin\x.dll`, true},
		"same":       {`C:\Data\`, `c:/data`, ``, true},
		"sibling":    {`C:\Data2\x`, `C:\Data`, ``, false},
		"root":       {`C:\a`, `C:\`, `a`, true},
		"other-root": {`D:\a`, `C:\`, ``, false},
		"prefixed":   {`\??\C:\a\b`, `C:\a`, `b`, true},
		"empty-dir":  {`C:\a`, ``, ``, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := winpath.Rel(tt.path, tt.dir)
			if got != tt.want || ok != tt.ok || ok != winpath.Beneath(tt.path, tt.dir) {
				t.Errorf("Rel(%q, %q) = %q, %v; want %q, %v", tt.path, tt.dir, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestVolumeDirBase(t *testing.T) {
	for name, tt := range map[string]struct{ path, volume, dir, base string }{
		"letter":      {`\??\c:\a\b.dll`, `C:`, `c:\a`, `b.dll`},
		"below-root":  {`C:\a`, `C:`, `C:\`, `a`},
		"root":        {`C:\`, `C:`, ``, `C:\`},
		"volume":      {`\\?\` + guid + `\a`, strings.ToLower(guid), guid, `a`},
		"share":       {`\\Server\Share\a`, `\\server\share`, `\\Server\Share`, `a`},
		"system-root": {`\SystemRoot\a`, ``, `\SystemRoot`, `a`},
		"name":        {`a.dll`, ``, ``, `a.dll`},
		"not-a-drive": {`CD:\a`, ``, `CD:`, `a`},
	} {
		t.Run(name, func(t *testing.T) {
			if v, d, b := winpath.Volume(tt.path), winpath.Dir(tt.path), winpath.Base(tt.path); v != tt.volume || d != tt.dir || b != tt.base {
				t.Errorf("%q: volume %q, dir %q, base %q; want %q, %q, %q", tt.path, v, d, b, tt.volume, tt.dir, tt.base)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"PROGRAMFILES": `%SystemDrive%\Program Files`, "SYSTEMDRIVE": "D:", "LOOP": "%LOOP%x"}
	lookup := func(name string) (string, bool) { v, ok := vars[strings.ToUpper(name)]; return v, ok }
	for name, tt := range map[string]struct{ in, want string }{
		"nested":  {`%ProgramFiles%\Novell`, `D:\Program Files\Novell`},
		"unknown": {`%Nobody%\a`, `%Nobody%\a`},
		"percent": {`C:\100% sure\%SystemDrive%`, `C:\100% sure\D:`},
		"loop":    {`%LOOP%`, `%LOOP%xxxx`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := winpath.Expand(tt.in, lookup); got != tt.want {
				t.Errorf("Expand(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{`\??\C:\a`, `\\server\share\..`, `c:/a/../..`, guid, `\??\UNC\`, `..\..`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := winpath.Clean(s)
		if again := winpath.Clean(c); len(again) > len(c) {
			t.Errorf("Clean(%q) = %q grows to %q", s, c, again)
		}
		if dir := winpath.Dir(s); dir != "" && len(dir) > len(c)+1 {
			t.Errorf("Dir(%q) = %q is longer than %q", s, dir, c)
		}
	})
}
