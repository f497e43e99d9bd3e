package serve

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"casebook/web"
)

// guard is what stands around all routes: names, identity, limits, headers, the access log.
type guard struct {
	server *Server
	cross  *http.CrossOriginProtection

	mu    sync.Mutex
	slots map[string]chan struct{} // by user
}

// maxUsers bounds the users whose requests are counted; with more of them all share a slot.
const maxUsers = 10_000

func newGuard(s *Server) guard {
	c := http.NewCrossOriginProtection()
	for _, h := range s.opt.Hosts {
		_ = c.AddTrustedOrigin("https://" + h) // a name that is none is trusted by nothing
	}
	return guard{server: s, cross: c, slots: map[string]chan struct{}{}}
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// around puts the guard around routes.
func (g *guard) around(routes *http.ServeMux) http.Handler {
	s := g.server
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w := &recorder{ResponseWriter: out}
		who := viewer{}
		_, route := routes.Handler(r)
		s.metrics.inFlight.Inc()
		defer func() {
			if p := recover(); p != nil {
				s.metrics.failed.WithLabelValues("panic").Inc()
				s.log.Error("panic", "path", r.URL.Path, "value", fmt.Sprint(p), "stack", string(debug.Stack()))
				if w.status == 0 {
					http.Error(w, "Something went wrong.", http.StatusInternalServerError)
				}
			}
			s.metrics.inFlight.Dec()
			took := time.Since(start)
			s.metrics.request(route, r.Method, w.status, took)
			// The query of an address, which may hold what is confidential, is in no log.
			s.log.Info("request", "method", r.Method, "path", r.URL.EscapedPath(), "status", w.status, "bytes", w.bytes, "ms", took.Milliseconds(), "user", who.name, "remote", remoteHost(r))
		}()
		headers(w.Header(), s.opt.TLSCert != "")
		switch {
		case !s.knownHost(r.Host):
			http.Error(w, "The server does not go by this name. The flag --host adds names.", http.StatusMisdirectedRequest)
			return
		case r.URL.Path == "/healthz":
			plainText(w, http.StatusOK, "ok\n")
			return
		case r.URL.Path == "/readyz":
			g.ready(w)
			return
		case r.URL.Path == "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if s.opt.Auth != nil {
			name, err := s.opt.Auth.User(r)
			if err != nil {
				s.metrics.failed.WithLabelValues("auth").Inc()
				refuse(w, err)
				return
			}
			who.name = name
			who.scope = s.opt.Users.Scope(name)
		}
		if err := g.cross.Check(r); err != nil {
			s.metrics.failed.WithLabelValues("cross-origin").Inc()
			http.Error(w, "The request comes from another site.", http.StatusForbidden)
			return
		}
		ctx := context.WithValue(r.Context(), viewerKey{}, who)
		upload := s.queue != nil && r.Method == http.MethodPost && r.URL.Path == web.PlaceUpload
		if !upload { // which takes as long as it goes on
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.opt.Timeout)
			defer cancel()
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			leave, ok := g.enter(ctx, who.name)
			if !ok {
				w.Header().Set("Retry-After", "5")
				http.Error(w, "Too many requests at once. Try again in a moment.", http.StatusTooManyRequests)
				return
			}
			defer leave()
		}
		routes.ServeHTTP(w, r.WithContext(ctx))
	})
}

// maxForm is how many bytes a form but that of an upload may have.
const maxForm = 256 << 10

// headers says to a browser what a page may do: nothing but what its policy allows, in no frame and known to no other site.
func headers(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", livePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

var livePolicy = web.LivePolicy()

// enter waits for a slot of the user.
func (g *guard) enter(ctx context.Context, name string) (leave func(), ok bool) {
	g.mu.Lock()
	slot := g.slots[name]
	if slot == nil {
		if len(g.slots) >= maxUsers {
			name = ""
			slot = g.slots[name]
		}
		if slot == nil {
			slot = make(chan struct{}, g.server.opt.PerUser)
			g.slots[name] = slot
		}
	}
	g.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, true
	case <-ctx.Done():
		return nil, false
	}
}

// ready says whether the reports of all cases are known, so that lists are complete.
func (g *guard) ready(w http.ResponseWriter) {
	if !g.server.catalogue.ready.Load() {
		plainText(w, http.StatusServiceUnavailable, "the archive is still being read\n")
		return
	}
	plainText(w, http.StatusOK, "ready\n")
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // who asked is gone
}

// download sends a file to be saved. Whatever a browser makes of it, it runs in no origin.
func download(w http.ResponseWriter, name, kind string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	_, _ = w.Write(data) //nolint:gosec // in a sandbox, to be saved; who asked may be gone
}

// body is a page in the making, so that an error in the middle of it is no page.
type body struct{ bytes.Buffer }

// write draws a page and sends it.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, draw func(*body) error) {
	b := bodies.Get().(*body) //nolint:forcetypeassert // nothing else is put there
	defer func() {
		if b.Cap() <= maxBody {
			bodies.Put(b)
		}
	}()
	b.Reset()
	if err := draw(b); err != nil {
		if status != http.StatusInternalServerError {
			s.fail(w, r, err)
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who asked is gone
}

var bodies = sync.Pool{New: func() any { return &body{} }}

// maxBody is how large a buffer of a page may be to be used again.
const maxBody = 4 << 20

// token is what a form of ours holds: no page of another origin can read it.
func (s *Server) token(r *http.Request) string {
	mac := hmac.New(sha256.New, s.key[:])
	_, _ = io.WriteString(mac, "form\x00"+viewerOf(r).name) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// fromForm reports whether a form holds its token.
func (s *Server) fromForm(r *http.Request, token string) bool {
	return hmac.Equal([]byte(token), []byte(s.token(r)))
}

// remoteHost is the address that a request comes from.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
