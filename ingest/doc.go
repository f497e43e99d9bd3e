// Package ingest opens an upload and reads every member of it once.
//
// An upload is an archive, a directory or a loose file, and may hold further archives. [Open] makes the catalogue: it walks
// the containers, bounds them by [Limits] and looks at the first bytes of each member. [Read] then inflates, hashes,
// decodes and splits members side by side and hands their records to the sinks that the caller gives; nothing that grows
// with the upload stays in memory.
//
// The package knows no format of its own beyond containers and text encodings: log readers ([Reader]) and the readers of typed
// artifacts ([Extractor]) are lists that the caller passes in.
//
// The input is hostile. Names are never joined to a path of the machine, sizes that an archive declares are never believed, and
// what can't be read becomes a [Problem] with the place and the reason; the rest goes on.
package ingest
