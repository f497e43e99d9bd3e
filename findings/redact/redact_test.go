package redact_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"casebook/findings"
	"casebook/findings/redact"
	"casebook/internal/docscheck"
)

// of makes a report with one quote, and with the names that a registry states.
func of(quote string) *findings.Report {
	one := 1
	return &findings.Report{
		Schema: findings.Schema, Tool: findings.Tool{Name: "casebook", Version: "test"}, Bundle: &findings.Upload{Name: "u.zip", SHA256: strings.Repeat("0", 64), Format: "zip"},
		Systems: []findings.System{{
			ID: "NB-0231~2", ComputerName: "NB-0231", ControlSet: &one, Environment: map[string]string{"USERDOMAIN": "CONTOSO", "USERNAME": "jdoe", "Path": `C:\Windows`},
		}},
		Findings: []findings.Finding{{
			Check: "some-state", Verdict: findings.Suspected, System: "NB-0231~2", Title: "t",
			Evidence: []findings.Evidence{{Artifact: "NB-0231/a.log", Line: 1, Quote: quote, Time: "2012-03-01T10:00:00Z", Role: findings.Supports, Before: []string{`C:\Users\msmith\x`}}},
		}},
	}
}

func TestText(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a computer":             {"nb-0231 and NB-0231.", "HOST-1 and HOST-1."},
		"part of a longer word":  {"XNB-0231X", "XNB-0231X"},
		"a user of the registry": {"for jdoe", "for USER-1"},
		"a profile":              {`C:\Users\msmith\AppData and D:/Documents and Settings/msmith/x`, `C:\Users\USER-2\AppData and D:/Documents and Settings/USER-2/x`},
		"a profile of all":       {`C:\Users\Public\x`, `C:\Users\Public\x`},
		"a domain and its user":  {`CONTOSO\akim logged on`, `DOMAIN-1\USER-2 logged on`},
		"a path is no account":   {`System32\drivers\x.sys`, `System32\drivers\x.sys`},
		"an account in words":    {`user: FABRIKAM\lee.k started`, `user: DOMAIN-2\USER-2 started`},
		"a share":                {`copy \\srv-file01\share\x`, `copy \\HOST-2\share\x`},
		"a device is no server":  {`\\?\Volume{x} \\.\PIPE`, `\\?\Volume{x} \\.\PIPE`},
		"a web server":           {"http://wsus.corp.example.com:8530/x", "http://HOST-2:8530/x"},
		"a vendor's page":        {"https://support.microsoft.com/kb/1", "https://support.microsoft.com/kb/1"},
		"a mail address":         {"mail to j.doe@corp.example.com now", "mail to MAIL-1 now"},
		"addresses":              {"10.1.2.3, 10.1.2.4, 10.1.2.3, 127.0.0.1, 255.255.255.0", "IP-1, IP-2, IP-1, 127.0.0.1, 255.255.255.0"},
		"versions":               {"version 6.1.7601.17514", "version 6.1.7601.17514"},
		"IPv6":                   {"from fe80::1ff:fe23:4567:890a to ::1", "from IP-1 to ::1"},
		"times are no addresses": {"at 10:11:12 and 07:00:05.301-60", "at 10:11:12 and 07:00:05.301-60"},
		"hardware addresses":     {"MAC 00-1A-2b-3c-4d-5e", "MAC MAC-1"},
		"SIDs":                   {"S-1-5-21-1004336348-1177238915-682003330-512 S-1-5-18", "SID-1 S-1-5-18"},
		"GUIDs":                  {"{8097EE64-5A7B-4C1D-ABCD-0123456789AB}", "{GUID-1}"},
		"passwords":              {`PASSWORD=hunter2 pwd: "two words"; x`, `PASSWORD=[removed] pwd: [removed]; x`},
		"a private key":          {"-----BEGIN RSA PRIVATE KEY----- MIIE", "[removed]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := redact.Report(of(test.text)).Findings[0].Evidence[0].Quote; got != test.want {
				t.Errorf("%q became %q, want %q", test.text, got, test.want)
			}
		})
	}
}

// TestReport keeps the report's form, leaves the original as it is, and calls a name the same everywhere.
func TestReport(t *testing.T) {
	r := of(`CONTOSO\jdoe on NB-0231, C:\Users\msmith`)
	before, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got := redact.Report(r)
	if after, err := json.Marshal(r); err != nil || string(after) != string(before) {
		t.Errorf("the original changed: %s", after)
	}
	f := got.Findings[0]
	if f.System != "HOST-1~2" || got.Systems[0].ComputerName != "HOST-1" || f.Evidence[0].Artifact != "HOST-1/a.log" || got.Systems[0].ID != f.System {
		t.Errorf("the computer is %q, %q, %q", f.System, got.Systems[0].ComputerName, f.Evidence[0].Artifact)
	}
	if !reflect.DeepEqual(redact.Report(r), got) {
		t.Error("two redactions differ")
	}
	if f.Check != "some-state" || f.Evidence[0].Time != "2012-03-01T10:00:00Z" || *got.Systems[0].ControlSet != 1 {
		t.Errorf("what names nobody changed: %+v", f)
	}
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jdoe", "msmith", "0231", "contoso"} {
		if strings.Contains(strings.ToLower(string(data)), name) {
			t.Errorf("%s is still there: %s", name, data)
		}
	}
	if e := got.Systems[0].Environment; !strings.HasPrefix(e["USERDOMAIN"], "DOMAIN-") || !strings.HasPrefix(e["USERNAME"], "USER-") || e["Path"] != `C:\Windows` {
		t.Errorf("environment %v", e)
	}
}

// TestAssembled holds a redacted report to the schema.
func TestAssembled(t *testing.T) {
	r := findings.Assemble(findings.Case{
		Tool: findings.Tool{Name: "casebook", Version: "test"}, Uploads: []findings.Upload{{Name: "u.zip", SHA256: strings.Repeat("0", 64), Format: "zip"}},
	})
	data, err := json.Marshal(redact.Report(r))
	if err != nil {
		t.Fatal(err)
	}
	docscheck.Report(t, data)
}
