package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/natstest"
	"casebook/scale/jobs"
)

// connect opens a queue that hands a job out twice.
func connect(t *testing.T, c *natstest.Cluster, replicas int) *jobs.Queue {
	t.Helper()
	q, err := jobs.Connect(t.Context(), jobs.Options{URL: c.URL(), Replicas: replicas, Tries: 2, AckWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func upload(digit string) jobs.Job {
	return jobs.Job{SHA256: strings.Repeat(digit, 64), Name: "bundle" + digit + ".zip", Bytes: 7}
}

// submit puts a job into the queue and checks whether it was taken.
func submit(t *testing.T, q *jobs.Queue, j jobs.Job, want bool) {
	t.Helper()
	if got, err := q.Submit(t.Context(), j); err != nil || got != want {
		t.Fatalf("submitted: %v, %v, want %v", got, err, want)
	}
}

// next takes the next job.
func next(t *testing.T, q *jobs.Queue) *jobs.Delivery {
	t.Helper()
	d, err := q.Next(t.Context(), 10*time.Second)
	if err != nil || d == nil {
		t.Fatalf("got %v, %v and no job", d, err)
	}
	return d
}

// stands checks how the queue stands. A server that was just started may have to catch up.
func stands(t *testing.T, q *jobs.Queue, want jobs.Status) {
	t.Helper()
	done := map[string]uint64{}
	for _, s := range jobs.Statuses() {
		done[s] = want.Done[s]
	}
	want.Done = done
	var diff string
	for range 50 {
		got, err := q.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff = cmp.Diff(want, got); diff == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(diff)
}

// TestOneJobOnce submits the same again while the job waits, while it is worked on, and after it is done.
func TestOneJobOnce(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	submit(t, q, upload("a"), true)
	submit(t, q, upload("a"), false)
	stands(t, q, jobs.Status{Pending: 1})
	d := next(t, q)
	submit(t, q, upload("a"), false)
	stands(t, q, jobs.Status{Working: 1})
	other := upload("a")
	other.Labels = map[string][]string{"ticket": {"INC1"}}
	submit(t, q, other, true) // its labels are to be added
	if err := d.Done(t.Context(), jobs.Result{Status: "analysed"}); err != nil {
		t.Fatal(err)
	}
	submit(t, q, upload("a"), false)
	stands(t, q, jobs.Status{Pending: 1, Done: map[string]uint64{"analysed": 1}})
}

// TestRedelivery leaves a job alone, as a killed worker does: another gets it. Done by a later worker that says less, the first result stays.
func TestRedelivery(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	submit(t, q, upload("a"), true)
	if d := next(t, q); d.Tries != 1 || d.Last() {
		t.Errorf("the first try is number %d, last: %v", d.Tries, d.Last())
	}
	d := next(t, q)
	if d.Tries != 2 || !d.Last() || d.Exhausted() {
		t.Errorf("the second try is number %d, last: %v, exhausted: %v", d.Tries, d.Last(), d.Exhausted())
	}
	if err := d.Done(t.Context(), jobs.Result{Status: "skipped"}); err != nil {
		t.Fatal(err)
	}
	stands(t, q, jobs.Status{Done: map[string]uint64{"skipped": 1}})
}

// TestTwoWorkersOneResult gives a job to a second worker while the first, which is late, has filed its case: what the first did is the
// result, whoever comes to an end first, and it is counted once.
func TestTwoWorkersOneResult(t *testing.T) {
	for _, lateFirst := range []bool{false, true} {
		q := connect(t, natstest.New(t, 1), 1)
		submit(t, q, upload("a"), true)
		first := next(t, q)
		second := next(t, q)
		ends := []func() error{
			func() error { return first.Done(t.Context(), jobs.Result{Status: "analysed"}) },
			func() error { return second.Done(t.Context(), jobs.Result{Status: "skipped"}) },
		}
		if lateFirst {
			slices.Reverse(ends)
		}
		for _, end := range ends {
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
		stands(t, q, jobs.Status{Done: map[string]uint64{"analysed": 1}})
	}
}

// TestWorking keeps a job for longer than AckWait.
func TestWorking(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	submit(t, q, upload("a"), true)
	d := next(t, q)
	for range 8 {
		time.Sleep(q.Interval())
		if err := d.Working(); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := q.Next(t.Context(), 300*time.Millisecond); again != nil || err != nil {
		t.Errorf("the job was given to another: %v, %v", again, err)
	}
}

// TestGivenUp gives a job up with a reason, and puts it back.
func TestGivenUp(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	submit(t, q, upload("a"), true)
	submit(t, q, upload("b"), true)
	for range 2 {
		d := next(t, q)
		if d.SHA256 != upload("a").SHA256 {
			if err := d.Done(t.Context(), jobs.Result{Status: "failed", Why: "broken"}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := d.Bury(t.Context(), "w1", "the storage is gone"); err != nil {
			t.Fatal(err)
		}
	}
	stands(t, q, jobs.Status{Dead: 1, Done: map[string]uint64{"failed": 1}})
	var dead []jobs.Dead
	for d, err := range q.Dead(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		dead = append(dead, d)
	}
	if len(dead) != 1 || dead[0].Reason != "the storage is gone" || dead[0].Worker != "w1" || dead[0].Name != "bundlea.zip" {
		t.Fatalf("given up: %+v", dead)
	}
	if ok, err := q.Requeue(t.Context(), dead[0]); !ok || err != nil {
		t.Fatal(ok, err)
	}
	stands(t, q, jobs.Status{Pending: 1, Done: map[string]uint64{"failed": 1}})
	if d := next(t, q); d.Tries != 1 || d.SHA256 != upload("a").SHA256 {
		t.Errorf("got %+v", d)
	}
}

// TestServerLost stops one server of three, whichever leads, while jobs are submitted and done.
func TestServerLost(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a cluster")
	}
	c := natstest.New(t, 3)
	q := connect(t, c, 3)
	for i := range 3 {
		digit := string("abc"[i])
		submit(t, q, upload(digit), true)
		c.Stop(i)
		d := next(t, q)
		if err := d.Done(t.Context(), jobs.Result{Status: "analysed"}); err != nil {
			t.Fatal(err)
		}
		c.Start(i)
	}
	stands(t, q, jobs.Status{Done: map[string]uint64{"analysed": 3}})
}

// TestRefused gives addresses that can't be those of a queue.
func TestRefused(t *testing.T) {
	for name, row := range map[string]struct {
		opt  jobs.Options
		want string
	}{
		"password": {jobs.Options{URL: "nats://user:secret@127.0.0.1:4222"}, "holds credentials"},
		"no-url":   {jobs.Options{URL: "host"}, "given as nats://host:4222"},
		"name":     {jobs.Options{URL: "nats://127.0.0.1:1", Name: "a.b"}, "letters, digits"},
		"nobody":   {jobs.Options{URL: "nats://127.0.0.1:1"}, "no servers available"},
		"creds":    {jobs.Options{URL: "nats://127.0.0.1:1", Creds: "no-such-file"}, "no-such-file"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := jobs.Connect(t.Context(), row.opt)
			if err == nil {
				q.Close()
			}
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestInterrupted ends a wait for a job.
func TestInterrupted(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if d, err := q.Next(ctx, time.Minute); d != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", d, err)
	}
}

// TestTakenAtOnce submits jobs while a worker waits for one, also after the server has forgotten its first request: each is taken at once, and that the queue is empty is known at once too.
func TestTakenAtOnce(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	const rounds = 6
	var waited time.Duration
	for i := range rounds {
		if empty, err := q.Empty(t.Context()); err != nil || !empty {
			t.Fatalf("empty: %v, %v", empty, err)
		}
		begun := time.Now()
		if d, err := q.Next(t.Context(), 0); d != nil || err != nil {
			t.Fatalf("an empty queue gives %v, %v", d, err)
		}
		waited += time.Since(begun)
		got := make(chan time.Time, 1)
		go func() {
			if d, err := q.Next(t.Context(), 20*time.Second); err == nil && d != nil && d.Done(t.Context(), jobs.Result{Status: "analysed"}) == nil {
				got <- time.Now()
			}
			close(got)
		}()
		time.Sleep(time.Duration(i) * 300 * time.Millisecond) // up to more than a request lasts
		begun = time.Now()
		submit(t, q, upload(string("abcdef"[i])), true)
		at, ok := <-got
		if !ok {
			t.Fatal("the job was not taken")
		}
		waited += at.Sub(begun)
	}
	t.Logf("%v for each job, from its submission to its end", waited/rounds)
	if waited > rounds*500*time.Millisecond { // a machine may be busy; a worker that looked once a second would be later
		t.Errorf("%d jobs waited %v", rounds, waited)
	}
}

// TestStanding follows two jobs.
func TestStanding(t *testing.T) {
	q := connect(t, natstest.New(t, 1), 1)
	a, b := upload("a"), upload("b")
	is := func(j jobs.Job, want string) {
		t.Helper()
		st, err := q.Standing(t.Context(), j.ID())
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("waiting %v ahead %d working %v", st.Waiting, st.Ahead, st.Working)
		if st.Result != nil {
			got = st.Result.Status + " " + st.Result.Filed
		}
		if st.Dead != nil {
			got = st.Dead.Reason
		}
		if got != want {
			t.Errorf("%s: %s, want %s", j.Name, got, want)
		}
	}
	is(a, "waiting false ahead 0 working false")
	submit(t, q, a, true)
	submit(t, q, b, true)
	is(a, "waiting true ahead 0 working false")
	is(b, "waiting true ahead 1 working false")
	first := next(t, q)
	is(a, "waiting false ahead 0 working true")
	is(b, "waiting true ahead 0 working false")
	if err := first.Done(t.Context(), jobs.Result{Status: "analysed", Filed: "INC1", Ended: time.Now()}); err != nil {
		t.Fatal(err)
	}
	is(a, "analysed INC1")
	if err := next(t, q).Bury(t.Context(), "w1", "too large"); err != nil {
		t.Fatal(err)
	}
	is(b, "too large")
}

// BenchmarkTake measures the time from the submission of a job to a worker that waits for one.
func BenchmarkTake(b *testing.B) {
	c := natstest.New(b, 1)
	q, err := jobs.Connect(b.Context(), jobs.Options{URL: c.URL()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(q.Close)
	for i := 0; b.Loop(); i++ {
		taken := make(chan *jobs.Delivery, 1)
		go func() {
			d, err := q.Next(b.Context(), time.Minute)
			if err != nil {
				b.Error(err)
			}
			taken <- d
		}()
		if _, err := q.Submit(b.Context(), jobs.Job{SHA256: fmt.Sprintf("%064x", i), Name: "bundle.zip"}); err != nil {
			b.Fatal(err)
		}
		d := <-taken
		b.StopTimer()
		if d == nil {
			b.Fatal("no job")
		}
		if err := d.Done(b.Context(), jobs.Result{Status: "analysed"}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
