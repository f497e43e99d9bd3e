// Package index keeps cases in a directory, the archive, and searches them.
//
// An archive holds the records, registry values and findings of one or more cases:
//
//	casebook.json            format version
//	generation-<n>           manifest: the parts that list the live cases with their folders; the highest complete one counts
//	parts/<n>-<k>            some of the cases, in order of their IDs
//	cases/<name>/            case.json, report.json, findings.json, blocks, records, history.json
//	shards/<name>/           Bleve index of the blocks of one or more cases
//	uploads/<sha256>/        uploads that are kept
//	notes/<name>.json        what was noted about a case, which outlives a new analysis of it
//	tmp/<name>/              what a writer builds aside; the next writer removes those of dead ones
//	lock                     held while a generation is published
//
// A [Writer] builds a case aside and publishes it by renaming its folders into place and writing the next generation; nothing is
// ever changed in place, so that readers take no lock and a killed writer harms nobody. An [Archive] reads one generation. A [Keeper]
// changes what is filed with cases, removes them and merges their shards. docs/archive.md tells it to users.
//
// The unit of the index is the block: some hundred consecutive records of one artifact. A block is a document of the Bleve
// index, with its terms only, and a zstd frame in the record store. Bleve names the blocks that may hold a match; the query
// is then evaluated on the records of those blocks, so that what is found is exactly what the query says.
package index
