package hive

import (
	"strconv"
	"strings"
	"time"

	"casebook/internal/safeio"
)

// Product is the installed version of Windows.
type Product struct {
	Name        string // ProductName
	ServicePack string // CSDVersion
	Version     string // CurrentVersion, e.g. 5.2; 6.3 from Windows 8.1 on
	Major       int    // CurrentMajorVersionNumber, else from Version; 0 if neither is stated
	Minor       int
	Build       string    // CurrentBuildNumber, else CurrentBuild
	SystemRoot  string    // as stored
	Installed   time.Time // InstallDate, in UTC; zero if not stated
	Found       Found     // the key
}

// Product returns the version of Windows from the first source that states one. The error is [ErrNotExist].
func (r *Registry) Product() (Product, error) {
	for _, k := range r.Keys(`SOFTWARE\Microsoft\Windows NT\CurrentVersion`) {
		p := Product{
			Name:        k.valueOrZero("ProductName").String(),
			ServicePack: k.valueOrZero("CSDVersion").String(),
			Version:     k.valueOrZero("CurrentVersion").String(),
			Build:       k.valueOrZero("CurrentBuildNumber").String(),
			SystemRoot:  k.valueOrZero("SystemRoot").String(),
			Found:       k.Found(),
		}
		if p.Name == "" && p.Version == "" {
			continue
		}
		if p.Build == "" {
			p.Build = k.valueOrZero("CurrentBuild").String()
		}
		major, minor, _ := strings.Cut(p.Version, ".")
		p.Major, p.Minor = small(major), small(minor)
		if n, ok := k.valueOrZero("CurrentMajorVersionNumber").Uint(); ok && n < 1000 {
			p.Major, p.Minor = int(n), 0
			if n, ok := k.valueOrZero("CurrentMinorVersionNumber").Uint(); ok && n < 1000 {
				p.Minor = int(n)
			}
		}
		if n, ok := k.valueOrZero("InstallDate").Uint(); ok && n != 0 && n < 1<<32 {
			p.Installed = time.Unix(int64(n), 0).UTC()
		}
		return p, nil
	}
	return Product{}, ErrNotExist
}

// small parses a small decimal number; 0 if s is none.
func small(s string) int {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0
	}
	return int(n)
}

// MachineGUID returns MachineGuid of SOFTWARE\Microsoft\Cryptography as stored. The error is [ErrNotExist].
func (r *Registry) MachineGUID() (string, Found, error) {
	at, err := r.Value(`SOFTWARE\Microsoft\Cryptography`, "MachineGuid")
	return at.Value.String(), at, err
}

// LastShutdown returns when the system was last shut down. The error is [ErrNotExist], also for a time that is no FILETIME.
func (r *Registry) LastShutdown() (time.Time, Found, error) {
	at, err := r.Value(`SYSTEM\CurrentControlSet\Control\Windows`, "ShutdownTime")
	if err != nil {
		return time.Time{}, at, err
	}
	ft, ok := safeio.U64(at.Value.Data, 0)
	t := safeio.Filetime(ft)
	if !ok || t.IsZero() {
		return time.Time{}, at, ErrNotExist
	}
	return t, at, nil
}
