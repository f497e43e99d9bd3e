package match

// rarest returns where in a literal the window of so many bytes starts that is rarest in log text, the first of equals.
func rarest(folded []byte, window int) int {
	return 0
}
