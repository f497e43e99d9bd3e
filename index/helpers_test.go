package index_test

import (
	"context"
	"io"
	"iter"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// testArtifact is an artifact with its records, in the form in which a reader passes them.
type testArtifact struct {
	path    string
	kind    ingest.Kind
	host    string
	records []ingest.Record
	bytes   int64
	labels  index.Labels // of its case
}

// writeCase writes a case and publishes it.
func writeCase(t testing.TB, dir, id string, artifacts []testArtifact, registry map[string][]index.RegistryValue, fs []findings.Finding) {
	t.Helper()
	if err := publish(buildCase(dir, id, artifacts, registry, fs)); err != nil {
		t.Fatal(err)
	}
}

// publish publishes what buildCase returned.
func publish(w *index.Writer, err error) error {
	if err != nil {
		return err
	}
	return w.Commit(context.Background())
}

// buildCase writes a case that is not published yet.
func buildCase(dir, id string, artifacts []testArtifact, registry map[string][]index.RegistryValue, fs []findings.Finding) (*index.Writer, error) {
	w, err := index.Create(context.Background(), dir, index.Entry{})
	if err != nil {
		return nil, err
	}
	report := &findings.Report{Case: id, Findings: fs}
	for _, a := range artifacts {
		art := &ingest.Artifact{Path: a.path, Kind: a.kind}
		s := w.Artifact(art)
		for batch := range slices.Chunk(a.records, 7) {
			s.Records(batch)
		}
		s.Done(art)
		report.Artifacts = append(report.Artifacts, findings.Artifact{Path: a.path, System: a.host, Bytes: a.bytes})
	}
	for path, values := range registry {
		if err := w.Registry(path, ingest.KindHiveSoftware, slices.Values(values)); err != nil {
			return nil, err
		}
	}
	return w, w.Report(report, emptyReport)
}

// emptyReport stands for the writer of a report that nobody reads.
func emptyReport(w io.Writer) error {
	_, err := io.WriteString(w, "{}\n")
	return err
}

// openArchive opens an archive for the length of the test.
func openArchive(t testing.TB, dir string) *index.Archive {
	t.Helper()
	a, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// find returns the hits of a query.
func find(t testing.TB, a *index.Archive, q string, o index.SearchOptions) []index.Hit {
	t.Helper()
	n, err := query.Parse(q)
	if err != nil {
		t.Fatal(err)
	}
	return collect(t, a.Search(t.Context(), n, o))
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

// tempDir makes a folder for one run of a property.
func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "casebook-index")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
