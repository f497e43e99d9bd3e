package findings

import (
	"slices"
	"strings"

	"casebook/findings/facts"
	"casebook/hive"
)

// How much of a registry a report lists.
const (
	maxServices       = 2000
	maxPackages       = 2000
	maxExcerpts       = 100 // keys
	maxExcerptValues  = 60
	maxExcerptSubkeys = 40
	maxExcerptData    = 400 // characters
)

// ControlSets is what the Select key of the SYSTEM hive says, 0 where it says nothing.
type ControlSets struct {
	Current       int   `json:"current"`
	Default       int   `json:"default"`
	Failed        int   `json:"failed"` // 0: none
	LastKnownGood int   `json:"last_known_good"`
	Existing      []int `json:"existing"`
}

// Service is a service or driver of the used control set.
type Service struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Type        int    `json:"type"`  // 1 kernel driver, 2 file system driver, 0x10 own process, 0x20 shared process; -1 if not stated
	Start       int    `json:"start"` // 0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled; -1 if not stated
	ImagePath   string `json:"image_path"`
	ServiceDLL  string `json:"service_dll,omitempty"`
	Account     string `json:"account,omitempty"`
	Odd         []Odd  `json:"odd,omitempty"`
}

// Odd is what is unusual about a service. None of it need be a fault.
type Odd string

// What may be odd about a service.
const (
	OddDisabled  Odd = "disabled"   // Start is 4
	OddNoProgram Odd = "no-program" // starts by itself and states no program
	OddUnquoted  Odd = "unquoted"   // a service's path holds blanks and no quotes
	OddTemporary Odd = "temporary"  // runs from a folder of temporary files or of a user
)

// Package is a product or a patch that Windows Installer has registered.
type Package struct {
	Code         string `json:"code"` // in braces
	Patch        bool   `json:"patch"`
	Name         string `json:"name"`
	Version      string `json:"version"`
	Publisher    string `json:"publisher"`
	LocalPackage string `json:"local_package"`
}

// KeyExcerpt is a registry key that evidence names, with what stands beside the evidence.
type KeyExcerpt struct {
	Artifact    string         `json:"artifact"`
	Key         string         `json:"key"` // as the evidence has it
	LastWritten string         `json:"last_written,omitempty"`
	Values      []ValueExcerpt `json:"values"`
	Subkeys     []string       `json:"subkeys"`
	LeftOut     int            `json:"left_out"` // how many values and keys are not listed
}

// ValueExcerpt is a value of such a key.
type ValueExcerpt struct {
	Name string `json:"name"` // "" for the default value
	Type string `json:"type"`
	Data string `json:"data"` // decoded, as evidence quotes it; cut after 400 characters
	Line int    `json:"line,omitempty"`
}

// inventory lists the control sets, services and packages of a registry.
func (s *System) inventory(reg *hive.Registry) {
	s.Services, s.Packages = []Service{}, []Package{}
	if sets, err := reg.ControlSets(); err == nil && sets.Found.Source != "" {
		s.ControlSets = &ControlSets{
			Current: sets.Current, Default: sets.Default, Failed: sets.Failed, LastKnownGood: sets.LastKnownGood, Existing: orEmpty(sets.Existing),
		}
	}
	for _, v := range reg.Services() {
		if len(s.Services) == maxServices {
			break
		}
		s.Services = append(s.Services, Service{
			Name: v.Name, DisplayName: v.DisplayName, Type: v.Type, Start: v.Start, ImagePath: v.ImagePath, ServiceDLL: v.ServiceDLL,
			Account: v.Account, Odd: oddities(v),
		})
	}
	for _, v := range reg.InstallerPackages() {
		if len(s.Packages) == maxPackages {
			break
		}
		s.Packages = append(s.Packages, Package{
			Code: v.Code, Patch: v.Patch, Name: v.DisplayName, Version: v.Version, Publisher: v.Publisher, LocalPackage: v.LocalPackage,
		})
	}
}

// oddities says what is unusual about a service.
func oddities(v hive.Service) []Odd {
	var odd []Odd
	const driver = 0x1 | 0x2 | 0x8
	isDriver := v.Type > 0 && v.Type&driver != 0
	if v.Start == 4 {
		odd = append(odd, OddDisabled)
	}
	// A driver without ImagePath is that of its name in system32\drivers, and a service of type -1 may be a mere container of settings.
	if v.ImagePath == "" && !isDriver && v.Type > 0 && v.Start == 2 {
		odd = append(odd, OddNoProgram)
	}
	path := strings.ToLower(strings.TrimSpace(v.ImagePath))
	if program, _, ok := strings.Cut(path, ".exe"); ok && !isDriver && !strings.HasPrefix(path, `"`) && strings.Contains(program, " ") {
		odd = append(odd, OddUnquoted)
	}
	for _, folder := range []string{`\temp\`, `\tmp\`, `%temp%`, `\users\`, `\documents and settings\`, `\programdata\temp\`} {
		if strings.Contains(path, folder) {
			odd = append(odd, OddTemporary)
			break
		}
	}
	return odd
}

// excerpts returns the keys that the findings' evidence names, each once, in the order of the findings.
func excerpts(list []Finding, systems []*facts.Facts) []KeyExcerpt {
	out := []KeyExcerpt{}
	type place struct{ artifact, key string }
	seen := map[place]bool{}
	for _, f := range list {
		for _, e := range f.Evidence {
			at := place{e.Artifact, strings.ToLower(e.Key)}
			if e.Key == "" || seen[at] || len(out) == maxExcerpts {
				continue
			}
			seen[at] = true
			for _, x := range systems {
				h := x.Registry.Hive(e.Artifact)
				if h == nil {
					continue
				}
				if k, err := h.Key(e.Key); err == nil {
					out = append(out, excerpt(e.Artifact, e.Key, k))
					break
				}
			}
		}
	}
	return out
}

func excerpt(artifact, key string, k *hive.Key) KeyExcerpt {
	out := KeyExcerpt{Artifact: artifact, Key: key, Values: []ValueExcerpt{}, Subkeys: []string{}}
	if t := k.LastWritten(); !t.IsZero() {
		out.LastWritten = Timestamp(t)
	}
	values, subkeys := k.Values(), k.Subkeys()
	for _, v := range values[:min(len(values), maxExcerptValues)] {
		out.Values = append(out.Values, ValueExcerpt{Name: v.Name, Type: v.Type.String(), Data: cut(v.Display(), maxExcerptData), Line: v.Line})
	}
	for _, s := range subkeys[:min(len(subkeys), maxExcerptSubkeys)] {
		out.Subkeys = append(out.Subkeys, s.Name())
	}
	out.LeftOut = len(values) - len(out.Values) + len(subkeys) - len(out.Subkeys)
	slices.SortStableFunc(out.Subkeys, strings.Compare)
	return out
}
