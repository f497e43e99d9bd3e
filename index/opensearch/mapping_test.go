package opensearch_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casebook/index"
	"casebook/ingest"
	"casebook/internal/oscluster"
)

// TestEarlierMapping goes on with an index of blocks whose fields of words are keywords, as an earlier version has begun it: the same is found as in a folder, also when the next case goes to an index of
// this version.
func TestEarlierMapping(t *testing.T) {
	prefix := fmt.Sprintf("m%d", time.Now().UnixNano())
	host := oscluster.Shared(t).Hosts[0]
	begin := func(number int, mappings string) {
		t.Helper()
		name := fmt.Sprintf("%s-blocks-%s-%06d", prefix, time.Now().UTC().Format("2006.01"), number)
		body := `{"aliases":{"` + prefix + `-blocks":{"is_write_index":true}},"mappings":` + mappings + `}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host+"/"+name, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // only the status counts
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("make %s: %s", name, answer.Status)
		}
	}
	word := `{"type":"keyword","doc_values":false,"index_options":"docs","norms":false}`
	key, number, counted := `{"type":"keyword"}`, `{"type":"long"}`, `{"type":"keyword","index":false}`
	begin(1, `{"dynamic":false,"_source":{"excludes":["frame","w","severity","w_host","w_file","w_kind","w_component","w_check","w_verdict"]},"properties":{"key":`+key+`,"case":`+key+`,"path":`+key+
		`,"place":`+number+`,"class":`+number+`,"mask":`+number+`,"hour":`+number+`,"size":`+number+`,"records":`+number+`,"line":`+number+`,"end":`+number+`,"first":`+number+`,"last":`+number+
		`,"host":`+counted+`,"kind":`+counted+`,"severity":`+word+`,"w":`+word+`,"w_host":`+word+`,"w_file":`+word+`,"w_kind":`+word+`,"w_component":`+word+`,"w_check":`+word+`,"w_verdict":`+word+
		`,"about":{"type":"object","enabled":false},"frame":{"type":"binary","store":true}}}`)
	store := openPrefix(t, prefix)
	dir := filepath.Join(t.TempDir(), "archive")
	add := func(id, text string) {
		t.Helper()
		c := &testCase{id: id, artifacts: []testArtifact{{path: "logs/agent.log", kind: ingest.KindLogText, host: "WS-EAST", records: []ingest.Record{{Line: 1, Lines: 1, Raw: []byte(text + "\n"), Text: []byte(text)}}}}}
		c.write(t, store)
		c.write(t, index.Dir(dir))
	}
	compare := func(want int) {
		t.Helper()
		folder, err := index.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close() //nolint:errcheck // it was only read
		for _, q := range []string{"needle", "need*", "/eedle-\\d/", "host:ws-east", "file:agent.log", "needle-2 OR needle-1"} {
			if n := same(t, q, folder, store, parse(t, q), index.SearchOptions{}); n != want {
				t.Errorf("%s: %d hits, want %d", q, n, want)
			}
		}
	}
	add("first", "one needle-1 here")
	compare(1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+"/"+prefix+"-blocks/_rollover", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // only the status counts
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("begin the next index: %s", answer.Status)
	}
	add("second", "one needle-2 here")
	compare(2)
}
