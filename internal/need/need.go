// Package need says what a test needs of the machine beyond Go: foreign programs, a browser, the corpus of real files.
//
// A test that lacks something is skipped with one sentence that says what was missing and how to get it. Where the environment variable
// CASEBOOK_REQUIRE_TOOLS is 1, as in CI, a missing program or browser fails the test instead, so that nothing is skipped that could have
// run; the corpus can't be installed, so without it tests are skipped everywhere. Only tests import this package.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// packages names the Debian package of each program that tests call.
var packages = map[string]string{
	"hivexget":  "libhivex-bin",
	"hivexml":   "libhivex-bin",
	"hivexsh":   "libhivex-bin",
	"reglookup": "reglookup",
	"rg":        "ripgrep",
	"unzip":     "unzip",
	"hyperfine": "hyperfine",
	"chromium":  "chromium",
	"pdftotext": "poppler-utils",
	"mvn":       "maven",
	"java":      "default-jdk-headless",
	"javac":     "default-jdk-headless",
}

// browsers are the programs that can draw a report, in the order of preference.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// browserPlaces are absolute paths of browsers that are installed outside PATH.
var browserPlaces = []string{
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
}

// Tool returns the path of a foreign program. Without it the test is skipped, or fails where everything is required.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		from := ""
		if p := packages[name]; p != "" {
			from = " (Debian package " + p + ")"
		}
		missing(t, "needs the program %s%s, which is not in PATH", name, from)
	}
	return path
}

// Browser returns the path of a Chromium or Chrome: $CASEBOOK_BROWSER if that is set, else the first one found. Without one
// the test is skipped, or fails where everything is required.
func Browser(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("CASEBOOK_BROWSER"); path != "" {
		return path
	}
	for _, name := range slices.Concat(browsers, browserPlaces) {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "needs a Chromium or Chrome in PATH, or its path in CASEBOOK_BROWSER")
	return ""
}

// Axe returns the source of axe-core, which tells of a page what bars people from it: $CASEBOOK_AXE if that names its file, else what `make axe` has
// put into the build folder of the checkout. Without it the test is skipped, or fails where everything is required.
func Axe(t testing.TB) string {
	t.Helper()
	path := os.Getenv("CASEBOOK_AXE")
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || filepath.Dir(dir) == dir {
				break
			}
		}
		path = filepath.Join(dir, "build", "axe", "axe.min.js")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		missing(t, "needs axe-core: make axe, or its path in CASEBOOK_AXE")
	}
	return string(source)
}

// Corpus returns the absolute path of the folder with real hives, logs and archives, whose MANIFEST.tsv names the origin
// of each, joined with the elements of a path below it. The folder is $CASEBOOK_CORPUS, which `make` sets where the corpus lies beside the
// checkout; without it the test is skipped. A path that is set and not there fails the test.
func Corpus(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("CASEBOOK_CORPUS")
	if root == "" {
		t.Skip("needs the corpus of real files: set CASEBOOK_CORPUS to its folder")
	}
	if !filepath.IsAbs(root) {
		t.Fatalf("CASEBOOK_CORPUS=%q: write an absolute path; tests run in the folder of their package", root)
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("CASEBOOK_CORPUS: %v", err)
	}
	return path
}

// missing skips the test, or fails it where everything is required.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CASEBOOK_REQUIRE_TOOLS") == "1" {
		t.Fatalf("CASEBOOK_REQUIRE_TOOLS=1: "+format, args...)
	}
	t.Skipf(format, args...)
}
