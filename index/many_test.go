package index_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casebook/findings"
	"casebook/index"
)

// manyCases makes an archive of n small cases that are copies of one but for their IDs and reports, without writing each in a generation of its own.
func manyCases(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	w, err := index.Create(tb.Context(), dir, index.Entry{Labels: index.Labels{"customer": {"ACME Ltd"}, "ticket": {"INC0000000"}}})
	if err != nil {
		tb.Fatal(err)
	}
	r := reportOf("INC0000000", []string{"x"}, "connection to # refused")
	r.Bundles = []findings.Upload{{Name: "INC0000000.zip", SHA256: fmt.Sprintf("%064x", 1), Bytes: 1 << 20, Format: "zip"}}
	err = w.Report(r, func(out io.Writer) error { return json.NewEncoder(out).Encode(r) })
	if err := publish(w, err); err != nil {
		tb.Fatal(err)
	}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	var m struct {
		Generation int              `json:"generation"`
		Cases      []map[string]any `json:"cases"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "parts", "1-1"))
	must(err)
	must(json.Unmarshal(b, &m.Cases))
	m.Generation = 1
	first := m.Cases[0]
	from := filepath.Join(dir, "cases", fmt.Sprint(first["name"]))
	files := map[string][]byte{}
	for _, name := range entries(tb, from) {
		files[name], err = os.ReadFile(filepath.Join(from, name))
		must(err)
	}
	var meta map[string]any
	must(json.Unmarshal(files["case.json"], &meta))
	for i := 1; i < n; i++ {
		c := map[string]any{}
		maps.Copy(c, first)
		id := fmt.Sprintf("INC%07d", i)
		c["id"], c["name"], meta["id"] = id, fmt.Sprintf("copy-%d~1", i), id
		delete(c, "sum")
		m.Cases = append(m.Cases, c)
		to := filepath.Join(dir, "cases", fmt.Sprint(c["name"]))
		must(os.Mkdir(to, 0o700))
		files["case.json"], err = json.Marshal(meta)
		must(err)
		var templates strings.Builder
		for t := range 40 {
			fmt.Fprintf(&templates, "%015x%01x", (i*17+t*t*31)%997, t%16)
		}
		files["profile.json"], err = json.Marshal(map[string]any{"confirmed": map[string]string{fmt.Sprintf("check-%d", i%50): "Title"}, "templates": templates.String()})
		must(err)
		for name, b := range files {
			must(os.WriteFile(filepath.Join(to, name), b, 0o600))
		}
	}
	b, err = json.Marshal(m)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "generation-1"), b, 0o600)) // as earlier versions wrote it; the next change parts it
	k, err := index.Keep(dir, nil)
	must(err)
	must(k.Label(tb.Context(), "INC0000000", index.Labels{"parted": {"yes"}}))
	return dir
}

// BenchmarkManyCases opens an archive of 10,000 cases, compares one with all of them, and looks for that of an upload: in the list of all, and by [index.Finder].
func BenchmarkManyCases(b *testing.B) {
	dir := manyCases(b, 10_000)
	open := func(b *testing.B) *index.Archive {
		a, err := index.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if err := open(b).Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	similar := func(b *testing.B, a *index.Archive) {
		if likes, err := a.Similar(b.Context(), reportOf("Z", []string{"check-7"}), 10); err != nil || len(likes) != 10 {
			b.Fatalf("%d cases, error %v", len(likes), err)
		}
	}
	b.Run("similar-after-opening", func(b *testing.B) {
		for b.Loop() {
			a := open(b)
			similar(b, a)
			if err := a.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("similar-again", func(b *testing.B) {
		a := openArchive(b, dir)
		for b.Loop() {
			similar(b, a)
		}
	})
	sum := fmt.Sprintf("%064x", 2) // which none has: all are looked at
	b.Run("holding-by-list", func(b *testing.B) {
		a := openArchive(b, dir)
		for b.Loop() {
			list, err := a.List(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for i := range list {
				if list[i].Holds(sum) {
					b.Fatalf("case %s holds it", list[i].ID)
				}
			}
		}
	})
	b.Run("holding", func(b *testing.B) {
		a := openArchive(b, dir)
		for b.Loop() {
			if list, err := a.Holding(b.Context(), sum); err != nil || len(list) != 0 {
				b.Fatalf("%v: %v", list, err)
			}
		}
	})
}
