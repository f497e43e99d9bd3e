package wincode_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/need"
	"casebook/internal/wincode"
)

// wantCorpus is everything that is taken for a code in the real logs, by the folder of the corpus: what is written, and its form.
var wantCorpus = map[string]string{
	"logs-cmtrace": `
		0x80000002 code, 0x80000003 code, 0x80000004 code, 0x80000005 code, 0x80000006 code, 0x80000007 code, 0x80000008 code, 0x80000009 code,
		0x80000014 code, 0x80000016 code, 0x80004005 code, 0x80010001 code, 0x80010002 code, 0x80010003 code, 0x80010004 code, 0x80010005 code,
		0x80070002 code, 0x80070005 code, 0x8007000D code, 0x80070020 code, 0x80070057 code, 0x80070070 code, 0x80070643 code, 0x80072EE2 code,
		0x80072EE7 code, 0x80072EFD code, 0x80073CF9 code, 0x800B0109 code, 0x800f0922 code, 0x80240022 code, 0x87D00215 code, 0x87D00269 code,
		0x87D1041C code, 0x87D30067 code, 1 program, 1603 program, 200 program, 3010 program, 404 program, 429 program`,
	"logs-msi": `
		-2147287035 code, -2147287038 code, 1058 program, 1314 message, 1321 message, 1402 message, 1631 program, 1707 message, 1715 message, 2 code,
		2203 message, 2205 message, 2228 message, 2262 message, 2265 message, 2318 message, 2727 message, 2826 message, 2898 message,
		2911 message`,
	"logs-other": `
		0x00000002 code, 0x00000005 code, 0x00000020 code, 0x00000bc3 code, 0x2 code, 0x80000005 code, 0x8000001a code, 0x8000401a code, 0x80040154 code,
		0x80070002 code, 0x8007000d code, 0x80070015 code, 0x80070032 code, 0x8007007b code, 0x8007007e code, 0x8007007f code, 0x800700e8 code,
		0x800b0109 code, 0xc0000001 code, 0xc0000037 code, 0xc000004b code, 0xe000020b code, 0xe000020e code, 0xe0000241 code, 0xe0000242 code,
		0xffffffff code, 12150 program, 122 program, 1223 program, 1280 program, 2 program, 259 program, 298 program, 3 program, 4 program, 8004da0e code,
		8004da17 code`,
	"logs-sep": `
		`,
}

// TestCorpus finds the codes of the real logs and nothing else: every number that is taken for a code stands in the list, each looked at in its line.
func TestCorpus(t *testing.T) {
	root := need.Corpus(t)
	kinds := map[string]string{"logs-cmtrace": "log/ccm", "logs-msi": "log/msi", "logs-sep": "log/sep-client", "logs-other": "log/text"}
	for _, dir := range slices.Sorted(maps.Keys(kinds)) {
		found := map[string]bool{}
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for line := range strings.Lines(decoded(data)) {
				line = strings.TrimRight(line, "\r\n")
				for _, f := range wincode.Scan(line, wincode.Context{Kind: kinds[dir]}) {
					found[line[f.From:f.To]+" "+formNames[f.Form]] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for item := range strings.SplitSeq(wantCorpus[dir], ",") {
			if item = strings.TrimSpace(item); item != "" {
				want = append(want, item)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
}

// decoded is a log as text; UTF-16 is told by its mark.
func decoded(data []byte) string {
	if !bytes.HasPrefix(data, []byte{0xFF, 0xFE}) {
		return string(data)
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
	}
	return string(utf16.Decode(units))
}
