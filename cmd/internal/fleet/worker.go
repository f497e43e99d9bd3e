package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"casebook/cmd/internal/cli"
	"casebook/index"
	"casebook/scale/blobs"
	"casebook/scale/jobs"
)

// workerFlags are the flags of worker.
type workerFlags struct {
	queueFlags
	filing           cli.FilingFlags
	uploads, results string
	temp, metrics    string
	name             string
	grace            time.Duration
	untilEmpty       bool
}

func worker(a *cli.App) *cobra.Command {
	var f workerFlags
	c := &cobra.Command{
		Use:   "worker --queue URL --uploads URL --archive DIR",
		Short: "Take jobs from the queue and analyse them into an archive",
		Long: `Takes jobs from the queue, -j at a time, gets their uploads from object storage, compares them with their SHA-256 and files them in the archive as batch does. It
runs until it is told to stop (SIGTERM): then it takes no more jobs, and gives those back that are not done within --grace.

A worker may be killed at any time: its jobs go to others after --ack-wait, and what was filed already is not filed again. An upload that can't be analysed is a result.
A job that fails for another reason is tried --tries times in all and then given up; 'queue status' shows it with the reason, and 'queue retry' puts it back. While the storage or the
archive can't be reached the worker waits with the jobs that it has.

--results also puts each case's report.json, and what 'archive export' writes of it, into object storage, from where another archive can import it.

Its log is JSON on stderr. --metrics-addr serves /metrics (Prometheus), /healthz and /readyz.`,
		Example: `  casebook-fleet worker --queue nats://queue:4222 --uploads s3://casebook/fleet --archive /srv/cases -j 2
  casebook-fleet worker --archive /srv/cases --until-empty`,
		Args: cli.Exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), a) },
	}
	f.flags(c)
	uploadsFlag(c, &f.uploads)
	f.filing.Flags(c)
	fs := c.Flags()
	fs.StringVar(&f.results, "results", os.Getenv(resultsVariable), "also put the reports and exports of cases into the object storage at `URL`; also $"+resultsVariable)
	fs.StringVar(&f.temp, "temp", os.TempDir(), "keep the uploads that are being analysed in `DIR`")
	fs.StringVar(&f.metrics, "metrics-addr", "127.0.0.1:9464", "serve metrics and health at `ADDR`; empty for not at all")
	fs.StringVar(&f.name, "name", "", "`NAME` of the worker in logs and results (default the machine's)")
	fs.IntVar(&f.opt.Tries, "tries", 5, "give a job up when it was handed out `N` times")
	fs.DurationVar(&f.grace, "grace", 20*time.Second, "let jobs end for this `TIME` when told to stop")
	fs.BoolVar(&f.untilEmpty, "until-empty", false, "end when the queue has no job that could be taken and none that is worked on")
	return c
}

// fleetWorker takes jobs and files them.
type fleetWorker struct {
	name    string
	log     *slog.Logger
	queue   *jobs.Queue
	uploads *blobs.Bucket
	results *blobs.Bucket // nil for none
	filing  *cli.Filing
	temp    *scratch
	metrics *metrics
	fault   atomic.Pointer[error] // what is wrong with the storage or the archive; nil if nothing is known to be
}

