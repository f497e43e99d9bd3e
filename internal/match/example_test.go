package match_test

import (
	"fmt"

	"casebook/internal/match"
)

func Example() {
	set, err := match.Compile([]match.Signal{
		{
			Name:     "msi-install-failed/engine result",
			Kinds:    []string{"log/msi"},
			Literals: []string{"MainEngineThread is returning"},
			Pattern:  `MainEngineThread is returning (?P<code>\d+)`,
		},
		{
			Name:     "windows-pending-reboot/reboot needed",
			Literals: []string{"MsiSystemRebootPending", "ERROR_SUCCESS_REBOOT_REQUIRED"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := set.For("log/msi")
	for _, record := range []string{
		"MSI (s) (6C:A4) [21:16:41:100]: MainEngineThread is returning 1603",
		"Property(S): MsiSystemRebootPending = 1",
		"Action start 21:16:41: InstallFiles.",
	} {
		m.Match([]byte(record), func(h match.Hit) {
			fmt.Printf("%s: %q", h.Name, record[h.Start:h.End])
			for name, text := range h.Captures() {
				fmt.Printf(" %s=%s", name, text)
			}
			fmt.Println()
		})
	}
	// Output:
	// msi-install-failed/engine result: "MainEngineThread is returning 1603" code=1603
	// windows-pending-reboot/reboot needed: "MsiSystemRebootPending"
}
