package serve_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/internal/need"
	"casebook/web/serve"
)

// browser starts a Chromium without network habits of its own, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := need.Browser(t)
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits until the browser has left its folder
			t.Errorf("close the browser: %v", err)
		}
	})
	return ctx
}

// complaints collects what the browser complains of, and dialogs that a script opened.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) event(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		c.list = append(c.list, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		c.list = append(c.list, fmt.Sprintf("console.%v", e.Type))
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, e.ExceptionDetails.Text)
	case *page.EventJavascriptDialogOpening:
		c.list = append(c.list, "a dialog: "+e.Message)
	}
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

func observe(ctx context.Context, t *testing.T) *complaints {
	t.Helper()
	c := &complaints{}
	err := chromedp.Listen(ctx, c.event)
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func visit(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

func evaluate[T any](ctx context.Context, t *testing.T, script string) T {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return got
}

// until waits until a condition of the page holds.
func until(ctx context.Context, t *testing.T, condition string) {
	t.Helper()
	for range 200 {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("never: %s, at %s", condition, evaluate[string](ctx, t, `location.href + " " + document.body.innerText.slice(0, 500)`))
}

func theme(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func key(ctx context.Context, t *testing.T, keys string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Fatal(err)
	}
}

// shownPages are the pages that tests look at.
var shownPages = []struct{ name, path string }{
	{"overview", "/"},
	{"cases", "/cases"},
	{"cases-none", "/cases?text=nowhere"},
	{"search", "/search"},
	{"hits", "/search?q=failed+OR+step&count=all"},
	{"wrong", "/search?q=%28a"},
	{"case", "/case/INC-1/index.html"},
	{"log", "/case/INC-2/logs/logs-agent-log.2001.html"},
	{"files", "/case/INC-1/files.html"},
	{"notes", "/case/INC-1/notes"},
	{"similar", "/case/INC-1/similar"},
	{"upload", "/upload"},
	{"missing", "/case/INC-9/index.html"},
}

// shownServer serves the small archive with a note.
func shownServer(t *testing.T) *running {
	t.Helper()
	dir := smallArchive(t)
	s := start(t, serve.Options{Open: opener(dir), Uploads: uploads(t, dir)})
	s.post("/case/INC-1/notes", map[string][]string{"token": {s.token("/case/INC-1/notes")}, "text": {"Fixed by the hotfix.\nSee also INC-2."}}, nil)
	return s
}

// TestBrowser opens each page at three widths and in both themes. With CASEBOOK_SHOTS=DIR it leaves pictures there.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	said := observe(ctx, t)
	s := shownServer(t)
	for _, p := range shownPages {
		for _, width := range []int64{320, 1000, 1600} {
			for _, colours := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%d-%s", p.name, width, colours)
				if colours == "dark" && width != 1000 && os.Getenv("CASEBOOK_SHOTS") == "" {
					continue // that what the pages look like is the same at all widths is for eyes
				}
				t.Run(name, func(t *testing.T) {
					theme(ctx, t, colours)
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
						t.Fatal(err)
					}
					visit(ctx, t, s.URL+p.path)
					if n := evaluate[int](ctx, t, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); n > 0 {
						t.Errorf("the page is %d pixels wider than the window", n)
					}
					if dark := evaluate[bool](ctx, t, `getComputedStyle(document.body).backgroundColor != "rgb(255, 255, 255)"`); dark != (colours == "dark") {
						t.Errorf("dark paper: %v", dark)
					}
					for _, c := range said.take() {
						if !strings.Contains(c, "status of 40") { // pages that say what is wrong
							t.Errorf("the browser complains: %s", c)
						}
					}
					if dir := os.Getenv("CASEBOOK_SHOTS"); dir != "" {
						data, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
						if err == nil {
							err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o600)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// TestAxe lets axe-core look for what bars people from a page, in both themes, with everything unfolded.
func TestAxe(t *testing.T) {
	axe := need.Axe(t)
	ctx := browser(t)
	s := shownServer(t)
	for _, p := range shownPages {
		for _, colours := range []string{"light", "dark"} {
			t.Run(p.name+"-"+colours, func(t *testing.T) {
				theme(ctx, t, colours)
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
					t.Fatal(err)
				}
				visit(ctx, t, s.URL+p.path)
				got, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axe+`;
					for (const d of document.querySelectorAll("details")) d.open = true;
					axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 300) + " " + n.failureSummary)))`,
					func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }))
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range got {
					t.Error(s)
				}
			})
		}
	}
}

// TestWalk goes the way of an engineer: search, narrow, open a hit, see its line in the log, follow the evidence of the case; once with script and keys, once without any.
func TestWalk(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t))})
	t.Run("keys", func(t *testing.T) {
		ctx := browser(t)
		visit(ctx, t, s.URL+"/")
		key(ctx, t, "/")
		until(ctx, t, `document.activeElement.id === "q"`)
		// The driver types the character whatever becomes of its key.
		evaluate[string](ctx, t, `document.activeElement.value = ""`)
		key(ctx, t, "installation failed\r")
		until(ctx, t, `location.pathname === "/search" && document.querySelectorAll(".hit").length > 3`)
		key(ctx, t, "j")
		first := evaluate[string](ctx, t, `document.activeElement.textContent.trim()`)
		key(ctx, t, "j")
		second := evaluate[string](ctx, t, `document.activeElement.textContent.trim()`)
		key(ctx, t, "k")
		if back := evaluate[string](ctx, t, `document.activeElement.textContent.trim()`); first == second && back != first {
			t.Errorf("j and k lead from %q to %q and back to %q", first, second, back)
		}
		key(ctx, t, "j")
		key(ctx, t, "o")
		until(ctx, t, `location.pathname.startsWith("/case/INC-1/logs/") && document.querySelector(":target") !== null`)
		if text := evaluate[string](ctx, t, `document.querySelector(":target").innerText`); !strings.Contains(text, "installation failed with exit code 1603") {
			t.Errorf("the hit leads to %q", text)
		}
	})
	t.Run("pointer", func(t *testing.T) {
		ctx := browser(t)
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
		theme(ctx, t, "light")
		visit(ctx, t, s.URL+"/search?q=installation+failed&count=all")
		click := func(selector string) {
			t.Helper()
			if err := chromedp.Do(ctx, chromedp.Click(selector)); err != nil {
				t.Fatalf("%s: %v", selector, err)
			}
		}
		click(`.facets a[href*="case%3A%22INC-2%22"]`)
		until(ctx, t, `location.search.includes("INC-2") && document.querySelectorAll(".hit").length > 0`)
		click(`.hit a[href^="/case/INC-2/index.html"]`)
		until(ctx, t, `location.pathname === "/case/INC-2/index.html"`)
		click(`.finding a[href="logs/logs-agent-log.3.html#L3"]`)
		until(ctx, t, `document.readyState === "complete" && document.querySelector(":target") !== null`)
		if text := evaluate[string](ctx, t, `document.querySelector(":target").innerText`); !strings.Contains(text, "north two") {
			t.Errorf("the evidence leads to %q", text)
		}
		click(`.over a[href="/cases"]`)
		until(ctx, t, `location.pathname === "/cases"`)
		if err := chromedp.Do(ctx, chromedp.SendKeys(`.filters input[name=host]`, "wks-inc-2\r")); err != nil {
			t.Fatal(err)
		}
		until(ctx, t, `location.search.includes("host=wks-inc-2") && document.querySelectorAll(".caselist tbody tr").length === 1`)
	})
}

