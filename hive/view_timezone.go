package hive

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"
)

// TransitionRule says when a year's change to or from daylight saving time is, in the local time before the change.
type TransitionRule struct {
	Year        int // 0: every year
	Month       int // 1 to 12; 0: there is no change
	Day         int // the week 1 to 5 of the month (5: the last) if Year is 0, else the day of the month
	Hour        int
	Minute      int
	Second      int
	Millisecond int
	Weekday     time.Weekday // if Year is 0
}

// TimeZone is Control\TimeZoneInformation of the current control set. Biases are minutes to add to local time to get UTC.
type TimeZone struct {
	Bias         int // of standard time, e.g. -60 for western Europe
	StandardBias int // added to Bias in standard time; 0 nearly everywhere
	DaylightBias int // added to Bias in daylight saving time; -60 nearly everywhere
	Active       int // bias in force when the hive was written
	HasActive    bool
	Name         string // TimeZoneKeyName, else StandardName; may be a resource such as @tzres.dll,-322
	StandardName string
	DaylightName string
	Standard     TransitionRule // change to standard time
	Daylight     TransitionRule // change to daylight saving time
	NoDaylight   bool           // the user switched daylight saving time off
	Found        Found          // the Bias value

	years []yearRules // the zone's rules by year where SOFTWARE has them, ascending
	ruled bool        // the source says when daylight saving time begins and ends, be it that there is none
}

// Offset is a bias in force.
type Offset struct {
	From time.Time // in UTC; zero of the first of a list
	Bias int       // minutes to add to local time to get UTC
}

// yearRules are the rules of one year.
type yearRules struct {
	year                             int
	bias, standardBias, daylightBias int
	standard, daylight               TransitionRule
}

// TimeZone returns the time zone of the first source that states a Bias, with the rules that SOFTWARE has for single years. The error is [ErrNotExist].
func (r *Registry) TimeZone() (TimeZone, error) {
	for _, k := range r.Keys(`SYSTEM\CurrentControlSet\Control\TimeZoneInformation`) {
		v, err := k.Value("Bias")
		if err != nil {
			continue
		}
		bias, ok := signed(v)
		if !ok {
			continue
		}
		z := TimeZone{Bias: bias, Found: k.At(v)}
		z.StandardBias, _ = signed(k.valueOrZero("StandardBias"))
		z.DaylightBias, _ = signed(k.valueOrZero("DaylightBias"))
		z.Active, z.HasActive = signed(k.valueOrZero("ActiveTimeBias"))
		z.StandardName, z.DaylightName = k.valueOrZero("StandardName").String(), k.valueOrZero("DaylightName").String()
		if z.Name = k.valueOrZero("TimeZoneKeyName").String(); z.Name == "" {
			z.Name = z.StandardName
		}
		standard, daylight := k.valueOrZero("StandardStart").Data, k.valueOrZero("DaylightStart").Data
		z.Standard, z.Daylight = timeFields(standard), timeFields(daylight)
		off, _ := k.valueOrZero("DisableAutoDaylightTimeSet").Uint()
		z.NoDaylight = off != 0
		if static, _ := k.valueOrZero("DynamicDaylightTimeDisabled").Uint(); static == 0 && z.Name != "" {
			z.years = r.yearRules(z.Name)
		}
		z.ruled = z.NoDaylight || len(z.years) > 0 || states(standard, z.Standard) && states(daylight, z.Daylight)
		return z, nil
	}
	return TimeZone{}, ErrNotExist
}

// valueOrZero returns the value of that name, the zero Value if there is none.
func (k *Key) valueOrZero(name string) Value {
	v, _ := k.h.store.value(k.id, name)
	return v
}

// signed returns a REG_DWORD as the signed number of minutes that it is.
func signed(v Value) (int, bool) {
	n, ok := v.Uint()
	if !ok || v.Type != TypeDWord {
		return 0, false
	}
	const day = 24 * 60
	minutes := int(int32(uint32(n))) //nolint:gosec // the value is a signed 32-bit number
	return minutes, -day <= minutes && minutes <= day
}

// timeFields decodes TIME_FIELDS: year, month, day or week, hour, minute, second, millisecond, weekday. Descriptions of
// the key often say SYSTEMTIME, where the weekday is third; the bytes of real hives do not.
func timeFields(b []byte) TransitionRule {
	if len(b) < 16 {
		return TransitionRule{}
	}
	n := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
	return TransitionRule{n(0), n(1), n(2), n(3), n(4), n(5), n(6), time.Weekday(n(7))}.checked()
}

// states reports whether TIME_FIELDS hold a rule, or say with a month of zero that there is none.
func states(b []byte, rule TransitionRule) bool {
	return len(b) >= 16 && (rule.Month != 0 || binary.LittleEndian.Uint16(b[2:]) == 0)
}

// systemTime decodes SYSTEMTIME: year, month, weekday, day or week, hour, minute, second, millisecond.
func systemTime(b []byte) TransitionRule {
	n := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
	return TransitionRule{n(0), n(1), n(3), n(4), n(5), n(6), n(7), time.Weekday(n(2))}.checked()
}

// checked returns the rule, or no rule if it makes no sense.
func (t TransitionRule) checked() TransitionRule {
	most := 5
	if t.Year != 0 {
		most = 31
	}
	if t.Month < 1 || t.Month > 12 || t.Day < 1 || t.Day > most || t.Hour > 24 || t.Minute > 59 || t.Second > 59 || t.Millisecond > 999 || t.Weekday > time.Saturday {
		return TransitionRule{}
	}
	return t
}

