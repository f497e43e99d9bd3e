package hive_test

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"casebook/hive"
	"casebook/internal/need"
)

// TestCorpusTimes compares the time of every key with what reglookup prints, which is to the second.
func TestCorpusTimes(t *testing.T) {
	tool := need.Tool(t, "reglookup")
	for _, file := range corpus(t, "hives") {
		want, ok := sound[filepath.Base(file)]
		if !ok || want.kind == "" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := exec.Command(tool, "-t", "KEY", file).Output()
			if err != nil {
				t.Fatalf("reglookup: %v", err)
			}
			theirs := map[string]string{}
			for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n")[1:] {
				fields := strings.Split(line, ",")
				theirs[unescaped(fields[0])] = fields[3]
			}
			compared := 0
			err = open(t, read(t, file)).Walk(func(k *hive.Key) error {
				path := "/" + strings.ReplaceAll(k.Path(), `\`, "/")
				stamp, ok := theirs[path]
				if !ok {
					return nil
				}
				compared++
				if got := k.LastWritten().Format("2006-01-02 15:04:05"); got != stamp && !k.LastWritten().IsZero() {
					t.Errorf("%s was last written %s, reglookup says %s", path, got, stamp)
				}
				return nil
			})
			if err != nil || compared < want.keys*9/10 {
				t.Errorf("%d of %d keys compared (%v)", compared, want.keys, err)
			}
		})
	}
}

func unescaped(s string) string {
	u, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return u
}
