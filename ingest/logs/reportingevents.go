package logs

import "casebook/ingest"

// ReportingEvents.log of Windows Update: what the client reports to its server.
//
//	record = guid tab time tab type tab event tab source tab update tab revision tab result tab program tab status tab category tab text
//	time   = yyyy-mm-dd " " hh:mm:ss ":" mmm [ ("+" | "-") hhmm ]       the offset east of Greenwich
//	status = "Success" | "Failure" | …                                  English on every system
//	result = HRESULT, "0" where all is well
//
// Some writers leave a column out in the middle: program, status and category are counted from the end. Component is the program.
//
// Source: SoftwareDistribution\ReportingEvents.log as the client writes it; the columns are those of "Windows Update Agent Result Codes" and WSUS' event table.

var reportingEventsReader = ingest.Reader{
	Kind: ingest.KindLogReportingEvents,
	Sniff: func(_ string, head []byte) int {
		return sniffLines(head, func(line []byte) bool {
			_, ok := reportingStamp(line)
			return ok
		})
	},
	New: func() ingest.Splitter { return &blocks{begin: reportingStamp} },
}

func reportingStamp(line []byte) (st stamp, ok bool) {
	const guid = len("{00000000-0000-0000-0000-000000000000}")
	if len(line) <= guid || line[0] != '{' || line[guid-1] != '}' || line[guid] != '\t' {
		return st, false
	}
	line = trimEOL(line)
	var part [12]span
	n := fields(line, '\t', part[:])
	if n < 11 {
		return st, false
	}
	st.text = part[2].from
	if f, ok := isoStamp(part[1].in(line)); ok {
		st.time = f.time()
	}
	st.component = part[n-4]
	switch status := part[n-3].in(line); {
	case hasFold(status, "success"):
		st.severity = ingest.SeverityInfo
	case hasFold(status, "fail"):
		st.severity = ingest.SeverityError
	case hasFold(status, "warning"):
		st.severity = ingest.SeverityWarning
	}
	return st, true
}
