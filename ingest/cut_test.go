package ingest

import (
	"strings"
	"testing"
)

// TestCut says of archives that are cut short, or lack a part, what is known of the files that are missing, and of others that are damaged nothing.
func TestCut(t *testing.T) {
	body := strings.Repeat("12:00 something happened\r\n", 400)
	whole := makeZip(t, file{name: "a.log", body: body, set: stored}, file{name: "b.log", body: body, set: stored}, file{name: "c.log", body: body, set: stored})
	tarred := makeTar(t, member1("a.log", body), member1("b.log", body))
	tests := []struct {
		name, file, data string
		want             Cut
		lost             int // members without bytes
	}{
		{"whole-zip", "t.zip", string(whole), "", 0},
		{"zip-without-its-end", "t.zip", string(whole[:len(whole)-100]), CutUnlisted, 0},
		{"zip-cut-in-a-member", "t.zip", string(whole[:len(whole)/2]), CutUnlisted, 0},
		{"zip-cut-between-members", "t.zip", string(whole[:strings.LastIndex(string(whole), "PK\x03\x04")]), CutUnlisted, 0},
		{"zip-without-its-beginning", "t.zip", string(whole[len(whole)/2:]), CutListed, 2},
		{"zip-without-its-middle", "t.zip", string(whole[:100]) + string(whole[2*len(body)+150:]), CutListed, 0},
		{"whole-tar", "t.tar", string(tarred), "", 0},
		{"tar-cut-in-a-member", "t.tar", string(tarred[:len(tarred)*2/3]), CutUnlisted, 0},
		{"tar-in-a-cut-gzip", "t.tgz", string(gzipped(t, "", tarred)[:100]), CutUnlisted, 0},
		{"log-in-a-cut-gzip", "t.log.gz", string(gzipped(t, "", []byte(body))[:40]), CutUnlisted, 0},
		{"zip-within", "t.zip", string(makeZip(t, file{name: "ok.log", body: body}, file{name: "in.zip", body: string(whole[:len(whole)-100])})), CutUnlisted, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _ := analyze(t, save(t, tt.file, []byte(tt.data)), Options{})
			var got Cut
			for _, p := range c.Problems {
				if p.Cut != "" {
					got = p.Cut
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, c.Problems)
			}
			lost := 0
			for _, a := range c.Artifacts {
				if a.Truncated && a.Bytes == 0 {
					lost++
				}
			}
			if tt.lost > 0 && lost != tt.lost {
				t.Errorf("%d members without bytes, want %d", lost, tt.lost)
			}
		})
	}
}
