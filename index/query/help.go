package query

// Help explains the language to a user, with examples.
const Help = `A query is made of terms. All terms that stand beside each other must match.

  0x80040669                    a word, in any case; also as a part of a CamelCase word
  CLICORE.EXE  \\server\share   words with their punctuation
  "exit code 1603"              a phrase; a quote within it is doubled
  clicore.*  w?s01              * any letters and digits, ? one; not within quotes
  a OR b   NOT a   -a   (a b)   operators in capitals; NOT before AND before OR

A field is searched by its name and a colon:

  host:WKS01                    the system that a file belongs to
  file:smsts.log                a file's path, with either slash
  kind:log/ccm                  a file's kind; kind:hive is the registry, kind:finding the findings
  component:execmgr             a log record's component
  severity:error                info, warning, error; of findings critical, high, medium, low, info
  check:msi-install-failed      the findings of a check
  severity:(error OR warning)   several values

  time:2012-03-08               a day; a year, a month, an hour and a minute are written alike
  time:2012-03-08..2012-03-09   from the one to the end of the other; either may be left out
  time:>2012-03-08T21:00        after that minute; also >=, < and <=

Times are UTC, where a record's offset from it is known, and otherwise what the log's clock showed. Quote a word with a colon
to look for the word itself: "host:".
`
