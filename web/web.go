package web

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"

	"casebook/findings"
)

// Write writes index.html of the report to w: one HTML document in UTF-8 that needs nothing beside it. The report is
// only read; it may be incomplete, for example without systems or findings. The error is that of w.
func Write(w io.Writer, r *findings.Report) error {
	return index(newView(r)).Render(context.Background(), w)
}

//go:embed style.css
var styleSheet string

// policy is the page's Content-Security-Policy. The browser applies this one style sheet and loads nothing.
var policy = "default-src 'none'; style-src '" + digest(styleSheet) + "'; base-uri 'none'; form-action 'none'"

// scriptPolicy is the policy of a page that has this one script besides.
func scriptPolicy(script string) string {
	if script == "" {
		return policy
	}
	return "default-src 'none'; script-src '" + digest(script) + "'; style-src '" + digest(styleSheet) + "'; base-uri 'none'; form-action 'none'"
}

// digest returns the source expression of Content Security Policy Level 3, section 2.3.1, for an inline element with this content.
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
