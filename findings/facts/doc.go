// Package facts holds what is known of each system of a bundle: its registry, its typed artifacts, and the lines that the signals of
// the checks have found.
//
// A [Collector] gathers the lines while ingest reads; what it keeps of an artifact is bounded, whatever the artifact's
// length. [Build] then gives every artifact to the system it came from. Nothing of one system is ever a fact of another.
package facts
