package opensearch

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"casebook/index"
	"casebook/index/query"
	"casebook/index/words"
)

// filter is a query of OpenSearch that only says yes or no: a term, or an object.
type filter any

// term finds documents that have a value in a field.
type term struct{ field, value string }

// MarshalJSON implements [json.Marshaler].
func (t term) MarshalJSON() ([]byte, error) {
	return json.Marshal(object{"term": object{t.field: t.value}})
}

// oneOf finds documents that have one of the values in a field.
func oneOf(field string, values ...any) filter { return object{"terms": object{field: values}} }

// ranged finds documents whose number in a field is in a range: bounds are gte, lt and the like.
func ranged(field string, bounds object) filter { return object{"range": object{field: bounds}} }

// allOf finds what all filters find.
func allOf(list ...filter) filter { return object{"bool": object{"filter": list}} }

// anyOf finds what one of the filters finds; terms of one field become one filter, so that their number is not bounded.
func anyOf(list []filter) filter {
	if len(list) == 0 {
		return object{"match_none": object{}}
	}
	byField := map[string][]any{}
	var rest []filter
	var fields []string
	for _, f := range list {
		t, ok := f.(term)
		if !ok {
			rest = append(rest, f)
			continue
		}
		if byField[t.field] == nil {
			fields = append(fields, t.field)
		}
		byField[t.field] = append(byField[t.field], t.value)
	}
	for _, f := range fields {
		rest = append(rest, oneOf(f, byField[f]...))
	}
	return object{"bool": object{"should": rest, "minimum_should_match": 1}}
}

// clean makes a word that was cut within a character fit for JSON, in documents and in queries alike.
func clean(word []byte) string { return strings.ToValidUTF8(string(word), "\uFFFD") }

// narrow returns the filter that finds all blocks that may hold a match, and false if all blocks may.
func narrow(q query.Node) (filter, bool, error) {
	n := query.Narrowing[filter]{
		All: func(list []filter) filter { return allOf(list...) },
		Any: anyOf,
		Term: func(field string, t words.Term) (filter, bool, error) {
			f, ok := wordFilter(field, t)
			return f, ok, nil
		},
	}
	n.Leaf = func(node query.Node) (filter, bool, error) {
		switch node := node.(type) {
		case query.Text:
			return n.Matcher(wordField(""), node)
		case query.Code:
			return n.Matcher(wordField(""), node)
		case query.Time:
			return timeFilter(node), true, nil
		case query.Number:
			return numberFilter(node), true, nil
		case query.Field:
			switch node.Name {
			case query.Case, query.Label: // the store knows which cases are meant
			case query.Severity:
				var list []filter
				for _, s := range index.Severities(node.Text) {
					list = append(list, term{fieldSeverity, s})
				}
				return anyOf(list), true, nil
			case query.Key, query.Value, query.Type:
				return oneOf(fieldClass, classRegistry, classFindings), true, nil
			default:
				return n.Matcher(wordField(node.Name), node.Text)
			}
		}
		return nil, false, nil
	}
	return n.Node(q)
}

// wordFilter finds documents whose field holds a word or a form of word; a word that was cut may be any that begins so.
func wordFilter(field string, t words.Term) (filter, bool) {
	if !t.Glob {
		return term{field, clean(t.Prefix)}, true
	}
	form := t.Form()
	if strings.Trim(form, "*") == "" {
		return nil, false
	}
	cut := []filter{term{field, longTerm}}
	if p := strings.ToValidUTF8(string(t.Prefix), ""); p != "" {
		cut = append(cut, object{"prefix": object{field: object{"value": p}}})
	}
	return anyOf([]filter{object{"wildcard": object{field: object{"value": form}}}, allOf(cut...)}), true
}

// timeFilter finds blocks of which a record may lie in a range of time.
func timeFilter(n query.Time) filter {
	micro := func(t time.Time) int64 { return t.UnixMicro() }
	list := []filter{object{"exists": object{"field": fieldFirst}}}
	if !n.To.IsZero() {
		list = append(list, ranged(fieldFirst, object{"lt": micro(n.To)}))
	}
	if !n.From.IsZero() {
		list = append(list, ranged(fieldLast, object{"gte": micro(n.From)}))
	}
	return allOf(list...)
}

// numberFilter finds blocks of which a record may have a number in a range.
func numberFilter(n query.Number) filter {
	bounds := object{}
	if n.From != math.MinInt64 {
		bounds["gte"] = n.From
	}
	if n.To != math.MaxInt64 {
		bounds["lte"] = n.To
	}
	switch n.Name {
	case query.Size:
		return ranged(fieldSize, bounds)
	case query.Line:
		var list []filter
		if v, ok := bounds["lte"]; ok {
			list = append(list, ranged(fieldLine, object{"lte": v}))
		}
		if v, ok := bounds["gte"]; ok {
			list = append(list, ranged(fieldEnd, object{"gte": v}))
		}
		if list == nil {
			return object{"match_all": object{}}
		}
		return allOf(list...)
	default: // threads are those of log records
		return oneOf(fieldClass, classRecords)
	}
}

// hasCase tells whether a query asks for a case's ID or labels.
func hasCase(q query.Node) bool {
	return holds(q, func(n query.Node) bool {
		f, ok := n.(query.Field)
		return ok && (f.Name == query.Case || f.Name == query.Label)
	})
}

// counted tells whether all that a query asks of records can be answered by what the documents of blocks say in fields for counting, at least of some blocks.
func counted(q query.Node) bool {
	return !holds(q, func(n query.Node) bool {
		switch n := n.(type) {
		case query.Text, query.Code:
			return true
		case query.Number:
			return n.Name != query.Size
		case query.Field:
			switch n.Name {
			case query.Component, query.Key, query.Value, query.Type:
				return true
			default:
			}
		}
		return false
	})
}

// holds tells whether a leaf of a query has a property.
func holds(q query.Node, is func(query.Node) bool) bool {
	var list []query.Node
	switch n := q.(type) {
	case query.And:
		list = n.Nodes
	case query.Or:
		list = n.Nodes
	case query.Not:
		list = []query.Node{n.Node}
	default:
		return is(q)
	}
	for _, n := range list {
		if holds(n, is) {
			return true
		}
	}
	return false
}
