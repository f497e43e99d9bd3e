package cli

import (
	"syscall"
	"unsafe"
)

// ownConsole reports whether the console closes with this program: a file was dropped on it, or it was double-clicked, so that no other process, such as a command
// interpreter, shares the window. https://learn.microsoft.com/windows/console/getconsoleprocesslist
func ownConsole() bool {
	var processes [2]uint32
	list := syscall.NewLazyDLL("kernel32.dll").NewProc("GetConsoleProcessList")
	if list.Find() != nil {
		return false
	}
	n, _, _ := list.Call(uintptr(unsafe.Pointer(&processes[0])), uintptr(len(processes))) //nolint:gosec // the call wants an address
	return n == 1
}
