// Package words says what a word of a log is, for the index and for the query alike.
//
// A word is a run of letters, digits and combining marks; everything else, the underscore included, separates words. A word
// written in CamelCase has parts: a part begins at a capital that follows a small letter ("policy|ID") and at a capital
// that a small letter follows ("XML|File", "Win32|Product"). Scripts that put no space between words (Han, Kana, Hangul, Thai and
// the like) give one word for each character. Words are compared by simple Unicode case folding.
//
// The inner groups of a GUID are words of a lesser kind: a search begins at one only if it has a letter in it, so that a search for
// 1603 does not find 8097EE64-1603-….
//
// So 0x80040669 is one word, CLICORE.EXE two, {8097EE64-5D7B-…} five and \\server\share two. A [Pattern] finds such a string
// whole, with its punctuation, and each of its words by itself; the words of a pattern are words or parts of words of every text that
// it matches ([Each] names them), and that is what lets an index of words find the places where a pattern can match at all.
package words
