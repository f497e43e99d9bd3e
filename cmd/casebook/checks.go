package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/findings/checks"
)

func (a *app) checks() *cobra.Command {
	var markdown bool
	list := &cobra.Command{
		Use: "list", Short: "List the checks", Args: exactly(0, 0, "no argument"),
		RunE: func(*cobra.Command, []string) error { return a.listChecks(markdown) },
	}
	list.Flags().BoolVar(&markdown, "markdown", false, "all pages as one Markdown document")
	show := &cobra.Command{
		Use: "show ID", Short: "Show what a check looks for, what proves it and what to do", Args: exactly(1, 1, "the ID of a check"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checkIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.showCheck(args[0]) },
	}
	return group(&cobra.Command{Use: "checks", Short: "What is checked and why"}, list, show)
}

func checkIDs() []string {
	var ids []string
	for _, c := range checks.All() {
		ids = append(ids, c.ID)
	}
	return ids
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
	Needs      []findings.Missing   `json:"needs"`
	References []findings.Reference `json:"references"`
}

func asJSON(c *findings.Check) checkJSON {
	out := checkJSON{
		ID: c.ID, Title: c.Title, Severity: c.Severity, Product: c.Product.Name, Cause: c.Doc.Cause, Proves: c.Doc.Proves,
		Suggests: c.Doc.Suggests, Exonerates: c.Doc.Exonerates, Remedy: c.Doc.Remedy, References: c.Doc.References,
	}
	for _, n := range c.Needs {
		out.Needs = append(out.Needs, findings.Missing{What: n.What, Why: n.Why, Collect: n.Collect})
	}
	return out
}

func (a *app) listChecks(markdown bool) error {
	all := checks.All()
	switch {
	case markdown:
		fmt.Fprint(a.out, "# The checks\n\nThis page is made by `make generate` from the checks themselves; `casebook checks show ID` prints one.\n")
		for _, c := range all {
			fmt.Fprintf(a.out, "\n## %s\n\n", c.ID)
			writeCheck(a.out, c, "### ", "- ")
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
	for _, c := range all {
		fmt.Fprintf(a.out, "%s  %s  %s\n", p.bold(pad(c.ID, width)), pad(string(c.Severity), severityWidth-1), c.Title)
	}
	return nil
}

func (a *app) showCheck(id string) error {
	all := checks.All()
	i := slices.IndexFunc(all, func(c *findings.Check) bool { return c.ID == id })
	if i < 0 {
		return usagef("there is no check %q; 'casebook checks list' lists them", id)
	}
	if a.json {
		return a.writeJSON(asJSON(all[i]))
	}
	fmt.Fprintf(a.out, "%s\n\n", a.paint().bold(id))
	writeCheck(a.out, all[i], "", "  - ")
	return nil
}

// writeCheck writes a check's page. heading stands before each heading, bullet before each item of a list.
func writeCheck(w io.Writer, c *findings.Check, heading, bullet string) {
	fmt.Fprintf(w, "%s. Severity %s; product: %s.\n", strings.TrimRight(c.Title, "."), c.Severity, c.Product.Name)
	section := func(title string, items ...string) {
		if len(items) == 0 || items[0] == "" {
			return
		}
		fmt.Fprintf(w, "\n%s%s\n", heading, title)
		if heading != "" {
			fmt.Fprintln(w)
		}
		for _, it := range items {
			fmt.Fprintf(w, "%s%s\n", bullet, it)
		}
	}
	section("Why it happens", c.Doc.Cause)
	section("What proves it", c.Doc.Proves...)
	section("What merely suggests it", c.Doc.Suggests...)
	section("What rules it out", c.Doc.Exonerates...)
	section("What to do", c.Doc.Remedy...)
	section("What it may be mistaken for", c.Doc.FalsePositives)
	section("What it does not cover", c.Doc.NotCovered)
	var needs []string
	for _, n := range c.Needs {
		needs = append(needs, fmt.Sprintf("%s, because %s: `%s`", n.What, n.Why, strings.ReplaceAll(n.Collect, "\n", "` and `")))
	}
	section("What it needs", needs...)
	var refs []string
	for _, r := range c.Doc.References {
		refs = append(refs, fmt.Sprintf("%s <%s>", r.Title, r.URL))
	}
	section("Sources", refs...)
}

func (a *app) writeJSON(v any) error {
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
