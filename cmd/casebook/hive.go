package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/hive"
)

func (a *app) hive() *cobra.Command {
	ls := &cobra.Command{
		Use: "ls FILE [KEY]", Short: "List a key's subkeys and values", Args: exactly(1, 2, "a file and perhaps a key"),
		Example: `  casebook hive ls SYSTEM "ControlSet001\Control\Session Manager"`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withKey(c.Context(), args[0], strings.Join(args[1:], ""), a.listKey)
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
					return fmt.Errorf("key %q has no value %q", k.Path(), args[2])
				}
				return a.printValue(v)
			})
		},
	}
	return group(&cobra.Command{Use: "hive", Short: "Look into a registry hive or export, without Windows"}, ls, get)
}

// withKey opens a hive or export and gives the key to do. CurrentControlSet is taken for the current control set.
func (a *app) withKey(ctx context.Context, file, path string, do func(*hive.Key) error) error {
	h, err := casebook.OpenHive(ctx, file)
	if err != nil {
		a.code = exitNone
		return err
	}
	for _, p := range h.Problems() {
		a.log().Warn("damage", "file", file, "problem", p.String())
	}
	k, err := h.Key(path)
	if errors.Is(err, hive.ErrNotExist) {
		a.code = exitFindings
		return fmt.Errorf("%s has no key %q; its top keys are %s", file, path, names(h.Root().Subkeys()))
	}
	if err != nil {
		return err
	}
	return do(k)
}

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
}

func asValue(v hive.Value) valueJSON {
	out := valueJSON{Name: v.Name, Type: v.Type.String(), Data: v.Display(), Hex: hex.EncodeToString(v.Data), Line: v.Line}
	if v.Type == hive.TypeMultiSZ {
		out.Strings = v.Strings()
	}
	return out
}

func (a *app) listKey(k *hive.Key) error {
	if a.json {
		out := keyJSON{Path: k.Path(), LastWritten: stamp(k.LastWritten()), Subkeys: []string{}, Values: []valueJSON{}}
		for _, s := range k.Subkeys() {
			out.Subkeys = append(out.Subkeys, s.Name())
		}
		for _, v := range k.Values() {
			out.Values = append(out.Values, asValue(v))
		}
		return a.writeJSON(out)
	}
	p := a.paint()
	for _, s := range k.Subkeys() {
		fmt.Fprintf(a.out, "%s  %s\n", pad(stamp(s.LastWritten()), len("2006-01-02T15:04:05.0000000Z")), p.bold(printable(s.Name())+`\`))
	}
	return a.printValues(k.Values())
}

// printValues prints values aligned: name, type, data.
func (a *app) printValues(values []hive.Value) error {
	if a.json {
		out := []valueJSON{}
		for _, v := range values {
			out = append(out, asValue(v))
		}
		return a.writeJSON(out)
	}
	width := 0
	for _, v := range values {
		width = max(width, min(40, len(valueName(v))))
	}
	for _, v := range values {
		fmt.Fprintf(a.out, "%s  %s  %s\n", pad(valueName(v), width), pad(v.Type.String(), len("REG_EXPAND_SZ")), clipped(printable(v.Display()), textWidth))
	}
	return nil
}

// printValue prints one value in full: each string on a line of its own, binary data as a hex view.
func (a *app) printValue(v hive.Value) error {
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
		if n, ok := v.Uint(); ok {
			fmt.Fprintf(a.out, "%d (0x%x)\n", n, n)
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
