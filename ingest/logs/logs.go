package logs

import "casebook/ingest"

// All returns the readers of all log formats, the special ones first. The last two take any text: the one with time stamps,
// then the one without.
func All() []ingest.Reader {
	return []ingest.Reader{
		ccmReader, smsReader, sepReader, msiReader, pfroReader, setupapiReader, sepClientReader, sepAVReader, zenworksReader, windowsUpdateReader,
		reportingEventsReader, servicingReader, w3cReader, netlogonReader, crashReader, eventClipReader, eventTableReader, wevtutilReader, eventXMLReader,
		tableReader, textReader, plainReader,
	}
}
