package casebook_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"casebook"
	"casebook/findings"
)

// encryptedZip makes a zip of one stored member, encrypted by the traditional way (APPNOTE.TXT 6.1).
func encryptedZip(name string, data []byte, password string) []byte {
	keys := [3]uint32{0x12345678, 0x23456789, 0x34567890}
	crc := func(c uint32, b byte) uint32 { return crc32.IEEETable[byte(c)^b] ^ c>>8 }
	update := func(b byte) {
		keys[0] = crc(keys[0], b)
		keys[1] = (keys[1]+keys[0]&0xff)*134775813 + 1
		keys[2] = crc(keys[2], byte(keys[1]>>24))
	}
	for _, b := range []byte(password) {
		update(b)
	}
	sum := crc32.ChecksumIEEE(data)
	plain := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, byte(sum >> 24)}, data...)
	packed := make([]byte, len(plain))
	for i, b := range plain {
		k := keys[2] | 2
		packed[i] = b ^ byte(k*(k^1)>>8)
		update(b)
	}
	fields := func(b []byte) []byte { // what the local header and the directory have in common
		b = binary.LittleEndian.AppendUint16(b, 20)
		b = binary.LittleEndian.AppendUint16(b, 1) // encrypted
		b = append(b, 0, 0, 0, 0, 33, 0)
		b = binary.LittleEndian.AppendUint32(b, sum)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
		return append(b, 0, 0)
	}
	var z bytes.Buffer
	z.Write(fields([]byte("PK\x03\x04")))
	z.WriteString(name)
	z.Write(packed)
	start := z.Len()
	z.Write(fields([]byte("PK\x01\x02\x14\x00")))
	z.Write(make([]byte, 14))
	z.WriteString(name)
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0, 1, 0, 1, 0)
	end = binary.LittleEndian.AppendUint32(end, uint32(z.Len()-start))
	end = binary.LittleEndian.AppendUint32(end, uint32(start))
	z.Write(append(end, 0, 0))
	return z.Bytes()
}

// TestVerifyEncrypted re-reads evidence from an encrypted upload: with its password alone.
func TestVerifyEncrypted(t *testing.T) {
	upload := filepath.Join(t.TempDir(), "ticket.zip")
	if err := os.WriteFile(upload, encryptedZip("a.log", []byte("one\r\ntwo words\r\n"), "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &findings.Report{Findings: []findings.Finding{{Check: "x", Evidence: []findings.Evidence{{Artifact: "a.log", Line: 2, Quote: "two words"}}}}}
	for _, tt := range []struct {
		name      string
		passwords []string
		bad       int
	}{
		{"right", []string{"wrong", "secret"}, 0},
		{"wrong", []string{"wrong"}, 1},
		{"none", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad, err := casebook.Verify(context.Background(), r, []string{upload}, casebook.Options{Passwords: tt.passwords})
			if err != nil || len(bad) != tt.bad {
				t.Errorf("got %v, %v; want %d mismatches", bad, err, tt.bad)
			}
		})
	}
}
