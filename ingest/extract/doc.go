// Package extract reads typed artifacts: registries, listings, and the small files whose layout is known.
//
// Each kind is one file, opened by the grammar it reads and where that grammar is known from. [All] lists the extractors. A reader
// takes the whole decoded text of one member and returns a value in which every fact has its line; what cannot be read is a Problem.
// It never decides what a fact means: that is the affair of the checks.
//
// Console tools speak the language of their Windows. Everything is told by structure (columns, indentation, dashes, paths,
// hexadecimal codes), dates and numbers in any locale's order and separators; words are looked at only where the tool never translates them, and
// account names in a table of the translations.
//
// The text is hostile: values are bounded by the lines that exist and by 200,000 entries (400,000 of a listing), nothing recurses deeper than a
// fixed number of levels, no entity is expanded and no path is opened.
package extract

import "casebook/ingest"

// All returns the extractors of the typed artifacts, First ones first.
func All() []ingest.Extractor {
	return []ingest.Extractor{
		regf(), regExport(), regQuery(), manifest(), vcmLock(),
		copylog(), compver(), listing(), machineKeys(), acl(), mounts(), sylink(), pfro(),
		siteControl(), components(), boundaries(), dnsCheck(), dnsZone(), hostList(), nslookup(), vcmJobs(), setAid(), smscfg(), smsuid(),
		ipconfig(), systemInfo(), msinfo(), winmgmt(), registryPol(),
	}
}
