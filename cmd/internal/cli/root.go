package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"casebook/index"
	"casebook/web/serve"
)

// Exit statuses, as the help text lists them.
const (
	exitOK          = 0
	exitFindings    = 1 // a confirmed finding is at or above --fail-on; search, similar: nothing found
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

// Program is a casebook binary: the commands of all, and what it has beyond them.
type Program struct {
	Name     string                      // casebook or casebook-fleet
	Version  string                      // set by the build
	Commands func(*App) []*cobra.Command // further ones; may be nil
	// Stores opens archives that are no folder, by the scheme of their address: what stands before ://. It may be nil.
	Stores map[string]func(ctx context.Context, address string) (index.Store, error)
	// Workers adds flags to serve, and returns what opens the workers that analyse uploads, and what closes them; workers are nil if the flags name none. It may be nil.
	Workers func(c *cobra.Command) func(ctx context.Context, log *slog.Logger) (workers serve.Workers, done func(), err error)
}

// App is what all commands share: the program, where they write, and the global flags.
type App struct {
	Program
	in       io.Reader
	out, err io.Writer
	tty      *os.File // stdout if that is a terminal, else nil

	quiet, verbose, json, noProgress bool
	color                            string

	code int // exit status of a command that did its work
}

// usageError is a wrong use of the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs the command line args, without the program's name, and returns the exit status.
func (p Program) Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	results := &results{w: out}
	a := &App{Program: p, in: in, out: results, err: errOut, tty: terminal(out)}
	root := a.root()
	root.SetArgs(keepNegative(root, args))
	root.SetIn(in)
	root.SetOut(results)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case results.err != nil: // whatever else is wrong, who asked does not get the answer
		if !isClosedPipe(results.err) {
			a.complain(fmt.Errorf("write the result: %w", results.err))
		}
		return exitUsage
	case err != nil && ctx.Err() != nil:
		if errors.Is(err, ctx.Err()) {
			err = errors.New("interrupted")
		}
		a.complain(err)
		return exitInterrupted
	case err == nil:
		return a.code
	}
	a.complain(err)
	if errors.As(err, &usage) || a.code == exitOK {
		return exitUsage
	}
	return a.code
}

// complain prints an error for people.
func (a *App) complain(err error) { fmt.Fprintf(a.err, "casebook: %v\n", err) }

// waiting tells who holds the archive's lock.
func (a *App) waiting(h index.Holder) {
	if !a.quiet {
		fmt.Fprintf(a.err, "casebook: the archive is locked by %s; waiting\n", printable(h.String()))
	}
}

// results is stdout. It remembers the first error, so that not every print has to be looked at.
type results struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (r *results) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}

func (a *App) root() *cobra.Command {
	c := &cobra.Command{
		Use:   a.Name,
		Short: "Offline analyzer of Windows support bundles",
		Long: `casebook opens what a customer sent (a zip, a folder, a loose log or hive), finds the cause of known problems
and shows the evidence line by line. It needs no network and no Windows.

'casebook BUNDLE', and a bundle that is dropped on the program, is analysed with the report beside it, which is then shown in the browser.

` + exitHelp,
		Version:       a.Version,
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
	c.SetFlagErrorFunc(flagError)
	c.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	w := a.page()
	c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", w.width)))
	c.SetHelpFunc(func(c *cobra.Command, _ []string) {
		w.prose(cmp.Or(c.Long, c.Short))
		w.line("", "")
		fmt.Fprint(a.out, c.UsageString())
	})
	f := c.PersistentFlags()
	f.BoolVarP(&a.quiet, "quiet", "q", false, "only results and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "tell what is done, and why checks did not fire")
	f.BoolVar(&a.json, "json", false, "machine-readable result on stdout")
	f.BoolVar(&a.noProgress, "no-progress", false, "no progress display")
	f.StringVar(&a.color, "color", "auto", "colour the result: `WHEN` is auto, always or never; NO_COLOR is honoured")
	group(c, a.analyze(), a.batch(), a.open(), a.render(), a.ask(), a.search(), a.similar(), a.note(), a.serve(), a.archive(), a.verify(), a.diff(), a.hive(), a.checks(), a.explain())
	if a.Commands != nil {
		c.AddCommand(a.Commands(a)...)
	}
	unknown, help := c.Args, c.RunE
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 && isThere(args[0]) {
			for _, u := range args {
				if !isThere(u) {
					return usagef("there is no %q to analyse", u)
				}
			}
			return nil
		}
		if len(args) > 0 && strings.ContainsAny(args[0], `/\.`) { // no command has such a name
			return usagef("there is no %q to analyse", args[0])
		}
		return unknown(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return help(c, args)
		}
		var f analyzeFlags
		a.analyzeInto(&f) // for the defaults
		return a.dropped(c.Context(), args, f)
	}
	return c
}

// group makes c a command that only holds others: alone it prints its help, with anything else it says that there is no such command.
func group(c *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	c.AddCommand(subcommands...)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var known []string
		for _, sub := range c.Commands() {
			known = append(known, sub.Name())
		}
		return usagef("%s has no command %q%s; see '%s --help'", c.CommandPath(), args[0], nearest(args[0], known), c.CommandPath())
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// flagName finds the flags in a command's usage text.
var flagName = regexp.MustCompile(`--[a-z][a-z-]*`)

// flagError says what is wrong with a flag, and which one may have been meant.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	if wrong, ok := strings.CutPrefix(text, "unknown flag: "); ok {
		known := flagName.FindAllString(c.Flags().FlagUsages(), -1)
		return usagef("%s has no flag %s%s; see '%s --help'", c.CommandPath(), wrong, nearest(wrong, known), c.CommandPath())
	}
	if wrong, ok := strings.CutPrefix(text, "unknown shorthand flag: "); ok && c.Name() == "search" {
		_, query, _ := strings.Cut(wrong, " in ")
		return usagef("%s has no flag %s; a query that begins with a minus stands behind --, as in %s -- %s", c.CommandPath(), query, c.CommandPath(), shellWord(query))
	}
	// What follows the flag is the number parser's own message.
	if value, rest, ok := strings.Cut(strings.TrimPrefix(text, "invalid argument "), " for "); ok && value != text {
		name, _, _ := strings.Cut(rest, " flag")
		return usagef("%s can't be %s; see '%s --help'", strings.Trim(name, `"`), value, c.CommandPath())
	}
	return usageError{err}
}

// shellWord is a word of a command line in quotes.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// nearest asks whether the most similar word was meant; "" if none is like it: more edits than two make another word.
func nearest(wrong string, words []string) string {
	meant, least := "", 3
	for _, w := range words {
		if d := distance(wrong, w); d < least {
			meant, least = " (did you mean "+w+"?)", d
		}
	}
	return meant
}

// distance counts the characters to insert, remove or replace to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// exactly is a cobra argument check with a sentence for those who got it wrong.
func exactly(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usagef("%s takes %s; see '%s --help'", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

// log returns the logger for diagnostics.
func (a *App) log() *slog.Logger {
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
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// paint returns how text on stdout is coloured.
func (a *App) paint() palette {
	on := a.color == "always" || a.color == "auto" && os.Getenv("NO_COLOR") == "" && a.tty != nil && os.Getenv("TERM") != "dumb"
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
