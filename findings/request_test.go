package findings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"casebook/findings"
)

func asks(check string, v findings.Verdict, s findings.Severity, system string, missing ...findings.Missing) findings.Finding {
	f := findings.Finding{Check: check, Verdict: v, Severity: s, System: system, Missing: missing}
	if v == findings.NotEvaluated {
		f.Reason = findings.DataMissing
	}
	return f
}

func want(n int) findings.Missing {
	return findings.Missing{What: fmt.Sprintf("thing %d", n), Why: fmt.Sprintf("it tells %d.", n), Collect: fmt.Sprintf("collect %d", n)}
}

func resolved(f findings.Finding) findings.Finding {
	f.State = findings.Resolved
	return f
}

func reg(what, collect string) findings.Missing {
	return findings.Missing{What: what, Why: "it tells", Collect: collect}
}

// TestRequest ranks, joins and words what to ask for.
func TestRequest(t *testing.T) {
	absent := asks("absent", findings.NotEvaluated, findings.Critical, "", want(9))
	absent.Reason = findings.ProductAbsent
	tests := []struct {
		name  string
		list  []findings.Finding
		items []string
		text  []string // lines that it holds
	}{
		{name: "nothing"},
		{name: "confirmed-ruled-out-and-absent-products-ask-nothing", list: []findings.Finding{
			absent, asks("a", findings.Confirmed, findings.High, "", want(1)), asks("b", findings.RuledOut, findings.High, "", want(2)),
		}},
		{
			name: "suspected-before-not-evaluated-and-graver-first",
			list: []findings.Finding{
				asks("a", findings.NotEvaluated, findings.Critical, "", want(1)), asks("b", findings.Suspected, findings.Low, "", want(2)),
				asks("c", findings.Suspected, findings.High, "", want(3)),
			},
			items: []string{"thing 3: c", "thing 2: b", "thing 1: a"},
			text:  []string{"To finish the analysis we need three more things, which are not in the upload:", "1. Thing 3, because it tells 3.", "       collect 3"},
		},
		{
			name: "one-computer-is-named-once",
			list: []findings.Finding{asks("a", findings.Suspected, findings.High, "PC1", want(1)), asks("b", findings.Suspected, findings.High, "PC1", want(2))},
			items: []string{
				"thing 1: a", "thing 2: b",
			},
			text: []string{"To finish the analysis we need two more things from PC1, which are not in the upload:", "1. Thing 1, because it tells 1."},
		},
		{
			name: "several-computers-are-named-with-each-thing",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.High, "PC2", want(1)), asks("a", findings.Suspected, findings.High, "PC1", want(1)),
				asks("b", findings.NotEvaluated, findings.High, "", want(2)),
			},
			items: []string{"thing 1: a", "thing 2: b"},
			text:  []string{"To finish the analysis we need two more things, which are not in the upload:", "1. Thing 1 from PC1, PC2, because it tells 1.", "2. Thing 2, because it tells 2."},
		},
		{
			name: "the-same-command-or-words-once",
			list: []findings.Finding{
				asks("b", findings.Suspected, findings.High, "", findings.Missing{What: "the hive", Why: "w", Collect: "save it"}),
				asks("a", findings.Suspected, findings.High, "", findings.Missing{What: "The hive", Why: "w", Collect: "save it otherwise"}),
				asks("c", findings.Suspected, findings.High, "", findings.Missing{What: "its copy", Why: "w", Collect: "save it otherwise"}, findings.Missing{What: "the hive", Why: "w", Collect: "x"}),
			},
			items: []string{"The hive: a b c"},
			text:  []string{"To finish the analysis we need one more thing, which is not in the upload:"},
		},
		{
			name: "command-of-several-lines-and-a-letter-beyond-ascii",
			list: []findings.Finding{asks("a", findings.Suspected, findings.High, "", findings.Missing{What: "äußerstes", Why: "w", Collect: "one\r\ntwo"})},
			items: []string{
				"äußerstes: a",
			},
			text: []string{"1. Äußerstes, because w.", "       one", "       two"},
		},
		{
			name: "one-finding-does-not-fill-the-request",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.High, "PC1", want(1), want(2), want(3), want(4), want(5), want(6)),
				asks("b", findings.Suspected, findings.Medium, "PC1", want(7)), asks("c", findings.NotEvaluated, findings.High, "", want(8)),
			},
			items: []string{"thing 1: a", "thing 7: b", "thing 2: a", "thing 3: a", "thing 4: a"},
		},
		{
			name: "what-settles-several-first",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.High, "PC1", want(1), want(9)), asks("b", findings.Suspected, findings.High, "PC1", want(2), want(9)),
			},
			items: []string{"thing 9: a b", "thing 1: a", "thing 2: b"},
		},
		{
			name: "what-is-over-comes-last",
			list: []findings.Finding{
				resolved(asks("a", findings.Suspected, findings.Critical, "", want(1))), asks("b", findings.Suspected, findings.Low, "", want(2)),
			},
			items: []string{"thing 2: b", "thing 1: a"},
		},
		{
			name: "a-saved-hive-holds-its-keys",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.Low, "PC1", reg("a key", `reg export "HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager" "%PUBLIC%\a.reg" /y /reg:64`)),
				asks("b", findings.Suspected, findings.Low, "PC1", reg("a value", `reg query HKLM\SYSTEM\Select /v Current > "%PUBLIC%\b.txt"`)),
				asks("c", findings.Suspected, findings.Low, "PC1", reg("the hive", `reg save HKLM\SYSTEM "%PUBLIC%\SYSTEM.hiv" /y`)),
				asks("d", findings.Suspected, findings.Low, "PC2", reg("another computer's key", `reg export HKLM\SYSTEM\Select "%PUBLIC%\a.reg"`)),
				asks("e", findings.Suspected, findings.Low, "PC1", reg("another hive", `reg query HKLM\SOFTWARE\X > "%PUBLIC%\x.txt"`)),
				asks("f", findings.Suspected, findings.Low, "PC1", reg("a key of a like name", `reg export HKLM\SYSTEM2\X "%PUBLIC%\x.reg"`)),
			},
			items: []string{"the hive: a b c", "a key of a like name: f", "another computer's key: d", "another hive: e"},
		},
		{
			name: "an-export-holds-what-lies-below",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.Low, "", reg("above", `reg export HKLM\SOFTWARE\Vendor "%PUBLIC%\v.reg" /y /reg:64`)),
				asks("b", findings.Suspected, findings.Low, "", reg("below", `reg query HKLM\SOFTWARE\vendor\Agent /s /reg:64 > "%PUBLIC%\a.txt"`)),
				asks("c", findings.Suspected, findings.Low, "", reg("the other half", `reg query HKLM\SOFTWARE\Vendor\Agent /s /reg:32 > "%PUBLIC%\a32.txt"`)),
			},
			items: []string{"above: a b", "the other half: c"},
		},
		{
			name: "exports-of-one-hive-are-one-item",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.Low, "PC1", reg("this key", `reg export HKLM\SOFTWARE\A "%PUBLIC%\a.reg" /y`)),
				asks("b", findings.Suspected, findings.Low, "PC1", reg("that key", `reg export HKLM\SOFTWARE\B "%PUBLIC%\b.reg" /y`)),
			},
			items: []string{"this key and that key: a b"},
			text:  []string{`       reg export HKLM\SOFTWARE\A "%PUBLIC%\a.reg" /y`, `       reg export HKLM\SOFTWARE\B "%PUBLIC%\b.reg" /y`},
		},
		{
			name: "lines-that-another-request-holds",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.Low, "", findings.Missing{What: "both", Why: "w", Collect: "one\ntwo"}),
				asks("b", findings.Suspected, findings.High, "", findings.Missing{What: "the second", Why: "w", Collect: "two"}),
			},
			items: []string{"both: a b"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := findings.MakeRequest(tt.list, nil, nil)
			var items []string
			for _, it := range r.Items {
				items = append(items, it.What+": "+strings.Join(it.Settles, " "))
			}
			if diff := cmp.Diff(tt.items, items); diff != "" {
				t.Errorf("items differ (-want +got):\n%s", diff)
			}
			lines := strings.Split(r.Text, "\n")
			for _, l := range tt.text {
				if !slices.Contains(lines, l) {
					t.Errorf("the text has no line %q:\n%s", l, r.Text)
				}
			}
			if (r.Text == "") != (len(items) == 0) {
				t.Errorf("%d items and the text %q", len(items), r.Text)
			}
		})
	}
}

