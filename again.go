package casebook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"casebook/findings"
	"casebook/hive"
	"casebook/index"
	"casebook/ingest"
)

// How many bytes of hives and other binary members a case stores: of one, and of all together.
const (
	maxSource  = 64 << 20
	maxSources = 512 << 20
)

// LackingError says that a case can't be analysed again from what it stores.
type LackingError struct {
	Members []string // whose typed values are not stored
}

// Error names the first members.
func (e *LackingError) Error() string {
	const most = 3
	list := make([]string, 0, most)
	for _, m := range e.Members[:min(len(e.Members), most)] {
		list = append(list, fmt.Sprintf("%q", m))
	}
	text := strings.Join(list, ", ")
	if n := len(e.Members) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("it does not store %s, larger than what a case stores (%d MiB a file, %d MiB together)", text, maxSource>>20, maxSources>>20)
}

// Again analyses a case from what the archive stores of it: the decoded text of its records, small hives and other typed artifacts. With the same checks and version the report is that of [Analyze]. Of
// opt, Case, Limits and Passwords are not looked at; Host and At hold where the first analysis had none, or where they are set. The error is a [LackingError] if something was too large to be stored.
func Again(ctx context.Context, from *index.Sources, opt Options) (*findings.Report, error) {
	opt.Case = from.Case
	return Join(ctx, from, nil, opt)
}

// Join analyses what the archive stores of a case together with further uploads. The report is that of [Analyze] of the case's uploads and these, as far as what is stored goes: Limits and Passwords
// hold for the further uploads alone, Host and At as for [Again]. Errors are those of both; with an [UnusableError] the case can be used, since it could be before.
func Join(ctx context.Context, from *index.Sources, uploads []string, opt Options) (*findings.Report, error) {
	if err := Complete(from); err != nil {
		return nil, err
	}
	opt.Host = cmp.Or(opt.Host, from.Host)
	if opt.At.IsZero() {
		opt.At = from.At
	}
	return analyze(ctx, from, uploads, opt)
}

// Complete tells whether a case stores all that [Again] and [Join] need: nil, or a [LackingError].
func Complete(from *index.Sources) error {
	if lacking := lacking(&from.Kept); len(lacking) > 0 {
		return &LackingError{lacking}
	}
	return nil
}

// stored makes a bundle of what a case stores. Problems are those of its uploads that could not be opened.
func stored(from *index.Sources) (*ingest.Bundle, []ingest.Problem, error) {
	var names []string
	kept := from.Kept
	for _, u := range from.Uploads {
		if u.Format != ingest.FormatUnreadable {
			names = append(names, u.Name)
		}
	}
	unopened := min(len(from.Uploads)-len(names), len(kept.Problems)) // they come first
	problems := slices.Clone(kept.Problems[:unopened])
	kept.Problems = kept.Problems[unopened:]
	b, err := ingest.Again(&kept, from, names)
	if err != nil {
		return nil, nil, fmt.Errorf("analyse case %q again: %w", from.Case, err)
	}
	return b, problems, nil
}

// lacking lists the members without which a case can't be analysed again. Of hives of accounts and secrets that were damaged it is known that they are not stored.
func lacking(k *ingest.Kept) []string {
	var out []string
	for i := range k.Members {
		if m := &k.Members[i]; m.Lost && (m.Artifact == nil || !isSecret(m.Artifact.Kind)) {
			out = append(out, m.Path)
		}
	}
	return out
}

// isSecret tells whether a hive holds accounts or secrets.
func isSecret(k ingest.Kind) bool { return k == ingest.KindHiveSAM || k == ingest.KindHiveSecurity }

// keeper stores the bytes of members.
type keeper struct {
	to index.SourceWriter

	mu   sync.Mutex
	left int64
	err  error
}

// keep stores the bytes of a member, unless they are too many, and tells whether it did.
func (k *keeper) keep(a *ingest.Artifact, b []byte) bool {
	k.mu.Lock()
	ok := len(b) <= maxSource && int64(len(b)) <= k.left
	if ok {
		k.left -= int64(len(b))
	}
	k.mu.Unlock()
	if !ok {
		return false
	}
	switch {
	case isSecret(a.Kind):
		if b, ok = withoutUnused(b); !ok {
			return false
		}
	case a.Kind == ingest.KindHiveSystem, a.Kind == ingest.KindHiveOther:
		b = hive.WithoutBootKey(b)
	}
	if err := k.to.Source(a.Path, b); err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.err = cmp.Or(k.err, err)
		return false
	}
	return true
}

// withoutUnused returns a hive of accounts or secrets without what was deleted from it, which the records do not hold either; false if it is so damaged that it would read otherwise then.
func withoutUnused(b []byte) ([]byte, bool) {
	out := hive.WithoutUnused(b)
	before, err := hive.Open(b)
	if err != nil {
		return nil, false
	}
	after, err := hive.Open(out)
	if err != nil || !slices.Equal(before.Problems(), after.Problems()) {
		return nil, false
	}
	keys, values := before.Counts()
	k, v := after.Counts()
	return out, keys == k && values == v
}

// settle completes what is kept: of a member that is not stored, the problems stand as the analysis found them.
func settle(k *ingest.Kept, problems []ingest.Problem) {
	for i := range k.Members {
		m := &k.Members[i]
		if !m.Lost || m.Form != ingest.FormNone {
			continue
		}
		m.Problems = slices.DeleteFunc(slices.Clone(problems), func(p ingest.Problem) bool { return p.Artifact != m.Path })
	}
}
