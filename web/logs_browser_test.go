package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"casebook/ingest"
)

// sampleLog is a log as agents write them, with evidence in the lines 40 (of the record of line 35), 2,000 and 3,001.
func sampleLog() []ingest.Record {
	texts := []string{
		"Successfully sent location services HTTP failure message.",
		"Raising event:\n\ninstance of SoftDistProgramStartedEvent\n{\n\tClientID = \"GUID:6F3A3D7E-52C1-4F0E-8D6B-806E6F6E6963\";\n\tProcessID = 3180;\n};",
		"Policy state for [CCM_Policy_Policy5.PolicyID=\"{6f3a3d7e-52c1-4f0e-8d6b-806e6f6e6963}\",PolicyVersion=\"7.00\"] is currently [Active]",
		"RegTask: Failed to get certificate. Error: 0x80004005",
		"Failed to open to WMI namespace '\\\\.\\root\\ccm' (80041003)",
	}
	rs := entries(4200, func(i int) string { return texts[i%len(texts)] })
	for i := range rs {
		rs[i].Component = []byte([]string{"CcmExec", "ClientIDManagerStartup", "PolicyAgent"}[i%3])
		switch i % 5 {
		case 3:
			rs[i].Severity = ingest.SeverityError
		case 4:
			rs[i].Severity = ingest.SeverityWarning
		}
	}
	return rs
}

// writeLogs writes a site with the sample log to disk and returns the address of the log's first page.
func writeLogs(t *testing.T) string {
	t.Helper()
	s := logSite(map[string][]ingest.Record{"WKS-0417/logs/ClientIDManagerStartup.log": sampleLog()}, map[string][]int{"WKS-0417/logs/ClientIDManagerStartup.log": {40, 2000, 3001}})
	a := &s.Report.Artifacts[0]
	a.ClockReason, a.FirstTime, a.LastTime, a.Truncated = "each record states its offset", "2012-03-08T20:16:00Z", "2012-03-08T21:43:28Z", true
	s.Report.Problems = []ingest.Problem{{Artifact: a.Path, Stage: ingest.StageRead, Message: "the member ends after 1,048,576 of 2,218,004 bytes: the archive is cut short; ask for the upload again"}}
	s.Report.Findings[0].Title = "The ConfigMgr client cannot get its certificate"
	dir := t.TempDir()
	for name, data := range drawSite(t, s) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + filepath.Join(dir, "logs", "wks-0417-logs-clientidmanagerstartup-log.1.html")
}

// state is what a page of a log shows.
type state struct {
	Rows, Wider               int
	Tools                     bool
	Status, Time, Zone, Focus string
}

const logState = `(() => {
	const table = document.querySelector("table.log"), rows = [...table.tBodies[0].rows].filter(r => r.checkVisibility())
	return {
		Rows: rows.length,
		Tools: document.querySelector(".tools").checkVisibility(),
		Wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		Status: document.querySelector(".tools output").textContent,
		Time: rows.length ? rows[0].cells[2].textContent : "",
		Zone: table.querySelector(".zone").textContent,
		Focus: document.activeElement.textContent.slice(0, 20),
	}
})()`

// TestBrowserLog works with a page of a log: filters, both times, keys, links; and reads it without a script.
func TestBrowserLog(t *testing.T) {
	ctx := browser(t)
	address := writeLogs(t)
	w := observe(ctx, t)
	do := func(script string) {
		t.Helper()
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](script)); err != nil {
			t.Fatalf("%s: %v", script, err)
		}
	}
	look := func() state {
		t.Helper()
		s, err := chromedp.Run(ctx, chromedp.Evaluate[state](logState))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	open := func(width int64, theme string) {
		t.Helper()
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
		if err == nil {
			err = chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate("about:blank"), chromedp.Navigate(address))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, width := range []int64{320, 900, 1440} {
		for _, theme := range []string{"light", "dark"} {
			open(width, theme)
			if s := look(); s.Wider > 0 || s.Rows != 4000 || !s.Tools {
				t.Errorf("%d pixels, %s: %+v", width, theme, s)
			}
			shot(ctx, t, fmt.Sprintf("log-%d-%s.png", width, theme), chromedp.CaptureScreenshot())
			do(`document.documentElement.style.scrollBehavior = "auto"; document.querySelector(".codes").open = true; location.hash = "#L45"`)
			shot(ctx, t, fmt.Sprintf("log-%d-%s-target.png", width, theme), chromedp.CaptureScreenshot())
		}
	}
	open(1440, "light")
	w.take()

	const component, text, severity = `.tools [name=component]`, `.tools [name=text]`, `.tools [name=severity]`
	choose := func(selector, value, event string) state {
		t.Helper()
		do(fmt.Sprintf(`(() => { const c = document.querySelector(%q); c.value = %q; c.dispatchEvent(new Event(%q)) })()`, selector, value, event))
		return look()
	}
	for _, step := range []struct {
		selector, value string
		rows            int
	}{
		{severity, "E", 800},
		{severity, "EW", 1600},
		{component, "=PolicyAgent", 533},
		{component, "", 1600},
		{severity, "x", 3},
		{severity, "", 4000},
	} {
		s := choose(step.selector, step.value, "change")
		want := fmt.Sprintf("%d of 4000 records of this page", step.rows)
		if step.rows == 4000 {
			want = ""
		}
		if s.Rows != step.rows || s.Status != want {
			t.Errorf("%s = %q: %d rows, %q, want %d, %q", step.selector, step.value, s.Rows, s.Status, step.rows, want)
		}
	}
	choose(text, "CERTIFICATE. error", "input")
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector(".tools output").textContent != ""`)); err != nil {
		t.Fatal(err)
	}
	if s := look(); s.Rows != 800 {
		t.Errorf("a text leaves %d rows, want 800", s.Rows)
	}
	do(`location.hash = "#L1"`) // the filter hides it
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector(".tools [name=text]").value == ""`)); err != nil {
		t.Fatal(err)
	}
	if s := look(); s.Rows != 4000 || s.Status != "" {
		t.Errorf("a link to a hidden row leaves %+v", s)
	}

	if s := look(); s.Time != "2012-03-08 21:16:00" || s.Zone != "UTC+01:00" {
		t.Errorf("the log's own time: %+v", s)
	}
	do(`document.querySelector(".tools [name=utc]").click()`)
	if s := look(); s.Time != "2012-03-08 20:16:00" || s.Zone != "UTC" {
		t.Errorf("UTC: %+v", s)
	}
	do(`document.querySelector(".tools [name=utc]").click()`)
	if s := look(); s.Time != "2012-03-08 21:16:00" || s.Zone != "UTC+01:00" {
		t.Errorf("the log's own time again: %+v", s)
	}

	for _, step := range []struct{ key, focus string }{{"n", "35"}, {"n", "2000"}, {"n", "3001"}, {"n", "3001"}, {"p", "2000"}, {"p", "35"}} {
		if err := chromedp.Do(ctx, chromedp.KeyEvent(step.key)); err != nil {
			t.Fatal(err)
		}
		if s := look(); s.Focus != step.focus {
			t.Errorf("key %s: the focus is on %q, want line %s (%s)", step.key, s.Focus, step.focus, s.Status)
		}
	}
	requests, complaints := w.take()
	if len(requests)+len(complaints) > 0 {
		t.Errorf("the page asks for %q; the browser complains: %q", requests, complaints)
	}

	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	open(1440, "light")
	if s := look(); s.Rows != 4000 || s.Tools {
		t.Errorf("without a script: %+v", s)
	}
	shot(ctx, t, "log-no-script.png", chromedp.CaptureScreenshot())
}
