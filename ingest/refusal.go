package ingest

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/nwaples/rardecode/v2"
	"github.com/therootcompany/xz"
)

// Refusal is why something in an upload was refused, or taken only in a changed form: because it could do harm where it is opened, or would
// take more than the limits allow. The vocabulary is closed.
type Refusal string

// The refusals.
const (
	RefusedLink    Refusal = "link"    // a symbolic or hard link, which is not followed
	RefusedDevice  Refusal = "device"  // a device, pipe or socket
	RefusedName    Refusal = "name"    // a name that leaves its folder, is absolute, hides characters or is another's too: the member is read by a changed one
	RefusedOverlap Refusal = "overlap" // packed bytes that are another member's too
	RefusedRatio   Refusal = "ratio"   // more decoded bytes for each packed one than --max-ratio allows
	RefusedSize    Refusal = "size"    // more bytes than --max-member or --max-bytes allows
	RefusedCount   Refusal = "count"   // more members than --max-files allows
	RefusedDepth   Refusal = "depth"   // archives or mails nested too deep
	RefusedMemory  Refusal = "memory"  // a decompressor would need more memory than it is given
)

// Refusals lists the refusals.
func Refusals() []Refusal {
	return []Refusal{
		RefusedLink, RefusedDevice, RefusedName, RefusedOverlap, RefusedRatio, RefusedSize, RefusedCount, RefusedDepth, RefusedMemory,
	}
}

// refusalError is the error of something that is refused.
type refusalError struct {
	why Refusal
	msg string
}

func (e *refusalError) Error() string { return e.msg }

// refusef makes the error of a refusal.
func refusef(why Refusal, format string, args ...any) error {
	return &refusalError{why, fmt.Sprintf(format, args...)}
}

// RefusalOf returns what an error of this package refuses, "" if it refuses nothing.
func RefusalOf(err error) Refusal {
	var refused *refusalError
	var limit *limitError
	switch {
	case errors.As(err, &refused):
		return refused.why
	case errors.As(err, &limit):
		switch limit.flag {
		case "max-ratio":
			return RefusedRatio
		case "max-files":
			return RefusedCount
		case "max-depth":
			return RefusedDepth
		}
		return RefusedSize
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit),
		errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return RefusedMemory
	}
	return ""
}

// refusalIn returns what the first error among the arguments of a message refuses.
func refusalIn(args []any) Refusal {
	for _, a := range args {
		if err, ok := a.(error); ok {
			if why := RefusalOf(err); why != "" {
				return why
			}
		}
	}
	return ""
}
