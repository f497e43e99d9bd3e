package main

import (
	"bytes"
	"debug/pe"
	"testing"
)

// TestLibrary reads the DLL with the standard library's reader.
func TestLibrary(t *testing.T) {
	data, err := library("a.dll", []string{"Two=x.B", "One=x.A"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sections) != 1 || f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 {
		t.Errorf("%d sections for machine %#x", len(f.Sections), f.Machine)
	}
	section, err := f.Sections[0].Data()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(section, []byte("a.dll\x00x.A\x00One\x00x.B\x00Two\x00")) {
		t.Errorf("the section holds %q", section[:80])
	}
	if _, err := library("a.dll", []string{"One"}); err == nil {
		t.Error("a name without a target is taken")
	}
}
