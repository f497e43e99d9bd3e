package serve

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"casebook"
	"casebook/index"
	"casebook/web"
)

// Options say what is served, to whom and how. Open and Listen must be given.
type Options struct {
	// Open opens the store. It is called again from time to time, so that what has been replaced in the archive is let go; the reader before is then closed.
	Open   func(ctx context.Context) (index.Reader, error)
	Listen string // host:port; port 0 is any that is free

	Auth    Auth     // who asks; nil lets anybody in, on loopback addresses only
	Users   *Users   // who may see which cases; nil if everybody may see all
	Hosts   []string // further names by which the server is called, without port
	TLSCert string   // files in PEM; both or none
	TLSKey  string

	Uploads *Uploads // nil if none are taken

	Timeout time.Duration // of a request but an upload; 0 is 30 s
	PerUser int           // requests of one user that are served side by side; others wait. 0 is 16
	Log     *slog.Logger  // takes a line for each request and what went wrong; nil discards
}

// Uploads say how bundles are taken and analysed.
type Uploads struct {
	Store   index.Creator    // takes the cases
	Dir     string           // where uploads lie while they are analysed
	MaxSize int64            // bytes of one; 0 is 4 GiB
	Queue   int              // uploads that may wait; 0 is 16
	Keep    bool             // the archive keeps the bytes
	Options casebook.Options // of the analysis
	Workers Workers          // analyse uploads of users who see all cases; nil: the server does all by itself
}

// Workers analyse uploads in the server's place. Uploads of users who are limited to some cases are not given to them: they file the same bytes once, under the labels of all who send them, which
// would show such a user another's case.
type Workers interface {
	// Submit hands on the upload that lies at path; it is not needed there when Submit has returned. id is what Standing knows it by.
	Submit(ctx context.Context, path string, u Handed) (id string, err error)
	// Standing tells how an upload stands.
	Standing(ctx context.Context, id string) (Standing, error)
}

// Handed is what workers are told of an upload.
type Handed struct {
	Name   string // of the file
	SHA256 string
	Bytes  int64
	Labels index.Labels
}

// The states of an upload that workers have.
const (
	StateWaiting = jobWaiting
	StateRunning = jobRunning
	StateDone    = jobDone
	StateFailed  = jobFailed
)

// Standing is how an upload stands that workers have.
type Standing struct {
	State string // one of the states
	Ahead int    // how many wait before it
	Case  string // that holds it, if it is done
	Why   string // it failed
}

// Server serves an archive.
type Server struct {
	opt       Options
	log       *slog.Logger
	key       [32]byte // of the tokens of forms
	store     *store
	catalogue *catalogue
	sites     sites
	counts    counts
	queue     *queue // nil if no uploads are taken
	metrics   *metrics
	guard     guard
	routes    http.Handler
	loopback  bool // listens on a loopback address

	ending context.Context //nolint:containedctx // that of New, which ends what goes on behind requests
}

// The defaults of Options.
const (
	defaultTimeout = 30 * time.Second
	defaultPerUser = 16
)

// New opens the store and prepares what is served. ctx ends the background work; Close must be called.
func New(ctx context.Context, opt Options) (*Server, error) {
	opt.Timeout = cmp.Or(opt.Timeout, defaultTimeout)
	opt.PerUser = cmp.Or(opt.PerUser, defaultPerUser)
	s := &Server{opt: opt, log: opt.Log, ending: ctx, counts: counts{slots: make(chan struct{}, runtime.GOMAXPROCS(0))}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.loopback, err = isLoopback(opt.Listen); err != nil {
		return nil, err
	}
	if err := opt.check(s.loopback); err != nil {
		return nil, err
	}
	_, _ = rand.Read(s.key[:]) // never fails
	if s.store, err = openStore(ctx, opt.Open); err != nil {
		return nil, err
	}
	if opt.Users != nil {
		lease := s.store.acquire()
		_, ok := lease.reader.(index.Limiter)
		s.store.release(lease)
		if !ok {
			_ = s.store.close() // nothing was read of it
			return nil, errors.New("this store can't be limited to the cases of a user")
		}
	}
	s.metrics = newMetrics()
	s.catalogue = newCatalogue(s.store, s.log)
	s.guard = newGuard(s)
	if opt.Uploads != nil {
		if s.queue, err = newQueue(*opt.Uploads, s.log, s.metrics, s.catalogue.wake); err != nil {
			_ = s.store.close() // nothing was read of it
			return nil, err
		}
		s.queue.start(ctx)
	}
	s.catalogue.start(ctx)
	s.routes = s.guard.around(s.mux())
	return s, nil
}

// Close waits until the background work has ended, which the context of New ends, and closes the store.
func (s *Server) Close() error {
	if s.queue != nil {
		s.queue.wait()
	}
	s.catalogue.wait()
	s.counts.group.Wait()
	return s.store.close()
}

// Handler is everything that is served.
func (s *Server) Handler() http.Handler { return s.routes }

// check refuses what would show an archive to the network without asking who looks.
func (o *Options) check(loopback bool) error {
	secure := o.TLSCert != ""
	_, byHeader := o.Auth.(*HeaderAuth)
	switch {
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return errors.New("a certificate and its key belong together: give both or none")
	case !loopback && o.Auth == nil:
		return fmt.Errorf("%s is no loopback address: say who may look at the archive by a file of passwords or a reverse proxy's header", o.Listen)
	case !loopback && !secure && !byHeader:
		return fmt.Errorf("%s is no loopback address: passwords cross the network only within TLS, so give a certificate and its key, or a reverse proxy in front", o.Listen)
	case o.Users != nil && o.Auth == nil:
		return errors.New("cases are limited by user, and nothing says who asks: give a file of passwords or a reverse proxy's header")
	}
	return nil
}

// isLoopback reports whether an address to listen on can be reached from this machine alone.
func isLoopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("listen on %q: give an address and a port, such as 127.0.0.1:8765", address)
	}
	if strings.EqualFold(host, "localhost") {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}

