// Package logs cuts decoded log text into records, one file for each format.
//
// [All] lists the readers; package ingest asks each how sure it is and gives the text to the surest. What a reader promises:
// every byte of the text belongs to exactly one record, in order; the records do not depend on how the text was cut into
// pieces; and the work grows with the length of the text, whatever the text is. A record that has no end within
// [ingest.MaxRecord] bytes is cut there.
//
// A reader claims no more of a time than the text supports. A time of day without a date, and a date whose day and month could
// be exchanged with nothing in the text to tell them apart (dates.go and msi.go say what does), leave Zone at ZoneNone. An offset counts as
// stated only where its sign is certain; a status message in an SMS log states it for the hour that follows too.
//
// The text comes from an unknown machine and may be damaged or hostile: nothing in it is believed before it is looked at, and
// no memory is allocated by its numbers.
//
// The scores of Sniff, so that a text of several formats goes to the surest reader:
//
//	97  the text begins with a record of the format and a second mark makes the subtype certain (SEP's Installer log)
//	95  the text begins with a record of the format
//	85  a record of the format stands further down in the head
//	60  only a part of a record is there (a fragment of a rolled file), or only the name speaks for a weak shape
//	40  a table with a column of times
//	30  lines carry time stamps of a general shape
//	 1  any text
package logs
