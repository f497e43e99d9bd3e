package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"casebook/index"
	"casebook/index/query"
)

// searchFlags are the flags of search.
type searchFlags struct {
	archive, sort string
	context, max  int
	count         bool
}

func (a *app) search() *cobra.Command {
	var f searchFlags
	c := &cobra.Command{
		Use:   "search QUERY",
		Short: "Search the records, registry values and findings of an archive or a report folder",
		Long: `Searches what analyze has put into an archive. Words beside each other must all stand in a record:

  0x80040669                         a word, whole or as a part, in any case
  "exit code 1603"                   a phrase
  Clicore.*   W?S01                  wildcards
  host:WKS-0417  file:execmgr.log    a field: host, component, severity, file, kind, check
  time:2012-03-08..2012-03-09        a range of time; also time:>2012-03-08T21:00
  a AND b   a OR b   NOT a   -a      and parentheses

Exit status: 0 something was found, 1 nothing, 2 the command was used wrongly.`,
		Example: `  casebook search --archive ticket-48213-report 'severity:error AND "exit code"'
  CASEBOOK_ARCHIVE=/srv/cases casebook search 'code 1603 host:WKS-0417' -C 2`,
		Args: exactly(1, -1, "a query"),
		RunE: func(c *cobra.Command, args []string) error { return a.runSearch(c, strings.Join(args, " "), f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.archive, "archive", os.Getenv("CASEBOOK_ARCHIVE"), "the archive or report folder `DIR` to search; also $CASEBOOK_ARCHIVE")
	fs.IntVarP(&f.context, "context", "C", 0, "show `N` lines before and after each hit")
	fs.IntVarP(&f.max, "max", "n", 0, "show at most `N` hits (default all)")
	fs.StringVar(&f.sort, "sort", "file", "`ORDER` of the hits: file or time")
	fs.BoolVar(&f.count, "count", false, "only the number of hits")
	return c
}

func (a *app) runSearch(c *cobra.Command, text string, f searchFlags) error {
	if f.archive == "" {
		return usagef("no archive named: give --archive DIR (an archive or a report folder) or set CASEBOOK_ARCHIVE")
	}
	opt := index.SearchOptions{Context: f.context, Limit: f.max}
	switch f.sort {
	case "file":
	case "time":
		opt.Sort = index.ByTime
	default:
		return usagef("--sort is file or time, not %q", f.sort)
	}
	if f.context < 0 || f.max < 0 {
		return usagef("-C and -n take a number from 0 on")
	}
	q, err := query.Parse(text)
	if bad, ok := errors.AsType[*query.Error](err); ok {
		return usagef("the query can't be understood: %s\n  %s\n  %s^", bad.Reason, text, strings.Repeat(" ", max(0, bad.Column-1)))
	}
	if err != nil {
		return err
	}
	archive, err := index.Open(f.archive)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // it was only read
	n := 0
	var failed error
	for h, err := range archive.Search(c.Context(), q, opt) {
		if c.Context().Err() != nil {
			return c.Context().Err()
		}
		if err != nil {
			failed = err
			a.complain(err)
			continue
		}
		n++
		if !f.count {
			if err := a.printHit(h, f.context > 0 && n > 1); err != nil {
				return err
			}
		}
	}
	if f.count {
		fmt.Fprintln(a.out, n)
	}
	switch {
	case failed != nil:
		a.code = exitUsage
	case n == 0:
		a.code = exitFindings
	}
	return nil
}

// printHit prints one hit in the manner of grep: place, then text; with --json a line of JSON each.
func (a *app) printHit(h index.Hit, separate bool) error {
	if a.json {
		return writeLine(a.out, h)
	}
	p := a.paint()
	if separate {
		fmt.Fprintln(a.out, p.faint("--"))
	}
	where := printable(h.Artifact)
	if h.Line > 0 {
		where += fmt.Sprintf(":%d", h.Line)
	}
	if h.Class == index.ClassFinding {
		where = h.Check + " " + h.Verdict
	}
	var about []string
	if h.Host != "" {
		about = append(about, printable(h.Host))
	}
	if h.Time != nil {
		stamp := h.Time.Format("2006-01-02 15:04:05.000")
		if h.UTC {
			stamp += "Z"
		}
		about = append(about, stamp)
	}
	for _, s := range []string{h.Severity, printable(h.Component)} {
		if s != "" {
			about = append(about, s)
		}
	}
	fmt.Fprintf(a.out, "%s\n", strings.TrimRight(p.bold(where)+"  "+p.faint(strings.Join(about, "  ")), " "))
	for _, l := range h.Before {
		fmt.Fprintf(a.out, "    %s\n", p.faint(printable(l)))
	}
	if h.Class == index.ClassFinding {
		h = telling(h)
	}
	fmt.Fprintf(a.out, "    %s\n", highlighted(h, p))
	for _, l := range h.After {
		fmt.Fprintf(a.out, "    %s\n", p.faint(printable(l)))
	}
	return nil
}

// telling cuts a finding's words, which are many, to the title, or to the first line in which something was found.
func telling(h index.Hit) index.Hit {
	from := 0
	if len(h.Matches) > 0 {
		from = strings.LastIndexByte(h.Text[:min(h.Matches[0][0], len(h.Text))], '\n') + 1
	}
	line, _, _ := strings.Cut(h.Text[from:], "\n")
	var matches [][2]int
	for _, m := range h.Matches {
		if m[0] >= from && m[1] <= from+len(line) {
			matches = append(matches, [2]int{m[0] - from, m[1] - from})
		}
	}
	h.Text, h.Matches = line, matches
	return h
}

// highlighted is the hit's text with what was found in it marked, line breaks as blanks.
func highlighted(h index.Hit, p palette) string {
	var b strings.Builder
	at := 0
	for _, m := range h.Matches {
		if m[0] < at || m[1] > len(h.Text) {
			continue
		}
		b.WriteString(printable(oneLine(h.Text[at:m[0]])))
		b.WriteString(p.bad(printable(oneLine(h.Text[m[0]:m[1]]))))
		at = m[1]
	}
	b.WriteString(printable(oneLine(h.Text[at:])))
	return b.String()
}

func oneLine(s string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ").Replace(s)
}
