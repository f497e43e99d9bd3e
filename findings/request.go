package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxRequest is how many things a customer is asked for at once.
const maxRequest = 5

// MakeRequest puts together what to ask the customer for: what settles suspected findings, and not-evaluated checks whose product is seen
// in the bundle; at most five items, those first that settle most.
func MakeRequest(all []Finding) Request {
	type item struct {
		RequestItem
		weight int
	}
	var items []*item
	hosts := map[string]bool{}
	for _, f := range all {
		weight := 0
		switch {
		case f.Verdict == Suspected:
			weight = 100 * (len(Severities()) - slices.Index(Severities(), f.Severity))
		case f.Verdict == NotEvaluated && f.Reason == DataMissing:
			weight = len(Severities()) - slices.Index(Severities(), f.Severity)
		default:
			continue
		}
		for _, m := range f.Missing {
			i := slices.IndexFunc(items, func(x *item) bool { return x.Collect == m.Collect })
			if i < 0 {
				items = append(items, &item{RequestItem: RequestItem{What: m.What, Why: m.Why, Collect: m.Collect}})
				i = len(items) - 1
			}
			items[i].weight += weight
			if !slices.Contains(items[i].Settles, f.Check) {
				items[i].Settles = append(items[i].Settles, f.Check)
			}
			if f.System != "" {
				hosts[f.System] = true
			}
		}
	}
	slices.SortStableFunc(items, func(a, b *item) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.What, b.What))
	})
	r := Request{Items: []RequestItem{}}
	for _, it := range items[:min(len(items), maxRequest)] {
		slices.Sort(it.Settles)
		r.Items = append(r.Items, it.RequestItem)
	}
	r.Text = requestText(r.Items, hosts)
	return r
}

// requestText is the request as it may be sent. It is empty if there is nothing to ask for.
func requestText(items []RequestItem, hosts map[string]bool) string {
	if len(items) == 0 {
		return ""
	}
	var b strings.Builder
	from := ""
	if len(hosts) == 1 {
		for h := range hosts {
			from = " from " + h
		}
	}
	things := "one more thing"
	if len(items) > 1 {
		things = [...]string{"two", "three", "four", "five"}[len(items)-2] + " more things"
	}
	fmt.Fprintf(&b, "To finish the analysis we need %s%s:\n", things, from)
	for i, it := range items {
		fmt.Fprintf(&b, "\n%d. %s, because %s.\n", i+1, upperFirst(it.What), strings.TrimRight(it.Why, "."))
		for line := range strings.Lines(it.Collect) {
			fmt.Fprintf(&b, "       %s\n", strings.TrimRight(line, "\n"))
		}
	}
	b.WriteString("\nPlease run commands in an elevated prompt and send the files that they write.\n")
	return b.String()
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
