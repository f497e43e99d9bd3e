package findings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// write gives a text to a notebook, a record a line, as the reader of its kind would.
func write(book *findings.Notebook, path string, kind ingest.Kind, text string) *ingest.Artifact {
	a := &ingest.Artifact{Path: path, Kind: kind}
	sink := book.Sink(a)
	if sink == nil {
		return a
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		sink.Records([]ingest.Record{{Line: n, Lines: 1, Raw: []byte(line)}})
	}
	sink.Done(a)
	return a
}

// TestStatements tells what people wrote from what programs did, by the shape of the text alone.
func TestStatements(t *testing.T) {
	const sentence = "Since Monday the client does not register any more.\n"
	for name, test := range map[string]struct {
		path string
		kind ingest.Kind
		text string
		want []string // the quotes
	}{
		"note":            {"case/ticket.txt", ingest.KindText, sentence + "\nPlease help.\n", []string{strings.TrimSpace(sentence), "Please help."}},
		"short-no-stop":   {"README", ingest.KindText, "everything we could find on the server\n", []string{"everything we could find on the server"}},
		"german":          {"notiz.txt", ingest.KindText, "Seit gestern läuft's nicht mehr, obwohl niemand etwas geändert hat.\n", []string{"Seit gestern läuft's nicht mehr, obwohl niemand etwas geändert hat."}},
		"japanese":        {"メモ.txt", ingest.KindText, "昨日からクライアントが登録されません。\n", []string{"昨日からクライアントが登録されません。"}},
		"mail":            {"a/b/c/d/e/x.eml/message.txt", ingest.KindLogText, "From: a@b\nTo: c@d\nSubject: x\n\nTo: this line is of the text\n", []string{"From: a@b", "Subject: x", "To: this line is of the text"}},
		"saved-mail":      {"X.MSG/message.txt", ingest.KindText, "From: a@b\n\nhi\n", []string{"From: a@b", "hi"}},
		"private-key":     {"k.eml/message.txt", ingest.KindText, "\nsee:\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nbye\n", []string{"see:", "bye"}},
		"table":           {"services.txt", ingest.KindText, "Name      State\nSpooler   Running\n", nil},
		"settings":        {"x.txt", ingest.KindText, "Path=C:\\a\nValue=1\n", nil},
		"names-of-things": {"products.txt", ingest.KindText, strings.Repeat("Office Professional Plus Edition\n", 5), nil},
		"deep":            {"a/b/c/d/ticket.txt", ingest.KindText, sentence, nil},
		"a-log":           {"x.log", ingest.KindLogText, sentence, nil},
		"a-manual":        {"licence.txt", ingest.KindText, strings.Repeat(sentence, 400), nil},
		"empty":           {"x.txt", ingest.KindText, "\n \n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var book findings.Notebook
			a := write(&book, test.path, test.kind, test.text)
			b := &ingest.Artifact{Path: "z.log"}
			r := findings.Assemble(findings.Case{Artifacts: []*ingest.Artifact{a, b}, Notes: &book})
			var got []string
			for _, s := range r.Statements {
				for _, e := range s.Quotes {
					got = append(got, e.Quote)
					if e.Artifact != test.path || e.Role != findings.Context || strings.Split(test.text, "\n")[e.Line-1] != e.Quote {
						t.Errorf("%+v is not what stands there", e)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("quotes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatementsBounded quotes a few texts, mails first and what lies higher first, a few lines of each, and no password.
func TestStatementsBounded(t *testing.T) {
	var book findings.Notebook
	var artifacts []*ingest.Artifact
	long := strings.Repeat("word and word and word.\n", 20)
	for _, p := range []string{"top/sub/n.txt", "top/c.txt", "top/b.txt", "top/a.txt", "top/sub/deep/n.txt", "top/z.eml/message.txt"} {
		artifacts = append(artifacts, write(&book, p, ingest.KindText, long))
	}
	r := findings.Assemble(findings.Case{Artifacts: artifacts, Notes: &book})
	var got []string
	for _, s := range r.Statements {
		got = append(got, s.Artifact)
		if len(s.Quotes) != 12 || s.LeftOut != 8 {
			t.Errorf("%s: %d quotes, %d left out", s.Artifact, len(s.Quotes), s.LeftOut)
		}
	}
	if diff := cmp.Diff([]string{"top/z.eml/message.txt", "top/a.txt", "top/b.txt", "top/c.txt"}, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}

	var secret findings.Notebook
	a := write(&secret, "note.txt", ingest.KindText, "Log on as admin with password=hunter2 please.\n")
	r = findings.Assemble(findings.Case{Artifacts: []*ingest.Artifact{a}, Notes: &secret})
	if e := r.Statements[0].Quotes[0]; strings.Contains(e.Quote, "hunter2") || e.Note == "" {
		t.Errorf("%+v", e)
	}
}
