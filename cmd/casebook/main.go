// Command casebook analyses support bundles offline: it names the cause of a known problem and shows the evidence line by line.
package main

import "casebook/cmd/internal/cli"

// version is set by the build.
var version = "devel"

func main() { cli.Program{Name: "casebook", Version: version}.Main() }
