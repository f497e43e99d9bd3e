package extract

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanStamp(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"american", "08/14/2012  10:01 AM    <DIR>          .", "08/14/2012  10:01 AM"},
		{"german", "14.08.2012  10:01    <DIR>          .", "14.08.2012  10:01"},
		{"iso", "2012-08-14  10:01             1,389 a", "2012-08-14  10:01"},
		{"weekday", "Tue 08/14/2012  10:01 AM    <DIR>          .", "Tue 08/14/2012  10:01 AM"},
		{"month-by-name", "14-Aug-12  10:01 AM             1,389 a", "14-Aug-12  10:01 AM"},
		{"russian-month-by-name", "14-авг-2012  10:01             1 389 a", "14-авг-2012  10:01"},
		{"hungarian", "2012. 08. 14.  10:01             1 389 a", "2012. 08. 14.  10:01"},
		{"finnish", "14.8.2012  10.01             1 389 a", "14.8.2012  10.01"},
		{"nt4", "09/20/99  05:24p        <DIR>          .", "09/20/99  05:24p"},
		{"korean", "2012-08-14  오전 10:01    <DIR>          .", "2012-08-14  오전 10:01"},
		{"chinese", "2012/08/14  上午 10:01    <DIR>          .", "2012/08/14  上午 10:01"},
		{"greek", "14/8/2012  10:01 πμ    <DIR>          .", "14/8/2012  10:01 πμ"},
		{"spanish", "14/08/2012  10:01 a. m.    <DIR>          .", "14/08/2012  10:01 a. m."},
		{"buddhist-year", "14/08/2555  10:01    <DIR>          .", "14/08/2555  10:01"},
		{"powershell", "14.08.2012     10:01       1389 a", "14.08.2012     10:01"},
		{"seconds", "2012-08-14  10:01:02     1,389 a", "2012-08-14  10:01"},
		{"version-number", "10.0.19041.1  x", ""},
		{"address", "10.1.2.3  10:01", ""},
		{"no-time", "08/14/2012  text", ""},
		{"time-only", "10:01 AM", ""},
		{"indented", " 08/14/2012  10:01 AM", ""},
		{"empty", "", ""},
		{"cut", "08/14/", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.text[:scanStamp(tt.text)]; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if _, ok := scanRow("2012-08-14  10:01:02     1,389 a"); ok {
		t.Error("a line with seconds is taken for a row")
	}
}

func TestCount(t *testing.T) {
	tests := []struct{ text, want string }{
		{"1,389,056 a", "1,389,056"},
		{"1.389.056 a", "1.389.056"},
		{"1 389 056 a", "1 389 056"},
		{"1\u00a0389 a", "1\u00a0389"},
		{"1\u202f389 a", "1\u202f389"},
		{"1'389 a", "1'389"},
		{"1’389 a", "1’389"},
		{"1ÿ389 a", "1ÿ389"},
		{"1389056 a", "1389056"},
		{"1,38 a", "1"},
		{"1,3890 a", "1"},
		{"1,389.056 a", "1,389"},
		{"12", "12"},
		{"a", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := count(tt.text); got != tt.want {
			t.Errorf("count(%q) is %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestParseCommand(t *testing.T) {
	tests := []struct {
		name, line string
		want       command
		ok         bool
	}{
		{"cmd", `C:\Users\admin>dir /a "C:\Program Files" > x.txt`, command{Dir: `C:\Users\admin`, Text: `dir /a "C:\Program Files" > x.txt`, Name: "dir", Args: []string{"/a", `C:\Program Files`}}, true},
		{"powershell", `PS C:\> Get-ChildItem -Force 'C:\a b' | fl`, command{Dir: `C:\`, Text: `Get-ChildItem -Force 'C:\a b' | fl`, Name: "get-childitem", Args: []string{"-Force", `C:\a b`}}, true},
		{"remote", `[srv1]: PS C:\> dir`, command{Dir: `C:\`, Text: "dir", Name: "dir"}, true},
		{"glued-switches", `C:\>DIR/a/s`, command{Dir: `C:\`, Text: "DIR/a/s", Name: "dir", Args: []string{"/a/s"}}, true},
		{"through-cmd", `PS C:\> cmd /c dir /a`, command{Dir: `C:\`, Text: "cmd /c dir /a", Name: "dir", Args: []string{"/a"}}, true},
		{"with-folder", `C:\>C:\Windows\System32\icacls.exe x`, command{Dir: `C:\`, Text: `C:\Windows\System32\icacls.exe x`, Name: "icacls", Args: []string{"x"}}, true},
		{"prompt-alone", `C:\>`, command{}, false},
		{"row", "14.08.2012  10:01    <DIR>          .", command{}, false},
		{"xml", "<a>b</a>", command{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseCommand(tt.line, 0)
			if ok != tt.ok {
				t.Fatalf("ok is %v", ok)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAbsolute(t *testing.T) {
	c := command{Dir: `C:\Users\admin`}
	tests := []struct{ path, want string }{
		{"", `C:\Users\admin`},
		{".", `C:\Users\admin`},
		{`sub dir`, `C:\Users\admin\sub dir`},
		{`.\sub`, `C:\Users\admin\sub`},
		{`\Data`, `C:\Data`},
		{`D:\x`, `D:\x`},
		{`\\srv\share`, `\\srv\share`},
		{`..\x`, ""},
		{`%windir%\x`, ""},
		{`$env:windir\x`, ""},
		{`D:`, ""},
	}
	for _, tt := range tests {
		if got := c.absolute(tt.path); got != tt.want {
			t.Errorf("absolute(%q) is %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestPathStart(t *testing.T) {
	tests := []struct {
		text string
		want int
	}{
		{`C:\x`, 0},
		{` Directory of C:\x`, 14},
		{` Verzeichnis von \\srv\share`, 17},
		{`Microsoft.PowerShell.Core\FileSystem::C:\Data`, 38},
		{`C:\ のディレクトリ`, 0},
		{`\\?\Volume{x}\`, -1},
		{`a\b`, -1},
		{`abc:\x`, -1},
		{``, -1},
	}
	for _, tt := range tests {
		if got := pathStart(tt.text); got != tt.want {
			t.Errorf("pathStart(%q) is %d, want %d", tt.text, got, tt.want)
		}
	}
}
