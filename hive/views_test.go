package hive_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/hive"
)

const manager = `HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager`

// hex7 writes strings, each ended by a NUL, as data of a version 5 export.
func hex7(name string, strs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q=hex(7):", name)
	for i, c := range utf16(strings.Join(strs, "\x00") + "\x00") {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%02x", c)
	}
	return b.String() + "\n"
}

func TestPendingRenames(t *testing.T) {
	const first, second = "PendingFileRenameOperations", "PendingFileRenameOperations2"
	type want struct{ op, source, target, markers, quote string }
	del := func(source string) want { return want{"delete", source, "", "/", `\??\` + source + " | "} }
	ren := func(source, target string) want {
		return want{"rename", source, target, "/!", `\??\` + source + ` | !\??\` + target}
	}
	sm := "[" + manager + "]\n"
	query := func(data string) string {
		return "query\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\n    PendingFileRenameOperations    REG_MULTI_SZ    " + data
	}
	for name, tc := range map[string]struct {
		source  string
		want    []want
		problem string
	}{
		"rename and delete":   {"hive\n" + sm + hex7(first, `\??\C:\a`, `!\??\C:\b`, `\??\C:\c`, ``, ``), []want{ren(`C:\a`, `C:\b`), del(`C:\c`)}, ""},
		"delete first":        {"hive\n" + sm + hex7(first, `\??\C:\a`, ``, `\??\C:\b`, `!\??\D:\c`, ``), []want{del(`C:\a`), ren(`C:\b`, `D:\c`)}, ""},
		"no terminator":       {"hive\n" + sm + hex7(first, `\??\C:\a`, ``, `\??\C:\b`, `!\??\D:\c`), []want{del(`C:\a`), ren(`C:\b`, `D:\c`)}, ""},
		"delete, unended":     {"hive\n" + sm + hex7(first, `\??\C:\a`, ``), []want{del(`C:\a`)}, ""},
		"more terminators":    {"hive\n" + sm + hex7(first, `\??\C:\a`, ``, ``, ``, ``), []want{del(`C:\a`)}, ""},
		"empty":               {"hive\n" + sm + hex7(first, ``), nil, ""},
		"no data":             {"hive\n" + sm + "\"" + first + "\"=hex(7):\n", nil, ""},
		"both values":         {"hive\n" + sm + hex7(second, `\??\C:\2`, ``, ``) + hex7(first, `\??\C:\1`, ``, ``), []want{del(`C:\1`), del(`C:\2`)}, ""},
		"second value alone":  {"hive\n" + sm + hex7(second, `\??\C:\2`, ``, ``), []want{del(`C:\2`)}, ""},
		"odd":                 {"hive\n" + sm + hex7(first, `\??\C:\a`, ``, `\??\C:\b`, ``[:0]+`x`, `\??\C:\c`), []want{del(`C:\a`), {"rename", `C:\b`, `x`, "/", `\??\C:\b | x`}, {"unpaired", `C:\c`, "", "/", `\??\C:\c`}}, "odd number of strings"},
		"no source":           {"hive\n" + sm + hex7(first, ``, `\??\C:\b`, ``), []want{{"rename", "", `C:\b`, "/", ` | \??\C:\b`}}, "pair 1 has no source"},
		"markers":             {"hive\n" + sm + hex7(first, `@\??\C:\a`, ``, `*1\??\C:\b`, `!@\??\C:\c`, ``), []want{{"delete", `C:\a`, "", "@/", `@\??\C:\a | `}, {"rename", `C:\b`, `C:\c`, "*1/!@", `*1\??\C:\b | !@\??\C:\c`}}, ""},
		"markers, no prefix":  {"hive\n" + sm + hex7(first, `\SystemRoot\a`, `!\SystemRoot\b`, ``), []want{{"rename", `\SystemRoot\a`, `\SystemRoot\b`, "/!", `\SystemRoot\a | !\SystemRoot\b`}}, ""},
		"volume":              {"hive\n" + sm + hex7(first, `\??\Volume{00000000-0000-0000-0000-000000000001}\a`, ``, ``), []want{del(`Volume{00000000-0000-0000-0000-000000000001}\a`)}, ""},
		"another type":        {"hive\n" + sm + strings.Replace(hex7(first, `\??\C:\a`, ``, ``), "hex(7)", "hex(1)", 1), []want{del(`C:\a`)}, ""},
		"export":              {"reg\n" + sm + hex7(first, `\??\C:\a`, ``, ``), []want{del(`C:\a`)}, ""},
		"export, cut":         {"reg\n" + sm + strings.TrimSuffix(hex7(first, `\??\C:\a`, ``, `\??\C:\b`), "\n") + `,\`, []want{del(`C:\a`), {"unpaired", `C:\b`, "", "/", `\??\C:\b`}}, "cut short"},
		"reg query":           {query(`\??\C:\a\0\0\??\C:\b\0!\??\C:\c`), []want{del(`C:\a`), ren(`C:\b`, `C:\c`)}, ""},
		"reg query, 0 file":   {query(`\??\C:\0.tmp\0!\??\C:\0b\0\??\C:\c\0`), []want{ren(`C:\0.tmp`, `C:\0b`), {"delete", `C:\c`, "", "/", `\??\C:\c`}}, ""},
		"reg query, last one": {query(`\??\C:\a\0\0\??\C:\b`), []want{del(`C:\a`), {"delete", `C:\b`, "", "/", `\??\C:\b`}}, ""},
		"old reg query": {
			query(`\??\C:\a\0!\??\C:\b\0\??\C:\c\0\??\C:\d\0!\??\C:\e`),
			[]want{ren(`C:\a`, `C:\b`), {"delete", `C:\c`, "", "/", `\??\C:\c`}, ren(`C:\d`, `C:\e`)},
			"",
		},
		"old reg query, unclear": {
			query(`\??\C:\a\0\??\D:\b`),
			[]want{{"unpaired", `C:\a`, "", "/", `\??\C:\a`}, {"unpaired", `D:\b`, "", "/", `\??\D:\b`}},
			"2 strings",
		},
		"target in place of a source": {"hive\n" + sm + hex7(first, `\??\C:\a`, `x`, `!\??\C:\b`, ``, ``), []want{{"rename", `C:\a`, `x`, "/", `\??\C:\a | x`}, {"delete", `C:\b`, "", "!/", `!\??\C:\b | `}}, "lost their order"},
		"absent":                      {"hive\n" + sm, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pairs, problems := registry(t, tc.source).PendingRenames()
			var got []want
			for _, p := range pairs {
				got = append(got, want{string(p.Operation), p.Source, p.Target, p.SourceMarkers + "/" + p.TargetMarkers, p.Quote})
				if p.ReplaceExisting != strings.Contains(p.TargetMarkers, "!") {
					t.Errorf("replace existing %v, markers %q", p.ReplaceExisting, p.TargetMarkers)
				}
			}
			if d := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); d != "" {
				t.Error(d)
			}
			if said := fmt.Sprint(problems); tc.problem == "" && len(problems) > 0 || !strings.Contains(said, tc.problem) {
				t.Errorf("problems %s, want %q", said, tc.problem)
			}
		})
	}
}

// TestPendingRenamesLarge has a value that fills several segments, and checks places.
func TestPendingRenamesLarge(t *testing.T) {
	var strs []string
	for i := range 1000 {
		strs = append(strs, fmt.Sprintf(`\??\C:\Config.Msi\%d.rbf`, i), "")
	}
	r := registry(t, "hive\n["+manager+"]\n"+hex7("PendingFileRenameOperations", append(strs, "")...))
	pairs, problems := r.PendingRenames()
	if len(pairs) != 1000 || len(problems) > 0 {
		t.Fatalf("%d pairs, problems %v", len(pairs), problems)
	}
	last := pairs[999]
	if last.Index != 999 || last.Source != `C:\Config.Msi\999.rbf` || last.Found.ControlSet != 1 || last.Found.Key != `ControlSet001\Control\Session Manager` {
		t.Errorf("the last pair is %d %s in %s", last.Index, last.Source, last.Found.Key)
	}
	if !strings.Contains(last.Found.Value.Display(), last.Quote) {
		t.Error("the quote is no run of the value's strings")
	}
}

func TestMountedDevices(t *testing.T) {
	const devices = `[HKEY_LOCAL_MACHINE\SYSTEM\MountedDevices]
"\\DosDevices\\C:"=hex:78,56,34,12,00,7e,00,00,00,00,00,00
"\\??\\Volume{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}"=hex:78,56,34,12,00,7e,00,00,00,00,00,00
"\\DosDevices\\d:"=hex:44,4d,49,4f,3a,49,44,3a,33,22,11,00,55,44,77,66,88,99,aa,bb,cc,dd,ee,ff
"\\DosDevices\\E:"=hex:5c,00,3f,00,3f,00,5c,00,53,00
"#{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}"=hex:5f,00,3f,00
"odd"=hex:01,02,03
"control"=hex:01,00,02,00
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001]
`
	guid := "00112233-4455-6677-8899-aabbccddeeff"
	want := []hive.MountedDevice{
		{Name: `\DosDevices\C:`, Letter: "C:", Kind: hive.DeviceMBR, Signature: 0x12345678, Offset: 32256, Detail: "disk signature 12345678, partition at byte 32256"},
		{Name: `\??\Volume{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}`, Volume: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", Kind: hive.DeviceMBR, Signature: 0x12345678, Offset: 32256, Detail: "disk signature 12345678, partition at byte 32256"},
		{Name: `\DosDevices\d:`, Letter: "D:", GUID: guid},
		{Name: `\DosDevices\E:`, Letter: "E:", Kind: hive.DevicePath, Path: `\??\S`, Detail: `\??\S`},
		{Name: `#{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}`, Volume: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", Kind: hive.DevicePath, Path: `_?`, Detail: `_?`},
	}
	version := func(s string) string {
		return "reg\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\n\"CurrentVersion\"=\"" + s + "\"\n"
	}
	for name, tc := range map[string]struct {
		sources []string
		kind    hive.DeviceKind
		detail  string
	}{
		"version unknown": {[]string{"hive\n" + devices}, hive.DeviceGPT, "partition " + guid + ", or a volume of a dynamic disk if this is Windows 2000 to 2003; the version is not known"},
		"Windows 2003":    {[]string{"hive\n" + devices, version("5.2")}, hive.DeviceDynamic, "volume " + guid + " of a dynamic disk"},
		"Windows 7":       {[]string{"reg\n" + devices, version("6.1")}, hive.DeviceGPT, "partition " + guid},
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := registry(t, tc.sources...).MountedDevices()
			want[2].Kind, want[2].Detail = tc.kind, tc.detail
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(hive.MountedDevice{}, "Found")); d != "" {
				t.Fatal(d)
			}
			if len(problems) != 2 {
				t.Errorf("problems %v, want two values of no known form", problems)
			}
			if !got[0].SameVolume(got[1]) || got[0].SameVolume(got[2]) {
				t.Error("SameVolume: C: is the first volume, and not D:")
			}
		})
	}
	if got, problems := registry(t).MountedDevices(); got != nil || problems != nil {
		t.Errorf("of nothing: %v %v", got, problems)
	}
}

