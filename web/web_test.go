package web_test

import (
	"bytes"
	stdcmp "cmp"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"casebook/findings"
	"casebook/ingest"
	"casebook/web"
)

var update = flag.Bool("update", false, "rewrite the golden pages")

func render(t *testing.T, r *findings.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := web.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden compares each sample's page with the one in testdata, without the style sheet and with a line for each element.
func TestGolden(t *testing.T) {
	for _, s := range samples {
		first, again := siteOf(t, s.report()), siteOf(t, s.report())
		if diff := cmp.Diff(first, again, cmp.AllowUnexported(sitePage{})); diff != "" {
			t.Errorf("two sites of one report differ:\n%s", diff)
		}
		if !bytes.Equal(render(t, s.report()), render(t, s.report())) {
			t.Error("two documents of one report differ")
		}
		for _, p := range first {
			page, name := p.data, s.name+"."+strings.NewReplacer("/", ".", ".html", "").Replace(p.name)
			if filepath.Ext(p.name) == ".html" && s.name != "two-hosts" && p.name != web.PageIndex {
				continue // the other pages differ less
			}
			t.Run(name, func(t *testing.T) {
				got := string(page)
				golden := filepath.Join("testdata", name+".golden")
				if filepath.Ext(p.name) == ".html" {
					got, golden = normalised(t, page), golden+".html"
				}
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatalf("%v; run the test with -update", err)
				}
				if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
					t.Errorf("page (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// sitePage is a file of a site.
type sitePage struct {
	name string
	data []byte
}

// siteOf draws a report's site without logs and returns its files in the order in which they were made.
func siteOf(t *testing.T, r *findings.Report) []sitePage {
	t.Helper()
	var f files
	var order []string
	err := (&web.Site{Report: r}).Draw(func(name string) (io.WriteCloser, error) {
		order = append(order, name)
		return f.create(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []sitePage
	for _, name := range order {
		out = append(out, sitePage{name, f.data[name]})
	}
	return out
}

// soundPages asserts of every page of a site what holds of each and that all links have an aim.
func soundPages(t *testing.T, pages []sitePage) {
	t.Helper()
	site := map[string][]byte{}
	for _, p := range pages {
		site[p.name] = p.data
		if filepath.Ext(p.name) == ".html" {
			sound(t, p.data)
			continue
		}
		if i := bytes.IndexFunc(p.data, hidden); i >= 0 {
			t.Errorf("%s: a character that can't be seen: %q", p.name, p.data[max(0, i-60):min(len(p.data), i+20)])
		}
	}
	soundSite(t, site)
}

// inline elements stay in their line of the golden page.
var inline = map[string]bool{"a": true, "b": true, "span": true, "mark": true, "time": true, "q": true, "title": true, "summary": true, "th": true, "td": true, "dt": true}

var policyDigest = regexp.MustCompile(`sha256-[^']*`)

func normalised(t *testing.T, page []byte) string {
	t.Helper()
	var b strings.Builder
	style := false
	for z := html.NewTokenizer(bytes.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		raw := string(z.Raw())
		name, _ := z.TagName()
		switch {
		case kind == html.TextToken && style:
			raw = "…"
		case kind == html.StartTagToken && !inline[string(name)]:
			b.WriteByte('\n')
		}
		style = kind == html.StartTagToken && (string(name) == "style" || string(name) == "script")
		b.WriteString(policyDigest.ReplaceAllString(raw, "sha256-…"))
	}
	return b.String() + "\n"
}

// TestPage asserts what holds of every page, whatever it looks like.
func TestPage(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			sound(t, render(t, s.report()))
			soundPages(t, siteOf(t, s.report()))
		})
	}
	t.Run("zero", func(t *testing.T) {
		sound(t, render(t, &findings.Report{}))
		soundPages(t, siteOf(t, &findings.Report{}))
	})
}

// sound reports what a page must not hold, and references without an aim.
func sound(t *testing.T, page []byte) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(page, hidden); i >= 0 {
		t.Errorf("a character that can't be seen: …%q…", page[max(0, i-60):min(len(page), i+20)])
	}
	ids := map[string]bool{}
	var wanted []string
	var policy, style, script string
	headings := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "iframe", "object", "embed", "img", "math", "link", "base", "form", "input", "audio", "video", "template", "image", "use", "foreignObject", "animate", "set":
			t.Errorf("an element <%s>", n.Data)
		case "script":
			script += "|" + n.FirstChild.Data
		case "style":
			style += n.FirstChild.Data
		case "h1":
			headings++
		}
		attributes := map[string]string{}
		for _, a := range n.Attr {
			if _, twice := attributes[a.Key]; twice {
				t.Errorf("<%s> has %s twice", n.Data, a.Key)
			}
			attributes[a.Key] = a.Val
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset", a.Key == "action":
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("two elements are called %q", a.Val)
				}
				ids[a.Val] = true
			case strings.HasPrefix(a.Key, "aria-labelledby"), a.Key == "aria-describedby":
				wanted = append(wanted, strings.Fields(a.Val)...)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				wanted = append(wanted, a.Val[1:])
			case a.Key == "href" && !strings.HasPrefix(a.Val, "https://") && !ownLink.MatchString(a.Val):
				t.Errorf("<%s> leads to %q", n.Data, a.Val)
			case a.Key == "href" && n.Data != "a":
				t.Errorf("<%s> loads %q", n.Data, a.Val)
			}
			if !slices.Contains(knownAttributes, a.Key) {
				t.Errorf("<%s> has an attribute %q", n.Data, a.Key)
			}
		}
		switch {
		case attributes["http-equiv"] == "Content-Security-Policy":
			policy = attributes["content"]
		case strings.HasPrefix(attributes["href"], "https:") && attributes["rel"] != "noreferrer noopener":
			t.Errorf("the link to %s has rel=%q", attributes["href"], attributes["rel"])
		case n.Data == "a" && strings.TrimSpace(content(n)) == "" && attributes["aria-label"] == "":
			t.Errorf("a link to %q without a name", attributes["href"])
		}
	}
	for _, id := range wanted {
		if !ids[id] {
			t.Errorf("nothing on the page is called %q", id)
		}
	}
	digest := sha256.Sum256([]byte(style))
	scripted := sha256.Sum256([]byte(strings.TrimPrefix(script, "|")))
	want := "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(scripted[:]) + "'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy:\ngot  %s\nwant %s", policy, want)
	}
	for _, bad := range []string{"@import", "url(", "expression("} {
		if strings.Contains(style, bad) {
			t.Errorf("the style sheet holds %s", bad)
		}
	}
	if headings != 1 {
		t.Errorf("%d first headings, want 1", headings)
	}
}

