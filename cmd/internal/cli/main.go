// Package cli is casebook's command line: one file for each command, and what they share. The programs below cmd are made of it.
package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is the main function of a program: it runs the command line of the process and ends it with the exit status.
func (p Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	code := p.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if ownConsole() {
		fmt.Fprint(os.Stderr, "\nPress Enter to close this window. ")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // whatever comes, the window closes
	}
	os.Exit(code)
}
