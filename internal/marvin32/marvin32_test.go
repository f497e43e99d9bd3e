package marvin32_test

import (
	"testing"

	"casebook/internal/marvin32"
)

// TestSum has vectors that were published with the algorithm. Longer data is checked by the logs of real hives, in package hive.
func TestSum(t *testing.T) {
	const seed = 0x004fb61a001bdbcc
	for name, tc := range map[string]struct {
		data []byte
		want uint64
	}{
		"empty":       {nil, 0x30ed35c100cd3c7d},
		"one-byte":    {[]byte{0xaf}, 0x48e73fc77d75ddc1},
		"two-bytes":   {[]byte{0xe7, 0x0f}, 0xb5f6e1fc485dbff8},
		"three-bytes": {[]byte{0x37, 0xf4, 0x95}, 0xf0b07c789b8cf7e8},
		"four-bytes":  {[]byte{0x86, 0x42, 0xdc, 0x59}, 0x7008f2e87e9cf556},
	} {
		t.Run(name, func(t *testing.T) {
			if got := marvin32.Sum(tc.data, seed); got != tc.want {
				t.Errorf("%#x, want %#x", got, tc.want)
			}
		})
	}
}
