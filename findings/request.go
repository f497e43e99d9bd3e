package findings

import (
	"cmp"
	"fmt"
	"regexp"
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
	helps     []help
	titles    []string // of the checks that it may rule out
	suspected bool     // it settles a suspicion
	absorb    bool     // another item asks for all of it
}

// help is what an item does for one finding.
type help struct {
	finding int // its place among those that ask
	weight  int // what settling it is worth
	place   int // of the item among what the finding asks for: checks name first what settles most
}

// MakeRequest puts together what to ask the customer for: what settles suspected findings, and not-evaluated checks whose product is seen
// in the bundle; at most five items, those first that settle most. What two findings ask for in the same words, or by the same command, is asked
// for once, and so is what another item holds: a key below one that is exported, a value of a hive that is saved. Exports of several keys of one
// hive are one item, and so are files of one folder. Commands and paths are those of the machine, as far as about, by the systems' IDs, knows it. Once an item is chosen for a finding, the others that it asks for count for less, so that one finding does not fill the
// request. An archive that is cut short comes first: it is asked for again, and then only for what settles suspicions, since all else may be among
// what is missing.
func MakeRequest(all []Finding, about map[string]Machine, cut []CutShort) Request {
	items := gather(all)
	if len(cut) > 0 {
		items = slices.DeleteFunc(items, func(x *wanted) bool { return !x.suspected })
	}
	place(items, about)
	items = combine(byFolder(items))
	var chosen []*wanted
	served := map[int]int{} // how many items are chosen for a finding
	r := Request{Items: []RequestItem{}}
	for _, c := range cut[:min(len(cut), maxRequest)] {
		r.Items = append(r.Items, c.asked())
	}
	for len(r.Items)+len(chosen) < maxRequest && len(items) > 0 {
		worth := func(x *wanted) int {
			const scale = 60 // divides by what may be served without loss
			sum := 0
			for _, h := range x.helps {
				sum += h.weight * scale / (1 + served[h.finding])
			}
			return sum
		}
		best := slices.MinFunc(items, func(a, b *wanted) int {
			return cmp.Or(cmp.Compare(worth(b), worth(a)), cmp.Compare(a.first(), b.first()), strings.Compare(a.What, b.What), strings.Compare(a.Collect, b.Collect))
		})
		for _, h := range best.helps {
			served[h.finding]++
		}
		chosen = append(chosen, best)
		items = slices.DeleteFunc(items, func(x *wanted) bool { return x == best })
	}
	for _, it := range chosen {
		slices.Sort(it.Settles)
		slices.Sort(it.Systems)
		it.Why = it.reason()
		r.Items = append(r.Items, it.RequestItem)
	}
	r.Text = requestText(r.Items, proven(all), about, cut)
	return r
}

// gather lists what the findings ask for, each thing once.
func gather(all []Finding) []*wanted {
	var items []*wanted
	for n, f := range slices.SortedStableFunc(slices.Values(all), compare) {
		rank := len(Severities()) - slices.Index(Severities(), f.Severity)
		switch {
		case f.Verdict == Suspected && f.State == Resolved:
		case f.Verdict == Suspected:
			rank *= 100
		case f.Verdict == NotEvaluated && f.Reason == DataMissing:
		default:
			continue
		}
		asked := map[*wanted]bool{}
		for place, m := range f.Missing {
			m, risk, ok := m.harmless(&f)
			if !ok {
				continue
			}
			i := slices.IndexFunc(items, func(x *wanted) bool {
				return x.Collect == m.Collect && x.Risk == "" || strings.EqualFold(x.What, m.What)
			})
			if i < 0 {
				i = len(items)
				items = append(items, &wanted{RequestItem: RequestItem{What: m.What, Why: m.Why, Collect: m.Collect, Risk: risk}})
			}
			x := items[i]
			if asked[x] {
				continue
			}
			asked[x] = true
			x.helps = append(x.helps, help{n, rank, place})
			x.Settles = union(x.Settles, []string{f.Check})
			if f.Verdict == Suspected {
				x.suspected = true
			} else {
				x.titles = union(x.titles, []string{f.Title})
			}
			if f.System != "" {
				x.Systems = union(x.Systems, []string{f.System})
			}
		}
	}
	return items
}

// first is the earliest place at which a finding asks for the item.
func (w *wanted) first() int {
	return slices.MinFunc(w.helps, func(a, b help) int { return cmp.Compare(a.place, b.place) }).place
}

// take adds what another item settles.
func (w *wanted) take(o *wanted) {
	for _, h := range o.helps {
		if !slices.ContainsFunc(w.helps, func(x help) bool { return x.finding == h.finding }) {
			w.helps = append(w.helps, h)
		}
	}
	w.Settles = union(w.Settles, o.Settles)
	w.Systems = union(w.Systems, o.Systems)
	w.titles = union(w.titles, o.titles)
	w.suspected = w.suspected || o.suspected
	o.absorb = true
}

// ruleOut begins the reason of an item that no suspicion asks for: nothing says that the problem is there.
const ruleOut = "to rule out "

