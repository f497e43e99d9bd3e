package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"casebook"
	"casebook/findings"
)

// hook is the program that is told of finished cases.
type hook struct{ program string }

// lookHook finds the program of --on-case.
func lookHook(name string) (*hook, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, usagef("--on-case %q can't be run: %v", name, err)
	}
	return &hook{path}, nil
}

// runHook runs the program of --on-case for a case that is in the archive. Where that is no folder and so has no path of the report, the program is given a copy.
func (b *batch) runHook(ctx context.Context, report *findings.Report, r *batchResult) error {
	if r.Report != "" {
		return b.hook.run(ctx, b.err, b.flags.onCaseTime, r.Case, b.archive, r.Report, r.Status)
	}
	dir, err := os.MkdirTemp("", "casebook-case-")
	if err != nil {
		return err
	}
	at := filepath.Join(dir, "report.json")
	if err = writeReport(at, report); err == nil {
		err = b.hook.run(ctx, b.err, b.flags.onCaseTime, r.Case, b.archive, at, r.Status)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func writeReport(at string, report *findings.Report) error {
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(casebook.WriteReport(f, report), f.Close())
}

// hookWait is how long what the program started may keep its output open after its end.
const hookWait = 5 * time.Second

// run runs the program for a case. What it prints goes to stderr, since stdout is for results.
func (h *hook) run(ctx context.Context, out io.Writer, limit time.Duration, id, archive, report, status string) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(limited, h.program, report) //nolint:gosec // the user named the program; its argument is a path that casebook made
	c.Env = append(os.Environ(), "CASEBOOK_CASE="+id, "CASEBOOK_ARCHIVE="+archive, "CASEBOOK_REPORT="+report, "CASEBOOK_STATUS="+status)
	c.Stdout, c.Stderr = out, out
	c.WaitDelay = hookWait
	err := c.Run()
	if limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the program was stopped after %s; --on-case-timeout sets the time", limit)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("the program ended with %s", exit.ProcessState)
	}
	return err
}
