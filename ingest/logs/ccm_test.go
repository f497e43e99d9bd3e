package logs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ccmLine makes a record of the usual shape.
func ccmLine(text, stamp, component, kind, file string) string {
	return "<![LOG[" + text + "]LOG]!><time=\"" + stamp + "\" date=\"07-04-2012\" component=\"" + component + "\" context=\"\" type=\"" + kind +
		"\" thread=\"1234\" file=\"" + file + "\">\r\n"
}

func TestCCMRecords(t *testing.T) {
	whole := ccmLine("text", "10:00:00.123+240", "CAS", "1", "cas.cpp:12")
	record := entry{Text: "text", Component: "CAS", Thread: 1234, Time: "2012-07-04 14:00:00.123000Z", Severity: "info"}
	for _, c := range []struct {
		name, text string
		want       []entry
	}{
		{"one", whole, []entry{record}},
		{"two-on-one-line", strings.TrimSpace(whole) + whole, []entry{record, record}},
		{"no-line-end", strings.TrimSpace(whole), []entry{record}},
		{"lines-in-the-text", ccmLine("a\r\n\r\nb[c]\n", "10:00:00.123+240", "CAS", "2", "cas.cpp:12"), []entry{
			{Text: "a\r\n\r\nb[c]\n", Component: "CAS", Thread: 1234, Time: "2012-07-04 14:00:00.123000Z", Severity: "warning"},
		}},
		{"end-mark-in-the-text", ccmLine("a]LOG]!>b", "10:00:00.123+240", "CAS", "1", "cas.cpp:12"), []entry{
			{Text: "a]LOG]!>b", Component: "CAS", Thread: 1234, Time: "2012-07-04 14:00:00.123000Z", Severity: "info"},
		}},
		{"half-a-record-first", "rest of\na text]LOG]!><time=\"09:00:00.000+240\" date=\"7-4-2012\" component=\"CAS\" context=\"\" type=\"3\" thread=\"\" file=\"cas.cpp:12\">\n" + whole, []entry{
			{Text: "rest of\na text", Component: "CAS", Time: "2012-07-04 13:00:00.000000Z", Severity: "error"},
			record,
		}},
		{"plain-lines-between", whole + "plain\r\n\r\nfailed\r\n" + whole, []entry{record, {Text: "plain"}, {}, {Text: "failed", Severity: "error"}, record}},
		{"record-without-end", "<![LOG[cut\r\nmore\r\n" + whole, []entry{{Text: "cut\r\nmore"}, record}},
		{"record-without-end-last", whole + "<![LOG[cut", []entry{record, {Text: "cut"}}},
		{"cut-in-the-trailer", whole + "<![LOG[cut]LOG]!><time=\"10:00", []entry{record, {Text: "cut"}}},
		{"blank-before-the-trailer", strings.Replace(whole, "!><time", "!> <time", 1), []entry{record}},
		{"bad-time", ccmLine("text", "not-a-time", "CAS", "1", ""), []entry{{Text: "text", Component: "CAS", Thread: 1234, Severity: "info"}}},
		{"bad-date", strings.Replace(whole, "07-04-2012", "07-32-2012", 1), []entry{{Text: "text", Component: "CAS", Thread: 1234, Severity: "info"}}},
		{"no-file", strings.Replace(whole, ` file="cas.cpp:12"`, "", 1), []entry{record}}, // CAS is a component of ConfigMgr
		{"open-quote", strings.Replace(whole, `context=""`, `context="`, 1) + whole, []entry{
			{Text: "text", Component: "CAS", Time: "2012-07-04 14:00:00.123000Z"}, record,
		}},
		{"no-component", strings.Replace(whole, `"CAS"`, `""`, 1), []entry{{Text: "text", Thread: 1234, Time: "2012-07-04 14:00:00.123000Z", Severity: "info"}}},
		{"broken-attribute", strings.Replace(whole, `context=""`, `context=`, 1) + whole, []entry{
			{Text: "text", Component: "CAS", Time: "2012-07-04 14:00:00.123000Z"}, record,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, entries(t, ccmReader, c.text)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCCMSign: what ConfigMgr's own components state in a log settles the sign of what others state in it.
func TestCCMSign(t *testing.T) {
	native := ccmLine("n", "10:00:00.000+300", "CAS", "1", "cas.cpp:12")
	for _, c := range []struct {
		name, text string
		want       []string // the times
	}{
		{"opposite-sign", native + ccmLine("s", "10:01:00.000-300", "Script", "1", "a.ps1:1"), []string{"2012-07-04 15:00:00.000000Z", "2012-07-04 15:01:00.000000Z"}},
		{"same-sign", native + ccmLine("s", "10:01:00.000+300", "Script", "1", "a.ps1:1"), []string{"2012-07-04 15:00:00.000000Z", "2012-07-04 15:01:00.000000Z"}},
		{"two-signs", native + ccmLine("s", "10:01:00.000+-300", "Script", "1", "a.ps1:1"), []string{"2012-07-04 15:00:00.000000Z", "2012-07-04 15:01:00.000000Z"}},
		{"another-number", native + ccmLine("s", "10:01:00.000-060", "Script", "1", "a.ps1:1"), []string{"2012-07-04 15:00:00.000000Z", "2012-07-04 10:01:00.000000"}},
		{"constant-zero", native + ccmLine("s", "10:01:00.000+000", "ZTI", "1", "a.wsf:1"), []string{"2012-07-04 15:00:00.000000Z", "2012-07-04 10:01:00.000000"}},
		{"nobody-before", ccmLine("s", "10:01:00.000-300", "Script", "1", "a.ps1:1") + native, []string{"2012-07-04 10:01:00.000000", "2012-07-04 15:00:00.000000Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range entries(t, ccmReader, c.text) {
				got = append(got, e.Time)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCCMBias holds the rule for whose offset is believed: ConfigMgr's own components add the bias to get UTC, everyone else's is unknown.
func TestCCMBias(t *testing.T) {
	const known, unknown = true, false
	for _, c := range []struct {
		name, stamp, component, file string
		want                         string
		offset                       bool
	}{
		{"us-eastern-summer", "10:00:00.123+240", "anything", "a.cpp:1", "14:00:00.123000", known},
		{"uk-summer-unpadded", "10:00:00.123-60", "anything", "a.cpp:1", "09:00:00.123000", known},
		{"india", "10:00:00.123-330", "AppEnforce", "", "04:30:00.123000", known},
		{"c-source", "10:00:00.123+000", "anything", "a.C:1", "10:00:00.123000", known},
		{"path-of-the-source", "10:00:00.123+300", "anything", `D:\src\a.cpp:1`, "15:00:00.123000", known},
		{"component-set", "10:00:00.123+300", "execmgr", "", "15:00:00.123000", known},
		{"server-component", "10:00:00.123+300", "SMS_DISTRIBUTION_MANAGER", "", "15:00:00.123000", known},
		{"script-of-a-known-name", "10:00:00.123+300", "execmgr", "fix.ps1:3", "10:00:00.123000", unknown},
		{"mdt", "10:00:00.123+000", "ZTIGather", "ZTIGather.wsf", "10:00:00.123000", unknown},
		{"powershell-two-signs", "10:00:00.123+-360", "execmgr", "a.cpp:1", "10:00:00.123000", unknown},
		{"powershell-other-sign", "10:00:00.123+060", "Install-App", "", "10:00:00.123000", unknown},
		{"toolkit-negative", "10:00:00.567-300", "Open-ADTSession", "Open-ADTSession.ps1", "10:00:00.567000", unknown},
		{"toolkit-glued", "10:00:00.56760", "Deploy", "", "10:00:00.567000", unknown},
		{"toolkit-glued-native-name", "10:00:00.567600", "CAS", "", "10:00:00.567000", unknown},
		{"intune-seven-digits", "10:00:00.1234567", "IntuneManagementExtension", "", "10:00:00.123456", unknown},
		{"no-such-offset", "10:00:00.123+99999", "CAS", "a.cpp:1", "10:00:00.123000", unknown},
		{"no-such-zone", "10:00:00.123+1200", "CAS", "a.cpp:1", "10:00:00.123000", unknown},
		{"no-offset", "10:00:00.123", "CAS", "a.cpp:1", "10:00:00.123000", unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := "2012-07-04 " + c.want
			if c.offset {
				want += "Z"
			}
			got := entries(t, ccmReader, ccmLine("x", c.stamp, c.component, "1", c.file))
			if len(got) != 1 || got[0].Time != want {
				t.Errorf("got %+v, want time %s", got, want)
			}
		})
	}
}

func TestCCMSeverity(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"1", "failed", "info"},
		{"2", "failed", "warning"},
		{"3", "fine", "error"},
		{"0", "failed", "info"},
		{"", "it FAILED", "error"},
		{"", "fine", ""},
		{"7", "a Warning", "warning"},
	} {
		got := entries(t, ccmReader, ccmLine(c.text, "10:00:00.123+240", "CAS", c.kind, ""))
		if len(got) != 1 || got[0].Severity != c.want {
			t.Errorf("type %q, text %q: %+v, want %q", c.kind, c.text, got, c.want)
		}
	}
}
