//go:build !windows

package cli

// ownConsole reports whether the console closes with this program; elsewhere than on Windows it never does.
func ownConsole() bool { return false }
