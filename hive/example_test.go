package hive_test

import (
	"fmt"
	"strings"

	"casebook/hive"
)

func ExampleRegistry() {
	const text = `Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000002

[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\ComputerName\ComputerName]
"ComputerName"="WKS-0042"
`
	h, err := hive.ParseExport(strings.Split(text, "\n"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var r hive.Registry
	r.Add("registry/system.reg", h)
	found, err := r.Value(`SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`, "ComputerName")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Value)
	fmt.Printf("%s:%d: %s\n", found.Source, found.Line, found.Key)
	// Output:
	// WKS-0042
	// registry/system.reg:7: HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\ComputerName\ComputerName
}
