package facts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/ingest"
	"casebook/internal/docscheck"
	"casebook/internal/fixture"
)

// uploads packs the uploads that short describes and returns their paths. Each line is a member: "PATH system NAME [WRITTEN]" a SYSTEM hive,
// "PATH software GUID PRODUCT" a SOFTWARE hive, "PATH reg KEY VALUE" an export, "PATH msi NAME" an Installer log that names its computer,
// "PATH log TEXT" a log and "PATH text LINE|LINE" a text; "upload NAME" begins the next upload.
func uploads(t *testing.T, short string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	var files []txtar.File
	name := "bundle.zip"
	flush := func() {
		if len(files) == 0 {
			return
		}
		data, err := fixture.Zip(files)
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		paths, files = append(paths, p), nil
	}
	for line := range strings.Lines(short) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "upload "); ok {
			flush()
			name = rest
			continue
		}
		path, rest, _ := strings.Cut(line, " ")
		verb, arg, _ := strings.Cut(rest, " ")
		files = append(files, member(t, path, verb, arg))
	}
	flush()
	return paths
}

func member(t *testing.T, path, verb, arg string) txtar.File {
	t.Helper()
	const header = "Windows Registry Editor Version 5.00\n"
	first, second, _ := strings.Cut(arg, " ")
	text := ""
	switch verb {
	case "system": // NAME [WRITTEN]
		path += ".hive.reg"
		text = header
		if second != "" {
			text += "; last written: " + second + "\n"
		}
		text += `[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
"From"="` + path + `"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\TimeZoneInformation]
"Bias"=dword:ffffffc4
"StandardName"="W. Europe Standard Time"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Nls\CodePage]
"ACP"="1251"
"OEMCP"="866"
`
		if first != "-" {
			text += `[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName]
"ComputerName"="` + first + `"
`
		}
	case "software": // GUID [PRODUCT]
		path += ".hive.reg"
		text = header + `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]
"MachineGuid"="` + first + `"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]
"ProductName"="` + second + `"
`
	case "reg": // KEY VALUE
		text = header + "[" + first + "]\n" + second + "\n"
	case "msi":
		text = "=== Verbose logging started: 3/1/2012  10:00:00  Build type: SHIP UNICODE 5.00.7601.00  Calling process: C:\\Windows\\system32\\msiexec.exe ===\n" +
			"MSI (c) (10:20) [10:00:00:100]: Resetting cached policy values\n" +
			"Property(S): ComputerName = " + arg + "\n" +
			"=== Verbose logging stopped: 3/1/2012  10:00:01 ===\n"
	case "log":
		text = "2012-03-01 10:00:00 " + arg + "\n"
	case "text":
		text = strings.ReplaceAll(arg, "|", "\n") + "\n"
	default:
		t.Fatalf("no verb %q", verb)
	}
	return txtar.File{Name: path, Data: []byte(text)}
}

// told renders what a report says of systems: each with its SYSTEM hive, product and artifacts, those with the word for their clock; what
// belongs to none; and the problems of that stage.
func told(r *findings.Report) string {
	var b strings.Builder
	ids := []string{}
	for _, s := range r.Systems {
		fmt.Fprintf(&b, "%s:", label(s.ID))
		ids = append(ids, s.ID)
		if s.Hive != "" {
			fmt.Fprintf(&b, " hive=%s", s.Hive)
		}
		if s.Product != "" {
			fmt.Fprintf(&b, " product=%s", s.Product)
		}
		b.WriteString("\n")
		list(&b, r, s.ID)
	}
	if !slices.Contains(ids, "") && slices.ContainsFunc(r.Artifacts, func(a findings.Artifact) bool { return a.System == "" }) {
		b.WriteString("nobody:\n")
		list(&b, r, "")
	}
	for _, p := range r.Problems {
		if p.Stage == ingest.StageSystem {
			fmt.Fprintf(&b, "! %s %s\n", p.Artifact, p.Message)
		}
	}
	return b.String()
}

func label(id string) string {
	if id == "" {
		return "-"
	}
	return id
}

func list(b *strings.Builder, r *findings.Report, id string) {
	for _, a := range r.Artifacts {
		if a.System == id {
			clock := ""
			if a.Clock != "none" {
				clock = " " + a.Clock
			}
			fmt.Fprintf(b, "  %s%s\n", a.Path, clock)
		}
	}
}

