package logs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSMSRecords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []entry
	}{
		{
			"server-with-zone", "Processing file: D:\\SMS\\x.sid  $$<SMS_SOFTWARE_INVENTORY_PROCESSOR><Fri Dec 10 01:12:40.304 1999 Pacific Standard Time><thread=322 (0x142)>\r\n",
			[]entry{{Text: "Processing file: D:\\SMS\\x.sid", Component: "SMS_SOFTWARE_INVENTORY_PROCESSOR", Thread: 322, Time: "1999-12-10 09:12:40.304000Z"}},
		},
		{
			"server-in-summer", "x  $$<A><Tue Jul 18 17:38:07.530 2000 Eastern Daylight Time><thread=1 (0x1)>",
			[]entry{{Text: "x", Component: "A", Thread: 1, Time: "2000-07-18 21:38:07.530000Z"}},
		},
		{
			"zone-in-german", "x  $$<A><Tue Jul 18 17:38:07.530 2000 Mitteleuropäische Sommerzeit><thread=1 (0x1)>",
			[]entry{{Text: "x", Component: "A", Thread: 1, Time: "2000-07-18 17:38:07.530000"}},
		},
		{
			"client-blank-before-bracket", "msg~~  $$<APM ><Tue May 16 13:17:10.854 2000 ><thread=1512 (0x5E8)>\n",
			[]entry{{Text: "msg", Component: "APM", Thread: 1512, Time: "2000-05-16 13:17:10.854000"}},
		},
		{
			"one-digit-day", "msg $$<Hardware Inventory Agent><Tue May  6 03:17:10.854 2003><thread=1512>\n",
			[]entry{{Text: "msg", Component: "Hardware Inventory Agent", Thread: 1512, Time: "2003-05-06 03:17:10.854000"}},
		},
		{
			"configmgr-server", "Error: x~$$<SMS_HIERARCHY_MANAGER><07-15-2023 09:12:45.332+240><thread=4116 (0x1014)>\r\n",
			[]entry{{Text: "Error: x", Component: "SMS_HIERARCHY_MANAGER", Thread: 4116, Time: "2023-07-15 13:12:45.332000Z", Severity: "error"}},
		},
		{
			"thread-of-windows-95", "x  $$<C:\\WINDOWS\\MS\\SMS\\a.exe><Tue May 16 13:17:10.854 2000><thread=4294758987 (0xFFFCD24B)>",
			[]entry{{Text: "x", Component: "C:\\WINDOWS\\MS\\SMS\\a.exe", Thread: 4294758987, Time: "2000-05-16 13:17:10.854000"}},
		},
		{
			"lines-before-the-trailer", "one\r\ntwo $$ three\r\nfour  $$<A><Tue May 16 13:17:10.854 2000><thread=1>\r\nrest\r\n",
			[]entry{{Text: "one\r\ntwo $$ three\r\nfour", Component: "A", Thread: 1, Time: "2000-05-16 13:17:10.854000"}, {Text: "rest"}},
		},
		{
			"two-on-one-line", "a $$<A><Tue May 16 13:17:10.854 2000><thread=1>b $$<B><Tue May 16 13:17:11.854 2000><thread=2>\n",
			[]entry{
				{Text: "a", Component: "A", Thread: 1, Time: "2000-05-16 13:17:10.854000"},
				{Text: "b", Component: "B", Thread: 2, Time: "2000-05-16 13:17:11.854000"},
			},
		},
		{
			"copy-from-a-viewer", "File written  \tCCIM32\t9/20/99 5:24:00 PM\t227 (0xE3)\r\n",
			[]entry{{Text: "File written", Component: "CCIM32", Thread: 227, Time: "1999-09-20 17:24:00.000000"}},
		},
		{
			"copy-with-blanks-day-first", "Text here  execmgr  20.9.2011 17:24:00  2276 (0x08E4)\n",
			[]entry{{Text: "Text here", Component: "execmgr", Thread: 2276, Time: "2011-09-20 17:24:00.000000"}},
		},
		{
			"copy-of-open-order", "Text here\tCAS\t9/10/2011 17:24:00\t2276 (0x08E4)\n",
			[]entry{{Text: "Text here", Component: "CAS", Thread: 2276}},
		},
		{
			"bad-time", "x $$<A><sometime><thread=9>\n",
			[]entry{{Text: "x", Component: "A", Thread: 9}},
		},
		{
			"no-trailer", "x $$<A><B\ny\n",
			[]entry{{Text: "x $$<A><B"}, {Text: "y"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, entries(t, smsReader, c.text)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSMSStatusMessage: GMTDATE gives the offset of its own record, and of those that follow within the hour.
func TestSMSStatusMessage(t *testing.T) {
	text := "before  $$<A><Tue Jul 18 17:38:00.000 2000><thread=1>\n" +
		"STATMSG: ID=2300 SEV=W LEV=M SOURCE=\"SMS Server\" PID=1 TID=2 GMTDATE=Tue Jul 18 21:38:07.530 2000 ISTR0=\"failed\"  $$<A><Tue Jul 18 17:38:09.000 2000><thread=1>\n" +
		"soon  $$<A><Tue Jul 18 18:38:08.000 2000><thread=1>\n" +
		"late  $$<A><Tue Jul 18 18:38:10.000 2000><thread=1>\n" +
		"STATMSG: ID=1 SEV=E GMTDATE=Tue Jul 18 23:05:07.530 2000 ISTR0=\"\"  $$<A><Tue Jul 18 18:58:00.000 2000><thread=1>\n" +
		"STATMSG: ID=1 SEV=I GMTDATE=Wed Jul 19 01:29:59.000 2000 ISTR0=\"\"  $$<A><Wed Jul 19 07:00:00.000 2000><thread=1>\n"
	var times, severities []string
	for _, e := range entries(t, smsReader, text) {
		times, severities = append(times, e.Time), append(severities, e.Severity)
	}
	want := []string{
		"2000-07-18 17:38:00.000000", "2000-07-18 21:38:09.000000Z", "2000-07-18 22:38:08.000000Z", "2000-07-18 18:38:10.000000",
		"2000-07-18 18:58:00.000000",  // seven minutes off every zone: proves nothing
		"2000-07-19 01:30:00.000000Z", // India is half an hour off
	}
	if d := cmp.Diff(want, times); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"", "warning", "", "", "error", "info"}, severities); d != "" {
		t.Error(d)
	}
}

// TestSMSForeignText: a file that is mostly something else does not become one record.
func TestSMSForeignText(t *testing.T) {
	text := strings.Repeat("plain line\n", 20_000) + "x  $$<A><Tue May 16 13:17:10.854 2000><thread=1>\n"
	got := entries(t, smsReader, text)
	if len(got) < 10_000 {
		t.Fatalf("%d records", len(got))
	}
	if last := got[len(got)-1]; last.Component != "A" || len(last.Text) > maxContinuation {
		t.Errorf("the last record has component %q and %d bytes", last.Component, len(last.Text))
	}
}

func TestZoneBias(t *testing.T) {
	for _, c := range []struct {
		name string
		year int
		want int
		ok   bool
	}{
		{"Pacific Standard Time", 1999, 480, true},
		{"Pacific Daylight Time", 1999, 420, true},
		{"W. Europe Standard Time", 2000, -60, true},
		{"W. Europe Daylight Time", 2000, -120, true},
		{"W. Europe Summer Time", 2012, -120, true},
		{"India Standard Time", 2012, -330, true},
		{"Newfoundland Daylight Time", 2012, 150, true},
		{"Lord Howe Daylight Time", 2012, -660, true},
		{"UTC-11", 2012, 660, true},
		{"UTC+13", 2012, -780, true},
		{"UTC+99", 2012, 0, false},
		{"Coordinated Universal Time", 2012, 0, true},
		{"Russian Standard Time", 2005, -180, true},
		{"Russian Standard Time", 2012, 0, false}, // Moscow moved, and machines without the update did not
		{"Westeuropäische Normalzeit", 2005, 0, false},
		{"Standard Time", 2005, 0, false},
		{"", 2005, 0, false},
	} {
		if got, ok := zoneBias([]byte(c.name), c.year); ok != c.ok || ok && got != c.want {
			t.Errorf("%q in %d: %d, %v; want %d, %v", c.name, c.year, got, ok, c.want, c.ok)
		}
	}
	for name, z := range zones {
		if z.bias < minBias || z.bias > maxBias || z.bias%15 != 0 || z.until != 0 && z.until <= z.from {
			t.Errorf("%q: %+v", name, z)
		}
	}
}
