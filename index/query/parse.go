package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"casebook/index/words"
)

// Bounds of a query, so that a query from anywhere costs no more than its author's patience.
const (
	maxLength = 8192 // bytes
	maxDepth  = 100  // parentheses and NOTs within each other
)

// Parse reads a query. An error is an [*Error].
func Parse(s string) (Node, error) {
	p := &parser{lexer: lexer{in: s}}
	switch {
	case len(s) > maxLength:
		return nil, &Error{1, "the query is longer than 8192 bytes; search for less at a time"}
	case !utf8.ValidString(s):
		return nil, &Error{1, "the query is not UTF-8 text"}
	case strings.TrimSpace(s) == "":
		return nil, &Error{1, "the query is empty; name a word to look for, or a field such as severity:error"}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or(0, "")
	if err != nil {
		return nil, err
	}
	if p.tok.kind == tokenClose {
		return nil, p.fail(p.tok.at, `this ) closes nothing; remove it, or quote it as ")"`)
	}
	return n, nil
}

type parser struct {
	lexer
	tok token
}

func (p *parser) advance() *Error {
	t, err := p.next()
	p.tok = t
	return err
}

// or reads terms that OR joins. name is the field that encloses them, "" if none does.
func (p *parser) or(depth int, name Name) (Node, *Error) {
	var nodes []Node
	for {
		n, err := p.and(depth, name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		if p.tok.kind != tokenOr {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(nodes) == 1 {
		return nodes[0], nil
	}
	return Or{nodes}, nil
}

// and reads terms that AND joins or that stand beside each other.
func (p *parser) and(depth int, name Name) (Node, *Error) {
	var nodes []Node
	for {
		n, err := p.unary(depth, name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		switch p.tok.kind {
		case tokenAnd:
			if err := p.advance(); err != nil {
				return nil, err
			}
			continue
		case tokenEnd, tokenClose, tokenOr:
			if len(nodes) == 1 {
				return nodes[0], nil
			}
			return And{nodes}, nil
		default: // a term beside this one
		}
	}
}

// unary reads one term with the NOTs before it.
func (p *parser) unary(depth int, name Name) (Node, *Error) {
	if depth > maxDepth {
		return nil, p.fail(p.tok.at, "the query is nested more than 100 deep; write it flatter")
	}
	t := p.tok
	switch t.kind {
	case tokenNot:
		if err := p.advance(); err != nil {
			return nil, err
		}
		if name == code && p.in[t.at] == '-' && p.tok.kind == tokenWord { // in a list of codes it is a sign
			p.tok.at, p.tok.text = t.at, "-"+p.tok.text
			return p.unary(depth+1, name)
		}
		n, err := p.unary(depth+1, name)
		if err != nil {
			return nil, err
		}
		return Not{n}, nil
	case tokenOpen:
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.or(depth+1, name)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != tokenClose {
			return nil, p.fail(t.at, "this ( is not closed; add a ), or quote it")
		}
		return n, p.advance()
	case tokenField:
		if name != "" {
			return nil, p.fail(t.at, "a field stands within the parentheses of %s:; close them first, or quote the text", name)
		}
		return p.field(depth)
	case tokenWord, tokenPhrase, tokenRegexp:
		n, err := p.value(name)
		if err != nil {
			return nil, err
		}
		return n, nil
	case tokenAnd, tokenOr:
		return nil, p.fail(t.at, "%s needs a term on its left; quote it to look for the word itself", p.in[t.at:p.at])
	case tokenClose:
		return nil, p.fail(t.at, "a term is missing before this )")
	default:
		return nil, p.fail(t.at, "the query ends where a term is expected")
	}
}

// field reads what a field's name governs.
func (p *parser) field(depth int) (Node, *Error) {
	name := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.tok.glued {
		return nil, p.fail(name.at, `%s: needs a value right behind it, as in %s:%s; quote "%s:" to look for the text`,
			name.text, name.text, example(Name(name.text)), name.text)
	}
	switch p.tok.kind {
	case tokenOpen, tokenWord, tokenPhrase, tokenRegexp:
		return p.unary(depth+1, Name(name.text))
	default:
		return nil, p.fail(p.tok.at, "%s: needs a value, as in %s:%s", name.text, name.text, example(Name(name.text)))
	}
}

// value makes a node of the word, phrase or regular expression at hand and moves on. name is the field that it stands in, "" if in none.
func (p *parser) value(name Name) (Node, *Error) {
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	if name == Label && t.kind == tokenWord && strings.HasSuffix(t.text, "=") && p.tok.kind == tokenPhrase && p.tok.glued { // customer="A B"
		t.kind, t.text = tokenPhrase, t.text+p.tok.text
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	n, reason := p.node(t, name)
	if reason != "" {
		return nil, p.fail(t.at, "%s", reason)
	}
	return n, nil
}

// node makes a node of a token. A reason says what is wrong with it.
func (p *parser) node(t token, name Name) (n Node, reason string) {
	text := Text{Value: t.text}
	switch t.kind {
	case tokenPhrase:
		text.Form = Phrase
	case tokenRegexp:
		text.Form = Regexp
	default:
	}
	switch {
	case name == time_ || slices.Contains(Numbers(), name):
		if text.Form == Regexp {
			return nil, fmt.Sprintf("%s: takes no regular expression; write a value or a range, as in %s:%s", name, name, example(name))
		}
		if name == time_ {
			return parseTime(t.text)
		}
		return parseNumber(name, t.text)
	case name == code:
		return parseCode(text)
	case name == Severity && text.Form == Words && strings.ContainsAny(t.text, "<>=."):
		text.Matcher, reason = parseSeverities(t.text)
		return Field{name, text}, reason
	case text.Form == Regexp:
		re, err := words.CompileRegexp(t.text)
		if err != nil {
			return nil, fmt.Sprintf("the regular expression can't be understood: %v; its syntax is RE2's, and in quotes the text is no expression", err)
		}
		text.Matcher = re
	case name == File:
		text.Matcher = words.Compile(strings.ReplaceAll(text.Value, `\`, "/"), text.Form == Words)
	default:
		text.Matcher = words.Compile(text.Value, text.Form == Words)
	}
	if name == "" {
		return text, ""
	}
	known := vocabulary[name]
	if known != nil && !slices.ContainsFunc(known, func(s string) bool { return text.Match([]byte(s)) }) {
		return nil, fmt.Sprintf("there is no %s %q; there is %s", name, t.text, strings.Join(known, ", "))
	}
	return Field{name, text}, ""
}

// vocabulary lists the values of the fields that have few.
var vocabulary = map[Name][]string{
	Severity: {"info", "warning", "error", "critical", "high", "medium", "low"},
	Verdict:  {"confirmed", "suspected", "ruled-out", "not-evaluated"},
}

// example is a value of a field for an error's text.
func example(n Name) string {
	switch n {
	case Case:
		return "INC0012345"
	case Host:
		return "WKS01"
	case Label:
		return "customer=ACME"
	case Component:
		return "execmgr"
	case Severity:
		return "error"
	case File:
		return "smsts.log"
	case Kind:
		return "log/ccm"
	case Check:
		return "msi-install-failed"
	case Verdict:
		return "confirmed"
	case Key:
		return `SOFTWARE\Microsoft\CCM`
	case Value:
		return "ProvisioningMode"
	case Type:
		return "REG_DWORD"
	case Line:
		return "100..200"
	case Thread:
		return "4660"
	case Size:
		return ">10MB"
	case code:
		return "1603"
	default:
		return "2012-03-08"
	}
}