// reason is why the item is asked for. What no suspicion asks for only rules known problems out, and says so.
func (w *wanted) reason() string {
	if w.suspected || len(w.titles) == 0 || slices.ContainsFunc(w.titles, func(t string) bool { return t == "" || strings.HasPrefix(t, "Whether ") }) {
		return w.Why
	}
	if len(w.titles) > 1 {
		return fmt.Sprintf("%s%d known problems", ruleOut, len(w.titles))
	}
	title, _, _ := strings.Cut(w.titles[0], ", so ")
	return ruleOut + "that " + lowerArticle(title)
}

// lowerArticle continues a sentence with one that begins with an article. Another first word may be a name.
func lowerArticle(s string) string {
	for _, a := range []string{"A ", "An ", "The "} {
		if strings.HasPrefix(s, a) {
			return strings.ToLower(s[:1]) + s[1:]
		}
	}
	return s
}

// combine makes one item of those of which one holds the others, and of the exports of one hive's keys.
func combine(items []*wanted) []*wanted {
	for _, x := range items {
		for _, o := range items {
			if x == o || x.absorb || o.absorb || !sameSystems(x, o) || !holds(x.Collect, o.Collect) {
				continue
			}
			x.take(o)
		}
	}
	items = slices.DeleteFunc(items, func(x *wanted) bool { return x.absorb })
	byHive := map[string]*wanted{}
	for _, x := range items {
		hive := exportedHive(x.Collect)
		if hive == "" {
			continue
		}
		key := hive + "\x00" + strings.Join(slices.Sorted(slices.Values(x.Systems)), "\x00")
		first := byHive[key]
		if first == nil {
			byHive[key] = x
			continue
		}
		first.What += " and " + x.What
		if !strings.Contains(first.Why, x.Why) {
			first.Why = strings.TrimRight(first.Why, ".") + "; " + x.Why
		}
		first.Collect += "\n" + x.Collect
		first.take(x)
	}
	return slices.DeleteFunc(items, func(x *wanted) bool { return x.absorb })
}

// sameSystems reports whether two items are to come from the same computers: what one machine exports is not what another one does.
func sameSystems(a, b *wanted) bool {
	return slices.Equal(slices.Sorted(slices.Values(a.Systems)), slices.Sorted(slices.Values(b.Systems)))
}

// registryCommand reads a command of reg.exe: its verb in lower case and the key, long root names made short.
var registryCommand = regexp.MustCompile(`(?i)^reg(?:\.exe)? (save|export|query) (?:"([^"]+)"|(\S+))`)

