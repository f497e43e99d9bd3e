package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// passwordFlags adds the flags for the passwords of encrypted archives.
func passwordFlags(c *cobra.Command, passwords, files *[]string) {
	fs := c.Flags()
	fs.StringArrayVar(passwords, "password", nil, "`PASSWORD` of an encrypted archive; may be given several times, each is tried")
	fs.StringArrayVar(files, "password-file", nil, "read passwords from `FILE`, one on each line")
}

// readPasswords returns the given passwords and those of the files, one on each line.
func readPasswords(given, files []string) ([]string, error) {
	list := given
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, usagef("--password-file: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if line := strings.TrimPrefix(lines.Text(), "\ufeff"); line != "" {
				list = append(list, line)
			}
		}
		err = lines.Err()
		_ = f.Close() // it was only read
		if err != nil {
			return nil, usagef("--password-file %s: %w", name, err)
		}
	}
	return list, nil
}

// askPassword asks for the password of an archive, if someone sits at a terminal; nil if nobody does.
func (a *App) askPassword() func(archive string) (string, bool) {
	in, ok := a.in.(*os.File)
	if !ok || a.quiet || !term.IsTerminal(int(in.Fd())) || terminal(a.err) == nil {
		return nil
	}
	return func(archive string) (string, bool) {
		fmt.Fprintf(a.err, "%q is encrypted. Password (empty: go on without it): ", archive)
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(a.err)
		return string(b), err == nil && len(b) > 0
	}
}
