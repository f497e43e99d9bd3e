package pack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook"
	"casebook/findings/checks"
	"casebook/findings/pack"
)

// sound is a pack to which the cases of the tests do something.
const sound = `schema: casebook.pack/1
checks:
  - id: vendor-bad-state
    title: The agent is in a bad state
    severity: high
    product: {name: the agent, kinds: [log/ccm]}
    needs:
      - {kinds: [log/ccm], what: its log, why: it tells, collect: copy agent.log}
    signals:
      - id: failed
        kinds: [log/ccm]
        literals: [request failed]
        pattern: request failed with (?P<code>\d+) for (?P<user>\w+)
      - {id: done, kinds: [log/ccm], literals: [request done], pattern: request done for (?P<user>\w+)}
    registry:
      - {id: mode, keys: ['SYSTEM\{ControlSet}\Services\Agent'], value: Mode, equals: "2"}
    counts:
      - {id: storm, signal: failed, within: 10m, at_least: 3, same: [user]}
    orders:
      - {id: recovered, first: failed, then: done, same: [user]}
    verdicts:
      - when: storm.any
        verdict: confirmed
        state: active
        summary: ${storm.most} failures within ${storm.seconds} s
      - verdict: ruled-out
        summary: No storm.
    cause: It is.
    remedy: [Fix it.]
    tests:
      - name: near-miss
        files: {a.log: x}
        want: [{verdict: ruled-out}]
`

// TestErrors says of every mistake where it is.
func TestErrors(t *testing.T) {
	if _, err := pack.Parse("p.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, old, new string
		want           string // of the error: LINE:COLUMN: message, the beginning of it
	}{
		{"unknown-key", "    title:", "    tittle:", `4:5: unknown field "tittle"`},
		{"key-given-twice", "    cause: It is.", "    cause: It is.\n    cause: It was.", `29:5: mapping key "cause" already defined`},
		{"no-yaml", "checks:\n", "checks: [\n", ""},
		{"list-for-a-text", "title: The agent is in a bad state", "title: [a]", "4:12: a text is wanted here"},
		{"wrong-schema", "casebook.pack/1", "casebook.pack/9", "1:9: schema is casebook.pack/1"},
		{"no-schema", "schema: casebook.pack/1\n", "", "1:1: the key schema is missing"},
		{"bad-id", "vendor-bad-state", "Bad", "3:9: an id is at least two words"},
		{"unknown-severity", "severity: high", "severity: grave", `5:15: "grave" is none of critical`},
		{"unknown-kind", "product: {name: the agent, kinds: [log/ccm]}", "product: {name: the agent, kinds: [log/cmm]}", `6:40: there is no kind "log/cmm"`},
		{"bad-pattern", `(?P<code>\d+) for`, `(?P<code>\d+ for`, "13:18: the pattern can't be used: missing closing )"},
		{"look-ahead", `for (?P<user>\w+)` + "\n      -", `for(?=x)` + "\n      -", "13:"},
		{"short-literal", "[request failed]", "[re]", `12:20: the literal "re" is shorter`},
		{"no-literal", "        literals: [request failed]\n", "", "10:13: the signal has no literals"},
		{"signal-twice", "id: done", "id: failed", `14:14: two conditions are called "failed"`},
		{"word-of-the-language", "id: done", "id: in", `14:14: "in" is a word of the language`},
		{"group-with-an-own-name", "(?P<code>", "(?P<line>", `13:18: a group can't be called "line"`},
		{"control-set-by-number", `{ControlSet}`, `ControlSet001`, "16:27: a key names no control set by its number"},
		{"foreign-hive", `SYSTEM\{`, `HKCR\{`, `16:27: a key begins with SYSTEM`},
		{"no-time", "within: 10m", "within: soon", `18:45: "soon" is no length of time`},
		{"too-many", "at_least: 3", "at_least: 300", `18:60: at_least is at most 256`},
		{"no-capture", "then: done, same: [user]", "then: done, same: [code]", `20:59: the signal done captures no "code"`},
		{"no-signal", "first: failed", "first: fail", `20:32: there is no signal "fail"`},
		{"misspelt-condition", "when: storm.any", "when: strom.any", "22:15: undeclared reference to 'strom'"},
		{"misspelt-field", "when: storm.any", "when: storm.anny", "22:20: undefined field 'anny'"},
		{"misspelt-capture", "when: storm.any", `when: failed.last.cod == "3"`, "22:26: undefined field 'cod'"},
		{"no-bool", "when: storm.any", "when: storm.most", "22:15: the condition is no bool but int"},
		{"syntax", "when: storm.any", "when: storm.any &&", "22:"},
		{"compares-number-and-text", "when: storm.any", `when: storm.most == "3"`, "22:26: found no matching overload"},
		{"template-field", "${storm.most}", "${storm.mot}", "25:25: undefined field 'mot'"},
		{"template-open", "${storm.seconds} s", "${storm.seconds s", "25:48: ${ without its }"},
		{"template-of-an-object", "${storm.most}", "${storm.first}", "25:18: item.storm can't be shown"},
		{"last-row-has-a-condition", "      - verdict: ruled-out", "      - when: storm.any\n        verdict: ruled-out", "27:18: the last verdict must hold always"},
		{"row-that-hides-the-rest", "      - when: storm.any\n        verdict: confirmed", "      - verdict: confirmed", "22:18: only the last verdict may be without"},
		{"suspected-asks-nothing", "verdict: confirmed", "verdict: suspected", "23:18: a suspected verdict says what would settle it"},
		{"no-summary", "        summary: No storm.\n", "", "26:18: the summary is missing"},
		{"no-such-verdict", "verdict: confirmed", "verdict: proven", `23:18: "proven" is none of`},
		{"http-reference", "    cause:", "    references: [{title: a, url: 'http://x'}]\n    cause:", "28:34: a reference has an url that begins with https://"},
		{"test-beyond-its-folder", "files: {a.log: x}", "files: {../a.log: x}", `32:27: "../a.log" is no relative path`},
		{"anchor", "title: The agent", "title: &a The agent", "4:12: anchors"},
		{"second-document", "schema:", "---\nschema: casebook.pack/1\n---\nschema:", ""},
		{"no-checks", sound[strings.Index(sound, "checks:"):], "checks: []\n", "1:1: no check"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(sound, tt.old, tt.new, 1)
			if text == sound {
				t.Fatalf("the pack has no %q", tt.old)
			}
			_, err := pack.Parse("p.yaml", []byte(text))
			if err == nil {
				t.Fatal("the pack was taken")
			}
			var e *pack.Error
			if !errors.As(err, &e) {
				t.Fatalf("the error is no Error: %v", err)
			}
			if got := strings.TrimPrefix(err.Error(), "p.yaml:"); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got\n%s\nwant %s", got, tt.want)
			}
			if tt.want != "" && (!strings.Contains(err.Error(), "^") || !strings.Contains(err.Error(), strings.TrimSpace(e.Source))) {
				t.Errorf("the line is not shown:\n%v", err)
			}
		})
	}
}

