package extract

// Registries: hive files, their transaction logs, .reg exports and the output of reg query. Package hive has their grammar.

import (
	"bytes"

	"casebook/hive"
	"casebook/ingest"
)

// hiveKinds maps what a hive is, by its top keys, to the artifact's kind.
var hiveKinds = map[hive.Kind]ingest.Kind{
	hive.KindSystem:   ingest.KindHiveSystem,
	hive.KindSoftware: ingest.KindHiveSoftware,
	hive.KindNTUser:   ingest.KindHiveNTUser,
	hive.KindSAM:      ingest.KindHiveSAM,
	hive.KindSecurity: ingest.KindHiveSecurity,
	hive.KindOther:    ingest.KindHiveOther,
}

// TransactionLog is a hive's transaction log (.LOG, .LOG1, .LOG2) as it is. It belongs to the hive file beside it.
type TransactionLog struct {
	Data []byte // the member's bytes
}

// firstBin is where a hive's first bin begins, behind the base block (Windows registry file format specification).
const firstBin = 4096

// regf reads hive files and their transaction logs, whatever they are called. Which hive it is shows only in its keys, so Extract
// sets the artifact's kind to the right one of the KindHive kinds, and Truncated where the file is shorter than it says; the
// extractor's own kind holds where nothing can be read.
func regf() ingest.Extractor {
	return ingest.Extractor{
		Kind: ingest.KindHiveOther, Binary: true, First: true,
		Sniff: func(_ string, head []byte) int {
			switch isHive, isLog := hive.SniffRegf(head); {
			case isHive || isLog:
				return 100
			case len(head) > firstBin && bytes.HasPrefix(head[firstBin:], []byte("hbin")): // the base block is damaged
				return 80
			}
			return 0
		},
		Extract: func(in ingest.Input) (any, []ingest.Problem) {
			if _, isLog := hive.SniffRegf(in.Bytes); isLog {
				in.Artifact.Kind = ingest.KindHiveLog
				return &TransactionLog{Data: in.Bytes}, nil
			}
			h, err := hive.Open(in.Bytes)
			if err != nil {
				return nil, []ingest.Problem{problem(in, "%v", err)}
			}
			if k, ok := hiveKinds[h.Kind()]; ok {
				in.Artifact.Kind = k
			}
			in.Artifact.Truncated = in.Artifact.Truncated || h.Truncated()
			return h, hiveProblems(in, h)
		},
	}
}

func regExport() ingest.Extractor {
	return ingest.Extractor{
		Kind: ingest.KindRegExport, First: true,
		Sniff: func(_ string, head []byte) int {
			if hive.SniffExport(head) {
				return 100
			}
			return 0
		},
		Extract: func(in ingest.Input) (any, []ingest.Problem) {
			h, err := hive.ParseExport(in.Lines, in.Locale.ANSIText)
			return textHive(in, h, err)
		},
	}
}

func regQuery() ingest.Extractor {
	return ingest.Extractor{
		Kind: ingest.KindRegQuery, First: true,
		Sniff: func(_ string, head []byte) int {
			if hive.SniffQuery(head) {
				return 90
			}
			return 0
		},
		Extract: func(in ingest.Input) (any, []ingest.Problem) {
			h, err := hive.ParseQuery(in.Lines)
			return textHive(in, h, err)
		},
	}
}

// textHive turns the outcome of a text parser of package hive into an extractor's.
func textHive(in ingest.Input, h *hive.Hive, err error) (any, []ingest.Problem) {
	if err != nil {
		return nil, []ingest.Problem{problem(in, "%v", err)}
	}
	return h, hiveProblems(in, h)
}

// hiveProblems gives a hive's problems their artifact.
func hiveProblems(in ingest.Input, h *hive.Hive) []ingest.Problem {
	var out []ingest.Problem
	for _, p := range h.Problems() {
		out = append(out, problem(in, "%s", p))
	}
	return out
}