const zoneKey = "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Control\\TimeZoneInformation]\n"

const (
	europe = zoneKey + `"Bias"=dword:ffffffc4
"StandardBias"=dword:00000000
"DaylightBias"=dword:ffffffc4
"ActiveTimeBias"=dword:ffffff88
"StandardName"="@tzres.dll,-322"
"DaylightName"="@tzres.dll,-321"
"TimeZoneKeyName"=hex(1):57,00,00,00,78,00
"StandardStart"=hex:00,00,0a,00,05,00,03,00,00,00,00,00,00,00,00,00
"DaylightStart"=hex:00,00,03,00,05,00,02,00,00,00,00,00,00,00,00,00
`
	sydney = zoneKey + `"Bias"=dword:fffffda8
"StandardBias"=dword:00000000
"DaylightBias"=dword:ffffffc4
"StandardName"="AUS Eastern Standard Time"
"StandardStart"=hex:00,00,04,00,01,00,03,00,00,00,00,00,00,00,00,00
"DaylightStart"=hex:00,00,0a,00,01,00,02,00,00,00,00,00,00,00,00,00
`
	india = zoneKey + `"Bias"=dword:fffffeb6
"StandardBias"=dword:00000000
"DaylightBias"=dword:ffffffc4
"StandardStart"=hex:00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00
"DaylightStart"=hex:00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00
`
	newYork = zoneKey + `"Bias"=dword:0000012c
"StandardBias"=dword:00000000
"DaylightBias"=dword:ffffffc4
"StandardName"="Eastern Standard Time"
"TimeZoneKeyName"="Eastern Standard Time"
"StandardStart"=hex:00,00,0b,00,01,00,02,00,00,00,00,00,00,00,00,00
"DaylightStart"=hex:00,00,03,00,02,00,02,00,00,00,00,00,00,00,00,00
`
	// Rules by year: until 2006 from the first Sunday of April to the last of October, from 2007 as in newYork.
	newYorkYears = `reg
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\Eastern Standard Time\Dynamic DST]
"FirstEntry"=dword:000007d6
"LastEntry"=dword:000007d7
"2006"=hex:2c,01,00,00,00,00,00,00,c4,ff,ff,ff,00,00,0a,00,00,00,05,00,02,00,00,00,00,00,00,00,00,00,04,00,00,00,01,00,02,00,00,00,00,00,00,00
"2007"=hex:2c,01,00,00,00,00,00,00,c4,ff,ff,ff,00,00,0b,00,00,00,01,00,02,00,00,00,00,00,00,00,00,00,03,00,00,00,02,00,02,00,00,00,00,00,00,00
`
)

