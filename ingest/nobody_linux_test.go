package ingest

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// asNobody gives what lies in a temporary folder to a user without rights, as which the rest of the test runs: root may read everything.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	const nobody = 65534
	err := os.Chmod(filepath.Dir(dir), 0o711)
	if err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, -1)
	}); err != nil {
		t.Skipf("this user may read everything, and there is no other: %v", err) // as in a name space with one user
	}
	if err := syscall.Seteuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Error(err)
		}
	})
}
