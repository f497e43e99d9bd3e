package logs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPFRO(t *testing.T) {
	text := pfroSample + "12/11/2016 9:4:2 - Error logging PFRO error\r\nhalf a line\r\n13/1/2016 9:4:2 - x\r\n"
	want := []entry{
		{Text: `PFRO Error: \??\C:\a, b\c.tmp, |delete operation|, 0xc000003a`, Time: "2016-06-14 19:14:22.000000", Severity: "error"},
		{Text: "21 Successful PFRO operations", Time: "2016-06-04 09:04:02.000000", Severity: "info"},
		{Text: "Error logging PFRO error", Time: "2016-12-11 09:04:02.000000", Severity: "error"},
		{Text: "half a line"},
		{Text: "13/1/2016 9:4:2 - x"}, // the month is first, whatever the numbers
	}
	if d := cmp.Diff(want, entries(t, pfroReader, text)); d != "" {
		t.Error(d)
	}
}
