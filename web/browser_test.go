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
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
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

// page writes a report's page to disk and returns its address.
func page(t *testing.T, dir, name string, r *findings.Report) string {
	t.Helper()
	file := filepath.Join(dir, name+".html")
	if err := os.WriteFile(file, render(t, r), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

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

// TestBrowser opens each page from disk, at three widths and in both themes, and watches what the browser asks for and complains about.
// With CASEBOOK_SHOTS=DIR it leaves pictures there.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	dir := t.TempDir()
	w := observe(ctx, t)
	for _, s := range samples {
		address := page(t, dir, s.name, s.report())
		for _, width := range []int64{320, 900, 1440} {
			for _, theme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s/%d/%s", s.name, width, theme), func(t *testing.T) {
					w.take()
					_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
						Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
					})
					if err != nil {
						t.Fatal(err)
					}
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
					if want := theme == "dark"; got.Dark != want {
						t.Errorf("dark paper: got %v, want %v", got.Dark, want)
					}
					requests, complaints := w.take()
					if diff := cmp.Diff([]string{address}, requests); diff != "" {
						t.Errorf("what the page asks the network for (-want +got):\n%s", diff)
					}
					for _, c := range complaints {
						t.Errorf("the browser complains: %s", c)
					}
					name := fmt.Sprintf("%s-%d-%s", s.name, width, theme)
					shot(ctx, t, name+"-screen.png", chromedp.CaptureScreenshot())
					shot(ctx, t, name+"-full.png", chromedp.FullScreenshot(100))
				})
			}
		}
	}
}

// TestBrowserHostile opens a page whose every string is an attack, unfolds all of it, and watches for anything that comes of it.
func TestBrowserHostile(t *testing.T) {
	ctx := browser(t)
	w := observe(ctx, t)
	address := page(t, t.TempDir(), "hostile", hostile())
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Foreign int
		Address string
		Wider   int
	}](`(() => {
		document.querySelectorAll("details").forEach(d => d.open = true)
		return {
			Foreign: document.querySelectorAll("script, img, svg, math, iframe, object, embed, base, link, form, input, template, pay").length,
			Address: location.href,
			Wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		}
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Foreign != 0 {
		t.Errorf("%d elements that the page does not have", got.Foreign)
	}
	if got.Address != address {
		t.Errorf("the browser went to %s", got.Address)
	}
	if got.Wider > 0 {
		t.Errorf("the page is %d pixels wider than the window", got.Wider)
	}
	requests, complaints := w.take()
	if diff := cmp.Diff([]string{address}, requests); diff != "" {
		t.Errorf("what the page asks the network for (-want +got):\n%s", diff)
	}
	for _, c := range complaints {
		t.Errorf("the browser complains: %s", c)
	}
	shot(ctx, t, "hostile.png", chromedp.FullScreenshot(100))
}

// TestPrint lays a page out for paper, where nothing can be unfolded, followed or scrolled.
func TestPrint(t *testing.T) {
	ctx := browser(t)
	address := page(t, t.TempDir(), "index", twoHosts())
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
	got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Folded, Wider []string
		Target        string
	}](`({
		Folded: [...document.querySelectorAll("details > :not(summary)")]
			.filter(e => !e.checkVisibility({contentVisibilityAuto: true}) || !e.getBoundingClientRect().height).map(e => e.textContent),
		Wider: [...document.querySelectorAll("body *")]
			.filter(e => !e.matches(".skip, nav *, nav") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200)),
		Target: getComputedStyle(document.querySelector(".sources a"), "::after").content,
	})`))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Folded {
		t.Errorf("folded on paper: %.80s", s)
	}
	for _, s := range got.Wider {
		t.Errorf("cut off by the edge of the sheet: %s", s)
	}
	if !strings.Contains(got.Target, "https://") {
		t.Errorf("a link's target is printed as %s", got.Target)
	}
	shot(ctx, t, "print.png", chromedp.FullScreenshot(100))

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
	for _, want := range []string{
		"ZENWORKS_HOME",             // folded: the environment
		"disk signature",            // folded: mounted devices
		"vcm-agent-lock",            // folded: checks for products not seen
		"the key's name ends in it", // folded: why to ask
		"<https://support.microfocus.com/kb/doc.php?id=7004370>", // a link's target
		sum("abcdefghi")[:8],
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, " ", "")) {
			t.Errorf("the printed page lacks %q", want)
		}
	}
}
