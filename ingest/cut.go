package ingest

import (
	"errors"
	"fmt"
)

// Cut says of an archive that files of it are missing, because it is cut short or a part of its set is not there, how much is known of them. The
// vocabulary is closed.
type Cut string

// What is known of the files that are missing.
const (
	CutListed   Cut = "listed"   // the archive's directory names all its members: what is missing is an artifact without bytes
	CutUnlisted Cut = "unlisted" // nothing tells how many members it had
)

// Cuts lists the values of Cut.
func Cuts() []Cut { return []Cut{CutListed, CutUnlisted} }

// cutError is the error of an archive that is cut short.
type cutError struct {
	known Cut
	msg   string
}

func (e *cutError) Error() string { return e.msg }

// cutf makes the error of an archive that is cut short.
func cutf(known Cut, format string, args ...any) error {
	return &cutError{known, fmt.Sprintf(format, args...)}
}

// CutOf returns what an error of this package says of files that are missing, "" if it says nothing of the kind.
func CutOf(err error) Cut {
	if cut, ok := errors.AsType[*cutError](err); ok {
		return cut.known
	}
	return ""
}

// cutIn returns what the first error among the arguments of a message says of files that are missing.
func cutIn(args []any) Cut {
	for _, a := range args {
		if err, ok := a.(error); ok {
			if known := CutOf(err); known != "" {
				return known
			}
		}
	}
	return ""
}
