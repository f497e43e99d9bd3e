package extract

// systeminfo, as a list (its default) and as CSV (/fo csv). Labels at the beginning of a line, values in one column, further values below:
//
//	Host Name:                 PC1
//	OS Name:                   Microsoft Windows 7 Enterprise
//	OS Version:                6.1.7601 Service Pack 1 Build 7601
//	…
//	Original Install Date:     6/1/2010, 9:00:00 AM
//	System Boot Time:          1/8/2011, 8:16:41 PM
//	…
//	Page File Location(s):     C:\pagefile.sys
//	Domain:                    corp.example.com
//	Logon Server:              \\DC1
//	…
//	Network Card(s):           1 NIC(s) Installed.
//	                           [01]: Intel(R) PRO/1000
//	                                 Connection Name: Local Area Connection
//	                                 IP address(es)
//	                                 [01]: 10.1.0.1
//
// The labels are translated, their order is not: the name comes first, the version third and by its form; of the two values with a clock the second is
// the time of the start (Windows XP and 2003 print the time since then instead); the domain follows the page files.

import (
	"regexp"
	"strings"

	"casebook/ingest"
)

var (
	infoLabel = regexp.MustCompile(`^([^\s:：][^:：]{0,60})[:：][ \t\x{a0}]+(\S.*?)\s*$`)
	// versionForm is the version of Windows where it begins a value: 6.1.7601 Service Pack 1 Build 7601.
	versionForm = regexp.MustCompile(`^(?:4\.0|5\.[0-2]|6\.[0-4]|10\.0)\.(\d{4,5})\s(.*)$`)
	// bracketed is a numbered line below a label.
	bracketed = regexp.MustCompile(`^\s+\[\d{1,3}\][:：]\s*(\S.*?)\s*$`)
)

// isWindowsVersion reports whether a value is a version of Windows: its build stands in it twice, in every language.
func isWindowsVersion(s string) bool {
	m := versionForm.FindStringSubmatch(s)
	return m != nil && strings.Contains(m[2], m[1])
}

// infoValue is a label's first value.
type infoValue struct {
	text   string
	line   int
	column int // on a console, 0 if there is no label
}

func systemInfo() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindSystemInfo, Sniff: sniffSystemInfo, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		return machines(in, parseSystemInfo(in.Lines))
	}}
}

func sniffSystemInfo(_ string, head []byte) int {
	for _, m := range parseSystemInfo(sample(head)) {
		if m.Host.Line > 0 && m.Version.Line > 0 {
			return 90
		}
	}
	return 0
}

// parseSystemInfo reads the output of each run in a text.
func parseSystemInfo(lines []string) []Machine {
	var list []Machine
	for i := 0; i < len(lines) && len(list) < maxEntries/100; i++ {
		if strings.HasPrefix(lines[i], `"`) && i+1 < len(lines) {
			if m, ok := systemInfoCSV(lines, i); ok {
				list = append(list, m)
			}
			continue
		}
		// A run begins where the third label has a version, and the values of the three stand in one column.
		if i+2 >= len(lines) {
			break
		}
		third := infoAt(lines, i+2)
		if !isWindowsVersion(third.text) {
			continue
		}
		first, second := infoAt(lines, i), infoAt(lines, i+1)
		if first.column == 0 || first.column != third.column || second.column != third.column || hostName(first.text, i+1).Line == 0 {
			continue
		}
		m, last := systemInfoList(lines, i)
		list = append(list, m)
		i = last
	}
	return list
}

// infoAt reads the label of a line, the zero value if it has none.
func infoAt(lines []string, i int) infoValue {
	m := infoLabel.FindStringSubmatchIndex(lines[i])
	if m == nil {
		return infoValue{}
	}
	n := 0
	for _, r := range lines[i][:m[4]] {
		n += consoleWidth(r)
	}
	return infoValue{text: lines[i][m[4]:m[5]], line: i + 1, column: n}
}

