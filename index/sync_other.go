//go:build !unix

package index

// syncDir does nothing: the system offers no way to flush a directory, and its file system journals names.
func syncDir(string) error { return nil }
