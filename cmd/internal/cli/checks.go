package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/findings/checks"
)

func (a *App) checks() *cobra.Command {
	var markdown bool
	var packs []string
	list := &cobra.Command{
		Use: "list", Short: "List the checks", Args: exactly(0, 0, "no argument"),
		RunE: func(*cobra.Command, []string) error { return a.listChecks(markdown, packs) },
	}
	list.Flags().BoolVar(&markdown, "markdown", false, "all pages as one Markdown document")
	show := &cobra.Command{
		Use: "show ID", Short: "Show what a check looks for, what proves it and what to do", Args: exactly(1, 1, "the ID of a check"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checkIDs(checks.All()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.showCheck(args[0], packs) },
	}
	for _, c := range []*cobra.Command{list, show} {
		c.Flags().StringArrayVar(&packs, "checks", nil, packsHelp)
	}
	return group(&cobra.Command{Use: "checks", Short: "What is checked and why"}, list, show, a.testPacks())
}

func checkIDs(all []*findings.Check) []string {
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids
}

// noCheck says that there is no check of an ID, and which one may have been meant.
func noCheck(id string, all []*findings.Check) error {
	return usagef("there is no check %q%s; 'casebook checks list' lists them", id, nearest(id, checkIDs(all)))
}

// checkJSON is a check as --json shows it.
type checkJSON struct {
	ID         string               `json:"id"`
	Title      string               `json:"title"`
	Severity   findings.Severity    `json:"severity"`
	Product    string               `json:"product"`
	Cause      string               `json:"cause"`
	Proves     []string             `json:"proves"`
	Suggests   []string             `json:"suggests"`
	Exonerates []string             `json:"exonerates"`
	Remedy     []string             `json:"remedy"`
	Risk       string               `json:"risk"`
	Undo       string               `json:"undo"`
	Cured      string               `json:"cured"`
	Overturns  string               `json:"overturns"`
	Needs      []findings.Missing   `json:"needs"`
	References []findings.Reference `json:"references"`
}

func asJSON(c *findings.Check) checkJSON {
	out := checkJSON{
		ID: c.ID, Title: c.Title, Severity: c.Severity, Product: c.Product.Name, Cause: c.Doc.Cause, Proves: c.Doc.Proves,
		Suggests: c.Doc.Suggests, Exonerates: c.Doc.Exonerates, Remedy: c.Doc.Remedy, References: c.Doc.References,
		Risk: c.Doc.Risk, Undo: c.Doc.Undo, Cured: c.Doc.Cured, Overturns: c.Doc.Overturns,
	}
	for _, n := range c.Needs {
		out.Needs = append(out.Needs, findings.Missing{What: n.What, Why: n.Why, Collect: n.Collect})
	}
	return out
}

func (a *App) listChecks(markdown bool, packs []string) error {
	all, err := allChecks(packs, os.Getenv("CASEBOOK_ARCHIVE"))
	if err != nil {
		return err
	}
	switch {
	case markdown:
		fmt.Fprint(a.out, "# The checks\n\nThis page is made by `make generate` from the checks themselves; `casebook checks show ID` prints one.\n")
		for _, c := range all {
			fmt.Fprintf(a.out, "\n## %s\n\n", c.ID)
			writeCheck(page{out: a.out, width: math.MaxInt}, c, true)
		}
		return nil
	case a.json:
		var out []checkJSON
		for _, c := range all {
			out = append(out, asJSON(c))
		}
		return a.writeJSON(out)
	}
	width := 0
	for _, c := range all {
		width = max(width, len(c.ID))
	}
	p := a.paint()
	w := a.page()
	for _, c := range all {
		start := p.bold(pad(c.ID, width)) + "  " + pad(string(c.Severity), severityWidth) + "  "
		w.paragraph(start, strings.Repeat(" ", columns(start)), c.Title)
	}
	return nil
}

func (a *App) showCheck(id string, packs []string) error {
	all, err := allChecks(packs, os.Getenv("CASEBOOK_ARCHIVE"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c *findings.Check) bool { return c.ID == id })
	if i < 0 {
		return noCheck(id, all)
	}
	if a.json {
		return a.writeJSON(asJSON(all[i]))
	}
	w := a.page()
	w.line("", a.paint().bold(id))
	writeCheck(w, all[i], false)
	return nil
}

// writeCheck writes a check's page, as plain text or as Markdown.
func writeCheck(w page, c *findings.Check, markdown bool) {
	heading, bullet, code := "", "  - ", ""
	if markdown {
		heading, bullet, code = "### ", "- ", "`"
	}
	rest := strings.Repeat(" ", len(bullet))
	w.paragraph("", "", fmt.Sprintf("%s. Severity %s; product: %s.", strings.TrimRight(c.Title, "."), c.Severity, c.Product.Name))
	title := func(s string) {
		w.line("", "")
		w.line(heading, s)
		if markdown {
			w.line("", "")
		}
	}
	list := func(name string, items ...string) {
		if len(items) == 0 || items[0] == "" {
			return
		}
		title(name)
		for _, it := range items {
			w.paragraph(bullet, rest, it)
		}
	}
	list("Why it happens", c.Doc.Cause)
	list("What proves it", c.Doc.Proves...)
	list("What merely suggests it", c.Doc.Suggests...)
	list("What rules it out", c.Doc.Exonerates...)
	list("What to do", c.Doc.Remedy...)
	for _, b := range c.Before {
		list("What has to wait for it", fmt.Sprintf("%s: because %s.", strings.Join(b.Over, ", "), b.Why))
	}
	list("What that risks", c.Doc.Risk)
	list("How to undo it", c.Doc.Undo)
	list("How to see that it is cured", c.Doc.Cured)
	list("What would overturn the finding", c.Doc.Overturns)
	list("What it may be mistaken for", c.Doc.FalsePositives)
	list("What it does not cover", c.Doc.NotCovered)
	if len(c.Needs) > 0 {
		title("What it needs")
	}
	for _, n := range c.Needs {
		w.paragraph(bullet, rest, fmt.Sprintf("%s, because %s:", n.What, n.Why))
		for command := range strings.Lines(n.Collect) {
			if markdown { // a blank line makes each command a paragraph of its own
				w.line("", "")
			}
			w.line(rest, code+strings.TrimRight(command, "\r\n")+code) // whole, so that it can be copied
		}
	}
	var refs []string
	for _, r := range c.Doc.References {
		refs = append(refs, fmt.Sprintf("%s <%s>", r.Title, r.URL))
	}
	list("Sources", refs...)
}

func (a *App) writeJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
