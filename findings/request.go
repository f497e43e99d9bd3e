package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRequest is how many things a customer is asked for at once.
const maxRequest = 5

// wanted is one thing to ask for, with what it is worth.
type wanted struct {
	RequestItem
	weight int
	hosts  []string // the systems that it is to come from; nil if none is known
}

// MakeRequest puts together what to ask the customer for: what settles suspected findings, and not-evaluated checks whose product is seen
// in the bundle; at most five items, those first that settle most. What two findings ask for in the same words, or by the same command, is asked
// for once.
func MakeRequest(all []Finding) Request {
	var items []*wanted
	for _, f := range slices.SortedStableFunc(slices.Values(all), compare) {
		var weight int
		switch {
		case f.Verdict == Suspected:
			weight = 100 * (len(Severities()) - slices.Index(Severities(), f.Severity))
		case f.Verdict == NotEvaluated && f.Reason == DataMissing:
			weight = len(Severities()) - slices.Index(Severities(), f.Severity)
		default:
			continue
		}
		asked := map[*wanted]bool{}
		for _, m := range f.Missing {
			i := slices.IndexFunc(items, func(x *wanted) bool { return x.Collect == m.Collect || strings.EqualFold(x.What, m.What) })
			if i < 0 {
				i = len(items)
				items = append(items, &wanted{RequestItem: RequestItem{What: m.What, Why: m.Why, Collect: m.Collect}})
			}
			x := items[i]
			if asked[x] {
				continue
			}
			asked[x] = true
			x.weight += weight
			if !slices.Contains(x.Settles, f.Check) {
				x.Settles = append(x.Settles, f.Check)
			}
			if f.System != "" && !slices.Contains(x.hosts, f.System) {
				x.hosts = append(x.hosts, f.System)
			}
		}
	}
	slices.SortStableFunc(items, func(a, b *wanted) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.What, b.What), strings.Compare(a.Collect, b.Collect))
	})
	items = items[:min(len(items), maxRequest)]
	r := Request{Items: []RequestItem{}, Text: requestText(items)}
	for _, it := range items {
		slices.Sort(it.Settles)
		r.Items = append(r.Items, it.RequestItem)
	}
	return r
}

// requestText is the request as it may be sent. It is empty if there is nothing to ask for.
func requestText(items []*wanted) string {
	if len(items) == 0 {
		return ""
	}
	// One computer is named once, several with each item.
	single := len(items[0].hosts) <= 1
	for _, it := range items {
		slices.Sort(it.hosts)
		single = single && slices.Equal(it.hosts, items[0].hosts)
	}
	var b strings.Builder
	things := "one more thing"
	if len(items) > 1 {
		things = [...]string{"two", "three", "four", "five"}[len(items)-2] + " more things"
	}
	fmt.Fprintf(&b, "To finish the analysis we need %s", things)
	if single && len(items[0].hosts) > 0 {
		fmt.Fprintf(&b, " from %s", items[0].hosts[0])
	}
	b.WriteString(":\n")
	for i, it := range items {
		fmt.Fprintf(&b, "\n%d. %s", i+1, upperFirst(it.What))
		if !single && len(it.hosts) > 0 {
			fmt.Fprintf(&b, " from %s", strings.Join(it.hosts, ", "))
		}
		fmt.Fprintf(&b, ", because %s.\n", strings.TrimRight(it.Why, "."))
		for line := range strings.Lines(it.Collect) {
			fmt.Fprintf(&b, "       %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	b.WriteString("\nPlease run commands in an elevated prompt and send the files that they write.\n")
	return b.String()
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
