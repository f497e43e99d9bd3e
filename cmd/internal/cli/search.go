package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"casebook/index"
	"casebook/index/query"
)

// searchFlags are the flags of search.
type searchFlags struct {
	archive, sort string
	context, max  int
	count         bool
	facets        []string
}

func (a *App) search() *cobra.Command {
	var f searchFlags
	c := &cobra.Command{
		Use:   "search QUERY",
		Short: "Search the records, registry values and findings of an archive or a report folder",
		Long: `Searches what analyze has put into an archive, with the query language below.

` + query.Help(),
		Args: exactly(1, -1, "a query"),
		RunE: func(c *cobra.Command, args []string) error { return a.runSearch(c, strings.Join(args, " "), f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.archive, "archive", os.Getenv(archiveVariable), "the archive or report folder `DIR` to search; also $"+archiveVariable)
	fs.IntVarP(&f.context, "context", "C", 0, "show `N` lines before and after each hit")
	fs.IntVarP(&f.max, "max", "n", 0, "show at most `N` hits (default all)")
	fs.StringVar(&f.sort, "sort", "file", "`ORDER` of the hits: file, time or relevance")
	fs.BoolVar(&f.count, "count", false, "only the number of hits")
	fs.StringSliceVar(&f.facets, "facet", nil, "count the hits by `FIELD` instead of showing them; repeatable: "+facetNames()+"; -n bounds the values of each")
	return c
}

func (a *App) runSearch(c *cobra.Command, text string, f searchFlags) error {
	opt := index.SearchOptions{Context: f.context, Limit: f.max}
	switch f.sort {
	case "file":
	case "time":
		opt.Sort = index.ByTime
	case "relevance":
		opt.Sort = index.ByRelevance
	default:
		return usagef("--sort is file, time or relevance, not %q", f.sort)
	}
	facets, err := facetsOf(f.facets)
	if err != nil {
		return err
	}
	if f.context < 0 || f.max < 0 {
		return usagef("-C and -n take a number from 0 on")
	}
	q, err := query.Parse(text)
	if bad, ok := errors.AsType[*query.Error](err); ok {
		before := string([]rune(text)[:bad.Column-1])
		return usagef("the query can't be understood: %s\n  %s\n  %s^", bad.Reason, printable(oneLine(text)), strings.Repeat(" ", cells(printable(oneLine(before)))))
	}
	if err != nil {
		return err
	}
	archive, err := a.openArchive(c.Context(), f.archive)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // it was only read
	if f.count || len(facets) > 0 {
		return a.count(c.Context(), archive, q, facets, f.max)
	}
	several := true // a service is shared by many
	if folder, ok := archive.(*index.Archive); ok {
		cases, err := folder.Cases(c.Context())
		if err != nil {
			return err
		}
		several = len(cases) > 1
	}
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
		if err := a.printHit(h, several, f.context > 0 && n > 1); err != nil {
			return err
		}
	}
	a.found(n, failed)
	if n == 0 && failed == nil && !a.quiet {
		for _, hint := range query.Hints(q) {
			fmt.Fprintf(a.err, "casebook: %s\n", printable(hint))
		}
		if a.tty != nil {
			fmt.Fprintln(a.err, "casebook: no hit")
		}
	}
	return nil
}

// found sets the exit status of a search.
func (a *App) found(n int, failed error) {
	switch {
	case failed != nil:
		a.code = exitUsage
	case n == 0:
		a.code = exitFindings
	}
}

// countJSON is what --count and --facet show with --json.
type countJSON struct {
	Hits   int                 `json:"hits"`
	Facets []index.FacetCounts `json:"facets,omitempty"`
}

// count prints how many hits there are, and by each facet at most limit values, 0 for all.
func (a *App) count(ctx context.Context, archive index.Reader, q query.Node, facets []index.Facet, limit int) error {
	total, counts, err := archive.Count(ctx, q, facets...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.complain(err)
	}
	a.found(total, err)
	for i := range counts {
		shorten(&counts[i], limit)
	}
	if a.json {
		return writeLine(a.out, countJSON{total, counts})
	}
	if len(facets) == 0 {
		fmt.Fprintln(a.out, total)
		return nil
	}
	p := a.paint()
	fmt.Fprintf(a.out, "%d %s\n", total, plural(total, "hit"))
	for _, c := range counts {
		fmt.Fprintf(a.out, "\n%s\n", p.bold(string(c.Facet)))
		for _, v := range c.Values {
			fmt.Fprintf(a.out, "%9d  %s\n", v.Count, printable(v.Value))
		}
		if c.Others > 0 {
			fmt.Fprintf(a.out, "%9d  %s\n", c.Others, p.faint("(others)"))
		}
		if c.None > 0 {
			fmt.Fprintf(a.out, "%9d  %s\n", c.None, p.faint("(none)"))
		}
	}
	return nil
}

// shorten keeps the first values of a facet, of a time all.
func shorten(c *index.FacetCounts, limit int) {
	if limit == 0 || len(c.Values) <= limit || c.Facet == index.FacetTime {
		return
	}
	for _, v := range c.Values[limit:] {
		c.Others += v.Count
	}
	c.Values = c.Values[:limit]
}

// facetsOf reads the names of facets, also in the plural.
func facetsOf(names []string) ([]index.Facet, error) {
	var out []index.Facet
	for _, name := range names {
		i := slices.IndexFunc(index.Facets(), func(f index.Facet) bool {
			return strings.EqualFold(name, string(f)) || strings.EqualFold(name, string(f)+"s")
		})
		if i < 0 {
			return nil, usagef("there is no facet %q; there is %s", name, facetNames())
		}
		out = append(out, index.Facets()[i])
	}
	return out, nil
}

func facetNames() string {
	var names []string
	for _, f := range index.Facets() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// cells is how many columns of a terminal s takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			n += 2
		default:
			n++
		}
	}
	return n
}

// printHit prints one hit in the manner of grep: place, then text; with --json a line of JSON each. withCase adds the case, which goes without saying if there is but one.
func (a *App) printHit(h index.Hit, withCase, separate bool) error {
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
	if withCase {
		about = append(about, printable(h.Case))
	}
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
