package hive_test

import (
	"testing"

	"casebook/hive"
)

func TestIsLogName(t *testing.T) {
	for name, tc := range map[string]struct {
		hive, log   string
		exact, stem bool
	}{
		"log1":             {"SYSTEM", "SYSTEM.LOG1", true, true},
		"lower-case":       {"SYSTEM", "system.log", true, true},
		"mixed-case":       {"ntuser.dat", "NTUSER.DAT.Log2", true, false},
		"without-dat":      {"NTUSER.DAT", "ntuser.LOG", false, true},
		"saved-as-hiv":     {"system.hiv", "SYSTEM.LOG1", false, true},
		"another-hive":     {"SYSTEM", "SOFTWARE.LOG1", false, false},
		"itself":           {"SYSTEM.LOG1", "SYSTEM.LOG1", false, false},
		"other-extension":  {"SYSTEM", "SYSTEM.LOG3", false, false},
		"no-extension":     {"SYSTEM", "SYSTEM", false, false},
		"extension-alone":  {"", ".LOG1", true, true},
		"name-of-log-only": {"x", ".LOG", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hive.IsLogName(tc.hive, tc.log, false); got != tc.exact {
				t.Errorf("exact: %v", got)
			}
			if got := hive.IsLogName(tc.hive, tc.log, true); got != tc.stem {
				t.Errorf("stem: %v", got)
			}
		})
	}
}
