package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		id string
		ok bool
	}{
		{"configmgr-provisioning-mode", true},
		{"sms-2-mixed", true},
		{"single", false},
		{"Upper-case", false},
		{"under_score", false},
		{"dash-", false},
		{"../escape", false},
		{"no-certificate", false},
		{"agent-on-windows", false}, // agent_on_windows.go is compiled on Windows only
		{"agent-arm64", false},
		{"agent-self-test", false},
		{"", false},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			if err := validate(test.id); (err == nil) != test.ok {
				t.Errorf("got %v, want ok %v", err, test.ok)
			}
		})
	}
}

// TestCreate begins a check and compiles it in the place where it belongs.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	if err := create(&said, dir, "vendor-bad-state"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "vendorBadState") {
		t.Errorf("does not name the variable: %s", said.String())
	}
	source := filepath.Join(dir, "vendor_bad_state.go")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "findings", "checks", "vendor_bad_state.go"): source,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"list", "-overlay", overlay, "-f", "{{.GoFiles}}", "./findings/checks"},
		{"build", "-overlay", overlay, "./findings/checks"},
	} {
		command := exec.Command("go", args...)
		command.Dir = root
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("the check does not compile: go %s: %v\n%s", args[0], err, out)
		}
		if args[0] == "list" && !bytes.Contains(out, []byte("vendor_bad_state.go")) {
			t.Fatalf("the compiler does not see the check among %s", out)
		}
	}

	fixture, err := txtar.ParseFile(filepath.Join(dir, "testdata", "vendor-bad-state.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var wants []string
	for _, f := range fixture.Files {
		if name, ok := strings.CutSuffix(f.Name, "/want"); ok {
			wants = append(wants, name)
		}
	}
	if diff := cmp.Diff([]string{"confirmed", "suspected", "near-miss-one", "near-miss-two", "ruled-out", "not-evaluated"}, wants); diff != "" {
		t.Errorf("cases of the fixture (-want +got):\n%s", diff)
	}
}

// TestCreateKeepsFiles shows that a file that exists stays as it is, and that nothing is written beside it.
func TestCreateKeepsFiles(t *testing.T) {
	dir := t.TempDir()
	fixture := filepath.Join(dir, "testdata", "vendor-bad-state.txtar")
	if err := os.MkdirAll(filepath.Dir(fixture), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fixture, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(io.Discard, dir, "vendor-bad-state"); err == nil {
		t.Error("no error for a file that exists")
	}
	if data, err := os.ReadFile(fixture); err != nil || string(data) != "mine" {
		t.Errorf("the file now holds %q (%v)", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "vendor_bad_state.go")); err == nil {
		t.Error("the check was written all the same")
	}
}
