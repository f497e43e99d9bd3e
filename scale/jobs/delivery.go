package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is a job that this worker has.
type Delivery struct {
	Job
	Tries int // how often it was handed out, this time included
	queue *Queue
	msg   jetstream.Msg
}

// Next waits for a job, at most for the time that is given; 0 asks whether there is one now. It returns nil if none came. The server has the request while it waits, and answers it when a job is submitted.
func (q *Queue) Next(ctx context.Context, wait time.Duration) (*Delivery, error) {
	if wait <= 0 {
		msg, err := q.now()
		if msg == nil && (err == nil || passing(err)) {
			return nil, ctx.Err()
		}
		return q.delivery(ctx, msg, err)
	}
	inner, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msg, err := q.pull.Next(jetstream.FetchMaxWait(min(wait, oneWait)))
	for err != nil && passing(err) && inner.Err() == nil {
		if !errors.Is(err, nats.ErrTimeout) {
			select {
			case <-inner.Done():
			case <-time.After(pause):
			}
		}
		if inner.Err() == nil {
			msg, err = q.pull.Next(jetstream.FetchMaxWait(min(wait, oneWait)))
		}
	}
	return q.delivery(ctx, msg, err)
}

// now takes a job that waits; nil if there is none.
func (q *Queue) now() (jetstream.Msg, error) {
	batch, err := q.pull.FetchNoWait(1)
	if err != nil {
		return nil, err
	}
	return <-batch.Messages(), batch.Error()
}

// delivery makes a delivery of what the server answered.
func (q *Queue) delivery(ctx context.Context, msg jetstream.Msg, err error) (*Delivery, error) {
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, jetstream.ErrNoMessages):
		return nil, nil //nolint:nilnil // no job is no error, as the comment says
	case err != nil:
		return nil, fmt.Errorf("take a job from the queue: %w", err)
	}
	d := &Delivery{queue: q, msg: msg}
	m, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("take a job from the queue: %w", err)
	}
	d.Tries = int(min(m.NumDelivered, 1<<30))
	if err := json.Unmarshal(msg.Data(), &d.Job); err != nil {
		d.Name = msg.Subject()
		return nil, d.Bury(ctx, "", fmt.Sprintf("the job can't be read: %v", err))
	}
	return d, nil
}

// Exhausted tells whether the job was handed out more often than the queue allows: none of its workers came to an end with it.
func (d *Delivery) Exhausted() bool { return d.Tries > d.queue.opt.Tries }

// Last tells whether the job is given up when this try fails.
func (d *Delivery) Last() bool { return d.Tries >= d.queue.opt.Tries }

// Working says that the worker is still at it, and has another AckWait.
func (d *Delivery) Working() error { return d.msg.InProgress() }

// Interval is how often [Delivery.Working] should be called.
func (q *Queue) Interval() time.Duration {
	wait := q.opt.AckWait
	if info := q.pull.CachedInfo(); info != nil && info.Config.AckWait > 0 {
		wait = info.Config.AckWait
	}
	return wait / 4
}

// Done ends a job with its result. When it returns nil the job is not given to anybody again.
func (d *Delivery) Done(ctx context.Context, r Result) error {
	r.Job, r.Tries = d.Job, d.Tries
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = d.queue.persist(ctx, func(ctx context.Context) error {
		_, err := d.queue.js.Publish(ctx, d.queue.subject("results", r.Status+"."+d.ID()), text)
		return err
	})
	if err == nil {
		err = d.queue.persist(ctx, func(ctx context.Context) error { return d.queue.keepOne(ctx, d.ID()) })
	}
	if err != nil {
		return fmt.Errorf("store the result of %q: %w", d.Name, err)
	}
	return d.ack(ctx)
}