// systemInfoList reads the list that begins at line i, and returns the index of its last line.
func systemInfoList(lines []string, i int) (Machine, int) {
	m := Machine{Line: i + 1}
	column := infoAt(lines, i).column
	var values []infoValue
	last := i
	for j := i; j < len(lines) && j < i+4000; j++ {
		line := lines[j]
		if trim(line) == "" {
			break
		}
		if !startsBlank(line) {
			v := infoAt(lines, j)
			if v.column == 0 && !strings.HasSuffix(trimRight(line), ":") && len(values) > 0 { // not of this output any more
				break
			}
			if isWindowsVersion(infoNext(lines, j+2).text) && j > i+2 { // the next machine
				break
			}
			if v.column >= column {
				values = append(values, v)
			}
			last = j
			continue
		}
		last = j
		b := bracketed.FindStringSubmatch(line)
		if b == nil {
			continue
		}
		if ip, ok := looseIP(b[1]); ok {
			if n := len(m.Adapters); n > 0 && len(m.Adapters[n-1].Addresses) < maxAdapters {
				a := &m.Adapters[n-1]
				a.Addresses = append(a.Addresses, AdapterAddress{IP: ip, Bits: -1, Line: j + 1})
			}
			continue
		}
		// Hotfixes and processors are numbered too: an adapter is one with addresses.
		m.dropBare()
		if len(m.Adapters) < maxAdapters {
			m.Adapters = append(m.Adapters, Adapter{Name: b[1], Line: j + 1})
		}
	}
	m.dropBare()
	m.info(values)
	return m, last
}

// infoNext is infoAt for a line that may be behind the end.
func infoNext(lines []string, i int) infoValue {
	if i >= len(lines) {
		return infoValue{}
	}
	return infoAt(lines, i)
}

// dropBare drops the last adapter if it has no address.
func (m *Machine) dropBare() {
	if n := len(m.Adapters); n > 0 && len(m.Adapters[n-1].Addresses) == 0 {
		m.Adapters = m.Adapters[:n-1]
	}
}

// info takes the values for what they are by their order and form.
func (m *Machine) info(values []infoValue) {
	clocks := 0
	for i, v := range values {
		switch {
		case i == 0:
			m.Host = hostName(v.text, v.line)
		case i == 2:
			m.Version = Stated{v.text, v.line}
		case hasTime(v.text):
			if clocks++; clocks == 2 {
				m.Boot = Stated{v.text, v.line}
			}
		case i > 0 && strings.HasSuffix(strings.ToLower(values[i-1].text), "pagefile.sys"), i+1 < len(values) && strings.HasPrefix(values[i+1].text, `\\`):
			if m.Domain.Line == 0 && isComputerName(v.text) {
				m.Domain = Stated{v.text, v.line}
			}
		}
	}
}

// infoClock is a time of the day with seconds, anywhere, with the separators of any locale.
var infoClock = regexp.MustCompile(`\d{1,4}[-./ ]+\d{1,2}[-./ ]+\d{1,4}\D{0,6}\d{1,2}[:.]\d{2}[:.]\d{2}`)

func hasTime(s string) bool { return infoClock.MatchString(s) }

// systemInfoCSV reads the line below the heads of a CSV.
func systemInfoCSV(lines []string, i int) (Machine, bool) {
	j := i + 1
	if trim(lines[j]) == "" && j+1 < len(lines) {
		j++
	}
	heads, fields := csvFields(lines[i], ','), csvFields(lines[j], ',')
	if len(fields) < 20 || len(heads) != len(fields) || !isWindowsVersion(fields[2]) {
		return Machine{}, false
	}
	m := Machine{Line: i + 1}
	var values []infoValue
	for _, f := range fields {
		values = append(values, infoValue{text: trim(f), line: j + 1})
	}
	m.info(values)
	a := Adapter{Line: j + 1}
	for _, f := range strings.FieldsFunc(fields[len(fields)-2]+","+fields[len(fields)-1], func(r rune) bool { return r == ',' || isBlank(r) }) {
		if ip, ok := looseIP(f); ok && len(a.Addresses) < maxAdapters {
			a.Addresses = append(a.Addresses, AdapterAddress{IP: ip, Bits: -1, Line: j + 1})
		}
	}
	if len(a.Addresses) > 0 {
		m.Adapters = append(m.Adapters, a)
	}
	return m, m.Host.Line > 0
}
