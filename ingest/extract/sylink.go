package extract

// sylink.xml of Symantec Endpoint Protection: which management servers a client talks to (Symantec Connect, "SyLink.xml and its contents").
//
//	<ServerSettings DomainId="9D1A…" NameSpace="rpc">
//	  <CommConf>
//	    <AgentCommunicationSetting CommunicationMode="PUSH" Kcs="…" …/>
//	    <ServerList Name="…"><ServerPriorityBlock Name="Priority1"><Server Address="…" HttpPort="8014" …/>
//	    <ServerCertList><Certificate Name="…">…</Certificate>
//
// Kcs is the key of the communication and the certificates identify the servers: only their presence, length and the beginning of
// their SHA-256 are kept, so that two copies can be compared.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"casebook/ingest"
)

// The bounds of a sylink.xml. Real ones have tens of kilobytes, eight levels and a handful of secrets.
const (
	maxSylinkBytes   = 4 << 20
	maxSylinkDepth   = 64
	maxSylinkSecrets = 1000
)

// Sylink is a sylink.xml without its secrets.
type Sylink struct {
	Line              int  // of the root element
	Domain            bool // the root has a DomainId that is not empty
	DomainLine        int  // of the element with DomainId, 0 if it has none
	Servers           []SylinkServer
	CommunicationMode string // PUSH or PULL, "" if not stated
	Secrets           []SylinkSecret
	Whole             bool // the root element was closed: nothing is missing at the end

	secrets int // how many there are, kept or not
}

// SylinkServer is a server of the list; its address is not kept.
type SylinkServer struct {
	Line int
	List string // the priority block's name, "" if it has none
}

// SylinkSecret is an attribute or a text that is a secret.
type SylinkSecret struct {
	Name   string // element, or element and attribute: AgentCommunicationSetting/@Kcs
	Line   int    // where the value begins; of its element, if the value is not in the text letter for letter
	From   int    // the value begins at this byte of its line (of the text in UTF-8), for masking
	To     int    // and ends before this one, counted on into the next lines if it goes on there; 0 if it is not in the text letter for letter
	Bytes  int    // length of the value in UTF-8
	SHA256 string // of the value, the first 12 hex digits
}

// Managed reports whether the file makes a client managed: it names a server. known is false where that cannot be told: no server
// was read, but the file is cut off or names a domain.
func (s *Sylink) Managed() (managed, known bool) {
	if len(s.Servers) > 0 {
		return true, true
	}
	return false, s.Whole && !s.Domain
}

func sylink() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSylink, Sniff: sniffSylink, Extract: extractSylink, Seal: sealSylink, Unseal: unsealSylink}
}

// sealedSylink is what is stored of a sylink.xml: where its secrets stand and how long they are, but not their SHA-256, by which a short password could
// be guessed; and of its lines the one in which it begins, which reports quote, unless a secret stands in it.
type sealedSylink struct {
	Value Sylink `json:"value"`
	Lines int    `json:"lines"`
	First string `json:"first,omitempty"` // line Value.Line
}

func sealSylink(e ingest.Extracted) ([]byte, error) {
	v, ok := e.Value.(*Sylink)
	if !ok {
		return nil, errors.New("it is no sylink.xml")
	}
	out := sealedSylink{Value: *v, Lines: len(e.Lines)}
	out.Value.Secrets = nil
	secret := false
	for _, x := range v.Secrets {
		x.SHA256 = ""
		out.Value.Secrets = append(out.Value.Secrets, x)
		secret = secret || x.Line <= v.Line
	}
	if v.Line >= 1 && v.Line <= len(e.Lines) && !secret {
		out.First = e.Lines[v.Line-1]
	}
	return json.Marshal(out)
}

// maxSealedLines bounds the lines of a sylink.xml that was stored: each has a byte at least.
const maxSealedLines = maxSylinkBytes