// TestRequestProperties draws findings: at most five items, each once, in an order that the order of the findings does not change.
func TestRequestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) findings.Finding {
			var missing []findings.Missing
			for _, n := range rapid.SliceOfN(rapid.IntRange(1, 9), 0, 3).Draw(t, "missing") {
				missing = append(missing, want(n))
			}
			return asks(fmt.Sprint("check-", rapid.IntRange(1, 5).Draw(t, "check")),
				rapid.SampledFrom([]findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated}).Draw(t, "verdict"),
				rapid.SampledFrom(findings.Severities()).Draw(t, "severity"), rapid.SampledFrom([]string{"", "PC1", "PC2"}).Draw(t, "system"), missing...)
		})
		list := rapid.SliceOfN(one, 0, 12).Draw(t, "findings")
		r := findings.MakeRequest(list, nil, nil)
		if len(r.Items) > 5 || r.Items == nil {
			t.Fatalf("items: %v", r.Items)
		}
		seen := map[string]bool{}
		for _, it := range r.Items {
			if seen[it.What] || len(it.Settles) == 0 || !slices.IsSorted(it.Settles) {
				t.Fatalf("item %+v", it)
			}
			seen[it.What] = true
		}
		if diff := cmp.Diff(r, findings.MakeRequest(rapid.Permutation(list).Draw(t, "order"), nil, nil)); diff != "" {
			t.Fatalf("the order of the findings changes the request:\n%s", diff)
		}
	})
}

