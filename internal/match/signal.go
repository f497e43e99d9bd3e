package match

// Signal is a line of interest to a check.
type Signal struct {
	Name string // unique among the signals of all checks: the check's ID, a slash and a short name
	// Kinds are the artifact kinds in which the signal is looked for; none means every kind.
	Kinds []string
	// Literals are strings one of which stands in every record that Pattern matches. They are compared without regard to
	// ASCII case. A signal without literals is refused, and so is a literal of less than three bytes; literals of eight bytes or more
	// are found fastest.
	Literals []string
	// Pattern is an RE2 regular expression over the record's text; "" means that a literal alone decides. Its named groups
	// become the match's captures.
	Pattern string
}
