package opensearch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/findings"
	"casebook/index"
	"casebook/index/opensearch"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/internal/oscluster"
)

func TestMain(m *testing.M) {
	code := m.Run()
	oscluster.Stop()
	os.Exit(code)
}

var prefixes atomic.Int64

// openStore opens a store of its own in the cluster of the tests.
func openStore(t testing.TB) *opensearch.Store {
	t.Helper()
	return openPrefix(t, newPrefix())
}

// newPrefix is a prefix that no other test has.
func newPrefix() string { return fmt.Sprintf("t%d-%d", time.Now().UnixNano(), prefixes.Add(1)) }

func openPrefix(t testing.TB, prefix string) *opensearch.Store {
	t.Helper()
	c, err := opensearch.Parse("opensearch+http://"+strings.Join(oscluster.Shared(t).Hosts, ",")+"/"+prefix, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c.Now, c.Spool = time.Now, t.TempDir()
	s, err := opensearch.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// testArtifact is an artifact with its records, in the form in which a reader passes them.
type testArtifact struct {
	path    string
	kind    ingest.Kind
	host    string
	records []ingest.Record
	bytes   int64
}

// testCase is a case that is written to several archives.
type testCase struct {
	id        string
	artifacts []testArtifact
	registry  map[string][]index.RegistryValue
	findings  []findings.Finding
	errors    []findings.ErrorKind
	withdrawn []string
	entry     index.Entry
}

// begin writes the case, but does not commit it.
func (c *testCase) begin(ctx context.Context, to index.Creator) (index.CaseWriter, error) {
	w, err := to.Create(ctx, c.entry)
	if err != nil {
		return nil, err
	}
	report := &findings.Report{Case: c.id, Findings: c.findings, Errors: c.errors}
	for i := range c.artifacts {
		a := &c.artifacts[i]
		art := &ingest.Artifact{Path: a.path, Kind: a.kind, Reading: ingest.ReadingBias}
		s := w.Artifact(art)
		for batch := range slices.Chunk(a.records, 7) {
			s.Records(batch)
		}
		s.Done(art)
		report.Artifacts = append(report.Artifacts, findings.Artifact{Path: a.path, System: a.host, Bytes: a.bytes})
	}
	for path, values := range c.registry {
		if err := w.Registry(path, ingest.KindHiveSoftware, slices.Values(values)); err != nil {
			return nil, err
		}
	}
	for _, path := range c.withdrawn {
		w.Withdraw(path)
	}
	return w, w.Report(report, func(w io.Writer) error {
		var b bytes.Buffer
		fmt.Fprintf(&b, "{\"case\":%q,\"findings\":[", c.id)
		for i, f := range c.findings {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"check":%q,"verdict":%q,"title":%q}`, f.Check, f.Verdict, f.Title)
		}
		b.WriteString("],\"errors\":[")
		for i, e := range c.errors {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"template":%q}`, e.Template)
		}
		b.WriteString("]}\n")
		_, err := b.WriteTo(w)
		return err
	})
}

// write writes the case and commits it.
func (c *testCase) write(t testing.TB, to index.Creator) {
	t.Helper()
	w, err := c.begin(t.Context(), to)
	if err == nil {
		err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, hits iter.Seq2[index.Hit, error]) []index.Hit {
	t.Helper()
	var out []index.Hit
	for h, err := range hits {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}

func parse(t testing.TB, s string) query.Node {
	t.Helper()
	q, err := query.Parse(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return q
}

// same compares what two archives answer to a query, hits and counts, and returns how many hits there are.
func same(t testing.TB, name string, want, got index.Reader, q query.Node, o index.SearchOptions, facets ...index.Facet) int {
	t.Helper()
	w, g := collect(t, want.Search(t.Context(), q, o)), collect(t, got.Search(t.Context(), q, o))
	if diff := cmp.Diff(w, g, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s %+v (-folder +opensearch):\n%s", name, o, diff)
	}
	n, wc, err := want.Count(t.Context(), q, facets...)
	if err != nil {
		t.Fatal(err)
	}
	m, gc, err := got.Count(t.Context(), q, facets...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if diff := cmp.Diff(wc, gc); n != m || diff != "" {
		t.Fatalf("%s by %v: %d counted in the folder, %d in OpenSearch (-folder +opensearch):\n%s", name, facets, n, m, diff)
	}
	return len(w)
}
