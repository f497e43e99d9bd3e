package hive

import (
	"slices"
	"strings"
)

// Service is one service or driver of the current control set.
type Service struct {
	Name             string
	DisplayName      string // may be a resource such as @%SystemRoot%\system32\x.dll,-1
	Type             int    // 1 kernel driver, 2 file system driver, 0x10 own process, 0x20 shared process; -1 if not stated
	Start            int    // 0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled; -1 if not stated
	ErrorControl     int    // 0 ignore, 1 normal, 2 severe, 3 critical; -1 if not stated
	DelayedAutoStart bool   // with Start 2
	ImagePath        string
	ServiceDLL       string // of a service in a shared process
	Account          string // ObjectName
	DependsOn        []string
	Found            Found // the key
}

// Services returns the services and drivers, ordered by name, each from the first source that has it.
func (r *Registry) Services() []Service {
	seen := map[string]bool{}
	var out []Service
	for _, list := range r.Keys(`SYSTEM\CurrentControlSet\Services`) {
		for _, k := range list.Children() {
			s, ok := service(k)
			if name := foldString(s.Name); ok && !seen[name] {
				seen[name] = true
				out = append(out, s)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Service) int { return strings.Compare(foldString(a.Name), foldString(b.Name)) })
	return out
}

// Service returns the service of that name. The error is [ErrNotExist].
func (r *Registry) Service(name string) (Service, error) {
	for _, k := range r.Keys(`SYSTEM\CurrentControlSet\Services\` + name) {
		if s, ok := service(k); ok {
			return s, nil
		}
	}
	return Service{}, ErrNotExist
}

// service reads one key; false if it describes no service, as the keys that only hold performance counters.
func service(k FoundKey) (Service, bool) {
	number := func(name string) int {
		if n, ok := k.valueOrZero(name).Uint(); ok && n < 1<<16 {
			return int(n)
		}
		return -1
	}
	s := Service{
		Name:             k.Name(),
		DisplayName:      k.valueOrZero("DisplayName").String(),
		Type:             number("Type"),
		Start:            number("Start"),
		ErrorControl:     number("ErrorControl"),
		DelayedAutoStart: number("DelayedAutoStart") == 1,
		ImagePath:        k.valueOrZero("ImagePath").String(),
		ServiceDLL:       k.valueOrZero("ServiceDll").String(),
		Account:          k.valueOrZero("ObjectName").String(),
		DependsOn:        k.valueOrZero("DependOnService").Strings(),
		Found:            k.Found(),
	}
	if p, ok := k.Subkey("Parameters"); ok {
		if dll := p.valueOrZero("ServiceDll").String(); dll != "" {
			s.ServiceDLL = dll
		}
	}
	return s, s.Type >= 0 || s.Start >= 0 || s.ImagePath != ""
}