// ownLink is a link to another page of the site.
var ownLink = regexp.MustCompile(`^(\.\./)?([a-z0-9-]+/)?[a-z0-9-]+\.(html|txt)(#[A-Za-z0-9.-]+)?$`)

var knownAttributes = []string{
	"aria-current", "data-copy", "data-errors", "data-from", "data-host", "data-pick", "data-to", "data-utc", "data-v", "data-warnings", "data-x", "data-zones",
	"d", "height", "overflow", "preserveaspectratio", "preserveAspectRatio", "viewbox", "viewBox", "width", "x", "x1", "x2", "y", "y2",
	"lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "rel", "title", "datetime",
	"scope", "colspan", "role", "tabindex", "aria-label", "aria-labelledby", "aria-hidden", "open",
}

// hidden says whether r must not stand on a page as it is. It is written apart from the code under test, from the Unicode blocks.
func hidden(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < ' ', 0x7f <= r && r < 0xa0: // C0, DEL, C1
		return true
	case r == unicode.ReplacementChar: // bytes that are no UTF-8
		return true
	case 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, 0x2060 <= r && r <= 0x206f: // zero width, separators, bidi
		return true
	case r == 0xad, r == 0x61c, r == 0x180e, r == 0xfeff, 0xe0000 <= r && r <= 0xe0fff, 0xfff9 <= r && r <= 0xfffb:
		return true
	case r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x34f, 0xfe00 <= r && r <= 0xfe0f, r == 0x2800:
		return true
	}
	return false
}