func TestTimeZoneBiasAt(t *testing.T) {
	for name, tc := range map[string]struct {
		sources []string
		want    map[string]int16 // by the clock's reading
	}{
		"western Europe": {[]string{"hive\n" + europe}, map[string]int16{
			"2012-01-15 12:00:00": -60, "2012-07-15 12:00:00": -120,
			"2012-03-25 01:59:59": -60, "2012-03-25 03:00:00": -120, // the last Sunday of March is the fourth
			"2013-03-31 01:59:59": -60, "2013-03-31 03:00:00": -120, // and here the fifth
			"2012-10-28 01:59:59": -120, "2012-10-28 02:00:00": -60, "2012-10-28 03:00:00": -60, // 02:00 to 03:00 is twice
			"2012-12-31 23:59:59": -60,
		}},
		"Sydney": {[]string{"hive\n" + sydney}, map[string]int16{
			"2012-01-15 12:00:00": -660, "2012-07-15 12:00:00": -600, "2012-12-15 12:00:00": -660,
			"2012-04-01 01:59:59": -660, "2012-04-01 02:00:00": -600,
			"2012-10-07 01:59:59": -600, "2012-10-07 03:00:00": -660,
		}},
		"India":                 {[]string{"hive\n" + india}, map[string]int16{"2012-01-15 12:00:00": -330, "2012-07-15 12:00:00": -330}},
		"New York":              {[]string{"hive\n" + newYork}, map[string]int16{"2006-03-20 12:00:00": 240, "2007-03-20 12:00:00": 240, "2007-11-04 12:00:00": 300}},
		"New York, by year":     {[]string{"hive\n" + newYork, newYorkYears}, map[string]int16{"2005-03-20 12:00:00": 300, "2006-03-20 12:00:00": 300, "2006-10-30 12:00:00": 300, "2007-03-20 12:00:00": 240, "2020-03-20 12:00:00": 240}},
		"New York, same rules":  {[]string{"hive\n" + newYork + "\"DynamicDaylightTimeDisabled\"=dword:1\n", newYorkYears}, map[string]int16{"2006-03-20 12:00:00": 240}},
		"daylight switched off": {[]string{"hive\n" + europe + "\"DisableAutoDaylightTimeSet\"=dword:1\n"}, map[string]int16{"2012-07-15 12:00:00": -60}},
		"rules of no sense":     {[]string{"hive\n" + strings.ReplaceAll(europe, "hex:00,00,0a,00", "hex:00,00,0d,00")}, map[string]int16{"2012-07-15 12:00:00": -60}},
		"rules cut short":       {[]string{"hive\n" + strings.ReplaceAll(europe, ",00,00,00,00,00,00,00,00\n", "\n")}, map[string]int16{"2012-07-15 12:00:00": -60}},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := registry(t, tc.sources...).TimeZone()
			if err != nil {
				t.Fatal(err)
			}
			for wall, want := range tc.want {
				at, err := time.ParseInLocation(time.DateTime, wall, time.FixedZone("x", 3600))
				if err != nil {
					t.Fatal(err)
				}
				if got := z.BiasAt(at); got != want {
					t.Errorf("%s: bias %d, want %d", wall, got, want)
				}
			}
		})
	}
}

