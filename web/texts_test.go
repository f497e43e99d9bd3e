package web

import (
	"strings"
	"testing"

	"casebook/findings"
)

func TestWords(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"number-small", number(999), "999"},
		{"number-thousands", number(1234567), "1,234,567"},
		{"number-negative", number(-1000), "-1,000"},
		{"size-bytes", size(999), "999 B"},
		{"size-small", size(1234), "1.2 kB"},
		{"size-rounds-up-to-the-next-unit", size(999_600), "1.0 MB"},
		{"size-large", size(38_214_118), "38 MB"},
		{"size-huge", size(5_000_000_000_000_000), "5000 TB"},
		{"offset-east", offset(-60), "UTC+01:00"},
		{"offset-west", offset(300), "UTC−05:00"},
		{"offset-half-hour", offset(-330), "UTC+05:30"},
		{"offset-zero", offset(0), "UTC+00:00"},
		{"moment-in-another-zone", moment("2012-03-08T21:16:55.102+01:00"), "2012-03-08 20:16:55 UTC"},
		{"moment-that-is-none", moment("yesterday"), "yesterday"},
		{"span-of-a-day", span("2014-11-03T07:01:10Z", "2014-11-03T15:22:41Z"), "3 November 2014, 07:01 to 15:22 UTC"},
		{"span-of-days", span("2012-03-07T06:12:44Z", "2012-03-10T08:11:02Z"), "7 March 2012, 06:12 to 10 March 2012, 08:11 UTC"},
		{"span-unknown", span("", ""), ""},
		{"incident-within", coveredWords(findings.CoveredWithin), "within the time covered"},
		{"incident-before", coveredWords(findings.CoveredBefore), "before the first record: older logs are needed"},
		{"incident-after", coveredWords(findings.CoveredAfter), "after the last record: logs of that time are needed"},
		{"incident-unknown", coveredWords(findings.CoveredUnknown), "which can't be placed without a record of known time"},
		{"count-one", count(1, "file", "files"), "1 file"},
		{"count-none", count(0, "file", "files"), "0 files"},
		{"clip", clip("жабв", 2), "жа…"},
		{"clip-short", clip("жа", 2), "жа"},
		{"slug-path", slug(`C:\Program Files\Novell\ZENworks`), "c-program-files-novell-zenworks"},
		{"slug-ends", slug("--KB 948601 on WKS-0417!"), "kb-948601-on-wks-0417"},
		{"slug-empty", slug(""), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	tests := []struct{ name, from, to, first, last string }{
		{"one-day", "2012-03-08T20:11:01Z", "2012-03-08T20:19:40Z", "2012-03-08 20:11:01", "20:19:40"},
		{"two-days", "2012-03-08T20:11:01Z", "2012-03-09T20:19:40Z", "2012-03-08 20:11:01", "2012-03-09 20:19:40"},
		{"same", "2012-03-08T20:11:01Z", "2012-03-08T20:11:01Z", "2012-03-08 20:11:01", ""},
		{"only-last", "", "2012-03-08T20:11:01Z", "2012-03-08 20:11:01", ""},
		{"none", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if first, last := between(tt.from, tt.to); first != tt.first || last != tt.last {
				t.Errorf("got %q and %q, want %q and %q", first, last, tt.first, tt.last)
			}
		})
	}
}

// TestExternal lets only https addresses become links.
func TestExternal(t *testing.T) {
	tests := []struct {
		name, address, want string // "" for no link
	}{
		{"https", "https://learn.microsoft.com/a?b=c&d=e#f", "https://learn.microsoft.com/a?b=c&d=e#f"},
		{"quotes", `https://host/"onclick='x'`, "https://host/%22onclick=%27x%27"},
		{"http", "http://host/", ""},
		{"script", "javascript:alert(1)", ""},
		{"script-with-a-host", "javascript://host/%0aalert(1)", ""},
		{"data", "data:text/html,x", ""},
		{"file", "file://host/share", ""},
		{"unc", `\\host\share`, ""},
		{"no-scheme", "//host/x", ""},
		{"no-host", "https:x", ""},
		{"user", "https://microsoft.com@host/", ""},
		{"bidi", "https://host/\u202egpj.exe", ""},
		{"control", "https://host/\x01", ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := external(tt.address)
			if string(got) != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, tt.want)
			}
		})
	}
}

// TestSlugKeepsApart gives strings that lose what tells them apart different slugs.
func TestSlugKeepsApart(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"Жа", "Жб", "!!", "??", strings.Repeat("a", 60), strings.Repeat("a", 61), "a", "é", "e"} {
		got := slug(s)
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %q", other, s, got)
		}
		seen[got] = s
		if len(got) > maxSlug+12 {
			t.Errorf("%q has %d bytes", got, len(got))
		}
	}
}

