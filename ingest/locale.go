package ingest

// ANSIText decodes bytes of the machine's ANSI code page, Windows-1252 where it is not known.
func (l Locale) ANSIText(b []byte) string {
	out, _ := newPageDecoder(pageOf(l.ANSI, defaultANSI)).append(nil, b, true)
	return string(out)
}
