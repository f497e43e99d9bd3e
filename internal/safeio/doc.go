// Package safeio reads hostile bytes: bounded reads, bounds-checked little-endian numbers, UTF-16, FILETIME, and quoting of
// strings that may hold control or bidirectional characters.
package safeio
