package fleet

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"casebook/cmd/internal/cli"
	"casebook/ingest"
	"casebook/scale/blobs"
	"casebook/scale/jobs"
	"casebook/web/serve"
)

// Workers adds the flags to serve that say where uploads of its form go, and returns what opens these places: none if no queue and no storage is named.
func Workers(c *cobra.Command) func(context.Context, *slog.Logger) (serve.Workers, func(), error) {
	var f queueFlags
	at := ""
	f.flags(c)
	uploadsFlag(c, &at)
	c.Long += "\n\n" + `With --queue and --uploads the form puts uploads into object storage and a job into the queue, for 'casebook-fleet worker' to analyse into the archive, as submit does; the page of an
upload says how it stands. Only uploads of users who see all cases go there; those of others are analysed by the server.`
	return func(ctx context.Context, log *slog.Logger) (serve.Workers, func(), error) {
		if f.opt.URL == "" && at == "" {
			return nil, func() {}, nil
		}
		if f.opt.URL == "" || at == "" {
			return nil, nil, cli.Usagef("--queue and --uploads go together: the one has the jobs, the other the uploads")
		}
		bucket, err := uploads(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		q, err := f.connect(ctx, log)
		if err != nil {
			_ = bucket.Close() // the error at hand matters more
			return nil, nil, err
		}
		done := func() {
			q.Close()
			_ = bucket.Close() // what was written was closed
		}
		return handing{bucket, q}, done, nil
	}
}

// handing hands uploads of a form to the workers on the queue.
type handing struct {
	bucket *blobs.Bucket
	queue  *jobs.Queue
}

// Submit implements [serve.Workers].
func (h handing) Submit(ctx context.Context, path string, u serve.Handed) (string, error) {
	file, err := ingest.LookAt(path)
	if err != nil {
		return "", err
	}
	if _, err := h.bucket.PutUpload(ctx, &file, u.SHA256); err != nil {
		return "", err
	}
	j := jobs.Job{SHA256: u.SHA256, Name: u.Name, Bytes: u.Bytes, Labels: u.Labels, Submitted: time.Now().UTC().Truncate(time.Millisecond)}
	if _, err := h.queue.Submit(ctx, j); err != nil { // the same job that is there already will do
		return "", err
	}
	return j.ID(), nil
}

// Standing implements [serve.Workers].
func (h handing) Standing(ctx context.Context, id string) (serve.Standing, error) {
	st, err := h.queue.Standing(ctx, id)
	switch {
	case err != nil:
		return serve.Standing{}, err
	case st.Waiting:
		return serve.Standing{State: serve.StateWaiting, Ahead: int(min(st.Ahead, 1<<30))}, nil
	case st.Working:
		return serve.Standing{State: serve.StateRunning}, nil
	case st.Dead != nil:
		return serve.Standing{State: serve.StateFailed, Why: "The workers have given it up: " + st.Dead.Reason}, nil
	case st.Result != nil && st.Result.Filed != "":
		return serve.Standing{State: serve.StateDone, Case: st.Result.Filed}, nil
	case st.Result != nil:
		return serve.Standing{State: serve.StateFailed, Why: st.Result.Why}, nil
	}
	return serve.Standing{State: serve.StateFailed, Why: "The queue knows nothing of it any more. Upload the file again."}, nil
}
