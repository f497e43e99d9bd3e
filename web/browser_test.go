package web_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/internal/need"
)

// browser starts a Chromium without network habits of its own, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := need.Browser(t)
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits until the browser has left its folder
			t.Errorf("close the browser: %v", err)
		}
	})
	return ctx
}

// watch collects what the page asks the network for and what the browser complains of.
type watch struct {
	mu                   sync.Mutex
	requests, complaints []string
}

func (w *watch) event(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.requests = append(w.requests, e.Request.URL)
	case *log.EventEntryAdded:
		w.complaints = append(w.complaints, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		w.complaints = append(w.complaints, fmt.Sprintf("console.%v", e.Type))
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, e.ExceptionDetails.Text)
	}
}

func (w *watch) take() (requests, complaints []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests, complaints = w.requests, w.complaints
	w.requests, w.complaints = nil, nil
	return requests, complaints
}

// observe starts to watch the tab.
func observe(ctx context.Context, t *testing.T) *watch {
	t.Helper()
	w := &watch{}
	err := chromedp.Listen(ctx, w.event)
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// siteOnDisk writes a report's site to disk and returns the addresses of its pages, the first page first.
func siteOnDisk(t *testing.T, r *findings.Report) []string {
	t.Helper()
	dir := t.TempDir()
	var pages []string
	for _, p := range siteOf(t, r) {
		file := filepath.Join(dir, filepath.FromSlash(p.name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, p.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".html" {
			pages = append(pages, "file://"+file)
		}
	}
	return pages
}

// nameOf is a page's name for a test and a picture.
func nameOf(address string) string { return strings.TrimSuffix(filepath.Base(address), ".html") }

// shot takes a picture where CASEBOOK_SHOTS says so.
func shot(ctx context.Context, t *testing.T, name string, take chromedp.Action[[]byte]) {
	t.Helper()
	dir := os.Getenv("CASEBOOK_SHOTS")
	if dir == "" {
		return
	}
	data, err := chromedp.Run(ctx, take)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// theme chooses the light or the dark theme.
func theme(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBrowser opens each page from disk, at three widths and in both themes, and watches what the browser asks for and complains about.
// With CASEBOOK_SHOTS=DIR it leaves pictures there.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	w := observe(ctx, t)
	for _, s := range samples {
		pages := siteOnDisk(t, s.report())
		if s.name != "two-hosts" {
			pages = pages[:1] // the others differ less
		}
		for _, address := range pages {
			for _, width := range []int64{320, 800, 1400} {
				for _, colours := range []string{"light", "dark"} {
					name := fmt.Sprintf("%s-%s-%d-%s", s.name, nameOf(address), width, colours)
					t.Run(name, func(t *testing.T) {
						w.take()
						theme(ctx, t, colours)
						if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(address)); err != nil {
							t.Fatal(err)
						}
						got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
							Wider int
							Font  string
							Dark  bool
						}](`({
						Wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
						Font: getComputedStyle(document.body).fontSize,
						Dark: getComputedStyle(document.body).backgroundColor != "rgb(255, 255, 255)",
					})`))
						if err != nil {
							t.Fatal(err)
						}
						if got.Wider > 0 {
							t.Errorf("the page is %d pixels wider than the window", got.Wider)
						}
						if got.Font != "15px" {
							t.Errorf("the style sheet is not applied: the font is %s high", got.Font)
						}
						if want := colours == "dark"; got.Dark != want {
							t.Errorf("dark paper: got %v, want %v", got.Dark, want)
						}
						requests, complaints := w.take()
						if diff := cmp.Diff([]string{address}, requests); diff != "" {
							t.Errorf("what the page asks the network for (-want +got):\n%s", diff)
						}
						for _, c := range complaints {
							t.Errorf("the browser complains: %s", c)
						}
						shot(ctx, t, name+".png", chromedp.FullScreenshot(100))
					})
				}
			}
		}
	}
}

// violations unfolds everything on the page that is open and returns what axe-core finds that bars people from it.
func violations(ctx context.Context, t *testing.T) []string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](need.Axe(t)+`;
		for (const d of document.querySelectorAll("details")) d.open = true;
		axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 300) + " " + n.failureSummary)))`,
		func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestAxe lets axe-core look for what bars people from a page, in both themes, with everything unfolded.
func TestAxe(t *testing.T) {
	need.Axe(t)
	ctx := browser(t)
	for _, s := range samples {
		pages := siteOnDisk(t, s.report())
		if s.name != "two-hosts" {
			pages = pages[:1]
		}
		for _, address := range pages {
			for _, colours := range []string{"light", "dark"} {
				t.Run(s.name+"-"+nameOf(address)+"-"+colours, func(t *testing.T) {
					theme(ctx, t, colours)
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address)); err != nil {
						t.Fatal(err)
					}
					for _, s := range violations(ctx, t) {
						t.Error(s)
					}
				})
			}
		}
	}
}

