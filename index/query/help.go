package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Section is a part of the guide to the language.
type Section struct {
	Title    string
	Text     string // in front of the examples
	Examples []Example
	Note     string // behind them
}

// Example is a query, or a command line if it begins with "casebook", and what it finds. Tests run them all.
type Example struct{ Query, Finds string }

// Guide explains the language. The help of the command, docs/search.md and the search page are made of it.
func Guide() []Section {
	return []Section{
		{
			"Words", "A query is made of terms. Terms that stand beside each other must all match, in one record of a log, one registry value or one finding. Case never matters.",
			[]Example{
				{`0x80040669`, "a word"},
				{`failed installation`, "both words, wherever they stand"},
				{`CLICORE.EXE`, "a file's name; clicore and exe alone find it too"},
				{`\\server\smslogon$`, "a share; server alone finds it too"},
				{`{8097EE64-5D7B-4C2E-9F00-0123456789AB}`, "a GUID, with or without braces; its first groups alone find it too"},
				{`Default.asp(12)`, "words with their punctuation"},
				{`policyid`, "PolicyID; policy and id find it too, as parts of a CamelCase word, olicy does not"},
				{`öffnen`, "Öffnen and ÖFFNEN: letters of all scripts are folded"},
			},
			"",
		},
		{
			"Phrases, wildcards, regular expressions", "",
			[]Example{
				{`"exit code"`, "the words as they stand; between them any white space, line ends too"},
				{`"ProgramName = ""Silent"""`, "a quote within a phrase is doubled"},
				{`clicor*.e?e`, "* is any number of letters and digits, ? one of them; in quotes they are themselves"},
				{`/exit code:?\s+(is )?\d+/`, "a regular expression in the syntax of RE2, without regard to case; (?-i) turns that off"},
			},
			"A slash begins a regular expression only if another one ends it, before a space, a parenthesis or the end of the query; /quiet is a word. ^ and $ match at the ends of lines.",
		},
		{
			"Operators", "They are written in capitals. NOT binds closest, then AND, then OR.",
			[]Example{
				{`1603 OR 0x80040669`, "one of the two, or both"},
				{`failed AND update`, "both, as without AND"},
				{`NOT severity:error`, "everything else"},
				{`error -update`, "error, without update"},
				{`(fehler OR ошибка) component:CCIM32`, "parentheses"},
			},
			"",
		},
		{
			"Error codes", "",
			[]Example{
				{`code:1603`, "1603, 0x643, 0x00000643, 0x80070643, 80070643, -2147023293, 2147944003, ERROR_INSTALL_FAILURE"},
				{`code:0x80070643`, "the same; of an HRESULT that carries a Win32 code below 1000 not the bare number, so that 0x80070005 does not find each 5"},
				{`code:-2147023293`, "the same"},
				{`code:ERROR_INSTALL_FAILURE`, "the same, by name"},
				{`code:(1603 OR 0x80040669)`, "several codes"},
			},
			"A number that is a part of a version, a name, a path, a device's name, a date, a time or a GUID is no code: 10.0.1603.0, KB1603, data_1603.cab, setup.cpp:1603. Nor is the number of an Installer's message, \"Note: 1: 1603\", an ID (PID 1603) or an amount (1603 bytes). Where the surroundings leave it open, it is found.",
		},
		{
			"Fields", "A field is searched by its name and a colon. Its value is a word, a phrase, a form with wildcards, a regular expression, or several of them in parentheses.",
			[]Example{
				{`case:INC0012345`, "the case's ID"},
				{`label:ACME`, "a label that a case was filed under, by its value or its name"},
				{`label:customer=ACME`, "the value of one label; also label:customer=\"ACME Ltd\""},
				{`host:WKS02`, "the system that a file belongs to"},
				{`file:SMS\Clicore.log`, "a file's path or a part of it, with either slash; path: is the same"},
				{`file:/clicore\.log$/`, "a regular expression over the path, whose separator is /"},
				{`kind:log/ccm`, "a file's kind; kind:hive is the registry, kind:finding the findings"},
				{`component:execmgr`, "a log record's component"},
				{`thread:4660`, "a log record's thread, also as thread:0x1234"},
				{`line:2..3 file:Clicore.log`, "lines of a file"},
				{`severity:error`, "info, warning, error of records; info, low, medium, high, critical of findings"},
				{`severity:(error OR warning)`, "several values"},
				{`severity:>=warning`, "that and what is graver; in order info, low, warning or medium, error or high, critical"},
				{`size:>10KB`, "the size of a file, in units of 1,024 bytes: KB, MB, GB, TB"},
				{`key:CCM\CcmExec`, "the key of a registry value; of a finding that of its evidence"},
				{`value:ProvisioningMode`, "a registry value's name"},
				{`type:REG_SZ`, "a registry value's type"},
				{`check:msi-install-failed`, "the findings of a check"},
				{`verdict:confirmed`, "confirmed, suspected, ruled-out, not-evaluated"},
			},
			`A colon behind any other word is text. Quote a field's name to look for the word itself: "host:".`,
		},
		{
			"Time and ranges", "Times are UTC where a record's offset from it is known, and otherwise what the log's clock showed.",
			[]Example{
				{`time:2012-03-08`, "that day; a year, a month, an hour, a minute and a second are written alike"},
				{`time:2012-03-08T20:00`, "that minute"},
				{`time:2012-03-08T21:00+01:00`, "the same minute, by another clock"},
				{`time:2012-03-08..2012-03-09`, "from the one to the end of the other"},
				{`time:2012-03-09..`, "from then on; ..2012-03-09 is up to then"},
				{`time:>2012-03-08T23:00`, "after that minute; also >=, < and <="},
				{`size:1KB..1MB`, "size, line, thread and severity take ranges too"},
			},
			"",
		},
		{
			"On the command line", "Quote the query for the shell. The hits are in order of case, file and line unless --sort says time or relevance.",
			[]Example{
				{`casebook search --archive out 'severity:error "is returning"' -C 2`, "hits with two lines before and after each"},
				{`casebook search --archive out 'code:1603' --sort relevance -n 10`, "the ten hits that tell most"},
				{`casebook search --archive out 'code:1603' --count`, "how many there are"},
				{`casebook search --archive out 'severity:error' --facet component --facet time`, "how many in each component, and over time"},
				{`casebook search --archive out 'kind:finding verdict:confirmed' --facet check`, "which checks confirmed something, and how often"},
				{`casebook search --archive out 'code:1603' --facet label`, "how many there are under each label of the cases, such as customers"},
				{`casebook search --archive out --json 'error'`, "a line of JSON for each hit, as they are found"},
			},
			"Exit status: 0 something was found, 1 nothing, 2 the command was used wrongly or something could not be read.",
		},
	}
}

