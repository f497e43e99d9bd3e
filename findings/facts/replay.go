package facts

import (
	"path"
	"slices"
	"strings"

	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
)

// Replay gives every hive that was being written when it was copied the transaction logs that lie beside it: the hive in
// extracted is replaced by one that holds what the logs hold. Of problems, which name what was wrong before, it returns those that remain, and besides
// them why logs could not be applied and the damage that shows only then.
func Replay(extracted []ingest.Extracted, problems []ingest.Problem) []ingest.Problem {
	logs := map[string][]ingest.Extracted{}
	for _, e := range extracted {
		if _, ok := e.Value.(*extract.TransactionLog); ok {
			d := folder(e.Artifact.Path)
			logs[d] = append(logs[d], e)
		}
	}
	problems = slices.Clone(problems)
	for i, e := range extracted {
		h, ok := e.Value.(*hive.Hive)
		if !ok {
			continue
		}
		if dirty, _ := h.Dirty(); !dirty {
			continue
		}
		beside := logsOf(e.Artifact.Path, logs[folder(e.Artifact.Path)])
		if len(beside) == 0 {
			continue
		}
		replayed, err := hive.OpenWithLogs(h.File(), beside...)
		if err != nil {
			problems = append(problems, parseProblem(e, "with its transaction logs: "+err.Error()))
			continue
		}
		extracted[i].Value = replayed
		if dirty, why := replayed.Dirty(); dirty {
			problems = append(problems, parseProblem(e, "its transaction logs do not make it whole: "+why))
		}
		before, after := h.Problems(), replayed.Problems()
		for _, p := range before {
			if repaired := parseProblem(e, p.String()); !slices.Contains(after, p) {
				problems = slices.DeleteFunc(problems, func(q ingest.Problem) bool { return q == repaired })
			}
		}
		for _, p := range after {
			if !slices.Contains(before, p) {
				problems = append(problems, parseProblem(e, p.String()))
			}
		}
	}
	return problems
}

func parseProblem(e ingest.Extracted, message string) ingest.Problem {
	return ingest.Problem{Artifact: e.Artifact.Path, Stage: ingest.StageParse, Message: message}
}

// logsOf returns the bytes of the logs that are by their names those of the hive at p.
func logsOf(p string, beside []ingest.Extracted) [][]byte {
	for _, stem := range []bool{false, true} {
		var out [][]byte
		for _, e := range beside {
			if hive.IsLogName(path.Base(p), path.Base(e.Artifact.Path), stem) {
				out = append(out, e.Value.(*extract.TransactionLog).Data)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// folder returns the folder in which the file that p is lies; for a file that was compressed for itself (SYSTEM.gz/SYSTEM), the one in which
// the compressed file lies. Case is folded, as Windows does.
func folder(p string) string {
	d := path.Dir(p)
	if strings.HasPrefix(path.Base(d), path.Base(p)+".") {
		d = path.Dir(d)
	}
	return strings.ToLower(d)
}
