package extract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

const (
	guidA = "6e5a3b3c-0000-0000-0000-100000000000"
	guidB = "6e5a3b3c-0000-0000-0000-200000000000"
)

func TestMounts(t *testing.T) {
	tests := []struct {
		name, text string
		want       *Mounts
	}{
		{
			name: "mountvol-german",
			text: `Erstellt, löscht oder zeigt einen Volumebereitstellungspunkt an.

Mögliche Werte für VolumeName sind:

    \\?\Volume{` + guidA + `}\
        C:\

    \\?\Volume{` + guidB + `}\
        C:\Program Files\Novell\
        D:\

    \\?\Volume{6e5a3b3c-0000-0000-0000-300000000000}\
        *** KEINE BEREITSTELLUNGSPUNKTE ***

`,
			want: &Mounts{
				Mounts: []Mount{
					{Directory: `C:\`, VolumeGUID: guidA, Kind: MountRoot, Tool: "mountvol", Line: 6},
					{Directory: `C:\Program Files\Novell`, VolumeGUID: guidB, Kind: MountPoint, Tool: "mountvol", Line: 9},
					{Directory: `D:\`, VolumeGUID: guidB, Kind: MountRoot, Tool: "mountvol", Line: 10},
				},
				Volumes: []Volume{
					{GUID: guidA, Paths: []string{`C:\`}, Tool: "mountvol", Line: 5},
					{GUID: guidB, Paths: []string{`C:\Program Files\Novell`, `D:\`}, Tool: "mountvol", Line: 8},
					{GUID: "6e5a3b3c-0000-0000-0000-300000000000", Unmounted: true, Tool: "mountvol", Line: 12},
				},
			},
		},
		{
			name: "mountvol-cut-off",
			text: "    \\\\?\\Volume{" + guidA + "}\\\n        C:\\\n\n    \\\\?\\Volume{" + guidB + "}\\\n",
			want: &Mounts{
				Mounts:  []Mount{{Directory: `C:\`, VolumeGUID: guidA, Kind: MountRoot, Tool: "mountvol", Line: 2}},
				Volumes: []Volume{{GUID: guidA, Paths: []string{`C:\`}, Tool: "mountvol", Line: 1}, {GUID: guidB, Tool: "mountvol", Line: 4}},
			},
		},
		{
			name: "fsutil-vista-and-plain-directory",
			text: `C:\>fsutil reparsepoint query "C:\Program Files\Novell"
Reparse Tag Value : 0xa0000003
Tag value: Microsoft
Tag value: Name Surrogate
Tag value: Mount Point
Name offset: 0
Name length: 96
Print Name offset:     98
Print Name Length:     0
Substitute Name:       \??\Volume{` + guidB + `}\

Reparse Data Length: 0x0000006e
Reparse Data:
0000:  00 00 60 00 62 00 00 00  5c 00 3f 00 3f 00 5c 00  ..` + "`" + `.b...\.?.?.\.

C:\>fsutil reparsepoint query C:\Windows
Error 4390: The file or directory is not a reparse point.

C:\>fsutil reparsepoint query C:\Missing
Error 2: The system cannot find the file specified.
`,
			want: &Mounts{
				Mounts: []Mount{{Directory: `C:\Program Files\Novell`, VolumeGUID: guidB, Target: `\??\Volume{` + guidB + `}\`, Kind: MountPoint, Tool: "fsutil", Line: 1}},
				Plain:  []Plain{{Directory: `C:\Windows`, Tool: "fsutil", Line: 16}},
			},
		},
		{
			name: "fsutil-french-without-command",
			text: `Valeur de balise d'analyse : 0xa0000003
Valeur de balise : Point de montage
Nom de substitution : \??\D:\Novell
Longueur des données d'analyse : 0x00000030
`,
			want: &Mounts{Mounts: []Mount{{Target: `\??\D:\Novell`, Kind: MountJoin, Tool: "fsutil", Line: 1}}},
		},
		{
			name: "fsutil-xp-hex-only",
			text: `C:\>fsutil reparsepoint query C:\Data
Analysewert : 0xa0000003
Datenlänge: 0x00000028
Daten:
0000:  00 00 10 00 12 00 00 00  5c 00 3f 00 3f 00 5c 00  ........\.?.?.\.
0010:  44 00 3a 00 5c 00 78 00  00 00 00 00              D.:.\.x.....
`,
			want: &Mounts{Mounts: []Mount{{Directory: `C:\Data`, Target: `\??\D:\x`, Kind: MountJoin, Tool: "fsutil", Line: 1}}},
		},
		{
			name: "diskpart-german",
			text: `DISKPART> list volume

  Volume ###  Bst  Bezeichnung  DS     Typ         Größe    Status     Info
  ----------  ---  -----------  -----  ----------  -------  ---------  --------
  Volume 0     D                       DVD-ROM         0 B  Kein Medi
* Volume 1     C   System       NTFS   Partition    100 GB  Fehlerfre  System
  Volume 2         Daten        NTFS   Partition     50 GB  Fehlerfre
    C:\Program Files\Novell\

DISKPART> exit
`,
			want: &Mounts{
				Mounts: []Mount{
					{Directory: `D:\`, Kind: MountRoot, Tool: "diskpart", Line: 5},
					{Directory: `C:\`, Kind: MountRoot, Tool: "diskpart", Line: 6},
					{Directory: `C:\Program Files\Novell`, Kind: MountPoint, Target: "Daten", Tool: "diskpart", Line: 8},
				},
				Volumes: []Volume{
					{Letter: "D", Paths: []string{`D:\`}, Tool: "diskpart", Line: 5},
					{Letter: "C", Label: "System", Paths: []string{`C:\`}, Tool: "diskpart", Line: 6},
					{Label: "Daten", Paths: []string{`C:\Program Files\Novell`}, Tool: "diskpart", Line: 7},
				},
			},
		},
		{
			name: "wmi-and-cim",
			text: `Directory : Win32_Directory.Name="C:\\Data"
Volume    : Win32_Volume.DeviceID="\\\\?\\Volume{` + guidA + `}\\"

Directory            : Win32_Directory (Name = "C:\")
Volume               : Win32_Volume (DeviceID = "\\?\Volume{` + guidB + `}\")
`,
			want: &Mounts{Mounts: []Mount{
				{Directory: `C:\Data`, VolumeGUID: guidA, Kind: MountPoint, Tool: "Win32_MountPoint", Line: 1},
				{Directory: `C:\`, VolumeGUID: guidB, Kind: MountRoot, Tool: "Win32_MountPoint", Line: 4},
			}},
		},
		{
			name: "mountvol-of-a-directory",
			text: "C:\\>mountvol C:\\Data /L\n    \\\\?\\Volume{" + guidA + "}\\\n        \n",
			want: &Mounts{Mounts: []Mount{{Directory: `C:\Data`, VolumeGUID: guidA, Kind: MountPoint, Tool: "mountvol", Line: 2}}},
		},
		{
			name: "win32-volume",
			text: "Caption     : C:\\Data\\\nDeviceID    : \\\\?\\Volume{" + guidA + "}\\\nDriveLetter : \nName        : C:\\Data\\\n\nDeviceID=\\\\?\\Volume{" + guidB + "}\\\nDriveLetter=C:\nName=C:\\\n",
			want: &Mounts{
				Mounts: []Mount{
					{Directory: `C:\Data`, VolumeGUID: guidA, Kind: MountPoint, Tool: "Win32_Volume", Line: 4},
					{Directory: `C:\`, VolumeGUID: guidB, Kind: MountRoot, Tool: "Win32_Volume", Line: 8},
				},
				Volumes: []Volume{
					{GUID: guidA, Paths: []string{`C:\Data`}, Tool: "Win32_Volume", Line: 2},
					{GUID: guidB, Letter: "C", Paths: []string{`C:\`}, Tool: "Win32_Volume", Line: 6},
				},
			},
		},
		{
			name: "win32-volume-as-a-table",
			text: "Name      DriveLetter DeviceID\n----      ----------- --------\nC:\\       C:          \\\\?\\Volume{" + guidB + "}\\\nC:\\Data\\              \\\\?\\Volume{" + guidA + "}\\\n",
			want: &Mounts{
				Mounts: []Mount{
					{Directory: `C:\`, VolumeGUID: guidB, Kind: MountRoot, Tool: "Win32_Volume", Line: 3},
					{Directory: `C:\Data`, VolumeGUID: guidA, Kind: MountPoint, Tool: "Win32_Volume", Line: 4},
				},
				Volumes: []Volume{
					{GUID: guidB, Letter: "C", Paths: []string{`C:\`}, Tool: "Win32_Volume", Line: 3},
					{GUID: guidA, Paths: []string{`C:\Data`}, Tool: "Win32_Volume", Line: 4},
				},
			},
		},
		{
			name: "wmic-volume-csv",
			text: "Node,DeviceID,Name\nPC1,\\\\?\\Volume{" + guidA + "}\\,C:\\Data\\\nPC1,\\\\?\\Volume{" + guidB + "}\\,\\\\?\\Volume{" + guidB + "}\\\n",
			want: &Mounts{
				Mounts: []Mount{{Directory: `C:\Data`, VolumeGUID: guidA, Kind: MountPoint, Tool: "Win32_Volume", Line: 2}},
				Volumes: []Volume{
					{GUID: guidA, Paths: []string{`C:\Data`}, Tool: "Win32_Volume", Line: 2},
					{GUID: guidB, Unmounted: true, Tool: "Win32_Volume", Line: 3},
				},
			},
		},
		{
			name: "get-partition",
			text: `AccessPaths          : {C:\Program Files\Novell\, \\?\Volume{` + guidA + `}
                       \}
AccessPaths          : {\\?\Volume{` + guidB + `}\}
`,
			want: &Mounts{
				Mounts: []Mount{{Directory: `C:\Program Files\Novell`, VolumeGUID: guidA, Kind: MountPoint, Tool: "Get-Partition", Line: 1}},
				Volumes: []Volume{
					{GUID: guidA, Paths: []string{`C:\Program Files\Novell`}, Tool: "Get-Partition", Line: 1},
					{GUID: guidB, Unmounted: true, Tool: "Get-Partition", Line: 3},
				},
			},
		},
		{
			name: "dir-german-junction-to-a-folder",
			text: " Verzeichnis von C:\\\n\n14.08.2012  10:01    <VERBINDUNG>   Alt [E:\\Alt]\n               0 Datei(en),              0 Bytes\n",
			want: &Mounts{Mounts: []Mount{{Directory: `C:\Alt`, Target: `E:\Alt`, Kind: MountJoin, Tool: "dir", Line: 3}}},
		},
		{
			name: "dir-russian",
			text: ` Содержимое папки C:\Program Files

14.08.2012  10:01    <DIR>          .
14.08.2012  10:01    <DIR>          ..
14.08.2012  10:01    <DIR>          Common Files
14.08.2012  10:01    <JUNCTION>     Novell [\??\Volume{` + guidA + `}\]
14.08.2012  10:01    <JUNCTION>     Old [E:\Old]
14.08.2012  10:01    <JUNCTION>     Older
14.08.2012  10:01    <SYMLINKD>     Link [D:\x]
               0 файлов              0 байт
               7 папок  12 345 678 байт свободно
`,
			want: &Mounts{Mounts: []Mount{
				{Directory: `C:\Program Files\Novell`, VolumeGUID: guidA, Target: `\??\Volume{` + guidA + `}\`, Kind: MountPoint, Tool: "dir", Line: 6},
				{Directory: `C:\Program Files\Old`, Target: `E:\Old`, Kind: MountJoin, Tool: "dir", Line: 7},
				{Directory: `C:\Program Files\Older`, Kind: MountUnknown, Tool: "dir", Line: 8},
				{Directory: `C:\Program Files\Link`, Target: `D:\x`, Kind: MountLink, Tool: "dir", Line: 9},
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffMounts("a.txt", []byte(tt.text)) == 0 {
				t.Error("not taken for mounts")
			}
			got, problems := extractMounts(input(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mounts (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestPlainDirectories(t *testing.T) {
	l, _ := parseListing(input(" Verzeichnis von C:\\\n\n14.08.2012  10:01    <DIR>          Novell\n14.08.2012  10:01    <JUNCTION>     Old [E:\\Old]\n               0 Datei(en),              0 Bytes\n"))
	if diff := cmp.Diff(map[string]int{`c:\novell`: 3}, l.PlainDirectories()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("    \\\\?\\Volume{" + guidA + "}\\\n        C:\\\n")
	f.Add("C:\\>fsutil reparsepoint query C:\\Data\nx : 0xa0000003\n0000:  00 00 10 00 12 00 00 00  5c 00 3f 00\n")
	f.Add("  Volume ###  Ltr  Label        Fs     Type        Size     Status     Info\n  ----------  ---  -----------  -----  ----------  -------  ---------  --------\n  Volume 0     D\n    C:\\x\\\n")
	f.Add("AccessPaths : {C:\\, \\\\?\\Volume{" + guidA + "}\\}\nDirectory : Win32_Directory.Name=\"C:\\\\Data\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		in := input(text)
		sniffMounts("a", []byte(text))
		v, _ := extractMounts(in)
		if v == nil {
			return
		}
		m, ok := v.(*Mounts)
		if !ok {
			t.Fatalf("a %T", v)
		}
		for _, x := range m.Mounts {
			if x.Line < 1 || x.Line > len(in.Lines) || x.Kind == "" {
				t.Errorf("mount %+v", x)
			}
		}
	})
}

func TestMountsKind(t *testing.T) {
	if got := claims("m.txt", "    \\\\?\\Volume{"+guidA+"}\\\n        C:\\\n"); got[ingest.KindMounts] < 90 {
		t.Errorf("claimed as %v", got)
	}
}
