package facts_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
)

// records cuts a text into records of the given numbers of lines; the last number goes on to the end. The Text of a record is its Raw
// without the line end.
func records(text string, lines ...int) []ingest.Record {
	var out []ingest.Record
	at := 1
	for n := 0; text != ""; n++ {
		size := 0
		want := lines[min(n, len(lines)-1)]
		for range want {
			i := strings.IndexByte(text[size:], '\n')
			if i < 0 {
				size = len(text)
				break
			}
			size += i + 1
		}
		raw := []byte(text[:size])
		out = append(out, ingest.Record{Line: at, Lines: want, Raw: raw, Text: bytes.TrimRight(raw, "\r\n"), Time: ingest.WallTime(2012, 3, 1, 10, 0, len(out)%60, 0)})
		at += strings.Count(text[:size], "\n")
		text = text[size:]
	}
	return out
}

// feed gives records to a collector in batches and returns the facts. A batch's bytes are overwritten when it has been read, as
// those of ingest are.
func feed(t rapid.TB, all []ingest.Record, sizes []int, signals []match.Signal, watches ...facts.Watch) *facts.Facts {
	t.Helper()
	c, err := facts.NewCollector(signals, watches)
	if err != nil {
		t.Fatal(err)
	}
	a := &ingest.Artifact{Path: "a.log", Kind: ingest.KindLogText}
	sink := c.Sink(a)
	for n := 0; len(all) > 0; n++ {
		size := max(1, min(len(all), sizes[n%len(sizes)]))
		batch := make([]ingest.Record, size)
		var buffers [][]byte
		for i, r := range all[:size] {
			raw := bytes.Clone(r.Raw)
			off := bytes.Index(raw, r.Text)
			r.Raw, r.Text = raw, raw[off:off+len(r.Text)]
			batch[i] = r
			buffers = append(buffers, raw)
		}
		sink.Records(batch)
		for _, b := range buffers {
			for i := range b {
				b[i] = '#'
			}
		}
		all = all[size:]
	}
	sink.Done(a)
	list, problems := facts.Build([]*ingest.Artifact{a}, nil, c, "")
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return list[0]
}

var needle = []match.Signal{{Name: "test/needle", Literals: []string{"needle"}, Pattern: `needle(?P<tail>\w*)`}}

var ignoreClock = cmpopts.IgnoreUnexported(facts.Match{})

