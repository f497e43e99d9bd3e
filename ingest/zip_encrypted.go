package ingest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // what WinZip's format prescribes
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"

	"golang.org/x/text/encoding/charmap"
)

// Two ways of encrypting a zip's members are read: PKWARE's traditional one (APPNOTE.TXT 6.1) and WinZip's AES ("AES Encryption Information:
// Encryption Specification AE-1 and AE-2").

const (
	zipAES       = 99     // the method of a member that is encrypted by AES (APPNOTE.TXT appendix E)
	zipAESExtra  = 0x9901 // the header ID of its extra field
	zipStrong    = 0x40   // general purpose bit 6: PKWARE's strong encryption
	zipCryptoLen = 12     // length of the traditional encryption header
	aesMACLen    = 10     // length of the authentication code behind the data
	aesCheckLen  = 2      // length of the password verification value
	aesRounds    = 1000   // of PBKDF2
)

// aesField is the extra field of a member that is encrypted by AES:
//
//	0x9901   2 bytes
//	size     2 bytes, 7
//	version  2 bytes, 1 or 2; with 2 the CRC is not stated
//	vendor   2 bytes, "AE"
//	strength 1 byte, 1 to 3 for keys of 128, 192 and 256 bits
//	method   2 bytes, by which the member was packed before
type aesField struct {
	version  uint16
	strength byte
	method   uint16
}

// key and salt return the lengths in bytes.
func (f aesField) key() int  { return 8 + 8*int(f.strength) }
func (f aesField) salt() int { return f.key() / 2 }

// findAESField returns the AES field among the extra fields.
func findAESField(extra []byte) (f aesField, ok bool) {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, size := le.Uint16(extra), int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if size > len(extra) {
			break
		}
		if field := extra[:size]; id == zipAESExtra && size >= 7 && field[4] >= 1 && field[4] <= 3 {
			return aesField{version: le.Uint16(field), strength: field[4], method: le.Uint16(field[5:])}, true
		}
		extra = extra[size:]
	}
	return aesField{}, false
}

