package extract

// SMSCFG.INI in the Windows folder of a Systems Management Server or Configuration Manager client: the identity that the client keeps when it is
// installed anew (Microsoft Knowledge Base Q257808, 837374, 828367).
//
//	[Configuration - Client Properties]
//	SMS Unique Identifier=GUID:0A1B2C3D-…
//	SMS Certificate Identifier=SMS;…
//	SID=…
//
// The section's and the keys' names are never translated. The certificate's identifier is a hash and no secret.

import (
	"regexp"
	"strings"

	"casebook/ingest"
)

// SMSCFG is an SMSCFG.INI.
type SMSCFG struct {
	INI
	UniqueID     string // without GUID:, in upper case; "" if the file holds none, or one of another form
	UniqueIDLine int    // 0 if there is none
	Host         string // the computer name that the file states, as written; "" if it states none
	HostLine     int
}

// smsGUID is a client's unique identifier.
var smsGUID = regexp.MustCompile(`(?i)\bGUID:([0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12})\b`)

func smscfg() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSMSCFG, Sniff: sniffSMSCFG, Extract: extractSMSCFG}
}

func sniffSMSCFG(name string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 {
		return 0
	}
	sections, keys, others := sniffINI(lines)
	switch {
	case others > keys:
		return 0
	case sections["configuration - client properties"]:
		return 95
	case strings.Contains(name, "smscfg") && keys > 0:
		return 85
	}
	return 0
}

func extractSMSCFG(in ingest.Input) (any, []ingest.Problem) {
	f, problems := parseINI(in)
	if len(f.Keys) == 0 {
		return nil, problems
	}
	s := &SMSCFG{INI: f}
	for _, k := range f.Keys {
		switch plainName(k.Key) {
		case "smsuniqueidentifier", "smsuniqueid":
			if m := smsGUID.FindStringSubmatch(k.Value); s.UniqueIDLine == 0 {
				if s.UniqueIDLine = k.Line; m != nil {
					s.UniqueID = strings.ToUpper(m[1])
				} else if k.Value != "" {
					problems = append(problems, problem(in, "line %d: %q is no client identifier of a known form", k.Line, k.Value))
				}
			}
		case "netbiosname", "computername", "machinename", "systemname":
			if s.Host == "" && isComputerName(k.Value) {
				s.Host, s.HostLine = k.Value, k.Line
			}
		}
	}
	if s.Host != "" && in.Artifact != nil {
		in.Artifact.Host = strings.ToUpper(hostLabel(s.Host))
	}
	return s, problems
}