func unsealSylink(sealed []byte) (any, []string, error) {
	var in sealedSylink
	if err := json.Unmarshal(sealed, &in); err != nil {
		return nil, nil, err
	}
	v := &in.Value
	if in.Lines < 0 || in.Lines > maxSealedLines || v.Line < 1 || v.Line > in.Lines {
		return nil, nil, fmt.Errorf("line %d of %d lines", v.Line, in.Lines)
	}
	v.secrets = len(v.Secrets)
	lines := make([]string, in.Lines)
	lines[v.Line-1] = in.First
	return v, lines, nil
}

func sniffSylink(name string, head []byte) int {
	text := strings.TrimLeft(string(head[:min(len(head), 4096)]), " \t\r\n")
	if !strings.HasPrefix(text, "<") {
		return 0
	}
	named := strings.Contains(name, "sylink") && strings.HasSuffix(name, ".xml")
	switch {
	case strings.Contains(text, "<ServerSettings") && (named || strings.Contains(text, "<CommConf") || strings.Contains(text, "DomainId")):
		return 95
	case named:
		return 70
	}
	return 0
}

func extractSylink(in ingest.Input) (any, []ingest.Problem) {
	size := 0
	for _, l := range in.Lines {
		if size += len(l) + 1; size > maxSylinkBytes {
			return nil, []ingest.Problem{problem(in, "the file is longer than %d bytes", maxSylinkBytes)}
		}
	}
	text := strings.Join(in.Lines, "\n")
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	// The text is decoded already, whatever its declaration says.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }

	s := &Sylink{}
	var stack []string
	var problems []ingest.Problem
	list := ""
	for {
		line, _ := d.InputPos()
		from := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				problems = append(problems, problem(in, "line %d: the XML cannot be read further", line))
			}
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) == maxSylinkDepth {
				return nil, append(problems, problem(in, "line %d: elements are nested deeper than %d", line, maxSylinkDepth))
			}
			name := t.Name.Local
			if len(stack) == 0 {
				s.Line = line
			}
			stack = append(stack, name)
			if strings.EqualFold(name, "ServerPriorityBlock") {
				list = attribute(t, "Name")
			}
			if strings.EqualFold(name, "Server") && len(s.Servers) < maxEntries {
				s.Servers = append(s.Servers, SylinkServer{Line: line, List: list})
			}
			for _, a := range t.Attr {
				switch low := strings.ToLower(a.Name.Local); {
				case low == "domainid":
					s.DomainLine = line
					s.Domain = s.Domain || strings.Trim(a.Value, " {}0-") != ""
				case low == "communicationmode" && len(a.Value) <= 16:
					s.CommunicationMode = a.Value
				case low == "kcs", strings.Contains(low, "password"), strings.Contains(low, "key"), strings.Contains(low, "cert"):
					s.secret(name+"/@"+a.Name.Local, a.Value, line, text, int(from), int(d.InputOffset()))
				}
			}
		case xml.CharData:
			if value := strings.TrimSpace(string(t)); value != "" && len(stack) > 0 {
				s.secret(stack[len(stack)-1], value, line, text, int(from), int(d.InputOffset()))
			}
		case xml.EndElement:
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
			s.Whole = s.Whole || len(stack) == 0
		}
	}
	if s.secrets > maxSylinkSecrets {
		problems = append(problems, problem(in, "the first %d of %d secrets are listed", maxSylinkSecrets, s.secrets))
	}
	if s.Line == 0 {
		return nil, append(problems, problem(in, "the XML has no element"))
	}
	return s, problems
}

// secret keeps what may be known of a secret: its place within text[from:to], whose first byte is in the given line.
func (s *Sylink) secret(name, value string, line int, text string, from, to int) {
	if value == "" {
		return
	}
	if s.secrets++; s.secrets > maxSylinkSecrets {
		return
	}
	sum := sha256.Sum256([]byte(value))
	x := SylinkSecret{Name: name, Line: line, Bytes: len(value), SHA256: hex.EncodeToString(sum[:6])}
	if i := strings.Index(text[from:to], value); i >= 0 {
		at := from + i
		x.Line += strings.Count(text[from:at], "\n")
		x.From = at - (strings.LastIndexByte(text[:at], '\n') + 1)
		x.To = x.From + len(value)
	}
	s.Secrets = append(s.Secrets, x)
}

// attribute returns the value of an element's attribute, case folded, "" if there is none.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}
