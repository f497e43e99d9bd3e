package checks

import (
	"fmt"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

const dnsStaleID = "dns-stale-computer"

// A list of computers is looked up forward and in reverse. A name without an address, and an address that belongs to another name, are marks of a
// computer that is no more; a missing reverse entry is not, because many networks keep no reverse zones. What is reported is what DNS says: a machine
// that is off or away for long loses its record too.
var dnsStaleComputer = &findings.Check{
	ID:       dnsStaleID,
	Title:    "DNS calls a computer stale: it can't be reached by its name, or another one is",
	Severity: findings.Low,
	Product: findings.Product{
		Name: "a DNS check, a DNS zone or output of nslookup", Words: []string{"ipcheck", "nslookup", "dnscheck"},
		Kinds: []ingest.Kind{ingest.KindDNSCheck, ingest.KindDNSZone, ingest.KindNslookup},
	},
	Needs: []findings.Need{dnsNeed},
	Doc: findings.Doc{
		Cause: "A computer that is gone no longer refreshes its record: DNS scavenges it, or DHCP gives the address to another machine. Its account stays in Active Directory and its record in ConfigMgr, because AD System Discovery looks a name up before it creates a record and never removes one afterwards.",
		Remedy: []string{
			"Check before deleting anything: the account's lastLogonTimestamp and pwdLastSet in Active Directory, the last heartbeat in ConfigMgr, and whether its owner still uses it. A laptop that is away for long has no record either.",
			"Disable the account in Active Directory and wait for a month. Delete it only then.",
			"Delete the computer's record in the ConfigMgr console, or let the task Delete Aged Discovery Data do it; otherwise it comes back with no discovery and stays with no heartbeat.",
			"Where another computer has the address, delete the old A record and turn on scavenging of the zone, or remote tools reach the wrong machine by the old name.",
		},
		Risk:      "A computer that is merely away can't log on while its account is disabled, and must be joined to the domain again once it is deleted; with its ConfigMgr record go its history and its memberships in collections. Scavenging that is turned on for a zone also takes static records that someone ticked as scavengeable.",
		Undo:      "Enable the account again. Deleted: restore it from the Active Directory Recycle Bin (Restore-ADObject), else join the machine anew. The ConfigMgr record comes back with the client's next heartbeat or discovery; a DNS record with ipconfig /registerdns on the machine.",
		Cured:     "A check of the same list (the same columns, made by the same resolver) shows the computer as OK, or no longer holds its name.",
		Overturns: "An answer of another DNS server of the computer's own zone with its address and a reverse entry of the same name; a fresh lastLogonTimestamp of the account or a heartbeat in ConfigMgr; a static record that was made by hand since.",
		Proves: []string{
			"A row of a DNS check, an answer of nslookup, or a zone together with a list of computers, in which the name has no address, while the resolver answered others.",
			"The same in which the address resolves to another computer (first labels compared, letters' case aside).",
		},
		Suggests: []string{
			"A single lookup that failed, with nothing to show that the resolver works.",
			"Lookups that contradict each other, or a status that contradicts its own row.",
			"Two names with one address in a zone that has no reverse zone beside it.",
		},
		Exonerates: []string{"The address resolves back to the computer.", "Only the reverse entry is missing."},
		FalsePositives: "Aliases; a NetBIOS name of fifteen characters beside the longer DNS name (told apart); computers of another DNS domain than the resolver's search list. " +
			"Where nearly all names do not resolve, the resolver or its search list is at fault, and the check says nothing.",
		NotCovered: "Whether the machine exists. WINS and hosts files are not looked at.",
		References: []findings.Reference{
			{Title: "DNS aging and scavenging", URL: "https://learn.microsoft.com/en-us/windows-server/networking/dns/aging-scavenging"},
			{Title: "ConfigMgr discovery methods: Active Directory System Discovery", URL: "https://learn.microsoft.com/en-us/mem/configmgr/core/servers/deploy/configure/about-discovery-methods"},
		},
	},
	RunAll: runDNSStale,
}

var dnsNeed = findings.Need{
	AnyOf:   []ingest.Kind{ingest.KindDNSCheck, ingest.KindDNSZone, ingest.KindNslookup, ingest.KindHosts},
	What:    "the forward and reverse lookups of the computers in question",
	Why:     "the check compares the name that an address resolves to with the computer's own",
	Collect: `(for /f %c in (sys.txt) do @(echo ^> %c & nslookup %c & for /f "tokens=2 delims=[]" %i in ('ping -4 -n 1 -w 1 %c') do @(echo ^> %i & nslookup %i))) > "%PUBLIC%\nslookup.txt" 2>&1`,
}

// maxStale is for how many computers there is a finding each; the rest is in one.
const maxStale = 1000

// dnsOutcome is what the lookups of a computer came to, as far as they were made.
type dnsOutcome int

const (
	dnsOK dnsOutcome = iota
	dnsNoReverse
	dnsForward // it has an address, and the reverse lookup was not made
	dnsUnresolved
	dnsOther
	dnsDoubtful // of a computer: what is said of it contradicts itself
)

// dnsLookup is what one source says of one computer.
type dnsLookup struct {
	source   *dnsSource
	name     string // as written
	ip       string // "" if none
	reverse  string // the name that the address belongs to, "" if none
	outcome  dnsOutcome
	doubt    string // why the outcome is not certain, a clause; "" if it is
	evidence []findings.Evidence
}

// dnsSource is an artifact, or a zone with a list, in which computers were looked up.
type dnsSource struct {
	artifact string
	noun     string // what it is, with its article
	lookups  []*dnsLookup
	resolved int    // how many of the names resolve; judge sets it
	works    bool   // it answered something else than these lookups
	fault    string // why what did not resolve says nothing, a sentence; "" if it does say something
}

// judge decides whether names that do not resolve say something of the computers: not if nearly all don't, for then it is the resolver.
func (s *dnsSource) judge() {
	unresolved := 0
	for _, l := range s.lookups {
		if l.outcome == dnsUnresolved {
			unresolved++
		}
	}
	n := len(s.lookups)
	s.resolved = n - unresolved
	switch {
	case unresolved >= 3 && (n-unresolved)*8 <= n:
		s.fault = fmt.Sprintf("%d of the %d names in %s do not resolve, which tells of the resolver, its search list or a wrong zone and not of the computers.", unresolved, n, s.noun)
	case unresolved == n && !s.works:
		for _, l := range s.lookups {
			l.doubt = "nothing in the bundle shows that the resolver answered for any other name"
		}
	}
}

// firstLabel is a computer's name without its domain, in lower case.
func firstLabel(name string) string {
	label, _, _ := strings.Cut(strings.ToLower(name), ".")
	return label
}

// domainOf is the domain of a computer's name, in lower case, "" if it has none.
func domainOf(name string) string {
	_, domain, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(name, ".")), ".")
	return domain
}

