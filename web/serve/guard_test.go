package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/web/serve"
)

// passwords writes a file of users whose password is their name.
func passwords(t testing.TB, users ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.htpasswd")
	writePasswords(t, path, users...)
	return path
}

func writePasswords(t testing.TB, path string, users ...string) {
	t.Helper()
	var b strings.Builder
	for _, u := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(u), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s:%s\n", u, hash)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func passwordAuth(t testing.TB, users ...string) *serve.PasswordAuth {
	t.Helper()
	a, err := serve.NewPasswordAuth(passwords(t, users...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func readUsers(t testing.TB, text string) *serve.Users {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := serve.ReadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestOptions refuses what would show an archive to the network without asking who looks.
func TestOptions(t *testing.T) {
	dir := smallArchive(t)
	auth, header := passwordAuth(t, "anna"), &serve.HeaderAuth{Header: "X-Remote-User"}
	tests := []struct {
		name string
		opt  serve.Options
		want string // a part of the error; "" for none
	}{
		{"loopback", serve.Options{Listen: "127.0.0.1:0"}, ""},
		{"loopback-6", serve.Options{Listen: "[::1]:0"}, ""},
		{"localhost", serve.Options{Listen: "localhost:0"}, ""},
		{"all-addresses", serve.Options{Listen: ":8765"}, "no loopback address"},
		{"any", serve.Options{Listen: "0.0.0.0:8765"}, "no loopback address"},
		{"name", serve.Options{Listen: "cases.example.org:8765"}, "no loopback address"},
		{"passwords-in-the-clear", serve.Options{Listen: ":8765", Auth: auth}, "TLS"},
		{"passwords-and-tls", serve.Options{Listen: ":8765", Auth: auth, TLSCert: "c", TLSKey: "k"}, ""},
		{"tls-alone", serve.Options{Listen: ":8765", TLSCert: "c", TLSKey: "k"}, "no loopback address"},
		{"proxy", serve.Options{Listen: ":8765", Auth: header}, ""},
		{"half-tls", serve.Options{Listen: "127.0.0.1:0", TLSCert: "c"}, "belong together"},
		{"users-without-names", serve.Options{Listen: "127.0.0.1:0", Users: readUsers(t, "anna: *")}, "nothing says who asks"},
		{"no-port", serve.Options{Listen: "127.0.0.1"}, "address and a port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.Open = opener(dir)
			ctx, cancel := context.WithCancel(t.Context())
			s, err := serve.New(ctx, tt.opt)
			cancel()
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestPasswords logs in, rightly and wrongly.
func TestPasswords(t *testing.T) {
	path := passwords(t, "anna", "ben")
	auth, err := serve.NewPasswordAuth(path)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, serve.Options{Open: opener(smallArchive(t)), Auth: auth})
	ask := func(user, password string) answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/cases", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		return s.do(r)
	}
	for _, tt := range []struct {
		name, user, password string
		status               int
	}{
		{"nobody", "", "", 401},
		{"right", "anna", "anna", 200},
		{"right-again", "anna", "anna", 200},
		{"wrong", "anna", "ben", 401},
		{"unknown", "carla", "carla", 401},
		{"empty", "anna", "", 401},
		{"too-long", "anna", "anna" + strings.Repeat("a", 100), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(tt.user, tt.password)
			if a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
			if tt.status == 401 && (!strings.Contains(a.header.Get("WWW-Authenticate"), "Basic") || strings.Contains(a.body, "INC-")) {
				t.Errorf("%v\n%s", a.header, a.body)
			}
		})
	}
	for _, path := range []string{"/", "/search?q=failed", "/case/INC-1/index.html", "/case/INC-1/report.json", "/metrics", "/other"} {
		if a := s.get(path); a.status != 401 {
			t.Errorf("%s without a login: %d", path, a.status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.get(path); a.status != 200 {
			t.Errorf("%s without a login: %d", path, a.status)
		}
	}
	for range 30 {
		ask("anna", "guess")
	}
	if a := ask("anna", "guess"); a.status != 429 {
		t.Errorf("after thirty guesses: %d", a.status)
	}
}

// TestPasswordFiles reads files of passwords that are none.
func TestPasswordFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nobody\n", "plain": "anna:secret\n", "md5": "anna:$apr1$x$y\n", "sha": "anna:{SHA}abc=\n", "no-colon": "anna\n", "no-name": ":$2y$05$x\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := serve.NewPasswordAuth(path); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestHeader believes the proxy and nobody else.
func TestHeader(t *testing.T) {
	dir := smallArchive(t)
	for _, tt := range []struct {
		name    string
		trusted []netip.Prefix
		users   []string
		status  int
	}{
		{"proxy", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"anna"}, 200},
		{"no-user", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil, 403},
		{"empty", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{" "}, 403},
		{"two", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"ben", "anna"}, 403},
		{"elsewhere", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"anna"}, 403},
		{"nowhere", nil, []string{"anna"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, serve.Options{Open: opener(dir), Auth: &serve.HeaderAuth{Header: "X-Remote-User", Trusted: tt.trusted}})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/cases", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header["X-Remote-User"] = tt.users
			if a := s.do(r); a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
		})
	}
}

// TestHost asks by names that are rebound to this machine.
func TestHost(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t)), Hosts: []string{"cases.example.org"}})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8765": 200, "127.0.0.1": 200, "[::1]:8765": 200, "LOCALHOST": 200, "127.0.0.2:80": 200, "cases.example.org": 200, "Cases.Example.Org:443": 200,
		"evil.example": 421, "evil.example:8765": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421, "x": 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/cases", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if a := s.do(r); a.status != want || want != 200 && strings.Contains(a.body, "INC-") {
			t.Errorf("Host: %s: %d, want %d", host, a.status, want)
		}
	}
}