// TestRequestPlaces words the request for the machine that it is sent to.
func TestRequestPlaces(t *testing.T) {
	const elsewhere = ` (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`
	titled := func(title string, f findings.Finding) findings.Finding {
		f.Title = title
		return f
	}
	log := func(name string) findings.Missing {
		return findings.Missing{What: name + " of the client", Why: "it records " + name, Collect: `%windir%\CCM\Logs\` + name + elsewhere}
	}
	old, modern := findings.Machine{Old: true}, findings.Machine{Modern: true}
	tests := []struct {
		name  string
		list  []findings.Finding
		about map[string]findings.Machine
		want  []string // lines of the text
		not   []string
	}{
		{
			name: "old-windows-has-neither-public-nor-new-switches",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.High, "XP", reg("a key", `reg export "HKLM\SYSTEM\Select" "%PUBLIC%\select.reg" /y /reg:64`)),
				asks("b", findings.Suspected, findings.High, "XP", reg("the System log", `wevtutil qe System /f:text /rd:true /c:5000 > "%PUBLIC%\system-events.txt"`)),
				asks("d", findings.Suspected, findings.High, "XP", reg("a copy", `copy "%windir%\x.log" "%PUBLIC%"`)),
				asks("c", findings.Suspected, findings.High, "XP", reg("rights", "icacls \"%ProgramData%\\X\" > \"%PUBLIC%\\x.txt\"\n(Windows XP and 2003: cacls)")),
			},
			about: map[string]findings.Machine{"XP": old},
			want: []string{
				`       reg export "HKLM\SYSTEM\Select" "%SystemDrive%\select.reg"`,
				`       Start, Run, eventvwr.msc: right click on the log "System", Save Log File As, of the type Text (tab delimited)`,
				`       copy "%windir%\x.log" "%SystemDrive%\"`,
				`       cacls "%ALLUSERSPROFILE%\Application Data\X" > "%SystemDrive%\x.txt"`,
			},
			not: []string{"PUBLIC", "elevated", "wevtutil", "icacls", "Windows XP and 2003", "Run as administrator"},
		},
		{
			name: "later-windows-needs-no-remark-on-old-ones",
			list: []findings.Finding{
				asks("c", findings.Suspected, findings.High, "PC", reg("rights", "icacls X > \"%PUBLIC%\\x.txt\"\n(Windows XP and 2003: cacls)")),
			},
			about: map[string]findings.Machine{"PC": modern},
			want:  []string{`       icacls X > "%PUBLIC%\x.txt"`},
			not:   []string{"Windows XP"},
		},
		{
			name: "logs-of-one-folder-are-one-item-and-the-folder-that-is-known",
			list: []findings.Finding{
				asks("a", findings.NotEvaluated, findings.High, "", log("execmgr.log")), asks("b", findings.NotEvaluated, findings.High, "PC", log("WUAHandler.log")),
				asks("c", findings.NotEvaluated, findings.High, "PC", reg("more", `xcopy "%windir%\CCM\Logs\Ccm*.log" "%PUBLIC%\ccmlogs\" /i /y`)),
			},
			about: map[string]findings.Machine{"PC": {Modern: true, ClientLogs: `%windir%\SysWOW64\CCM\Logs`}},
			want: []string{
				"To finish the analysis we need one more thing from PC, which is not in the upload:",
				`       %windir%\SysWOW64\CCM\Logs\Ccm*.log`, `       %windir%\SysWOW64\CCM\Logs\WUAHandler.log`, `       %windir%\SysWOW64\CCM\Logs\execmgr.log`,
				"   Please send:",
				"Please send these files.",
			},
			not: []string{"ConfigMgr 2007", "2."},
		},
		{
			name:  "a-machine-without-a-name-is-not-named",
			list:  []findings.Finding{asks("a", findings.Suspected, findings.High, "", log("execmgr.log"))},
			about: map[string]findings.Machine{"": {Client: true}},
			want:  []string{"1. execmgr.log of the client, because it records execmgr.log."},
			not:   []string{" from "},
		},
		{
			name:  "logs-of-the-client-come-from-those-that-have-it",
			list:  []findings.Finding{asks("a", findings.Suspected, findings.High, "", log("execmgr.log")), asks("b", findings.Suspected, findings.High, "", want(1))},
			about: map[string]findings.Machine{"PC1": {Client: true}, "PC2": {Client: true}, "SRV": {}},
			want:  []string{"1. execmgr.log of the client from PC1, PC2, because it records execmgr.log."},
		},
		{
			name: "folder-that-is-not-known",
			list: []findings.Finding{
				asks("a", findings.Suspected, findings.High, "PC", log("execmgr.log")), asks("b", findings.Suspected, findings.High, "PC", log("WUAHandler.log")),
			},
			about: map[string]findings.Machine{"PC": {}},
			want:  []string{`       %windir%\CCM\Logs\WUAHandler.log` + elsewhere, `       %windir%\CCM\Logs\execmgr.log` + elsewhere},
		},
		{
			name:  "what-no-suspicion-asks-for-rules-out",
			list:  []findings.Finding{titled("A site code is a domain's name", asks("a", findings.NotEvaluated, findings.High, "", findings.Missing{What: "the domain", Why: "the trouble comes of the code", Collect: "set"}))},
			about: nil,
			want:  []string{"1. The domain, to rule out that a site code is a domain's name."},
			not:   []string{"because"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := findings.MakeRequest(tt.list, tt.about, nil)
			lines := strings.Split(r.Text, "\n")
			for _, l := range tt.want {
				if !slices.Contains(lines, l) {
					t.Errorf("no line %q in\n%s", l, r.Text)
				}
			}
			for _, s := range tt.not {
				if strings.Contains(r.Text, s) {
					t.Errorf("%q in\n%s", s, r.Text)
				}
			}
		})
	}
}

