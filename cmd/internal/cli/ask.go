package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/findings/collect"
	"casebook/internal/safeio"
)

func (a *App) ask() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "ask REPORT",
		Short: "Print the request to the customer and write its collection script",
		Long: `Prints what a report asks the customer for, ready to send, and writes a script that collects it: plain lines for the command prompt of Windows XP and
later, with Windows' own tools only. REPORT is a report.json or its folder; the script goes beside it as ` + collect.ScriptFile + `, or to FILE.

The customer runs the script as administrator. It gathers everything in one folder below %PUBLIC%, with a manifest that names the computer, its clock and its code
pages, and says which file or folder to send. Analyse the reply together with the first upload, and with the same case ID: what was suspected is then settled.

What the script may run is a closed list of commands that only read. A line of the request that is none of them stays with the customer, and the request says so.

Exit status: 0 done, also if there is nothing to ask for; 2 the command was used wrongly.`,
		Example: `  casebook ask ticket-report > mail.txt
  casebook ask ticket-report/report.json -o collect-48213.cmd
  casebook analyze ticket.zip casebook-48213.zip --case 48213`,
		Args: exactly(1, 1, "a report.json or its folder"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runAsk(args[0], out) },
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the script to `FILE` (default "+collect.ScriptFile+" beside the report)")
	return c
}

// askJSON is the result as --json shows it.
type askJSON struct {
	Case   string    `json:"case"`
	Text   string    `json:"text"`   // as it is printed
	Script string    `json:"script"` // the script's path; "" if there is none
	Items  []itemAsk `json:"items"`
}

type itemAsk struct {
	findings.RequestItem
	Steps  []string `json:"steps"`   // what the script runs or copies for it
	ByHand []string `json:"by_hand"` // what is left to the customer
}

func (a *App) runAsk(path, out string) error {
	r, err := readReport(path)
	if err != nil {
		return usageError{err}
	}
	plan := collect.Make(r)
	result := askJSON{Case: r.CaseID(), Text: r.Request.Text, Items: []itemAsk{}}
	for i, it := range r.Request.Items {
		one := itemAsk{RequestItem: it, Steps: []string{}, ByHand: append([]string{}, plan.Items[i].ByHand...)}
		for _, s := range plan.Items[i].Steps {
			one.Steps = append(one.Steps, s.String())
		}
		result.Items = append(result.Items, one)
	}
	if plan.Automatic() {
		if out == "" {
			out = filepath.Join(reportDir(path), collect.ScriptFile)
		}
		if err := writeScript(out, plan.Script()); err != nil {
			return usageError{err}
		}
		result.Script = out
		result.Text += "\n" + accompanying(plan, filepath.Base(out))
	}
	if a.json {
		return a.writeJSON(result)
	}
	if result.Text == "" {
		fmt.Fprintln(a.out, "Nothing is to be asked for: the report has no suspected finding, and no check that lacks data knows anything worth asking for.")
		return nil
	}
	for line := range strings.Lines(result.Text) {
		fmt.Fprintln(a.out, printable(strings.TrimRight(line, "\r\n")))
	}
	if result.Script != "" && !a.quiet {
		fmt.Fprintf(a.err, "The script is %s. Analyse the reply together with the first upload: casebook analyze FIRST REPLY --case %s\n", printable(relative(out)), caseFlag(r))
	}
	return nil
}

// accompanying is the paragraph of the request that says what the script does.
func accompanying(p collect.Plan, script string) string {
	var done, hand []string
	for i, it := range p.Items {
		n := strconv.Itoa(i + 1)
		if len(it.Steps) > 0 {
			done = append(done, n)
		}
		if len(it.ByHand) > 0 {
			hand = append(hand, n)
		}
	}
	text := fmt.Sprintf("Or run the attached script %s as an administrator (Windows Vista and later: right click, Run as administrator): it collects %s by itself, and says at its end which file or folder to send.",
		script, numbered(done))
	if len(hand) > 0 {
		text += fmt.Sprintf(" What stands under %s is, in whole or in part, left to you.", numbered(hand))
	}
	return text + "\n"
}

// numbered lists the numbers of items.
func numbered(list []string) string {
	if len(list) == 1 {
		return "number " + list[0]
	}
	return "numbers " + strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// caseFlag is the case's ID as it may be typed, a word for it if the report has none of its own.
func caseFlag(r *findings.Report) string {
	if r.Case == "" {
		return "ID"
	}
	return printable(r.Case)
}

// reportDir is the folder of a report.
func reportDir(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// writeScript writes the script. Of what is there already it replaces only such a script.
func writeScript(path string, data []byte) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("write the script: %w", err)
	default:
		old, err := safeio.ReadAll(f, 1<<20)
		_ = f.Close() // it was only read
		if err != nil || !bytes.HasPrefix(old, []byte(collect.Mark)) {
			return fmt.Errorf("%q exists and is no collection script; choose another file with -o", path)
		}
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return nil
}