// keepOne takes away all results of a job but the newest, and that its upload was skipped if there is another: two workers may have
// had the job, the first of which was killed, or late, when it had filed the case. As each looks after it has stored its own result,
// the last one sees both.
func (q *Queue) keepOne(ctx context.Context, id string) error {
	s, err := q.js.Stream(ctx, q.stream("results"))
	if err != nil {
		return err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(q.subject("results", "*."+id)))
	if err != nil {
		return err
	}
	if len(info.State.Subjects) < 2 {
		return nil
	}
	keep, keepSkipped, held := uint64(0), true, []uint64{}
	for subject := range info.State.Subjects {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // the other worker took it away
		}
		if err != nil {
			return err
		}
		held = append(held, m.Sequence)
		skipped := subject == q.subject("results", "skipped."+id)
		if keepSkipped && !skipped || keepSkipped == skipped && m.Sequence > keep {
			keep, keepSkipped = m.Sequence, skipped
		}
	}
	for _, seq := range held {
		if seq == keep {
			continue
		}
		if err := s.DeleteMsg(ctx, seq); err != nil {
			if _, gone := s.GetMsg(ctx, seq); !errors.Is(gone, jetstream.ErrMsgNotFound) {
				return err
			}
		}
	}
	return nil
}

// ack takes the job out of the queue and waits until the servers have agreed.
func (d *Delivery) ack(ctx context.Context) error {
	err := d.queue.persist(ctx, d.msg.DoubleAck)
	if errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take %q out of the queue: %w", d.Name, err)
	}
	return nil
}

// Retry gives the job back: it is handed out again after the delay.
func (d *Delivery) Retry(delay time.Duration) error { return d.msg.NakWithDelay(delay) }

// Bury gives the job up.
func (d *Delivery) Bury(ctx context.Context, worker, reason string) error {
	text, err := json.Marshal(Dead{Job: d.Job, Reason: reason, Worker: worker, Tries: d.Tries, Ended: time.Now().UTC()})
	if err != nil {
		return err
	}
	id, _ := strings.CutPrefix(d.msg.Subject(), d.queue.subject("jobs", ""))
	err = d.queue.persist(ctx, func(ctx context.Context) error {
		_, err := d.queue.js.Publish(ctx, d.queue.subject("dead", id), text)
		return err
	})
	if err != nil {
		return fmt.Errorf("give %q up: %w", d.Name, err)
	}
	return d.ack(ctx)
}

// Status is how the queue stands.
type Status struct {
	Pending uint64            `json:"pending"` // jobs that nobody has
	Working uint64            `json:"working"` // jobs that a worker has, or had when it was killed
	Done    map[string]uint64 `json:"done"`    // by status, within the last 30 days
	Dead    uint64            `json:"dead"`
}