// TestJoin refuses checks that are there already.
func TestJoin(t *testing.T) {
	own, err := pack.Parse("own.yaml", []byte(strings.Replace(sound, "vendor-bad-state", "msi-install-failed", 1)))
	if err != nil {
		t.Fatal(err)
	}
	one, err := pack.Parse("one.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	two, err := pack.Parse("two.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	all, err := pack.Join(checks.All(), one)
	if err != nil || len(all) != len(checks.All())+1 {
		t.Errorf("%d checks, %v", len(all), err)
	}
	if _, err := pack.Join(checks.All(), own); err == nil || !strings.HasPrefix(err.Error(), "own.yaml:3:9: a check \"msi-install-failed\" is one of casebook's own") {
		t.Errorf("shadowing: %v", err)
	}
	if _, err := pack.Join(checks.All(), one, two); err == nil || !strings.HasPrefix(err.Error(), "two.yaml:3:9: a check \"vendor-bad-state\" stands in one.yaml already") {
		t.Errorf("the same ID twice: %v", err)
	}
}

// log makes a log of lines "HH:MM:SS text".
func log(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "<![LOG[%s]LOG]!><time=\"%s.000+000\" date=\"03-08-2012\" component=\"Agent\" context=\"\" type=\"1\" thread=\"1\" file=\"a.cpp:1\">\n", l[9:], l[:8])
	}
	return b.String()
}