func content(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// payloads are strings that a page must show and not obey. Each holds the marker "pay", by which the test finds it again.
var payloads = slices.Concat(attacks, broken())

// broken puts what ends an element, an attribute or a comment before markup that acts by itself.
func broken() (out []string) {
	for _, end := range []string{`">`, `'>`, `</svg>`, `</textarea></select>`, `-->`, `]]>`, "\u2028", `\">`} {
		for _, act := range []string{
			`<script>pay()</script>`, `<img src=x onerror=pay()>`, `<svg><animate onbegin=pay() attributeName=x dur=1s>`, `<svg><a xlink:href="javascript:pay()"><text y=9>x</text></a></svg>`,
			`<svg><use href="data:image/svg+xml,<svg id=x onload=pay()>#x"/></svg>`, `<svg><foreignObject><iframe src=javascript:pay()></foreignObject></svg>`, `<style>*{background:url(//pay.example)}</style>`,
			`<video src=x onerror=pay()>`, `<input autofocus onfocus=pay()>`, `<select autofocus onfocus=pay()>`, `<textarea autofocus onfocus=pay()>`, `<button formaction=javascript:pay()>x`,
			`<marquee onstart=pay()>`, `<object data=javascript:pay()>`, `<link rel=import href=//pay.example>`, `<x tabindex=1 onfocus=pay() id=x>#x`,
		} {
			out = append(out, end+act)
		}
	}
	return out
}

var attacks = []string{
	`<script>alert("pay")</script>`, `</script><script>pay</script>`, `<SCRIPT SRC=//pay.example/x.js></SCRIPT>`, `<scr<script>ipt>pay`,
	`<img src=x onerror=pay()>`, `<svg/onload=pay()>`, `<svg><script>pay</script></svg>`, `<math href="javascript:pay">x</math>`,
	`<iframe src="javascript:pay()">`, `<object data="data:text/html,pay">`, `<embed src="//pay.example">`, `<base href="//pay.example/">`,
	`<meta http-equiv="refresh" content="0;url=//pay.example">`, `<link rel=stylesheet href="//pay.example/c.css">`, `<form action="//pay.example"><input>`,
	`<body onload=pay()>`, `<details open ontoggle=pay()>`, `<a href="javascript:pay()">x</a>`, `<a href='file://///pay/share'>x</a>`,
	`</style><script>pay</script>`, `</title><script>pay</script>`, `</pre><script>pay</script>`, `</table><script>pay</script>`, `--><script>pay</script><!--`,
	`<!--pay`, `<![CDATA[pay]]>`, `<?php pay ?>`, `<template><script>pay</script></template>`, `<noscript><p title="</noscript><img src=x onerror=pay()>">`,
	`" onmouseover="pay()`, `' onfocus='pay()' autofocus='`, "` onclick=pay() `", `"><script>pay</script>`, `'><script>pay</script>`, `"/><svg onload=pay()>`,
	`javascript:pay()`, `JaVaScRiPt:pay()`, "java\tscript:pay()", "\x01javascript:pay()", `data:text/html,<script>pay</script>`, `vbscript:pay()`,
	`file://///pay/share/x`, `\\pay\share\x`, `//pay.example/x`, `http://pay.example/`, `https:pay`, `https://user:pay@pay.example/`, `https://pay.example/` + "\u202e" + `gpj.exe`,
	`&lt;script&gt;pay&lt;/script&gt;`, `&#60;script&#62;pay`, `&pay;`, `{{ pay }}`, `${pay}`, `<%= pay %>`, `{% pay %}`, `{ pay }`,
	`@import "//pay.example/c.css"`, `pay}*{background:url(//pay.example)}`, `;}</style>pay`, `expression(pay)`,
	"pay\u202egnp.exe", "pay\u2066\u2067\u2068\u2069", "pay\u200b\u200c\u200d\u200e\u200f", "pay\u061c", "\ufeffpay", "pay\u00ad-soft", "pay\u2028\u2029",
	"pay\x00nul", "pay\x07\x08\x1b[31mred", "pay\x7f\u0080\u009b", "pay\r\nSet-Cookie: x", "pay\xff\xfe\xc3", "pay\xed\xa0\x80", "pay\U000e0041\U000e0001",
	"pay\u115f\u3164\uffa0", "pay\u034f\ufe0f", "pay" + strings.Repeat("\u0301", 300), "pay" + strings.Repeat("\n", 200), "pay" + strings.Repeat("A", 5000),
	`<pay>`, `pay<`, `<pay`, `pay"`, `pay'`, `pay\`, `#pay`, `findings`, `verdict`, `notable.1`, ` `, `..`, `-`,
}

// TestHostile fills every string of a report with each payload: once the vocabularies too, once without them, so that every part of the page is drawn.
func TestHostile(t *testing.T) {
	for _, mode := range []struct {
		name       string
		vocabulary bool
	}{{"all", true}, {"texts", false}} {
		harmless := full()
		if n := fill(reflect.ValueOf(harmless), mode.vocabulary, func() string { return "pay" }); n < 250 {
			t.Fatalf("%d strings filled: the report is too small for this test", n)
		}
		want := skeletons(t, siteOf(t, harmless))
		for i, payload := range payloads {
			if testing.Short() && i%6 != 0 {
				continue
			}
			t.Run(mode.name+"/"+strconv.Itoa(i), func(t *testing.T) {
				r := full()
				fill(reflect.ValueOf(r), mode.vocabulary, func() string { return payload })
				pages := siteOf(t, r)
				soundPages(t, pages)
				if i%8 == 0 { // the same in one document
					sound(t, render(t, r))
				}
				if strings.TrimSpace(payload) == "" || len(payload) > 1000 {
					return // empty strings leave elements out, and of long findings less is shown
				}
				if diff := cmp.Diff(want, skeletons(t, pages)); diff != "" {
					t.Errorf("the payload changes the page's elements (-harmless +got):\n%s", diff)
				}
			})
		}
	}
}

// hostile is a report whose strings are the payloads in turn.
func hostile() *findings.Report {
	r, i := full(), 0
	fill(reflect.ValueOf(r), false, func() string { i++; return payloads[i%len(payloads)] })
	return r
}

// TestHostileFields puts a payload into one string after another, so that the vocabularies of the other fields keep every part of the page
// alive, and looks for its text on the page.
func TestHostileFields(t *testing.T) {
	const payload = "</td><script>pay</script>\u202e\" onclick=\"pay()"
	const want = "</td><script>pay</script>\\u202E\" onclick=\"pay()"
	for i := 0; ; i++ {
		r := full()
		path := fillOne(reflect.ValueOf(r), payload, i)
		if path == "" {
			break
		}
		shown := false
		for _, p := range siteOf(t, r) {
			if filepath.Ext(p.name) != ".html" {
				continue
			}
			doc, err := html.Parse(bytes.NewReader(p.data))
			if err != nil {
				t.Fatal(err)
			}
			shown = shown || strings.Contains(content(doc), want)
			for n := range doc.Descendants() {
				if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" && strings.Contains(n.Data, "\u202e") {
					t.Errorf("%s: %s stands there as it is", p.name, path)
				}
			}
		}
		if shown == unshown.MatchString(path) {
			t.Errorf("on a page: %v: %s", shown, path)
		}
	}
}