// netBIOSName is how long a NetBIOS name can be.
const netBIOSName = 15

// shortened reports whether one name is what NetBIOS keeps of the other.
func shortened(a, b string) bool {
	if a, b = firstLabel(a), firstLabel(b); len(a) > len(b) {
		a, b = b, a
	}
	return len(a) == netBIOSName && len(b) > netBIOSName && strings.HasPrefix(b, a)
}

// compare sets the outcome of a lookup whose address belongs to a name.
func (l *dnsLookup) compare() {
	switch {
	case firstLabel(l.name) == firstLabel(l.reverse):
		l.outcome = dnsOK
	case shortened(l.name, l.reverse):
		l.outcome = dnsOther
		l.doubt = "the two names agree in the fifteen characters that NetBIOS keeps of a name, so that they may be one computer's"
	default:
		l.outcome = dnsOther
	}
}

// dnsTables reads the tables of DNS checks.
func dnsTables(all []*facts.Facts) []*dnsSource {
	var out []*dnsSource
	for _, f := range all {
		for _, v := range facts.Values[*extract.DNSCheck](f) {
			s := &dnsSource{artifact: v.Artifact.Path, noun: "the table " + v.Artifact.Path}
			for _, r := range v.Value.Rows {
				l := &dnsLookup{source: s, name: r.Name, reverse: r.Reverse}
				if r.IP.IsValid() {
					l.ip = r.IP.String()
				}
				switch r.Outcome {
				case extract.DNSUnresolved:
					l.outcome = dnsUnresolved
				case extract.DNSNoReverse:
					l.outcome = dnsNoReverse
				case extract.DNSOK, extract.DNSOther:
					l.compare()
				}
				if r.Differs {
					l.doubt = fmt.Sprintf("the row's status %q contradicts its own columns", r.Status)
				}
				l.evidence = []findings.Evidence{findings.FromLine(f, v.Artifact.Path, r.Line, findings.Supports, "the row of "+r.Name)}
				s.lookups = append(s.lookups, l)
			}
			out = append(out, s)
		}
	}
	return out
}

