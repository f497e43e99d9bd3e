package extract

// winmgmt /verifyrepository: one line that says whether the repository of Windows Management Instrumentation is consistent, in the language of Windows.
//
//	WMI repository is consistent
//	WMI repository is not consistent
//	WMI repository verification failed
//	Error code: 0x80041003
//
// WMI is not translated, the rest is: the line is told by it and by the command before it, and consistent from inconsistent by the word's stem and by what
// denies it, in a table of languages; a console's é that was read by another code page does not matter. A line in none of them is kept and its state is unknown.

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// WMIState is what the tool says of the repository.
type WMIState string

// The states of a repository.
const (
	WMIConsistent   WMIState = "consistent"
	WMIInconsistent WMIState = "inconsistent"
	WMIFailed       WMIState = "failed"  // the test itself: nothing is known of the repository
	WMIUnknown      WMIState = "unknown" // in words that are not known
)

// Winmgmt is what the tool printed.
type Winmgmt struct {
	Runs []WinmgmtRun // in the order of the text
}

// WinmgmtRun is one run.
type WinmgmtRun struct {
	State   WMIState
	Text    string // the line, as printed
	Code    uint32 // an error code in it or in the line below; 0 if there is none
	Command string // as typed, "" if the text does not show it
	Line    int    // of Text
}

var (
	// wmiStore are stems of the word for the repository.
	wmiStore = regexp.MustCompile(`(?i)reposit|r.f.rentiel|lagrings|säilö|arkiv|repozit|úložišt|репозитор|хранилищ|リポジトリ|存储库|存放庫|리포지토리`)
	// wmiBad is inconsistent in one word, wmiGood consistent, wmiNot what denies it.
	wmiBad  = regexp.MustCompile(`(?i)\bin[ck]ons(?:ist|ekv)|incoh.rent|epäyhten|nekonzist|nespójn|несогласован|不一致|불일치`)
	wmiGood = regexp.MustCompile(`(?i)[ck]onsist|konsekv|coh.rent|yhten[aä]i|konzist|spójn|согласован|целостн|一致|整合|일치|일관`)
	wmiNot  = regexp.MustCompile(`(?i)(?:^|[\s'’])(?:not|nicht|pas|n'est|no|non|não|niet|inte|ikke|není|nie|не|ei)(?:[\s'’.]|$)|いません|ありません|ない|不`)
	wmiFail = regexp.MustCompile(`(?i)fail|fehl|échou|échec|error|mislyk|misslyck|selhal|nieudan|epäonnist|ошибк|失敗|失败|실패`)
	wmiCode = regexp.MustCompile(`(?i)\b0x([0-9a-f]{8})\b`)
)

func winmgmt() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindWinmgmt, Sniff: sniffWinmgmt, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		w := parseWinmgmt(in.Lines)
		if len(w.Runs) == 0 {
			return nil, nil
		}
		var problems []ingest.Problem
		for _, r := range w.Runs {
			if r.State == WMIUnknown {
				problems = append(problems, problem(in, "line %d: the state of the repository is told in words that are not known: %q", r.Line, r.Text))
				break
			}
		}
		return w, problems
	}}
}

// maxBareLines is how many lines a text without the command may have: what the tool prints has one or two, a letter that tells of it has more.
const maxBareLines = 3

// sniffWinmgmt claims a text with the command, or one that is hardly more than the line.
func sniffWinmgmt(_ string, head []byte) int {
	head = head[:min(len(head), sampleSize)]
	if len(head) > 4<<10 && !bytes.Contains(bytes.ToLower(head), []byte("verifyrepository")) {
		return 0
	}
	lines := sample(head)
	full := 0
	for _, l := range lines {
		if trim(l) != "" {
			full++
		}
	}
	w := parseWinmgmt(lines)
	switch {
	case len(w.Runs) == 0:
		return 0
	case w.Runs[0].Command != "":
		return 85
	case full <= maxBareLines && w.Runs[0].State != WMIUnknown:
		return 75
	}
	return 0
}

// parseWinmgmt reads the runs in a text.
func parseWinmgmt(lines []string) *Winmgmt {
	w := &Winmgmt{}
	open := "" // the command whose output is to come
	for i, line := range lines {
		if len(w.Runs) == maxEntries {
			break
		}
		text := trim(line)
		if text == "" {
			continue
		}
		if c, ok := parseCommand(line, i+1); ok {
			open = ""
			for _, a := range c.Args {
				if c.Name == "winmgmt" && (strings.EqualFold(a, "/verifyrepository") || strings.EqualFold(a, "-verifyrepository")) {
					open = c.Text
				}
			}
			continue
		}
		if n := len(w.Runs); n > 0 && w.Runs[n-1].Code == 0 && w.Runs[n-1].State == WMIFailed && w.Runs[n-1].Line == i {
			w.Runs[n-1].Code = wmiError(text)
		}
		if len(text) > 300 || !strings.Contains(text, "WMI") || !wmiStore.MatchString(text) && open == "" {
			continue
		}
		r := WinmgmtRun{Text: text, Line: i + 1, Command: open, State: wmiState(text), Code: wmiError(text)}
		if r.State == WMIUnknown && open == "" {
			continue
		}
		w.Runs = append(w.Runs, r)
		open = ""
	}
	return w
}

// wmiState tells the state by a line.
func wmiState(text string) WMIState {
	switch {
	case wmiBad.MatchString(text):
		return WMIInconsistent
	case wmiGood.MatchString(text) && wmiNot.MatchString(text):
		return WMIInconsistent
	case wmiGood.MatchString(text):
		return WMIConsistent
	case wmiFail.MatchString(text):
		return WMIFailed
	}
	return WMIUnknown
}

// wmiError returns the error code in a text, 0 if there is none.
func wmiError(text string) uint32 {
	m := wmiCode.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
