// Package web draws the pages that people read: a report as a folder of pages, or as one HTML document.
//
// [Site.Draw] draws the pages from a [findings.Report] and the records of logs: index.html, timeline.html, registry.html, files.html, the pages of logs, and
// as text the ticket note and the request to the customer. [Write] draws all but the logs as one document. The package knows no files, no network and
// no clock, so the same report always gives the same bytes. A page is complete in itself: its style sheet and its script stand inside, and its policy
// forbids the browser to run or load anything else. Without script nothing is missing that a page says; script filters, sorts, copies and zooms.
//
// Nearly every string of a report was written by whoever made the upload, and the reader is an engineer with access to a network. So a
// page never makes a link of such a string, and shows it only through text, block or plain of escape.go, which write markup
// as text and characters that can't be seen, or that reorder their neighbours, as visible escapes such as \u202E. The only links that leave the
// page are the references of checks, and of those only https.
//
// Where things stand: view.go puts a report into the order in which it is read and gives everything its anchor; site.go says which pages there are;
// frame.templ is what each has around its content; the other .templ files hold the markup, one file a page or a part of the first one; timeline.go,
// registry.go and files.go hold what their pages show beyond the report, and logs.go and logrows.go draw logs; texts.go holds the English sentences;
// style.css and pages.css are the style sheet, tools.js and timeline.js the scripts.
package web
