package hive

// ComputerName is the system's name.
type ComputerName struct {
	Name     string // as stored; names are compared without case
	Active   string // the name in use; differs from Name while a new name waits for a reboot; "" if not stated
	NameAt   Found
	ActiveAt Found
}

// RenamePending reports whether the computer gets a new name at the next boot.
func (c ComputerName) RenamePending() bool { return c.Active != "" && !equalFold(c.Name, c.Active) }

// ComputerName returns the computer's name, the active one from the same source. The error is [ErrNotExist].
func (r *Registry) ComputerName() (ComputerName, error) {
	const path, value = `SYSTEM\CurrentControlSet\Control\ComputerName\`, "ComputerName"
	for _, k := range r.Keys(path + `ComputerName`) {
		v, err := k.Value(value)
		if err != nil || v.String() == "" {
			continue
		}
		c := ComputerName{Name: v.String(), NameAt: k.At(v)}
		for _, active := range r.Keys(path + `ActiveComputerName`) {
			if v, err := active.Value(value); err == nil && active.Source == k.Source {
				c.Active, c.ActiveAt = v.String(), active.At(v)
			}
		}
		return c, nil
	}
	return ComputerName{}, ErrNotExist
}
