package logs

import (
	"bytes"
	"strings"

	"casebook/ingest"
)

// netlogon.log of %SystemRoot%\debug, with netlogon.bak, which it is renamed to.
//
//	record = mm/dd " " hh:mm:ss " " [ "[" category "] " ] [ "[" process "] " ] [ domain ": " ] text
//
// There is no year, so no time is claimed. Component is the category: LOGON, MISC, CRITICAL, SITE, MAILSLOT … A record of the category CRITICAL is
// an error; NO_CLIENT_SITE, a client that no subnet covers, is a warning.
//
// Source: KB 109626, "Enabling debug logging for the Netlogon service".

var netlogonReader = ingest.Reader{
	Kind: ingest.KindLogNetlogon,
	Sniff: func(name string, head []byte) int {
		score := sniffLines(head, func(line []byte) bool {
			st, ok := netlogonStamp(line)
			return ok && (st.component.to > 0 || strings.HasPrefix(name, "netlogon") || bytes.Contains(line, []byte(noClientSite)))
		})
		return score
	},
	New: func() ingest.Splitter { return &blocks{begin: netlogonStamp} },
}

const noClientSite = "NO_CLIENT_SITE: "

func netlogonStamp(line []byte) (st stamp, ok bool) {
	const head = len("01/02 15:04:05 ")
	if len(line) <= head || line[2] != '/' || line[5] != ' ' || line[head-1] != ' ' {
		return st, false
	}
	f, ok := parseStamp(line, 0)
	if !ok || f.shape != shapeYearly || f.end != head-1 {
		return st, false
	}
	st.text, st.time.Basis = head, ingest.BasisNoYear
	if n := bytes.IndexByte(line[head:min(len(line), head+24)], ']'); line[head] == '[' && n > 1 {
		tag := line[head+1 : head+n]
		for _, c := range tag {
			if c-'A' > 'Z'-'A' && c != '_' && c != '.' {
				return st, true
			}
		}
		st.component = span{head + 1, head + n}
		for st.text += n + 1; st.text < len(line) && line[st.text] == ' '; st.text++ {
		}
		if string(tag) == "CRITICAL" {
			st.severity = ingest.SeverityError
		}
	}
	if st.severity == ingest.SeverityNone && bytes.Contains(line, []byte(noClientSite)) {
		st.severity = ingest.SeverityWarning
	}
	return st, true
}
