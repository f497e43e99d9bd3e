package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit statuses, as the help text lists them.
const (
	exitOK          = 0
	exitFindings    = 1 // a confirmed finding is at or above --fail-on; search: no hit
	exitUsage       = 2
	exitSome        = 3 // some bundle could not be analysed at all
	exitNone        = 4 // none could be
	exitInterrupted = 130
)

const exitHelp = `Exit status:
  0    done, whatever was found
  1    done, and a confirmed finding is at or above --fail-on; search: no hit
  2    the command was used wrongly
  3    some bundle could not be analysed at all, the others were
  4    none could be
  130  interrupted`

// app is what all commands share: where they write, and the global flags.
type app struct {
	in       io.Reader
	out, err io.Writer

	quiet, verbose, json, noProgress bool
	color                            string

	code int // exit status of a command that did its work
}

// usageError is a wrong use of the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, err: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "casebook: interrupted; nothing was written")
		return exitInterrupted
	case err == nil:
		return a.code
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "casebook: %v\n", err)
		return exitUsage
	case a.code != exitOK:
		fmt.Fprintf(errOut, "casebook: %v\n", err)
		return a.code
	}
	fmt.Fprintf(errOut, "casebook: %v\n", err)
	return exitUsage
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "casebook",
		Short: "Offline analyzer of Windows support bundles",
		Long: `casebook opens what a customer sent (a zip, a folder, a loose log or hive), finds the cause of known problems
and shows the evidence line by line. It needs no network and no Windows.

` + exitHelp,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch a.color {
			case "auto", "always", "never":
				return nil
			}
			return usagef("--color is auto, always or never, not %q", a.color)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	c.SetVersionTemplate("casebook {{.Version}}\n")
	f := c.PersistentFlags()
	f.BoolVarP(&a.quiet, "quiet", "q", false, "only results and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "tell what is done")
	f.BoolVar(&a.json, "json", false, "machine-readable result on stdout")
	f.BoolVar(&a.noProgress, "no-progress", false, "no progress display")
	f.StringVar(&a.color, "color", "auto", "colour: auto, always or never (NO_COLOR is honoured)")
	c.AddCommand(a.analyze(), a.search(), a.verify(), a.hive(), a.checks())
	return c
}

// exactly is a cobra argument check with a sentence for those who got it wrong.
func exactly(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usagef("%s takes %s; see 'casebook %s --help'", c.Name(), what, strings.TrimPrefix(c.CommandPath(), "casebook "))
		}
		return nil
	}
}

// log returns the logger for diagnostics.
func (a *app) log() *slog.Logger {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	if a.quiet {
		level = slog.LevelError
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// terminal returns the terminal behind w, nil if there is none.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // a file descriptor fits an int
		return f
	}
	return nil
}

// paint returns how text on stdout is coloured.
func (a *app) paint() palette {
	on := a.color == "always" || a.color == "auto" && os.Getenv("NO_COLOR") == "" && terminal(a.out) != nil && os.Getenv("TERM") != "dumb"
	return palette(on)
}

// palette colours text on a terminal; false leaves it plain.
type palette bool

func (p palette) sgr(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bad(s string) string   { return p.sgr("1;31", s) }
func (p palette) warn(s string) string  { return p.sgr("1;33", s) }
func (p palette) good(s string) string  { return p.sgr("32", s) }
func (p palette) faint(s string) string { return p.sgr("2", s) }
func (p palette) bold(s string) string  { return p.sgr("1", s) }
