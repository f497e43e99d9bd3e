package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what is measured, in a registry of its own. No label has a value that a client or a bundle chooses.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	searches   *prometheus.CounterVec
	searchTime prometheus.Histogram
	cases      prometheus.Gauge
	uploads    *prometheus.CounterVec
	failed     *prometheus.CounterVec
}

// buckets are the bounds of durations in seconds: what a person notices lies between a twentieth and ten.
var buckets = []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}

func newMetrics() *metrics {
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		requests:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "casebook_http_request_duration_seconds", Help: "How long requests took.", Buckets: buckets}, []string{"route", "method", "status"}),
		inFlight:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "casebook_http_requests_in_flight", Help: "Requests that are being served."}),
		searches:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casebook_searches_total", Help: "Searches by their outcome."}, []string{"outcome"}),
		searchTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "casebook_search_duration_seconds", Help: "How long searches took, without drawing the page.", Buckets: buckets}),
		cases:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "casebook_cases", Help: "Cases in the archive."}),
		uploads:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casebook_uploads_total", Help: "Uploads by their outcome."}, []string{"outcome"}),
		failed:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casebook_errors_total", Help: "What went wrong, by its kind."}, []string{"kind"}),
	}
	m.registry.MustRegister(m.requests, m.inFlight, m.searches, m.searchTime, m.cases, m.uploads, m.failed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// serveMetrics is for who may see all cases: how many there are is a part of it.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) error {
	if viewerOf(r).scope != nil {
		return errNotFound
	}
	l := s.store.acquire()
	list, err := l.reader.List(r.Context())
	s.store.release(l)
	if err != nil {
		return err
	}
	s.metrics.cases.Set(float64(len(list)))
	promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}
