package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"casebook/ingest"
	"casebook/web"
)

func renderSingle(t *testing.T, s *web.Site) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteSingle(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 5_000_000 {
		t.Errorf("%d bytes", b.Len())
	}
	sound(t, b.Bytes())
	return b.Bytes()
}

// TestSingle shows what is around the evidence, and links to it.
func TestSingle(t *testing.T) {
	logs := map[string][]ingest.Record{"a.log": entries(1000, func(i int) string { return fmt.Sprintf("record %d.", i) })}
	page := string(renderSingle(t, logSite(logs, map[string][]int{"a.log": {100, 130, 900}})))
	for _, want := range []string{
		`id="log.1.L100"`, `href="#log.1.L100"`, `id="log.1.L80"`, `id="log.1.L150"`, `id="log.1.L880"`, `id="log.1.L920"`,
		"Lines 1 to 79 are not shown here", "Lines 151 to 879 are not shown here",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{`id="log.1.L79"`, `id="log.1.L151"`, "no room"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if page != string(renderSingle(t, logSite(logs, map[string][]int{"a.log": {100, 130, 900}}))) {
		t.Error("two documents of one report differ")
	}
	without := logSite(logs, map[string][]int{"a.log": {100}})
	without.Records = nil
	if strings.Contains(string(renderSingle(t, without)), "log.1") {
		t.Error("a log without records")
	}
}

// TestSingleZone writes the same documents, a comparison among them, whatever the zone of the machine.
func TestSingleZone(t *testing.T) {
	logs := map[string][]ingest.Record{"a.log": sampleLog()}
	draw := func() (single, changes []byte) {
		return renderSingle(t, logSite(logs, map[string][]int{"a.log": {40, 2000}})), renderDiff(t, change())
	}
	single, changes := draw()
	zone := time.Local
	defer func() { time.Local = zone }()
	for _, hours := range []int{-9, 5} {
		time.Local = time.FixedZone("x", hours*60*60)
		if s, c := draw(); !bytes.Equal(s, single) || !bytes.Equal(c, changes) {
			t.Errorf("the documents differ %d hours from UTC", hours)
		}
	}
}

// TestSingleSize cuts what does not fit, and says so.
func TestSingleSize(t *testing.T) {
	logs, cited := map[string][]ingest.Record{}, map[string][]int{}
	for i := range 400 {
		name := fmt.Sprintf("%03d.log", i)
		logs[name] = entries(100, func(int) string { return strings.Repeat("<&>", 2000) })
		cited[name] = []int{50}
	}
	page := string(renderSingle(t, logSite(logs, cited)))
	if len(page) < 4_000_000 {
		t.Errorf("%d bytes: there was room for more", len(page))
	}
	if !strings.Contains(page, "there was no room") {
		t.Error("the page does not say what is cut")
	}
}

// TestSingleHostile fills the records with payloads, and hides a password.
func TestSingleHostile(t *testing.T) {
	logs := map[string][]ingest.Record{"a.log": entries(len(payloads), func(i int) string { return payloads[i%len(payloads)] })}
	lines := []int{}
	for i := range payloads {
		lines = append(lines, i+1)
	}
	renderSingle(t, logSite(logs, map[string][]int{"a.log": lines}))

	logs = map[string][]ingest.Record{"a.log": entries(10, func(int) string { return "run PASSWORD=hunter2" })}
	page := string(renderSingle(t, logSite(logs, map[string][]int{"a.log": {5}})))
	if strings.Contains(page, "hunter2") || !strings.Contains(page, "PASSWORD=[removed]") {
		t.Error("a password is shown")
	}
}

func TestSingleErrors(t *testing.T) {
	s := logSite(map[string][]ingest.Record{"a.log": entries(10, func(int) string { return "x" })}, map[string][]int{"a.log": {5}})
	broken := errors.New("broken")
	s.Records = func(string, int) iter.Seq2[ingest.Record, error] {
		return func(yield func(ingest.Record, error) bool) { yield(ingest.Record{}, broken) }
	}
	if err := s.WriteSingle(&bytes.Buffer{}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