func (f *workerFlags) run(ctx context.Context, a *cli.App) (err error) {
	if f.opt.Tries < 1 || f.grace < 0 {
		return cli.Usagef("--tries takes a number from 1 on, and --grace a time such as 20s")
	}
	if f.name == "" {
		f.name = host()
	}
	log := slog.New(slog.NewJSONHandler(a.Notes(), &slog.HandlerOptions{Level: a.Level()})).With("worker", f.name)
	w := &fleetWorker{name: f.name, log: log, metrics: newMetrics()}
	if w.temp, err = newScratch(f.temp); err != nil {
		return err
	}
	defer closed(&err, w.temp.remove)
	if w.uploads, err = uploads(ctx, f.uploads); err != nil {
		return err
	}
	defer closed(&err, w.uploads.Close)
	if f.results != "" {
		if w.results, err = blobs.Open(ctx, f.results); err != nil {
			return err
		}
		defer closed(&err, w.results.Close)
	}
	if w.filing, err = a.NewFiling(ctx, f.filing, log, w.earlier); err != nil {
		return err
	}
	defer closed(&err, w.filing.Close)
	if w.queue, err = f.connect(ctx, log); err != nil {
		return err
	}
	defer w.queue.Close()
	stop, err := w.serve(f.metrics)
	if err != nil {
		return err
	}
	defer stop()

	log.Info("ready for jobs", "archive", w.filing.Archive(), "uploads", w.uploads.String(), "jobs", w.filing.Jobs())
	work, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a job goes on when the worker is told to stop
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		log.Info("told to stop: no more jobs", "grace", f.grace.String())
		time.AfterFunc(f.grace, cancel)
	})()
	var slots sync.WaitGroup
	for range w.filing.Jobs() {
		slots.Go(func() { w.take(ctx, work, f.untilEmpty) })
	}
	slots.Wait()
	log.Info("stopped")
	return nil
}

// emptyWait is how long a worker that is to end with the queue waits for a job before it asks again whether others still work.
const emptyWait = 100 * time.Millisecond

// take takes jobs, one after the other, until ctx ends, or nothing is left to do.
func (w *fleetWorker) take(ctx, work context.Context, untilEmpty bool) {
	failures, wait := 0, time.Second
	if untilEmpty {
		wait = 0
	}
	for ctx.Err() == nil {
		if w.fault.Load() != nil && !w.recovered(ctx) {
			return
		}
		d, err := w.queue.Next(ctx, wait)
		switch {
		case ctx.Err() != nil && d == nil:
			return
		case err != nil:
			failures++
			w.log.Warn("no job can be taken", "error", err)
			if sleep(ctx, backoff(failures)) != nil {
				return
			}
		case d != nil:
			failures = 0
			w.one(work, d)
			if untilEmpty {
				wait = 0
			}
		case untilEmpty:
			if empty, err := w.queue.Empty(ctx); err == nil && empty {
				return
			}
			wait = emptyWait // others are at work, and may give a job back
		}
	}
}

// one does a job, and says now and then that it is still at it.
func (w *fleetWorker) one(ctx context.Context, d *jobs.Delivery) {
	log := w.log.With("sha256", d.SHA256, "name", d.Name, "try", d.Tries)
	start := time.Now()
	w.metrics.working.Inc()
	defer w.metrics.working.Dec()
	alive := time.NewTicker(w.queue.Interval())
	ended := make(chan struct{})
	var beat sync.WaitGroup
	beat.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-alive.C:
				if err := d.Working(); err != nil {
					log.Warn("can't say that the job is worked on", "error", err)
				}
			}
		}
	})
	defer beat.Wait()
	defer close(ended)
	defer alive.Stop()

	if d.Exhausted() {
		w.bury(ctx, log, d, fmt.Sprintf("%d workers took it and none came to an end: it may be too large for their memory", d.Tries-1))
		return
	}
	log.Info("began", "bytes", d.Bytes, "case", d.Case)
	filed, err := w.file(ctx, d)
	if err == nil {
		err = w.publish(ctx, filed)
	}
	took := time.Since(start)
	if err == nil {
		err = d.Done(ctx, jobs.Result{
			Status: filed.Status, Why: filed.Why, Found: filed.Found, Filed: filed.Case, Worker: w.name, Seconds: took.Round(time.Millisecond).Seconds(), Ended: time.Now().UTC(),
		})
	}
	switch {
	case err == nil:
		w.metrics.done(filed.Status, took, d.Bytes)
		log.Info("done", "status", filed.Status, "why", filed.Why, "case", filed.Case, "found", filed.Found, "seconds", took.Seconds(), "bytes", d.Bytes)
	case ctx.Err() != nil:
		w.giveBack(log, d, 0, errors.New("told to stop"))
	default:
		// Is it the job, or is nothing to be had? In the second case the job stays here, so that an outage costs one try and not all.
		if fault := w.look(ctx); fault != nil {
			w.fault.Store(&fault)
			log.Warn("waiting", "error", err, "for", fault)
			w.recovered(ctx)
		}
		if d.Last() && ctx.Err() == nil {
			w.bury(ctx, log, d, err.Error())
			return
		}
		w.giveBack(log, d, backoff(d.Tries), err)
	}
}