// TestBrowserWithoutScript opens the pages with script turned off: nothing is blank, and there is no button that does nothing.
func TestBrowserWithoutScript(t *testing.T) {
	ctx := browser(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for _, address := range siteOnDisk(t, twoHosts()) {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
			Buttons, Text int
			Flat          []string
		}](`({
			Buttons: document.querySelectorAll("button, input, select").length,
			Text: document.body.innerText.length,
			Flat: [...document.querySelectorAll(".bars .rec")].filter(p => p.getBoundingClientRect().height < 1).map(p => p.outerHTML.slice(0, 100)),
		})`))
		if err != nil {
			t.Fatal(err)
		}
		if got.Buttons > 0 || got.Text < 300 || len(got.Flat) > 0 {
			t.Errorf("%s: %d buttons, %d characters, plots of no height: %q", nameOf(address), got.Buttons, got.Text, got.Flat)
		}
	}
}

// TestKeyboard walks through each page with the tab key alone and reaches everything that a pointer can press.
func TestKeyboard(t *testing.T) {
	ctx := browser(t)
	for _, address := range siteOnDisk(t, twoHosts()) {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		for _, s := range unreached(ctx, t) {
			t.Errorf("%s: the tab key does not reach %s", nameOf(address), s)
		}
	}
}

// unreached walks through the page that is open with the tab key alone and returns what a pointer can press and the key did not reach.
func unreached(ctx context.Context, t *testing.T) []string {
	t.Helper()
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`{
		window.reached = new Set();
		document.addEventListener("focusin", e => reached.add(e.target));
		window.pressable = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")].filter(e => e.checkVisibility({contentVisibilityAuto: true}));
		pressable.length
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for range n + 2 {
		if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
			t.Fatal(err)
		}
	}
	missed, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`pressable.filter(e => !reached.has(e)).map(e => e.outerHTML.slice(0, 150))`))
	if err != nil {
		t.Fatal(err)
	}
	return missed
}

// TestTools presses what the script adds: filter, order, machine, zoom, local time.
func TestTools(t *testing.T) {
	ctx := browser(t)
	pages := map[string]string{}
	r := twoHosts()
	r.Systems[1].TimeZone.Offsets = []findings.ZoneOffset{{BiasMinutes: -60}, {From: "2012-03-09T01:00:00Z", BiasMinutes: -120}}
	for _, address := range siteOnDisk(t, r) {
		pages[nameOf(address)] = address
	}
	tests := []struct{ name, page, script, want string }{
		{"filter", "wks-0417", `{
			const filter = [...document.querySelectorAll("input[type=search]")][0];
			filter ? "a filter of few rows" : [...document.querySelectorAll("table.sheet")].length + " tables"
		}`, "5 tables"},
		{"order", "files", `{
			const th = [...document.querySelectorAll("thead th")].find(e => e.textContent.includes("Size"));
			th.firstChild.click(); th.firstChild.click();
			th.ariaSort + " " + document.querySelector(".files tbody tr:not(.fold) th").innerText.split("\n")[0]
		}`, "descending WKS-0417/C/Windows/System32/config/SYSTEM"},
		{"machine", "index", `{
			const select = document.querySelector(".hosts select");
			select.value = "system-dc-east"; select.dispatchEvent(new Event("change"));
			[...document.querySelectorAll("article")].filter(a => a.checkVisibility()).map(a => a.dataset.host).join()
		}`, "system-dc-east"},
		{"copy", "index", `document.querySelector(".spread button").textContent`, "Copy the ticket note"},
		{"zoom", "timeline", `{
			document.querySelector("[aria-label='Zoom in']").click();
			document.querySelector(".bars").getAttribute("viewBox")
		}`, "250 0 500 38"},
		{"local", "timeline", `{
			const select = document.querySelector(".zoom select");
			select.selectedIndex = 2; select.dispatchEvent(new Event("change"));
			document.querySelector("output").textContent
		}`, "2012-03-07 06:34:21 UTC+01:00 to 2012-03-10 11:53:39 UTC+02:00"},
		{"ticks", "timeline", `{
			const select = document.querySelector(".zoom select");
			select.selectedIndex = 2; select.dispatchEvent(new Event("change"));
			document.querySelector("[aria-label='Zoom in']").click();
			[...document.querySelector(".axis").querySelectorAll("text")].map(e => e.textContent).join()
		}`, "06:00,12:00,18:00,9 Mar,06:00,12:00"},
		{"errors", "timeline", `{
			const select = document.querySelector("[aria-label='Filter logs by severity']");
			select.value = "errors"; select.dispatchEvent(new Event("change"));
			[...document.querySelectorAll(".one")].filter(e => e.checkVisibility()).length + ""
		}`, "3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(pages[tt.page])); err != nil {
				t.Fatal(err)
			}
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string](tt.script))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestInteractive measures how long the browser takes until a large report can be used.
func TestInteractive(t *testing.T) {
	ctx := browser(t)
	r := twoHosts()
	for i := range 5_000 {
		r.Artifacts = append(r.Artifacts, findings.Artifact{Path: fmt.Sprintf("logs/%05d/agent.log", i), SHA256: sum("x"), Bytes: 1, Kind: "log/text", Clock: "none"})
		r.Findings = append(r.Findings, findings.Finding{Check: "dns-stale-computer", Subject: fmt.Sprintf("HOST-%04d", i), Verdict: findings.Suspected, Severity: findings.Low, Title: "DNS calls a computer stale"})
	}
	address := siteOnDisk(t, r)[0]
	best := 1e9
	for range 5 {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByType("navigation")[0].domComplete`))
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, got)
	}
	t.Logf("complete after %.0f ms", best)
	if best > 500 {
		t.Errorf("the first page takes %.0f ms", best)
	}
}

