package cli

import (
	"testing"

	"casebook/index"
)

// reader is an archive that can do nothing but be read.
type reader struct{ index.Reader }

// TestAble asks an archive for what it can't do.
func TestAble(t *testing.T) {
	_, err := able[index.Exporter](reader{}, "archive export", "shelf+https://host:9200/cases")
	if want := "archive export can't be done with an archive at shelf+https://"; err == nil || err.Error() != want {
		t.Errorf("it says %v, not %q", err, want)
	}
	if _, err := able[index.Exporter](&index.Archive{}, "archive export", "cases"); err != nil {
		t.Errorf("an archive in a folder: %v", err)
	}
}
