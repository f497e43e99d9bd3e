package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// cluster stands for nodes that answer as a test says.
type cluster struct {
	mu      sync.Mutex
	stored  map[string]int // how often each document was taken
	refuse  int            // so many requests are refused with 429
	partial int            // of so many requests every second document is refused with 429
	wrong   string         // a document that is refused for good
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if c.refuse > 0 {
		c.refuse--
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"type":"rejected_execution_exception","reason":"queue is full"}}`)
		return
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	var items []map[string]result
	failed := false
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			} `json:"index"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &action); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		item := result{Status: http.StatusCreated}
		switch {
		case action.Index.ID == c.wrong:
			item = result{http.StatusBadRequest, &cause{Type: "mapper_parsing_exception", Reason: "no"}}
		case c.partial > 0 && i%4 == 0:
			item = result{http.StatusTooManyRequests, &cause{Type: "rejected_execution_exception", Reason: "full"}}
		default:
			c.stored[action.Index.ID]++
		}
		failed = failed || item.Error != nil
		items = append(items, map[string]result{"index": item})
	}
	c.partial--
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": failed, "items": items})
}

// talkTo makes a client of servers.
func talkTo(t *testing.T, patience time.Duration, servers ...string) *client {
	t.Helper()
	c := Config{Patience: patience, Now: time.Now}
	for _, s := range servers {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		c.Hosts = append(c.Hosts, u)
	}
	cl, err := newClient(&c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.close)
	return cl
}

func fill(ctx context.Context, cl *client, n int) error {
	b := newBulk(ctx, cl, "blocks")
	for i := range n {
		if err := b.add(strconv.Itoa(i), object{"text": "x"}); err != nil {
			return errors.Join(err, b.close())
		}
	}
	return b.close()
}

func TestBulkIsRetried(t *testing.T) {
	tests := []struct {
		name  string
		nodes cluster
		fails string
	}{
		{"well", cluster{}, ""},
		{"overloaded", cluster{refuse: 3}, ""},
		{"overloaded-in-part", cluster{partial: 3}, ""},
		{"refused-for-good", cluster{wrong: "7"}, "document 7"},
		{"overloaded-for-good", cluster{refuse: 1 << 20}, "given up after"},
		{"overloaded-in-part-for-good", cluster{partial: 1 << 20}, "given up after"},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			test.nodes.stored = map[string]int{}
			server := httptest.NewServer(&test.nodes)
			defer server.Close()
			err := fill(t.Context(), talkTo(t, 2*time.Second, server.URL), 10)
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("error %v; want one with %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(test.nodes.stored) != 10 {
				t.Errorf("%d of 10 documents were taken", len(test.nodes.stored))
			}
			for name, n := range test.nodes.stored {
				if n != 1 {
					t.Errorf("document %s was taken %d times", name, n)
				}
			}
		})
	}
}

// TestOtherNodeIsAsked loses one of two nodes.
func TestOtherNodeIsAsked(t *testing.T) {
	nodes := &cluster{stored: map[string]int{}}
	there, gone := httptest.NewServer(nodes), httptest.NewServer(nodes)
	defer there.Close()
	gone.Close()
	if err := fill(t.Context(), talkTo(t, 10*time.Second, gone.URL, there.URL), 5); err != nil {
		t.Fatal(err)
	}
	if len(nodes.stored) != 5 {
		t.Errorf("%d of 5 documents were taken", len(nodes.stored))
	}
}

// TestEndOfContextEndsWaiting ends the wait for a cluster that is overloaded.
func TestEndOfContextEndsWaiting(t *testing.T) {
	server := httptest.NewServer(&cluster{refuse: 1 << 20})
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := fill(ctx, talkTo(t, time.Hour, server.URL), 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestCredentials looks at what is sent.
func TestCredentials(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+"|"+r.Header.Get("X-Tenant"))
		fmt.Fprint(w, "{}")
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{{User: "u", Password: "p"}, {APIKey: "k", Header: map[string]string{"X-Tenant": "7"}}} {
		c.Hosts, c.Now, c.Patience = []*url.URL{u}, time.Now, time.Second
		cl, err := newClient(&c)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		if err := cl.do(t.Context(), http.MethodGet, "/", nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		cl.close()
		want := "Basic dTpw|"
		if c.APIKey != "" {
			want = "ApiKey k|7"
		}
		if !slices.Contains(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

// TestNewIndexesGetCopies begins an archive in clusters of several sizes: no case goes to an index whose shards have no copy yet, where there are nodes for copies.
func TestNewIndexesGetCopies(t *testing.T) {
	for nodes, waits := range map[int]bool{1: false, 2: true, 3: true} {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
			switch {
			case r.Method == http.MethodHead, strings.HasPrefix(r.URL.Path, "/_alias/"):
				w.WriteHeader(http.StatusNotFound)
			case r.URL.Query().Has("wait_for_status"):
				w.WriteHeader(http.StatusRequestTimeout) // the cluster needs longer
				fmt.Fprint(w, `{"timed_out": true}`)
			default:
				fmt.Fprintf(w, `{"number_of_data_nodes": %d, "hits": {"hits": []}}`, nodes)
			}
		}))
		defer server.Close()
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Hosts: []*url.URL{u}, Prefix: "casebook", Now: time.Now, Patience: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // nothing was written
		for range 2 {
			if err := s.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		waited := 0
		for i, a := range asked {
			if strings.HasPrefix(a, "GET /_cluster/health/casebook-*?") && strings.Contains(a, "wait_for_status=green") {
				waited++
				if rest := strings.Join(asked[i:], "\n"); strings.Contains(rest, "PUT /casebook-") {
					t.Errorf("an index is made after the wait for copies:\n%s", rest)
				}
			}
		}
		if waits && waited != 1 || !waits && waited != 0 {
			t.Errorf("%d nodes: waited %d times for copies; requests:\n%s", nodes, waited, strings.Join(asked, "\n"))
		}
	}
}

// TestReasonIsHeard writes to a shard that has no node: the cluster is told to say so before the request is given up, and what it says is in the error.
func TestReasonIsHeard(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait, err := time.ParseDuration(r.URL.Query().Get("timeout")); err != nil || wait <= 0 || wait > tryTime/2 {
			t.Errorf("%s %s: the cluster may wait for %q", r.Method, r.URL.Path, r.URL.Query().Get("timeout"))
		}
		const failed = `{"type": "unavailable_shards_exception", "reason": "[blocks][0] primary shard is not active"}`
		if strings.HasSuffix(r.URL.Path, "/_bulk") {
			fmt.Fprintf(w, `{"errors": true, "items": [{"index": {"status": 503, "error": %s}}]}`, failed)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"error": %s}`, failed)
	}))
	defer server.Close()
	cl := talkTo(t, time.Second, server.URL)
	for name, err := range map[string]error{
		"bulk":   fill(t.Context(), cl, 1),
		"put":    cl.do(t.Context(), http.MethodPut, "/files/_doc/1", nil, object{}, nil),
		"update": cl.do(t.Context(), http.MethodPost, "/cases/_update/1", url.Values{"refresh": {"true"}}, object{}, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), "given up after") || !strings.Contains(err.Error(), "primary shard is not active") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
