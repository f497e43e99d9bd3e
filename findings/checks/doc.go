// Package checks holds casebook's own checks: one check, one file, and one txtar fixture of the same name in testdata.
package checks