// TestForms sends the form of a note as a page of ours does, and as others would.
func TestForms(t *testing.T) {
	dir := smallArchive(t)
	s := start(t, serve.Options{Open: opener(dir), Auth: passwordAuth(t, "anna", "ben")})
	anna := s.as("anna")
	const page = "/case/INC-1/notes"
	token := anna.token(page)
	for _, tt := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
	}{
		{"own", url.Values{"token": {token}, "text": {"a good note"}}, nil, 303},
		{"same-origin", url.Values{"token": {token}, "text": {"a good note"}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 303},
		{"cross-site", url.Values{"token": {token}, "text": {"evil"}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"same-site", url.Values{"token": {token}, "text": {"evil"}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"origin", url.Values{"token": {token}, "text": {"evil"}}, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"no-token", url.Values{"text": {"evil"}}, nil, 403},
		{"wrong-token", url.Values{"token": {strings.Repeat("0", 64)}, "text": {"evil"}}, nil, 403},
		{"token-of-another", url.Values{"token": {s.as("ben").token(page)}, "text": {"evil"}}, nil, 403},
		{"token-in-address", url.Values{"text": {"evil"}}, func(r *http.Request) { r.URL.RawQuery = "token=" + token }, 403},
		{"empty", url.Values{"token": {token}, "text": {"  "}}, nil, 400},
		{"too-long", url.Values{"token": {token}, "text": {strings.Repeat("evil", 70<<10)}}, nil, 413},
		{"no-case", url.Values{"token": {token}, "text": {"evil"}}, func(r *http.Request) { r.URL.Path = "/case/INC-9/notes" }, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := anna.post(page, tt.form, tt.change); a.status != tt.status {
				t.Errorf("status %d, want %d: %s", a.status, tt.status, content(a.body))
			}
		})
	}
	if body := anna.get(page).body; strings.Contains(body, "evil") || strings.Count(body, "a good note") != 2 {
		t.Errorf("the notes: %s", content(body))
	} else if strings.Count(body, `<span class="quiet">by anna</span>`) != 2 {
		t.Errorf("the notes do not say whose they are: %s", content(body))
	}
}

// TestLimits looks at an archive as users of one customer and finds no word of another's, on any page, in any answer.
func TestLimits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	// Every string of the others' cases has this word in it, in a form that no page writes otherwise.
	const secret, nowhere = "zqxsecret", "zqxnobody"
	took := regexp.MustCompile(` in \d+ ms`)
	for i := range 6 {
		customer, word := "north", "harmless"
		if i%2 == 1 {
			customer, word = "south", secret
		}
		id := fmt.Sprintf("%s-%d", word, i)
		writeSample(t, dir, sample{
			id: id, labels: index.Labels{"customer": {customer}, "ticket": {word + "ticket"}}, lines: logLines(word, 30), log: "logs/" + word + ".log",
			report: func(r *findings.Report) {
				r.Findings[0].Check, r.Findings[0].Title = "check-of-both", "Title of "+word
				r.Findings = append(r.Findings, findings.Finding{Check: "check-" + word, Verdict: findings.Confirmed, Severity: findings.High, Title: "An own check of " + word})
			},
		})
	}
	whole, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		word := "harmless"
		if i%2 == 1 {
			word = secret
		}
		if err := whole.AddNote(t.Context(), fmt.Sprintf("%s-%d", word, i), index.Note{Time: zeroDay, Text: "a note of " + word}); err != nil {
			t.Fatal(err)
		}
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	users := readUsers(t, "anna: *\nben: customer=north\n@south: customer=south\nteam south: carla\ndora: customer=north, ticket=harmlessticket\nemil: customer=north, ticket=other\n")
	var logged bytes.Buffer
	s := start(t, serve.Options{
		Open: opener(dir), Auth: passwordAuth(t, "anna", "ben", "carla", "dora", "emil", "frida", "@south"), Users: users, Uploads: uploads(t, dir),
		Log: slog.New(slog.NewTextHandler(&lockedBuffer{b: &logged}, nil)),
	})
	anna := s.as("anna").crawl("/", 400)
	addresses := []string{"/metrics"}
	for path := range anna {
		if strings.HasPrefix(path, "/search?") && !strings.Contains(path, "count=all") {
			path += "&count=all" // whether all are counted in time is chance
		}
		addresses = append(addresses, path)
	}
	for _, q := range []string{
		secret, "failed", "*", "NOT harmless", "case:" + secret + "*", "file:" + secret, "host:" + secret, "check:check-of-both", "verdict:confirmed", "NOT case:harmless*", "kind:finding", "/./",
	} {
		for _, order := range []string{"file", "time", "relevance"} {
			addresses = append(addresses, "/search?"+url.Values{"q": {q}, "sort": {order}, "count": {"all"}}.Encode())
		}
		addresses = append(addresses, "/cases?"+url.Values{"text": {q}}.Encode())
	}
	slices.Sort(addresses)
	for _, user := range []string{"ben", "dora", "emil", "frida", "@south"} {
		t.Run(user, func(t *testing.T) {
			me := s.as(user)
			seen := 0
			for path, a := range me.crawl("/", 400) {
				if strings.Contains(path+a.body+fmt.Sprint(a.header), secret) && !strings.Contains(path, secret) {
					t.Errorf("%s, to which links lead, holds the secret", path)
				}
				if strings.Contains(a.body, "harmless-0") {
					seen++
				}
			}
			for _, path := range addresses {
				a := me.get(path)
				if !strings.Contains(path, secret) {
					if body := a.body + fmt.Sprint(a.header); strings.Contains(body, secret) {
						t.Errorf("%s holds the secret: %s", path, around(body, secret))
					}
					continue
				}
				// A page says again what was asked for, and leads on with it. It must be the same as for a word that there is nowhere.
				other := me.get(strings.ReplaceAll(path, secret, nowhere))
				got := strings.ReplaceAll(took.ReplaceAllString(a.body, ""), secret, nowhere)
				if diff := cmp.Diff(took.ReplaceAllString(other.body, ""), got); diff != "" || a.status != other.status {
					t.Errorf("%s: %d, and %d for a word that there is nowhere (-nowhere +secret):\n%s", path, a.status, other.status, diff)
				}
			}
			if may := user == "ben" || user == "dora"; may != (seen > 3) {
				t.Errorf("%d pages of the own cases", seen)
			}
		})
	}
	count := func(user, q string) string {
		_, after, _ := strings.Cut(s.as(user).get("/search?count=all&"+url.Values{"q": {q}}.Encode()).body, `class="tally" role="status">`)
		n, _, _ := strings.Cut(after, " ")
		return n
	}
	for user, want := range map[string]string{"anna": "6", "ben": "3", "carla": "3", "emil": "0", "frida": "0"} {
		if got := count(user, "kind:finding check:check-of-both"); got != want {
			t.Errorf("%s counts %s hits, want %s", user, got, want)
		}
	}
	if similar := s.as("ben").get("/case/harmless-0/similar").body; !strings.Contains(similar, "harmless-2") || !strings.Contains(similar, "(as 2 cases do)") {
		t.Errorf("similar cases: %s", content(similar))
	}
	if a := s.as("ben").post("/case/"+secret+"-1/notes", url.Values{"token": {s.as("ben").token("/case/harmless-0/notes")}, "text": {"x"}}, nil); a.status != 404 {
		t.Errorf("a note on another's case: %d", a.status)
	}
	if strings.Contains(logged.String(), "q=") {
		t.Error("the log holds queries")
	}
}

