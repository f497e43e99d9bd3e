package index_test

import (
	"strings"
	"testing"

	"casebook/index"
)

func TestCalled(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	up := func(names ...string) (out []index.Upload) {
		for _, n := range names {
			out = append(out, index.Upload{Name: n, SHA256: sum})
		}
		return out
	}
	for _, x := range []struct {
		what         string
		c            index.Case
		name, behind string
	}{
		{"sum", index.Case{ID: sum, Uploads: up("a.zip")}, "a.zip", "0123456789ab"},
		{"sum-two", index.Case{ID: sum, Uploads: up("a.zip", "b.zip")}, "a.zip, b.zip", "0123456789ab"},
		{"sum-four", index.Case{ID: sum, Uploads: up("a.zip", "b.zip", "c.zip", "d.zip")}, "a.zip, b.zip and 2 more", "0123456789ab"},
		{"sum-of-unknown-uploads", index.Case{ID: sum}, "0123456789ab", ""},
		{"sum-of-unnamed-upload", index.Case{ID: sum, Uploads: up("")}, "0123456789ab", ""},
		{"given", index.Case{ID: "INC1", Uploads: up("a.zip")}, "INC1", "a.zip"},
		{"given-alone", index.Case{ID: "INC1"}, "INC1", ""},
		{"given-like-a-short-sum", index.Case{ID: sum[:63], Uploads: up("a.zip")}, sum[:63], "a.zip"},
	} {
		t.Run(x.what, func(t *testing.T) {
			if name, behind := x.c.Called(); name != x.name || behind != x.behind {
				t.Errorf("Called() = %q, %q; want %q, %q", name, behind, x.name, x.behind)
			}
		})
	}
}