// How long the server waits for slow clients, and for the last requests when it ends.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute // between two pieces of an upload
	idleTimeout   = 2 * time.Minute
	graceTimeout  = 10 * time.Second
	maxHeader     = 64 << 10
)

// Run listens and serves until ctx ends; requests that are under way are then answered. started is told the address once it can be reached; it may be nil.
func (s *Server) Run(ctx context.Context, started func(url string)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opt.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler: s.routes, ReadHeaderTimeout: headerTimeout, ReadTimeout: s.opt.Timeout, WriteTimeout: s.opt.Timeout + bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		// Requests end with the server's own patience, not at once.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	if started != nil {
		scheme := "http://"
		if s.opt.TLSCert != "" {
			scheme = "https://"
		}
		started(scheme + shownAddress(s.opt.Listen, l.Addr()) + "/")
	}
	ended := make(chan error, 1)
	go func() {
		if s.opt.TLSCert != "" {
			ended <- server.ServeTLS(l, s.opt.TLSCert, s.opt.TLSKey)
			return
		}
		ended <- server.Serve(l)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	err = server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}

// shownAddress is an address that a browser on this machine understands.
func shownAddress(asked string, bound net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return asked
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// mux has the routes. Those without a user are in guard.around.
func (s *Server) mux() *http.ServeMux {
	m := http.NewServeMux()
	page := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	page("GET /{$}", s.overview)
	page("GET "+web.PlaceCases, s.cases)
	page("GET "+web.PlaceSearch, s.search)
	page("GET /case/{case}/{$}", s.caseStart)
	page("GET /case/{case}/at", s.caseAt)
	page("GET /case/{case}/"+web.PageNotes, s.notes)
	page("POST /case/{case}/"+web.PageNotes, s.addNote)
	page("GET /case/{case}/"+web.PageSimilar, s.similar)
	page("GET /case/{case}/{page...}", s.casePage)
	page("GET /metrics", s.serveMetrics)
	if s.queue != nil {
		page("GET "+web.PlaceUpload, s.uploadForm)
		page("POST "+web.PlaceUpload, s.takeUpload)
		page("GET "+web.PlaceUpload+"/{job}", s.followUpload)
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errNotFound) })
	return m
}

// problem is an error that the user is told.
type problem struct {
	status  int
	title   string
	message string
}

func (p *problem) Error() string { return p.message }

var (
	errNotFound = &problem{http.StatusNotFound, "Not found", "There is no such page, or no such case."}
	errBadForm  = &problem{http.StatusForbidden, "Refused", "The form was sent from elsewhere, or is from before the server was started. Load its page again."}
)

// fail answers a request that could not be served.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, known := errors.AsType[*problem](err)
	switch {
	case known:
	case r.Context().Err() != nil && errors.Is(err, r.Context().Err()):
		p = &problem{http.StatusServiceUnavailable, "Too slow", "This took longer than a request may take. Narrow what you ask for."}
	default:
		s.metrics.failed.WithLabelValues("request").Inc()
		s.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err.Error())
		p = &problem{http.StatusInternalServerError, "Something went wrong", "The page can't be shown. The server's log says why."}
	}
	s.write(w, r, p.status, func(b *body) error { return web.WriteMessage(b, s.bar(r, ""), p.title, p.message) })
}

// bar is what stands above a page.
func (s *Server) bar(r *http.Request, here string) *web.Bar {
	v := viewerOf(r)
	return &web.Bar{Here: here, User: v.name, Upload: s.queue != nil && v.mayUpload()}
}

// viewer is who asks.
type viewer struct {
	name  string
	scope index.Scope // nil for all cases
}

// mayUpload says whether there is any label under which the viewer would see the case again.
func (v viewer) mayUpload() bool { return v.scope == nil || len(v.scope) > 0 }

type viewerKey struct{}

func viewerOf(r *http.Request) viewer {
	v, ok := r.Context().Value(viewerKey{}).(viewer)
	if !ok {
		v.scope = index.Scope{} // who is not known sees nothing
	}
	return v
}

// names that a browser gives a server on a loopback address.
var loopbackNames = []string{"localhost", "127.0.0.1", "::1"}

// knownHost reports whether the server goes by the name in a Host header.
func (s *Server) knownHost(host string) bool {
	if !s.loopback && len(s.opt.Hosts) == 0 {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip, err := netip.ParseAddr(host)
	return s.loopback && (slices.Contains(loopbackNames, host) || err == nil && ip.IsLoopback()) ||
		slices.ContainsFunc(s.opt.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
