package logs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetupAPI(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []entry
	}{
		{"since-vista", setupapiSample, []entry{
			{Text: "[Device Install Log]"},
			{Text: "[Boot Session: 2015/11/22 17:58:03.498]", Time: "2015-11-22 17:58:03.498000"},
			{Text: ">>>  [Device Install]"},
			{Text: ">>>  Section start 2015/11/22 23:59:28.110", Time: "2015-11-22 23:59:28.110000"},
			{Text: "!!!  dvi: {Build Driver List} 00:00:01.176", Component: "dvi", Time: "2015-11-23 00:00:01.176000", Severity: "error"},
			{Text: "!    inf: b", Component: "inf", Severity: "warning"},
			{Text: "<<<  Section end 2015/11/23 00:00:02.000", Time: "2015-11-23 00:00:02.000000"},
			{Text: "<<<  [Exit status: FAILURE(0x00000005)]", Severity: "error"},
		}},
		{"vista", ">>>  [Device Install - PCI\\VEN_8086]\n>>>  2005/02/13 22:06:20.000: Section start\n     ndv: x\n<<<  [2005/02/13 22:06:28.109: Section end]\n<<<  [Exit Status(0x00000000)]\n", []entry{
			{Text: ">>>  [Device Install - PCI\\VEN_8086]"},
			{Text: ">>>  2005/02/13 22:06:20.000: Section start", Time: "2005-02-13 22:06:20.000000"},
			{Text: "     ndv: x", Component: "ndv", Severity: "info"},
			{Text: "<<<  [2005/02/13 22:06:28.109: Section end]", Time: "2005-02-13 22:06:28.109000"},
			{Text: "<<<  [Exit Status(0x00000000)]", Severity: "info"},
		}},
		{"xp", "[SetupAPI Log]\r\n[2001/02/27 20:14:30 1148.173 Driver Install]\r\n#-198 Command line\r\n#E123 Failed\r\n@ 20:14:33.381 #W132 Verify\r\n", []entry{
			{Text: "[SetupAPI Log]"},
			{Text: "[2001/02/27 20:14:30 1148.173 Driver Install]", Time: "2001-02-27 20:14:30.000000"},
			{Text: "#-198 Command line", Severity: "info"},
			{Text: "#E123 Failed", Severity: "error"},
			{Text: "#W132 Verify", Time: "2001-02-27 20:14:33.381000", Severity: "warning"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, entries(t, setupapiReader, c.text)); d != "" {
				t.Error(d)
			}
		})
	}
}
