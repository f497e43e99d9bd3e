package hive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"

	"casebook/internal/safeio"
)

// DeviceKind says how a MountedDevices value identifies its volume.
type DeviceKind string

// The kinds of MountedDevices data.
const (
	DeviceMBR     DeviceKind = "mbr"         // disk signature and partition offset
	DeviceGPT     DeviceKind = "gpt"         // partition GUID
	DeviceDynamic DeviceKind = "dynamic"     // volume GUID of a dynamic disk (Windows 5.x)
	DevicePath    DeviceKind = "device-path" // a device, as removable drives have
)

// MountedDevice is one value of SYSTEM\MountedDevices: a drive letter or a volume GUID and what it stands for. Values stay
// after the device is gone.
type MountedDevice struct {
	Name      string     // as stored: \DosDevices\C:, \??\Volume{…} or #{…}
	Letter    string     // "C:", upper case; "" if the name is not a drive letter
	Volume    string     // GUID in lower case without braces; "" if the name has none
	Kind      DeviceKind // by length and content of the data
	Signature uint32     // mbr: the disk's signature
	Offset    uint64     // mbr: of the partition, in bytes
	GUID      string     // gpt and dynamic: in lower case without braces
	Path      string     // device-path: as stored
	Detail    string     // one line that says the same, and what is not certain of it
	Found     Found
}

// SameVolume reports whether both stand for the same volume.
func (d MountedDevice) SameVolume(e MountedDevice) bool {
	return len(d.Found.Value.Data) > 0 && bytes.Equal(d.Found.Value.Data, e.Found.Value.Data)
}

// MountedDevices returns the drive letters and volumes of the first source that has any, in the order of the file, and
// what of them could not be read.
func (r *Registry) MountedDevices() ([]MountedDevice, []Problem) {
	major := 0
	if p, err := r.Product(); err == nil {
		major = p.Major
	}
	for _, k := range r.Keys(`SYSTEM\MountedDevices`) {
		var out []MountedDevice
		var probs []Problem
		for _, v := range k.Values() {
			if v.Name == "" {
				continue
			}
			d := MountedDevice{Name: v.Name, Found: k.At(v)}
			d.readName()
			if d.readData(v.Data, major) && !v.Truncated {
				out = append(out, d)
				continue
			}
			probs = append(probs, Problem{Line: v.Line, Message: fmt.Sprintf("MountedDevices: value %s has %d bytes of no known form", safeio.Quote(clip(v.Name)), len(v.Data))})
		}
		if len(out)+len(probs) > 0 {
			return out, probs
		}
	}
	return nil, nil
}

func (d *MountedDevice) readName() {
	const letter = `\DosDevices\`
	if rest := strings.TrimSuffix(d.Name, ":"); len(rest) == len(letter)+1 && len(rest) < len(d.Name) && equalFold(rest[:len(letter)], letter) {
		d.Letter = strings.ToUpper(rest[len(letter):]) + ":"
		return
	}
	if open := strings.IndexByte(d.Name, '{'); open >= 0 && strings.HasSuffix(d.Name, "}") {
		if guid := d.Name[open+1 : len(d.Name)-1]; isGUID(guid) {
			d.Volume = strings.ToLower(guid)
		}
	}
}

// readData decodes the data: 12 bytes are a disk signature and an offset, 24 bytes that begin with DMIO:ID: a GUID, all other data
// the path of a device.
func (d *MountedDevice) readData(b []byte, major int) bool {
	const dmio = "DMIO:ID:"
	switch {
	case len(b) == 12:
		d.Kind = DeviceMBR
		d.Signature, d.Offset = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:])
		d.Detail = fmt.Sprintf("disk signature %08x, partition at byte %d", d.Signature, d.Offset)
	case len(b) == len(dmio)+16 && string(b[:len(dmio)]) == dmio:
		d.GUID = binaryGUID(b[len(dmio):])
		switch {
		case major == 5:
			d.Kind, d.Detail = DeviceDynamic, "volume "+d.GUID+" of a dynamic disk"
		case major > 5:
			d.Kind, d.Detail = DeviceGPT, "partition "+d.GUID
		default:
			d.Kind, d.Detail = DeviceGPT, "partition "+d.GUID+", or a volume of a dynamic disk if this is Windows 2000 to 2003; the version is not known"
		}
	case len(b) > 2 && len(b)%2 == 0:
		path := strings.TrimRight(safeio.UTF16LE(b), "\x00")
		if path == "" || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
			return false
		}
		d.Kind, d.Path, d.Detail = DevicePath, path, path
	default:
		return false
	}
	return true
}

// binaryGUID formats 16 bytes: the first three groups are little-endian.
func binaryGUID(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// isGUID reports whether s is 8-4-4-4-12 digits in hexadecimal.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !isHexDigit(c):
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
