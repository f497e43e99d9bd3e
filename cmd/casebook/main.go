// Command casebook analyses support bundles offline: it names the cause of a known problem and shows the evidence line by line.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if ownConsole() {
		fmt.Fprint(os.Stderr, "\nPress Enter to close this window. ")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // whatever comes, the window closes
	}
	os.Exit(code)
}
