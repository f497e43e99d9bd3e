package facts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings/facts"
	"casebook/ingest"
)

func TestTemplate(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"Failed to open file 12 of 345", "Failed to open file # of #"},
		{"GetFileVersionInfo failed, 0x80070643 (1603)", "GetFileVersionInfo failed, 0x80070643 (#)"},
		{"hr = 0x8007000d", "hr = 0x8007000D"},
		{"thread 0x1A4 ended", "thread # ended"},
		{"job {8097EE64-5A7B-4C1D-ABCD-0123456789AB} died", "job {#} died"},
		{"KB978754 on PC-0042", "KB# on PC-#"},
		{"  many \t blanks \r\nsecond line", "many blanks"},
		{`can't open C:\Temp\7zS4F.tmp`, `can't open C:\Temp\#zS#F.tmp`},
		{"Ошибка 5 при записи", "Ошибка # при записи"},
		{"MainEngineThread is returning 1603", "MainEngineThread is returning 1603"},
		{"step 12 of 99: exit code 1618 after 305 ms", "step # of #: exit code 1618 after # ms"},
		{"job 4711 returned -2147024891", "job # returned -2147024891"},
		{"exit code 0 of process 1603", "exit code # of process #"},
		{"{12345678-5a7b-4c1d-abcd-0123456789ab} error 5", "{#} error 5"},
		{"deadbeef is a word, dead1eef is not", "deadbeef is a word, # is not"},
	} {
		if got := facts.Template(test.text); got != test.want {
			t.Errorf("Template(%q) is %q, want %q", test.text, got, test.want)
		}
	}
}

