package opensearch_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"casebook/index"
	"casebook/index/opensearch"
	"casebook/internal/oscluster"
)

// BenchmarkHolding looks for the case of an upload among 10,000: by the list of all cases, as a program would that knows no better, and by [index.Finder].
func BenchmarkHolding(b *testing.B) {
	const cases = 10_000
	node, err := url.Parse("http://" + oscluster.Shared(b).Hosts[0])
	if err != nil {
		b.Fatal(err)
	}
	var requests atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(node)
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	defer counting.Close()
	prefix := fmt.Sprintf("b%d", time.Now().UnixNano())
	c, err := opensearch.Parse("opensearch+"+counting.URL+"/"+prefix, func(string) string { return "" })
	if err != nil {
		b.Fatal(err)
	}
	c.Now, c.Spool = time.Now, b.TempDir()
	store, err := opensearch.Open(c)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }() // it was only read
	if w, err := store.Create(b.Context(), index.Entry{}); err != nil || w.Abort() != nil {
		b.Fatal(err)
	}
	var body strings.Builder
	for i := range cases {
		fmt.Fprintf(&body, `{"index":{"_id":"case-%d"}}
{"type":"case","key":"%016x","id":"INC%06d","since":"2026-01-02T03:04:05Z","added":"2026-01-02T03:04:05Z","filed":{"ticket":["INC%06d"],"customer":["acme"]},"uploads":["%064x"],"held":[{"name":"upload.zip","sha256":"%064x","bytes":1234567,"format":"zip"}],"checks":["msi-install-failed"],"titles":{"msi-install-failed":"An installation failed"},"templates":["%0160x"]}
`, i, i, i, i, i, i, i)
	}
	resp, err := http.Post(node.String()+"/"+prefix+"-cases/_bulk?refresh=true", "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%v: %v", resp, err)
	}
	_ = resp.Body.Close() // it was not read
	sum := fmt.Sprintf("%064x", cases/2)
	for _, way := range []struct {
		name string
		find func() (n int, err error)
	}{
		{"list", func() (n int, err error) {
			list, err := store.List(b.Context())
			for i := range list {
				if list[i].Holds(sum) {
					n++
				}
			}
			return n, err
		}},
		{"holding", func() (n int, err error) {
			list, err := store.Holding(b.Context(), sum)
			return len(list), err
		}},
		{"case", func() (n int, err error) {
			_, _ = store.Case(b.Context(), "INC000001")
			return 1, nil // the documents have no IDs of casebook's: it is not found, at the same price
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			requests.Store(0)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := way.find(); err != nil || n != 1 {
					b.Fatalf("%d cases: %v", n, err)
				}
			}
			b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/op")
		})
	}
}
