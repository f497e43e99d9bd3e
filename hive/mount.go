package hive

import (
	"strconv"
	"strings"
)

// mountsOf finds which hives h is or shows parts of. A hive file whose keys do not tell is what the name of its file says.
func mountsOf(source string, h *Hive) []mount {
	root := h.Root()
	if h.format == FormatRegf {
		name := mountName(h.kind)
		if name == "" {
			name = fileHive(source)
		}
		if name != "" {
			return []mount{{name: name, base: root}}
		}
		return nil
	}
	var out []mount
	for _, top := range root.Subkeys() {
		switch strings.ToUpper(top.Name()) {
		case "HKEY_LOCAL_MACHINE", "HKLM":
			for _, k := range top.Subkeys() {
				if name := machineHive(k); name != "" {
					out = append(out, mount{name: name, base: k})
				}
			}
		case "HKEY_USERS", "HKU":
			for _, k := range top.Subkeys() {
				m := mount{name: "NTUSER", base: k}
				const classes = "_Classes" // a hive of its own, which Windows links into the user's
				if n := len(k.Name()) - len(classes); n > 0 && equalFold(k.Name()[n:], classes) {
					m.within = `Software\Classes`
				} else if kind := kindOf(k); kind != KindOther {
					m.name = mountName(kind)
				}
				out = append(out, m)
			}
		case "HKEY_CLASSES_ROOT", "HKCR": // the machine's classes; those of the user stand in front of them
			out = append(out, mount{name: "SOFTWARE", base: top, within: "Classes"})
		case "HKEY_CURRENT_CONFIG", "HKCC": // a link of Windows
			out = append(out, mount{name: "SYSTEM", base: top, within: `CurrentControlSet\Hardware Profiles\Current`})
		case "HKEY_CURRENT_USER", "HKCU":
			out = append(out, mount{name: "NTUSER", base: top})
		}
	}
	if len(out) == 0 {
		// Tools that export from a hive file without Windows write paths from its root.
		if name := mountName(kindOf(root)); name != "" {
			out = append(out, mount{name: name, base: root})
		}
	}
	return out
}

// fileHive says which hive of the machine a file of that name is: Windows' own name for it, perhaps with the ending of a saved one. It is "" for
// every other name.
func fileHive(source string) string {
	base := strings.ToUpper(source[strings.LastIndexByte(source, '/')+1:])
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".HIV"), ".HIVE")
	switch base {
	case "SYSTEM", "SOFTWARE":
		return base
	}
	return ""
}

// machineHive says which hive a key directly below HKEY_LOCAL_MACHINE is: by its name, or by what is in it, because a hive of
// another machine may have been loaded under any name to export it.
func machineHive(k *Key) string {
	switch name := strings.ToUpper(k.Name()); name {
	case "SYSTEM", "SOFTWARE", "SAM", "SECURITY":
		return name
	}
	return mountName(kindOf(k))
}

// mountName returns the name under which a hive of that kind is addressed, "" for KindOther.
func mountName(kind Kind) string {
	if kind == KindOther {
		return ""
	}
	return strings.ToUpper(string(kind))
}

// kindOf judges by the keys below root.
func kindOf(root *Key) Kind {
	has := func(path ...string) bool {
		k := root
		for _, name := range path {
			next, ok := k.Subkey(name)
			if !ok {
				return false
			}
			k = next
		}
		return true
	}
	sets := len(controlSets(root)) > 0 || has("CurrentControlSet")
	switch {
	case sets, has("Select") && has("MountedDevices"):
		return KindSystem
	case has("SAM", "Domains"):
		return KindSAM
	case has("Policy", "PolAdtEv"), has("Policy", "Accounts"), has("Policy", "Secrets"):
		return KindSecurity
	case has("Software", "Microsoft"), has("Control Panel"):
		return KindNTUser
	case has("Microsoft", "Windows NT"), has("Microsoft", "Windows"), has("Microsoft") && has("Classes"):
		return KindSoftware
	default:
		return KindOther
	}
}

// controlSets returns the numbers of the control sets below a SYSTEM root, in the order of the file.
func controlSets(root *Key) []int {
	var out []int
	for _, k := range root.Subkeys() {
		if n, ok := controlSetNumber(k.Name()); ok {
			out = append(out, n)
		}
	}
	return out
}

// controlSetNumber returns the n of ControlSet00n.
func controlSetNumber(name string) (int, bool) {
	const prefix = "ControlSet"
	if len(name) != len(prefix)+3 || !equalFold(name[:len(prefix)], prefix) {
		return 0, false
	}
	n, err := strconv.Atoi(name[len(prefix):])
	return n, err == nil && n > 0
}
