package serve

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"casebook/internal/safeio"
)

// Auth says who sent a request.
type Auth interface {
	// User is the name of the user. The error is that of [errLogin] or [errProxy], or [errTries].
	User(r *http.Request) (string, error)
}

var (
	errLogin = errors.New("log in")
	errProxy = errors.New("only the reverse proxy may ask")
	errTries = errors.New("too many wrong passwords; wait a minute")
)

// refuse answers a request of nobody.
func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errLogin):
		w.Header().Set("WWW-Authenticate", `Basic realm="casebook", charset="UTF-8"`)
		http.Error(w, "Log in to see the archive.", http.StatusUnauthorized)
	case errors.Is(err, errTries):
		w.Header().Set("Retry-After", "60")
		http.Error(w, "Too many wrong passwords. Wait a minute.", http.StatusTooManyRequests)
	default:
		http.Error(w, "This request does not come from the reverse proxy, or names no user.", http.StatusForbidden)
	}
}

// HeaderAuth believes a reverse proxy, which has logged the user in and names them in a header.
type HeaderAuth struct {
	Header  string
	Trusted []netip.Prefix // from where the proxy asks
}

// User implements [Auth].
func (a *HeaderAuth) User(r *http.Request) (string, error) {
	ip, err := netip.ParseAddr(remoteHost(r))
	if err != nil {
		return "", errProxy
	}
	for _, p := range a.Trusted {
		if p.Contains(ip.Unmap()) {
			values := r.Header.Values(a.Header)
			if len(values) != 1 || strings.TrimSpace(values[0]) == "" { // two are an attempt to be somebody else
				return "", errProxy
			}
			return strings.TrimSpace(values[0]), nil
		}
	}
	return "", errProxy
}

// PasswordAuth asks for a name and a password of a file as htpasswd -B writes it: name:hash in each line, with bcrypt hashes. A file that changes is read again.
type PasswordAuth struct {
	path string
	key  [32]byte
	busy chan struct{} // comparisons under way: each takes a processor for a tenth of a second

	mu     sync.Mutex
	read   time.Time // when the file was last looked at
	stamp  time.Time // of the file
	hashes map[string]string
	known  map[[sha256.Size]byte]time.Time // name, password and hash that were found right, until when
	wrong  map[string]tries                // by remote address
}

// tries are the wrong passwords from an address.
type tries struct {
	n     int
	until time.Time
}

// How passwords are compared.
const (
	maxHashing  = 2
	rereadAfter = 2 * time.Second
	knownFor    = 10 * time.Minute
	maxKnown    = 10_000
	maxWrong    = 20 // in a minute, from one address
	maxPassword = 72 // bytes; bcrypt takes no more
	maxFile     = 16 << 20
)

// NewPasswordAuth reads a file of passwords.
func NewPasswordAuth(path string) (*PasswordAuth, error) {
	a := &PasswordAuth{path: path, busy: make(chan struct{}, maxHashing), known: map[[sha256.Size]byte]time.Time{}, wrong: map[string]tries{}}
	_, _ = rand.Read(a.key[:]) // never fails
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	a.stamp, a.read = info.ModTime(), time.Now()
	if a.hashes, err = readPasswords(path); err != nil {
		return nil, err
	}
	if len(a.hashes) == 0 {
		return nil, fmt.Errorf("passwords: %q names no user", path)
	}
	return a, nil
}

func readPasswords(path string) (map[string]string, error) {
	f, err := os.Open(path) //nolint:gosec // the path that the user named
	if err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	data, err := safeio.ReadAll(f, maxFile)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("passwords: %q: %w", path, err)
	}
	out := map[string]string{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("passwords: %q, line %d: not of the form name:hash", path, n)
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return nil, fmt.Errorf("passwords: %q, line %d: the hash of %q is not of bcrypt; htpasswd -B makes one", path, n, name)
		}
		out[name] = hash
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("passwords: %q: %w", path, err)
	}
	return out, nil
}

// nobody is a hash of no password, which is compared for users who do not exist: the time that it takes tells nothing.
const nobody = "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5D0Q5k8QF0Q5k8QF0Q5k8QF0Q5k8Q"

// User implements [Auth].
func (a *PasswordAuth) User(r *http.Request) (string, error) {
	name, password, ok := r.BasicAuth()
	if !ok || name == "" || len(password) > maxPassword {
		return "", errLogin
	}
	from := remoteHost(r)
	hash, exists, err := a.hashOf(name, from)
	if err != nil {
		return "", err
	}
	key := a.keyOf(name, password, hash)
	if a.remembered(key) {
		return name, nil
	}
	select {
	case a.busy <- struct{}{}:
		defer func() { <-a.busy }()
	case <-r.Context().Done():
		return "", errLogin
	}
	if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)); err != nil || !exists {
		a.failed(from)
		return "", errLogin
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKnown {
		clear(a.known)
	}
	a.known[key] = time.Now().Add(knownFor)
	return name, nil
}

func (a *PasswordAuth) keyOf(name, password, hash string) (key [sha256.Size]byte) {
	mac := hmac.New(sha256.New, a.key[:])
	_, _ = io.WriteString(mac, name+"\x00"+password+"\x00"+hash) // never fails
	mac.Sum(key[:0])
	return key
}

// hashOf returns a user's hash, and reads the file again if it has changed.
func (a *PasswordAuth) hashOf(name, from string) (hash string, exists bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if t := a.wrong[from]; t.n >= maxWrong && now.Before(t.until) {
		return "", false, errTries
	}
	if now.Sub(a.read) > rereadAfter {
		a.read = now
		if info, err := os.Stat(a.path); err == nil && !info.ModTime().Equal(a.stamp) { //nolint:gosec // the path that the user named
			if hashes, err := readPasswords(a.path); err == nil { // a file that is being written stays as it was
				a.hashes, a.stamp = hashes, info.ModTime()
			}
		}
	}
	if hash, exists = a.hashes[name]; !exists {
		hash = nobody
	}
	return hash, exists, nil
}

func (a *PasswordAuth) remembered(key [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.known[key]
	if ok && time.Now().After(until) {
		delete(a.known, key)
		return false
	}
	return ok
}

// failed counts a wrong password.
func (a *PasswordAuth) failed(from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	t := a.wrong[from]
	if now.After(t.until) {
		t = tries{until: now.Add(time.Minute)}
	}
	t.n++
	if len(a.wrong) >= maxKnown {
		clear(a.wrong)
	}
	a.wrong[from] = t
}