// attacks are strings that pages must show and not obey.
var attacks = []string{
	`<script>alert("pay")</script>`, `</script><script>alert("pay")</script>`, `<img src=x onerror=alert("pay")>`, `"><svg onload=alert("pay")>`, `'><script>alert("pay")</script>`,
	`</textarea><script>alert("pay")</script>`, `</title><script>alert("pay")</script>`, `</style><script>alert("pay")</script>`, `" autofocus onfocus=alert("pay") x="`, `javascript:alert("pay")`,
	`</option></select><script>alert("pay")</script>`, `<meta http-equiv=refresh content="0;url=//pay.example">`, `<base href=//pay.example/>`, "\u202epay\u0000\x1b[31m", `file://///pay/share`, `{{pay}}`,
}

// fill puts attacks into all strings of a value.
func fill(v reflect.Value, next func() string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(next())
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), next)
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() && v.Type() != reflect.TypeFor[time.Time]() {
				fill(field, next)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, next)
		fill(value, next)
		m.SetMapIndex(key, value)
		v.Set(m)
	default: // numbers and booleans are harmless
	}
}

// TestHostile opens every page of an archive whose every string is an attack, and watches for anything that comes of it.
func TestHostile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	n := 0
	next := func() string { n++; return attacks[n%len(attacks)] }
	for i, attack := range attacks[:4] {
		id := fmt.Sprintf("%s %d", attack, i)
		lines := append([]string{}, attacks...)
		writeSample(t, dir, sample{id: id, lines: lines, log: "logs/" + attack + ".log", labels: index.Labels{attack: {attacks[i+4]}}, report: func(r *findings.Report) {
			path, verdict := r.Artifacts[0].Path, r.Findings[0].Verdict
			fill(reflect.ValueOf(r).Elem(), next)
			r.Case = id
			r.Bundle.SHA256 = strings.Repeat("ab", 32)
			for j := range r.Bundles {
				r.Bundles[j].SHA256 = strings.Repeat("cd", 32)
			}
			for j := range r.Findings {
				r.Findings[j].Verdict, r.Findings[j].Evidence[0].Artifact, r.Findings[j].Evidence[0].Line = verdict, path, 3
			}
			for j := range r.Artifacts {
				r.Artifacts[j].Records = 3
			}
			r.Artifacts[0].Path, r.Artifacts[0].Kind = path, ingest.KindLogText
		}})
	}
	s := start(t, serve.Options{Open: opener(dir), Uploads: uploads(t, dir)})
	ctx := browser(t)
	said := observe(ctx, t)
	pages := s.crawl("/search?q=alert&count=all", 40)
	for path := range s.crawl("/", 60) {
		pages[path] = answer{}
	}
	for _, attack := range attacks {
		pages["/search?"+url.Values{"q": {attack}}.Encode()] = answer{}
		pages["/cases?"+url.Values{"text": {attack}, "label": {attack}, "host": {attack}, "check": {attack}, "sort": {attack}}.Encode()] = answer{}
	}
	opened := 0
	for path, a := range pages {
		if a.status == 303 || strings.HasSuffix(path, ".txt") || strings.HasSuffix(path, ".json") {
			continue
		}
		visit(ctx, t, s.URL+path)
		opened++
		got := evaluate[struct {
			Foreign, Scripts int
			Address          string
		}](ctx, t, `(() => {
			document.querySelectorAll("details").forEach(d => d.open = true);
			return {
				Foreign: document.querySelectorAll("img, math, iframe, object, embed, base, link, template, svg script, svg a, [onload], [onerror], [onfocus], meta[http-equiv=refresh]").length,
				Scripts: document.scripts.length, Address: location.host,
			};
		})()`)
		if got.Foreign != 0 || got.Scripts != 1 || got.Address != strings.TrimPrefix(s.URL, "http://") {
			t.Errorf("%s: %+v", path, got)
		}
		for _, c := range said.take() {
			if !strings.Contains(c, "status of 40") {
				t.Errorf("%s: the browser complains: %s", path, c)
			}
		}
	}
	t.Logf("%d pages", opened)
}
