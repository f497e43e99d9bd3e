package extract

// ECMMachineActionLock.dat in the root of a VCM (vCenter Configuration Manager, formerly Configuresoft ECM) agent's installation: the lock by which
// Collectors keep out of each other's way. It holds the action (installing, uninstalling, collecting), a time and the id of the request (VCM
// Troubleshooting Guide, "Install Simple Installer"). A lock that is released is zeroed; one whose installation was refused keeps its action, with the
// time zeroed and the request's id purged. How the file is laid out, and when a lock expires, is not published.
//
// So every form that shows these three is read, and which it was is said:
//
//	Action=Installing                 Installing;2009-10-01 10:01:02;4711        Installing
//	Time: 2009-10-01T10:01:02Z                                                   128987929620000000
//	RequestId=4711                                                               {2F1D3C4B-…}
//
// and binary data in which a FILETIME, a SYSTEMTIME or a time_t, a small number or a word for the action, and a number or GUID for the request can
// be told at offsets that are multiples of four.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"casebook/hive"
	"casebook/ingest"
)

// maxLock is the longest lock file that is read: the three facts need some tens of bytes.
const maxLock = 64 << 10

// VCMLockState is what a lock file says, its age aside.
type VCMLockState string

// The states of a lock file.
const (
	VCMLockCleared VCMLockState = "cleared" // all zero
	VCMLockHeld    VCMLockState = "held"    // action, time and request
	VCMLockPartial VCMLockState = "partial" // an action without time and request: an installation failed on it
	VCMLockUnclear VCMLockState = "unclear" // anything else
)

// VCMLock is an ECMMachineActionLock.dat.
type VCMLock struct {
	Bytes   int    // its size
	Zero    bool   // every byte is zero
	Reading string // how it was read: the form of a text, or what was found at which offsets
	Fields  []VCMLockField

	Action      string // installing, uninstalling or collecting; else as written, or the number of binary data; "" if there is none
	ActionLine  int    // of a text; 0 for binary data
	TimeText    string // as written, or its form and offset; "" if there is none, or it is zero
	TimeLine    int
	Time        time.Time // UTC; zero if it is not known
	Local       bool      // Time is the machine's local time, whose offset the file does not state
	Request     string    // "" if there is none, or it is zero
	RequestLine int
	Open        bool // of a text: its last line has no end and is no padding, so that it may be cut off
	Unread      int  // bytes of binary data, not zero, that none of this accounts for
}

// VCMLockField is a field of a lock file that is text.
type VCMLockField struct {
	Name, Value string // Name is "" if the text has none
	Line        int
}

// State returns what the lock says.
func (l *VCMLock) State() VCMLockState {
	switch {
	case l.Zero:
		return VCMLockCleared
	case l.Action != "" && l.TimeText != "" && l.Request != "":
		return VCMLockHeld
	case l.Action != "" && l.TimeText == "" && l.Request == "" && l.Unread == 0 && (!l.Open || len(l.Fields) > 1):
		return VCMLockPartial
	}
	return VCMLockUnclear
}

// VCMRegistryLocks returns every value IsLocked of a VCM agent in a registry: of 64-bit and 32-bit programs, of whatever version stands in the key's
// path. A value that is not 0 is a lock that an installation can neither remove nor change (VCM Troubleshooting Guide, "Validate Installation
// Environment").
func VCMRegistryLocks(r *hive.Registry) []hive.Found {
	var out []hive.Found
	for _, base := range [2]string{`SOFTWARE\Configuresoft\ECM`, `SOFTWARE\Wow6432Node\Configuresoft\ECM`} {
		for _, ecm := range r.Keys(base) {
			for _, release := range ecm.Children() {
				for _, k := range release.Children() {
					if !strings.EqualFold(k.Name(), "Agent") {
						continue
					}
					if v, err := k.Value("IsLocked"); err == nil {
						out = append(out, k.At(v))
					}
				}
			}
		}
	}
	return out
}

