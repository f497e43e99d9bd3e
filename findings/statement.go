package findings

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"casebook/ingest"
)

// How much of what people wrote is read and shown.
const (
	maxStatements     = 4   // that a report quotes
	maxStatementLines = 12  // of each
	keptStatements    = 64  // that a Notebook holds: those that a report would quote first
	maxNoteText       = 300 // lines with text, beyond which a text is no note but a manual, a licence or a listing
	shortNote         = 3   // lines with text, up to which no sentence needs to end
	maxNoteDepth      = 3   // folders above a note, those of the whole upload among them
)

// StatementKind says in what form somebody wrote.
type StatementKind string

// The kinds of statements.
const (
	StatementMail StatementKind = "mail" // the text of a mail
	StatementNote StatementKind = "note" // a short text of sentences, at the top of the upload or in a folder of it
)

// Statement is the beginning of what somebody wrote to go with the upload. That it is a note is told by its shape, not by its words; who wrote it nothing says but
// the text itself.
type Statement struct {
	Artifact string        `json:"artifact"`
	Kind     StatementKind `json:"kind"`
	Quotes   []Evidence    `json:"quotes"`   // its first lines that hold text, in their order
	LeftOut  int           `json:"left_out"` // how many further lines hold text
}

// Notebook gathers what people wrote while artifacts are read side by side. The zero value is ready for use.
type Notebook struct {
	mu   sync.Mutex
	list []Statement // those that come first, see compareStatements
}

// Sink returns a sink that reads an artifact as a statement, nil if it can't be one.
func (n *Notebook) Sink(a *ingest.Artifact) ingest.Sink {
	kind := StatementNote
	switch {
	case isMessage(a.Path):
		kind = StatementMail
	case a.Kind != ingest.KindText || strings.Count(a.Path, "/") > maxNoteDepth || !slices.Contains([]string{"", ".txt", ".text", ".md"}, strings.ToLower(path.Ext(a.Path))):
		return nil
	}
	return &statementSink{book: n, statement: Statement{Artifact: a.Path, Kind: kind, Quotes: []Evidence{}}}
}

// isMessage tells the text of a mail, which the reader of mails calls so.
func isMessage(p string) bool {
	folder, base := path.Split(p)
	ext := strings.ToLower(path.Ext(strings.TrimSuffix(folder, "/")))
	return base == "message.txt" && (ext == ".eml" || ext == ".msg")
}

// statements returns what a report quotes of the artifacts of a case: mails first, then the notes at the top of an upload and in its folders.
func (n *Notebook) statements(artifacts []*ingest.Artifact) []Statement {
	n.mu.Lock()
	defer n.mu.Unlock()
	root := commonFolder(artifacts)
	var out []Statement
	for _, s := range n.list {
		if s.Kind == StatementNote && strings.Count(strings.TrimPrefix(s.Artifact, root), "/") > 1 {
			continue
		}
		if len(out) < maxStatements {
			out = append(out, s)
		}
	}
	return out
}

// commonFolder is the folder that holds all artifacts, with a slash at its end; "" if there is none.
func commonFolder(artifacts []*ingest.Artifact) string {
	if len(artifacts) == 0 {
		return ""
	}
	root, _ := path.Split(artifacts[0].Path)
	for _, a := range artifacts[1:] {
		for !strings.HasPrefix(a.Path, root) {
			root, _ = path.Split(strings.TrimSuffix(root, "/"))
		}
	}
	return root
}

// compareStatements orders mails before notes, and what lies higher before what lies deeper.
func compareStatements(a, b Statement) int {
	if a.Kind != b.Kind {
		return strings.Compare(string(a.Kind), string(b.Kind))
	}
	return cmp.Or(cmp.Compare(strings.Count(a.Artifact, "/"), strings.Count(b.Artifact, "/")), strings.Compare(a.Artifact, b.Artifact))
}

