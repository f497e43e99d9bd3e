// Package findings holds what casebook concludes: checks, their verdicts with evidence, and the report.
//
// A [Check] is a value: its knowledge (what it needs, which lines it looks for, cause, remedy, sources) and its reasoning
// stand together. [Run] gives each selected check the facts of every system, says not-evaluated where its needs are absent, refuses a
// claim without evidence, and turns a check's panic into a problem. The outcome of a check is a [Verdict], never a boolean.
package findings