// vcmLock reads the bytes, because a lock may be neither text nor anything else that is known.
func vcmLock() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindVCMLock, Binary: true, Sniff: sniffVCMLock, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		if len(in.Bytes) > maxLock {
			return nil, []ingest.Problem{problem(in, "a lock file of %d bytes is not read: the longest has %d", len(in.Bytes), maxLock)}
		}
		if len(in.Bytes) == 0 {
			return nil, nil
		}
		l := parseVCMLock(in.Bytes, latest(in))
		var problems []ingest.Problem
		if l.State() == VCMLockUnclear {
			problems = append(problems, problem(in, "the lock file does not show an action, a time and a request in a form that is read (%s)", l.Reading))
		}
		return l, problems
	}}
}

func sniffVCMLock(name string, head []byte) int {
	if len(head) > 0 && strings.Contains(name, "machineactionlock") {
		return 95
	}
	return 0
}

// earliest is before the first version of the product; latest is the time that a lock can't be later than: the file's own, if it is known.
var earliest = time.Date(2003, 1, 1, 0, 0, 0, 0, time.UTC)

func latest(in ingest.Input) time.Time {
	if in.Artifact != nil && in.Artifact.Modified.After(earliest) {
		return in.Artifact.Modified.Add(48 * time.Hour) // a zip's time is local, and the clock of who packed it may be off
	}
	return time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
}

// parseVCMLock reads a lock file that is not empty.
func parseVCMLock(data []byte, until time.Time) *VCMLock {
	l := &VCMLock{Bytes: len(data)}
	if len(bytes.Trim(data, "\x00")) == 0 {
		l.Zero, l.Reading = true, "all zero"
		return l
	}
	if text, encoding, ok := lockText(data); ok {
		l.text(text, encoding, until)
		l.Open = !bytes.HasSuffix(data, []byte("\n")) && !bytes.HasSuffix(data, []byte("\n\x00")) && !bytes.HasSuffix(data, []byte{0, 0})
		return l
	}
	l.binary(data, until)
	return l
}

// lockText decodes a lock that is text: ASCII, UTF-8 or ANSI with NULs between fields or behind them, or UTF-16LE.
func lockText(data []byte) (text, encoding string, ok bool) {
	body := bytes.TrimRight(data, "\x00")
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || len(body) >= 6 && body[1] == 0 && body[3] == 0 && body[0] >= ' ' && body[2] >= ' ' {
		body = bytes.TrimPrefix(data, []byte("\xff\xfe"))
		units := make([]uint16, 0, len(body)/2)
		for i := 0; i+1 < len(body); i += 2 {
			units = append(units, binary.LittleEndian.Uint16(body[i:]))
		}
		text, encoding = string(utf16.Decode(units)), "UTF-16"
	} else {
		text, encoding = strings.TrimPrefix(string(data), "\xef\xbb\xbf"), "text"
		if !utf8.ValidString(text) {
			text = strings.ToValidUTF8(text, "?") // the letters beyond ASCII tell nothing here
		}
	}
	text = strings.TrimRight(text, "\x00")
	padded, beyond := false, false
	for _, r := range text {
		if r < ' ' && r != 0 && r != '\t' && r != '\r' && r != '\n' || r == 0x7f || r == utf8.RuneError {
			return "", "", false
		}
		// Numbers look like letters of some script, or like bytes that are no UTF-8: a text that is padded with NULs has none of them.
		padded = padded || r == 0
		beyond = beyond || r > 0x7e
	}
	if padded && (beyond || !utf8.Valid(body)) {
		return "", "", false
	}
	return text, encoding, strings.Trim(text, "\x00 \t\r\n") != ""
}

var (
	lockPair = regexp.MustCompile(`^\s*"?([A-Za-z][A-Za-z0-9_.-]{0,40}(?: [A-Za-z][A-Za-z0-9_.-]{0,40}){0,3})"?\s*[=:]\s*(.*)$`)
	lockGUID = regexp.MustCompile(`(?i)\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?`)
	lockWord = regexp.MustCompile(`(?i)\b(un-?install|de-?install|install|collect)`)
	lockDate = regexp.MustCompile(`\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}`)
	lockZero = regexp.MustCompile(`^[0\s:./TZ{}x-]*$|^1601-01-01|^1/1/1601|^01/01/1601`)
)

