package hive

import "strconv"

// CodePages are the system's code pages.
type CodePages struct {
	ANSI   int // of its programs' texts, e.g. 1252; 0 if not stated
	OEM    int // of console output, e.g. 850; 0 if not stated
	ANSIAt Found
	OEMAt  Found
}

// CodePages returns the code pages. The error is [ErrNotExist] if neither is stated.
func (r *Registry) CodePages() (CodePages, error) {
	const path = `SYSTEM\CurrentControlSet\Control\Nls\CodePage`
	read := func(name string) (int, Found) {
		at, err := r.Value(path, name)
		if err != nil {
			return 0, Found{}
		}
		n, err := strconv.ParseUint(at.Value.String(), 10, 16)
		if err != nil || n == 0 {
			return 0, Found{}
		}
		return int(n), at
	}
	var c CodePages
	c.ANSI, c.ANSIAt = read("ACP")
	c.OEM, c.OEMAt = read("OEMCP")
	if c.ANSI == 0 && c.OEM == 0 {
		return c, ErrNotExist
	}
	return c, nil
}
