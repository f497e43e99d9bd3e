package safeio_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"casebook/internal/safeio"
)

func TestReadAll(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		r     io.Reader
		limit int64
		want  string
		err   error
	}{
		"shorter":        {strings.NewReader("abc"), 4, "abc", nil},
		"exact":          {strings.NewReader("abcd"), 4, "abcd", nil},
		"longer":         {strings.NewReader("abcde"), 4, "abcd", safeio.ErrLimit},
		"empty":          {strings.NewReader(""), 0, "", nil},
		"nothing wanted": {strings.NewReader("a"), 0, "", safeio.ErrLimit},
		"negative":       {strings.NewReader("a"), -1, "", safeio.ErrLimit},
		"byte by byte":   {iotest.OneByteReader(strings.NewReader("abcde")), 4, "abcd", safeio.ErrLimit},
		"error":          {io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken)), 4, "ab", broken},
		"error at limit": {io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(broken)), 4, "abcd", broken},
		"endless":        {endless{}, 3, "xxx", safeio.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := safeio.ReadAll(tc.r, tc.limit)
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

func TestNumbers(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, off := range []int{-1, 8, 9, math.MaxInt} {
		if _, ok := safeio.U16(b, off); ok {
			t.Errorf("U16 at %d", off)
		}
		if _, ok := safeio.U32(b, off); ok {
			t.Errorf("U32 at %d", off)
		}
		if _, ok := safeio.U64(b, off); ok {
			t.Errorf("U64 at %d", off)
		}
	}
	u16, ok1 := safeio.U16(b, 7)
	u32, ok2 := safeio.U32(b, 5)
	u64, ok3 := safeio.U64(b, 1)
	if u16 != 0x0908 || u32 != 0x09080706 || u64 != 0x0908070605040302 || !ok1 || !ok2 || !ok3 {
		t.Errorf("%x %x %x", u16, u32, u64)
	}
	if _, ok := safeio.U16(nil, 0); ok {
		t.Error("U16 of nothing")
	}
}

func TestSlice(t *testing.T) {
	b := []byte("abcd")
	for _, tc := range []struct {
		off, n int64
		want   string
		ok     bool
	}{
		{0, 4, "abcd", true},
		{1, 2, "bc", true},
		{4, 0, "", true},
		{4, 1, "", false},
		{5, 0, "", false},
		{-1, 1, "", false},
		{1, -1, "", false},
		{1, math.MaxInt64, "", false},
		{math.MaxInt64, 1, "", false},
	} {
		got, ok := safeio.Slice(b, tc.off, tc.n)
		if string(got) != tc.want || ok != tc.ok || cap(got) != len(got) {
			t.Errorf("%d+%d: %q %v, capacity %d", tc.off, tc.n, got, ok, cap(got))
		}
	}
}

func TestUTF16LE(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"ASCII":             {"a\x00b\x00", "ab"},
		"NUL is kept":       {"a\x00\x00\x00b\x00", "a\x00b"},
		"umlaut":            {"\xe4\x00", "ä"},
		"Cyrillic":          {"\x16\x04\x30\x04", "Жа"},
		"surrogate pair":    {"\x3d\xd8\xa9\xdc", "💩"},
		"lone high":         {"\x3d\xd8a\x00", "\ufffda"},
		"lone low":          {"\xa9\xdca\x00", "\ufffda"},
		"high at the end":   {"\x3d\xd8", "\ufffd"},
		"odd byte left out": {"a\x00b", "a"},
		"empty":             {"", ""},
		"one byte":          {"a", ""},
		"byte order mark":   {"\xff\xfea\x00", "\ufeffa"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := safeio.UTF16LE([]byte(tc.in)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzUTF16LE(f *testing.F) {
	f.Add("aЖ💩\x00")
	f.Fuzz(func(t *testing.T, s string) {
		valid := strings.ToValidUTF8(s, "?")
		if got := safeio.UTF16LE(safeio.AppendUTF16LE(nil, valid)); got != valid {
			t.Errorf("%q became %q", valid, got)
		}
		_ = safeio.UTF16LE([]byte(s))
	})
}

func TestFiletime(t *testing.T) {
	for ft, want := range map[uint64]string{
		0:                  "0001-01-01T00:00:00Z",
		1:                  "1601-01-01T00:00:00.0000001Z",
		116444736000000000: "1970-01-01T00:00:00Z",
		116444735999999999: "1969-12-31T23:59:59.9999999Z",
		129758191601496853: "2012-03-10T02:12:40.1496853Z",
		math.MaxInt64:      "30828-09-14T02:48:05.4775807Z",
		1 << 63:            "0001-01-01T00:00:00Z",
		math.MaxUint64:     "0001-01-01T00:00:00Z",
	} {
		got := safeio.Filetime(ft)
		if s := got.Format(time.RFC3339Nano); s != want || got.Location() != time.UTC {
			t.Errorf("%d is %s, want %s", ft, s, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		`plain`:         `"plain"`,
		`C:\a "b"`:      `"C:\\a \"b\""`,
		"it's":          `"it's"`,
		"a\nb\x00\x1b[": `"a\nb\x00\x1b["`,
		"Жа ä 漢":        `"Жа ä 漢"`,
		"\u202egnp.exe": `"\u202egnp.exe"`,
		"\u2066x\u2069": `"\u2066x\u2069"`,
		"\u200bx\ufeff": `"\u200bx\ufeff"`,
		"\xff\xfe":      `"\xff\xfe"`,
		"\ufffd":        "\"\ufffd\"",
		"\U000e0001":    `"\U000e0001"`,
		"":              `""`,
	} {
		if got := safeio.Quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		back, err := strconv.Unquote(safeio.Quote(s))
		if err != nil || back != s {
			t.Errorf("%q became %q (%v)", s, back, err)
		}
	})
}