// yearRules returns the rules by year of the zone of that key name.
//
// SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\<name>\Dynamic DST has a value of 44 bytes for each year: three biases
// and two SYSTEMTIME, of standard time first.
func (r *Registry) yearRules(name string) []yearRules {
	for _, k := range r.Keys(`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\` + name + `\Dynamic DST`) {
		from, ok1 := k.valueOrZero("FirstEntry").Uint()
		to, ok2 := k.valueOrZero("LastEntry").Uint()
		if !ok1 || !ok2 || from < 1900 || to > 2200 {
			continue
		}
		var out []yearRules
		for year := int(from); year <= int(to); year++ { //nolint:gosec // between 1900 and 2200
			b := k.valueOrZero(strconv.Itoa(year)).Data
			if len(b) < 44 {
				return nil
			}
			n := func(i int) int { return int(int32(binary.LittleEndian.Uint32(b[4*i:]))) } //nolint:gosec // a signed 32-bit number
			out = append(out, yearRules{year, n(0), n(1), n(2), systemTime(b[12:]), systemTime(b[28:])})
		}
		return out
	}
	return nil
}

// rules returns the rules in force in a year. Before the first and after the last year that is listed, the nearest listed one holds.
func (z TimeZone) rules(year int) yearRules {
	if len(z.years) == 0 {
		return yearRules{year, z.Bias, z.StandardBias, z.DaylightBias, z.Standard, z.Daylight}
	}
	first := z.years[0].year
	return z.years[min(max(year-first, 0), len(z.years)-1)]
}

// BiasAt returns the minutes to add to a reading of the system's clock to get UTC at that reading; wall's location is not looked at.
// A reading that occurs twice, in the hour in which clocks are set back, is taken for standard time.
func (z TimeZone) BiasAt(wall time.Time) int16 {
	wall = time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	y := z.rules(wall.Year())
	toDaylight, ok1 := y.daylight.in(wall.Year())
	toStandard, ok2 := y.standard.in(wall.Year())
	if z.NoDaylight || !ok1 || !ok2 {
		return minutes(y.bias)
	}
	if ahead := y.standardBias - y.daylightBias; ahead > 0 {
		toStandard = toStandard.Add(-time.Duration(ahead) * time.Minute) // as the clock shows it after it was set back
	}
	daylight := !wall.Before(toDaylight) && wall.Before(toStandard)
	if toStandard.Before(toDaylight) { // the southern half of the earth
		daylight = !wall.Before(toDaylight) || wall.Before(toStandard)
	}
	if daylight {
		return minutes(y.bias + y.daylightBias)
	}
	return minutes(y.bias + y.standardBias)
}

// Offsets lists the biases in force between two times, in order; none follows its like. It is nil if the source does not tell the rules of daylight saving time.
func (z TimeZone) Offsets(from, to time.Time) []Offset {
	if !z.ruled {
		return nil
	}
	out := []Offset{{Bias: z.biasSince(from)}}
	var changes []time.Time
	for year := from.UTC().Year() - 1; year <= to.UTC().Year()+1; year++ {
		was, is := z.rules(year-1), z.rules(year)
		newYear := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		changes = append(changes, newYear.Add(time.Duration(was.winter())*time.Minute), newYear.Add(time.Duration(is.winter())*time.Minute))
		if toDaylight, toStandard, ok := z.summer(is, year); ok {
			changes = append(changes, toDaylight, toStandard)
		}
	}
	slices.SortFunc(changes, time.Time.Compare)
	for _, at := range changes {
		if bias := z.biasSince(at); at.After(from) && !at.After(to) && bias != out[len(out)-1].Bias {
			out = append(out, Offset{From: at, Bias: bias})
		}
	}
	return out
}

// winter is the bias of the year's standard time.
func (y yearRules) winter() int { return int(minutes(y.bias + y.standardBias)) }

// summer returns when daylight saving time begins and ends in a year; false if there is none.
func (z TimeZone) summer(y yearRules, year int) (from, to time.Time, ok bool) {
	toDaylight, ok1 := y.daylight.in(year)
	toStandard, ok2 := y.standard.in(year)
	if z.NoDaylight || !ok1 || !ok2 {
		return time.Time{}, time.Time{}, false
	}
	return toDaylight.Add(time.Duration(y.winter()) * time.Minute), toStandard.Add(time.Duration(minutes(y.bias+y.daylightBias)) * time.Minute), true
}

// biasSince returns the minutes to add to local time to get UTC from a time on. A year is that of standard time.
func (z TimeZone) biasSince(t time.Time) int {
	t = t.UTC()
	year := t.Add(-time.Duration(z.rules(t.Year()).winter()) * time.Minute).Year()
	y := z.rules(year)
	from, to, ok := z.summer(y, year)
	if !ok {
		return int(minutes(y.bias))
	}
	daylight := !t.Before(from) && t.Before(to)
	if to.Before(from) { // the southern half of the earth
		daylight = !t.Before(from) || t.Before(to)
	}
	if daylight {
		return int(minutes(y.bias + y.daylightBias))
	}
	return y.winter()
}

// minutes bounds a bias to two days.
func minutes(n int) int16 { return int16(max(-2880, min(2880, n))) }

// in returns the change in a year, as the clock shows it before the change; false if there is none.
func (t TransitionRule) in(year int) (time.Time, bool) {
	if t.Month == 0 || t.Year != 0 && t.Year != year {
		return time.Time{}, false
	}
	day := t.Day
	if t.Year == 0 {
		first := time.Date(year, time.Month(t.Month), 1, 0, 0, 0, 0, time.UTC).Weekday()
		day = 1 + int(t.Weekday-first+7)%7 + 7*(t.Day-1)
		for last := time.Date(year, time.Month(t.Month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); day > last; {
			day -= 7
		}
	}
	return time.Date(year, time.Month(t.Month), day, t.Hour, t.Minute, t.Second, t.Millisecond*1e6, time.UTC), true
}
