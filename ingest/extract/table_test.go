package extract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTables(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // head, and a row each; a list's cells with their lines
	}{
		{"csv", "a,b\n1,2\n3,4\n\nprose\n", []string{"1 a|b", "2 1|2", "3 3|4"}},
		{"csv-semicolon-quoted", "\"a\";\"b, c\"\r\n\"1\";\"2;2\"\r\n", []string{"1 a|b, c", "2 1|2;2"}},
		{"csv-type-line", "#TYPE System.Object\n\"a\",\"b\"\n\"1\",\"2\"\n", []string{"2 a|b", "3 1|2"}},
		{"csv-cell-over-lines", "a,b\n1,\"x\ny\"\n3,4\n", []string{"1 a|b", "2 1|x y", "4 3|4"}},
		{"csv-unclosed-quote", "a,b\n1,\"x\n3,4\n", []string{"1 a|b", "2 1|x", "3 3|4"}},
		{"wmic-csv-with-blank-lines", "\nNode,Name\n\nPC1,x\n\nPC2,y\n", []string{"2 Node|Name", "4 PC1|x", "6 PC2|y"}},
		{"csv-head-only", "a;b;c\n", []string{"1 a|b|c"}},
		{"tabs", "a\tb\n1\t\n", []string{"1 a|b", "2 1|"}},
		{"markdown", "| a | b |\n|---|---|\n| 1 | 2 |\n", []string{"1! a|b", "3 1|2"}},
		{"mysql", "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n+---+---+\n", []string{"2! a|b", "4 1|2"}},
		{"sqlcmd-separator", "a,b\n-----,----\n1,2\n\n(1 rows affected)\n", []string{"1! a|b", "3 1|2"}},
		{"grid", "a b     c\n- ----- ----\n1 2 2   3\n4       5\n\n(2 row(s) affected)\n", []string{"1! a|b|c", "3 1|2 2|3", "4 4||5"}},
		{"grid-not-ascii", "Größe  b\n-----  -\näöü    2\n", []string{"1! Größe|b", "3 äöü|2"}},
		{"grid-without-its-blanks", "Name IP Status\n---- -- ------\nxyz1 10.1.0.1 another system\nxyz23 - OK\n", []string{"1! Name|IP|Status", "3 xyz1|10.1.0.1|another system", "4 xyz23|-|OK"}},
		{"list", "Name    : a\nVersion : 1\n\nName    : b\nOther   : 2\n", []string{"1! Name|Version|Other", "1 a@1|1@2", "4 b@4|@0|2@5"}},
		{"list-without-blank-lines", "Name=a\nVersion=1\nName=b\nVersion=2\n", []string{"1! Name|Version", "1 a@1|1@2", "3 b@3|2@4"}},
		{"mof", "instance of X\n{\n\tName = \"a;b\";\n\tVersion = \"1\";\n};\n\ninstance of X\n{\n\tName = \"c\";\n};\n", []string{"3! Name|Version", "3 a;b@3|1@4", "9 c@9"}},
		{"columns", "Name          Version\nSms Client    4.0\nCcm           4.1\n", []string{"1 Name|Version", "2 Sms Client|4.0", "3 Ccm|4.1"}},
		{"one-property", "Note: this\nis prose.\n", nil},
		{"repeated-property", "note: a\nnote: b\nnote: c\n", nil},
		{"prose", "Nothing here.\n\nNot here either.\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tables, cut := readTables(input(tt.text).Lines)
			if cut != 0 {
				t.Errorf("cut at line %d", cut)
			}
			var got []string
			for _, tab := range tables {
				mark := ""
				if tab.Marked {
					mark = "!"
				}
				got = append(got, fmt.Sprintf("%d%s %s", tab.Line, mark, strings.Join(tab.Head, "|")))
				for _, r := range tab.Rows {
					row := strings.Join(r.Cells, "|")
					if r.Lines != nil {
						var list []string
						for i, c := range r.Cells {
							list = append(list, fmt.Sprintf("%s@%d", c, r.Lines[i]))
						}
						row = strings.Join(list, "|")
					}
					got = append(got, fmt.Sprintf("%d %s", r.Line, row))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTablesBounds(t *testing.T) {
	tables, cut := readTables(strings.Split(strings.Repeat("a,b\n", maxEntries+10), "\n"))
	if len(tables) != 1 || len(tables[0].Rows) != maxEntries || cut != maxEntries+2 {
		t.Errorf("%d tables, cut at %d", len(tables), cut)
	}
	// Texts that tempt a reader to look at the same lines again and again.
	for _, text := range []string{
		strings.Repeat("a,\"b\n", 50_000), strings.Repeat("abc: 1\n", 100_000), strings.Repeat("ab: 1\n\n\n\nx\nx\nx\nx\n", 20_000),
		strings.Repeat("a  b\n\n", 50_000), strings.Repeat(",", 1<<20), "a  b" + strings.Repeat("  c", 1<<18), strings.Repeat("a-"+"b: 1\nbc: 2\n", 50_000),
	} {
		readTables(strings.Split(text, "\n"))
	}
}

func FuzzTables(f *testing.F) {
	f.Add("a,b\n1,\"x\ny\"\n")
	f.Add("Name  Version\n----  -------\nx     1\n")
	f.Add("Name : a\nVersion : 1\n\nName : b\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := input(text).Lines
		tables, _ := readTables(lines)
		last := 0
		for _, tab := range tables {
			if tab.Line <= last || tab.Line > len(lines) {
				t.Fatalf("a table at line %d of %d, after line %d", tab.Line, len(lines), last)
			}
			last = tab.Line
			for i := range tab.Rows {
				r := &tab.Rows[i]
				if r.Line < last || r.Line > len(lines) || len(r.Cells) > maxColumns || r.Lines != nil && len(r.Lines) != len(r.Cells) {
					t.Fatalf("a row at line %d of %d, after line %d, with %d cells", r.Line, len(lines), last, len(r.Cells))
				}
				last = r.Line
			}
		}
	})
}