// dnsErrors are words of answers that tell of the server and not of the name. nslookup leaves them in English in most languages.
var dnsErrors = []string{"no response", "timed out", "timeout", "refused", "server failed", "servfail", "server failure", "unspecified error", "no servers"}

// dnsAnswers reads what nslookup printed: a forward answer and a reverse one of the same server are joined by the address.
func dnsAnswers(all []*facts.Facts) []*dnsSource {
	var out []*dnsSource
	for _, f := range all {
		for _, v := range facts.Values[*extract.Nslookup](f) {
			s := &dnsSource{artifact: v.Artifact.Path, noun: "the nslookup output " + v.Artifact.Path}
			line := func(a *extract.NslookupAnswer, note string) findings.Evidence {
				return findings.FromLine(f, v.Artifact.Path, a.Line, findings.Supports, note)
			}
			reverse := map[string]*extract.NslookupAnswer{} // by address
			var forward []*extract.NslookupAnswer
			for i := range v.Value.Answers {
				a := &v.Value.Answers[i]
				ip := addressAsked(a)
				if n := len(forward); ip == "" && a.Query == "" && len(a.Addresses) == 1 && n > 0 && forward[n-1] == &v.Value.Answers[i-1] && forward[n-1].Query == "" &&
					slices.Contains(forward[n-1].Addresses, a.Addresses[0]) {
					ip = a.Addresses[0].String() // the questions are not shown: the address just found is asked for
				}
				if ip != "" {
					if old := reverse[ip]; old == nil || old.Failed {
						reverse[ip] = a
					}
					s.works = s.works || !a.Failed
					continue
				}
				forward = append(forward, a)
			}
			for _, a := range forward {
				name := a.Query
				if name == "" {
					name = a.Name
				}
				low := strings.ToLower(a.Message)
				if name == "" || a.Failed && (a.TimedOut || slices.ContainsFunc(dnsErrors, func(w string) bool { return strings.Contains(low, w) })) {
					continue
				}
				l := &dnsLookup{source: s, name: name}
				s.lookups = append(s.lookups, l)
				if a.Failed {
					l.outcome = dnsUnresolved
					l.evidence = []findings.Evidence{line(a, "the answer for "+name)}
					continue
				}
				l.outcome, l.ip = dnsForward, a.Addresses[0].String()
				l.evidence = []findings.Evidence{line(a, name+" has the address "+l.ip)}
				if a.Query != "" && firstLabel(a.Name) != firstLabel(a.Query) {
					l.name = a.Name // an alias: the answer names the computer
				}
				for _, ip := range a.Addresses {
					r := reverse[ip.String()]
					if r == nil {
						continue
					}
					was := *l
					l.ip = ip.String()
					switch low := strings.ToLower(r.Message); {
					case !r.Failed:
						l.reverse = r.Name
						l.compare()
						l.evidence = append(l.evidence, line(r, l.ip+" belongs to "+r.Name))
					case !r.TimedOut && !slices.ContainsFunc(dnsErrors, func(w string) bool { return strings.Contains(low, w) }):
						l.outcome = dnsNoReverse
						l.evidence = append(l.evidence, line(r, "no reverse entry of "+l.ip))
					}
					if was.outcome == dnsOK { // one of several addresses is enough
						*l = was
					}
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// addressAsked is the address that a reverse lookup asked for, "" for a forward one.
func addressAsked(a *extract.NslookupAnswer) string {
	for _, ip := range a.Addresses {
		if ip.String() == a.Query {
			return a.Query
		}
	}
	if a.Failed && isAddress(a.Query) {
		return a.Query
	}
	return ""
}

// computers groups lookups by computer: the same first label, and no two different domains. A name without a domain is the first one's of that
// label.
func computers(sources []*dnsSource) [][]*dnsLookup {
	var out [][]*dnsLookup
	first, full, bare := map[string]int{}, map[string]int{}, map[string]bool{} // by label, by name with domain, labels whose first computer has no domain yet
	for _, s := range sources {
		for _, l := range s.lookups {
			// Of a source that is at fault only an address that another computer has says something.
			if s.fault != "" && l.outcome != dnsOther {
				continue
			}
			label, domain := firstLabel(l.name), domainOf(l.name)
			i, known := first[label]
			if domain != "" {
				if j, ok := full[label+"."+domain]; ok {
					i = j
				} else if known && !bare[label] {
					known = false // of another domain
				}
			}
			if !known {
				i = len(out)
				out = append(out, nil)
				if _, ok := first[label]; !ok {
					first[label], bare[label] = i, domain == ""
				}
			}
			if domain != "" {
				full[label+"."+domain] = i
				if i == first[label] {
					bare[label] = false
				}
			}
			out[i] = append(out[i], l)
		}
	}
	return out
}

// outcomeOf is what all lookups of a computer come to, and those that say so.
func outcomeOf(list []*dnsLookup) (dnsOutcome, []*dnsLookup) {
	of := func(o dnsOutcome) []*dnsLookup {
		var out []*dnsLookup
		for _, l := range list {
			if l.outcome == o {
				out = append(out, l)
			}
		}
		return out
	}
	other, unresolved := of(dnsOther), of(dnsUnresolved)
	well := slices.Concat(of(dnsOK), of(dnsNoReverse), of(dnsForward))
	switch {
	case len(other) > 0 && len(of(dnsOK)) == 0:
		return dnsOther, other
	case len(unresolved) > 0 && len(other)+len(well) == 0:
		return dnsUnresolved, unresolved
	case len(other)+len(unresolved) > 0:
		return dnsDoubtful, slices.Concat(other, unresolved)
	case len(of(dnsOK)) > 0:
		return dnsOK, of(dnsOK)
	case len(of(dnsNoReverse)) > 0:
		return dnsNoReverse, of(dnsNoReverse)
	}
	return dnsForward, well
}

func runDNSStale(all []*facts.Facts) ([]findings.Finding, error) {
	zones, lists := dnsZones(all)
	sources := slices.Concat(dnsTables(all), dnsAnswers(all))
	if zones != nil && len(lists) > 0 {
		sources = append(sources, zones.lookUp(lists))
	}
	if len(sources) == 0 {
		return []findings.Finding{noLookups(zones, lists)}, nil
	}
	var faults []string
	for _, s := range sources {
		if s.judge(); s.fault != "" {
			faults = append(faults, s.fault)
		}
	}
	fault := strings.Join(faults, " ")
	var stale []findings.Finding
	var healthy, unreversed, forward []*dnsLookup
	further := 0
	var rest findings.Finding
	for _, c := range computers(sources) {
		outcome, list := outcomeOf(c)
		switch outcome {
		case dnsOK:
			healthy = append(healthy, list[0])
		case dnsNoReverse:
			unreversed = append(unreversed, list[0])
		case dnsForward:
			forward = append(forward, list[0])
		case dnsUnresolved, dnsOther, dnsDoubtful:
			f := staleFinding(outcome, list, c)
			if len(stale) < maxStale {
				stale = append(stale, f)
			} else if further++; further == 1 || f.Verdict == findings.Suspected {
				rest = f
			}
		}
	}
	if further > 0 {
		rest.Title = fmt.Sprintf("DNS calls %s stale", count(further, "further computer"))
		rest.Summary = fmt.Sprintf("Beyond the first %d there are %s that DNS calls stale; the quoted row is of one of them.", maxStale, count(further, "computer"))
		rest.Subject = count(further, "further computer")
		stale = append(stale, rest)
	}
	together(stale)
	out := stale
	if len(healthy)+len(unreversed) > 0 {
		out = append(out, wellFinding(healthy, unreversed, forward))
	}
	if len(out) == 0 {
		return []findings.Finding{openFinding(sources, fault, forward)}, nil
	}
	last := &out[len(out)-1]
	last.Summary = strings.TrimSpace(last.Summary + " " + fault)
	return out, nil
}

// staleFinding is the finding of one computer. list are the lookups that call it stale, all those of everything said of it.
func staleFinding(outcome dnsOutcome, list, all []*dnsLookup) findings.Finding {
	first := list[0]
	for _, l := range list {
		if l.doubt == "" { // the surest one
			first = l
			break
		}
	}
	host := firstLabel(first.name)
	shown := first.name
	out := findings.Finding{Verdict: findings.Confirmed, State: findings.Active, Subject: shown}
	again := findings.Missing{
		What: "a fresh forward and reverse lookup of " + shown, Why: "the answers in the bundle do not settle what DNS says of it",
		Collect: fmt.Sprintf(`(nslookup %s & nslookup ADDRESS & nslookup %%COMPUTERNAME%%) > "%%PUBLIC%%\nslookup-%s.txt" 2>&1`, shown, host),
	}
	var what string
	switch {
	case outcome == dnsOther || outcome == dnsDoubtful && first.outcome == dnsOther:
		out.Title = fmt.Sprintf("DNS calls %s stale: its address %s belongs to %s, so what is sent to the one reaches the other", shown, first.ip, first.reverse)
		what = fmt.Sprintf("By %s, %s has the address %s, and that address belongs to %s.", first.source.noun, shown, first.ip, first.reverse)
		out.Rivals = append(out.Rivals, findings.Rival{
			Name:    "another name of the same computer",
			Verdict: rivalOpen + fmt.Sprintf("%s may be an alias or a former name of %s, or a reverse entry was left over; the names alone do not tell.", shown, first.reverse),
		})
	default:
		out.Title = fmt.Sprintf("DNS calls %s stale: the name has no address, so it can't be reached by it", shown)
		what = fmt.Sprintf("By %s, %s has no address.", first.source.noun, shown)
		out.Rivals = append(out.Rivals, findings.Rival{
			Name:    "a fault of the resolver or its search list",
			Verdict: resolverVerdict(first),
		})
	}
	out.Rivals = append(out.Rivals, findings.Rival{
		Name:    "a computer that is switched off or away for long",
		Verdict: rivalOpen + "its record is scavenged in the same way; the lookups do not tell it from one that is gone.",
	})
	for _, l := range list {
		out.Evidence = append(out.Evidence, l.evidence...)
	}
	switch {
	case outcome == dnsDoubtful:
		out.Verdict, out.Missing = findings.Suspected, []findings.Missing{again}
		out.Title = fmt.Sprintf("Lookups of %s contradict each other", shown)
		what += " Another lookup in the bundle found it in order, so it is suspected only: one of the two is older, or the computer has several addresses."
		for _, l := range all {
			if !slices.Contains(list, l) {
				for _, e := range l.evidence {
					e.Role = findings.Contradicts
					out.Evidence = append(out.Evidence, e)
				}
			}
		}
	case first.doubt != "":
		out.Verdict, out.Missing = findings.Suspected, []findings.Missing{again}
		what += " It is suspected only: " + first.doubt + "."
	default:
		what += " That is what DNS says of a computer that is gone or was renamed; it does not prove that the machine is gone. " + mayDelete(outcome, first)
	}
	out.Summary = what
	return out
}

// mayDelete answers what is asked first: whether the computer's records may be deleted.
func mayDelete(outcome dnsOutcome, l *dnsLookup) string {
	const account = "May its account and its ConfigMgr record be deleted? Not on this alone: only once the account's last logon and the last heartbeat are old too."
	if outcome == dnsOther {
		return account + fmt.Sprintf(" The A record with the address %s may go as soon as it is clear that %s has the address now.", l.ip, l.reverse)
	}
	return account + " By these lookups DNS has no record of it left to delete."
}

// together adds to the findings of several computers of which the same is said which the others are.
func together(stale []findings.Finding) {
	const shown = 5
	var names []string
	for _, f := range stale {
		if f.Verdict == findings.Confirmed {
			names = append(names, f.Subject)
		}
	}
	if len(names) < 2 {
		return
	}
	for i := range stale {
		f := &stale[i]
		if f.Verdict != findings.Confirmed {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == f.Subject })
		more := ""
		if n := len(others) - shown; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
			others = others[:shown]
		}
		f.Summary += fmt.Sprintf(" DNS calls %s stale too: check them together.", strings.Join(others, ", ")+more)
	}
}

// resolverVerdict says what speaks against a fault of the resolver.
func resolverVerdict(l *dnsLookup) string {
	switch {
	case l.source.resolved > 0:
		return rivalExcluded + count(l.source.resolved, "other name") + " of the same source resolved, so the resolver worked."
	case l.source.works:
		return rivalExcluded + "the same source answered other questions, so the resolver worked."
	}
	return rivalOpen + "nothing in the bundle speaks against it."
}

// maxWell is how many computers in order are quoted.
const maxWell = 5

// wellFinding is the finding of all computers that DNS does not call stale.
func wellFinding(healthy, unreversed, forward []*dnsLookup) findings.Finding {
	out := findings.Finding{Verdict: findings.RuledOut}
	var parts []string
	if n := len(healthy); n > 0 {
		parts = append(parts, fmt.Sprintf("%s %s back from the address to %s own name", count(n, "computer"), plural(n, "resolves", "resolve"), plural(n, "its", "their")))
	}
	if n := len(unreversed); n > 0 {
		parts = append(parts, fmt.Sprintf("%s %s an address without a reverse entry (%s), which alone is no mark of a stale computer", count(n, "computer"), plural(n, "has", "have"), names(unreversed)))
	}
	out.Title = "DNS does not call " + count(len(healthy)+len(unreversed), "computer") + " stale"
	out.Summary = upperFirst(strings.Join(parts, "; ")) + "."
	if n := len(forward); n > 0 {
		out.Summary += fmt.Sprintf(" %s more %s an address whose reverse entry was not looked up (%s), so nothing is said of %s.", count(n, "computer"), plural(n, "has", "have"), names(forward), plural(n, "it", "them"))
	}
	for _, list := range [2][]*dnsLookup{healthy, unreversed} {
		for _, l := range list[:min(len(list), maxWell)] {
			for _, e := range l.evidence {
				e.Role = findings.Contradicts
				out.Evidence = append(out.Evidence, e)
			}
		}
	}
	if len(out.Evidence) > 0 {
		out.Unmet = fmt.Sprintf("%s an address that is no other computer's (the first: %s).", count(len(healthy)+len(unreversed), "computer")+plural(len(healthy)+len(unreversed), " has", " have"), out.Evidence[0].Place())
	}
	return out
}

// names lists the names of computers, the first ones if they are many.
func names(list []*dnsLookup) string {
	var out []string
	for _, l := range list[:min(len(list), maxWell)] {
		out = append(out, l.name)
	}
	if n := len(list) - len(out); n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(out, ", ")
}

// openFinding is the finding of lookups that settle nothing.
func openFinding(sources []*dnsSource, fault string, forward []*dnsLookup) findings.Finding {
	out := findings.Finding{Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Summary: fault}
	for _, s := range sources {
		if s.fault == "" {
			continue
		}
		for _, l := range s.lookups[:min(len(s.lookups), maxWell)] {
			for _, e := range l.evidence {
				e.Role = findings.Context
				out.Evidence = append(out.Evidence, e)
			}
		}
	}
	switch {
	case fault != "":
		out.Missing = []findings.Missing{{
			What: "the same check run on a machine of the computers' own DNS domain, with one name that is known to exist in the list",
			Why:  "names that a working resolver does not find are told from a resolver that finds nothing", Collect: `ipconfig /all > "%PUBLIC%\ipconfig.txt" & nslookup %COMPUTERNAME% > "%PUBLIC%\nslookup.txt" 2>&1`,
		}}
	case len(forward) > 0:
		out.Summary = fmt.Sprintf("%s %s an address (%s); which names the addresses belong to was not looked up, so they may be another computer's by now.", count(len(forward), "computer"), plural(len(forward), "has", "have"), names(forward))
		for _, l := range forward[:min(len(forward), maxWell)] {
			for _, e := range l.evidence {
				e.Role = findings.Context
				out.Evidence = append(out.Evidence, e)
			}
		}
		out.Missing = []findings.Missing{{
			What: "the reverse lookups of the computers' addresses, or the reverse zone", Why: "an address that another computer has by now is a mark of a stale one",
			Collect: fmt.Sprintf(`nslookup %s > "%%PUBLIC%%\nslookup.txt" 2>&1`, forward[0].ip),
		}}
	default:
		out.Summary = "No lookup of the bundle got an answer: the DNS server did not respond, refused or failed, which says nothing of the computers."
		out.Missing = []findings.Missing{dnsNeed.Missing()}
	}
	if len(out.Evidence) > 0 {
		out.Unmet = fmt.Sprintf("No lookup settles anything (the first: %s).", out.Evidence[0].Place())
	}
	return out
}

// noLookups is the finding of a bundle with zones and no list, or a list and no zones.
func noLookups(zones *dnsZoneSet, lists []dnsListed) findings.Finding {
	if zones == nil {
		return findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent,
			Summary: "The bundle holds a list of computers or a hosts file, and no lookup of them.", Missing: []findings.Missing{dnsNeed.Missing()},
		}
	}
	if len(lists) == 0 {
		return findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
			Summary: "The bundle holds DNS records, and no list of the computers that should be among them.",
			Missing: []findings.Missing{{
				What: "a list of the computers in question, one a line", Why: "a zone alone does not show whose record is missing",
				Collect: `dsquery computer -o rdn -limit 0 > "%PUBLIC%\computers.txt"`,
			}},
		}
	}
	return findings.Finding{Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Summary: "The list of computers names none that the zones could hold.", Missing: []findings.Missing{dnsNeed.Missing()}}
}
