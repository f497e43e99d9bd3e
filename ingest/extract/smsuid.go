package extract

// Smsuid.dat, a hidden file in the root of a drive in which a Systems Management Server client keeps its unique identifier beside SMSCFG.INI (Microsoft
// Knowledge Base Q257808). Its layout is not published: the identifier is looked for as text, of one byte a character or of two.

import (
	"strings"

	"casebook/ingest"
)

// maxSMSUID is the longest file that is looked through.
const maxSMSUID = 64 << 10

// SMSUID is a Smsuid.dat.
type SMSUID struct {
	IDs []SMSUIDEntry // in the order of the file; a sound one has one
}

// SMSUIDEntry is an identifier in it.
type SMSUIDEntry struct {
	UniqueID string // without GUID:, in upper case
	Line     int    // 1-based, where the file's bytes are lines; of a binary file its line feeds count all the same
	Offset   int    // of the first byte of GUID:
}

func smsuid() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSMSUID, Binary: true, Sniff: sniffSMSUID, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		data := in.Bytes[:min(len(in.Bytes), maxSMSUID)]
		s := &SMSUID{}
		for _, width := range [2]int{1, 2} {
			for start := range width {
				text := string(data)
				if width == 2 {
					text = narrow(data[min(start, len(data)):])
				}
				for _, m := range smsGUID.FindAllStringSubmatchIndex(text, 1000) {
					s.IDs = append(s.IDs, SMSUIDEntry{
						UniqueID: strings.ToUpper(text[m[2]:m[3]]), Line: 1 + strings.Count(text[:m[0]], "\n"), Offset: start + m[0]*width,
					})
				}
			}
		}
		if len(s.IDs) == 0 {
			return nil, []ingest.Problem{problem(in, "no client identifier of a known form is in it")}
		}
		return s, nil
	}}
}

func sniffSMSUID(name string, head []byte) int {
	if len(head) > 0 && strings.HasPrefix(name, "smsuid") && (strings.HasSuffix(name, ".dat") || strings.HasSuffix(name, ".txt")) {
		return 85
	}
	return 0
}

// narrow returns the ASCII characters of UTF-16LE text, NUL for each other one.
func narrow(data []byte) string {
	out := make([]byte, len(data)/2)
	for i := range out {
		if data[2*i+1] == 0 {
			out[i] = data[2*i]
		}
	}
	return string(out)
}
