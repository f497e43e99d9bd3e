package regftest

import (
	"encoding/hex"
	"fmt"
	"strings"

	"casebook/hive"
)

// Query returns what reg query /s prints of a hive that is mounted at root, such as HKEY_LOCAL_MACHINE\SYSTEM, on an English Windows Vista or later.
func Query(h *hive.Hive, root string) (string, error) {
	var b strings.Builder
	err := h.Walk(func(k *hive.Key) error {
		path := root
		if p := k.Path(); p != "" {
			path += `\` + p
		}
		b.WriteString("\r\n" + path + "\r\n")
		for _, v := range k.Values() {
			name := v.Name
			if name == "" {
				name = "(Default)"
			}
			fmt.Fprintf(&b, "    %s    %s    %s\r\n", name, v.Type, queryData(v))
		}
		return nil
	})
	return b.String(), err
}

// queryData prints data as reg query does.
func queryData(v hive.Value) string {
	if n, ok := v.Uint(); ok {
		return fmt.Sprintf("0x%x", n)
	}
	switch v.Type {
	case hive.TypeSZ, hive.TypeExpandSZ, hive.TypeLink:
		return v.String()
	case hive.TypeMultiSZ:
		return strings.Join(v.Strings(), `\0`)
	default:
		return strings.ToUpper(hex.EncodeToString(v.Data))
	}
}
