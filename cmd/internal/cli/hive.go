package cli

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/hive"
)

func (a *App) hive() *cobra.Command {
	deleted := false
	ls := &cobra.Command{
		Use: "ls FILE [KEY]", Short: "List a key's subkeys and values", Args: exactly(1, 2, "a file and perhaps a key"),
		Example: `  casebook hive ls SYSTEM "CurrentControlSet\Control\Session Manager"`,
		RunE: func(c *cobra.Command, args []string) error {
			if deleted && len(args) > 1 {
				return usagef("ls --deleted takes no key: which key a deleted one was below is not always known")
			}
			return a.withKey(c.Context(), args[0], strings.Join(args[1:], ""), func(k *hive.Key) error {
				if deleted {
					return a.listDeleted(k.Hive())
				}
				return a.listKey(k)
			})
		},
	}
	get := &cobra.Command{
		Use: "get FILE KEY [VALUE]", Short: "Print a value, or all values of a key", Args: exactly(2, 3, "a file, a key and perhaps a value's name"),
		Example: `  casebook hive get SYSTEM Select Current`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withKey(c.Context(), args[0], args[1], func(k *hive.Key) error {
				if len(args) < 3 {
					return a.printValues(k.Values())
				}
				v, err := k.Value(args[2])
				if err != nil {
					a.code = exitFindings
					return fmt.Errorf("key \"%s\" has no value \"%s\"; 'casebook hive ls' lists its values", printable(k.Path()), printable(args[2]))
				}
				return a.printValue(v)
			})
		},
	}
	ls.Flags().BoolVar(&deleted, "deleted", false, "list what is left of deleted keys and values in the whole hive")
	return group(&cobra.Command{
		Use: "hive", Short: "Look into a registry hive or export, without Windows",
		Long: `Looks into a registry hive, a .reg export or the output of reg query, without Windows. A key's path may begin at the hive's root or with
HKEY_LOCAL_MACHINE, HKEY_CURRENT_USER and the like; CurrentControlSet is the control set in use.

Exit status: 0 done, 1 there is no such key or value, 2 the command was used wrongly, 4 the file could not be read.`,
	}, ls, get, a.hiveExport(), a.hiveFind(), a.hiveInfo())
}

// withKey opens a hive or export and gives the key to do. A path may begin at the hive's root or with HKEY_LOCAL_MACHINE and the like, and
// CurrentControlSet is the control set in use, whether the file is a hive, which has no such key, or an export.
func (a *App) withKey(ctx context.Context, file, path string, do func(*hive.Key) error) error {
	h, err := casebook.OpenHive(ctx, file)
	if err != nil {
		a.code = exitNone
		return err
	}
	if dirty, why := h.Dirty(); dirty && !a.quiet {
		fmt.Fprintf(a.err, "casebook: %q may lack what was written last: %s\n", file, why)
	}
	a.tellDamage(file, h.Problems())
	k := findKey(h, path)
	if k == nil {
		a.code = exitFindings
		return missingKey(h, file, path)
	}
	return do(k)
}

// tellDamage says on stderr that a hive could be read in part only.
func (a *App) tellDamage(file string, problems []hive.Problem) {
	n := len(problems)
	if n == 0 || a.quiet {
		return
	}
	more := ""
	if n > 1 && !a.verbose {
		problems = problems[:1]
		more = fmt.Sprintf("; %d more %s, which --verbose lists", n-1, plural(n-1, "problem"))
	}
	for _, p := range problems {
		fmt.Fprintf(a.err, "casebook: %q is read in part: %s%s\n", file, p, more)
	}
}