// TestBrowserHostile opens pages whose every string is an attack, unfolds all of it, and watches for anything that comes of it.
func TestBrowserHostile(t *testing.T) {
	ctx := browser(t)
	w := observe(ctx, t)
	for _, address := range siteOnDisk(t, hostile()) {
		w.take()
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
			Foreign, Scripts, Strange int
			Address                   string
			Wider                     int
		}](`(() => {
		document.querySelectorAll("details").forEach(d => d.open = true)
		document.querySelectorAll("select").forEach(s => { s.selectedIndex = s.options.length - 1; s.dispatchEvent(new Event("change")) })
		document.querySelectorAll(".sort").forEach(b => b.click())
		return {
			Foreign: document.querySelectorAll("img, math, iframe, object, embed, base, link, form, template, pay, svg script, svg a").length,
			Scripts: document.scripts.length,
			Strange: [...document.querySelectorAll("input")].filter(i => i.type != "search").length,
			Address: location.href,
			Wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		}
	})()`))
		if err != nil {
			t.Fatal(err)
		}
		if got.Foreign != 0 || got.Scripts != 1 || got.Strange != 0 {
			t.Errorf("%s: elements that the page does not have: %+v", nameOf(address), got)
		}
		if got.Address != address {
			t.Errorf("%s: the browser went to %s", nameOf(address), got.Address)
		}
		if got.Wider > 0 {
			t.Errorf("%s: the page is %d pixels wider than the window", nameOf(address), got.Wider)
		}
		requests, complaints := w.take()
		if diff := cmp.Diff([]string{address}, requests); diff != "" {
			t.Errorf("%s: what the page asks the network for (-want +got):\n%s", nameOf(address), diff)
		}
		for _, c := range complaints {
			t.Errorf("%s: the browser complains: %s", nameOf(address), c)
		}
		shot(ctx, t, "hostile-"+nameOf(address)+".png", chromedp.FullScreenshot(100))
	}
}

// TestPrint lays the pages out for paper, where nothing can be unfolded, followed or scrolled.
func TestPrint(t *testing.T) {
	ctx := browser(t)
	wanted := map[string][]string{
		"index": {
			"Not relevant: no trace of the product",                  // which stays folded: its checks say nothing of the case
			"the key's name ends in it",                              // folded: why to ask
			"[Confirmed, active, high]",                              // folded: the ticket note
			"<https://support.microfocus.com/kb/doc.php?id=7004370>", // a link's target
		},
		"wks-0417": {"ZENWORKS_HOME", "disk signature", "ZenNotify", "Hotfix 948601"},
		"timeline": {"2012-03-07 07:02:24 UTC", "the clock goes back by 1h0m0s"}, // folded: the numbers
		"files":    {sum("abcdefghi"), "encrypted 7z", "ClientIDManagerStartup-20120307.log"},
		"registry": {"PendingFileRenameOperations2"},
	}
	for _, address := range siteOnDisk(t, twoHosts()) {
		name := nameOf(address)
		if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
			t.Fatal(err)
		}
		// An A4 sheet between Chromium's margins is about 700 CSS pixels wide.
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(700, 1000)); err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ Folded, Wider []string }](`({
		Folded: [...document.querySelectorAll("details > :not(summary)")]
			.filter(e => !e.closest(".bar, .unmet, .checks") && (!e.checkVisibility({contentVisibilityAuto: true}) || !e.getBoundingClientRect().height)).map(e => e.textContent),
		Wider: [...document.querySelectorAll("body *")]
			.filter(e => !e.matches(".skip, nav *, nav, script, svg *") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200)),
	})`))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Folded {
			t.Errorf("%s: folded on paper: %.80s", name, s)
		}
		for _, s := range got.Wider {
			t.Errorf("%s: cut off by the edge of the sheet: %s", name, s)
		}
		shot(ctx, t, "print-"+name+".png", chromedp.FullScreenshot(100))

		tool := need.Tool(t, "pdftotext")
		pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
		if err != nil {
			t.Fatal(err)
		}
		run := exec.CommandContext(t.Context(), tool, "-raw", "-", "-")
		run.Stdin = bytes.NewReader(pdf)
		out, err := run.Output()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(out)), "")
		for _, want := range wanted[name] {
			if !strings.Contains(text, strings.ReplaceAll(want, " ", "")) {
				t.Errorf("%s: the printed page lacks %q", name, want)
			}
		}
	}
}
