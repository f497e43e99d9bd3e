package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casebook/cmd/internal/cli"
	"casebook/scale/jobs"
)

func queue(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{Use: "queue", Short: "How the queue stands, and jobs that were given up"}, queueStatus(a), queueRetry(a))
}

func queueStatus(a *cli.App) *cobra.Command {
	var f queueFlags
	list := 20
	c := &cobra.Command{
		Use:   "status --queue URL",
		Short: "Count jobs, and show why some were given up or failed",
		Args:  cli.Exactly(0, 0, "no arguments"),
		RunE:  func(c *cobra.Command, _ []string) error { return f.status(c.Context(), a, list) },
	}
	f.flags(c)
	c.Flags().IntVarP(&list, "limit", "n", list, "show at most `N` jobs that were given up, and as many that failed")
	return c
}

// standing is what queue status says.
type standing struct {
	jobs.Status
	DeadJobs   []jobs.Dead   `json:"dead_jobs,omitempty"`
	FailedJobs []jobs.Result `json:"failed_jobs,omitempty"`
}

func (f *queueFlags) status(ctx context.Context, a *cli.App, limit int) error {
	if limit < 0 {
		return cli.Usagef("-n takes a number from 0 on, not %d", limit)
	}
	q, err := f.connect(ctx, a.Log())
	if err != nil {
		return err
	}
	defer q.Close()
	var s standing
	if s.Status, err = q.Status(ctx); err != nil {
		return err
	}
	for d, err := range q.Dead(ctx) {
		if err != nil {
			return err
		}
		if len(s.DeadJobs) == limit {
			break
		}
		s.DeadJobs = append(s.DeadJobs, d)
	}
	for r, err := range q.Results(ctx, statusFailed) {
		if err != nil {
			return err
		}
		if len(s.FailedJobs) == limit {
			break
		}
		s.FailedJobs = append(s.FailedJobs, r)
	}
	if a.JSON() {
		return a.WriteLine(s)
	}
	out := a.Results()
	fmt.Fprintf(out, "pending      %7d\nworking      %7d\n", s.Pending, s.Working)
	for _, status := range jobs.Statuses() {
		fmt.Fprintf(out, "%-12s %7d\n", status, s.Done[status])
		if status == statusFailed {
			for _, r := range s.FailedJobs {
				fmt.Fprintf(out, "    %s  %s: %s\n", short(r.SHA256), cli.Printable(r.Name), cli.Printable(r.Why))
			}
		}
	}
	fmt.Fprintf(out, "dead         %7d\n", s.Dead)
	for _, d := range s.DeadJobs {
		fmt.Fprintf(out, "    %s  %s: %s (after %d tries)\n", short(d.SHA256), cli.Printable(d.Name), cli.Printable(d.Reason), d.Tries)
	}
	return nil
}

// short is as much of a SHA-256 as tells uploads apart.
func short(sum string) string { return sum[:min(12, len(sum))] }

func queueRetry(a *cli.App) *cobra.Command {
	var f queueFlags
	all := false
	c := &cobra.Command{
		Use:   "retry [SHA256…] --queue URL",
		Short: "Put jobs that were given up into the queue again",
		Long:  "Puts jobs that were given up into the queue again: those of uploads whose SHA-256 begins as the arguments say, or --all.",
		Args:  cli.Exactly(0, -1, "the beginnings of SHA-256 sums"),
		RunE:  func(c *cobra.Command, args []string) error { return f.retry(c.Context(), a, args, all) },
	}
	f.flags(c)
	c.Flags().BoolVar(&all, "all", false, "all that were given up")
	return c
}

func (f *queueFlags) retry(ctx context.Context, a *cli.App, sums []string, all bool) error {
	if all == (len(sums) > 0) || slices.Contains(sums, "") {
		return cli.Usagef("give the beginnings of SHA-256 sums, or --all")
	}
	q, err := f.connect(ctx, a.Log())
	if err != nil {
		return err
	}
	defer q.Close()
	var dead []jobs.Dead
	for d, err := range q.Dead(ctx) {
		if err != nil {
			return err
		}
		if all || slices.ContainsFunc(sums, func(s string) bool { return strings.HasPrefix(d.SHA256, strings.ToLower(s)) }) {
			dead = append(dead, d)
		}
	}
	n := 0
	for _, d := range dead {
		taken, err := q.Requeue(ctx, d)
		if err != nil {
			return err
		}
		if taken {
			n++
		}
	}
	fmt.Fprintf(a.Results(), "%d queued again\n", n)
	if len(dead) == 0 && !all {
		a.End(1)
	}
	return nil
}