// TestQuotes compares what is kept of one hit: line, quote, and the lines around it.
func TestQuotes(t *testing.T) {
	long := strings.Repeat("ä", 450)
	tests := []struct {
		name   string
		text   string
		lines  []int // of the records
		line   int
		quote  string
		before []string
		after  []string
	}{
		{
			name: "single-lines", text: "a\nb\nc\nthe needle here\nd\ne\nf\n", lines: []int{1},
			line: 4, quote: "the needle here", before: []string{"b", "c"}, after: []string{"d", "e"},
		},
		{
			name: "crlf-and-lf", text: "a\r\nb\nneedle\r\nc\r\nd\n", lines: []int{1},
			line: 3, quote: "needle", before: []string{"a", "b"}, after: []string{"c", "d"},
		},
		{
			name: "first-and-last-line", text: "needle", lines: []int{1},
			line: 1, quote: "needle",
		},
		{
			name: "within-a-record", text: "x\na\nb\nneedle\nc\nd\ne\n", lines: []int{1, 6},
			line: 4, quote: "needle", before: []string{"a", "b"}, after: []string{"c", "d"},
		},
		{
			name: "first-line-of-a-record", text: "x\ny\nneedle\nc\nd\ne\n", lines: []int{1, 1, 2},
			line: 3, quote: "needle", before: []string{"x", "y"}, after: []string{"c", "d"},
		},
		{
			name: "record-of-several-lines-before", text: "a\nb\nc\nneedle\nd\ne\nf\n", lines: []int{3, 1, 3},
			line: 4, quote: "needle", before: []string{"b", "c"}, after: []string{"d", "e"},
		},
		{
			name: "long-line-cut-at-its-end", text: "needle " + long + "\nz\n", lines: []int{1},
			line: 1, quote: "needle " + strings.Repeat("ä", 393) + "…", after: []string{"z"},
		},
		{
			name: "long-line-quoted-from-before-the-hit", text: long + "needle\nz\n", lines: []int{1},
			line: 1, quote: strings.Repeat("ä", 50) + "needle", after: []string{"z"},
		},
		{
			name: "exactly-four-hundred", text: "needle" + strings.Repeat("x", 394) + "\n", lines: []int{1},
			line: 1, quote: "needle" + strings.Repeat("x", 394),
		},
		{
			name: "long-lines-around", text: long + "\nneedle\n" + long + "\n", lines: []int{1},
			line: 2, quote: "needle", before: []string{strings.Repeat("ä", 300) + "…"}, after: []string{strings.Repeat("ä", 300) + "…"},
		},
		{
			name: "empty-lines-around", text: "a\n\nneedle\n\nb\n", lines: []int{1},
			line: 3, quote: "needle", before: []string{"a", ""}, after: []string{"", "b"},
		},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 2, 3, 256} {
			t.Run(fmt.Sprintf("%s/batches-of-%d", tt.name, size), func(t *testing.T) {
				f := feed(t, records(tt.text, tt.lines...), []int{size}, needle)
				got, ok := f.Matches("test/needle").First()
				if !ok {
					t.Fatal("no match")
				}
				want := facts.Match{
					Ref: ingest.Ref{Artifact: "a.log", Line: tt.line}, Quote: tt.quote, Before: tt.before, After: tt.after,
					Time: got.Time,
				}
				if diff := cmp.Diff(want, got, ignoreClock, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("match differs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestMultiLineQuote quotes a hit that spans lines: each line break is one blank.
func TestMultiLineQuote(t *testing.T) {
	signal := []match.Signal{{Name: "test/block", Literals: []string{"begin of"}, Pattern: `(?s)begin of.*end`}}
	f := feed(t, records("x\na begin of\r\nthe\nend z\r\ny\n", 1, 3, 1), []int{1}, signal)
	got, _ := f.Matches("test/block").First()
	if want := "a begin of the end z"; got.Quote != want || got.Ref.Line != 2 {
		t.Errorf("line %d is quoted as %q, want line 2 as %q", got.Ref.Line, got.Quote, want)
	}
	if diff := cmp.Diff([][]string{{"x"}, {"y"}}, [][]string{got.Before, got.After}); diff != "" {
		t.Errorf("around it (-want +got):\n%s", diff)
	}
}

// TestBounds keeps the first 16 and the last 8 hits of many, and of a capture and a quote no more than their length.
func TestBounds(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "needle%d\n", i)
	}
	m := feed(t, records(text.String(), 1), []int{7}, needle).Matches("test/needle")
	if m.Count != 1000 || len(m.Kept) != 24 {
		t.Fatalf("%d hits, %d kept", m.Count, len(m.Kept))
	}
	for i, k := range m.Kept {
		want := i + 1
		if i >= 16 {
			want = 1000 - 24 + i + 1
		}
		if k.Ref.Line != want || k.Capture("tail") != strconv.Itoa(want-1) {
			t.Errorf("kept %d is line %d with %q, want line %d", i, k.Ref.Line, k.Capture("tail"), want)
		}
	}
	last, _ := m.Last()
	if last.Ref.Line != 1000 {
		t.Errorf("the last match is line %d", last.Ref.Line)
	}

	huge := feed(t, records("needle"+strings.Repeat("y", 1<<20)+"\n", 1), []int{1}, needle).Matches("test/needle").Kept[0]
	if n := len(huge.Capture("tail")); n > 4<<10 {
		t.Errorf("a capture keeps %d bytes", n)
	}
	if n := len([]rune(huge.Quote)); n != 401 {
		t.Errorf("a quote keeps %d characters", n)
	}
}

// TestThrift: in a case of thousands of large logs fewer matches are kept, and that is said where it leaves one out.
func TestThrift(t *testing.T) {
	for _, tt := range []struct {
		name         string
		volume, hits int
		kept         int
		said         bool
	}{
		{"small-case", 1200, 1000, 24, false},
		{"large-case", 4000, 1000, 6, true},
		{"large-case-few-hits", 4000, 6, 6, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := facts.NewCollector(needle, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Expect(tt.volume)
			a := &ingest.Artifact{Path: "a.log", Kind: ingest.KindLogText}
			sink := c.Sink(a)
			sink.Records(records(strings.Repeat("needle\n", tt.hits), 1))
			sink.Done(a)
			list, problems := facts.Build([]*ingest.Artifact{a}, nil, c, "")
			if m := list[0].Matches("test/needle"); m.Count != tt.hits || len(m.Kept) != tt.kept {
				t.Errorf("%d hits, %d kept; want %d, %d", m.Count, len(m.Kept), tt.hits, tt.kept)
			}
			if said := len(problems) == 1 && strings.Contains(problems[0].Message, `1 of them (the first: "a.log")`); said != tt.said || len(problems) > 1 {
				t.Errorf("problems %v", problems)
			}
		})
	}
}

// TestBatches draws texts, their cut into records and the cut of those into batches: what is kept does not depend on the batches, and each
// quote is what stands in its line.
func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(rapid.StringMatching(`[a-zä ]{0,12}`), rapid.Just("with needle in it"), rapid.StringMatching(`[xä]{380,420}needle[a-z]{0,5}`))
		lines := rapid.SliceOfN(line, 1, 80).Draw(t, "lines")
		ends := rapid.SliceOfN(rapid.SampledFrom([]string{"\n", "\r\n"}), len(lines), len(lines)).Draw(t, "ends")
		var text strings.Builder
		for i, l := range lines {
			text.WriteString(l + ends[i])
		}
		all := records(text.String(), rapid.SliceOfN(rapid.IntRange(1, 4), 1, 10).Draw(t, "sizes")...)
		want := feed(t, all, []int{1 << 20}, needle).Matches("test/needle")
		got := feed(t, all, rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(t, "batches"), needle).Matches("test/needle")
		if diff := cmp.Diff(want, got, ignoreClock); diff != "" {
			t.Fatalf("batches change what is kept (-one +many):\n%s", diff)
		}
		for i, m := range got.Kept {
			quoted := strings.TrimSuffix(m.Quote, "…")
			if l := lines[m.Ref.Line-1]; !strings.Contains(l, quoted) || !strings.Contains(quoted, "needle") {
				t.Fatalf("line %d is %q, quoted as %q", m.Ref.Line, l, m.Quote)
			}
			want := around(lines, m.Ref.Line)
			if i >= 4 && (i < 16 || i < len(got.Kept)-2) { // only the first and the last ones keep the lines around them
				want = [][]string{nil, nil}
			}
			if diff := cmp.Diff(want, [][]string{m.Before, m.After}, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("around line %d (-want +got):\n%s", m.Ref.Line, diff)
			}
		}
	})
}

// around returns up to two lines before and after a line, cut to 300 characters.
func around(lines []string, line int) [][]string {
	cut := func(list []string) []string {
		var out []string
		for _, l := range list {
			if r := []rune(l); len(r) > 300 {
				l = string(r[:300]) + "…"
			}
			out = append(out, l)
		}
		return out
	}
	return [][]string{cut(lines[max(0, line-3) : line-1]), cut(lines[line:min(len(lines), line+2)])}
}

// looker keeps the records before each hit.
type looker struct{ kept []*facts.Match }

func (l *looker) See(s *facts.Sight) {
	if s.Hit("test/needle") == nil || s.Hit("test/other") != nil {
		panic("the hits are not those of the record")
	}
	for n := 1; n <= 20; n++ {
		if m := s.KeepBefore(n); m != nil {
			l.kept = append(l.kept, m)
		} else if s.Before(n) != nil {
			panic("a record is at hand and not kept")
		}
	}
	if s.Before(0) != nil || s.Before(21) != nil || s.KeepBefore(21) != nil {
		panic("looks beyond twenty records")
	}
	l.kept = append(l.kept, s.Keep())
}

func (l *looker) End() any {
	if len(l.kept) == 0 {
		return nil
	}
	return l.kept
}

// TestObserver looks back over the borders of batches: the same records with the same lines around them.
func TestObserver(t *testing.T) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "line %d\n", i+1)
		if i == 25 || i == 27 || i == 55 {
			text.WriteString("needle\n")
		}
	}
	watch := facts.Watch{Check: "test", Kinds: []ingest.Kind{ingest.KindLogText}, New: func(*ingest.Artifact) facts.Observer { return &looker{} }}
	elsewhere := facts.Watch{Check: "nothing", Kinds: []ingest.Kind{ingest.KindLogMSI}, Every: true, New: func(*ingest.Artifact) facts.Observer {
		t.Error("an artifact of another kind is observed")
		return &looker{}
	}}
	look := func(size int) []*facts.Match {
		f := feed(t, records(text.String(), 1), []int{size}, needle, watch, elsewhere)
		if got := facts.Observed[[]*facts.Match](f, "nothing"); len(got) != 0 {
			t.Errorf("another check's observer has %d values", len(got))
		}
		got := facts.Observed[[]*facts.Match](f, "test")
		if len(got) != 1 || got[0].Artifact.Path != "a.log" {
			t.Fatalf("observed %v", got)
		}
		return got[0].Value
	}
	want := look(1000)
	if len(want) != 63 || want[0].Quote != "line 26" || want[19].Quote != "line 7" {
		t.Fatalf("%d kept, the first %q, the twentieth %q", len(want), want[0].Quote, want[19].Quote)
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for _, m := range want {
		if diff := cmp.Diff(around(lines, m.Ref.Line), [][]string{m.Before, m.After}, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("around line %d (-want +got):\n%s", m.Ref.Line, diff)
		}
	}
	for _, size := range []int{1, 2, 3, 5, 19, 20, 21, 30} {
		if diff := cmp.Diff(want, look(size), ignoreClock); diff != "" {
			t.Errorf("batches of %d change what is kept (-one +many):\n%s", size, diff)
		}
	}
}

