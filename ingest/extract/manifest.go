package extract

// casebook-manifest.txt: what casebook's collection script (package findings/collect) writes of the machine on which it ran and of each step.
//
//	casebook collection manifest 1
//	case: 48213
//	upload: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//	asked: PC1                                           the computer that the script was made for, if it was made for one
//	computer: "PC1"
//	windows: Microsoft Windows [Version 10.0.19045.3803]
//	chcp: Active code page: 850                          in the language of Windows
//	begin: 21.03.2024 10:12:44,05
//	elevated: 0                                          the status of a command that needs an administrator
//	HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\…        as reg query prints it
//	step 1: 0 session-manager.reg                        its status, and the file or folder of its result
//	step 2: absent 002                                   there was no such file to copy
//	by-hand: 2                                           an item of the request that the script leaves to a person
//	end: 21.03.2024 10:12:51,33
//
// The keys that it holds (the computer's name, the time zone, the code pages, MachineGuid) are read as a registry by the reader of reg query's output; so
// the reply knows its computer, its clock and its encodings as an upload with hives does.

import (
	"regexp"
	"strconv"
	"strings"

	"casebook/ingest"
)

// Manifest is what a collection script says of its run.
type Manifest struct {
	Case      string // the case's ID; "" if it had none
	Upload    string // SHA-256 of the upload whose report asked; "" if it was not known
	Asked     string // the computer that the script was made for, upper case; "" if for none or several
	Computer  string // the computer that it ran on, upper case; "" if it is not stated
	Windows   string // as the system words its version
	CodePage  int    // of the console, in which tools wrote their output; 0 if it is not stated
	Elevated  bool   // it ran as administrator
	Steps     []ManifestStep
	ByHand    []int // items of the request that the script left to a person, from 1
	Ended     bool  // it came to its end
	Line      int   // of Computer, else of the first line
	elevation bool  // whether Elevated is stated
}

// ManifestStep is one step of a script.
type ManifestStep struct {
	Number int
	Status int    // what the command returned; 0 is success
	Absent bool   // what was to be copied was not there
	File   string // of its result, in the manifest's folder; a folder where files were copied
	Line   int
}

// manifestMark is the first line of a manifest.
const manifestMark = "casebook collection manifest 1"

// maxManifestSteps is more than a script has.
const maxManifestSteps = 1000

var (
	manifestField = regexp.MustCompile(`^(case|upload|asked|computer|windows|chcp|elevated|by-hand|end): ?(.*?)\s*$`)
	manifestStep  = regexp.MustCompile(`^step (\d{1,4}): (-?\d{1,10}|absent) (\S+)\s*$`)
	lastNumber    = regexp.MustCompile(`(\d{3,5})\D*$`)
)

func manifest() ingest.Extractor {
	return ingest.Extractor{
		Kind: ingest.KindManifest, First: true,
		Sniff: func(_ string, head []byte) int {
			if first, _, _ := strings.Cut(strings.TrimPrefix(string(head[:min(len(head), 200)]), "\ufeff"), "\n"); strings.TrimSpace(first) == manifestMark {
				return 100
			}
			return 0
		},
		Extract: func(in ingest.Input) (any, []ingest.Problem) {
			m, problems := parseManifest(in)
			if m.Computer != "" {
				in.Artifact.Host = m.Computer
			}
			return m, problems
		},
	}
}

func parseManifest(in ingest.Input) (*Manifest, []ingest.Problem) {
	m := &Manifest{Line: 1}
	var problems []ingest.Problem
	for i, line := range in.Lines {
		if s := manifestStep.FindStringSubmatch(line); s != nil {
			if len(m.Steps) == maxManifestSteps {
				problems = append(problems, problem(in, "line %d: more than %d steps; the rest is not read", i+1, maxManifestSteps))
				break
			}
			number, _ := strconv.Atoi(s[1]) // digits, few enough
			step := ManifestStep{Number: number, File: s[3], Absent: s[2] == "absent", Line: i + 1}
			if !step.Absent {
				step.Status, _ = strconv.Atoi(s[2]) // digits, few enough
			}
			m.Steps = append(m.Steps, step)
			continue
		}
		f := manifestField.FindStringSubmatch(line)
		if f == nil {
			continue
		}
		switch value := f[2]; f[1] {
		case "case":
			m.Case = value
		case "upload":
			m.Upload = strings.ToLower(value)
		case "asked":
			m.Asked = strings.ToUpper(value)
		case "computer":
			if name := strings.ToUpper(strings.Trim(value, `"`)); isComputerName(name) {
				m.Computer, m.Line = name, i+1
			}
		case "windows":
			m.Windows = value
		case "chcp":
			if n := lastNumber.FindStringSubmatch(value); n != nil {
				m.CodePage, _ = strconv.Atoi(n[1]) // digits, few enough
			}
		case "elevated":
			m.Elevated, m.elevation = value == "0", true
		case "by-hand":
			if n, err := strconv.Atoi(value); err == nil && len(m.ByHand) < maxManifestSteps {
				m.ByHand = append(m.ByHand, n)
			}
		case "end":
			m.Ended = true
		}
	}
	return m, append(problems, m.problems(in)...)
}

// problems says what of the collection did not work, so that its lack is not taken for absence.
func (m *Manifest) problems(in ingest.Input) []ingest.Problem {
	var out []ingest.Problem
	if m.Asked != "" && m.Computer != "" && m.Asked != m.Computer {
		out = append(out, problem(in, "line %d: the collection was made for %q and ran on %q", m.Line, m.Asked, m.Computer))
	}
	const shown = 20
	failed := 0
	var absent []string
	for _, s := range m.Steps {
		if s.Absent && len(absent) < shown {
			absent = append(absent, strconv.Itoa(s.Number))
		}
		if s.Status == 0 {
			continue
		}
		if failed++; failed <= shown {
			out = append(out, problem(in, "line %d: step %d of the collection, whose result is %q, returned %d", s.Line, s.Number, s.File, s.Status))
		}
	}
	if failed > shown {
		out = append(out, problem(in, "%d more steps of the collection failed", failed-shown))
	}
	if len(absent) > 0 {
		out = append(out, problem(in, "files that the collection was to copy were not there: steps %s", strings.Join(absent, ", ")))
	}
	if failed > 0 && m.elevation && !m.Elevated {
		out = append(out, problem(in, "the collection did not run as administrator, and steps of it failed"))
	}
	if !m.Ended {
		out = append(out, problem(in, "the collection did not come to its end"))
	}
	return out
}
