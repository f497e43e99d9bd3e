package checks

import (
	"errors"
	"fmt"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
)

const servicesKey = `SYSTEM\CurrentControlSet\Services`

// serviceState is what the registry says of a service that a product depends on.
type serviceState int

const (
	serviceUnknown  serviceState = iota // the registry does not show it
	serviceStarts                       // it starts by itself or on demand
	serviceDisabled                     // its start type is 4
	serviceMissing                      // the registry shows that there is no such service
)

// registeredService is a service as the registry has it.
type registeredService struct {
	name  string
	state serviceState
	start int
	at    findings.Evidence // what shows the state; its role is to be set
}

// readService looks a service up in the current control set. It is missing only where the registry shows all services.
func readService(f *facts.Facts, name string) registeredService {
	out := registeredService{name: name}
	key := servicesKey + `\` + name
	v, err := f.Registry.Value(key, "Start")
	if err == nil {
		n, ok := v.Value.Uint()
		if !ok || n > 4 {
			return out
		}
		out.start, out.state = int(n), serviceStarts
		note := fmt.Sprintf("the service %s starts %s", name, [...]string{"at boot", "at boot", "automatically", "on demand", ""}[n])
		if n == 4 {
			out.state, note = serviceDisabled, fmt.Sprintf("4: the service %s is disabled", name)
		}
		out.at = findings.FromValue(v, findings.Context, note)
		return out
	}
	if _, err := f.Registry.Key(key); !errors.Is(err, hive.ErrNotExist) {
		return out
	}
	for _, all := range f.Registry.Keys(servicesKey) {
		if found := all.Found(); all.Stated() && len(all.Children()) > 1 && f.ShowsAbsence(found.Source) {
			out.state = serviceMissing
			out.at = findings.AbsentValue(found, found.Key+`\`+name, nil, findings.Context, "there is no service "+name)
			return out
		}
	}
	return out
}

// systemHiveMissing asks for the registry that shows all services, those that are missing included.
func systemHiveMissing(why string) findings.Missing {
	return findings.Missing{What: "the SYSTEM registry hive", Why: why, Collect: `reg save HKLM\SYSTEM "%PUBLIC%\SYSTEM.hiv" /y`}
}
