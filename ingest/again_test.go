package ingest

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shelf keeps what a case stores.
type shelf struct {
	mu    sync.Mutex
	bytes map[string][]byte
	texts *collector
}

func (s *shelf) keep(a *Artifact, b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes[a.Path] = bytes.Clone(b)
	return true
}

func (s *shelf) Bytes(path string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.bytes[path])), nil
}

// Text gives the text in small pieces, as blocks of records may be.
func (s *shelf) Text(path string) (io.ReadCloser, error) {
	return io.NopCloser(&pieces{strings.NewReader(s.texts.text(path))}), nil
}

type pieces struct{ r io.Reader }

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), 777)]) }

// blob is what the tests' binary extractor makes of a member.
type blob struct{ Text string }

// againOptions read texts by lines with times, and members that begin with BLOB as values.
func againOptions() Options {
	return Options{
		Extractors: []Extractor{
			{
				Kind: KindVCMLock, Binary: true, Sniff: func(_ string, head []byte) int {
					if bytes.HasPrefix(head, []byte("BLOB")) {
						return 90
					}
					return 0
				},
				Extract: func(in Input) (any, []Problem) {
					return &blob{string(in.Bytes)}, []Problem{{Stage: StageParse, Message: "a blob"}}
				},
			},
			{
				Kind: KindHosts, Sniff: func(_ string, head []byte) int {
					if bytes.Contains(head, []byte("hosts")) {
						return 50
					}
					return 0
				},
				Extract: func(in Input) (any, []Problem) {
					return &blob{strings.Join(in.Lines, "|")}, []Problem{{Stage: StageParse, Message: "hosts"}}
				},
			},
		},
	}
}

// twice reads an upload, and then what is kept of it, through JSON as an archive would store it.
func twice(t testing.TB, opt Options, bundle *Bundle) (first, again *Contents, before, after *collector) {
	t.Helper()
	s := &shelf{bytes: map[string][]byte{}, texts: &collector{}}
	opt.Keep, opt.NewSink = s.keep, s.texts.sink
	first, err := Read(t.Context(), []*Bundle{bundle}, opt)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(first.Kept)
	if err != nil {
		t.Fatal(err)
	}
	var k Kept
	if err := json.Unmarshal(stored, &k); err != nil {
		t.Fatal(err)
	}
	b, err := Again(&k, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	after = &collector{}
	opt.NewSink = after.sink
	if again, err = Read(t.Context(), []*Bundle{b}, opt); err != nil {
		t.Fatal(err)
	}
	return first, again, s.texts, after
}

// TestAgain draws texts in encodings of all kinds, whole and damaged: what is read from what was kept is what was read from the upload.
func TestAgain(t *testing.T) {
	wide := func(s string, mark bool) []byte {
		var out []byte
		if mark {
			out = append(out, 0xFF, 0xFE)
		}
		for _, u := range utf16.Encode([]rune(s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	rapid.Check(t, func(rt *rapid.T) {
		line := rapid.SampledFrom([]string{"plain words", "Größe überschritten", "hosts of 10.0.0.1", "Ошибка", "a\x00b", "", "エラー 5", "BLOB", strings.Repeat("long ", 40)})
		var files []file
		for i := range rapid.IntRange(1, 4).Draw(rt, "files") {
			text := strings.Join(rapid.SliceOfN(line, 0, 40).Draw(rt, "lines"), rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "ends"))
			if rapid.IntRange(0, 9).Draw(rt, "large") == 0 {
				text = strings.Repeat(text+"\n", 300)
			}
			body := []byte(text)
			switch rapid.IntRange(0, 5).Draw(rt, "encoding") {
			case 0:
				body = wide(text, true)
			case 1:
				body = wide(text, false)
			case 2:
				body = append([]byte("\xef\xbb\xbf"), body...)
			case 3: // an ANSI code page
				body = bytes.ReplaceAll(body, []byte("ü"), []byte{0xFC})
				body = bytes.ReplaceAll(body, []byte("ß"), []byte{0xDF})
			case 4:
				body = append(body, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "tail")...)
			}
			files = append(files, file{name: string(rune('a'+i)) + rapid.SampledFrom([]string{".log", ".txt", ".dat", ".zip"}).Draw(rt, "name"), body: string(body)})
		}
		upload := makeZip(t, files...)
		if rapid.Bool().Draw(rt, "damaged") {
			at := rapid.IntRange(0, len(upload)-1).Draw(rt, "at")
			upload[at] ^= 0x5A
		}
		b, err := Open(t.Context(), save(t, "upload.zip", upload), againOptions())
		if err != nil {
			return // nothing can be read
		}
		defer func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}()
		first, again, before, after := twice(t, againOptions(), b)
		if diff := cmp.Diff(first.Artifacts, again.Artifacts); diff != "" {
			rt.Fatalf("artifacts differ (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(first.Problems, again.Problems); diff != "" {
			rt.Fatalf("problems differ (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(first.Kept, again.Kept); diff != "" {
			rt.Fatalf("what is kept differs (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(first.Extracted, again.Extracted); diff != "" {
			rt.Fatalf("values differ (-first +again):\n%s", diff)
		}
		for path, s := range before.texts {
			if x := after.texts[path]; x != nil || slices.ContainsFunc(first.Kept.Members, func(m KeptMember) bool { return m.Path == path && m.Form != FormNone }) {
				if x == nil {
					rt.Fatalf("%s has no records", path)
				}
				if diff := cmp.Diff(s.records, x.records); diff != "" {
					rt.Fatalf("the records of %s differ (-first +again):\n%s", path, diff)
				}
			}
		}
	})
}

// TestAgainRefused refuses what was not kept by Read.
func TestAgainRefused(t *testing.T) {
	for name, k := range map[string]Kept{
		"order":   {Members: []KeptMember{{Path: "b", Form: FormText}, {Path: "a", Form: FormText}}},
		"twice":   {Members: []KeptMember{{Path: "a", Form: FormText}, {Path: "a", Form: FormText}}},
		"nothing": {Members: []KeptMember{{Path: "a"}}},
		"form":    {Members: []KeptMember{{Path: "a", Form: "later"}}},
	} {
		if _, err := Again(&k, &shelf{}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
