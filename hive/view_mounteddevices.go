package hive

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
	Name      string     // as stored: \DosDevices\C: or \??\Volume{…}
	Letter    string     // "C:", upper case; "" if the name is not a drive letter
	Volume    string     // GUID in lower case without braces; "" if the name is not a volume
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
	return len(d.Found.Value.Data) > 0 && string(d.Found.Value.Data) == string(e.Found.Value.Data)
}

// MountedDevices returns the drive letters and volumes of the first source that has the key, in the order of the file, and what of them could not be read.
func (r *Registry) MountedDevices() ([]MountedDevice, []Problem) { return nil, nil }
