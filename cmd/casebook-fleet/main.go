// Command casebook-fleet is casebook with what a fleet of machines needs: archives in OpenSearch, uploads in object storage, and a queue of jobs. It is a program of its own because the
// drivers of clouds are several times as large as casebook itself.
package main

import (
	"casebook/cmd/internal/cli"
	"casebook/cmd/internal/fleet"
)

// version is set by the build.
var version = "devel"

func main() {
	cli.Program{Name: "casebook-fleet", Version: version, Commands: fleet.Commands, Stores: fleet.Stores(), Workers: fleet.Workers}.Main()
}
