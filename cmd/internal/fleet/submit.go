package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"casebook/cmd/internal/cli"
	"casebook/scale/blobs"
	"casebook/scale/jobs"
)

// submitFlags are the flags of submit.
type submitFlags struct {
	queueFlags
	find    cli.Finder
	uploads string
	jobs    int
}

func submit(a *cli.App) *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		Use:   "submit PATH… --queue URL --uploads URL",
		Short: "Put bundles into storage and the queue, for workers to analyse",
		Long: `Finds bundles below the paths as batch does, puts each into object storage under its SHA-256 and a job for it into the queue. What is in the storage already is not
sent again, and a job that is in the queue already, or was finished within ten minutes, is not queued again. The path - reads a list of files from stdin, one in a line.

--label and --case-from work as with batch: a bundle that is submitted again with other labels gets them added.

Credentials are never arguments: the storage takes what its SDK finds in the environment and in its files, the queue a file (--nats-creds, --nats-cert).

Exit status: 0 all are queued, 3 some could not be, 4 none could be.`,
		Example: `  casebook-fleet submit /srv/attachments --queue nats://queue:4222 --uploads s3://casebook/fleet
  casebook-fleet submit /srv/attachments --label '/(?P<ticket>INC\d+)' --case-from ticket`,
		Args: cli.Exactly(1, -1, "one or more folders or bundles"),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), a, args) },
	}
	f.flags(c)
	uploadsFlag(c, &f.uploads)
	f.find.Flags(c)
	c.Flags().IntVarP(&f.jobs, "jobs", "j", 0, "send `N` bundles side by side (default one for each processor)")
	return c
}

// submitted is what became of a bundle.
type submitted struct {
	Path   string `json:"path"`
	Status string `json:"status"` // queued, known or failed
	Why    string `json:"why,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes"`
	Sent   bool   `json:"sent"` // its bytes were sent: the storage had them not
	Case   string `json:"case,omitempty"`
}

// What became of a bundle that was submitted.
const (
	statusQueued = "queued"
	statusKnown  = "known" // the same job is in the queue, or was lately finished
	statusFailed = "failed"
)

func (f *submitFlags) run(ctx context.Context, a *cli.App, args []string) error {
	if f.jobs < 0 {
		return cli.Usagef("-j takes a number from 0 on, not %d", f.jobs)
	}
	if f.jobs == 0 {
		f.jobs = runtime.GOMAXPROCS(0)
	}
	bucket, err := uploads(ctx, f.uploads)
	if err != nil {
		return err
	}
	defer bucket.Close() //nolint:errcheck // what was written was closed
	all, err := f.find.Find(ctx, a, args, bucket.Folder())
	if err != nil {
		return err
	}
	q, err := f.connect(ctx, a.Log())
	if err != nil {
		return err
	}
	defer q.Close()

	count := map[string]int{}
	var mu sync.Mutex
	work := make(chan cli.Bundle)
	var senders sync.WaitGroup
	for range max(1, min(f.jobs, len(all))) {
		senders.Go(func() {
			for b := range work {
				r := one(ctx, b, bucket, q)
				if ctx.Err() != nil {
					continue
				}
				mu.Lock()
				count[r.Status]++
				tell(a, r)
				mu.Unlock()
			}
		})
	}
	for _, b := range all {
		work <- b
	}
	close(work)
	senders.Wait()
	if ctx.Err() != nil {
		return errors.New("interrupted; the same command does the rest")
	}
	if !a.JSON() {
		fmt.Fprintf(a.Results(), "%d queued, %d known, %d failed\n", count[statusQueued], count[statusKnown], count[statusFailed])
	}
	switch {
	case count[statusFailed] == 0:
	case count[statusFailed] == len(all):
		a.End(cli.ExitNone)
	default:
		a.End(cli.ExitSome)
	}
	return nil
}

// one submits a bundle.
func one(ctx context.Context, b cli.Bundle, bucket *blobs.Bucket, q *jobs.Queue) submitted {
	r := submitted{Path: b.Path, Bytes: b.File.Bytes, Case: b.Case, Status: statusFailed}
	err := b.Err
	if err == nil && b.Folder {
		err = errors.New("it is a folder: pack it, or give the bundles in it")
	}
	if err == nil {
		r.SHA256, err = b.File.Sum(ctx)
	}
	if err == nil {
		r.Sent, err = bucket.PutUpload(ctx, &b.File, r.SHA256)
	}
	queued := false
	if err == nil {
		queued, err = q.Submit(ctx, jobs.Job{
			SHA256: r.SHA256, Name: filepath.Base(b.Path), Bytes: b.File.Bytes, Labels: b.Labels, Case: b.Case, Submitted: time.Now().UTC().Truncate(time.Millisecond),
		})
	}
	switch {
	case err != nil:
		r.Why = err.Error()
	case queued:
		r.Status = statusQueued
	default:
		r.Status, r.Why = statusKnown, "the same job is in the queue, or was lately finished"
	}
	return r
}

// tell says what became of a bundle.
func tell(a *cli.App, r submitted) {
	switch {
	case a.JSON():
		_ = a.WriteLine(r) // the first error of stdout is told at the end
	case a.Quiet() && r.Status != statusFailed:
	case r.Status == statusFailed:
		fmt.Fprintf(a.Notes(), "casebook: %s: %s\n", cli.Printable(shown(r.Path)), cli.Printable(r.Why))
	default:
		fmt.Fprintf(a.Notes(), "%s %s (%s)\n", r.Status, cli.Printable(shown(r.Path)), cli.Size(r.Bytes))
	}
}

// shown is a path below the working directory without it.
func shown(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
