package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/ingest"
)

// analyzeFlags are the flags of analyze.
type analyzeFlags struct {
	out, caseID, host, at, archive, failOn string
	only, passwords, passwordFiles         []string
	noArchive                              bool
	timeout                                time.Duration
	workers                                int
	limits                                 ingest.Limits
	maxBytes, maxMember                    string
}

func (a *app) analyze() *cobra.Command {
	var f analyzeFlags
	c := &cobra.Command{
		Use:   "analyze BUNDLE…",
		Short: "Analyse bundles and write a report of each",
		Long: `Analyses each bundle (a zip, 7z, rar, tar or cabinet, a folder, a loose log, hive or registry export) and writes DIR/index.html,
DIR/report.json and the case's index. Without -o the report goes to ./NAME-report. With several bundles each has its own folder below DIR; with --case they
are one case, whose facts are joined.

` + exitHelp,
		Example: `  casebook analyze ticket-48213.zip
  casebook analyze ticket.zip -o report --fail-on high
  casebook analyze first.zip reply.zip --case 48213`,
		Args: exactly(1, -1, "one or more bundles"),
		RunE: func(c *cobra.Command, args []string) error { return a.runAnalyze(c.Context(), args, f) },
	}
	fs := c.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "folder for the report (default ./NAME-report)")
	fs.StringVar(&f.caseID, "case", "", "the bundles are one case with this ID")
	fs.StringVar(&f.host, "host", "", "the computer that loose files without any name come from")
	fs.StringVar(&f.at, "at", "", "time of the incident, e.g. 2012-03-08T21:16 or 2012-03-08T21:16:55+01:00")
	fs.StringSliceVar(&f.only, "only", nil, "run only these checks (IDs, comma separated)")
	fs.StringVar(&f.failOn, "fail-on", "", "exit with 1 if a confirmed finding is at least this severe: critical, high, medium, low or info")
	fs.StringVar(&f.archive, "archive", os.Getenv("CASEBOOK_ARCHIVE"), "add the case to this archive instead of the report folder's own ($CASEBOOK_ARCHIVE)")
	fs.BoolVar(&f.noArchive, "no-archive", false, "no search index")
	fs.StringArrayVar(&f.passwords, "password", nil, "password of an encrypted archive; may be given several times, each is tried")
	fs.StringArrayVar(&f.passwordFiles, "password-file", nil, "file with passwords, one on each line")
	fs.DurationVar(&f.timeout, "timeout", 0, "give up on a bundle after this time, e.g. 10m (default none)")
	fs.IntVar(&f.workers, "workers", 0, "members read side by side (default one for each processor)")
	fs.StringVar(&f.maxBytes, "max-bytes", "64GiB", "decoded bytes of a bundle at most")
	fs.StringVar(&f.maxMember, "max-member", "16GiB", "decoded bytes of one member at most")
	fs.IntVar(&f.limits.MaxFiles, "max-files", ingest.Limits{}.WithDefaults().MaxFiles, "members of a bundle at most, nested ones included")
	fs.IntVar(&f.limits.MaxDepth, "max-depth", ingest.Limits{}.WithDefaults().MaxDepth, "archives within archives at most")
	fs.Int64Var(&f.limits.MaxRatio, "max-ratio", ingest.Limits{}.WithDefaults().MaxRatio, "decoded to packed size of a member at most, beyond its first 64 MiB")
	return c
}

// job is one report to make.
type job struct {
	uploads []string
	out     string
}

func (a *app) runAnalyze(ctx context.Context, args []string, f analyzeFlags) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	if f.failOn != "" && !slices.Contains(findings.Severities(), findings.Severity(f.failOn)) {
		return usagef("--fail-on is critical, high, medium, low or info, not %q", f.failOn)
	}
	opt.Log, opt.AskPassword = a.log(), a.askPassword()
	failed, gave := 0, false
	jobs := plan(args, f)
	for _, j := range jobs {
		report, dir, err := a.analyzeOne(ctx, j, f, opt)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var usage usageError
		if errors.As(err, &usage) {
			return err
		}
		if err != nil {
			failed++
			fmt.Fprintf(a.err, "casebook: %v\n", err)
			continue
		}
		gave = gave || f.failOn != "" && reaches(report, findings.Severity(f.failOn))
		if err := a.tell(report, dir); err != nil {
			return err
		}
	}
	switch {
	case failed == len(jobs):
		a.code = exitNone
	case failed > 0:
		a.code = exitSome
	case gave:
		a.code = exitFindings
	}
	return nil
}