// TestTimeZoneOffsets lists the changes in UTC, and agrees with what the clock's reading tells.
func TestTimeZoneOffsets(t *testing.T) {
	for name, tc := range map[string]struct {
		sources  []string
		from, to string
		want     []string
	}{
		"western Europe":        {[]string{"hive\n" + europe}, "2012-01-15", "2013-05-01", []string{"-60", "2012-03-25 01:00:00 -120", "2012-10-28 01:00:00 -60", "2013-03-31 01:00:00 -120"}},
		"within summer":         {[]string{"hive\n" + europe}, "2012-05-15", "2012-06-01", []string{"-120"}},
		"Sydney":                {[]string{"hive\n" + sydney}, "2012-01-15", "2012-12-31", []string{"-660", "2012-03-31 16:00:00 -600", "2012-10-06 16:00:00 -660"}},
		"India":                 {[]string{"hive\n" + india}, "2012-01-15", "2013-12-31", []string{"-330"}},
		"New York, by year":     {[]string{"hive\n" + newYork, newYorkYears}, "2006-01-01", "2007-12-01", []string{"300", "2006-04-02 07:00:00 240", "2006-10-29 06:00:00 300", "2007-03-11 07:00:00 240", "2007-11-04 06:00:00 300"}},
		"daylight switched off": {[]string{"hive\n" + europe + "\"DisableAutoDaylightTimeSet\"=dword:1\n"}, "2012-01-15", "2013-05-01", []string{"-60"}},
		"rules of no sense":     {[]string{"hive\n" + strings.ReplaceAll(europe, "hex:00,00,0a,00", "hex:00,00,0d,00")}, "2012-01-15", "2013-05-01", nil},
		"no rules":              {[]string{"hive\n" + zoneKey + `"Bias"=dword:ffffffc4` + "\n"}, "2012-01-15", "2013-05-01", nil},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := registry(t, tc.sources...).TimeZone()
			if err != nil {
				t.Fatal(err)
			}
			day := func(s string) time.Time {
				at, err := time.Parse(time.DateOnly, s)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			var got []string
			offsets := z.Offsets(day(tc.from), day(tc.to))
			for i, o := range offsets {
				s := strconv.Itoa(o.Bias)
				if i > 0 {
					s = o.From.Format(time.DateTime) + " " + s
				}
				got = append(got, s)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			for at := day(tc.from); at.Before(day(tc.to)) && offsets != nil; at = at.Add(37 * time.Minute) {
				bias := 0
				for _, o := range offsets {
					if !o.From.After(at) {
						bias = o.Bias
					}
				}
				wall := at.Add(-time.Duration(bias) * time.Minute)
				if b := int(z.BiasAt(wall)); b != bias && int(z.BiasAt(wall.Add(-time.Hour))) != bias { // a reading that is there twice is taken for standard time
					t.Fatalf("%s: bias %d, by the clock's reading %d", at, bias, b)
				}
			}
		})
	}
}

