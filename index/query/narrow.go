package query

import "casebook/index/words"

// Narrowing says in terms of an index, of type T, what a text must hold for a query to match it: every text that matches has it, and a text that has it need
// not match. Its methods return false where nothing is needed.
type Narrowing[T any] struct {
	All  func([]T) T                                                   // of two or more
	Any  func([]T) T                                                   // of any number but one; of none, nothing matches
	Leaf func(n Node) (need T, ok bool, err error)                     // what a node other than And, Or and Not needs
	Term func(field string, t words.Term) (need T, ok bool, err error) // what a word or a form of word needs in a field
}

// Node returns what a query needs. What must not match needs nothing: an index of words can't tell that a text does not match.
func (x Narrowing[T]) Node(n Node) (need T, ok bool, err error) {
	var list []T
	switch n := n.(type) {
	case And:
		for _, c := range n.Nodes {
			m, ok, err := x.Node(c)
			if err != nil {
				return need, false, err
			}
			if ok {
				list = append(list, m)
			}
		}
		need, ok = x.all(list)
		return need, ok, nil
	case Or:
		for _, c := range n.Nodes {
			m, ok, err := x.Node(c)
			if !ok || err != nil {
				return need, false, err
			}
			list = append(list, m)
		}
		return x.anyOf(list), true, nil
	case Not:
		return need, false, nil
	}
	return x.Leaf(n)
}

// Matcher returns what a matcher needs in a field.
func (x Narrowing[T]) Matcher(field string, m words.Matcher) (need T, ok bool, err error) {
	var all []T
	for _, oneOf := range m.Terms() {
		var list []T
		known := true
		for _, t := range oneOf {
			n, ok, err := x.Term(field, t)
			if err != nil {
				return need, false, err
			}
			if known = ok; !known {
				break
			}
			list = append(list, n)
		}
		if known {
			all = append(all, x.anyOf(list))
		}
	}
	need, ok = x.all(all)
	return need, ok, nil
}

func (x Narrowing[T]) all(list []T) (need T, ok bool) {
	switch len(list) {
	case 0:
		return need, false
	case 1:
		return list[0], true
	}
	return x.All(list), true
}

func (x Narrowing[T]) anyOf(list []T) T {
	if len(list) == 1 {
		return list[0]
	}
	return x.Any(list)
}
