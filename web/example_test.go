package web_test

import (
	"bytes"
	"fmt"

	"casebook/findings"
	"casebook/web"
)

func ExampleWrite() {
	report := &findings.Report{
		Bundle: &findings.Upload{Name: "ticket.zip"},
		Findings: []findings.Finding{{
			Check: "msi-install-failed", Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active,
			Title: "The installation of Agent 4 failed at InstallFiles",
		}},
	}
	var page bytes.Buffer
	if err := web.Write(&page, report); err != nil {
		fmt.Println(err)
		return
	}
	_, title, _ := bytes.Cut(page.Bytes(), []byte("<title>"))
	title, _, _ = bytes.Cut(title, []byte("</title>"))
	fmt.Printf("%s\n", title)
	// Output: Confirmed: The installation of Agent 4 failed at InstallFiles - ticket.zip - casebook
}