// unshown are the fields whose text is not on the pages: a window or a bin of the time line that is no time has no place, a reason chooses a group, where an
// incident lies and how a file is cut choose sentences, commands and their risks stand in the request's text, and what was not found has neither severity, state nor cause.
var unshown = regexp.MustCompile(`^\.(Window\.(From|To)|Incident\.Covered|Findings\[\d+\]\.Reason|Findings\[[5-9]\]\.(Severity|State|Cause|Risk|Undo|Cured|Overturns)|Findings\[[89]\]\.Verdict|Findings\[[0-4]\]\.Unmet|Request\.Items\[\d+\]\.(Collect|Risk)|Problems\[\d+\]\.Cut|(Notable\[\d+\]|Errors\[\d+\]\.First)\.Role|Errors\[\d+\]\.First\.(Key|Value|LocalTime)|Errors\[1\]\.First\.Quote|Timeline\.Logs\[\d+\]\.(Bins\[\d+\]\.Time))$`)

// full is a report in which every list has an entry and every string a value.
func full() *findings.Report {
	r := twoHosts()
	r.Bundles = []findings.Upload{{Name: "second.zip", SHA256: sum("2"), Bytes: 5, Format: "zip"}}
	r.Case = "case-7"
	r.Incident = &findings.Incident{Time: "2012-03-08T21:16:00Z", Covered: findings.CoveredWithin}
	r.Sensitive = []findings.Sensitive{{Artifact: r.Artifacts[0].Path, What: "a private key"}}
	return r
}

// skeletons lists the elements of a site's pages.
func skeletons(t *testing.T, pages []sitePage) []string {
	t.Helper()
	var out []string
	for _, p := range pages {
		if filepath.Ext(p.name) == ".html" {
			out = append(out, skeleton(t, p.data)...)
		}
	}
	return out
}

