package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/unicode"

	"casebook/hive"
)

func (a *App) hiveExport() *cobra.Command {
	var prefix string
	var asUTF8 bool
	c := &cobra.Command{
		Use: "export FILE [KEY]", Short: "Write a key with all below it as a .reg file", Args: exactly(1, 2, "a file and perhaps a key"),
		Long: `Writes a key with all below it as a .reg file of version 5 on stdout. The file is plain ASCII where no name of a key or value
needs more, else UTF-16 as regedit wants it, or with --utf8 UTF-8.

A hive file does not say where it was mounted; --prefix does, by default HKEY_LOCAL_MACHINE\SYSTEM and the like by
what the hive holds, and HKEY_CURRENT_USER for a user's. With --json the keys are printed as JSON, with their times.`,
		Example: `  casebook hive export SYSTEM "ControlSet001\Services\Tcpip" > tcpip.reg`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withKey(c.Context(), args[0], strings.Join(args[1:], ""), func(k *hive.Key) error {
				if a.json {
					return a.exportJSON(k)
				}
				if !c.Flags().Changed("prefix") {
					prefix = mountPoint(k.Hive())
				}
				return a.export(k, strings.TrimRight(prefix, `\`), asUTF8)
			})
		},
	}
	c.Flags().StringVar(&prefix, "prefix", "", `where the hive is mounted, such as HKEY_LOCAL_MACHINE\TEMP`)
	c.Flags().BoolVar(&asUTF8, "utf8", false, "never write UTF-16")
	return c
}

// mountPoint is where Windows mounts such a hive; "" for a text, whose paths say it.
func mountPoint(h *hive.Hive) string {
	if h.Format() != hive.FormatRegf {
		return ""
	}
	switch kind := h.Kind(); kind {
	case hive.KindNTUser:
		return "HKEY_CURRENT_USER"
	case hive.KindOther:
		return `HKEY_LOCAL_MACHINE\HIVE`
	case hive.KindSystem, hive.KindSoftware, hive.KindSAM, hive.KindSecurity:
		return `HKEY_LOCAL_MACHINE\` + strings.ToUpper(string(kind))
	}
	return ""
}

func (a *App) export(k *hive.Key, prefix string, asUTF8 bool) error {
	var text bytes.Buffer
	omitted, err := hive.WriteExport(&text, k, prefix)
	if err != nil {
		return err
	}
	if omitted > 0 {
		fmt.Fprintf(a.err, "casebook: %d of the keys and values can't stand in a .reg file; comments in it name them\n", omitted)
	}
	ascii := bytes.IndexFunc(text.Bytes(), func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	out := a.out
	if !ascii && !asUTF8 {
		out = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Writer(a.out)
	}
	_, err = text.WriteTo(out)
	return err
}

// exportJSON prints one object a key, in an array.
func (a *App) exportJSON(top *hive.Key) error {
	w := bufio.NewWriter(a.out)
	open := "[\n"
	err := walkBelow(top, func(k *hive.Key) error {
		if _, err := w.WriteString(open); err != nil {
			return err
		}
		open = ",\n"
		return writeLine(w, asKey(k))
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, "]"); err != nil {
		return err
	}
	return w.Flush()
}

// walkBelow calls fn for the key and all keys below it, parents first.
func walkBelow(top *hive.Key, fn func(*hive.Key) error) error {
	stack := []*hive.Key{top}
	for len(stack) > 0 {
		k := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := fn(k); err != nil {
			return err
		}
		for _, sub := range slices.Backward(k.Subkeys()) {
			stack = append(stack, sub)
		}
	}
	return nil
}
