package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	dedupWindow = 10 * time.Minute    // within which a job that was published twice is one, also when the first is finished
	resultsKept = 30 * 24 * time.Hour // how long the result of a job can be asked for
	patience    = 30 * time.Second    // how long a cluster may take to agree on a leader before a call fails
	pause       = 250 * time.Millisecond
	oneWait     = time.Second // a request for a job is forgotten by a server that stops, and has to be made anew
	consumer    = "workers"

	// tooManyPerSubject is the server's error of a publication on a subject that has its one message.
	tooManyPerSubject jetstream.ErrorCode = 10077
)

// Options say where the queue is and how it works. Only URL has no default.
type Options struct {
	URL       string        // of one or more servers, separated by commas: nats://host:4222, tls://host:4222
	Name      string        // of the queue, if several use the same servers; "" for casebook
	Creds     string        // file of credentials (JWT and seed); "" for none
	CA        string        // file of the certificates that sign the servers'; "" for those of the system
	Cert, Key string        // files of the client's own certificate; "" for none
	Replicas  int           // servers that hold each stream, where it is made; 0 for one
	Tries     int           // how often a job is handed out before it is given up; 0 for 5
	AckWait   time.Duration // after which a silent worker is taken for dead, where the queue is made; 0 for a minute
	Log       *slog.Logger  // nil discards
}

// Job is an upload that is to be analysed.
type Job struct {
	SHA256    string              `json:"sha256"` // of the upload, which lies in object storage under it
	Name      string              `json:"name"`   // of the file, as it was submitted
	Bytes     int64               `json:"bytes"`
	Labels    map[string][]string `json:"labels,omitempty"`
	Case      string              `json:"case,omitempty"` // "" for one of its own
	Submitted time.Time           `json:"submitted"`
}

// ID tells a job from others: that of the same upload with the same labels and case is the same.
func (j *Job) ID() string {
	text, _ := json.Marshal(struct { // of strings, which always can be
		Labels map[string][]string
		Case   string
	}{j.Labels, j.Case})
	sum := sha256.Sum256(text)
	return j.SHA256 + "." + hex.EncodeToString(sum[:8])
}

// Result is what became of a job.
type Result struct {
	Job
	Status  string    `json:"status"` // analysed, partly-read, skipped or failed, as batch says it
	Why     string    `json:"why,omitempty"`
	Found   string    `json:"found,omitempty"` // how many findings, in words
	Filed   string    `json:"filed,omitempty"` // the ID of the case that has the upload now
	Worker  string    `json:"worker,omitempty"`
	Tries   int       `json:"tries"`
	Seconds float64   `json:"seconds"`
	Ended   time.Time `json:"ended"`
}

// Dead is a job that was given up.
type Dead struct {
	Job
	Reason string    `json:"reason"`
	Worker string    `json:"worker,omitempty"`
	Tries  int       `json:"tries"`
	Ended  time.Time `json:"ended"`
}

// Statuses are those of results.
func Statuses() []string { return []string{"analysed", "partly-read", "skipped", "failed"} }

// Queue is a connection to the queue. Its methods may be called from several goroutines.
type Queue struct {
	opt  Options
	nc   *nats.Conn
	js   jetstream.JetStream
	pull jetstream.Consumer
	log  *slog.Logger
}