// add keeps a statement if it is one of the first.
func (n *Notebook) add(s Statement) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, _ := slices.BinarySearchFunc(n.list, s, compareStatements)
	if n.list = slices.Insert(n.list, i, s); len(n.list) > keptStatements {
		n.list = n.list[:keptStatements]
	}
}

// statementSink reads one artifact.
type statementSink struct {
	book      *Notebook
	statement Statement
	lines     int // with text
	characters, prose,
	ends int
	body bool // behind the header of a mail
	key  bool // within a private key
}

// Records implements ingest.Sink.
func (s *statementSink) Records(batch []ingest.Record) {
	for _, r := range batch {
		if s.lines > maxNoteText {
			return
		}
		at := r.Line
		for line := range bytes.Lines(r.Raw) {
			s.line(at, line)
			at++
		}
	}
}

// line reads one line. Of a mail's header the recipients are left out: that the mail was sent to support is no news. So are the lines of a private key.
func (s *statementSink) line(at int, raw []byte) {
	text := strings.TrimRight(string(raw[:min(len(raw), utf8.UTFMax*(maxQuote+1))]), "\r\n")
	if strings.Contains(text, "PRIVATE KEY-----") {
		s.key = strings.Contains(text, "-----BEGIN ")
		return
	}
	if s.key {
		return
	}
	header := s.statement.Kind == StatementMail && !s.body
	if strings.TrimSpace(text) == "" {
		s.body = true
		return
	}
	if header && (strings.HasPrefix(text, "To: ") || strings.HasPrefix(text, "Cc: ")) {
		return
	}
	s.lines++
	if len(s.statement.Quotes) < maxStatementLines {
		s.statement.Quotes = append(s.statement.Quotes, Evidence{Artifact: s.statement.Artifact, Line: at, Quote: clip(text), Role: Context})
	}
	n := utf8.RuneCountInString(text)
	s.characters += n
	if ofWords(text) {
		s.prose += n
	}
	if endsSentence(text) {
		s.ends++
	}
}

// Done implements ingest.Sink.
func (s *statementSink) Done(*ingest.Artifact) {
	s.statement.LeftOut = s.lines - len(s.statement.Quotes)
	switch {
	case s.lines == 0:
	case s.statement.Kind == StatementMail, s.lines <= maxNoteText && 2*s.prose >= s.characters && s.prose > 0 && (s.ends > 0 || s.lines <= shortNote):
		s.book.add(s.statement)
	}
}

// ofWords tells a line that people write from one that a program does: most of what blanks separate are words, and no run of blanks or tab makes columns.
// Where a script sets no blanks between words, its letters tell.
func ofWords(line string) bool {
	line = strings.TrimSpace(line)
	if strings.Contains(line, "\t") || strings.Contains(line, "   ") {
		return false
	}
	all, letters, unspaced := 0, 0, 0
	for _, r := range line {
		all++
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			letters++
		}
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
			unspaced++
		}
	}
	if unspaced >= 6 && 2*unspaced >= all {
		return true
	}
	fields := strings.Fields(line)
	words := 0
	for _, f := range fields {
		f = strings.TrimFunc(f, unicode.IsPunct)
		if f != "" && !strings.ContainsFunc(f, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '\'' && r != '’' && r != '-'
		}) {
			words++
		}
	}
	return words >= 3 && 3*words >= 2*len(fields) && 4*(letters+len(fields)-1) >= 3*all
}

// endsSentence tells whether a sentence ends in a line: a full stop or its like behind a letter, at the end or before a blank.
func endsSentence(line string) bool {
	runes := []rune(strings.TrimSpace(line))
	for i, r := range runes {
		switch r {
		case '。', '！', '？', '।', '؟', '۔':
			return true
		case '.', '!', '?':
			if i > 0 && unicode.IsLetter(runes[i-1]) && (i+1 == len(runes) || runes[i+1] == ' ') {
				return true
			}
		}
	}
	return false
}
