package checks

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest/extract"
)

func TestStaleEntries(t *testing.T) {
	for name, tc := range map[string]struct {
		dates []string
		now   time.Time
		want  []bool
	}{
		"month first":                       {dates: []string{"01/10/00  08:14a", "01/18/00  08:14a"}, want: []bool{true, false}},
		"day first":                         {dates: []string{"02.01.2000  08:14", "20.01.2000  08:14"}, want: []bool{true, false}},
		"year first":                        {dates: []string{"1999-12-31  08:14", "2000-01-08  08:14"}, want: []bool{true, false}},
		"seven days are not over":           {dates: []string{"01/10/00  08:14a", "01/17/00  08:14a"}, want: []bool{false, false}},
		"a day or a month":                  {dates: []string{"01/02/00  08:14a", "01/03/00  08:14a"}, want: []bool{false, false}},
		"old in either order":               {dates: []string{"01/02/99  08:14a", "01/03/00  08:14a"}, want: []bool{true, false}},
		"by the log's clock":                {dates: []string{"2000-01-01  08:14"}, now: time.Date(2000, 1, 20, 6, 0, 0, 0, time.UTC), want: []bool{true}},
		"the listing is newer than the log": {dates: []string{"2000-01-01  08:14", "2000-01-20  08:14"}, now: time.Date(1999, 12, 31, 6, 0, 0, 0, time.UTC), want: []bool{true, false}},
		"no dates":                          {dates: []string{"", "yesterday"}, want: []bool{false, false}},
		"no order fits":                     {dates: []string{"31.31.2000  08:14", "01.01.1990  08:14"}, want: []bool{false, false}},
		"no files":                          {want: []bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			var entries []extract.Entry
			for _, d := range tc.dates {
				entries = append(entries, extract.Entry{Name: "A.B.CCR", ModifiedText: d})
			}
			if diff := cmp.Diff(tc.want, staleEntries(entries, tc.now)); diff != "" {
				t.Errorf("stale files differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesHost(t *testing.T) {
	for _, tc := range []struct {
		name, host string
		want       bool
	}{
		{"SPARC", "SPARC", true},
		{"SPARC.CONTOSO.EXAMPLE", "SPARC", true},
		{"SPARC_CCIM32.LOG", "SPARC", true},
		{"CCIM32-SPARC.LOG", "SPARC", true},
		{"SPARC2", "SPARC", false},
		{"OLDSPARC", "SPARC", false},
		{"SPARC2 SPARC", "SPARC", true},
		{"", "SPARC", false},
	} {
		if got := namesHost(tc.name, tc.host); got != tc.want {
			t.Errorf("namesHost(%q, %q) = %v", tc.name, tc.host, got)
		}
	}
}

func TestParseSMSRelease(t *testing.T) {
	for _, tc := range []struct {
		text        string
		build, pack int
		name        string
		ok          bool
	}{
		{"2.00.1239.0000", 1239, 0, "2.0 without a service pack", true},
		{"2.0.1380.1101", 1380, 1, "2.0 SP1", true},
		{"2.00.1380.1", 1380, 1, "2.0 SP1", true},
		{"2.00.1493.2", 1493, 2, "2.0 SP2", true},
		{"2.00.1493.4409", 1493, 4, "2.0 SP4", true},
		{"2.0.1493", 1493, -1, "2.0.1493", true},
		{"2.50.2726.0018", 0, 0, "", false},
		{"2.0", 0, 0, "", false},
		{"2.00.1493.2005.1", 0, 0, "", false},
		{"2.00.x.1", 0, 0, "", false},
	} {
		got, ok := parseSMSRelease(tc.text)
		if ok != tc.ok || got.build != tc.build || got.pack != tc.pack || ok && got.name() != tc.name {
			t.Errorf("parseSMSRelease(%q) = %+v, %v, named %q", tc.text, got, ok, got.name())
		}
	}
}

func TestSplitClients(t *testing.T) {
	for name, tc := range map[string]struct {
		list []string
		want [][]string
	}{
		"one folder":            {[]string{"a/Ccim32.log", "a/Clicore.log"}, [][]string{{"a/Ccim32.log", "a/Clicore.log"}}},
		"folders by topic":      {[]string{"a/Ccim32.log", "b/Clicore.log"}, [][]string{{"a/Ccim32.log", "b/Clicore.log"}}},
		"two clients":           {[]string{"x/a/Clicore.log", "x/b/CLICORE.LOG"}, [][]string{{"x/a/Clicore.log"}, {"x/b/CLICORE.LOG"}}},
		"clients within a site": {[]string{"p/Clicore.log", "s/a/Clicore.log", "s/b/Clicore.log"}, [][]string{{"p/Clicore.log"}, {"s/a/Clicore.log"}, {"s/b/Clicore.log"}}},
		"beside a folder":       {[]string{"Clicore.log", "a/Clicore.log"}, [][]string{{"Clicore.log"}, {"a/Clicore.log"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, splitClients(tc.list)); diff != "" {
				t.Errorf("clients differ (-want +got):\n%s", diff)
			}
		})
	}
}