// skeleton lists the page's elements in order, without the escapes of characters that can't be seen.
func skeleton(t *testing.T, page []byte) []string {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range doc.Descendants() {
		// A path has a place to break behind each slash, of which a string may have any number.
		if n.Type == html.ElementNode && n.Data != "wbr" && !slices.Contains(n.Attr, html.Attribute{Key: "class", Val: "esc"}) {
			names = append(names, n.Data)
		}
	}
	return names
}

// fill sets every string that v leads to, those of a vocabulary only on demand, and returns how many those are.
func fill(v reflect.Value, vocabulary bool, next func() string) int {
	n := 0
	walk(v, "", func(_ string, named bool, set func(string)) {
		if !named || vocabulary {
			set(next())
			n++
		}
	})
	return n
}

// fillOne sets the i-th string that v leads to, and returns its path, "" if there are fewer.
func fillOne(v reflect.Value, s string, i int) (path string) {
	n := 0
	walk(v, "", func(p string, _ bool, set func(string)) {
		if n == i {
			set(s)
			path = p
		}
		n++
	})
	return path
}

// walk visits the strings that v leads to; named ones are of a type of their own, a vocabulary.
func walk(v reflect.Value, path string, visit func(path string, named bool, set func(string))) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v.Type().PkgPath() != "", v.SetString)
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			value := v.MapIndex(key).String()
			visit(path+"[key]", false, func(s string) {
				v.SetMapIndex(key, reflect.Value{})
				v.SetMapIndex(reflect.ValueOf(s), reflect.ValueOf(value))
			})
			visit(path+"[value]", false, func(s string) {
				if v.MapIndex(key).IsValid() {
					v.SetMapIndex(key, reflect.ValueOf(s))
				} else {
					v.SetMapIndex(reflect.ValueOf("key of "+key.String()), reflect.ValueOf(s))
				}
			})
		}
	default: // numbers and flags hold no text
	}
}

// TestBounds draws a report with very long lists: the page stays small, says what it leaves out, and still shows every file that evidence cites.
func TestBounds(t *testing.T) {
	r := twoHosts()
	for i := range 50_000 {
		r.Artifacts = append(r.Artifacts, findings.Artifact{Path: fmt.Sprintf("logs/%05d/agent.log", i), SHA256: sum("x"), Bytes: 1, Kind: ingest.KindLogText, Clock: "none"})
	}
	last := r.Artifacts[len(r.Artifacts)-1].Path
	r.Findings[0].Evidence = append(r.Findings[0].Evidence, findings.Evidence{Artifact: last, Line: 1, Quote: "x", Role: findings.Supports})
	for i := range 3_000 {
		r.Findings = append(r.Findings, findings.Finding{Check: "dns-stale-computer", Subject: fmt.Sprintf("HOST-%04d", i), Verdict: findings.Suspected, Severity: findings.Low, Title: "DNS calls a computer stale"})
		r.Problems = append(r.Problems, ingest.Problem{Artifact: "logs/x", Stage: ingest.StageRead, Message: "cut short"})
		r.Systems[1].PendingRenames = append(r.Systems[1].PendingRenames, findings.PendingRename{Operation: "delete", Source: `C:\x`})
	}
	page := render(t, r)
	sound(t, page)
	if len(page) > 2_500_000 {
		t.Errorf("the document has %d bytes", len(page))
	}
	pages := siteOf(t, r)
	soundPages(t, pages)
	for _, p := range pages {
		if limit := map[string]int{web.PageIndex: 600_000}[p.name]; len(p.data) > stdcmp.Or(limit, maxPage) {
			t.Errorf("%s has %d bytes", p.name, len(p.data))
		}
	}
	if n := len(pages); n < 25 {
		t.Errorf("%d files: the list of files is not cut into pages", n)
	}
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	text := content(doc)
	for _, want := range []string{"… and 48,008 more in report.json.", "… and 2,502 more in report.json.", "… and 2,503 more in report.json.", last} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	r := twoHosts()
	for i := range 2_000 {
		r.Artifacts = append(r.Artifacts, findings.Artifact{Path: fmt.Sprintf("logs/%05d/agent.log", i), SHA256: sum("x"), Bytes: 1, Kind: ingest.KindLogText, Clock: "none"})
	}
	var page bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		page.Reset()
		if err := web.Write(&page, r); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(page.Len()))
}