func around(s, word string) string {
	i := strings.Index(s, word)
	if i < 0 {
		return ""
	}
	return s[max(0, i-200):min(len(s), i+100)]
}

// lockedBuffer takes the log of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestUsers reads files of users.
func TestUsers(t *testing.T) {
	for _, tt := range []struct{ name, text, user, want string }{
		{"all", "anna: *", "anna", "[]"},
		{"one", "ben: customer=Contoso", "ben", "[map[customer:[Contoso]]]"},
		{"either", "ben: customer=A\nben: customer=B", "ben", "[map[customer:[A]] map[customer:[B]]]"},
		{"both", "ben: customer=A, site=W02", "ben", "[map[customer:[A] site:[W02]]]"},
		{"team", "@a: customer=A\nteam a: ben, carla", "carla", "[map[customer:[A]]]"},
		{"team-and-own", "@a: customer=A\nben: customer=B\nteam a: ben", "ben", "[map[customer:[B]] map[customer:[A]]]"},
		{"team-of-all", "@a: *\nben: customer=B\nteam a: ben", "ben", "[]"},
		{"nobody", "anna: *", "ben", "[]"},
		{"name-of-a-team", "@a: *", "@a", "[]"},
		{"all-and-one", "anna: *\nanna: customer=A", "anna", "[]"},
		{"remarks", "# anna: *\n\n  anna : customer = A ", "anna", "[map[customer:[A]]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scope := readUsers(t, tt.text).Scope(tt.user)
			if got := fmt.Sprint([]index.Labels(scope)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			all := tt.name == "all" || tt.name == "team-of-all" || tt.name == "all-and-one"
			if (scope == nil) != all {
				t.Errorf("everything: %v, want %v", scope == nil, all)
			}
		})
	}
	for name, text := range map[string]string{"no-colon": "anna", "no-label": "anna: x", "no-value": "anna: customer=", "no-name": ": *", "no-team": "team a: ben"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if u, err := serve.ReadUsers(path); err == nil {
				t.Errorf("read as %v", u)
			}
		})
	}
}