// findKey returns the key at a path in the spellings of withKey, nil if there is none.
func findKey(h *hive.Hive, path string) *hive.Key {
	path = strings.Trim(path, `\`)
	if k, err := h.Key(path); err == nil {
		return k
	}
	var r hive.Registry
	r.Add("", h)
	paths := []string{path, string(h.Kind()) + `\` + path}
	root, rest, _ := strings.Cut(path, `\`)
	if at, ok := roots[strings.ToUpper(root)]; ok {
		paths = []string{strings.Trim(at+`\`+rest, `\`)}
	}
	for _, p := range paths {
		if keys := r.Keys(p); len(keys) > 0 {
			return keys[0].Key
		}
	}
	return nil
}

// roots says where the roots of Windows lead in a hive.Registry.
var roots = map[string]string{
	"HKEY_LOCAL_MACHINE": "", "HKLM": "",
	"HKEY_CURRENT_USER": "NTUSER", "HKCU": "NTUSER",
	"HKEY_CLASSES_ROOT": `SOFTWARE\Classes`, "HKCR": `SOFTWARE\Classes`,
	"HKEY_CURRENT_CONFIG": `SYSTEM\CurrentControlSet\Hardware Profiles\Current`, "HKCC": `SYSTEM\CurrentControlSet\Hardware Profiles\Current`,
}

// missingKey says how far a path leads, and what is there.
func missingKey(h *hive.Hive, file, path string) error {
	k := h.Root()
	for above := strings.Trim(path, `\`); strings.Contains(above, `\`); {
		above = above[:strings.LastIndexByte(above, '\\')]
		if found := findKey(h, above); found != nil {
			k = found
			break
		}
	}
	where := "its top keys are"
	if k.Path() != "" {
		where = fmt.Sprintf("the keys in \"%s\" are", printable(k.Path()))
	}
	list := names(k.Subkeys())
	if list == "" {
		return fmt.Errorf("%q has no key \"%s\"; \"%s\" has no subkeys", file, printable(path), printable(k.Path()))
	}
	return fmt.Errorf("%q has no key \"%s\"; %s %s", file, printable(path), where, list)
}

// names lists some keys' names.
func names(keys []*hive.Key) string {
	var out []string
	for i, k := range keys {
		if i == 12 {
			out = append(out, "…")
			break
		}
		out = append(out, printable(k.Name()))
	}
	return strings.Join(out, ", ")
}

// keyJSON and valueJSON are a key and a value as --json shows them.
type keyJSON struct {
	Path        string      `json:"path"`
	LastWritten string      `json:"last_written,omitempty"`
	Subkeys     []string    `json:"subkeys"`
	Values      []valueJSON `json:"values"`
}

type valueJSON struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Data    string   `json:"data"`
	Strings []string `json:"strings,omitempty"`
	Hex     string   `json:"hex"`
	Line    int      `json:"line,omitempty"`

	Replayed bool `json:"replayed,omitempty"` // only a transaction log has it so
}

func asValue(v hive.Value) valueJSON {
	out := valueJSON{Name: v.Name, Type: v.Type.String(), Data: v.Display(), Hex: hex.EncodeToString(v.Data), Line: v.Line, Replayed: v.Replayed}
	if v.Type == hive.TypeMultiSZ {
		out.Strings = v.Strings()
	}
	return out
}

func asKey(k *hive.Key) keyJSON {
	out := keyJSON{Path: k.Path(), LastWritten: stamp(k.LastWritten()), Subkeys: []string{}, Values: []valueJSON{}}
	for _, s := range k.Subkeys() {
		out.Subkeys = append(out.Subkeys, s.Name())
	}
	for _, v := range k.Values() {
		out.Values = append(out.Values, asValue(v))
	}
	return out
}

func (a *App) listKey(k *hive.Key) error {
	if a.json {
		return a.writeJSON(asKey(k))
	}
	p := a.paint()
	keys := k.Subkeys()
	timed := slices.ContainsFunc(keys, func(s *hive.Key) bool { return !s.LastWritten().IsZero() }) // an export has no times
	for _, s := range keys {
		when := ""
		if timed {
			when = pad(stamp(s.LastWritten()), len("2006-01-02T15:04:05.0000000Z")) + "  "
		}
		fmt.Fprintf(a.out, "%s%s\n", when, p.bold(printable(s.Name())+`\`))
	}
	return a.printValues(k.Values())
}

// printValues prints values aligned: name, type, data.
func (a *App) printValues(values []hive.Value) error {
	if a.json {
		out := []valueJSON{}
		for _, v := range values {
			out = append(out, asValue(v))
		}
		return a.writeJSON(out)
	}
	names, types := 0, 0
	for _, v := range values {
		names = max(names, min(maxName, columns(valueName(v))))
		types = max(types, len(v.Type.String()))
	}
	w := a.page()
	for _, v := range values {
		start := pad(valueName(v), names) + "  " + pad(v.Type.String(), types) + "  "
		w.line(start, clipped(dataText(v), max(w.width-columns(start), minData)))
	}
	return nil
}

// Columns of a listing of values: names as long as those of mounted volumes are aligned, and some of the data is always shown.
const (
	maxName = 50
	minData = 40
)

// dataText is a value's data in one line: numbers in both bases, as regedit shows them, and bytes in groups.
func dataText(v hive.Value) string {
	if n, ok := v.Uint(); ok && len(v.Data) > 0 {
		return fmt.Sprintf("0x%0*x (%d)", 2*len(v.Data), n, n)
	}
	switch v.Type {
	case hive.TypeSZ, hive.TypeExpandSZ, hive.TypeMultiSZ, hive.TypeLink:
		return printable(v.Display())
	default:
		return fmt.Sprintf("% x", v.Data[:min(len(v.Data), maxWidth)])
	}
}

// printValue prints one value in full: each string on a line of its own, binary data as a hex view.
func (a *App) printValue(v hive.Value) error {
	switch {
	case a.json:
		return a.writeJSON(asValue(v))
	case v.Type == hive.TypeMultiSZ:
		for _, s := range v.Strings() {
			fmt.Fprintln(a.out, printable(s))
		}
	case v.Type == hive.TypeSZ || v.Type == hive.TypeExpandSZ || v.Type == hive.TypeLink:
		fmt.Fprintln(a.out, printable(v.String()))
	default:
		if _, ok := v.Uint(); ok {
			fmt.Fprintln(a.out, dataText(v))
			return nil
		}
		d := hex.Dumper(a.out)
		if _, err := bytes.NewReader(v.Data).WriteTo(d); err != nil {
			return err
		}
		return d.Close()
	}
	return nil
}

func valueName(v hive.Value) string {
	if v.Name == "" {
		return "(default)"
	}
	return printable(v.Name)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.0000000Z")
}
