package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what a worker counts, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	jobs     *prometheus.CounterVec // by status of the result
	seconds  prometheus.Histogram
	bytes    prometheus.Counter
	working  prometheus.Gauge
	retried  prometheus.Counter
	buried   prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "casebook_jobs_total", Help: "Jobs that ended with a result, by its status: analysed, partly-read, skipped, failed.",
		}, []string{"status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "casebook_job_seconds", Help: "Time from taking a job to its result.", Buckets: prometheus.ExponentialBuckets(0.1, 2, 16),
		}),
		bytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "casebook_job_bytes_total", Help: "Bytes of the uploads of jobs that ended with a result."}),
		working: prometheus.NewGauge(prometheus.GaugeOpts{Name: "casebook_jobs_in_progress", Help: "Jobs that this worker has."}),
		retried: prometheus.NewCounter(prometheus.CounterOpts{Name: "casebook_jobs_retried_total", Help: "Jobs that this worker gave back to be tried again."}),
		buried:  prometheus.NewCounter(prometheus.CounterOpts{Name: "casebook_jobs_dead_total", Help: "Jobs that this worker gave up."}),
	}
	m.registry.MustRegister(m.jobs, m.seconds, m.bytes, m.working, m.retried, m.buried, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// done counts a job that ended with a result.
func (m *metrics) done(status string, took time.Duration, bytes int64) {
	m.jobs.WithLabelValues(status).Inc()
	m.seconds.Observe(took.Seconds())
	m.bytes.Add(float64(bytes))
}

// queueLength asks the queue whenever somebody reads the metrics.
type queueLength struct {
	worker *fleetWorker
	desc   *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (q *queueLength) Describe(c chan<- *prometheus.Desc) { c <- q.desc }

// Collect implements prometheus.Collector. What can't be asked has no value.
func (q *queueLength) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := q.worker.queue.Status(ctx)
	if err != nil {
		q.worker.log.Warn("no length of the queue for the metrics", "error", err)
		return
	}
	for state, n := range map[string]uint64{"pending": st.Pending, "working": st.Working, "dead": st.Dead} {
		c <- prometheus.MustNewConstMetric(q.desc, prometheus.GaugeValue, float64(n), state)
	}
}

// serve answers requests for metrics and health at an address until stop is called; nothing if it is "".
func (w *fleetWorker) serve(addr string) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	w.metrics.registry.MustRegister(&queueLength{w, prometheus.NewDesc("casebook_queue_jobs", "Jobs in the queue, by state: pending, working, dead.", []string{"state"}, nil)})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(r http.ResponseWriter, _ *http.Request) { fmt.Fprintln(r, "ok") })
	mux.HandleFunc("GET /readyz", func(r http.ResponseWriter, req *http.Request) {
		if err := w.ready(req.Context()); err != nil {
			w.log.Warn("not ready", "error", err)
			http.Error(r, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(r, "ok")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("metrics are no longer served", "error", err)
		}
	}()
	w.log.Info("serving metrics", "addr", l.Addr().String())
	return func() { _ = server.Close() }, nil // who reads metrics asks again
}

// ready tells whether a job could be done now.
func (w *fleetWorker) ready(ctx context.Context) error {
	if fault := w.fault.Load(); fault != nil {
		return *fault
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return w.queue.Check(ctx)
}
