package hive

// ParseQuery reads the decoded lines of the output of reg query, in any language of Windows. The error says that no
// line is a key.
func ParseQuery(lines []string) (*Hive, error) { return nil, ErrNotExist }

// SniffQuery reports whether decoded text looks like the output of reg query.
func SniffQuery(head []byte) bool { return false }
