package logs

// A date of numbers alone is written in the order of some locale. What tells the order, from the strongest on: a year of four digits
// in front; points between the fields (no locale puts the month first then); a field above 12, in this date or in another of the file; a
// hint, such as a second field that is padded with a zero although the first is not. Without any of it the order is open.

// order is the order of day and month.
type order uint8

const (
	orderOpen order = iota
	orderMonthFirst
	orderDayFirst
)

// numericDate is a date as it is written.
type numericDate struct {
	a, b, year int
	sep        byte
	padded     [2]bool // a field below 10 with a zero before it
	bare       [2]bool // a field below 10 without one
	yearFirst  bool    // then a is the month and b the day
	swappable  bool    // the year has two digits and could be the day, as in yy-mm-dd
	end        int     // index behind it
}

// parseNumericDate reads a date of three numbers with the same separator at b[i:]. A year of two digits stands last.
func parseNumericDate(b []byte, i int) (d numericDate, ok bool) {
	var v, n [3]int
	for k := range 3 {
		v[k], n[k] = number(b, i, 4)
		i += n[k]
		if n[k] == 0 {
			return d, false
		}
		if k == 2 {
			break
		}
		if i >= len(b) {
			return d, false
		}
		c := b[i]
		if c != '/' && c != '-' && c != '.' || k == 1 && c != d.sep {
			return d, false
		}
		d.sep = c
		i++
	}
	d.end = i
	first := 0
	switch {
	case n[0] == 4 && n[1] <= 2 && n[2] <= 2:
		d.yearFirst, d.year, first = true, v[0], 1
	case n[0] <= 2 && n[1] <= 2 && n[2] == 4:
		d.year = v[2]
	case n[0] <= 2 && n[1] <= 2 && n[2] == 2:
		// Windows' own pivot for years of two digits is movable; no log is older than 1980.
		if d.year = 2000 + v[2]; v[2] >= 80 {
			d.year = 1900 + v[2]
		}
		d.swappable = v[2] >= 1 && v[2] <= 31 && d.sep != '.'
	default:
		return d, false
	}
	d.a, d.b = v[first], v[first+1]
	for k := range 2 {
		d.padded[k] = n[first+k] == 2 && v[first+k] < 10
		d.bare[k] = n[first+k] == 1
	}
	if d.a == 0 || d.b == 0 || d.a > 31 || d.b > 31 || d.a > 12 && d.b > 12 {
		return d, false
	}
	return d, true
}

// own returns the order that the date itself proves.
func (d *numericDate) own() order {
	switch {
	case d.a > 12 && d.b <= 12:
		if d.swappable {
			return orderOpen
		}
		return orderDayFirst
	case d.b > 12 && d.a <= 12, d.yearFirst:
		return orderMonthFirst
	case d.sep == '.':
		return orderDayFirst
	}
	return orderOpen
}

// in returns the beginning of the day if its fields stand in an order.
func (d *numericDate) in(o order) (int64, bool) {
	switch o {
	case orderMonthFirst:
		return date(d.year, d.a, d.b)
	case orderDayFirst:
		return date(d.year, d.b, d.a)
	case orderOpen:
	}
	return 0, false
}

// dateOrder learns the order of a file's dates.
type dateOrder struct {
	proved  order // by a date that has only one reading
	hinted  order // by what makes it very likely
	clashed bool  // dates of both orders were seen: then each stands for itself
}

// observe learns from a date; half says that AM or PM stands behind its time.
func (o *dateOrder) observe(d *numericDate, half bool) {
	if d.yearFirst {
		return
	}
	own := d.own()
	switch {
	case own == orderOpen:
		switch {
		case d.bare[0] && d.padded[1]:
			// Locales with the month first pad neither field or both; "8/03/2012" pads the month alone.
			o.hinted = orderDayFirst
		case half && o.hinted == orderOpen && d.sep == '/' && (d.bare[0] || d.bare[1]):
			// Fields without padding and AM or PM are the format of the United States.
			o.hinted = orderMonthFirst
		}
	case o.proved == orderOpen:
		o.proved = own
	case o.proved != own:
		o.clashed = true
	}
}

// resolve returns the beginning of the day, and false if the order of its fields is open.
func (o *dateOrder) resolve(d *numericDate) (int64, bool) {
	if own := d.own(); own != orderOpen {
		return d.in(own)
	}
	if d.a == d.b && !d.swappable {
		return d.in(orderMonthFirst) // both readings are the same day
	}
	switch {
	case o.clashed:
		return 0, false
	case o.proved != orderOpen:
		return d.in(o.proved)
	}
	return d.in(o.hinted)
}

// twelveHours moves a time of the twelve-hour clock to the day's; half is the first letter of AM or PM. It returns false for an hour that that clock has not.
func twelveHours(tod int64, half byte) (int64, bool) {
	hour := tod / microHour
	if hour < 1 || hour > 12 {
		return 0, false
	}
	switch half | 0x20 {
	case 'a':
		if hour == 12 {
			tod -= 12 * microHour
		}
	case 'p':
		if hour != 12 {
			tod += 12 * microHour
		}
	default:
		return 0, false
	}
	return tod, true
}
