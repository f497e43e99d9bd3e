package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casebook/internal/regftest"
)

const lookText = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\Tcpip]
"ImagePath"="system32\\drivers\\tcpip.sys"
"Blob"=hex:00,54,00,43,00,50,00,ff
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Имя]
; deleted
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\Gone]
"was"="here"
`

// look runs a command over hives in a folder: clean, and dirty with its log.
func look(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Chdir(t.TempDir())
	clean, err := regftest.Build(lookText)
	if err != nil {
		t.Fatal(err)
	}
	dirty, err := regftest.Options{Dirty: true}.Build(lookText)
	if err != nil {
		t.Fatal(err)
	}
	second, err := regftest.Build(strings.NewReplacer("dword:00000001", "dword:00000002", `"ImagePath"="system32\\drivers\\tcpip.sys"`+"\n", "",
		`[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Имя]`+"\n", "").Replace(lookText))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"SYSTEM": clean, "dirty/SYSTEM": dirty, "dirty/system.log1": regftest.Log(7, dirty, second), "x.reg": []byte(lookText),
		"config.reg": []byte("REGEDIT4\n[HKEY_CURRENT_CONFIG\\System]\n\"v\"=\"x\"\n\"w\"=-\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code = program.Run(t.Context(), append([]string{"hive"}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestHiveLook(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		want []string // parts of stdout, or of stderr for a wrong use
	}{
		"export-key":       {[]string{"export", "SYSTEM", "Select"}, 0, []string{"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\r\n\"Current\"=dword:00000001\r\n"}},
		"export-prefix":    {[]string{"export", "SYSTEM", "Select", "--prefix", `HKEY_LOCAL_MACHINE\TEMP\`}, 0, []string{"[HKEY_LOCAL_MACHINE\\TEMP\\Select]"}},
		"export-utf16":     {[]string{"export", "SYSTEM"}, 0, []string{"\xff\xfeW\x00i\x00n\x00", "\x18\x04<\x04O\x04"}},
		"export-utf8":      {[]string{"export", "SYSTEM", "--utf8"}, 0, []string{`[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Имя]`, "\"ImagePath\"=\"system32\\\\drivers\\\\tcpip.sys\"\r\n"}},
		"export-of-text":   {[]string{"export", "x.reg", `HKEY_LOCAL_MACHINE\SYSTEM\Select`}, 0, []string{"[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\r\n\"Current\""}},
		"export-no-key":    {[]string{"export", "SYSTEM", "Nowhere"}, 1, []string{`no key "Nowhere"`}},
		"ls-near":          {[]string{"ls", "SYSTEM", `CurrentControlSet\Services\None`}, 1, []string{`no key "CurrentControlSet\Services\None"; the keys in "ControlSet001\Services" are Tcpip`}},
		"ls-config":        {[]string{"ls", "config.reg", `HKCC\System`}, 0, []string{"v  REG_SZ  x"}},
		"ls-script":        {[]string{"ls", "config.reg", `HKEY_CURRENT_CONFIG\System`}, 0, []string{"line 4: the line asks to delete something, which no export does: the file is a script of changes"}},
		"find-name":        {[]string{"find", "SYSTEM", "TCPIP", "--names"}, 0, []string{"ControlSet001\\Services\\Tcpip\\\n"}},
		"find-data":        {[]string{"find", "SYSTEM", "drivers", "ControlSet001"}, 0, []string{`ControlSet001\Services\Tcpip\  ImagePath  REG_SZ  system32\drivers\tcpip.sys`}},
		"find-in-binary":   {[]string{"find", "SYSTEM", "tcp", "--data"}, 0, []string{"Blob  REG_BINARY  00 54 00 43 00 50 00 ff"}},
		"find-deleted-not": {[]string{"find", "SYSTEM", "here"}, 1, []string{""}},
		"find-json":        {[]string{"find", "SYSTEM", "current", "--json"}, 0, []string{`{"key":"Select","value":{"name":"Current","type":"REG_DWORD","data":"1","hex":"01000000"}}`}},
		"find-empty":       {[]string{"find", "SYSTEM", ""}, 2, []string{"not empty"}},
		"deleted":          {[]string{"ls", "--deleted", "SYSTEM"}, 0, []string{`ControlSet001\Services\Gone\`, "  was  REG_SZ  here"}},
		"deleted-json":     {[]string{"ls", "--deleted", "SYSTEM", "--json"}, 0, []string{`"path": "ControlSet001\\Services\\Gone"`, `"lost": false`}},
		"deleted-key":      {[]string{"ls", "--deleted", "SYSTEM", "Select"}, 2, []string{"takes no key"}},
		"ls-replayed":      {[]string{"get", "dirty/SYSTEM", "Select", "Current"}, 0, []string{"0x00000002 (2)"}},
		"info":             {[]string{"info", "SYSTEM"}, 0, []string{"state            clean\n", "deleted          1 key and 1 value are", "checksum         0x", ", right"}},
		"info-replayed":    {[]string{"info", "dirty/SYSTEM"}, 0, []string{"replayed 1 log entry, sequence number 7", "sequence         2, 1", "Select names ControlSet002 as current, which is not there"}},
		"info-removed":     {[]string{"info", "dirty/SYSTEM"}, 0, []string{"removed          1 key and 1 value of the file alone, by its logs"}},
		"info-json":        {[]string{"info", "dirty/SYSTEM", "--json"}, 0, []string{`"removed_keys": 1`, `"removed_values": 1`}},
		"removed":          {[]string{"ls", "--deleted", "dirty/SYSTEM"}, 0, []string{"held by the file alone, removed by its transaction logs\n", "  ControlSet001\\Имя\\\n", `ControlSet001\Services\Tcpip\  ImagePath  REG_SZ  system32\drivers\tcpip.sys`}},
		"removed-json":     {[]string{"ls", "--deleted", "dirty/SYSTEM", "--json"}, 0, []string{`"path": "ControlSet001\\Имя"`, `"key": "ControlSet001\\Services\\Tcpip"`}},
		"info-of-text":     {[]string{"info", "x.reg"}, 0, []string{"state            text export"}},
		"info-no-file":     {[]string{"info", "nowhere"}, 4, []string{"nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := look(t, tc.args...)
			if code != tc.code {
				t.Errorf("exit status %d, want %d: %s", code, tc.code, errOut)
			}
			for _, want := range tc.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("%q%q lacks %q", out, errOut, want)
				}
			}
		})
	}
}

// TestHiveLookJSON has output that must be one JSON value.
func TestHiveLookJSON(t *testing.T) {
	for _, args := range [][]string{{"export", "SYSTEM", "--json"}, {"info", "dirty/SYSTEM", "--json"}, {"info", "x.reg", "--json"}} {
		code, out, errOut := look(t, args...)
		var v any
		if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 {
			t.Errorf("%v: status %d, %v: %s%s", args, code, err, out, errOut)
		}
		if list, ok := v.([]any); args[0] == "export" && (!ok || len(list) != 6) {
			t.Errorf("%d keys: %s", len(list), out)
		}
	}
}
