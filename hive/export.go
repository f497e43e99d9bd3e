package hive

// ParseExport reads the decoded lines of a .reg file, version 5 or REGEDIT4. ansi decodes the bytes of strings that a
// REGEDIT4 file holds in hexadecimal; nil means Windows-1252. The error says that the text is no .reg file.
func ParseExport(lines []string, ansi func([]byte) string) (*Hive, error) { return nil, ErrNotExist }

// SniffExport reports whether decoded text begins as a .reg file does.
func SniffExport(head []byte) bool { return false }
