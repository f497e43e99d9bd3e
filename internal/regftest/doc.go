// Package regftest writes hive files for tests: it turns the text of a .reg export into the bytes of a regf file, so that
// a fixture can be read and reviewed as text and is still read through the parser of real hives.
//
// Keys stand below HKEY_LOCAL_MACHINE\SYSTEM or its like as in an export; the mount point becomes the root of the hive. Comments that
// stand alone on a line before a key direct the writer:
//
//	; last written: 2012-03-10T08:11:00Z    the time of the next key; others have 2012-01-01T00:00:00Z
//	; deleted                               the next key, with all below it, was deleted and stands in free cells
//	; dirty                                 the hive was copied while it was written
//
// The same text gives the same bytes.
package regftest
