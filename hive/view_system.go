package hive

import "time"

// ComputerName is the system's name.
type ComputerName struct {
	Name     string // in upper case as the system folds it
	Active   string // the name in use; differs from Name while a rename waits for a reboot; "" if not stated
	NameAt   Found
	ActiveAt Found
}

// ComputerName returns the computer's name. The error is [ErrNotExist].
func (r *Registry) ComputerName() (ComputerName, error) { return ComputerName{}, ErrNotExist }

// CodePages are the system's code pages.
type CodePages struct {
	ANSI   int // e.g. 1252; 0 if not stated
	OEM    int // of console output, e.g. 850; 0 if not stated
	ANSIAt Found
	OEMAt  Found
}

// CodePages returns the code pages. The error is [ErrNotExist].
func (r *Registry) CodePages() (CodePages, error) { return CodePages{}, ErrNotExist }

// Variable is one environment variable of the machine.
type Variable struct {
	Name  string
	Value string // unexpanded
	Found Found
}

// Environment returns the machine's environment variables by name.
func (r *Registry) Environment() []Variable { return nil }

// LastShutdown returns when the system was last shut down. The error is [ErrNotExist].
func (r *Registry) LastShutdown() (time.Time, Found, error) { return time.Time{}, Found{}, ErrNotExist }

// Product is the installed version of Windows.
type Product struct {
	Name        string // ProductName
	ServicePack string // CSDVersion
	Version     string // CurrentVersion, e.g. 5.2; 6.3 from Windows 8.1 on
	Major       int    // by CurrentMajorVersionNumber, else Version; 0 if not stated
	Minor       int
	Build       string // CurrentBuildNumber, else CurrentBuild
	SystemRoot  string
	Installed   time.Time // InstallDate; zero if not stated
	Found       Found     // the key
}

// Product returns the version of Windows. The error is [ErrNotExist].
func (r *Registry) Product() (Product, error) { return Product{}, ErrNotExist }

// MachineGUID returns MachineGuid of SOFTWARE\Microsoft\Cryptography. The error is [ErrNotExist].
func (r *Registry) MachineGUID() (string, Found, error) { return "", Found{}, ErrNotExist }

// Service is one service or driver of the current control set.
type Service struct {
	Name             string
	DisplayName      string
	Type             int // 1 kernel driver, 2 file system driver, 0x10 own process, 0x20 shared process; -1 if not stated
	Start            int // 0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled; -1 if not stated
	ErrorControl     int // 0 ignore, 1 normal, 2 severe, 3 critical; -1 if not stated
	DelayedAutoStart bool
	ImagePath        string
	ServiceDLL       string
	Account          string // ObjectName
	DependsOn        []string
	Found            Found // the key
}

// Services returns the services and drivers of the first source that has them, by name.
func (r *Registry) Services() []Service { return nil }

// RebootMarker is a key or value that says that a reboot is pending. Several of these keys are volatile and never in a hive
// file: a marker proves, its absence does not.
type RebootMarker struct {
	Name  string // of the marker, e.g. "RebootRequired"
	Found Found
}

// RebootMarkers returns the markers that are there, apart from pending renames.
func (r *Registry) RebootMarkers() []RebootMarker { return nil }

// InstallerPackage is a product or a patch that Windows Installer has registered.
type InstallerPackage struct {
	Code         string // product or patch code, {8-4-4-4-12} in upper case
	Packed       string // as the key is named
	Patch        bool
	SID          string // the user it is installed for; S-1-5-18 for the machine
	DisplayName  string
	Version      string
	LocalPackage string // path of the cached package; "" if not stated
	Found        Found  // the LocalPackage value if stated, else the key
}

// InstallerPackages returns the registered products and patches.
func (r *Registry) InstallerPackages() []InstallerPackage { return nil }

// UnpackGUID turns the packed form that Windows Installer uses for key names into {8-4-4-4-12}, upper case; false if s is not one.
func UnpackGUID(s string) (string, bool) { return "", false }

// PackGUID is the inverse of [UnpackGUID]; the braces may be missing.
func PackGUID(s string) (string, bool) { return "", false }
