package hive

// Operation is what a pair of PendingFileRenameOperations asks for.
type Operation string

// The operations.
const (
	OperationRename   Operation = "rename"
	OperationDelete   Operation = "delete"
	OperationUnpaired Operation = "unpaired" // the last string of a list with an odd number of strings
)

// PendingRename is one pair of PendingFileRenameOperations or PendingFileRenameOperations2: what the session manager does to
// a file at the next boot.
type PendingRename struct {
	Operation       Operation
	Source          string // without \??\ and markers
	Target          string // without \??\ and markers; "" for a delete
	SourceMarkers   string // what stood before \??\: "@" on a delete overrides the protection of system files
	TargetMarkers   string // "!" replaces an existing file, "@" overrides the protection of system files
	ReplaceExisting bool   // the target is marked with !
	Index           int    // of the pair in its value, from 0
	Quote           string // the two strings as stored, joined by " | "
	Found           Found  // Found.Value.Name says which value
}

// PendingRenames returns the pairs of the current control set's PendingFileRenameOperations and then …2, in the order in which they
// run, from the first source that has either value; and what of them is damaged. Both are nil if no source has a value.
func (r *Registry) PendingRenames() ([]PendingRename, []Problem) { return nil, nil }
