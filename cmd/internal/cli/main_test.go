package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook/index/query"
	"casebook/internal/docscheck"
	"casebook/internal/fixture"
	"casebook/internal/scriptcmd"
)

// program is the one that is tested.
var program = Program{Name: "casebook", Version: "devel"}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"casebook": program.Main})
}

// TestScripts runs the scripts of testdata/script, each of which shows one behaviour of the command line.
func TestScripts(t *testing.T) {
	root := docscheck.Root(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values["t"] = e.T()
			e.Setenv(scriptcmd.Samples, filepath.Join(root, "testdata", "samples"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".temp"))
			return os.Mkdir(filepath.Join(e.WorkDir, ".temp"), 0o700)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  scriptcmd.Exits,
			"pack":   packZip,
			"zip":    zipped,
			"sample": scriptcmd.Sample,
			"bytes":  makeBytes,
			"cut":    cut,
			"damage": damage,
			"report": checkReports,
			"diffs":  checkDiffs,
			"same":   same,
			"clean":  clean,
			"guide":  guide,
		},
	})
}

// guide runs the command lines of the guide to the query language.
func guide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: guide")
	}
	n := 0
	for _, s := range query.Guide() {
		for _, e := range s.Examples {
			if !strings.HasPrefix(e.Query, "casebook ") {
				continue
			}
			n++
			var words []string
			for i, part := range strings.Split(e.Query, "'") { // what stands in quotes is every other part
				if i%2 == 1 {
					words = append(words, part)
				} else {
					words = append(words, strings.Fields(part)...)
				}
			}
			ts.Logf("%s", e.Query)
			ts.Check(ts.Exec(words[0], words[1:]...))
		}
	}
	if n == 0 {
		ts.Fatalf("the guide has no command line")
	}
}

// packZip packs a folder of a script's texts as internal/fixture does: pack ZIP FOLDER.
func packZip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pack ZIP FOLDER")
	}
	folder := ts.MkAbs(args[1])
	var files []txtar.File
	ts.Check(filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, txtar.File{Name: filepath.ToSlash(name), Data: data})
		return err
	}))
	data, err := fixture.Zip(files)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// zipped packs a folder as it is: zip ZIP FOLDER.
func zipped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: zip ZIP FOLDER")
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	ts.Check(errors.Join(w.AddFS(os.DirFS(ts.MkAbs(args[1]))), w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// makeBytes writes a file of a size: bytes FILE random|nul|a SIZE. With a file that exists already the bytes are appended.
func makeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: bytes FILE random|nul|a SIZE")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	var data []byte
	switch args[1] {
	case "random":
		r := rand.New(rand.NewPCG(1, 2))
		for range n {
			data = append(data, byte(r.Uint32()))
		}
	case "nul":
		data = make([]byte, n)
	case "a":
		data = bytes.Repeat([]byte("a"), n)
	default:
		ts.Fatalf("unknown bytes %q", args[1])
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.Write(data)
	ts.Check(errors.Join(err, f.Close()))
}

// cut leaves the first bytes of a file: cut FILE SIZE, or cut FILE PERCENT%.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE SIZE|PERCENT%%")
	}
	file := ts.MkAbs(args[0])
	percent, relative := strings.CutSuffix(args[1], "%")
	n, err := strconv.ParseInt(percent, 10, 64)
	ts.Check(err)
	if relative {
		info, err := os.Stat(file)
		ts.Check(err)
		n = info.Size() * n / 100
	}
	ts.Check(os.Truncate(file, n))
}

// damage rewrites a zip so that one member can't be read: damage crc|encrypted ZIP MEMBER.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage crc|encrypted ZIP MEMBER")
	}
	in, err := zip.OpenReader(ts.MkAbs(args[1]))
	ts.Check(err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	found := false
	for _, f := range in.File {
		if f.Name != args[2] {
			ts.Check(w.Copy(f))
			continue
		}
		found = true
		h := f.FileHeader
		switch args[0] {
		case "crc":
			h.CRC32 = crc32.ChecksumIEEE([]byte(f.Name))
		case "encrypted":
			h.Flags |= 1
		default:
			ts.Fatalf("unknown damage %q", args[0])
		}
		raw, err := f.OpenRaw()
		ts.Check(err)
		to, err := w.CreateRaw(&h)
		ts.Check(err)
		_, err = io.Copy(to, raw)
		ts.Check(err)
	}
	if !found {
		ts.Fatalf("%s has no member %q", args[1], args[2])
	}
	ts.Check(errors.Join(w.Close(), in.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o600))
}

// checkReports holds reports against the schema: report FILE…, where FILE is a report.json, or stdout.
func checkReports(ts *testscript.TestScript, neg bool, args []string) {
	t, ok := ts.Value("t").(testing.TB)
	if neg || len(args) == 0 || !ok {
		ts.Fatalf("usage: report FILE…")
	}
	for _, file := range args {
		d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
		n := 0
		for d.More() {
			var one json.RawMessage
			ts.Check(d.Decode(&one))
			docscheck.Report(t, one)
			n++
		}
		if n == 0 {
			ts.Fatalf("%s holds no report", file)
		}
	}
}

// checkDiffs holds comparisons against their schema: diffs FILE….
func checkDiffs(ts *testscript.TestScript, neg bool, args []string) {
	t, ok := ts.Value("t").(testing.TB)
	if neg || len(args) == 0 || !ok {
		ts.Fatalf("usage: diffs FILE…")
	}
	for _, file := range args {
		docscheck.Diff(t, []byte(ts.ReadFile(file)))
	}
}

// same checks that two folders hold the same files: same FOLDER FOLDER.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same FOLDER FOLDER")
	}
	var lists [2][]string
	for i, folder := range args {
		root := ts.MkAbs(folder)
		ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			lists[i] = append(lists[i], fmt.Sprintf("%s %d %08x", name, len(data), crc32.ChecksumIEEE(data)))
			return err
		}))
	}
	if !slices.Equal(lists[0], lists[1]) {
		ts.Fatalf("%s holds\n%s\n%s holds\n%s", args[0], strings.Join(lists[0], "\n"), args[1], strings.Join(lists[1], "\n"))
	}
}

// clean checks that no temporary file and no half-made folder is left below the script's folder or the one that is named: clean [FOLDER].
func clean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: clean [FOLDER]")
	}
	folder := "."
	if len(args) == 1 {
		folder = args[0]
	}
	left, err := os.ReadDir(ts.Getenv("TMPDIR"))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("temporary files are left: %v", left)
	}
	ts.Check(filepath.WalkDir(ts.MkAbs(folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".partial-") {
			return fmt.Errorf("%s is left", path)
		}
		return err
	}))
}