// analyzeOne makes one report and returns it with the folder it is in. An upload that can't be opened still gets a report that says
// so where an output folder was named.
func (a *app) analyzeOne(ctx context.Context, j job, f analyzeFlags, opt casebook.Options) (*findings.Report, string, error) {
	out, err := casebook.NewOutput(j.out)
	if err != nil {
		return nil, "", usageError{err}
	}
	defer out.Discard()
	if !f.noArchive {
		opt.Index = f.archive
		if opt.Index == "" {
			opt.Index = out.ArchivePath()
		}
	}
	limited := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	p := a.progress(strings.Join(j.uploads, ", "))
	opt.Progress = p.update
	report, err := casebook.Analyze(limited, j.uploads, opt)
	p.done()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("analyse %s: not done after %s; raise --timeout", strings.Join(j.uploads, ", "), f.timeout)
	}
	if err != nil {
		if ctx.Err() == nil && f.out != "" {
			if werr := out.Write(casebook.Unreadable(j.uploads, err, opt)); werr != nil {
				return nil, "", errors.Join(err, werr)
			}
			if _, werr := out.Commit(); werr != nil {
				return nil, "", errors.Join(err, werr)
			}
		}
		return nil, "", err
	}
	if err := out.Write(report); err != nil {
		return nil, "", err
	}
	dir, err := out.Commit()
	return report, dir, err
}

// options turns flags into options.
func (f analyzeFlags) options() (casebook.Options, error) {
	opt := casebook.Options{Case: f.caseID, Host: f.host, Limits: f.limits, Workers: f.workers, Version: version}
	var err error
	if opt.Limits.MaxBytes, err = parseSize("--max-bytes", f.maxBytes); err != nil {
		return opt, err
	}
	if opt.Limits.MaxMember, err = parseSize("--max-member", f.maxMember); err != nil {
		return opt, err
	}
	for flag, v := range map[string]int64{"--max-files": int64(f.limits.MaxFiles), "--max-depth": int64(f.limits.MaxDepth), "--max-ratio": f.limits.MaxRatio} {
		if v < 1 {
			return opt, usagef("%s must be at least 1", flag)
		}
	}
	if opt.Passwords, err = readPasswords(f.passwords, f.passwordFiles); err != nil {
		return opt, err
	}
	if opt.At, err = parseTime(f.at); err != nil {
		return opt, err
	}
	opt.Checks, err = selectChecks(f.only)
	return opt, err
}

// selectChecks returns the checks with these IDs, all for none.
func selectChecks(only []string) ([]*findings.Check, error) {
	all := checks.All()
	if len(only) == 0 {
		return all, nil
	}
	var out []*findings.Check
	for _, id := range only {
		i := slices.IndexFunc(all, func(c *findings.Check) bool { return c.ID == id })
		if i < 0 {
			return nil, usagef("there is no check %q; 'casebook checks list' lists them", id)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// plan says which reports are made of which uploads, and where.
func plan(args []string, f analyzeFlags) []job {
	if f.caseID != "" {
		return []job{{args, orDefault(f.out, fileName(f.caseID)+"-report")}}
	}
	if len(args) == 1 {
		return []job{{args, orDefault(f.out, stem(args[0])+"-report")}}
	}
	var jobs []job
	used := map[string]int{}
	for _, u := range args {
		name := stem(u)
		used[strings.ToLower(name)]++
		if n := used[strings.ToLower(name)]; n > 1 {
			name = fmt.Sprintf("%s~%d", name, n)
		}
		if f.out != "" {
			jobs = append(jobs, job{[]string{u}, filepath.Join(f.out, name)})
		} else {
			jobs = append(jobs, job{[]string{u}, name + "-report"})
		}
	}
	return jobs
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// stem is an upload's file name without its archive extension.
func stem(upload string) string {
	abs, err := filepath.Abs(upload)
	if err != nil {
		abs = upload
	}
	name := filepath.Base(abs)
	for _, ext := range []string{".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".cab"} {
		if len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
			return name[:len(name)-len(ext)]
		}
	}
	return name
}

// fileName makes a case ID fit for a folder's name.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, id)
}

// reaches reports whether a confirmed finding is at least as severe as s.
func reaches(r *findings.Report, s findings.Severity) bool {
	all := findings.Severities()
	return slices.ContainsFunc(r.Findings, func(f findings.Finding) bool {
		return f.Verdict == findings.Confirmed && slices.Index(all, f.Severity) <= slices.Index(all, s)
	})
}

// parseSize reads a number of bytes such as 500MB or 64GiB.
func parseSize(flag, s string) (int64, error) {
	units := []struct {
		suffix string
		n      int64
	}{
		{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
		{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1}, {"", 1},
	}
	low := strings.ToLower(strings.ReplaceAll(s, " ", ""))
	for _, u := range units {
		digits, ok := strings.CutSuffix(low, u.suffix)
		if !ok {
			continue
		}
		var n int64
		if _, err := fmt.Sscanf(digits+"\n", "%d\n", &n); err != nil || n < 1 || n > (1<<62)/u.n || fmt.Sprint(n) != digits {
			break
		}
		return n * u.n, nil
	}
	return 0, usagef("%s is a number of bytes such as 500MB or 64GiB, not %q", flag, s)
}

// parseTime reads --at; a time without an offset is taken as UTC.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--at is a time such as 2012-03-08T21:16 or 2012-03-08T21:16:55+01:00, not %q", s)
}
