package safeio

import "time"

// filetimeUnix is 1970-01-01 as FILETIME: 100 ns since 1601-01-01.
const filetimeUnix = 116444736000000000

// Filetime returns the time of a Windows FILETIME (100 ns since 1601-01-01 UTC) in UTC with all its digits. Zero means
// "never" and gives the zero time, as does a value with the top bit set, which no FILETIME has.
func Filetime(ft uint64) time.Time {
	if ft == 0 || ft>>63 != 0 {
		return time.Time{}
	}
	t := int64(ft) - filetimeUnix
	return time.Unix(t/1e7, t%1e7*100).UTC()
}
