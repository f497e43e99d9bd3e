package ingest_test

import (
	"testing"

	"casebook/ingest"
)

func TestANSIText(t *testing.T) {
	for name, tc := range map[string]struct {
		page int
		data string
		want string
	}{
		"unknown":  {0, "\xc4", "Ä"},
		"cyrillic": {1251, "\xc4", "Д"},
		"japanese": {932, "\x83\x65", "テ"},
		"ascii":    {1251, "C:\\x\x00", "C:\\x\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (ingest.Locale{ANSI: tc.page}).ANSIText([]byte(tc.data)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