func TestTimeZone(t *testing.T) {
	z, err := registry(t, "hive\n"+europe).TimeZone()
	if err != nil {
		t.Fatal(err)
	}
	want := hive.TimeZone{
		Bias: -60, DaylightBias: -60, Active: -120, HasActive: true,
		Name: "W", StandardName: "@tzres.dll,-322", DaylightName: "@tzres.dll,-321",
		Standard: hive.TransitionRule{Month: 10, Day: 5, Hour: 3},
		Daylight: hive.TransitionRule{Month: 3, Day: 5, Hour: 2},
	}
	if d := cmp.Diff(want, z, cmpopts.IgnoreUnexported(hive.TimeZone{}), cmpopts.IgnoreFields(hive.TimeZone{}, "Found")); d != "" {
		t.Error(d)
	}
	if got := place(z.Found); got != `hive0:0 ControlSet001\Control\TimeZoneInformation [Bias] set 1` {
		t.Error(got)
	}
	for name, text := range map[string]string{"absent": "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]", "no number": zoneKey + `"Bias"="-60"`, "out of range": zoneKey + `"Bias"=dword:7fffffff`} {
		if _, err := registry(t, "hive\n"+text).TimeZone(); !errors.Is(err, hive.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const control = `HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\`

func TestSystemViews(t *testing.T) {
	r := registry(t, "hive\n["+control+`ComputerName\ComputerName]
"ComputerName"="NEWNAME"
[`+control+`ComputerName\ActiveComputerName]
"ComputerName"="OLDNAME"
[`+control+`Nls\CodePage]
"ACP"="1250"
"OEMCP"="852"
[`+control+`Windows]
"ShutdownTime"=hex:80,d7,a4,02,f5,a1,cc,01
[`+manager+`\Environment]
"windir"=hex(2):25,00,53,00,25,00,00,00
"ComSpec"="cmd"
"NUMBER"=dword:1
`, `reg
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows 10 Pro"
"CurrentVersion"="6.3"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"CurrentBuildNumber"="19045"
"CSDVersion"="SP"
"InstallDate"=dword:4f5b0880
"SystemRoot"="C:\\Windows"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]
"MachineGuid"="01234567-89ab-cdef-0123-456789abcdef"
`)
	c, err := r.ComputerName()
	if err != nil || c.Name != "NEWNAME" || c.Active != "OLDNAME" || !c.RenamePending() {
		t.Errorf("computer name %+v, %v", c, err)
	}
	p, err := r.CodePages()
	if err != nil || p.ANSI != 1250 || p.OEM != 852 {
		t.Errorf("code pages %+v, %v", p, err)
	}
	at, found, err := r.LastShutdown()
	if err != nil || at.Format(time.RFC3339Nano) != "2011-11-13T11:11:37.031872Z" || found.Value.Name != "ShutdownTime" {
		t.Errorf("shutdown %v, %v", at, err)
	}
	var env []string
	for _, v := range r.Environment() {
		env = append(env, v.Name+"="+v.Value)
	}
	if d := cmp.Diff([]string{"ComSpec=cmd", "windir=%S%"}, env); d != "" {
		t.Error(d)
	}
	product, err := r.Product()
	want := hive.Product{
		Name: "Windows 10 Pro", ServicePack: "SP", Version: "6.3", Major: 10, Build: "19045", SystemRoot: `C:\Windows`,
		Installed: time.Date(2012, 3, 10, 7, 53, 36, 0, time.UTC),
	}
	if d := cmp.Diff(want, product, cmpopts.IgnoreFields(hive.Product{}, "Found")); d != "" || err != nil {
		t.Error(d, err)
	}
	guid, _, err := r.MachineGUID()
	if err != nil || guid != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Errorf("machine GUID %q, %v", guid, err)
	}

	var none hive.Registry
	_, err1 := none.ComputerName()
	_, err2 := none.CodePages()
	_, _, err3 := none.LastShutdown()
	_, err4 := none.Product()
	_, _, err5 := none.MachineGUID()
	_, err6 := none.Service("x")
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, hive.ErrNotExist) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
	if none.Environment() != nil || none.Services() != nil || none.RebootMarkers() != nil || none.InstallerPackages() != nil {
		t.Error("an empty registry has something")
	}
}

func TestServices(t *testing.T) {
	const services = `HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\`
	r := registry(t, "hive\n["+services+`zeta]
