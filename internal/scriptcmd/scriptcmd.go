// Package scriptcmd has the commands that the test scripts of both programs use. Only tests import it.
package scriptcmd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook/internal/fixture"
)

// Samples is the variable of a script's environment that names the folder of the samples.
const Samples = "SAMPLES"

// Exits runs a command and checks its exit status: exits STATUS COMMAND ARGUMENT…
func Exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARGUMENT…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
}

// Sample packs a sample bundle, or unpacks it if the target is no zip: sample TARGET NAME.
func Sample(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sample TARGET NAME")
	}
	a, err := txtar.ParseFile(filepath.Join(ts.Getenv(Samples), args[1]+".txtar"))
	ts.Check(err)
	if !strings.HasSuffix(args[0], ".zip") {
		for _, f := range a.Files {
			ts.Check(fixture.Write(ts.MkAbs(args[0]), f.Name, f.Data))
		}
		return
	}
	data, err := fixture.Zip(a.Files)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}
