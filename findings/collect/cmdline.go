package collect

import (
	"strings"
)

// The grammar of cmd.exe as far as requests use it:
//
//	line    = list { redirect }
//	list    = simple { ( "&" | "&&" ) simple }
//	simple  = "(" list ")" { redirect } | loop | word { word | redirect }
//	loop    = "for" "%x" "in" "(" word { word } ")" "do" [ "@" ] ( "(" list ")" | simple )
//	redirect = ( ">" | ">>" ) word | "2>&1"
//
// Anything else (pipes, carets, "for /f", "if") is no line of this grammar and so left to a person.

// Bounds of what one line may unfold to.
const (
	maxLine     = 4096
	maxCommands = 64
	maxNesting  = 4
)

// word is a part of a command line.
type word struct {
	text string // without its quotes
	bare bool   // no part of it was in quotes
	op   bool   // an operator: ( ) & && > >> 2>&1
}

// simple is one command with the file that its output goes to.
type simple struct {
	words []word
	file  string // "" if it is not redirected
}

// lex cuts a line into words and operators; false if it holds what the grammar lacks.
func lex(line string) ([]word, bool) {
	var out []word
	var b strings.Builder
	inWord, quoted, open, depth := false, false, false, 0
	flush := func() {
		if inWord {
			out = append(out, word{text: b.String(), bare: !quoted})
		}
		b.Reset()
		inWord, quoted, depth = false, false, 0
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c < ' ' && c != '\t' || c == 0x7f:
			return nil, false
		case c == '"':
			open, inWord, quoted = !open, true, true
		case open:
			b.WriteByte(c)
		case c == ' ' || c == '\t':
			flush()
		case c == '|' || c == '^' || c == '<' || c == ';' || c == '!':
			return nil, false
		case c == '&':
			flush()
			if i+1 < len(line) && line[i+1] == '&' {
				i++
			}
			out = append(out, word{text: "&", op: true})
		case c == '>':
			if b.String() == "2" && !quoted && strings.HasPrefix(line[i:], ">&1") {
				b.Reset()
				inWord = false
				out = append(out, word{text: "2>&1", op: true})
				i += 2
				continue
			}
			flush()
			if i+1 < len(line) && line[i+1] == '>' {
				i++
			}
			out = append(out, word{text: ">", op: true})
		case c == '(' && (!inWord || b.String() == "@" && !quoted):
			b.Reset()
			inWord = false
			out = append(out, word{text: "(", op: true})
		case c == ')' && depth == 0:
			flush()
			out = append(out, word{text: ")", op: true})
		default:
			switch c { // parentheses within a word belong to it: %ProgramFiles(x86)%
			case '(':
				depth++
			case ')':
				depth--
			}
			inWord = true
			b.WriteByte(c)
		}
	}
	if open {
		return nil, false
	}
	flush()
	return out, true
}

// parser reads the words of one line.
type parser struct {
	words []word
	at    int
	out   []simple
}

// parse returns the commands of a line, loops unfolded; false if it is no line of the grammar.
func parse(line string) ([]simple, bool) {
	if len(line) > maxLine {
		return nil, false
	}
	words, ok := lex(line)
	if !ok || len(words) == 0 {
		return nil, false
	}
	p := parser{words: words}
	if !p.list(0) || p.at < len(p.words) || len(p.out) == 0 {
		return nil, false
	}
	return p.out, true
}

// is reports whether the next word is that operator, and takes it.
func (p *parser) is(op string) bool {
	if p.at < len(p.words) && p.words[p.at].op && p.words[p.at].text == op {
		p.at++
		return true
	}
	return false
}

// keyword reports whether the next word is that one, in any case, and takes it.
func (p *parser) keyword(s string) bool {
	if p.at < len(p.words) && p.words[p.at].bare && !p.words[p.at].op && strings.EqualFold(p.words[p.at].text, s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) list(depth int) bool {
	for {
		if depth > maxNesting || !p.simple(depth) {
			return false
		}
		if !p.is("&") {
			return true
		}
	}
}

func (p *parser) simple(depth int) bool {
	from := len(p.out)
	switch {
	case p.is("("):
		if !p.list(depth+1) || !p.is(")") {
			return false
		}
	case p.keyword("for"):
		if !p.loop(depth) {
			return false
		}
	default:
		var c simple
		for p.at < len(p.words) && !p.words[p.at].op {
			c.words = append(c.words, p.words[p.at])
			p.at++
		}
		if len(c.words) == 0 || len(p.out) >= maxCommands {
			return false
		}
		p.out = append(p.out, c)
	}
	for {
		switch {
		case p.is("2>&1"):
		case p.is(">"):
			if p.at >= len(p.words) || p.words[p.at].op {
				return false
			}
			for i := range p.out[from:] {
				if p.out[from+i].file == "" {
					p.out[from+i].file = p.words[p.at].text
				}
			}
			p.at++
		default:
			return true
		}
	}
}

// loop unfolds "for %x in (a b) do …" by putting each word in the place of %x.
func (p *parser) loop(depth int) bool {
	if p.at >= len(p.words) || len(p.words[p.at].text) != 2 || p.words[p.at].text[0] != '%' {
		return false
	}
	variable := p.words[p.at].text
	p.at++
	if !p.keyword("in") || !p.is("(") {
		return false
	}
	var items []word
	for p.at < len(p.words) && !p.words[p.at].op {
		items = append(items, p.words[p.at])
		p.at++
	}
	if len(items) == 0 || len(items) > maxCommands || !p.is(")") || !p.keyword("do") {
		return false
	}
	if p.at < len(p.words) && !p.words[p.at].op && p.words[p.at].bare {
		p.words[p.at].text = strings.TrimPrefix(p.words[p.at].text, "@")
	}
	body := parser{words: p.words, at: p.at}
	if depth > maxNesting || !body.simple(depth+1) {
		return false
	}
	p.at = body.at
	for _, item := range items {
		if strings.ContainsAny(strings.TrimPrefix(item.text, `\\?\`), "*?") { // a pattern of files, which only cmd can unfold
			return false
		}
		for _, c := range body.out {
			if len(p.out) >= maxCommands {
				return false
			}
			one := simple{file: c.file}
			for _, w := range c.words {
				if strings.EqualFold(w.text, variable) {
					w = item
				} else if strings.Contains(w.text, variable) {
					return false
				}
				one.words = append(one.words, w)
			}
			p.out = append(p.out, one)
		}
	}
	return true
}
