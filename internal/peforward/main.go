// Command peforward writes a DLL without code whose functions are those of other DLLs. Programs of Go start only where Windows has bcryptprimitives.dll, which Wine before 9 lacks:
//
//	go run ./internal/peforward -o bcryptprimitives.dll ProcessPrng=advapi32.SystemFunction036
//
// is enough of it. The layout is that of Microsoft's PE Format, https://learn.microsoft.com/windows/win32/debug/pe-format.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Offsets and sizes: one section at the first page holds the export directory.
const (
	headersSize = 0x200
	sectionRVA  = 0x1000
	sectionSize = 0x1000
)

func main() {
	out := flag.String("o", "", "the DLL to write")
	flag.Parse()
	if *out == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: peforward -o FILE NAME=DLL.NAME…")
		os.Exit(2)
	}
	data, err := library(filepath.Base(*out), flag.Args())
	if err == nil {
		err = os.WriteFile(*out, data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peforward:", err)
		os.Exit(1)
	}
}

// library returns a DLL of a name with forwarders NAME=DLL.NAME.
func library(name string, forwarders []string) ([]byte, error) {
	slices.Sort(forwarders) // the loader searches names by bisection
	n := uint32(len(forwarders))
	tables := sectionRVA + uint32(40)
	strings0 := tables + n*10
	var text bytes.Buffer
	put := func(s string) uint32 {
		at := strings0 + uint32(text.Len())
		text.WriteString(s + "\x00")
		return at
	}
	dll := put(name)
	var functions, names, ordinals []byte
	le := binary.LittleEndian
	for i, f := range forwarders {
		export, target, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not NAME=DLL.NAME", f)
		}
		functions = le.AppendUint32(functions, put(target)) // an address within the directory is a forwarder
		names = le.AppendUint32(names, put(export))
		ordinals = le.AppendUint16(ordinals, uint16(i))
	}
	// Export directory table, section 6.3.1: flags, time, version, name, ordinal base, counts, tables.
	var section []byte
	for _, x := range []uint32{0, 0, 0, dll, 1, n, n, tables, tables + 4*n, tables + 8*n} {
		section = le.AppendUint32(section, x)
	}
	section = slices.Concat(section, functions, names, ordinals, text.Bytes())
	exports := uint32(len(section))
	if exports > sectionSize {
		return nil, fmt.Errorf("%d forwarders do not fit", n)
	}
	section = append(section, make([]byte, sectionSize-len(section))...)

	h := make([]byte, 0, headersSize)
	h = append(h, "MZ"...)
	h = append(h, make([]byte, 58)...)
	h = le.AppendUint32(h, 64) // where the PE header is
	h = append(h, "PE\x00\x00"...)
	// COFF header: x64, one section, the size of the optional header, executable large-address-aware DLL.
	h = le.AppendUint16(h, 0x8664)
	h = le.AppendUint16(h, 1)
	h = append(h, make([]byte, 12)...)
	h = le.AppendUint16(h, 240)
	h = le.AppendUint16(h, 0x2022)
	// Optional header PE32+, without entry point.
	h = le.AppendUint16(h, 0x20b)
	h = append(h, make([]byte, 22)...)
	h = le.AppendUint64(h, 0x180000000) // image base
	h = le.AppendUint32(h, 0x1000)      // section alignment
	h = le.AppendUint32(h, headersSize) // file alignment
	for _, v := range []uint16{6, 0, 0, 0, 6, 0, 0, 0} {
		h = le.AppendUint16(h, v) // versions
	}
	h = le.AppendUint32(h, sectionRVA+sectionSize)
	h = le.AppendUint32(h, headersSize)
	h = le.AppendUint32(h, 0)     // checksum
	h = le.AppendUint16(h, 3)     // console
	h = le.AppendUint16(h, 0x100) // NX compatible
	for _, v := range []uint64{1 << 20, 1 << 12, 1 << 20, 1 << 12} {
		h = le.AppendUint64(h, v) // stack and heap
	}
	h = le.AppendUint32(h, 0)
	h = le.AppendUint32(h, 16) // data directories, of which the first is the exports
	h = le.AppendUint32(h, sectionRVA)
	h = le.AppendUint32(h, exports)
	h = append(h, make([]byte, 15*8)...)
	// Section header: readable initialised data.
	h = append(h, ".rdata\x00\x00"...)
	for _, v := range []uint32{sectionSize, sectionRVA, sectionSize, headersSize, 0, 0, 0, 0x40000040} {
		h = le.AppendUint32(h, v)
	}
	return append(append(h, make([]byte, headersSize-len(h))...), section...), nil
}
