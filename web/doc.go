// Package web draws the pages that people read: a report as one HTML file.
//
// [Write] draws index.html from a [findings.Report] and from nothing else. The package knows no files, no network and no clock, so
// the same report always gives the same bytes. A page is complete in itself: its style sheet stands inside, it runs no script, and
// its policy forbids the browser to load anything.
//
// Nearly every string of a report was written by whoever made the upload, and the reader is an engineer with access to a network. So a
// page never makes a link of such a string, and shows it only through text, block or plain of escape.go, which write markup
// as text and characters that can't be seen, or that reorder their neighbours, as visible escapes such as \u202E. The only links that leave the
// page are the references of checks, and of those only https.
//
// Where things stand: view.go puts a report into the order in which it is read and gives everything its anchor; the .templ files hold the
// markup, one file a part of the page; texts.go holds the English sentences; style.css is the style sheet.
package web
