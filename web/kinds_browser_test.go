package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
	"casebook/web"
)

// kind is a page of a kind that the sites of samples do not have.
type kind struct{ name, address string }

// longPage is the page of a log that has too many rows to walk through.
const longPage = "log-long"

// kinds writes the pages of logs, of a comparison and of a report in one document to disk.
func kinds(t *testing.T) []kind {
	t.Helper()
	const long, short, wide, cut = "WKS-0417/logs/ClientIDManagerStartup.log", "WKS-0417/logs/execmgr.log", "WKS-0417/C/Windows/Temp/a-name-without-a-place-to-break-it-0123456789012345678901234567890123456789.log", "WKS-0417/logs/cut.log"
	logs := map[string][]ingest.Record{
		long: sampleLog(), short: sampleLog()[:120],
		wide: entries(12, func(i int) string {
			return fmt.Sprintf(`Command %d: C:\Program Files\%s\setup.exe /q`+"\t%s\u202e<b>&amp;", i, strings.Repeat("Folder", 40), strings.Repeat("0123456789", 30))
		}),
		cut: entries(500, func(i int) string { return fmt.Sprintf("Step %d is done.", i) }),
	}
	for i := range logs[wide] {
		logs[wide][i].Component = []byte("A.Component.Whose.Name.Is.Longer.Than.Others")
		logs[wide][i].Time = ingest.WallTime(2012, 3, 8, 21, 16, 0, 123456).Stated(-60 * (i % 2))
	}
	site := logSite(logs, map[string][]int{long: {40, 2000, 3001}, short: {40, 100}, wide: {7}})
	site.Report.Problems = []ingest.Problem{{Artifact: short, Stage: ingest.StageRead, Message: "the member ends after 1,048,576 of 2,218,004 bytes: the archive is cut short; ask for the upload again"}}
	site.Report.Findings[0].Summary = "A restart is pending, and the logs say so."

	whole := twoHosts()
	extra := logSite(logs, map[string][]int{short: {40, 100}, wide: {7}}).Report
	whole.Artifacts = append(whole.Artifacts, extra.Artifacts...)
	slices.SortFunc(whole.Artifacts, func(a, b findings.Artifact) int { return strings.Compare(a.Path, b.Path) })
	whole.Findings = append(whole.Findings, extra.Findings...)
	var single strings.Builder
	if err := (&web.Site{Report: whole, Records: recordsOf(logs)}).WriteSingle(&single); err != nil {
		t.Fatal(err)
	}
	comparison := change()
	comparison.Systems[0].Facts = append(comparison.Systems[0].Facts, comparison.Systems[0].Facts[0])
	comparison.Systems[0].Facts[1].Before = `automatic C:\Program Files\` + strings.Repeat("Folder", 30) + `\service.exe`
	comparison.Errors.Came[0].Template = strings.Repeat("0123456789", 20) + " failed with #"

	dir := t.TempDir()
	for folder, pages := range map[string]map[string][]byte{
		"site": drawSite(t, site), "single": {web.PageIndex: []byte(single.String())}, "diff": {web.PageIndex: renderDiff(t, comparison)},
	} {
		soundSite(t, pages)
		for name, data := range pages {
			file := filepath.Join(dir, folder, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := []kind{
		{longPage, "site/logs/wks-0417-logs-clientidmanagerstartup-log.1.html"},
		{"log-last", "site/logs/wks-0417-logs-clientidmanagerstartup-log.2.html"},
		{"log-list", "site/logs/wks-0417-logs-clientidmanagerstartup-log.html"},
		{"log-short", "site/logs/wks-0417-logs-execmgr-log.html"},
		{"log-cut", "site/logs/wks-0417-logs-cut-log.html"},
		{"diff", "diff/" + web.PageIndex},
		{"single", "single/" + web.PageIndex},
	}
	wides, err := filepath.Glob(filepath.Join(dir, "site/logs/wks-0417-c-windows-temp-*.html"))
	if err != nil || len(wides) != 1 {
		t.Fatalf("%q, %v", wides, err)
	}
	for i := range out {
		out[i].address = "file://" + filepath.Join(dir, filepath.FromSlash(out[i].address))
	}
	return append(out, kind{"log-wide", "file://" + wides[0]})
}

// TestKinds opens the pages from disk, at three widths and in both themes, and watches what the browser asks for and complains about. With CASEBOOK_SHOTS=DIR it
// leaves pictures there.
func TestKinds(t *testing.T) {
	ctx := browser(t)
	w := observe(ctx, t)
	for _, k := range kinds(t) {
		for _, width := range []int64{320, 1000, 1600} {
			for _, colours := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%d-%s", k.name, width, colours)
				t.Run(name, func(t *testing.T) {
					w.take()
					theme(ctx, t, colours)
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(k.address)); err != nil {
						t.Fatal(err)
					}
					got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
						Wider int
						Font  string
						Dark  bool
						Cut   []string
					}](`({
						Wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
						Font: getComputedStyle(document.body).fontSize,
						Dark: getComputedStyle(document.body).backgroundColor != "rgb(255, 255, 255)",
						Cut: [...document.querySelectorAll("main h1, main h2, main h3, main p, main dd, main li")]
							.filter(e => e.checkVisibility() && !e.closest("table") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200)),
					})`))
					if err != nil {
						t.Fatal(err)
					}
					if got.Wider > 0 {
						t.Errorf("the page is %d pixels wider than the window", got.Wider)
					}
					for _, s := range got.Cut {
						t.Errorf("cut off by the edge: %s", s)
					}
					if got.Font != "15px" || got.Dark != (colours == "dark") {
						t.Errorf("the style sheet is not applied: %+v", got)
					}
					requests, complaints := w.take()
					if diff := cmp.Diff([]string{k.address}, requests); diff != "" {
						t.Errorf("what the page asks the network for (-want +got):\n%s", diff)
					}
					for _, c := range complaints {
						t.Errorf("the browser complains: %s", c)
					}
					take := chromedp.FullScreenshot(100)
					if k.name == longPage {
						take = chromedp.CaptureScreenshot()
					}
					shot(ctx, t, "kind-"+name+".png", take)
				})
			}
		}
	}
}

// TestKindsAxe lets axe-core look for what bars people from a page, in both themes, with everything unfolded.
func TestKindsAxe(t *testing.T) {
	ctx := browser(t)
	for _, k := range kinds(t) {
		if k.name == longPage { // the last page has the same parts
			continue
		}
		for _, colours := range []string{"light", "dark"} {
			t.Run(k.name+"-"+colours, func(t *testing.T) {
				theme(ctx, t, colours)
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(k.address)); err != nil {
					t.Fatal(err)
				}
				for _, s := range violations(ctx, t) {
					t.Error(s)
				}
			})
		}
	}
}

// TestKindsKeyboard walks through each page with the tab key alone, follows each link within it with Enter, and reads the pages without a script.
func TestKindsKeyboard(t *testing.T) {
	ctx := browser(t)
	pages := slices.DeleteFunc(kinds(t), func(k kind) bool { return k.name == longPage })
	for _, k := range pages {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(k.address)); err != nil {
			t.Fatal(err)
		}
		for _, s := range unreached(ctx, t) {
			t.Errorf("%s: the tab key does not reach %s", k.name, s)
		}
		// The first link of every page skips to its content.
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(k.address), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)); err != nil {
			t.Fatal(err)
		}
		lost, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[location.hash, ...document.querySelectorAll("a[href^='#']")]
			.map(a => a.hash ?? a).filter(h => !document.getElementById(decodeURIComponent(h.slice(1))))`))
		if err != nil {
			t.Fatal(err)
		}
		if len(lost) > 0 {
			t.Errorf("%s: links that lead nowhere: %q", k.name, lost)
		}
	}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for _, k := range pages {
		if err := chromedp.Do(ctx, chromedp.Navigate(k.address)); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ Tools, Text int }](`({
			Tools: [...document.querySelectorAll("button, input, select")].filter(e => e.checkVisibility()).length,
			Text: document.body.innerText.length,
		})`))
		if err != nil {
			t.Fatal(err)
		}
		if got.Tools > 0 || got.Text < 300 {
			t.Errorf("%s without a script: %+v", k.name, got)
		}
	}
}