// TestRequestHarmless asks for diagnosis with commands that only read: what changes the machine is left to suspicions, with its risk, and what installs to
// those that name the product that failed.
func TestRequestHarmless(t *testing.T) {
	install := findings.Missing{What: "the verbose log", Why: "it names the action", Collect: `msiexec /i "PACKAGE.msi" /l*v "%PUBLIC%\install.log"`}
	test := findings.Missing{What: "the log after a test", Why: "it tells", Collect: "net stop ccmexec\nren a b\nnet start ccmexec"}
	about := func(subject string, f findings.Finding) findings.Finding {
		f.Subject = subject
		return f
	}
	tests := []struct {
		name   string
		list   []findings.Finding
		what   []string
		risk   bool
		events bool
	}{
		{"nothing-failed", []findings.Finding{asks("a", findings.NotEvaluated, findings.High, "", install)}, []string{findings.InstallerEvents.What}, false, true},
		{"a-product-failed", []findings.Finding{about("Agent 7", asks("a", findings.Suspected, findings.High, "", install))}, []string{"the verbose log, of Agent 7"}, true, false},
		{"no-product-is-named", []findings.Finding{about("an unnamed product", asks("a", findings.Suspected, findings.High, "", install))}, []string{findings.InstallerEvents.What}, false, true},
		{"a-test-for-a-suspicion", []findings.Finding{asks("a", findings.Suspected, findings.High, "", test)}, []string{"the log after a test"}, true, false},
		{"no-test-to-rule-out", []findings.Finding{asks("a", findings.NotEvaluated, findings.High, "", test)}, nil, false, false},
		{"a-listing-of-services", []findings.Finding{asks("a", findings.NotEvaluated, findings.High, "", findings.Missing{What: "the services", Why: "w", Collect: `net start > "%PUBLIC%\s.txt"`})}, []string{"the services"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := findings.MakeRequest(tt.list, nil, nil)
			var what []string
			for _, it := range r.Items {
				what = append(what, it.What)
				if (it.Risk != "") != tt.risk || !strings.Contains(r.Text, it.Risk) {
					t.Errorf("risk %q in\n%s", it.Risk, r.Text)
				}
			}
			if diff := cmp.Diff(tt.what, what); diff != "" {
				t.Errorf("items differ (-want +got):\n%s", diff)
			}
			if strings.Contains(r.Text, "wevtutil") != tt.events {
				t.Errorf("got\n%s", r.Text)
			}
		})
	}
}