"Type"=dword:00000020
"Start"=dword:00000002
"ErrorControl"=dword:00000001
"DelayedAutoStart"=dword:00000001
"DisplayName"="Zeta"
"ImagePath"=hex(2):73,00,00,00
"ObjectName"="LocalSystem"
"DependOnService"=hex(7):61,00,00,00,62,00,00,00,00,00
[`+services+`zeta\Parameters]
"ServiceDll"=hex(2):64,00,00,00
[`+services+`Alpha]
"Type"=dword:00000001
[`+services+`counters\Performance]
"Library"="x"
`, "reg\n["+services+"ALPHA]\n\"Type\"=dword:2\n["+services+"beta]\n\"Start\"=dword:4\n")
	var names []string
	for _, s := range r.Services() {
		names = append(names, fmt.Sprintf("%s %d %d %s", s.Name, s.Type, s.Start, s.Found.Source))
	}
	if d := cmp.Diff([]string{"Alpha 1 -1 hive0", "beta -1 4 reg1", "zeta 32 2 hive0"}, names); d != "" {
		t.Error(d)
	}
	got, err := r.Service("ZETA")
	want := hive.Service{
		Name: "zeta", DisplayName: "Zeta", Type: 32, Start: 2, ErrorControl: 1, DelayedAutoStart: true,
		ImagePath: "s", ServiceDLL: "d", Account: "LocalSystem", DependsOn: []string{"a", "b"},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(hive.Service{}, "Found")); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestRebootMarkers(t *testing.T) {
	const current = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\`
	for name, tc := range map[string]struct {
		source string
		want   []string
	}{
		"keys": {"reg\n[" + current + `Component Based Servicing\RebootPending]