// TestLoudKinds keeps one record of each of the first kinds of errors, and none of what only looks like one.
func TestLoudKinds(t *testing.T) {
	c, err := facts.NewCollector(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var artifacts []*ingest.Artifact
	feed := func(path string, kind ingest.Kind, lines ...string) {
		a := &ingest.Artifact{Path: path, Kind: kind}
		artifacts = append(artifacts, a)
		sink := c.Sink(a)
		for i, l := range lines {
			sink.Records([]ingest.Record{{Line: i + 1, Lines: 1, Raw: []byte(l + "\n"), Text: []byte(l), Severity: ingest.SeverityError}})
		}
		sink.Done(a)
	}
	feed("a.log", ingest.KindLogText, "failed at 1", "failed at 2", "lost 0x80070005", "Program exit code: 3010", "returned with 1641", "exit code 30101", "id 3010 failed")
	feed("sitectrl.ct0", ingest.KindSiteControl, "PROPERTY <Execution Failure Retry Count>")
	feed("ticket.txt", ingest.KindText, "It fails each time.")
	feed("System.txt", ingest.KindLogEvents, "Event[0]:\n  Log Name: System\n  Event ID: 7000\n  Description: \nThe X service failed to start because its file is gone.")
	systems, _ := facts.Build(artifacts, nil, c, "")
	var loud, kinds []string
	for _, f := range systems {
		for _, m := range f.Loud() {
			loud = append(loud, m.Quote)
		}
		for _, k := range f.ErrorKinds() {
			kinds = append(kinds, k.Template)
		}
	}
	event := "Event[0]:   Log Name: System   Event ID: 7000   Description:  The X service failed to start because its file is gone."
	if diff := cmp.Diff([]string{"failed at 1", "lost 0x80070005", "exit code 30101", event}, loud); diff != "" {
		t.Errorf("loud (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"The X service failed to start because its file is gone.", "exit code 30101", "failed at #", "id # failed", "lost 0x80070005"}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// TestEventKinds tells events in XML apart by their source and number, and counts those together that differ in numbers.
func TestEventKinds(t *testing.T) {
	c, err := facts.NewCollector(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	xml := func(source, id, data string) string {
		return "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name=" + source + "/><EventID Qualifiers='49152'>" + id +
			"</EventID><Level>2</Level><TimeCreated SystemTime='2012-03-08T06:00:05.1234567Z'/><EventRecordID>" + id + "</EventRecordID></System>" + data + "</Event>"
	}
	a := &ingest.Artifact{Path: "System.evtx/events.xml", Kind: ingest.KindLogEvents}
	sink := c.Sink(a)
	for i, l := range []string{
		xml("'Service Control Manager' Guid='{1}'", "7031", "<EventData><Data Name='param1'>A &amp; B</Data><Data Name='param2'>1</Data><Binary>0A0B</Binary></EventData>"),
		xml("'Service Control Manager' Guid='{1}'", "7031", "<EventData><Data Name='param1'>A &amp; B</Data><Data Name='param2'>2</Data><Binary>0A0C</Binary></EventData>"),
		xml("'Service Control Manager' Guid='{1}'", "7034", "<EventData><Data Name='param1'>A &amp; B</Data><Data Name='param2'>2</Data></EventData>"),
		xml(`"Disk"`, "11", "<EventData><Data>&#13;&#10;\\Device\\Harddisk1</Data><Data/></EventData>"),
		xml("'Other'", "5", "<EventData></EventData><RenderingInfo Culture='en-US'><Message>It broke.&#13;&#10;Twice.</Message></RenderingInfo>"),
		xml("'Empty'", "6", "<UserData><X xmlns='u'/></UserData>"),
		"<Event xmlns='x'><System><Provider Name='Cut",
	} {
		sink.Records([]ingest.Record{{Line: 1000 * (i + 1), Lines: 1, Raw: []byte(l + "\n"), Text: []byte(l), Severity: ingest.SeverityError}})
	}
	sink.Done(a)
	systems, _ := facts.Build([]*ingest.Artifact{a}, nil, c, "")
	got := map[string]int{}
	var loud []string
	for _, f := range systems {
		for _, k := range f.ErrorKinds() {
			got[k.Template] = k.Count
		}
		for _, m := range f.Loud() {
			loud = append(loud, m.Quote)
		}
	}
	want := map[string]int{
		"Service Control Manager 7031: A & B; #": 2, "Service Control Manager 7034: A & B; #": 1, `Disk 11: \Device\Harddisk#`: 1, "Other 5: It broke.": 1, "Empty 6": 1,
		"<Event xmlns='x'><System><Provider Name='Cut": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if len(loud) == 0 || !strings.Contains(loud[0], "<EventData><Data Name='param1'>A &amp; B</Data><Data Name='param2'>1</Data><Binary>0A0B</Binary></EventData></Event>") {
		t.Errorf("quotes %q", loud)
	}
}

// TestKindsOfCodes keeps errors apart that differ in their code, as long as these are few: what looks like a code may be a counter.
func TestKindsOfCodes(t *testing.T) {
	c, err := facts.NewCollector(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &ingest.Artifact{Path: "a.log", Kind: ingest.KindLogMSI}
	sink := c.Sink(a)
	line := 0
	feed := func(format string, args ...any) {
		line++
		text := fmt.Sprintf(format, args...)
		sink.Records([]ingest.Record{{Line: 10_000 + line, Lines: 1, Raw: []byte(text + "\n"), Text: []byte(text), Severity: ingest.SeverityError}})
	}
	for i := range 40 {
		feed("MainEngineThread is returning %d", []int{1603, 1618}[i%2])
		feed("attempt %d ended with exit code %d", i, 2000+i)
	}
	sink.Done(a)
	systems, _ := facts.Build([]*ingest.Artifact{a}, nil, c, "")
	got := map[string]int{}
	for _, f := range systems {
		for _, k := range f.ErrorKinds() {
			got[k.Template] += k.Count
		}
	}
	want := map[string]int{"MainEngineThread is returning 1603": 20, "MainEngineThread is returning 1618": 20, "attempt # ended with exit code #": 32}
	for i := range 8 {
		want[fmt.Sprintf("attempt # ended with exit code %d", 2000+i)] = 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func BenchmarkTemplate(b *testing.B) {
	const text = "attempt 12 of 30 by {8097EE64-5A7B-4C1D-ABCD-0123456789AB} ended with exit code 1603 after 305 ms"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		facts.Template(text)
	}
}
