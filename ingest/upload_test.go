package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLookAt tells bundles that nobody named from other files.
func TestLookAt(t *testing.T) {
	hive := func(kind byte) string {
		b := make([]byte, 4096)
		copy(b, "regf")
		b[28] = kind
		return string(b)
	}
	tests := []struct {
		name, file, content string
		bundle              bool
	}{
		{"zip", "a.zip", "PK\x03\x04 and more", true},
		{"zip-of-another-name", "attachment", "PK\x03\x04 and more", true},
		{"damaged-zip", "a.ZIP", "nothing of a zip", true},
		{"empty-zip", "b.zip", "", true},
		{"workbook", "a.xlsx", "PK\x03\x04 and more", false},
		{"7z", "x.7z", "7z\xbc\xaf\x27\x1c more", true},
		{"packed-log", "a.log.gz", "\x1f\x8b\x08 more", true},
		{"log", "a.log", "2012-03-08 21:16:55 x\r\n", false},
		{"nothing", "empty", "", false},
		{"hive", "SYSTEM", hive(0), true},
		{"hive-log", "SYSTEM.LOG1", hive(6), false},
		{"export", "a.reg", "Windows Registry Editor Version 5.00\r\n", true},
		{"mail", "a.eml", "From: a\r\nSubject: b\r\n\r\ntext", true},
		{"program", "a.exe", "MZ\x90\x00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			u, err := LookAt(file)
			if err != nil || u.Bundle != tt.bundle || u.Bytes != int64(len(tt.content)) || len(u.Parts) != 1 {
				t.Errorf("%+v, %v; want a bundle: %v", u, err, tt.bundle)
			}
			want := sha256.Sum256([]byte(tt.content))
			if got, err := u.Sum(t.Context()); err != nil || got != hex.EncodeToString(want[:]) {
				t.Errorf("SHA-256 %s, %v", got, err)
			}
		})
	}
}

// TestLookAtHive finds the transaction logs beside a hive.
func TestLookAtHive(t *testing.T) {
	head := func(kind byte) []byte {
		b := make([]byte, 512)
		copy(b, "regf")
		b[28] = kind
		return b
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"SYSTEM": head(0), "system.LOG1": head(6), "SYSTEM.log": head(1), "SYSTEM.LOG3": head(6), "SOFTWARE.LOG1": head(6), "ntuser.hiv": head(0), "NTUSER.LOG2": head(6), "a.log": []byte("text"), "a": []byte("text"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{"SYSTEM": {"SYSTEM.log", "system.LOG1"}, "ntuser.hiv": {"NTUSER.LOG2"}, "a": nil, "SOFTWARE.LOG1": nil} {
		u, err := LookAt(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, path := range u.Beside {
			got = append(got, filepath.Base(path))
		}
		if !slices.Equal(got, want) || len(u.Parts) != 1 {
			t.Errorf("beside %s lie %v, want %v", name, got, want)
		}
	}
}

// TestLookAtSplit takes the parts of a split archive for one upload, which the first stands for.
func TestLookAtSplit(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"x.7z.002": "second", "x.7z.001": "7z\xbc\xaf\x27\x1c first ", "x.7z.003": "third"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := LookAt(filepath.Join(dir, "x.7z.001"))
	if err != nil || !u.Bundle || len(u.Parts) != 3 || !strings.HasSuffix(u.Parts[2], ".003") {
		t.Fatalf("%+v, %v", u, err)
	}
	want := sha256.Sum256([]byte("7z\xbc\xaf\x27\x1c first secondthird"))
	if got, err := u.Sum(t.Context()); err != nil || got != hex.EncodeToString(want[:]) {
		t.Errorf("SHA-256 %s, %v", got, err)
	}
	if u, err := LookAt(filepath.Join(dir, "x.7z.002")); err != nil || u.Bundle {
		t.Errorf("the second part: %+v, %v", u, err)
	}
	if _, err := LookAt(dir); err == nil {
		t.Error("a folder is no file")
	}
	if _, err := LookAt(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Sum(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
