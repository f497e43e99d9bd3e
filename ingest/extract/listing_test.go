package extract

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/ingest"
)

func TestParseListing(t *testing.T) {
	tests := []struct {
		name, text string
		want       []Folder
		problems   []string
	}{
		{
			name: "dir-english",
			text: ` Volume in drive C is OS
 Volume Serial Number is 1A2B-3C4D

 Directory of C:\Windows\Installer

08/14/2012  10:01 AM    <DIR>          .
08/14/2012  10:01 AM    <DIR>          ..
08/14/2012  10:01 AM         1,389,056 1a2b3c.msi
08/14/2012  10:02 PM                 0 12 3.msi
08/14/2012  10:01 AM    <DIR>          {90140000-0011-0000-0000-0000000FF1CE}
               2 File(s)      1,389,056 bytes
               3 Dir(s)  12,345,678,901 bytes free
`,
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 4, Complete: true, Dots: true, Entries: []Entry{
				{Name: "1a2b3c.msi", Size: 1389056, HasSize: true, ModifiedText: "08/14/2012  10:01 AM", Line: 8},
				{Name: "12 3.msi", HasSize: true, ModifiedText: "08/14/2012  10:02 PM", Line: 9},
				{Name: "{90140000-0011-0000-0000-0000000FF1CE}", Dir: true, ModifiedText: "08/14/2012  10:01 AM", Line: 10},
			}}},
		},
		{
			name: "dir-german-with-command",
			text: `C:\Users\admin>dir /a "C:\Programme"
 Volume in Laufwerk C: hat keine Bezeichnung.
 Volumeseriennummer: 1A2B-3C4D

 Verzeichnis von C:\Programme

14.08.2012  10:01    <DIR>          .
14.08.2012  10:01    <DIR>          ..
14.08.2012  10:01    <VERBINDUNG>   Novell [\??\Volume{6e5a3b3c-0000-0000-0000-100000000000}\]
14.08.2012  10:01           123.456 a, b.dll
               1 Datei(en),        123.456 Bytes
               3 Verzeichnis(se), 12.345.678.901 Bytes frei

C:\Users\admin>
`,
			want: []Folder{{Path: `C:\Programme`, Line: 5, Complete: true, Dots: true, Command: `dir /a "C:\Programme"`, Switches: "/a", Entries: []Entry{
				{Name: "Novell", Dir: true, Reparse: ReparseJunction, Target: `\??\Volume{6e5a3b3c-0000-0000-0000-100000000000}\`, ModifiedText: "14.08.2012  10:01", Line: 9},
				{Name: "a, b.dll", Size: 123456, HasSize: true, ModifiedText: "14.08.2012  10:01", Line: 10},
			}}},
		},
		{
			name: "dir-french-blank-separators",
			text: " Le volume dans le lecteur C n'a pas de nom.\n" +
				" Le numéro de série du volume est 1A2B-3C4D\n\n" +
				" Répertoire de C:\\Data\n\n" +
				"14/08/2012  10:01    <REP>          .\n" +
				"14/08/2012  10:01    <REP>          ..\n" +
				"14/08/2012  10:01         1 389 056 1a2b.msi\n" +
				"14/08/2012  10:01               389 123 notes.txt\n" +
				"14/08/2012  10:01         1\u00a0389\u00a0057 c.msi\n" +
				"               3 fichier(s)        2 778 502 octets\n" +
				"               2 Rép(s)  12 345 678 octets libres\n",
			want: []Folder{{Path: `C:\Data`, Line: 4, Complete: true, Dots: true, Entries: []Entry{
				{Name: "1a2b.msi", Size: 1389056, HasSize: true, ModifiedText: "14/08/2012  10:01", Line: 8},
				{Name: "123 notes.txt", Size: 389, HasSize: true, ModifiedText: "14/08/2012  10:01", Line: 9},
				{Name: "c.msi", Size: 1389057, HasSize: true, ModifiedText: "14/08/2012  10:01", Line: 10},
			}}},
		},
		{
			name: "dir-japanese-path-first",
			text: ` ドライブ C のボリューム ラベルは OS です
 ボリューム シリアル番号は 1A2B-3C4D です

 C:\Program Files\Novell のディレクトリ

2012/08/14  10:01    <DIR>          .
2012/08/14  10:01    <DIR>          ..
2012/08/14  10:01             1,389 説明書.txt
               1 個のファイル               1,389 バイト
               2 個のディレクトリ  12,345,678 バイトの空き領域
`,
			want: []Folder{{Path: `C:\Program Files\Novell`, Line: 4, Complete: true, Dots: true, Entries: []Entry{
				{Name: "説明書.txt", Size: 1389, HasSize: true, ModifiedText: "2012/08/14  10:01", Line: 8},
			}}},
		},
		{
			name: "dir-korean-marker-before-the-time",
			text: ` C 드라이브의 볼륨에는 이름이 없습니다.
 볼륨 일련 번호: 1A2B-3C4D

 C:\Data 디렉터리

2012-08-14  오전 10:01    <DIR>          .
2012-08-14  오후 10:01    <DIR>          ..
2012-08-14  오전 10:01             1,389 a.txt
               1개 파일               1,389 바이트
               2개 디렉터리  12,345,678 바이트 남음
`,
			want: []Folder{{Path: `C:\Data`, Line: 4, Dots: true, Complete: true, Entries: []Entry{
				{Name: "a.txt", Size: 1389, HasSize: true, ModifiedText: "2012-08-14  오전 10:01", Line: 8},
			}}},
		},
		{
			name: "dir-russian-cut-off",
			text: ` Том в устройстве C не имеет метки.
 Серийный номер тома: 1A2B-3C4D

 Содержимое папки C:\Данные

14.08.2012  10:01    <DIR>          .
14.08.2012  10:01    <DIR>          ..
14.08.2012  10:01         1 389 056 a.msi
`,
			want: []Folder{{Path: `C:\Данные`, Line: 4, Dots: true, Entries: []Entry{
				{Name: "a.msi", Size: 1389056, HasSize: true, ModifiedText: "14.08.2012  10:01", Line: 8},
			}}},
		},
		{
			name: "dir-spanish-blank-in-the-marker",
			text: " Directorio de C:\\Data\n\n14/08/2012  10:01 a.\u00a0m.    <DIR>          .\n14/08/2012  10:01 p.\u00a0m.             1.389 a.txt\n               1 archivos          1.389 bytes\n",
			want: []Folder{{Path: `C:\Data`, Line: 1, Dots: true, Complete: true, Entries: []Entry{
				{Name: "a.txt", Size: 1389, HasSize: true, ModifiedText: "14/08/2012  10:01 p.\u00a0m.", Line: 4},
			}}},
		},
		{
			name: "dir-nt4",
			text: ` Directory of C:\WINNT

09/20/99  05:24p        <DIR>          .
09/20/99  05:24p                 1,389 win.ini
               2 File(s)          1,389 bytes
                             12,345,678 bytes free
`,
			want: []Folder{{Path: `C:\WINNT`, Line: 1, Dots: true, Complete: true, Entries: []Entry{
				{Name: "win.ini", Size: 1389, HasSize: true, ModifiedText: "09/20/99  05:24p", Line: 4},
			}}},
		},
		{
			name: "dir-wide",
			text: ` Directory of C:\WINNT

[.]            [..]           win.ini        x.ini
               2 File(s)          1,389 bytes
`,
			want:     []Folder{{Path: `C:\WINNT`, Line: 1}},
			problems: []string{`line 1: the listing of "C:\\WINNT" says that it has 2 files, 0 could be read`},
		},
		{
			name: "dir-owner-and-short-name",
			text: `C:\>dir /a /q /x C:\

 Directory of C:\

08/14/2012  10:01 AM    <DIR>          PROGRA~1     NT SERVICE\TrustedInstaProgram Files
08/14/2012  10:01 AM    <DIR>                       BUILTIN\Administrators Data
08/14/2012  10:01 AM             1,389              NT AUTHORITY\SYSTEM    a b.txt
               1 File(s)          1,389 bytes
`,
			want: []Folder{{Path: `C:\`, Line: 3, Complete: true, Command: `dir /a /q /x C:\`, Switches: "/a /q /x", Entries: []Entry{
				{Name: "Program Files", Dir: true, Owner: `NT SERVICE\TrustedInsta`, ModifiedText: "08/14/2012  10:01 AM", Line: 5},
				{Name: "Data", Dir: true, Owner: `BUILTIN\Administrators`, ModifiedText: "08/14/2012  10:01 AM", Line: 6},
				{Name: "a b.txt", Size: 1389, HasSize: true, Owner: `NT AUTHORITY\SYSTEM`, ModifiedText: "08/14/2012  10:01 AM", Line: 7},
			}}},
		},
		{
			name: "dir-junctions-of-every-sort",
			text: `C:\>dir /AL C:\

 Directory of C:\

08/14/2012  10:01 AM    <JUNCTION>     Documents and Settings [C:\Users]
08/14/2012  10:01 AM    <JUNCTION>     Old
08/14/2012  10:01 AM    <SYMLINKD>     Link [..\x]
08/14/2012  10:01 AM    <SYMLINK>      file.txt [C:\other.txt]
               1 File(s)              0 bytes
`,
			want: []Folder{{Path: `C:\`, Line: 3, Complete: true, Command: `dir /AL C:\`, Switches: "/AL", Entries: []Entry{
				{Name: "Documents and Settings", Dir: true, Reparse: ReparseJunction, Target: `C:\Users`, ModifiedText: "08/14/2012  10:01 AM", Line: 5},
				{Name: "Old", Dir: true, Reparse: ReparseJunction, ModifiedText: "08/14/2012  10:01 AM", Line: 6},
				{Name: "Link", Dir: true, Reparse: ReparseDirLink, Target: `..\x`, ModifiedText: "08/14/2012  10:01 AM", Line: 7},
				{Name: "file.txt", Reparse: ReparseFileLink, Target: `C:\other.txt`, ModifiedText: "08/14/2012  10:01 AM", Line: 8},
			}}},
		},
		{
			name: "dir-recursive",
			text: ` Directory of C:\A

08/14/2012  10:01 AM    <DIR>          .
08/14/2012  10:01 AM    <DIR>          ..
08/14/2012  10:01 AM    <DIR>          B
               0 File(s)              0 bytes

 Directory of C:\A\B

08/14/2012  10:01 AM    <DIR>          .
08/14/2012  10:01 AM    <DIR>          ..
08/14/2012  10:01 AM                 7 x
                                    26 x:Zone.Identifier:$DATA
               1 File(s)              7 bytes

     Total Files Listed:
               1 File(s)              7 bytes
               5 Dir(s)   1,234,567,890 bytes free
`,
			want: []Folder{
				{Path: `C:\A`, Line: 1, Complete: true, Dots: true, Entries: []Entry{{Name: "B", Dir: true, ModifiedText: "08/14/2012  10:01 AM", Line: 5}}},
				{Path: `C:\A\B`, Line: 8, Complete: true, Dots: true, Entries: []Entry{{Name: "x", Size: 7, HasSize: true, ModifiedText: "08/14/2012  10:01 AM", Line: 12}}},
			},
		},
		{
			name: "dir-bare",
			text: "C:\\Windows\\Installer>dir /b/a\n1a2b.msi\n3c4d.msp\n\nC:\\Windows\\Installer>\n",
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 1, Complete: true, Command: "dir /b/a", Switches: "/b /a", Entries: []Entry{{Name: "1a2b.msi", Line: 2}, {Name: "3c4d.msp", Line: 3}}}},
		},
		{
			name: "absolute-paths",
			text: "C:\\Windows\\Installer\\1a2b.msi\nC:\\Windows\\Installer\\3c4d.msp\nC:\\Windows\\Installer\\sub\\x y\n",
			want: []Folder{
				{Path: `C:\Windows\Installer`, Line: 1, Entries: []Entry{{Name: "1a2b.msi", Line: 1}, {Name: "3c4d.msp", Line: 2}}},
				{Path: `C:\Windows\Installer\sub`, Line: 3, Entries: []Entry{{Name: "x y", Line: 3}}},
			},
		},
		{
			name: "powershell-table-german",
			text: `PS C:\> Get-ChildItem -Force C:\Windows\Installer


    Verzeichnis: C:\Windows\Installer


Mode                LastWriteTime     Length Name
----                -------------     ------ ----
d--hs        14.08.2012     10:01            {90140000-0011-0000-0000-0000000FF1CE}
-a-hs        14.08.2012     10:01    1389056 1a2b.msi
-a---        14.08.2012     10:01         12 12 c.txt


PS C:\> 
`,
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 4, Complete: true, Command: `Get-ChildItem -Force C:\Windows\Installer`, Switches: "-Force", Entries: []Entry{
				{Name: "{90140000-0011-0000-0000-0000000FF1CE}", Dir: true, Attributes: "d--hs", ModifiedText: "14.08.2012     10:01", Line: 9},
				{Name: "1a2b.msi", Size: 1389056, HasSize: true, Attributes: "-a-hs", ModifiedText: "14.08.2012     10:01", Line: 10},
				{Name: "12 c.txt", Size: 12, HasSize: true, Attributes: "-a---", ModifiedText: "14.08.2012     10:01", Line: 11},
			}}},
		},
		{
			name: "powershell-table-wrapped-names",
			text: `

    ディレクトリ: C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys


Mode                LastWriteTime     Length Name
----                -------------     ------ ----
-a-s-        2012/08/14     10:01       2247 19c5cf9c7b5dc9de3e548adb70398402_5
                                             0e417e0-e461-474b-96e2-077b8032561
                                             2
d----l       2012/08/14     10:01            Data -> D:\x

`,
			want: []Folder{{Path: `C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys`, Line: 3, Complete: true, Entries: []Entry{
				{Name: "19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612", Size: 2247, HasSize: true, Attributes: "-a-s-", ModifiedText: "2012/08/14     10:01", Line: 8},
				{Name: "Data", Dir: true, Reparse: ReparseOther, Target: `D:\x`, Attributes: "d----l", ModifiedText: "2012/08/14     10:01", Line: 11},
			}}},
		},
		{
			name: "powershell-list",
			text: `
    Répertoire : C:\Data


Name           : a.txt
Length         : 2247
CreationTime   : 14/08/2012 10:01:02
LastWriteTime  : 14/08/2012 10:01:03
Mode           : -a-s-
VersionInfo    : File:             C:\Data\a.txt
                 InternalName:

Name          : sub
LastWriteTime : 14/08/2012 10:01:03
CreationTime  : 14/08/2012 10:01:02
Mode          : d----

`,
			want: []Folder{{Path: `C:\Data`, Line: 2, Complete: true, Entries: []Entry{
				{Name: "a.txt", Size: 2247, HasSize: true, Attributes: "-a-s-", ModifiedText: "14/08/2012 10:01:03", Line: 5},
				{Name: "sub", Dir: true, Attributes: "d----", ModifiedText: "14/08/2012 10:01:03", Line: 13},
			}}},
		},
		{
			name: "powershell-selected-table",
			text: `
FullName                            Length
--------                            ------
C:\Windows\Installer\1a2b.msi 123456789012
C:\Windows\Installer\sub dir\x.msp       7

`,
			want: []Folder{
				{Path: `C:\Windows\Installer`, Line: 4, Entries: []Entry{{Name: "1a2b.msi", Size: 123456789012, HasSize: true, Line: 4}}},
				{Path: `C:\Windows\Installer\sub dir`, Line: 5, Entries: []Entry{{Name: "x.msp", Size: 7, HasSize: true, Line: 5}}},
			},
		},
		{
			name: "powershell-csv",
			text: "#TYPE Selected.System.IO.FileInfo\n\"FullName\";\"Length\"\n\"C:\\Windows\\Installer\\a \"\"b\"\".msi\";\"7\"\n\"C:\\Windows\\Installer\\c.msi\";\"\"\n",
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 3, Entries: []Entry{
				{Name: `a "b".msi`, Size: 7, HasSize: true, Line: 3},
				{Name: "c.msi", Line: 4},
			}}},
		},
		{
			name: "powershell-times-with-seconds",
			text: `
FullName                      Length LastWriteTime
--------                      ------ -------------
C:\Windows\Installer\1a2b.msi     12 14.08.2012 10:01:02
C:\Windows\Installer\3c4d.msi 123456 14.08.2012 10:01:02

`,
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 4, Entries: []Entry{
				{Name: "1a2b.msi", Size: 12, HasSize: true, ModifiedText: "14.08.2012 10:01:02", Line: 4},
				{Name: "3c4d.msi", Size: 123456, HasSize: true, ModifiedText: "14.08.2012 10:01:02", Line: 5},
			}}},
		},
		{
			name: "empty-folder-without-switch",
			text: `C:\>dir C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys
 Volume in drive C is OS
 Volume Serial Number is 1A2B-3C4D

 Directory of C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys

File Not Found
`,
			want: []Folder{{Path: `C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys`, Line: 5, Command: `dir C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys`}},
		},
		{
			name: "wildcard",
			text: `C:\>dir /a C:\Windows\Installer\*.msp

 Directory of C:\Windows\Installer

08/14/2012  10:01 AM                 7 x.msp
               1 File(s)              7 bytes
`,
			want: []Folder{{Path: `C:\Windows\Installer`, Line: 3, Complete: true, Command: `dir /a C:\Windows\Installer\*.msp`, Switches: "/a", Pattern: "*.msp", Entries: []Entry{{Name: "x.msp", Size: 7, HasSize: true, ModifiedText: "08/14/2012  10:01 AM", Line: 5}}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffListing("a.txt", []byte(tt.text)); got == 0 && tt.name != "dir-bare" {
				t.Error("not taken for a listing")
			}
			for _, end := range []string{"\n", "\r\n"} {
				l, problems := parseListing(input(strings.ReplaceAll(tt.text, "\n", end)))
				if l == nil {
					t.Fatal("no listing")
				}
				if diff := cmp.Diff(tt.want, l.Folders, cmpopts.IgnoreUnexported(Folder{})); diff != "" {
					t.Errorf("folders (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.problems, messages(problems)); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestFolderLacks(t *testing.T) {
	const table = "\n    Directory: C:\\Windows\\Installer\n\n\nMode                LastWriteTime     Length Name\n----                -------------     ------ ----\n%s        8/14/2012  10:01 AM    1389056 %s\n\n"
	const frame = "C:\\>%s\n\n Directory of C:\\Windows\\Installer\n\n08/14/2012  10:01 AM    <DIR>          .\n08/14/2012  10:01 AM                 7 %s\n               %d File(s)              7 bytes\n"
	tests := []struct {
		name, text string
		want       bool
	}{
		{"whole", fmt.Sprintf(frame, "dir /a C:\\Windows\\Installer", "b.msi", 1), true},
		{"there", fmt.Sprintf(frame, "dir /a C:\\Windows\\Installer", "A.MSI", 1), false},
		{"without-switch", fmt.Sprintf(frame, "dir C:\\Windows\\Installer", "b.msi", 1), false},
		{"only-hidden", fmt.Sprintf(frame, "dir /ah C:\\Windows\\Installer", "b.msi", 1), false},
		{"all-but-directories", fmt.Sprintf(frame, "dir /a-d C:\\Windows\\Installer", "b.msi", 1), true},
		{"other-file-named", fmt.Sprintf(frame, "dir /a C:\\Windows\\Installer\\b.msi", "b.msi", 1), false},
		{"variable", fmt.Sprintf(frame, "dir /a %windir%\\Installer", "b.msi", 1), true},
		{"file-below-a-variable", fmt.Sprintf(frame, "dir /a %windir%\\Installer\\b.msi", "b.msi", 1), false},
		{"without-dots", strings.Replace(fmt.Sprintf(frame, "dir /a", "b.msi", 1), "<DIR>          .", "<DIR>          x", 1), false},
		{"bare", "C:\\>dir /a /b C:\\Windows\\Installer\nb.msi\nc.msi\n\n", true},
		{"bare-file", "C:\\>dir /a /b C:\\Windows\\Installer\\b.msi\nb.msi\n\n", false},
		{"powershell-empty", "PS C:\\> gci -Force C:\\Windows\\Installer\nPS C:\\>\n", true},
		{"powershell-empty-without-force", "PS C:\\> gci C:\\Windows\\Installer\nPS C:\\>\n", false},
		{"powershell-filtered", "PS C:\\> gci -Force C:\\Windows\\Installer | where Name -like b*" + fmt.Sprintf(table, "-a-hs", "b.msi"), false},
		{"powershell-sorted", "PS C:\\> gci -Force C:\\Windows\\Installer | sort Name" + fmt.Sprintf(table, "-a---", "b.msi"), true},
		{"wildcard", fmt.Sprintf(frame, "dir /a C:\\Windows\\Installer\\*.msp", "b.msi", 1), false},
		{"count-differs", fmt.Sprintf(frame, "dir /a C:\\Windows\\Installer", "b.msi", 2), false},
		{"command-not-shown", " Directory of C:\\Windows\\Installer\n\n08/14/2012  10:01 AM                 7 b.msi\n               1 File(s)              7 bytes\n", false},
		{"table-shows-hidden", fmt.Sprintf(table, "-a-hs", "b.msi"), true},
		{"table-does-not", fmt.Sprintf(table, "-a---", "b.msi"), false},
		{"name-cut-off", fmt.Sprintf(table, "-a-hs", "a..."), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := parseListing(input(tt.text))
			if l == nil || len(l.Folders) != 1 {
				t.Fatalf("got %v", l)
			}
			if got := l.Folders[0].Lacks("a.msi"); got != tt.want {
				t.Errorf("Lacks is %v: %+v", got, l.Folders[0])
			}
		})
	}
}

func TestListingIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(" Directory of C:\\A\n\n")
	for range maxEntries + 5 {
		b.WriteString("08/14/2012  10:01 AM                 7 b.msi\n")
	}
	b.WriteString("               9 File(s)              7 bytes\n\n")
	for _, folder := range []string{"A", "Installer"} {
		b.WriteString(" Directory of C:\\Windows\\" + folder + "\n\n08/14/2012  10:01 AM                 7 c.msi\n08/14/2012  10:01 AM    <JUNCTION>     j [E:\\]\n               1 File(s)              7 bytes\n\n")
	}
	l, problems := parseListing(input(b.String()))
	var got []string
	for _, f := range l.Folders {
		got = append(got, fmt.Sprintf("%s %d %v", f.Path, len(f.Entries), f.Complete))
	}
	want := []string{`C:\A 200000 false`, `C:\Windows\A 1 false`, `C:\Windows\Installer 2 true`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"the listing has 200009 entries, of which 200003 are kept"}, messages(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func FuzzListing(f *testing.F) {
	f.Add(" Directory of C:\\x\n\n08/14/2012  10:01 AM    <DIR>          .\n08/14/2012  10:01 AM             1,389 a\n               1 File(s) 7 bytes\n")
	f.Add("    Directory: C:\\x\n\nMode                LastWriteTime     Length Name\n----                -------------     ------ ----\n-a---        14.08.2012     10:01         12 c\n")
	f.Add("FullName Length\n-------- ------\nC:\\a 1\n\n\"FullName\",\"Length\"\n\"C:\\x\",\"1\"\nName : a\nLength : 1\n")
	f.Add("C:\\>dir /b/s\nC:\\a\\b\n")
	f.Fuzz(func(t *testing.T, text string) {
		sniffListing("a", []byte(text))
		in := input(text)
		l, _ := parseListing(in)
		if l == nil {
			return
		}
		for _, folder := range l.Folders {
			for _, e := range folder.Entries {
				if e.Line < 1 || e.Line > len(in.Lines) || e.Name == "" || e.Size < 0 {
					t.Errorf("entry %+v of %d lines", e, len(in.Lines))
				}
			}
		}
	})
}

func BenchmarkListing(b *testing.B) {
	var s strings.Builder
	s.WriteString(" Directory of C:\\x\n\n08/14/2012  10:01 AM    <DIR>          .\n")
	for range 20000 {
		s.WriteString("08/14/2012  10:01 AM         1,389,056 some file name.msi\n")
	}
	in := input(s.String())
	b.SetBytes(int64(s.Len()))
	b.ReportAllocs()
	for b.Loop() {
		parseListing(ingest.Input{Artifact: in.Artifact, Lines: in.Lines})
	}
}

func TestFolderLacksBeside(t *testing.T) {
	cached := regexp.MustCompile(`(?i)^[0-9a-f]+\.msi$`)
	frame := ` Directory of C:\Windows\Installer

08/14/2012  10:01 AM    <DIR>          .
08/14/2012  10:01 AM    <DIR>          ..
08/14/2012  10:01 AM                 7 %s
               1 File(s)              7 bytes
`
	tests := []struct {
		name, text string
		want       bool
	}{
		{"another-package", fmt.Sprintf(frame, "1B2C3.MSI"), true},
		{"the-package", fmt.Sprintf(frame, "23F63.MSI"), false},
		{"no-package", fmt.Sprintf(frame, "SourceHash.txt"), false},
		{"file-of-a-pattern", "C:\\>dir C:\\Windows\\Installer\\1*.msi\n" + fmt.Sprintf(frame, "1b2c3.msi"), false},
		{"hidden-files-alone", "C:\\>dir /ah C:\\Windows\\Installer\n" + fmt.Sprintf(frame, "1b2c3.msi"), false},
		{"count-differs", strings.Replace(fmt.Sprintf(frame, "1b2c3.msi"), "1 File", "2 File", 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := parseListing(input(tt.text))
			if l == nil || len(l.Folders) != 1 {
				t.Fatalf("not one folder: %+v", l)
			}
			if got := l.Folders[0].LacksBeside("23f63.msi", cached); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestFreeSpace(t *testing.T) {
	head := func(path string) string {
		return "\n Directory of " + path + "\n\n03/08/2012  09:00 AM    <DIR>          .\n03/08/2012  09:00 AM    <DIR>          ..\n"
	}
	tests := []struct {
		name, text string
		want       []VolumeFree
	}{
		{"english", head(`C:\x`) + "               0 File(s)              0 bytes\n               2 Dir(s)  12,345,678,901 bytes free\n", []VolumeFree{{`C:\x`, 12345678901, 7}}},
		{"german-none-left", head(`d:\x`) + "               0 Datei(en),              0 Bytes\n               2 Verzeichnis(se),               0 Bytes frei\n", []VolumeFree{{`d:\x`, 0, 7}}},
		{"french-blanks", head(`E:\x`) + "               0 fichier(s)                0 octets\n               2 Rép(s)   1\u00a0234\u00a0567 octets libres\n", []VolumeFree{{`E:\x`, 1234567, 7}}},
		{"russian", head(`E:\x`) + "               0 файлов              0 байт\n               2 папок   1 234 567 байт свободно\n", []VolumeFree{{`E:\x`, 1234567, 7}}},
		{"windows-nt-4", "\n Directory of C:\\x\n\n03/08/98  09:00a        <DIR>          .\n03/08/98  09:00a        <DIR>          ..\n               2 File(s)              0 bytes\n                             12,345,678 bytes free\n", []VolumeFree{{`C:\x`, 12345678, 7}}},
		{"share", head(`\\srv\data\x`) + "               0 File(s)              0 bytes\n               2 Dir(s)         512 bytes free\n", []VolumeFree{{`\\srv\data\x`, 512, 7}}},
		{
			"all-folders-below", head(`C:\x`) + "               0 File(s)              0 bytes\n" + head(`C:\x\Mounted`) + "               0 File(s)              0 bytes\n\n     Total Files Listed:\n" +
				"               0 File(s)              0 bytes\n               5 Dir(s)         512 bytes free\n", []VolumeFree{{`C:\x`, 512, 16}},
		},
		{
			"cut-and-another", head(`C:\x`) + "               0 File(s)              0 bytes\n" + head(`D:\y`) + "               0 File(s)              0 bytes\n               2 Dir(s)         512 bytes free\n", []VolumeFree{{`D:\y`, 512, 13}},
		},
		{"without-the-last-line", head(`C:\x`) + "               0 File(s)              0 bytes\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, problems := parseListing(input(tt.text))
			if l == nil {
				t.Fatalf("no listing, %v", problems)
			}
			if diff := cmp.Diff(tt.want, l.Free); diff != "" {
				t.Error(diff)
			}
		})
	}
}