[` + current + `WindowsUpdate\Auto Update\RebootRequired]
"0"=dword:1
[` + current + `WindowsUpdate\Services\Pending\{7971f918-a847-4430-9279-4a52d1efe18d}]
`, []string{
			`RebootPending ` + current + `Component Based Servicing\RebootPending []`,
			`RebootRequired ` + current + `WindowsUpdate\Auto Update\RebootRequired []`,
			`Services\Pending ` + current + `WindowsUpdate\Services\Pending\{7971f918-a847-4430-9279-4a52d1efe18d} []`,
		}},
		"values": {"reg\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates]\n\"UpdateExeVolatile\"=dword:3\n[" + current + "RunOnce]\n\"DVDRebootSignal\"=\"x\"", []string{
			`UpdateExeVolatile HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Updates [UpdateExeVolatile]`,
			`DVDRebootSignal ` + current + `RunOnce [DVDRebootSignal]`,
		}},
		"netlogon": {"hive\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Netlogon]\n\"JoinDomain\"=dword:1", []string{`JoinDomain ControlSet001\Services\Netlogon [JoinDomain]`}},
		"new name": {"reg\n[" + control + "ComputerName\\ComputerName]\n\"ComputerName\"=\"B\"\n[" + control + "ComputerName\\ActiveComputerName]\n\"ComputerName\"=\"A\"", []string{`ActiveComputerName ` + control + `ComputerName\ActiveComputerName [ComputerName]`}},
		"none":     {"reg\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates]\n\"UpdateExeVolatile\"=dword:0\n[" + current + "Component Based Servicing]\n[" + current + "WindowsUpdate\\Services\\Pending]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range registry(t, tc.source).RebootMarkers() {
				got = append(got, fmt.Sprintf("%s %s [%s]", m.Name, m.Found.Key, m.Found.Value.Name))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestInstallerPackages(t *testing.T) {
	const data = `Microsoft\Windows\CurrentVersion\Installer\UserData\`
	soft := "hive\n" + strings.NewReplacer("@", `[HKEY_LOCAL_MACHINE\SOFTWARE\`+data, "#", `[HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\`+data).Replace(`[HKEY_LOCAL_MACHINE\SOFTWARE\Classes]
@S-1-5-18\Products\46EE79081EDFA9042BD5D3DF6882171E\InstallProperties]
"LocalPackage"="C:\\Windows\\Installer\\3ac38.msi"
"DisplayName"="Agent"
"DisplayVersion"="1.2"
"Publisher"="Vendor"
@S-1-5-18\Products\00000000000000000000000000000001\Features]
@S-1-5-18\Products\not a code\InstallProperties]
@S-1-5-18\Patches\00000000000000000000000000000020]
"LocalPackage"="C:\\Windows\\Installer\\p.msp"
@S-1-5-21-1\Products\000000000000000000000000000000A0\InstallProperties]
#S-1-5-18\Products\46ee79081edfa9042bd5d3df6882171e\InstallProperties]
#S-1-5-18\Products\11111111111111111111111111111111\InstallProperties]
`)
	want := []hive.InstallerPackage{
		{Code: "{00000000-0000-0000-0000-000000000002}", Packed: "00000000000000000000000000000020", Patch: true, SID: "S-1-5-18", LocalPackage: `C:\Windows\Installer\p.msp`},
		{Code: "{8097EE64-FDE1-409A-B25D-3DFD862871E1}", Packed: "46EE79081EDFA9042BD5D3DF6882171E", SID: "S-1-5-18", DisplayName: "Agent", Version: "1.2", Publisher: "Vendor", LocalPackage: `C:\Windows\Installer\3ac38.msi`},
		{Code: "{00000000-0000-0000-0000-00000000000A}", Packed: "000000000000000000000000000000A0", SID: "S-1-5-21-1"},
		{Code: "{11111111-1111-1111-1111-111111111111}", Packed: "11111111111111111111111111111111", SID: "S-1-5-18"},
	}
	got := registry(t, soft).InstallerPackages()
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(hive.InstallerPackage{}, "Found")); d != "" {
		t.Fatal(d)
	}
	if at := place(got[1].Found); at != `hive0:0 `+data+`S-1-5-18\Products\46EE79081EDFA9042BD5D3DF6882171E\InstallProperties [LocalPackage]` {
		t.Error(at)
	}
}

func TestPackGUID(t *testing.T) {
	const code, packed = "{8097EE64-FDE1-409A-B25D-3DFD862871E1}", "46EE79081EDFA9042BD5D3DF6882171E"
	if got, ok := hive.PackGUID(strings.ToLower(code)); got != packed || !ok {
		t.Errorf("%q %v", got, ok)
	}
	if got, ok := hive.PackGUID(strings.Trim(code, "{}")); got != packed || !ok {
		t.Errorf("%q %v", got, ok)
	}
	if got, ok := hive.UnpackGUID(strings.ToLower(packed)); got != code || !ok {
		t.Errorf("%q %v", got, ok)
	}
	for _, s := range []string{"", "46EE79081EDFA9042BD5D3DF6882171", "46EE79081EDFA9042BD5D3DF6882171G", packed + "0", strings.Repeat("ı", 16), code} {
		if got, ok := hive.UnpackGUID(s); ok {
			t.Errorf("%q is unpacked to %q", s, got)
		}
	}
	for _, s := range []string{"", packed, "{8097EE64-FDE1-409A-B25D-3DFD862871E1", "8097EE64xFDE1-409A-B25D-3DFD862871E1"} {
		if got, ok := hive.PackGUID(s); ok {
			t.Errorf("%q is packed to %q", s, got)
		}
	}
}

func TestSeenVolumes(t *testing.T) {
	const list = `\Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2`
	var got []string
	for _, v := range registry(t, "reg\n[HKEY_CURRENT_USER"+list+"]\n[HKEY_CURRENT_USER"+list+"\\##server#share#below]\n[HKEY_CURRENT_USER"+list+"\\d]\n[HKEY_CURRENT_USER"+list+
		"\\{D38A501B-ECFC-11DF-A2D7-806E6F6E6963}]\n[HKEY_CURRENT_USER"+list+"\\CPC]\n[HKEY_CURRENT_USER"+list+"\\1]\n",
		"reg\n[HKEY_USERS\\S-1-5-21-1"+list+"\\C]\n").SeenVolumes() {
		got = append(got, fmt.Sprintf("%s %s %s:%d", v.Kind, v.Name, v.Found.Source, v.Found.Line))
	}
	want := []string{`share \\server\share\below reg0:4`, `letter D: reg0:5`, `volume {d38a501b-ecfc-11df-a2d7-806e6f6e6963} reg0:6`, `letter C: reg1:3`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := registry(t).SeenVolumes(); len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestDeletedPendingRenames(t *testing.T) {
	// The first bytes of the first path are overwritten.
	got := registry(t, `hive
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
; deleted
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager\Old]
"PendingFileRenameOperations"=hex(7):20,20,0c,00,3f,00,5c,00,43,00,3a,00,5c,00,62,00,00,00,00,00,\
  5c,00,3f,00,3f,00,5c,00,43,00,3a,00,5c,00,61,00,00,00,00,00,00,00
"other"="x"
`, "reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]\n").DeletedPendingRenames()
	if len(got) != 1 || got[0].Source != "hive0" || got[0].Offset < 4096 || len(got[0].Pairs) != 1 || got[0].Pairs[0].Source != `C:\a` || got[0].Pairs[0].Operation != hive.OperationDelete {
		t.Errorf("%+v", got)
	}
}