// queueName is what the name of a queue may be made of: it is part of those of streams and subjects.
var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Connect opens the queue, and makes it where it is not there yet.
func Connect(ctx context.Context, opt Options) (*Queue, error) {
	if opt.Name == "" {
		opt.Name = "casebook"
	}
	if opt.Replicas == 0 {
		opt.Replicas = 1
	}
	if opt.Tries == 0 {
		opt.Tries = 5
	}
	if opt.AckWait == 0 {
		opt.AckWait = time.Minute
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if !queueName.MatchString(opt.Name) {
		return nil, fmt.Errorf("the queue's name is made of letters, digits, _ and -, not %q", opt.Name)
	}
	if err := checkURL(opt.URL); err != nil {
		return nil, err
	}
	q := &Queue{opt: opt, log: opt.Log}
	var err error
	if q.nc, err = nats.Connect(opt.URL, q.connection()...); err != nil {
		return nil, fmt.Errorf("connect to the queue at %s: %w", opt.URL, err)
	}
	if q.js, err = jetstream.New(q.nc); err == nil {
		err = q.make(ctx)
	}
	if err != nil {
		q.nc.Close()
		return nil, fmt.Errorf("open the queue at %s: %w", opt.URL, err)
	}
	return q, nil
}

// checkURL refuses what is no address of servers, and one with a password in it.
func checkURL(list string) error {
	for one := range splitURLs(list) {
		u, err := url.Parse(one)
		if err != nil || u.Host == "" {
			return errors.New("the queue is given as nats://host:4222 or tls://host:4222, several separated by commas")
		}
		if u.User != nil {
			return errors.New("the URL of the queue holds credentials, which others see; give them in a file")
		}
	}
	return nil
}

// connection is how the connection is made and kept: for ever, since a server that is restarted is no reason to give jobs up.
func (q *Queue) connection() []nats.Option {
	out := []nats.Option{
		nats.Name("casebook " + q.opt.Name), nats.MaxReconnects(-1), nats.ReconnectWait(pause), nats.ReconnectJitter(pause, pause),
		nats.Timeout(5 * time.Second), nats.PingInterval(20 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				q.log.Warn("the queue's server is gone; looking for another", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { q.log.Info("connected to the queue again", "server", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			q.log.Warn("the queue's connection", "error", err)
		}),
	}
	if q.opt.Creds != "" {
		out = append(out, nats.UserCredentials(q.opt.Creds))
	}
	if q.opt.CA != "" {
		out = append(out, nats.RootCAs(q.opt.CA))
	}
	if q.opt.Cert != "" {
		out = append(out, nats.ClientCert(q.opt.Cert, q.opt.Key))
	}
	return out
}

// Close gives the connection up. Jobs that are still held go to others after AckWait.
func (q *Queue) Close() { q.nc.Close() }

// Check tells whether the queue can be reached: nil if it can.
func (q *Queue) Check(ctx context.Context) error {
	if _, err := q.js.Stream(ctx, q.stream("jobs")); err != nil {
		return fmt.Errorf("reach the queue: %w", err)
	}
	return nil
}

func (q *Queue) stream(of string) string { return q.opt.Name + "-" + of }

func (q *Queue) subject(of, rest string) string { return q.opt.Name + "." + of + "." + rest }

// make makes the streams and the consumer that are not there. Those that are keep their settings: who runs the servers may have changed them.
func (q *Queue) make(ctx context.Context) error {
	common := func(of string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: q.stream(of), Subjects: []string{q.subject(of, ">")}, Storage: jetstream.FileStorage, Replicas: q.opt.Replicas,
			MaxMsgsPerSubject: 1, Compression: jetstream.S2Compression,
		}
	}
	jobs, results, dead := common("jobs"), common("results"), common("dead")
	jobs.Description, results.Description, dead.Description = "uploads to analyse", "what became of uploads", "uploads that were given up"
	jobs.Retention, jobs.Discard, jobs.DiscardNewPerSubject, jobs.Duplicates = jetstream.WorkQueuePolicy, jetstream.DiscardNew, true, dedupWindow
	results.MaxAge = resultsKept
	for _, s := range []jetstream.StreamConfig{jobs, results, dead} {
		err := q.persist(ctx, func(ctx context.Context) error {
			_, err := q.js.Stream(ctx, s.Name)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				_, err = q.js.CreateStream(ctx, s)
			}
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another was quicker
				err = nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return q.persist(ctx, func(ctx context.Context) (err error) {
		q.pull, err = q.js.Consumer(ctx, q.stream("jobs"), consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			q.pull, err = q.js.CreateConsumer(ctx, q.stream("jobs"), jetstream.ConsumerConfig{
				Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.opt.AckWait, MaxDeliver: -1, MaxAckPending: -1,
			})
		}
		if errors.Is(err, jetstream.ErrConsumerExists) {
			q.pull, err = q.js.Consumer(ctx, q.stream("jobs"), consumer)
		}
		return err
	})
}

// persist repeats a call that a cluster without a leader refuses, for as long as [patience].
func (q *Queue) persist(ctx context.Context, call func(context.Context) error) error {
	end := time.After(patience)
	for {
		inner, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := call(inner)
		cancel()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		select {
		case <-end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// passing tells whether an error may be one of a cluster that is choosing a leader, or of a connection that is being made again.
func passing(err error) bool {
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok && e.APIError() != nil {
		return e.APIError().Code >= 500
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code >= 500
	}
	for _, e := range []error{
		jetstream.ErrNoStreamResponse, nats.ErrNoResponders, nats.ErrTimeout, nats.ErrConnectionReconnecting, nats.ErrDisconnected, nats.ErrNoServers, nats.ErrStaleConnection,
		context.DeadlineExceeded, jetstream.ErrConsumerLeadershipChanged, jetstream.ErrServerShutdown, jetstream.ErrNoHeartbeat,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Submit puts a job into the queue. queued is false if the same one is there already or was lately finished. A job that was given up is tried again.
func (q *Queue) Submit(ctx context.Context, j Job) (queued bool, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return false, err
	}
	id := j.ID()
	queued, err = q.publishJob(ctx, id, id, text)
	if err == nil && queued {
		err = q.forgive(ctx, id)
	}
	if err != nil {
		return false, fmt.Errorf("put %q into the queue: %w", j.Name, err)
	}
	return queued, nil
}

func (q *Queue) publishJob(ctx context.Context, id, unique string, text []byte) (queued bool, err error) {
	again := false // an attempt whose answer did not come may have succeeded
	err = q.persist(ctx, func(ctx context.Context) error {
		ack, err := q.js.Publish(ctx, q.subject("jobs", id), text, jetstream.WithMsgID(unique))
		if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == tooManyPerSubject {
			queued = again
			return nil
		}
		if err == nil {
			queued = again || !ack.Duplicate
		}
		again = true
		return err
	})
	return queued, err
}

// forgive takes a job from those that were given up.
func (q *Queue) forgive(ctx context.Context, id string) error {
	return q.persist(ctx, func(ctx context.Context) error {
		s, err := q.js.Stream(ctx, q.stream("dead"))
		if err != nil {
			return err
		}
		return s.Purge(ctx, jetstream.WithPurgeSubject(q.subject("dead", id)))
	})
}

// splitURLs yields the addresses of a list.
func splitURLs(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for one := range strings.SplitSeq(list, ",") {
			if !yield(strings.TrimSpace(one)) {
				return
			}
		}
	}
}