// TestLead chooses what the page opens with.
func TestLead(t *testing.T) {
	finding := func(check string, v findings.Verdict, severity findings.Severity, state findings.State) findings.Finding {
		return findings.Finding{Check: check, Verdict: v, Severity: severity, State: state}
	}
	resolved := finding("resolved", findings.Confirmed, findings.Critical, findings.Resolved)
	low := finding("low", findings.Confirmed, findings.Low, findings.Active)
	high := finding("high", findings.Confirmed, findings.High, findings.Predicted)
	info := finding("info", findings.Confirmed, findings.Info, findings.Active)
	suspected := finding("suspected", findings.Suspected, findings.Critical, findings.Unknown)
	over := finding("over", findings.Suspected, findings.High, findings.Resolved)
	ruledOut := finding("ruled-out", findings.RuledOut, findings.High, findings.Unknown)
	tests := []struct {
		name string
		list []findings.Finding
		want string // "" for none
	}{
		{"the-gravest-confirmed", []findings.Finding{suspected, low, high}, "high"},
		{"confirmed-before-graver-suspected", []findings.Finding{suspected, low}, "low"},
		{"what-is-over-yields-to-a-suspicion", []findings.Finding{resolved, suspected}, "suspected"},
		{"what-is-over-if-there-is-nothing-else", []findings.Finding{over, resolved, info}, "resolved"},
		{"a-suspicion-that-is-over", []findings.Finding{over}, "over"},
		{"info-never", []findings.Finding{info, ruledOut}, ""},
		{"nothing", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if lead := newView(&findings.Report{Findings: tt.list}).Lead(); lead != nil {
				got = lead.Check
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNoCause says what the page says where nothing is confirmed or suspected.
func TestNoCause(t *testing.T) {
	ruledOut := findings.Finding{Check: "a", Verdict: findings.RuledOut}
	info := findings.Finding{Check: "b", Verdict: findings.Confirmed, Severity: findings.Info}
	info.Title = "The machine waits for a restart."
	suspected := info
	suspected.Verdict, suspected.Title = findings.Suspected, "perhaps"
	noData := findings.Finding{Check: "c", Verdict: findings.NotEvaluated, Reason: findings.DataMissing}
	noProduct := findings.Finding{Check: "d", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent}
	tests := []struct {
		name            string
		list            []findings.Finding
		head, text, tag string
		informed        string
	}{
		{
			"decided",
			[]findings.Finding{ruledOut, ruledOut, noData, noProduct},
			"No known problem was found in this upload.",
			"1 check found its problem ruled out for the time covered; 1 check lacked the data to decide; 1 check concerns a product that nothing in the upload shows.",
			"Nothing confirmed", "",
		},
		{
			"a-note",
			[]findings.Finding{info},
			"No known fault was found in this upload.",
			"1 check found something worth knowing that is no fault.",
			"No fault confirmed", "Confirmed as information: The machine waits for a restart.",
		},
		{
			"two-notes",
			[]findings.Finding{suspected, ruledOut, info},
			"No known fault was found in this upload.",
			"1 check found something worth knowing that is no fault; 1 check found its problem ruled out for the time covered.",
			"No fault confirmed", "Confirmed as information: The machine waits for a restart, and 1 more.",
		},
		{
			"a-suspected-note",
			[]findings.Finding{suspected},
			"No known fault was found in this upload.",
			"1 check found something worth knowing that is no fault.",
			"Nothing confirmed", "Suspected as information: perhaps.",
		},
		{"nothing-decided", []findings.Finding{noData}, "No check had what it needs: nothing is found, and nothing is ruled out.", "1 check lacked the data to decide.", "Nothing confirmed", ""},
		{"no-check", nil, "No check had what it needs: nothing is found, and nothing is ruled out.", "No check was run.", "Nothing confirmed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newView(&findings.Report{Findings: tt.list})
			if got := noCauseHead(v); got != tt.head {
				t.Errorf("head: got %q, want %q", got, tt.head)
			}
			if got := noCause(v); got != tt.text {
				t.Errorf("text: got %q, want %q", got, tt.text)
			}
			if got := noCauseTag(v); got != tt.tag {
				t.Errorf("tag: got %q, want %q", got, tt.tag)
			}
			if got := informed(v); got != tt.informed {
				t.Errorf("informed: got %q, want %q", got, tt.informed)
			}
		})
	}
}

// TestAnchors keeps the anchor of a check that says one thing, and tells several things of one check apart.
func TestAnchors(t *testing.T) {
	v := newView(&findings.Report{Findings: []findings.Finding{
		{Check: "one", Subject: "x", Verdict: findings.Confirmed},
		{Check: "two", Subject: "A", Verdict: findings.Confirmed},
		{Check: "two", System: "HOST-B", Verdict: findings.Confirmed},
		{Check: "two", Subject: "a", Verdict: findings.Confirmed},
		{Check: "findings", Verdict: findings.Confirmed},
	}})
	want := []string{"one", "two-a", "two-host-b", "two-a-2", "findings-2"}
	for i, it := range v.Causes {
		if it.Anchor != want[i] {
			t.Errorf("%s %q: got %q, want %q", it.Check, it.Subject, it.Anchor, want[i])
		}
	}
}