func registryTarget(line string) (verb, key string) {
	m := registryCommand.FindStringSubmatch(line)
	if m == nil {
		return "", ""
	}
	key = strings.ToLower(strings.TrimSuffix(m[2]+m[3], `\`))
	for long, short := range map[string]string{"hkey_local_machine": "hklm", "hkey_current_user": "hkcu", "hkey_classes_root": "hkcr", "hkey_users": "hku"} {
		if rest, ok := strings.CutPrefix(key, long); ok {
			key = short + rest
		}
	}
	return strings.ToLower(m[1]), key
}

// holds reports whether what one request brings holds all that another one asks for: each line of it, or by reg save or reg export a key
// above the one that is asked for. A query of one value is no export.
func holds(a, b string) bool {
	have := strings.Split(strings.TrimSpace(a), "\n")
	for line := range strings.Lines(b) {
		line = strings.TrimSpace(line)
		verb, key := registryTarget(line)
		if !slices.ContainsFunc(have, func(h string) bool {
			h = strings.TrimSpace(h)
			if h == line {
				return true
			}
			v, k := registryTarget(h)
			return verb != "" && (v == "export" || v == "save") && (key == k && verb != "save" || strings.HasPrefix(key, k+`\`)) && bits(h) == bits(line)
		}) {
			return false
		}
	}
	return true
}

// bits is the half of the registry that a command names, the 64-bit one unless it says otherwise.
func bits(line string) string {
	if strings.Contains(strings.ToLower(line), "/reg:32") {
		return "32"
	}
	return "64"
}

// exportedHive is the hive of which a request exports a key, "" if it is no single export.
func exportedHive(collect string) string {
	if strings.Contains(strings.TrimSpace(collect), "\n") {
		return ""
	}
	verb, key := registryTarget(strings.TrimSpace(collect))
	parts := strings.SplitN(key, `\`, 3)
	if verb != "export" || len(parts) < 2 {
		return ""
	}
	return parts[0] + `\` + parts[1]
}

// proven reports whether a cause is confirmed and nothing is merely suspected: what is asked for then serves other checks.
func proven(all []Finding) bool {
	cause := false
	for _, f := range all {
		if f.Verdict == Suspected && f.State != Resolved {
			return false
		}
		cause = cause || f.Verdict == Confirmed && f.State != Resolved && f.Severity != Info
	}
	return cause
}

// requestText is the request as it may be sent. It is empty if there is nothing to ask for.
func requestText(items []RequestItem, proven bool, about map[string]Machine, cut []CutShort) string {
	if len(items) == 0 {
		return ""
	}
	// One computer is named once, several with each item.
	single := len(items[0].Systems) <= 1
	for _, it := range items {
		single = single && slices.Equal(it.Systems, items[0].Systems)
	}
	var b strings.Builder
	things, are := "one more thing", "is"
	if len(items) > 1 {
		things, are = [...]string{"two", "three", "four", "five"}[len(items)-2]+" more things", "are"
	}
	if single && len(items[0].Systems) > 0 {
		things += " from " + items[0].Systems[0]
	}
	aim := "To finish the analysis"
	switch {
	case len(cut) > 0:
		aim = "What you sent arrived cut short: files are missing. " + aim
	case proven:
		aim = "What you sent shows the cause of a problem. To look for others"
	}
	if len(cut) == len(items) {
		fmt.Fprintf(&b, "%s we need the whole of it:\n", aim)
	} else {
		fmt.Fprintf(&b, "%s we need %s, which %s not in the upload:\n", aim, things, are)
	}
	commands, old, modern := false, false, false
	for i, it := range items {
		fmt.Fprintf(&b, "\n%d. %s", i+1, sentence(it.What))
		if !single && len(it.Systems) > 0 {
			fmt.Fprintf(&b, " from %s", strings.Join(it.Systems, ", "))
		}
		if strings.HasPrefix(it.Why, ruleOut) {
			fmt.Fprintf(&b, ", %s.\n", strings.TrimRight(it.Why, "."))
		} else {
			fmt.Fprintf(&b, ", because %s.\n", strings.TrimRight(it.Why, "."))
		}
		label := ""
		for line := range strings.Lines(it.Collect) {
			line = strings.TrimRight(line, "\r\n")
			if l := labelOf(line); i >= len(cut) && l != label {
				label = l
				fmt.Fprintf(&b, "   %s:\n", l)
			}
			for _, one := range filesByLine(line) {
				fmt.Fprintf(&b, "       %s\n", one)
			}
		}
		if it.Risk != "" {
			fmt.Fprintf(&b, "       Caution: %s.\n", it.Risk)
		}
		if i >= len(cut) && !onlyPaths(it.Collect) {
			commands = true
			if common(it.Systems, about).Old {
				old = true
			} else {
				modern = true
			}
		}
	}
	b.WriteString("\n")
	switch {
	case !commands:
		b.WriteString("Please send these files.\n")
	case old && modern:
		b.WriteString("Please run the commands as an administrator (Windows Vista and later: right click on Command Prompt, Run as administrator). " + sendThem)
	case old:
		b.WriteString("Please log on as an administrator and run the commands in a command prompt (Start, Run, cmd). " + sendThem)
	default:
		b.WriteString("Please run the commands as an administrator (right click on Command Prompt, Run as administrator). " + sendThem)
	}
	return b.String()
}

// labelOf says what is to be done with a line of a request.
func labelOf(line string) string {
	switch {
	case pathStart.MatchString(line) || strings.HasPrefix(line, "the folder "):
		return "Please send"
	case commandStart.MatchString(line):
		return "Please run"
	}
	return "Please note"
}

// commandStart is how a command begins that requests ask for.
var commandStart = regexp.MustCompile(`(?i)^[(@]*(?:reg|dir|icacls|cacls|wevtutil|copy|xcopy|for|nslookup|sc|net|ren|msiexec|wuauclt|certutil|mountvol|fsutil|wmic|ipconfig|systeminfo|type|attrib|findstr|bitsadmin|netsh|dism|w32tm|winmgmt|nltest|driverquery|tasklist|gpresult|schtasks|powershell|regedit|dsregcmd|bcdedit|vssadmin)(?:\.exe)? `)

// filesByLine gives each of several files of one folder a line of its own.
func filesByLine(line string) []string {
	folder, names, remark, ok := filesOf(line)
	if !ok || len(names) < 2 {
		return []string{line}
	}
	var out []string
	for _, n := range names {
		out = append(out, folder+`\`+n+remark)
	}
	return out
}

// sendThem ends a request with commands.
const sendThem = "Send the files that they write, and those that are named here.\n"

// onlyPaths reports whether a request names files and runs nothing.
func onlyPaths(collect string) bool {
	for line := range strings.Lines(collect) {
		if line = strings.TrimSpace(line); line != "" && !pathStart.MatchString(line) {
			return false
		}
	}
	return true
}

// pathStart is how a path begins: with a drive, a variable or a server.
var pathStart = regexp.MustCompile(`^"?(?:[A-Za-z]:\\|%[A-Za-z()0-9]+%\\|\\\\)`)

// sentence begins one with s, unless it begins with a file's name, which stays as it is.
func sentence(s string) string {
	if first, _, _ := strings.Cut(s, " "); strings.Contains(strings.TrimRight(first, ".,"), ".") {
		return s
	}
	return upperFirst(s)
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