// text reads the fields of a lock that is text.
func (l *VCMLock) text(text, encoding string, until time.Time) {
	form := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch m := lockPair.FindStringSubmatch(line); {
		case strings.Trim(line, "\x00 \t") == "" || line[0] == ';' || line[0] == '#' || line[0] == '[':
		case m != nil && !strings.ContainsAny(line, ";|\t\x00"):
			form = "name and value a line"
			l.field(m[1], m[2], i+1)
		case strings.ContainsAny(line, ";|\t,"):
			form = "delimited"
			sep := line[strings.IndexAny(line, ";|\t,")]
			for f := range strings.SplitSeq(line, string(sep)) {
				if m := lockPair.FindStringSubmatch(f); m != nil {
					l.field(m[1], m[2], i+1)
				} else {
					l.field("", f, i+1)
				}
			}
		case strings.Contains(strings.Trim(line, "\x00"), "\x00"):
			form = "fields padded with NULs"
			for f := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == 0 }) {
				l.field("", f, i+1)
			}
		case len(lockColumns(line)) > 1:
			form = "columns"
			for _, f := range lockColumns(line) {
				l.field("", f, i+1)
			}
		default:
			if form == "" {
				form = "a field a line"
			}
			l.field("", line, i+1)
		}
	}
	l.Reading = encoding + ", " + form
	for i := range l.Fields {
		l.assign(&l.Fields[i], until)
	}
	if l.Action == "" || l.Request != "" {
		return
	}
	// What is neither the action nor the time is the request, if it is alone.
	var rest []*VCMLockField
	for i := range l.Fields {
		if f := &l.Fields[i]; f.Name == "" && f.Line > 0 && f.Value != "" && !lockZero.MatchString(f.Value) && !lockWord.MatchString(f.Value) && f.Value != l.TimeText {
			rest = append(rest, f)
		}
	}
	if len(rest) == 1 && !strings.Contains(rest[0].Value, " ") {
		l.Request, l.RequestLine = rest[0].Value, rest[0].Line
	}
}