// TestSystems analyses small bundles and compares whose each artifact is.
func TestSystems(t *testing.T) {
	tests := []struct {
		name, bundle, host, want string
	}{
		{
			name:   "no-identity",
			bundle: `a.log log started`,
			want:   "-:\n  a.log unknown\n",
		},
		{
			name: "one-machine",
			bundle: `config/SYSTEM system Pc-1
				config/SOFTWARE software 1111 Windows 7
				logs/a.log log started`,
			want: "PC-1: hive=config/SYSTEM product=Windows 7\n  config/SOFTWARE\n  config/SYSTEM\n  logs/a.log system\n",
		},
		{
			name: "software-alone",
			bundle: `config/SOFTWARE software 1111 Windows 7
				a.log log started`,
			want: "-: product=Windows 7\n  a.log unknown\n  config/SOFTWARE\n",
		},
		{
			name: "software-takes-the-name-that-a-log-states",
			bundle: `config/SOFTWARE software 1111 Windows 7
				logs/inst.log msi pc-9`,
			want: "PC-9: product=Windows 7\n  config/SOFTWARE\n  logs/inst.log unknown\n",
		},
		{
			name: "longest-folder",
			bundle: `case/a/C/Windows/System32/config/SYSTEM system ALPHA
				case/a/C/Windows/CCM/Logs/x.log log started
				case/b/C/Windows/System32/config/SYSTEM system BETA
				case/b/C/Windows/System32/config/SOFTWARE software 2222 Windows 8
				case/b/C/Windows/CCM/Logs/x.log log started
				case/notes.log log of neither`,
			want: "ALPHA: hive=case/a/C/Windows/System32/config/SYSTEM\n" +
				"  case/a/C/Windows/CCM/Logs/x.log system\n  case/a/C/Windows/System32/config/SYSTEM\n" +
				"BETA: hive=case/b/C/Windows/System32/config/SYSTEM product=Windows 8\n" +
				"  case/b/C/Windows/CCM/Logs/x.log system\n  case/b/C/Windows/System32/config/SOFTWARE\n  case/b/C/Windows/System32/config/SYSTEM\n" +
				"nobody:\n  case/notes.log unknown\n",
		},
		{
			name: "regback-is-older",
			bundle: `config/RegBack/SYSTEM system PC1
				config/RegBack/SOFTWARE software 1111 Windows Vista
				config/SYSTEM system PC1
				config/SOFTWARE software 1111 Windows 7`,
			want: "PC1: hive=config/SYSTEM product=Windows 7\n  config/RegBack/SOFTWARE\n  config/RegBack/SYSTEM\n  config/SOFTWARE\n  config/SYSTEM\n",
		},
		{
			name: "regback-of-the-time-before-a-rename",
			bundle: `config/RegBack/SYSTEM system OLDNAME
				config/SYSTEM system PC1`,
			want: "PC1: hive=config/SYSTEM\n  config/RegBack/SYSTEM\n  config/SYSTEM\n",
		},
		{
			name: "newest-capture-answers",
			bundle: `a/SYSTEM system PC1 2012-03-01T10:00:00Z
				b/SYSTEM system PC1 2012-03-05T10:00:00Z
				c/SYSTEM system PC1 2012-03-03T10:00:00Z`,
			want: "PC1: hive=b/SYSTEM\n  a/SYSTEM\n  b/SYSTEM\n  c/SYSTEM\n",
		},
		{
			name: "same-name-other-machine",
			bundle: `a/SYSTEM system PC1
				a/SOFTWARE software 1111 Windows 7
				a/x.log log started
				b/SYSTEM system pc1
				b/SOFTWARE software 2222 Windows 8
				b/x.log log started
				c/inst.log msi PC1`,
			want: "PC1: hive=a/SYSTEM product=Windows 7\n  a/SOFTWARE\n  a/SYSTEM\n  a/x.log system\n" +
				"PC1~2: hive=b/SYSTEM product=Windows 8\n  b/SOFTWARE\n  b/SYSTEM\n  b/x.log system\n" +
				"nobody:\n  c/inst.log unknown\n",
		},
		{
			name: "software-of-another-machine",
			bundle: `a/SYSTEM system PC1
				a/SOFTWARE software 1111 Windows 7
				b/SOFTWARE software 2222 Windows 8`,
			want: "PC1: hive=a/SYSTEM product=Windows 7\n  a/SOFTWARE\n  a/SYSTEM\nb: product=Windows 8\n  b/SOFTWARE\n",
		},
		{
			name: "unnamed-hives-in-folders",
			bundle: `x/one/SOFTWARE software 1111 Windows 7
				x/one/a.log log started
				x/two/SOFTWARE software 2222 Windows 8
				x/two/a.log log started`,
			want: "x/one: product=Windows 7\n  x/one/SOFTWARE\n  x/one/a.log unknown\nx/two: product=Windows 8\n  x/two/SOFTWARE\n  x/two/a.log unknown\n",
		},
		{
			name: "exports-of-parts",
			bundle: `reg/ccm.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\CCM "A"="1"
				reg/env.reg reg HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls "B"="1"
				reg2/nt.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NT "C"="1"`,
			want: "-: hive=reg/env.reg\n  reg/ccm.reg\n  reg/env.reg\n  reg2/nt.reg\n",
		},
		{
			name: "one-export-of-each-host",
			bundle: `one/ccm.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\CCM "A"="1"
				two/ccm.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\CCM "A"="2"`,
			want: "one:\n  one/ccm.reg\ntwo:\n  two/ccm.reg\n",
		},
		{
			name: "hive-loaded-under-another-name",
			bundle: `pc.reg reg HKEY_LOCAL_MACHINE\OFFLINE\ControlSet001\Control\ComputerName\ComputerName "ComputerName"="PC7"
				a.log log started`,
			want: "PC7: hive=pc.reg\n  a.log unknown\n  pc.reg\n",
		},
		{
			name: "log-states-its-computer",
			bundle: `hive/SYSTEM system ALPHA
				logs/inst.log msi beta.example.com
				logs/other.log log started`,
			want: "ALPHA: hive=hive/SYSTEM\n  hive/SYSTEM\nBETA:\n  logs/inst.log unknown\nnobody:\n  logs/other.log unknown\n",
		},
		{
			name: "folders-of-logs-alone",
			bundle: `one/inst.log msi ALPHA
				one/x.log log started
				two/inst.log msi BETA
				two/x.log log started
				x.log log started`,
			want: "ALPHA:\n  one/inst.log unknown\n  one/x.log unknown\nBETA:\n  two/inst.log unknown\n  two/x.log unknown\nnobody:\n  x.log unknown\n",
		},
		{
			name: "dns-name-of-a-registered-computer",
			bundle: `hive/SYSTEM system ALPHA
				logs/inst.log msi alpha.example.com`,
			want: "ALPHA: hive=hive/SYSTEM\n  hive/SYSTEM\n  logs/inst.log system\n",
		},
		{
			name: "computer-name-cut-to-fifteen",
			bundle: `hive/SYSTEM system VERYLONGCOMPUTE
				b/SYSTEM system OTHER
				logs/inst.log msi VeryLongComputerName`,
			want: "OTHER: hive=b/SYSTEM\n  b/SYSTEM\nVERYLONGCOMPUTE: hive=hive/SYSTEM\n  hive/SYSTEM\n  logs/inst.log unknown\n",
		},
		{
			name: "same-name-in-two-domains",
			bundle: `a.log msi web01.a.example
				b.log msi web01.b.example`,
			want: "WEB01:\n  a.log unknown\nWEB01~2:\n  b.log unknown\n",
		},
		{
			name: "conflict-beside-a-hive",
			bundle: `a/Windows/System32/config/SYSTEM system ALPHA
				a/Windows/CCM/inst.log msi BETA
				a/Windows/CCM/other.log log started
				b/SYSTEM system BETA`,
			want: "ALPHA: hive=a/Windows/System32/config/SYSTEM\n  a/Windows/CCM/other.log system\n  a/Windows/System32/config/SYSTEM\n" +
				"BETA: hive=b/SYSTEM\n  a/Windows/CCM/inst.log unknown\n  b/SYSTEM\n" +
				"! a/Windows/CCM/inst.log names \"BETA\" as its computer and lies with what is of \"ALPHA\"; it confirms nothing\n",
		},
		{
			name: "conflict-in-the-only-folder",
			bundle: `a/Windows/System32/config/SYSTEM system ALPHA
				a/Windows/CCM/inst.log msi BETA`,
			want: "ALPHA: hive=a/Windows/System32/config/SYSTEM\n  a/Windows/System32/config/SYSTEM\nBETA:\n  a/Windows/CCM/inst.log unknown\n" +
				"! a/Windows/CCM/inst.log names \"BETA\" as its computer and lies with what is of \"ALPHA\"; it confirms nothing\n",
		},
		{
			name: "a-log-that-names-another-does-not-draw-its-folder",
			bundle: `a/SYSTEM system ALPHA
				a/inst.log msi GAMMA
				a/other.log log started
				b/SYSTEM system BETA`,
			want: "ALPHA: hive=a/SYSTEM\n  a/SYSTEM\n  a/other.log system\nBETA: hive=b/SYSTEM\n  b/SYSTEM\nGAMMA:\n  a/inst.log unknown\n" +
				"! a/inst.log names \"GAMMA\" as its computer and lies with what is of \"ALPHA\"; it confirms nothing\n",
		},
		{
			name: "several-names-of-its-own",
			bundle: `a/SYSTEM system ALPHA
				a/env.txt text COMPUTERNAME=ALPHA|COMPUTERNAME=BETA`,
			want: "ALPHA: hive=a/SYSTEM\n  a/SYSTEM\n  a/env.txt\n! a/env.txt names several computers as its own (\"ALPHA\", \"BETA\"); it confirms nothing\n",
		},
		{
			name: "name-with-and-without-domain-is-one",
			bundle: `a/SYSTEM system ALPHA
				a/env.txt text COMPUTERNAME=ALPHA|COMPUTERNAME=alpha.example.com`,
			want: "ALPHA: hive=a/SYSTEM\n  a/SYSTEM\n  a/env.txt\n",
		},
		{
			name: "names-of-files-and-folders",
			bundle: `hives/SYSTEM1 system WKS-1
				hives/SYSTEM2 system WKS-10
				wks-1_ccm.log log started
				WKS-10-ccm.log log started
				WKS-1.log log started
				WKS-100.log log started
				WKS-10/ccm.log log started
				wks-1.logs/ccm.log log started`,
			want: "WKS-1: hive=hives/SYSTEM1\n  WKS-1.log system\n  hives/SYSTEM1\n  wks-1.logs/ccm.log system\n  wks-1_ccm.log system\n" +
				"WKS-10: hive=hives/SYSTEM2\n  WKS-10-ccm.log system\n  WKS-10/ccm.log system\n  hives/SYSTEM2\n" +
				"nobody:\n  WKS-100.log unknown\n",
		},
		{
			name: "hive-deeper-than-a-folder-of-another-name",
			bundle: `ALPHA_2012/a/SYSTEM system ALPHA
				ALPHA_2012/b/SYSTEM system BETA
				ALPHA_2012/b/SOFTWARE software 2222 Windows 8
				ALPHA_2012/b/inst.log msi BETA
				ALPHA_2012/b/x.log log started
				ALPHA_2012/x.log log started`,
			want: "ALPHA: hive=ALPHA_2012/a/SYSTEM\n  ALPHA_2012/a/SYSTEM\n  ALPHA_2012/x.log system\n" +
				"BETA: hive=ALPHA_2012/b/SYSTEM product=Windows 8\n  ALPHA_2012/b/SOFTWARE\n  ALPHA_2012/b/SYSTEM\n  ALPHA_2012/b/inst.log system\n  ALPHA_2012/b/x.log system\n",
		},
		{
			name: "folder-of-one-computer-with-a-log-of-another",
			bundle: `hives/SYSTEM1 system ALPHA
				hives/SYSTEM2 system BETA
				ALPHA/inst.log msi BETA
				ALPHA/BETA_x.log log started`,
			want: "ALPHA: hive=hives/SYSTEM1\n  hives/SYSTEM1\n" +
				"BETA: hive=hives/SYSTEM2\n  ALPHA/BETA_x.log unknown\n  ALPHA/inst.log unknown\n  hives/SYSTEM2\n" +
				"! ALPHA/BETA_x.log names \"BETA\" as its computer and lies with what is of \"ALPHA\"; it confirms nothing\n" +
				"! ALPHA/inst.log names \"BETA\" as its computer and lies with what is of \"ALPHA\"; it confirms nothing\n",
		},
		{
			name: "flat-registry-by-file-name",
			bundle: `ALPHA_SYSTEM system ALPHA
				ALPHA_SOFTWARE software 1111 Windows 7
				BETA_SYSTEM system BETA
				BETA_SOFTWARE software 2222 Windows 8
				SOFTWARE software 3333 Windows 10`,
			want: ".: product=Windows 10\n  SOFTWARE\n" +
				"ALPHA: hive=ALPHA_SYSTEM product=Windows 7\n  ALPHA_SOFTWARE\n  ALPHA_SYSTEM\n" +
				"BETA: hive=BETA_SYSTEM product=Windows 8\n  BETA_SOFTWARE\n  BETA_SYSTEM\n",
		},
		{
			name:   "host-of-loose-files",
			bundle: `a.log log started`,
			host:   "pc5",
			want:   "PC5:\n  a.log unknown\n",
		},
		{
			name: "host-names-an-unnamed-hive",
			bundle: `SOFTWARE software 1111 Windows 7
				a.log log started`,
			host: "pc5",
			want: "PC5: product=Windows 7\n  SOFTWARE\n  a.log unknown\n",
		},
		{
			name: "host-takes-only-what-has-no-identity",
			bundle: `a/SYSTEM system ALPHA
				a/x.log log started
				b/inst.log msi BETA
				c/x.log log started`,
			host: "pc5",
			want: "ALPHA: hive=a/SYSTEM\n  a/SYSTEM\n  a/x.log system\nBETA:\n  b/inst.log unknown\nPC5:\n  c/x.log unknown\n",
		},
		{
			name: "host-that-nothing-needs",
			bundle: `a/SYSTEM system ALPHA
				a/x.log log started`,
			host: "pc5",
			want: "ALPHA: hive=a/SYSTEM\n  a/SYSTEM\n  a/x.log system\n",
		},
		{
			name: "second-upload-without-a-hive",
			bundle: `upload first.zip
				SYSTEM system ALPHA
				upload reply.zip
				x.log log started`,
			want: "ALPHA: hive=first.zip/SYSTEM\n  first.zip/SYSTEM\n  reply.zip/x.log system\n",
		},
		{
			name: "two-uploads-of-one-machine",
			bundle: `upload first.zip
				SYSTEM system ALPHA 2012-03-01T10:00:00Z
				SOFTWARE software 1111 Windows 7
				x.log log started
				upload reply.zip
				SYSTEM system ALPHA 2012-03-04T10:00:00Z
				SOFTWARE software 1111 Windows 7
				y.log log started`,
			want: "ALPHA: hive=reply.zip/SYSTEM product=Windows 7\n  first.zip/SOFTWARE\n  first.zip/SYSTEM\n  first.zip/x.log system\n" +
				"  reply.zip/SOFTWARE\n  reply.zip/SYSTEM\n  reply.zip/y.log system\n",
		},
		{
			name: "exports-that-disagree",
			bundle: `a.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\X "A"="1"
				b.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\X "A"="2"`,
			want: "-:\n  a.reg\n  b.reg\n" +
				"! b.reg says otherwise than \"a.reg\" of the key \"HKEY_LOCAL_MACHINE\\\\SOFTWARE\\\\X\", and nothing tells which is newer; it is taken for the older one\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			paths := uploads(t, tt.bundle)
			r := analyse(t, paths, casebook.Options{Host: tt.host, Checks: []*findings.Check{}})
			if diff := cmp.Diff(tt.want, told(r)); diff != "" {
				t.Errorf("systems differ (-want +got):\n%s", diff)
			}
		})
	}
}

// analyse reads uploads as one case, twice with different numbers of workers, and holds the report to its schema.
func analyse(t *testing.T, paths []string, opt casebook.Options) *findings.Report {
	t.Helper()
	var reports [2]*findings.Report
	var data [2][]byte
	for i, workers := range []int{1, 4} {
		opt.Workers, opt.Version = workers, "test"
		r, err := casebook.Analyze(context.Background(), paths, opt)
		if err != nil {
			t.Fatal(err)
		}
		reports[i] = r
		if data[i], err = casebook.EncodeReport(r); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(data[i]) {
			t.Fatal("report.json is no JSON")
		}
	}
	docscheck.Report(t, data[0])
	if diff := cmp.Diff(string(data[0]), string(data[1])); diff != "" {
		t.Errorf("the report depends on the number of workers:\n%s", diff)
	}
	return reports[0]
}
