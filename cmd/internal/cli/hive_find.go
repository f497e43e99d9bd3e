package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"casebook/hive"
	"casebook/internal/safeio"
)

// hitJSON is a hit of hive find as --json shows it, one a line.
type hitJSON struct {
	Key   string     `json:"key"`
	Value *valueJSON `json:"value,omitempty"` // absent where the key's own name is the hit
}

func (a *App) hiveFind() *cobra.Command {
	var names, data bool
	c := &cobra.Command{
		Use: "find FILE TEXT [KEY]", Short: "Find keys and values by name or data", Args: exactly(2, 3, "a file, a text and perhaps a key"),
		Long: `Finds the keys and values whose name or data contains TEXT, without regard to case, below KEY. Data is searched as it is shown
(numbers in decimal, binary data in hexadecimal) and, where it is binary, for the text in UTF-16 and ASCII.

The exit status is 1 if there is no hit.`,
		Example: `  casebook hive find SYSTEM zenworks "ControlSet001\Services"`,
		RunE: func(c *cobra.Command, args []string) error {
			if args[1] == "" {
				return usagef("find takes a text that is not empty")
			}
			s := newSearcher(args[1], names || !data, data || !names)
			return a.withKey(c.Context(), args[0], strings.Join(args[2:], ""), func(k *hive.Key) error {
				n := 0
				err := walkBelow(k, func(k *hive.Key) error {
					for _, h := range s.hits(k) {
						n++
						if err := a.printFound(h); err != nil {
							return err
						}
					}
					return c.Context().Err()
				})
				if n == 0 && err == nil {
					a.code = exitFindings
				}
				return err
			})
		},
	}
	c.Flags().BoolVar(&names, "names", false, "search the names of keys and values only")
	c.Flags().BoolVar(&data, "data", false, "search the data of values only")
	return c
}

// searcher looks for one text.
type searcher struct {
	text        string // lower case
	wide        []byte // the text in UTF-16, lower case
	names, data bool
}

func newSearcher(text string, names, data bool) searcher {
	text = strings.ToLower(text)
	return searcher{text: text, wide: safeio.AppendUTF16LE(nil, text), names: names, data: data}
}

// found is a key, or one of its values.
type found struct {
	key   *hive.Key
	value *hive.Value
}

func (s searcher) hits(k *hive.Key) []found {
	var out []found
	if s.names && s.in(k.Name()) && k.Path() != "" {
		out = append(out, found{key: k})
	}
	for _, v := range k.Values() {
		if s.names && s.in(v.Name) || s.data && s.inData(v) {
			out = append(out, found{k, &v})
		}
	}
	return out
}

func (s searcher) in(text string) bool { return strings.Contains(strings.ToLower(text), s.text) }

func (s searcher) inData(v hive.Value) bool {
	if s.in(v.Display()) {
		return true
	}
	lower := bytes.Map(func(r rune) rune { // bytes that are no UTF-8 stay as they are only in ASCII, which is what is looked for
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, v.Data)
	return v.Type == hive.TypeBinary && (bytes.Contains(lower, s.wide) || bytes.Contains(lower, []byte(s.text)))
}

func (a *App) printFound(h found) error {
	if a.json {
		out := hitJSON{Key: h.key.Path()}
		if h.value != nil {
			v := asValue(*h.value)
			out.Value = &v
		}
		return writeLine(a.out, out)
	}
	path := a.paint().bold(printable(h.key.Path()) + `\`)
	if h.value == nil {
		fmt.Fprintln(a.out, path)
		return nil
	}
	w := a.page()
	start := path + "  " + valueName(*h.value) + "  " + h.value.Type.String() + "  "
	w.line(start, clipped(dataText(*h.value), max(w.width-columns(start), minData)))
	return nil
}