// TestLongTail looks back on a record that is longer than what is kept of it: the lines next to the hit are its last ones.
func TestLongTail(t *testing.T) {
	text := strings.Repeat("filling line of a long record\n", 400) + "last but one\nlast\nneedle\n"
	for _, size := range []int{1, 2} {
		m := feed(t, records(text, 402, 1), []int{size}, needle).Matches("test/needle").Kept[0]
		if diff := cmp.Diff([]string{"last but one", "last"}, m.Before); diff != "" {
			t.Errorf("batches of %d: before the hit (-want +got):\n%s", size, diff)
		}
	}
}

// TestLoud keeps the first three errors of an artifact.
func TestLoud(t *testing.T) {
	all := records("a\nb\nc\nd\ne\n", 1)
	for i := range all {
		all[i].Severity = []ingest.Severity{ingest.SeverityError, ingest.SeverityWarning}[i%2]
	}
	all = append(all, all...)
	var got []string
	for _, m := range feed(t, all, []int{2}, nil).Loud() {
		got = append(got, m.Quote)
	}
	if diff := cmp.Diff([]string{"a", "c", "e"}, got); diff != "" {
		t.Errorf("loud records (-want +got):\n%s", diff)
	}
}

func benchRecords(n int) ([]ingest.Record, int64) {
	var text strings.Builder
	at := time.Date(2012, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&text, "<![LOG[Evaluating assignment {%08X-0000-4000-8000-%012d} for machine policy, state %d]LOG]!><time=\"%s.000-060\" date=\"03-01-2012\" component=\"PolicyAgent\" context=\"\" type=\"1\" thread=\"%d\" file=\"event.cpp:%d\">\r\n",
			i*2654435761, i, i%7, at.Format("15:04:05"), 1000+i%9, i%800)
	}
	all := records(text.String(), 1)
	for i := range all {
		r := &all[i]
		r.Text = r.Raw[7:bytes.Index(r.Raw, []byte("]LOG]!>"))]
	}
	return all, int64(text.Len())
}

