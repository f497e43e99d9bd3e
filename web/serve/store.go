package serve

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"casebook/index"
)

// store hands out the reader of the archive. A reader holds open what it has read, also what others have replaced or removed since; so it is exchanged from time
// to time, and closed when its last request is done.
type store struct {
	open func(ctx context.Context) (index.Reader, error)

	mu  sync.Mutex
	now *lease
}

// lease is a reader with its users.
type lease struct {
	reader index.Reader
	users  int
	old    bool // another has taken its place
	closed bool
}

func openStore(ctx context.Context, open func(ctx context.Context) (index.Reader, error)) (*store, error) {
	r, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return &store{open: open, now: &lease{reader: r}}, nil
}

// acquire returns the reader; release must be called.
func (s *store) acquire() *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.users++
	return s.now
}

func (s *store) release(l *lease) {
	s.mu.Lock()
	l.users--
	last := l.old && l.users == 0 && !l.closed
	l.closed = l.closed || last
	s.mu.Unlock()
	if last {
		_ = l.reader.Close() // it was only read
	}
}

// renew exchanges the reader. warm is called with the new one before.
func (s *store) renew(ctx context.Context, warm func(index.Reader)) error {
	r, err := s.open(ctx)
	if err != nil {
		return err
	}
	warm(r)
	s.mu.Lock()
	old := s.now
	s.now = &lease{reader: r}
	old.old = true
	old.users++
	s.mu.Unlock()
	s.release(old)
	return nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.closed {
		return nil
	}
	s.now.closed = true
	return s.now.reader.Close()
}

// errNoLimit says that a store can't be limited. New has made sure that it can where it must.
var errNoLimit = errors.New("the store can't be limited to the cases of a user")

// view returns the store as the user of a request may see it, which is all that the pages are made of. release must be called.
func (s *Server) view(r *http.Request) (reader index.Reader, release func(), err error) {
	l := s.store.acquire()
	release = func() { s.store.release(l) }
	scope := viewerOf(r).scope
	if scope == nil {
		return l.reader, release, nil
	}
	limiter, ok := l.reader.(index.Limiter)
	if !ok {
		release()
		return nil, nil, errNoLimit
	}
	return limiter.Within(scope), release, nil
}
