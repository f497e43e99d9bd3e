// Package hive reads the Windows registry offline: hive files (regf), .reg exports and the output of reg query.
//
// [Open], [OpenWithLogs], [ParseExport] and [ParseQuery] give one [Hive]; a [Registry] joins the hives and exports of one system and answers
// by path, such as SYSTEM\CurrentControlSet\Control\Windows, with the place of every answer. The views on a Registry (pending
// renames, mounted devices, time zone …) decode single keys, one file each.
//
// [WriteExport] writes .reg files; [Hive.Deleted] lists what is left of deleted keys and values.
//
// The bytes are hostile: every offset, length and count is checked against the bytes that exist, nothing is allocated from a
// declared size, every cell has one owner and so is read once. Damage becomes a [Problem]; what can be reached is read.
// A Hive is immutable once it is made and may be used by several goroutines.
//
// The package does not use a registry library: the one at hand needs a check before each of its calls on hostile bytes, and
// reading slices directly is several times as fast.
package hive
