// Package fleet is the commands that casebook-fleet has beyond those of casebook: submit, worker and queue.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"casebook/cmd/internal/cli"
	"casebook/scale/blobs"
	"casebook/scale/jobs"
)

// Commands returns the commands.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{submit(a), worker(a), queue(a)}
}

// The environment that stands in for flags.
const (
	queueVariable   = "CASEBOOK_QUEUE"
	credsVariable   = "CASEBOOK_NATS_CREDS" //nolint:gosec // the name of a variable that names a file
	caVariable      = "CASEBOOK_NATS_CA"
	certVariable    = "CASEBOOK_NATS_CERT"
	keyVariable     = "CASEBOOK_NATS_KEY"
	uploadsVariable = "CASEBOOK_UPLOADS"
	resultsVariable = "CASEBOOK_RESULTS"
)

// queueFlags are the flags that say where the queue is.
type queueFlags struct {
	opt jobs.Options
}

func (f *queueFlags) flags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.opt.URL, "queue", os.Getenv(queueVariable), "the NATS servers at `URL`, such as nats://host:4222, several separated by commas; also $"+queueVariable)
	fs.StringVar(&f.opt.Name, "queue-name", "casebook", "`NAME` of the queue, where several use the same servers")
	fs.StringVar(&f.opt.Creds, "nats-creds", os.Getenv(credsVariable), "`FILE` of credentials for the queue; also $"+credsVariable)
	fs.StringVar(&f.opt.CA, "nats-ca", os.Getenv(caVariable), "`FILE` of the certificates that sign those of the servers; also $"+caVariable)
	fs.StringVar(&f.opt.Cert, "nats-cert", os.Getenv(certVariable), "`FILE` of the client's certificate for the queue; also $"+certVariable)
	fs.StringVar(&f.opt.Key, "nats-key", os.Getenv(keyVariable), "`FILE` of its key; also $"+keyVariable)
	fs.DurationVar(&f.opt.AckWait, "ack-wait", time.Minute, "a worker that was silent for this `TIME` is taken for dead, where the queue is made")
	fs.IntVar(&f.opt.Replicas, "replicas", 1, "servers that hold the queue, 1, 3 or 5, where it is made")
}

// connect opens the queue.
func (f *queueFlags) connect(ctx context.Context, log *slog.Logger) (*jobs.Queue, error) {
	switch {
	case f.opt.URL == "":
		return nil, cli.Usagef("no queue named: give --queue nats://host:4222 or set %s", queueVariable)
	case f.opt.Replicas != 1 && f.opt.Replicas != 3 && f.opt.Replicas != 5:
		return nil, cli.Usagef("--replicas is 1, 3 or 5, not %d", f.opt.Replicas)
	case f.opt.AckWait < time.Second:
		return nil, cli.Usagef("--ack-wait takes a second or more, not %s", f.opt.AckWait)
	case (f.opt.Cert == "") != (f.opt.Key == ""):
		return nil, cli.Usagef("--nats-cert and --nats-key go together")
	}
	f.opt.Log = log
	return jobs.Connect(ctx, f.opt)
}

// uploads opens the object storage that a flag names.
func uploads(ctx context.Context, url string) (*blobs.Bucket, error) {
	if url == "" {
		return nil, cli.Usagef("no storage named: give --uploads file:///srv/uploads or s3://bucket/prefix, or set %s", uploadsVariable)
	}
	return blobs.Open(ctx, url)
}

func uploadsFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "uploads", os.Getenv(uploadsVariable), "uploads lie in the object storage at `URL`: file:///srv/uploads, s3://bucket/prefix, gs:// or azblob://; also $"+uploadsVariable)
}

// host is this machine's name and process, by which logs and results tell workers apart.
func host() string {
	name, err := os.Hostname()
	return cmp.Or(map[bool]string{true: name}[err == nil], "worker")
}

// backoff is the time before the n-th new attempt, from 1 on: it doubles from a second to half a minute.
func backoff(n int) time.Duration { return min(30*time.Second, time.Second<<min(max(n-1, 0), 5)) }

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// closed joins the error of closing something that was written to.
func closed(err *error, c func() error) { *err = errors.Join(*err, c()) }