// TestEngine runs packs the whole way that an upload goes.
func TestEngine(t *testing.T) {
	storm := log("10:00:00 request failed with 5 for ann", "10:04:00 request failed with 5 for ann", "10:09:00 request failed with 7 for ann")
	tests := []struct {
		name  string
		rows  string // instead of the verdict table
		more  string // conditions
		files map[string]string
		want  []string
		says  string // of the first finding's summary
	}{
		{
			name: "within-the-time", files: map[string]string{"a.log": storm}, want: []string{"confirmed high active"},
			says: "3 failures within 540 s",
		},
		{
			name: "too-slow", files: map[string]string{"a.log": log("10:00:00 request failed with 5 for ann", "10:06:00 request failed with 5 for ann", "10:12:00 request failed with 7 for ann")},
			want: []string{"ruled-out high unknown"},
		},
		{
			name: "of-different-captures", files: map[string]string{"a.log": log("10:00:00 request failed with 5 for ann", "10:01:00 request failed with 5 for bob", "10:02:00 request failed with 7 for ann")},
			want: []string{"ruled-out high unknown"},
		},
		{
			name:  "across-the-files-of-one-log",
			files: map[string]string{"a.lo_": log("10:00:00 request failed with 5 for ann", "10:04:00 request failed with 5 for ann"), "a.log": log("10:09:00 request failed with 7 for ann")},
			want:  []string{"confirmed high active"},
		},
		{
			name: "a-subject-each",
			rows: `
      - {each: failed, when: "recovered.all.exists(r, r.from.user == it.user)", verdict: confirmed, state: resolved, severity: low, subject: "${it.user}", summary: "${it.user} recovered"}
      - {each: failed, verdict: confirmed, state: active, subject: "${it.user}", summary: "${it.user} failed with ${it.code}"}
      - {verdict: ruled-out, summary: No failure.}
`,
			files: map[string]string{"a.log": log("10:00:00 request failed with 5 for ann", "10:01:00 request failed with 6 for bob", "10:02:00 request done for ann")},
			want:  []string{`confirmed high active subject "bob"`, `confirmed low resolved subject "ann"`}, says: "bob failed with 6",
		},
		{
			name: "not-recovered-by-somebody-else",
			rows: `
      - {when: failed.any && recovered.open == 0, verdict: confirmed, state: resolved, summary: all recovered}
      - {when: failed.any, verdict: confirmed, state: active, summary: "${recovered.open} open"}
      - {verdict: ruled-out, summary: No failure.}
`,
			files: map[string]string{"a.log": log("10:00:00 request failed with 5 for ann", "10:02:00 request done for bob")},
			want:  []string{"confirmed high active"}, says: "1 open",
		},
		{
			name: "since-the-last-boot",
			more: "    counts:\n      - {id: storm, signal: failed, since: boot, at_least: 2}\n",
			files: map[string]string{
				"a.log":     log("10:00:00 request failed with 5 for ann", "10:01:00 request failed with 5 for ann", "12:00:00 request failed with 5 for ann"),
				"PFRO.log":  "3/8/2012 11:00:00 - 2 Successful PFRO operations\n",
				"other.log": log("13:00:00 nothing"),
			},
			want: []string{"ruled-out high unknown"},
		},
		{
			name: "registry-in-the-second-control-set",
			rows: "\n      - {when: mode.any, verdict: confirmed, summary: \"${mode.number} at ${mode.first.key}\"}\n      - {when: mode.absent, verdict: ruled-out, summary: absent}\n      - {verdict: ruled-out, summary: \"it is ${mode.text}\"}\n",
			files: map[string]string{
				"a.log":           log("10:00:00 nothing"),
				"SYSTEM.hive.reg": "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n\"Current\"=dword:00000002\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Agent]\n\"Mode\"=dword:00000001\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\Agent]\n\"Mode\"=dword:00000002\n",
			},
			want: []string{"confirmed high unknown"}, says: `2 at ControlSet002\Services\Agent`,
		},
		{
			name: "registry-without-the-key",
			rows: "\n      - {when: mode.any, verdict: confirmed, summary: x}\n      - {when: mode.absent, verdict: ruled-out, summary: absent}\n      - {verdict: not-evaluated, summary: unknown}\n",
			files: map[string]string{
				"a.log":           log("10:00:00 nothing"),
				"SYSTEM.hive.reg": "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n\"Current\"=dword:00000001\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Other]\n\"Mode\"=dword:00000001\n",
			},
			want: []string{"ruled-out high unknown"}, says: "absent",
		},
		{
			name:  "a-condition-that-costs-too-much",
			rows:  "\n      - {when: 'failed.all.exists(a, failed.all.exists(b, failed.all.exists(c, failed.all.exists(d, failed.all.exists(e, failed.all.exists(f, f.code == \"none\"))))))', verdict: confirmed, summary: x}\n      - {verdict: ruled-out, summary: y}\n",
			files: map[string]string{"a.log": log(strings.Split(strings.TrimSpace(strings.Repeat("10:00:00 request failed with 5 for ann\n", 24)), "\n")...)},
			want:  []string{"not-evaluated high data-missing"},
		},
		{
			name: "a-table",
			more: "    tables:\n      - {id: framework, table: components, where: 'row.name == \"CcmFramework\" && row.version.startsWith(\"4.00.6487\")'}\n",
			rows: "\n      - {when: framework.any, verdict: confirmed, summary: \"${framework.first.version}\"}\n      - {verdict: ruled-out, summary: none}\n",
			files: map[string]string{
				"a.log":     log("10:00:00 nothing"),
				"comps.csv": "Name;Version\nCcmFramework;4.00.6487.2000\nSmsClient;4.00.6487.2000\nCcmExec;4.00.6487.2000\n",
			},
			want: []string{"confirmed high unknown"}, says: "4.00.6487.2000",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := sound
			if tt.rows != "" {
				from, to := strings.Index(text, "    verdicts:\n"), strings.Index(text, "    cause:")
				text = text[:from] + "    verdicts:" + tt.rows + text[to:]
			}
			if strings.Contains(tt.more, "counts:") {
				from, to := strings.Index(text, "    counts:\n"), strings.Index(text, "    orders:")
				text = text[:from] + tt.more + text[to:]
			} else {
				text = strings.Replace(text, "    verdicts:", tt.more+"    verdicts:", 1)
			}
			p, err := pack.Parse("p.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			test := pack.Test{Check: p.Checks[0], Name: tt.name}
			for name, data := range tt.files {
				test.Files = append(test.Files, pack.File{Path: name, Data: []byte(data)})
			}
			r, err := casebook.RunPackTest(context.Background(), test)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range r.Findings {
				got = append(got, pack.Got(f))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
			if tt.says != "" && (len(r.Findings) == 0 || r.Findings[0].Summary != tt.says) {
				t.Errorf("says %q, want %q", r.Findings[0].Summary, tt.says)
			}
			if costly := tt.name == "a-condition-that-costs-too-much"; costly == (len(r.Notes) == 0) {
				t.Errorf("notes: %v", r.Notes)
			}
		})
	}
}

// TestLimits refuses what is too large or too deep before it costs anything.
func TestLimits(t *testing.T) {
	for name, text := range map[string]string{
		"size":          strings.Repeat("#", pack.MaxSize+1),
		"nesting":       "schema: " + strings.Repeat("[", 200_000),
		"block-nesting": "a:\n" + strings.Repeat("- ", 100_000) + "x\n",
		"map-nesting":   deepMap(2000),
		"no-utf8":       "schema: \xff\xfe",
		"empty":         "",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pack.Parse("p.yaml", []byte(text)); err == nil {
				t.Error("the pack was taken")
			}
		})
	}
}

func deepMap(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzParse reads anything: no panic, and what is refused is refused with a place.
func FuzzParse(f *testing.F) {
	f.Add(sound)
	names, err := filepath.Glob("../checks/packs/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names[:min(len(names), 3)] {
		data, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pack.Parse("p.yaml", []byte(text))
		if (p == nil) == (err == nil) {
			t.Fatalf("pack %v, error %v", p, err)
		}
		if err != nil && err.Error() == "" {
			t.Fatal("an error without words")
		}
	})
}

// TestTutorial runs the tests of the pack that docs/check-packs.md shows.
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile("../../docs/check-packs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("the page shows no pack")
	}
	p, err := pack.Parse("check-packs.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Tests) == 0 {
		t.Error("the pack has no tests")
	}
	for _, test := range p.Tests {
		r, err := casebook.RunPackTest(context.Background(), test)
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() {
			t.Errorf("%s: %+v", test.Name, r)
		}
	}
}