// lockColumns cuts a line at blanks. A date and the clock behind it are one.
func lockColumns(line string) []string {
	var out []string
	for w := range strings.FieldsSeq(line) {
		if n := len(out); n > 0 && (lockDate.MatchString(out[n-1]) && !strings.Contains(out[n-1], " ") && strings.Contains(w, ":") || strings.Contains(out[n-1], ":") && (w == "AM" || w == "PM")) {
			out[n-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

// field keeps a field.
func (l *VCMLock) field(name, value string, line int) {
	if len(l.Fields) < 256 {
		l.Fields = append(l.Fields, VCMLockField{Name: trim(name), Value: strings.Trim(value, "\x00 \t\"'"), Line: line})
	}
}

// assign takes a field for the action, the time or the request, by its name or else by its form.
func (l *VCMLock) assign(f *VCMLockField, until time.Time) {
	name := plainName(f.Name)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(name, p) {
				return true
			}
		}
		return false
	}
	action := func(text string) string {
		m := lockWord.FindStringSubmatch(text)
		if m == nil {
			return ""
		}
		switch strings.ToLower(m[1])[0] {
		case 'u', 'd':
			return "uninstalling"
		case 'c':
			return "collecting"
		}
		return "installing"
	}
	switch {
	case has("request", "reqid", "jobid", "instance") || name == "id" || name == "job":
		if l.Request == "" && !lockZero.MatchString(f.Value) {
			l.Request, l.RequestLine = f.Value, f.Line
		}
		return
	case has("time", "date", "stamp", "expir") || lockWord.MatchString(f.Name) && (lockDate.MatchString(f.Value) || digits(f.Value) >= 9):
		if a := action(f.Name); a != "" && l.Action == "" {
			l.Action, l.ActionLine = a, f.Line
		}
		l.setTime(f, until, true)
		return
	case has("action", "type", "state"):
		if l.Action == "" && !lockZero.MatchString(f.Value) {
			if l.Action = action(f.Value); l.Action == "" {
				l.Action = f.Value
			}
			l.ActionLine = f.Line
		}
		return
	case name != "":
		return
	}
	if a := action(f.Value); a != "" && l.Action == "" {
		l.Action, l.ActionLine = a, f.Line
		return
	}
	if lockGUID.MatchString(f.Value) {
		if l.Request == "" && !lockZero.MatchString(f.Value) {
			l.Request, l.RequestLine = f.Value, f.Line
		}
		return
	}
	l.setTime(f, until, false)
}

// setTime reads a field as a time, if it is none yet. named says that its name calls it one, so that it is one whatever its form.
func (l *VCMLock) setTime(f *VCMLockField, until time.Time, named bool) {
	if l.TimeText != "" || lockZero.MatchString(f.Value) {
		return
	}
	t, local, ok := lockTime(f.Value, until)
	if ok || named || lockDate.MatchString(f.Value) {
		l.TimeText, l.TimeLine, l.Time, l.Local = f.Value, f.Line, t, local && ok
	}
}

// lockTime reads a time in a form that means one time only: a date whose day and month could be exchanged does not.
func lockTime(s string, until time.Time) (t time.Time, local, ok bool) {
	within := func(t time.Time) bool { return !t.Before(earliest) && t.Before(until) }
	base := 10
	number := s
	if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		base, number = 16, h
	}
	if n, err := strconv.ParseUint(number, base, 64); err == nil {
		if t := filetime(n); within(t) {
			return t, false, true
		}
		if t := time.Unix(int64(n&0xffffffff), 0).UTC(); n <= 0xffffffff && within(t) {
			return t, false, true
		}
		return time.Time{}, false, false
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil && within(t) {
		return t.UTC(), false, true
	}
	for _, layout := range [5]string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006/01/02 15:04:05", "20060102150405", "20060102 150405"} {
		if t, err := time.Parse(layout, s); err == nil && within(t) {
			return t, true, true
		}
	}
	// 10/13/2009 can be one date only; 10/11/2009 is two.
	var month, day time.Time
	var err1, err2 error
	for _, clock := range [2]string{"15:04:05", "3:04:05 PM"} {
		month, err1 = time.Parse("1/2/2006 "+clock, s)
		day, err2 = time.Parse("2/1/2006 "+clock, s)
		if err2 != nil {
			day, err2 = time.Parse("2.1.2006 "+clock, s)
			if err2 == nil {
				return day, true, within(day)
			}
		}
		switch {
		case err1 == nil && (err2 != nil || day.Equal(month)):
			return month, true, within(month)
		case err2 == nil && err1 != nil:
			return day, true, within(day)
		}
	}
	return time.Time{}, false, false
}

// filetime turns 100-nanosecond intervals since 1601 into a time, the zero Time if they are too many for one.
func filetime(n uint64) time.Time {
	const toUnix = 11_644_473_600 // seconds from 1601 to 1970
	if n > 1<<62 {
		return time.Time{}
	}
	return time.Unix(int64(n/10_000_000)-toUnix, int64(n%10_000_000)*100).UTC()
}

// binary finds what it can in a lock that is no text. Each byte is taken once, the surest form first.
func (l *VCMLock) binary(data []byte, until time.Time) {
	used := make([]bool, len(data))
	free := func(at, n int) bool {
		for i := at; i < at+n; i++ {
			if used[i] {
				return false
			}
		}
		return true
	}
	var found []string
	take := func(at, n int, what string) {
		for i := at; i < at+n; i++ {
			used[i] = true
		}
		found = append(found, fmt.Sprintf("%s at %d", what, at))
	}
	within := func(t time.Time) bool { return !t.Before(earliest) && t.Before(until) }

	for _, s := range lockStrings(data) {
		if l.Action == "" && lockWord.MatchString(s.text) {
			f := VCMLockField{Value: s.text}
			l.assign(&f, until)
			l.ActionLine = 0
			take(s.at, s.size, "action")
		} else if l.Request == "" && lockGUID.MatchString(s.text) && !lockZero.MatchString(s.text) {
			l.Request = lockGUID.FindString(s.text)
			take(s.at, s.size, "request GUID")
		} else if s.size >= 8 {
			take(s.at, s.size, "other text")
			l.Unread += s.size
		}
	}
	setTime := func(t time.Time, at, size int, form string, local bool) {
		if l.TimeText == "" {
			l.Time, l.Local, l.TimeText = t, local, fmt.Sprintf("%s at %d", form, at)
			take(at, size, form)
		}
	}
	for at := 0; at+16 <= len(data); at += 4 {
		if t, ok := systemTime(data[at:]); ok && within(t) && free(at, 16) {
			setTime(t, at, 16, "SYSTEMTIME", true)
		}
	}
	for at := 0; at+8 <= len(data); at += 4 {
		if t := filetime(binary.LittleEndian.Uint64(data[at:])); within(t) && free(at, 8) {
			setTime(t, at, 8, "FILETIME", false)
		}
	}
	if l.TimeText == "" {
		// Any number in a wide range is a time_t: only one that is alone is taken for it.
		var candidates []int
		for at := 0; at+4 <= len(data); at += 4 {
			if t := time.Unix(int64(binary.LittleEndian.Uint32(data[at:])), 0).UTC(); within(t) && free(at, 4) {
				candidates = append(candidates, at)
			}
		}
		if len(candidates) == 1 {
			at := candidates[0]
			setTime(time.Unix(int64(binary.LittleEndian.Uint32(data[at:])), 0).UTC(), at, 4, "time_t", false)
		}
	}
	for at := 0; at+16 <= len(data) && l.Request == ""; at += 4 {
		// A random GUID, RFC 9562 version 4, as Windows keeps it in memory.
		if g := data[at : at+16]; g[7]>>4 == 4 && g[8]>>6 == 2 && free(at, 16) {
			l.Request = fmt.Sprintf("{%08X-%04X-%04X-%X-%X}", binary.LittleEndian.Uint32(g), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
			take(at, 16, "request GUID")
		}
	}
	for at := 0; at+4 <= len(data); at += 4 {
		n := binary.LittleEndian.Uint32(data[at:])
		if n == 0 || !free(at, 4) {
			continue
		}
		switch {
		case l.Action == "" && n <= 16:
			l.Action = strconv.Itoa(int(n))
			take(at, 4, "action number")
		case l.Request == "" && l.Action != "" && l.TimeText != "":
			l.Request = strconv.FormatUint(uint64(n), 10)
			take(at, 4, "request number")
		}
	}
	for i, b := range data {
		if b != 0 && !used[i] {
			l.Unread++
		}
	}
	if found == nil {
		l.Reading = "binary, nothing that can be told"
		return
	}
	l.Reading = "binary, " + strings.Join(found, ", ")
}

// lockString is a text within binary data.
type lockString struct {
	at, size int
	text     string
}

// lockStrings finds runs of at least six printable ASCII characters, of one byte or two.
func lockStrings(data []byte) []lockString {
	var out []lockString
	printable := func(b byte) bool { return b >= ' ' && b < 0x7f }
	for i := 0; i < len(data); {
		n := 0
		for i+n < len(data) && printable(data[i+n]) {
			n++
		}
		if n >= 6 {
			out = append(out, lockString{i, n, string(data[i : i+n])})
			i += n
			continue
		}
		var wide []byte
		for j := i; j+1 < len(data) && printable(data[j]) && data[j+1] == 0; j += 2 {
			wide = append(wide, data[j])
		}
		if len(wide) >= 6 {
			out = append(out, lockString{i, 2 * len(wide), string(wide)})
			i += 2 * len(wide)
			continue
		}
		i++
	}
	return out
}

// systemTime reads a SYSTEMTIME: eight 16-bit numbers, the third of which is the day of the week and has to fit the date.
func systemTime(b []byte) (time.Time, bool) {
	var n [8]int
	for i := range n {
		n[i] = int(binary.LittleEndian.Uint16(b[2*i:]))
	}
	if n[0] < 1900 || n[0] > 9999 || n[1] < 1 || n[1] > 12 || n[3] < 1 || n[3] > 31 || n[4] > 23 || n[5] > 59 || n[6] > 59 || n[7] > 999 {
		return time.Time{}, false
	}
	t := time.Date(n[0], time.Month(n[1]), n[3], n[4], n[5], n[6], n[7]*1_000_000, time.UTC)
	return t, int(t.Weekday()) == n[2] && t.Day() == n[3]
}
