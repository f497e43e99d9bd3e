package casebook

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/ingest/logs"
)

// Mismatch is evidence that the bundle does not bear out.
type Mismatch struct {
	Check    string // the check's ID; of a statement its kind
	Evidence findings.Evidence
	Why      string
}

// String says what does not agree and where.
func (m Mismatch) String() string {
	e := m.Evidence
	where := e.Artifact
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, e.Line)
	}
	if e.Key != "" {
		where += " " + e.Key
	}
	return fmt.Sprintf("%s: %s: %s", m.Check, where, m.Why)
}

// Verify reads the uploads again and compares every piece of a report's evidence with its place. Of opt it takes the limits and the passwords,
// which must be those of the analysis, and Workers, Progress and Log.
func Verify(ctx context.Context, r *findings.Report, uploads []string, opt Options) ([]Mismatch, error) {
	wanted := map[string]bool{}
	for _, c := range claims(r) {
		wanted[c.evidence.Artifact] = true
	}
	v := verifier{text: map[string][]string{}, hives: map[string]*hive.Hive{}}
	in := ingest.Options{
		Limits: opt.Limits, Workers: opt.Workers, Readers: logs.All(), Extractors: extract.All(), Locales: locales,
		Passwords: opt.Passwords, AskPassword: opt.AskPassword, Progress: opt.Progress, Log: opt.Log,
		NewSink: func(a *ingest.Artifact) ingest.Sink {
			if !wanted[a.Path] {
				return nil
			}
			return &textSink{v: &v}
		},
	}
	var bundles []*ingest.Bundle
	defer func() {
		for _, b := range bundles {
			_ = b.Close() // only temporary files are left to lose
		}
	}()
	for _, u := range uploads {
		b, err := ingest.Open(ctx, u, in)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, b)
	}
	contents, err := ingest.Read(ctx, bundles, in)
	if err != nil {
		return nil, err
	}
	v.artifacts = map[string]bool{}
	for _, a := range contents.Artifacts {
		v.artifacts[a.Path] = true
	}
	_ = facts.Replay(contents.Extracted, nil) // what can't be replayed stands in the report
	for _, e := range contents.Extracted {
		if h, ok := e.Value.(*hive.Hive); ok {
			v.hives[e.Artifact.Path] = h
		}
	}
	var out []Mismatch
	for _, c := range claims(r) {
		if why := v.check(c.evidence); why != "" {
			out = append(out, Mismatch{c.check, c.evidence, why})
		}
	}
	return out, nil
}

// claim is a quote with the check that it is evidence of.
type claim struct {
	check    string
	evidence findings.Evidence
}

// claims lists what a report quotes of the uploads as evidence or as a statement.
func claims(r *findings.Report) []claim {
	var out []claim
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			out = append(out, claim{f.Check, e})
		}
	}
	for _, s := range r.Statements {
		for _, e := range s.Quotes {
			out = append(out, claim{string(s.Kind), e})
		}
	}
	return out
}

// Claims counts what [Verify] looks up: the pieces of evidence, and the quoted lines of what people wrote.
func Claims(r *findings.Report) int { return len(claims(r)) }

// verifier holds what the evidence is compared with.
type verifier struct {
	mu        sync.Mutex
	text      map[string][]string // lines by artifact
	hives     map[string]*hive.Hive
	artifacts map[string]bool
}

// check returns what is wrong with a piece of evidence, "" if nothing.
func (v *verifier) check(e findings.Evidence) string {
	if !v.artifacts[e.Artifact] && (!e.Absent || e.Artifact != "") {
		// Absence may also be told of a folder that the bundle holds.
		for p := range v.artifacts {
			if e.Absent && strings.HasPrefix(p, path.Clean(e.Artifact)+"/") {
				return ""
			}
		}
		return "the bundle has no such artifact"
	}
	if e.Key != "" {
		return v.checkRegistry(e)
	}
	if e.Absent || e.Line == 0 && e.Quote == "" {
		return ""
	}
	lines := v.text[e.Artifact]
	if e.Line < 1 || e.Line > len(lines) {
		return fmt.Sprintf("the artifact has %d lines", len(lines))
	}
	want := strings.TrimSuffix(e.Quote, "…")
	first := lines[e.Line-1]
	text := first
	for i := e.Line; i < len(lines) && len(text) < len(first)+len(want); i++ {
		text += " " + lines[i]
	}
	if at := strings.Index(text, want); at < 0 || at > len(first) {
		return fmt.Sprintf("the line is %q", first)
	}
	return ""
}

func (v *verifier) checkRegistry(e findings.Evidence) string {
	h := v.hives[e.Artifact]
	if h == nil {
		return "the artifact is no registry"
	}
	k, err := h.Key(e.Key)
	if e.Absent && e.Value == nil {
		if err == nil {
			return "the key is there"
		}
		return ""
	}
	if err != nil {
		if e.Absent {
			return ""
		}
		return "there is no such key"
	}
	if e.Value == nil {
		return ""
	}
	val, err := k.Value(*e.Value)
	switch {
	case e.Absent && err == nil:
		return fmt.Sprintf("the value %q is there", *e.Value)
	case e.Absent:
		return ""
	case err != nil:
		return fmt.Sprintf("there is no value %q", *e.Value)
	case !strings.Contains(val.Display(), strings.TrimSuffix(e.Quote, "…")):
		return fmt.Sprintf("the value holds %q", val.Display())
	}
	return ""
}

// textSink keeps the lines of one artifact.
type textSink struct {
	v    *verifier
	text strings.Builder
}

// Records implements ingest.Sink.
func (s *textSink) Records(batch []ingest.Record) {
	for _, r := range batch {
		s.text.Write(r.Raw)
	}
}

// Done implements ingest.Sink.
func (s *textSink) Done(a *ingest.Artifact) {
	lines := strings.Split(s.text.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	s.v.text[a.Path] = lines
}