// Help is the guide as plain text.
func Help() string {
	var b strings.Builder
	for i, s := range Guide() {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.Title + ":\n")
		wrap(&b, s.Text, "", 0)
		for _, e := range s.Examples {
			b.WriteString("  " + e.Query)
			n := 2 + utf8.RuneCountInString(e.Query)
			if n > 30 {
				b.WriteByte('\n')
				n = 0
			}
			b.WriteString(strings.Repeat(" ", 32-n))
			wrap(&b, e.Finds, strings.Repeat(" ", 32), 32)
		}
		wrap(&b, s.Note, "", 0)
	}
	return b.String()
}

// width is that of the help's lines.
const width = 120

// wrap writes a text in lines, each but the first after indent; the first begins at column at.
func wrap(b *strings.Builder, text, indent string, at int) {
	if text == "" {
		return
	}
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}

// Markdown is the guide as docs/search.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Searching\n\nWritten by `make generate` from `index/query/help.go`, whose examples the tests run; do not edit.\n\n" +
		"`casebook search QUERY --archive DIR` searches the records, registry values and findings of an archive or of a report folder. `casebook search --help` shows this guide too.\n")
	for _, s := range Guide() {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		if s.Text != "" {
			b.WriteString(s.Text + "\n\n")
		}
		b.WriteString("| query | finds |\n| --- | --- |\n")
		for _, e := range s.Examples {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(e.Query, "|", `\|`), escape(e.Finds))
		}
		if s.Note != "" {
			b.WriteString("\n" + s.Note + "\n")
		}
	}
	return b.String()
}

// escape keeps Markdown's signs of a table's cell as they are.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace(s)
}