func benchSignals() []match.Signal {
	var out []match.Signal
	for i := range 100 {
		out = append(out, match.Signal{
			Name: fmt.Sprintf("bench/signal-%d", i), Kinds: []string{string(ingest.KindLogCCM)},
			Literals: []string{fmt.Sprintf("signal literal number %d", i)}, Pattern: fmt.Sprintf(`number %d failed with (?P<code>0x[0-9a-f]+)`, i),
		})
	}
	return out
}

// TestNoAllocation holds records without a hit to what the collector has already allocated.
func TestNoAllocation(t *testing.T) {
	all, _ := benchRecords(256)
	c, err := facts.NewCollector(benchSignals(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sink := c.Sink(&ingest.Artifact{Path: "a.log", Kind: ingest.KindLogCCM})
	sink.Records(all)
	if n := testing.AllocsPerRun(50, func() { sink.Records(all) }); n > 0 {
		t.Errorf("%.1f allocations for 256 records without a hit", n)
	}
}

func BenchmarkCollector(b *testing.B) {
	all, size := benchRecords(25600)
	for _, hits := range []int{0, 1000, 10} {
		b.Run(fmt.Sprintf("one-hit-in-%d", hits), func(b *testing.B) {
			for i := range all {
				all[i].Text = all[i].Raw[7:bytes.Index(all[i].Raw, []byte("]LOG]!>"))]
				if hits > 0 && i%hits == 0 {
					copy(all[i].Text, "signal literal number 42 failed with 0x80070005")
				}
			}
			c, err := facts.NewCollector(benchSignals(), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				a := &ingest.Artifact{Path: "a.log", Kind: ingest.KindLogCCM}
				sink := c.Sink(a)
				for i := 0; i < len(all); i += 256 {
					sink.Records(all[i:min(len(all), i+256)])
				}
				sink.Done(a)
			}
		})
	}
}

// fromNeedle keeps each record from where the needle stands in it.
type fromNeedle struct{ kept []*facts.Match }

func (n *fromNeedle) See(s *facts.Sight) {
	n.kept = append(n.kept, s.KeepFrom(bytes.Index(s.Record.Raw, []byte("needle"))))
}

func (n *fromNeedle) End() any { return n.kept }

// TestKeepFrom quotes the rest of a record: from the place itself in a long line, from the beginning of its line in a short one.
func TestKeepFrom(t *testing.T) {
	long, tail := strings.Repeat("x", 300), strings.Repeat("y", 150)
	for _, tt := range []struct {
		name  string
		text  string
		lines int
		line  int
		quote string
	}{
		{"short-line", "a needle b\n", 1, 1, "a needle b"},
		{"several-lines", "first\nsecond needle\nthird\n", 3, 2, "second needle third"},
		{"long-line", long + "needle" + tail + "\n", 1, 1, "needle" + tail},
		{"end-of-a-long-line", long + "needle\n" + tail + "\n", 2, 1, long[:95] + "needle " + tail}, // as much before as the line lacks behind
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := facts.Watch{Check: "test", Kinds: []ingest.Kind{ingest.KindLogText}, Every: true, New: func(*ingest.Artifact) facts.Observer { return new(fromNeedle) }}
			f := feed(t, records(tt.text, tt.lines), []int{1}, needle, w)
			kept := facts.Observed[[]*facts.Match](f, "test")[0].Value
			if got := kept[0]; got.Ref.Line != tt.line || got.Quote != tt.quote {
				t.Errorf("line %d is quoted as %q, want line %d as %q", got.Ref.Line, got.Quote, tt.line, tt.quote)
			}
		})
	}
}
