package extract

// SetAid.ini of Symantec Endpoint Protection's client package: what an installation does beside the MSI's own command line, which it overrides (Broadcom
// Tech Docs, "About configuring Setaid.ini").
//
//	[CUSTOM_SMC_CONFIG]
//	KeepPreviousSetting=1           1 keeps logs, policies and the management server of the version before; 0 discards them
//	[FEATURE_SELECTION]
//	Core=1                          names of features, whose case matters

import (
	"strings"

	"casebook/ingest"
)

// SetAid is a SetAid.ini.
type SetAid struct{ INI }

// KeepPrevious returns the key that says whether the previous settings are kept, nil if there is none. keep is what it says; known is false if it is
// neither 0 nor 1.
func (s *SetAid) KeepPrevious() (key *INIKey, keep, known bool) {
	key = s.Find("CUSTOM_SMC_CONFIG", "KeepPreviousSetting")
	if key == nil {
		if key = s.Find("", "KeepPreviousSetting"); key == nil {
			return nil, false, false
		}
	}
	return key, key.Value == "1", key.Value == "0" || key.Value == "1"
}

func setAid() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSetAid, Sniff: sniffSetAid, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		f, problems := parseINI(in)
		if len(f.Keys) == 0 {
			return nil, problems
		}
		return &SetAid{f}, problems
	}}
}

func sniffSetAid(name string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 {
		return 0
	}
	sections, keys, others := sniffINI(lines)
	switch {
	case others > keys:
		return 0
	case sections["custom_smc_config"]:
		return 95
	case strings.Contains(name, "setaid") && keys > 0:
		return 80
	}
	return 0
}