// slow is a store whose searches take until they are given up.
type slow struct {
	index.Reader
	searches atomic.Int64
}

func (s *slow) Search(ctx context.Context, q query.Node, o index.SearchOptions) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		s.searches.Add(1)
		defer s.searches.Add(-1)
		<-ctx.Done()
		yield(index.Hit{}, ctx.Err())
	}
}

// TestTimeout gives up on searches that take too long, and lets a user have only so many at once.
func TestTimeout(t *testing.T) {
	store := &slow{}
	s := start(t, serve.Options{Timeout: 300 * time.Millisecond, PerUser: 3, Open: func(ctx context.Context) (index.Reader, error) {
		r, err := index.Open(smallArchive(t))
		store.Reader = r
		return store, err
	}})
	begin := time.Now()
	done := make(chan int)
	most := int64(0)
	for range 9 {
		go func() { done <- s.get("/search?q=failed").status }()
	}
	statuses := map[int]int{}
	for range 9 {
		for waiting := true; waiting; {
			select {
			case status := <-done:
				statuses[status]++
				waiting = false
			case <-time.After(5 * time.Millisecond):
				most = max(most, store.searches.Load())
			}
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if most > 3 || statuses[503]+statuses[429] != 9 {
		t.Errorf("%d searches at once, statuses %v", most, statuses)
	}
	if a := s.get("/cases"); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}

// TestUnlimited refuses to limit users in a store that can't.
func TestUnlimited(t *testing.T) {
	dir := smallArchive(t)
	_, err := serve.New(t.Context(), serve.Options{
		Listen: "127.0.0.1:0", Auth: passwordAuth(t, "anna"), Users: readUsers(t, "anna: *"),
		Open: func(context.Context) (index.Reader, error) {
			r, err := index.Open(dir)
			return &slow{Reader: r}, err
		},
	})
	if err == nil || !strings.Contains(err.Error(), "can't be limited") {
		t.Errorf("got %v", err)
	}
}

// send uploads a file.
func (s *running) send(token, name string, data []byte, fields map[string]string) answer {
	s.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if token != "" {
		_ = m.WriteField("token", token)
	}
	for k, v := range fields {
		_ = m.WriteField(k, v)
	}
	w, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/upload", &b)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	return s.do(r)
}

// follow waits until an upload has become a case, and returns its address; or the page that says why not.
func (s *running) follow(a answer) string {
	s.t.Helper()
	to := a.header.Get("Location")
	for range 600 {
		if !strings.HasPrefix(to, "/upload/") {
			return to
		}
		a := s.get(to)
		if a.status == 303 {
			return a.header.Get("Location")
		}
		if !strings.Contains(a.body, `http-equiv="refresh"`) {
			return a.body
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("the upload never becomes a case")
	return ""
}

// TestUpload uploads bundles: good ones, ones that are none, too large ones, and such that another customer has.
func TestUpload(t *testing.T) {
	dir := smallArchive(t)
	in := uploads(t, dir)
	in.MaxSize = 100_000
	s := start(t, serve.Options{
		Open: opener(dir), Uploads: in, Auth: passwordAuth(t, "anna", "ben", "carla", "dora"),
		Users: readUsers(t, "anna: *\nben: customer=north\nben: customer=east\ncarla: customer=south\n"),
	})
	anna, ben, carla := s.as("anna"), s.as("ben"), s.as("carla")
	token := anna.token("/upload")
	good := bundle(t, "an upload")
	place := anna.follow(anna.send(token, `..\..\C:\temp\ticket 1.zip`, good, map[string]string{"labels": "customer=west\nticket = T-1\n"}))
	page := anna.get(place)
	if page.status != 200 || !strings.Contains(page.body, "ticket 1.zip") || strings.Contains(page.body, `temp\`) {
		t.Fatalf("%s: %d %s", place, page.status, content(page.body))
	}
	if body := anna.get("/cases?label=ticket%3DT-1").body; !strings.Contains(body, "1 of 4 cases") {
		t.Errorf("the list: %s", content(body))
	}
	if a := anna.get("/search?q=%22agent+starts+for+an+upload%22"); !strings.Contains(a.body, "logs/agent.log:1") {
		t.Error("the upload is not found")
	}
	if again := anna.send(token, "other.zip", good, nil); again.header.Get("Location") != place {
		t.Errorf("the same upload again leads to %q, want %q", again.header.Get("Location"), place)
	}
	t.Run("limited", func(t *testing.T) {
		benPlace := ben.follow(ben.send(ben.token("/upload"), "mine.zip", good, map[string]string{"labels": "customer=west", "group": "1"}))
		if benPlace == place {
			t.Fatal("an upload leads to the case of another customer that has the same bytes")
		}
		if a := ben.get(benPlace); a.status != 200 {
			t.Errorf("the own case: %d", a.status)
		}
		if a := carla.get(benPlace); a.status != 404 {
			t.Errorf("another's case: %d", a.status)
		}
		if a := ben.get(place); a.status != 404 {
			t.Errorf("the first one's case: %d", a.status)
		}
		if body := anna.get("/cases?label=customer%3Deast").body; !strings.Contains(body, "1 of 5 cases") {
			t.Errorf("the labels: %s", content(body))
		}
		if a := ben.send(ben.token("/upload"), "x.zip", bundle(t, "b"), map[string]string{"group": "7"}); a.status != 400 {
			t.Errorf("a group that there is not: %d", a.status)
		}
		if a := s.as("dora").send("x", "x.zip", good, nil); a.status != 404 {
			t.Errorf("who sees nothing uploads: %d", a.status)
		}
	})
	for _, tt := range []struct {
		name, token, file string
		data              []byte
		fields            map[string]string
		status            int
		has               string
	}{
		{"no-token", "", "a.zip", good, nil, 403, "Refused"},
		{"wrong-token", ben.token("/upload"), "a.zip", good, nil, 403, "Refused"},
		{"empty", token, "a.zip", nil, nil, 400, "empty"},
		{"no-name", token, "", good, nil, 303, ""},
		{"bad-label", token, "a.zip", good, map[string]string{"labels": "no label"}, 400, "name=value"},
		{"too-large", token, "a.zip", make([]byte, 100_001), nil, 413, "larger"},
		{"much-too-large", token, "a.zip", make([]byte, 3_000_000), nil, 413, "larger"},
		{"long-field", token, "a.zip", good, map[string]string{"labels": strings.Repeat("a", 70_000)}, 400, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := anna.send(tt.token, tt.file, tt.data, tt.fields); a.status != tt.status || !strings.Contains(a.body, tt.has) {
				t.Errorf("status %d, want %d: %s", a.status, tt.status, content(a.body))
			}
		})
	}
	t.Run("useless", func(t *testing.T) {
		broken := append([]byte("PK\x03\x04"), make([]byte, 60)...)
		if said := anna.follow(anna.send(token, "broken.zip", broken, nil)); !strings.Contains(said, "could not be analysed") || strings.Contains(said, dir) {
			t.Errorf("got %s", content(said))
		}
	})
	t.Run("another's-job", func(t *testing.T) {
		a := anna.send(token, "c.zip", bundle(t, "c"), nil)
		if got := ben.get(a.header.Get("Location")); got.status != 404 {
			t.Errorf("status %d", got.status)
		}
		anna.follow(a)
	})
	left, err := os.ReadDir(in.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left of the uploads: %v, %v", left, err)
	}
}

// TestQueue fills the queue.
func TestQueue(t *testing.T) {
	dir := smallArchive(t)
	in := uploads(t, dir)
	in.Queue = 1
	store := &waiting{Creator: index.Dir(dir), gate: make(chan struct{})}
	in.Store = store
	s := start(t, serve.Options{Open: opener(dir), Uploads: in})
	token := s.token("/upload")
	first := s.send(token, "1.zip", bundle(t, "1"), nil)
	for store.begun.Load() == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	second := s.send(token, "2.zip", bundle(t, "2"), nil)
	if third := s.send(token, "3.zip", bundle(t, "3"), nil); third.status != 503 {
		t.Errorf("the third: %d", third.status)
	}
	if body := s.get(second.header.Get("Location")).body; !strings.Contains(body, "1 upload is analysed before it") {
		t.Errorf("the second: %s", content(body))
	}
	close(store.gate)
	for _, a := range []answer{first, second} {
		if to := s.follow(a); !strings.HasPrefix(to, "/case/") {
			t.Errorf("got %s", content(to))
		}
	}
}

// waiting takes cases when it is let.
type waiting struct {
	index.Creator
	gate  chan struct{}
	begun atomic.Int64
}

func (w *waiting) Create(ctx context.Context, e index.Entry) (index.CaseWriter, error) {
	w.begun.Add(1)
	<-w.gate
	return w.Creator.Create(ctx, e)
}

// TestRun starts a server, asks it, and ends it while a request is under way.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := serve.New(ctx, serve.Options{Listen: "127.0.0.1:0", Open: opener(smallArchive(t))})
	if err != nil {
		t.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(url string) { address <- url }) }()
	url := <-address
	resp, err := http.Get(url + "healthz") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || string(b) != "ok\n" {
		t.Errorf("%q, %v", b, err)
	}
	_ = resp.Body.Close() // it was read
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(url); err == nil { //nolint:noctx,bodyclose // there is none
		t.Error("the server still answers")
	}
}

// TestMetrics asks for the figures.
func TestMetrics(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t))})
	s.get("/search?q=failed")
	s.get("/case/%22evil%22/index.html")
	body := s.get("/metrics").body
	for _, want := range []string{`casebook_searches_total{outcome="done"} 1`, "casebook_cases 3", `route="GET /search",status="200"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the figures lack %s", want)
		}
	}
	if strings.Contains(body, "evil") || strings.Contains(body, "INC-") {
		t.Error("the figures name what was asked for")
	}
}

// fleet is workers that do what a test says.
type fleet struct {
	mu      sync.Mutex
	took    []serve.Handed
	stand   serve.Standing
	refuses error
}

func (f *fleet) Submit(_ context.Context, path string, u serve.Handed) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuses != nil {
		return "", f.refuses
	}
	if b, err := os.ReadFile(path); err != nil || int64(len(b)) != u.Bytes {
		return "", fmt.Errorf("%d bytes: %w", len(b), err)
	}
	f.took = append(f.took, u)
	return "job " + u.SHA256, nil
}

func (f *fleet) Standing(_ context.Context, id string) (serve.Standing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.took) == 0 || id != "job "+f.took[len(f.took)-1].SHA256 {
		return serve.Standing{}, fmt.Errorf("no %s", id)
	}
	return f.stand, nil
}

func (f *fleet) set(s serve.Standing, refuses error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stand, f.refuses = s, refuses
}

// TestUploadWorkers uploads where workers analyse: the page follows what they say. What a limited user uploads stays with the server.
func TestUploadWorkers(t *testing.T) {
	dir := smallArchive(t)
	in := uploads(t, dir)
	workers := &fleet{stand: serve.Standing{State: serve.StateWaiting, Ahead: 3}}
	in.Workers = workers
	s := start(t, serve.Options{
		Open: opener(dir), Uploads: in, Auth: passwordAuth(t, "anna", "ben"), Users: readUsers(t, "anna: *\nben: customer=north\n"),
	})
	anna, ben := s.as("anna"), s.as("ben")
	token := anna.token("/upload")
	if body := anna.get("/upload").body; !strings.Contains(body, "Workers analyse it") || strings.Contains(body, `type="password"`) {
		t.Errorf("the form: %s", content(body))
	}
	if a := anna.send(token, "a.zip", bundle(t, "a"), map[string]string{"password": "secret"}); a.status != 400 {
		t.Errorf("a password is taken: %d", a.status)
	}
	place := anna.send(token, "a.zip", bundle(t, "a"), map[string]string{"labels": "customer=west"}).header.Get("Location")
	says := func(want string) {
		t.Helper()
		var body string
		for range 200 {
			if body = anna.get(place).body; strings.Contains(body, want) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("the page does not say %q: %s", want, content(body))
	}
	says("3 uploads are analysed before it")
	if len(workers.took) != 1 || workers.took[0].Name != "a.zip" || !workers.took[0].Labels.Has(index.Labels{"customer": {"west"}}) {
		t.Errorf("the workers got %+v", workers.took)
	}
	workers.set(serve.Standing{State: serve.StateRunning}, nil)
	says("Being analysed.")
	if body := anna.get("/upload").body; !strings.Contains(body, "Being analysed.") {
		t.Errorf("the list: %s", content(body))
	}
	workers.set(serve.Standing{State: serve.StateDone, Case: "INC-1"}, nil)
	if a := anna.get(place); a.status != 303 || a.header.Get("Location") != "/case/INC-1/index.html" {
		t.Errorf("the case: %d %q", a.status, a.header.Get("Location"))
	}
	place = anna.send(token, "b.zip", bundle(t, "b"), nil).header.Get("Location")
	workers.set(serve.Standing{State: serve.StateFailed, Why: "The workers have given it up: no memory"}, nil)
	says("given it up: no memory")
	workers.set(serve.Standing{}, errors.New("the storage is gone"))
	place = anna.send(token, "c.zip", bundle(t, "c"), nil).header.Get("Location")
	says("could not be handed to those who analyse it")

	before := len(workers.took)
	if to := ben.follow(ben.send(ben.token("/upload"), "d.zip", bundle(t, "d"), nil)); !strings.HasPrefix(to, "/case/") || len(workers.took) != before {
		t.Errorf("the upload of a limited user leads to %s; the workers got %+v", to, workers.took[before:])
	}
	left, err := os.ReadDir(in.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left of the uploads: %v, %v", left, err)
	}
}