func (w *fleetWorker) giveBack(log *slog.Logger, d *jobs.Delivery, delay time.Duration, why error) {
	w.metrics.retried.Inc()
	log.Warn("given back", "error", why, "delay", delay.String())
	if err := d.Retry(delay); err != nil {
		log.Warn("can't give the job back; it goes to another after a while", "error", err)
	}
}

func (w *fleetWorker) bury(ctx context.Context, log *slog.Logger, d *jobs.Delivery, reason string) {
	w.metrics.buried.Inc()
	log.Error("given up", "reason", reason)
	if err := d.Bury(ctx, w.name, reason); err != nil {
		log.Warn("can't give the job up; it is tried again", "error", err)
	}
}

// look tells what can't be reached, nil if all can.
func (w *fleetWorker) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := errors.Join(w.uploads.Check(ctx), w.filing.Check(ctx))
	if w.results != nil {
		err = errors.Join(err, w.results.Check(ctx))
	}
	return err
}

// recovered waits until everything can be reached again; false if ctx ended before.
func (w *fleetWorker) recovered(ctx context.Context) bool {
	for n := 1; ; n++ {
		if sleep(ctx, backoff(n)) != nil {
			return false
		}
		fault := w.look(ctx)
		if fault == nil {
			w.fault.Store(nil)
			return true
		}
		w.fault.Store(&fault)
		w.log.Warn("waiting", "for", fault)
	}
}

// file gets the upload of a job and files it.
func (w *fleetWorker) file(ctx context.Context, d *jobs.Delivery) (cli.Filed, error) {
	path, done, err := w.fetch(ctx, d.SHA256)
	if err != nil {
		return cli.Filed{}, err
	}
	defer done()
	for n := 0; ; n++ {
		filed, err := w.filing.File(ctx, path, d.Case, index.Labels(d.Labels))
		if err != nil || !filed.Busy {
			return filed, err
		}
		if n > 1200 { // ten minutes
			return filed, errors.New("other workers write the same case again and again")
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return filed, err
		}
	}
}

// fetch gets an upload into a folder of its own, which done removes.
func (w *fleetWorker) fetch(ctx context.Context, sum string) (path string, done func(), err error) {
	u, err := w.uploads.Upload(ctx, sum)
	if err != nil {
		return "", nil, err
	}
	dir, err := w.temp.folder()
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) } // what is left is removed with the folder above
	if path, err = w.uploads.Fetch(ctx, u, dir); err != nil {
		done()
		return "", nil, err
	}
	return path, done, nil
}

// earlier gets an upload that a case has.
func (w *fleetWorker) earlier(ctx context.Context, u index.Upload) (string, func(), error) {
	path, done, err := w.fetch(ctx, u.SHA256)
	if errors.Is(err, blobs.ErrNotExist) {
		err = cli.ErrNotKept
	}
	return path, done, err
}

// publish puts what was made of a case into object storage.
func (w *fleetWorker) publish(ctx context.Context, filed cli.Filed) error {
	if w.results == nil || filed.Case == "" {
		return nil
	}
	text, err := w.filing.Report(ctx, filed.Case)
	if err != nil {
		return err
	}
	report, err := w.results.PutObject(ctx, bytes.NewReader(text))
	if err != nil {
		return err
	}
	c := blobs.Case{ID: filed.Case, Report: &report}
	out, err := os.CreateTemp(w.temp.dir, "export-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = out.Close() // it was read
		_ = os.Remove(filepath.Clean(out.Name()))
	}()
	if c.State, err = w.filing.Export(ctx, filed.Case, out); err != nil {
		return err
	}
	if c.State != "" {
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return err
		}
		export, err := w.results.PutObject(ctx, out)
		if err != nil {
			return err
		}
		c.Export = &export
	}
	return w.results.PutCase(ctx, c)
}
