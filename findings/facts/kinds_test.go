package facts_test

import (
	"testing"

	"casebook/findings/facts"
)

func TestTemplate(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"Failed to open file 12 of 345", "Failed to open file # of #"},
		{"GetFileVersionInfo failed, 0x80070643 (1603)", "GetFileVersionInfo failed, 0x80070643 (#)"},
		{"hr = 0x8007000d", "hr = 0x8007000D"},
		{"thread 0x1A4 ended", "thread # ended"},
		{"job {8097EE64-5A7B-4C1D-ABCD-0123456789AB} died", "job {#} died"},
		{"KB978754 on PC-0042", "KB# on PC-#"},
		{"  many \t blanks \r\nsecond line", "many blanks"},
		{`can't open C:\Temp\7zS4F.tmp`, `can't open C:\Temp\#zS#F.tmp`},
		{"Ошибка 5 при записи", "Ошибка # при записи"},
		{"deadbeef is a word, dead1eef is not", "deadbeef is a word, # is not"},
	} {
		if got := facts.Template(test.text); got != test.want {
			t.Errorf("Template(%q) is %q, want %q", test.text, got, test.want)
		}
	}
}
