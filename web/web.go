package web

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"

	"casebook/findings"
)

// Write writes the report to w as one HTML document in UTF-8 that needs nothing beside it: what [Site.Draw] spreads over several pages, without
// the logs. The report is only read; it may be incomplete, for example without systems or findings. The error is that of w.
func Write(w io.Writer, r *findings.Report) error {
	return whole(newView(r)).Render(context.Background(), w)
}

//go:embed style.css
var styleBase string

//go:embed pages.css
var stylePages string

// styleSheet is the one style sheet of every page.
var styleSheet = styleBase + stylePages + styleDiff

//go:embed tools.js
var scriptTools string

//go:embed timeline.js
var scriptTimeline string

// scriptPolicy is the Content-Security-Policy of a page with one script of ours, or with none if that is "". The browser runs it, applies this one
// style sheet and loads nothing. A page of [Live] may send forms to where it came from.
func scriptPolicy(script string, live bool) string {
	style, forms := styleSheet, "'none'"
	if live {
		style, forms = styleSheet+styleLive, "'self'"
	}
	p := "default-src 'none'; "
	if script != "" {
		p += "script-src '" + digest(script) + "'; "
	}
	return p + "style-src '" + digest(style) + "'; base-uri 'none'; form-action " + forms
}

// digest returns the source expression of Content Security Policy Level 3, section 2.3.1, for an inline element with this content.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