// Empty tells whether nothing is left to do: no job waits, and none is worked on.
func (q *Queue) Empty(ctx context.Context) (bool, error) {
	left := uint64(0)
	err := q.persist(ctx, func(ctx context.Context) error {
		s, err := q.js.Stream(ctx, q.stream("jobs"))
		if err == nil {
			left = s.CachedInfo().State.Msgs // a job stays in the stream until it is finished
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ask the queue: %w", err)
	}
	return left == 0, nil
}

// Status asks how the queue stands.
func (q *Queue) Status(ctx context.Context) (Status, error) {
	st := Status{Done: map[string]uint64{}}
	err := q.persist(ctx, func(ctx context.Context) error {
		info, err := q.pull.Info(ctx)
		if err != nil {
			return err
		}
		all, err := q.js.Stream(ctx, q.stream("jobs"))
		if err != nil {
			return err
		}
		// What the consumer counts as pending lags behind what was published.
		st.Working = uint64(max(info.NumAckPending, 0))
		st.Pending = max(all.CachedInfo().State.Msgs, st.Working) - st.Working
		results, err := q.js.Stream(ctx, q.stream("results"))
		if err != nil {
			return err
		}
		for _, s := range Statuses() {
			if st.Done[s], err = count(ctx, results, q.subject("results", s+".>")); err != nil {
				return err
			}
		}
		dead, err := q.js.Stream(ctx, q.stream("dead"))
		if err != nil {
			return err
		}
		st.Dead = dead.CachedInfo().State.Msgs
		return nil
	})
	if err != nil {
		return st, fmt.Errorf("ask the queue: %w", err)
	}
	return st, nil
}

// count asks how many messages of a stream have a subject: the server counts them for a consumer, which is then taken away.
func count(ctx context.Context, s jetstream.Stream, subject string) (uint64, error) {
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: 10 * time.Second, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return 0, err
	}
	info := c.CachedInfo()
	return info.NumPending, s.DeleteConsumer(ctx, info.Name)
}

// Standing is how one job stands: nothing is set if the queue knows nothing of it.
type Standing struct {
	Waiting bool    // nobody has it yet
	Ahead   uint64  // jobs that were submitted before it and wait too, at most
	Working bool    // a worker has it, had it when it was killed, or has given it back to be tried again
	Result  *Result // what became of it
	Dead    *Dead   // that it was given up
}

// Standing asks how the job with this [Job.ID] stands.
func (q *Queue) Standing(ctx context.Context, id string) (Standing, error) {
	var st Standing
	err := q.persist(ctx, func(ctx context.Context) error {
		st = Standing{}
		seq, err := q.last(ctx, "jobs", id, nil)
		if err == nil {
			info, err := q.pull.Info(ctx)
			if err != nil {
				return err
			}
			if taken := info.Delivered.Stream; seq > taken {
				st.Waiting, st.Ahead = true, seq-taken-1
			} else {
				st.Working = true
			}
			return nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
		var r Result
		var d Dead
		switch _, err := q.last(ctx, "results", "*."+id, &r); {
		case err == nil:
			st.Result = &r
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return err
		}
		switch _, err := q.last(ctx, "dead", id, &d); {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return err
		case st.Result == nil || d.Ended.After(st.Result.Ended):
			st.Result, st.Dead = nil, &d
		}
		return nil
	})
	if err != nil {
		return Standing{}, fmt.Errorf("ask the queue: %w", err)
	}
	return st, nil
}

// last reads the last message of a stream with a subject into v, unless that is nil, and returns its number.
func (q *Queue) last(ctx context.Context, of, subject string, v any) (uint64, error) {
	s, err := q.js.Stream(ctx, q.stream(of))
	if err != nil {
		return 0, err
	}
	m, err := s.GetLastMsgForSubject(ctx, q.subject(of, subject))
	if err != nil {
		return 0, err
	}
	if v == nil {
		return m.Sequence, nil
	}
	return m.Sequence, json.Unmarshal(m.Data, v)
}

// Results lists the results that are kept, those of a status only unless it is "".
func (q *Queue) Results(ctx context.Context, status string) iter.Seq2[Result, error] {
	filter := ">"
	if status != "" {
		filter = status + ".>"
	}
	return list[Result](ctx, q, "results", filter)
}

// Dead lists the jobs that were given up, the oldest first.
func (q *Queue) Dead(ctx context.Context) iter.Seq2[Dead, error] {
	return list[Dead](ctx, q, "dead", ">")
}

// list reads what a stream holds now.
func list[T any](ctx context.Context, q *Queue, of, filter string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		fail := func(err error) { yield(none, fmt.Errorf("list %s of the queue: %w", of, err)) }
		c, err := q.js.OrderedConsumer(ctx, q.stream(of), jetstream.OrderedConsumerConfig{FilterSubjects: []string{q.subject(of, filter)}})
		if err != nil {
			fail(err)
			return
		}
		info, err := c.Info(ctx)
		if err != nil {
			fail(err)
			return
		}
		for left := info.NumPending; left > 0; {
			batch, err := c.FetchNoWait(int(min(left, 500)))
			if err != nil {
				fail(err)
				return
			}
			got := uint64(0)
			for msg := range batch.Messages() {
				got++
				var v T
				if err := json.Unmarshal(msg.Data(), &v); err != nil {
					fail(err)
					return
				}
				if !yield(v, nil) {
					return
				}
			}
			if err := batch.Error(); err != nil {
				fail(err)
				return
			}
			if got == 0 { // what was there has been taken away in between
				return
			}
			left -= min(left, got)
		}
	}
}

// Requeue puts a job that was given up into the queue again. taken is false if it is there already.
func (q *Queue) Requeue(ctx context.Context, d Dead) (taken bool, err error) {
	d.Submitted = time.Now().UTC()
	text, err := json.Marshal(d.Job)
	if err != nil {
		return false, err
	}
	id := d.ID()
	if taken, err = q.publishJob(ctx, id, id+d.Ended.Format(time.RFC3339Nano), text); err != nil {
		return false, fmt.Errorf("put %q into the queue again: %w", d.Name, err)
	}
	if err := q.forgive(ctx, id); err != nil {
		return taken, fmt.Errorf("take %q from those that were given up: %w", d.Name, err)
	}
	return taken, nil
}
