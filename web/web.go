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
var styleSheet = styleBase + stylePages

//go:embed tools.js
var scriptTools string

//go:embed timeline.js
var scriptTimeline string

// policy is the Content-Security-Policy of a page without script. The browser applies this one style sheet and loads nothing.
var policy = "default-src 'none'; style-src '" + digest(styleSheet) + "'; base-uri 'none'; form-action 'none'"

// scriptPolicy is the policy of a page that has this one script besides.
func scriptPolicy(script string) string {
	if script == "" {
		return policy
	}
	return policy + "; script-src '" + digest(script) + "'"
}

// digest returns the source expression of Content Security Policy Level 3, section 2.3.1, for an inline element with this content.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
