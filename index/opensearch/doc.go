// Package opensearch keeps cases in OpenSearch, where many machines write and search them. It is a second back end behind [index.Store], and what it finds is
// what the archive in a folder finds: the same parser, the same blocks, and the same evaluation of a query on their records.
//
// Below a prefix there are
//
//	prefix-blocks-<month>-<n>  the blocks of the cases that came in a month, behind the alias prefix-blocks: their words, and a zstd frame of the records
//	prefix-cases               a document for each case that names its live state, and one for each state that is being written
//	prefix-files               report.json of each state, in pieces
//	prefix-notes               what was noted about cases, which outlives a new analysis of them
//
// A case is sent when it is complete, below a state of its own; the document of the case, written last and only if nobody else has written it meanwhile, makes that state the live
// one. Searches leave out states that are not live. What a dead writer left is removed by later ones.
//
// OpenSearch narrows a query down to the blocks that may hold a match, as Bleve does in a folder, and answers by aggregation what blocks need not be read
// for; the rest is decided by [index.Evaluation] here. So a hit is a hit in both, and the cluster need not know how a CamelCase word or a GUID is searched.
package opensearch