// unlockZip finds the password of every encrypted entry. Those that none opens get an error.
func (c *catalogue) unlockZip(ctx context.Context, list []*zipEntry, archive string) {
	for _, e := range list {
		if e.flags&zipEncrypted == 0 || e.err != nil || e.size == 0 {
			continue
		}
		switch {
		case e.flags&zipStrong != 0, e.method == zipAES && e.aes == (aesField{}):
			e.err = errors.New("encrypted by a method that is not read; unpack the archive with its password and pass the folder")
			continue
		case !e.packed():
			continue // open says so
		}
		var near string // passes the check of one byte, and yet the member does not unpack: right, and the member damaged, or wrong
		found, err := c.unlock(ctx, archive, func(password string) bool {
			for _, p := range spellings(password) {
				ok, sure := e.opens(ctx, p, len(c.passwords) > 1)
				if sure {
					e.password = p
					return true
				}
				if ok && near == "" {
					near = p
				}
			}
			return false
		})
		switch {
		case err == nil:
			_ = found // e.password is it, in the spelling that fits
		case near != "":
			e.password = near
		case ctx.Err() == nil:
			e.err = err
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// spellings returns a password in the encodings that packers used: UTF-8, and the Western ANSI and OEM pages.
func spellings(password string) []string {
	list := []string{password}
	if isASCII(password) {
		return list
	}
	for _, page := range []*charmap.Charmap{charmap.Windows1252, charmap.CodePage850, charmap.CodePage437} {
		if s, err := page.NewEncoder().String(password); err == nil && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// opens tells whether a password passes the check in front of the data, and whether it is surely the right one. The check is so short that
// a wrong one of many may pass it: then the data decide.
func (e *zipEntry) opens(ctx context.Context, password string, many bool) (ok, sure bool) {
	t := *e
	t.password = password
	s, err := t.open()
	if err != nil {
		return false, false
	}
	defer s.Close() //nolint:errcheck // it was only read
	return true, !many || trial(ctx, s)
}

// decrypt returns the packed bytes of an encrypted entry. mac is nil if there is no authentication code.
func (e *zipEntry) decrypt(in *io.SectionReader) (r io.Reader, mac *aesReader, err error) {
	if e.method == zipAES {
		mac, err := newAESReader(in, e.aes, e.password)
		return mac, mac, err
	}
	var head [zipCryptoLen]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, nil, errors.New("cut short: its encryption header is missing")
	}
	z := newZipCrypto(e.password)
	z.decrypt(head[:])
	check := byte(e.crc >> 24)
	if e.flags&zipDescriptor != 0 { // the CRC was not known yet
		check = byte(e.clock >> 8)
	}
	if last := head[zipCryptoLen-1]; last != check && last != byte(e.crc>>24) {
		return nil, nil, errWrongPassword
	}
	return &zipCryptoReader{r: in, keys: z}, nil, nil
}

// zipCrypto are the keys of the traditional encryption (APPNOTE.TXT 6.1.5).
type zipCrypto [3]uint32

func newZipCrypto(password string) *zipCrypto {
	z := &zipCrypto{0x12345678, 0x23456789, 0x34567890}
	for i := range len(password) {
		z.update(password[i])
	}
	return z
}

func (z *zipCrypto) update(b byte) {
	z[0] = crc32.IEEETable[byte(z[0]&0xFF)^b] ^ z[0]>>8
	z[1] = (z[1]+z[0]&0xFF)*134775813 + 1
	z[2] = crc32.IEEETable[byte(z[2]&0xFF)^byte(z[1]>>24)] ^ z[2]>>8
}

// decrypt decrypts in place.
func (z *zipCrypto) decrypt(p []byte) {
	for i, b := range p {
		t := z[2] | 2
		b ^= byte(t * (t ^ 1) >> 8 & 0xFF)
		z.update(b)
		p[i] = b
	}
}

// zipCryptoReader decrypts what it reads.
type zipCryptoReader struct {
	r    io.Reader
	keys *zipCrypto
}

func (z *zipCryptoReader) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	z.keys.decrypt(p[:n])
	return n, err
}

// aesReader decrypts a member and authenticates it.
type aesReader struct {
	in      *io.SectionReader // its data, without salt, check and code
	code    [aesMACLen]byte
	mac     hash.Hash
	block   cipher.Block
	counter [aes.BlockSize]byte
	stream  [aes.BlockSize]byte
	used    int // bytes of stream
}

// newAESReader returns a reader of a member's data:
//
//	salt of half the key's length, password verification value 2, data, authentication code 10
func newAESReader(in *io.SectionReader, f aesField, password string) (*aesReader, error) {
	front := f.salt() + aesCheckLen
	data := in.Size() - int64(front) - aesMACLen
	if data < 0 {
		return nil, errors.New("cut short: its encryption header is missing")
	}
	head := make([]byte, front)
	if _, err := in.ReadAt(head, 0); err != nil {
		return nil, plain(err)
	}
	keys, err := pbkdf2.Key(sha1.New, password, head[:f.salt()], aesRounds, 2*f.key()+aesCheckLen)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(keys[2*f.key():], head[f.salt():]) != 1 {
		return nil, errWrongPassword
	}
	a := &aesReader{in: io.NewSectionReader(in, int64(front), data), used: aes.BlockSize, mac: hmac.New(sha1.New, keys[f.key():2*f.key()])}
	if _, err := in.ReadAt(a.code[:], int64(front)+data); err != nil {
		return nil, plain(err)
	}
	if a.block, err = aes.NewCipher(keys[:f.key()]); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *aesReader) Read(p []byte) (int, error) {
	n, err := a.in.Read(p)
	a.mac.Write(p[:n])
	for i := range p[:n] { // counter mode with a little-endian counter from 1 on, which the standard library lacks
		if a.used == aes.BlockSize {
			for j := range a.counter {
				if a.counter[j]++; a.counter[j] != 0 {
					break
				}
			}
			a.block.Encrypt(a.stream[:], a.counter[:])
			a.used = 0
		}
		p[i] ^= a.stream[a.used]
		a.used++
	}
	return n, err
}

// verify reads what is left and compares the authentication code.
func (a *aesReader) verify() error {
	if _, err := io.Copy(io.Discard, onlyReader{a}); err != nil {
		return fmt.Errorf("its authentication code can't be checked: %w", plain(err))
	}
	if subtle.ConstantTimeCompare(a.mac.Sum(nil)[:aesMACLen], a.code[:]) != 1 {
		return errors.New("its authentication code is wrong")
	}
	return nil
}

// onlyReader hides what else a reader can do.
type onlyReader struct{ io.Reader }
