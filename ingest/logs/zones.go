package logs

import (
	"bytes"
	"math"
)

// Logs of SMS name the time zone by what Windows calls it in English ("Pacific Standard Time", "Pacific Daylight Time"); newer
// versions of Windows say "Summer" for "Daylight" in some zones. Setups in other languages write the translated name, which
// is not in this table: its offset is unknown.
//
// Source: the Std, Dlt and TZI values under HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones. Countries changed
// their standard time in place, under the same name: such a zone holds for a range of years only.

// zone is the standard time of a Windows time zone.
type zone struct {
	bias  int16 // minutes to add to standard time to get UTC
	from  int16 // first year in which the bias is sure; 0 always
	until int16 // first year in which it no longer is; 0 none
	// daylight is how many minutes the clock is put forward; 0 means the usual 60.
	daylight int16
}

const (
	suffixStandard = " Standard Time"
	suffixDaylight = " Daylight Time"
	suffixSummer   = " Summer Time"
)

// zoneBias returns the bias of the zone called name in a year, and false if it is not known.
func zoneBias(name []byte, year int) (minutes int, ok bool) {
	switch string(name) {
	case "UTC", "GMT", "Coordinated Universal Time", "Greenwich Mean Time":
		return 0, true
	}
	if hours, ok := bytes.CutPrefix(name, []byte("UTC")); ok && len(hours) == 3 { // "UTC-11" is a zone of that name
		h, n := number(hours, 1, 2)
		switch {
		case n == 2 && h <= 12 && hours[0] == '-':
			return h * 60, true
		case n == 2 && h <= 14 && hours[0] == '+':
			return -h * 60, true
		}
	}
	var base []byte
	daylight := false
	switch {
	case bytes.HasSuffix(name, []byte(suffixStandard)):
		base = name[:len(name)-len(suffixStandard)]
	case bytes.HasSuffix(name, []byte(suffixDaylight)):
		base, daylight = name[:len(name)-len(suffixDaylight)], true
	case bytes.HasSuffix(name, []byte(suffixSummer)):
		base, daylight = name[:len(name)-len(suffixSummer)], true
	default:
		return 0, false
	}
	z, ok := zones[string(base)]
	if !ok || year < int(z.from) || z.until != 0 && year >= int(z.until) {
		return 0, false
	}
	minutes = int(z.bias)
	switch {
	case daylight && z.daylight != 0:
		minutes -= int(z.daylight)
	case daylight:
		minutes -= 60
	}
	return minutes, true
}

// zoneCache keeps the last zone looked up: a log names the same one in every record.
type zoneCache struct {
	name []byte
	year int
	bias int // math.MinInt if the zone is not known
}

func (c *zoneCache) lookup(name []byte, year int) (minutes int, ok bool) {
	if year != c.year || !bytes.Equal(name, c.name) {
		c.name, c.year = append(c.name[:0], name...), year
		if c.bias, ok = zoneBias(name, year); !ok {
			c.bias = math.MinInt
		}
	}
	return c.bias, c.bias != math.MinInt
}

// zones is keyed by the English standard name without " Standard Time", both as the key is called and as the Std value reads.
var zones = map[string]zone{
	"AUS Central": {bias: -570}, "AUS Eastern": {bias: -600}, "Afghanistan": {bias: -270}, "Alaskan": {bias: 540}, "Aleutian": {bias: 600},
	"Altai": {bias: -420, from: 2017}, "Arab": {bias: -180}, "Arabian": {bias: -240}, "Arabic": {bias: -180}, "Argentina": {bias: 180},
	"Armenian": {bias: -240}, "Astrakhan": {bias: -240, from: 2017}, "Atlantic": {bias: 240}, "Aus Central W.": {bias: -525}, "Azerbaijan": {bias: -240},
	"Azores": {bias: 60}, "Bahia": {bias: 180}, "Bangkok": {bias: -420}, "Bangladesh": {bias: -360}, "Belarus": {bias: -180, from: 2012}, "Bougainville": {bias: -660, from: 2015},
	"Canada Central": {bias: 360}, "Cape Verde": {bias: 60}, "Caucasus": {bias: -240}, "Cen. Australia": {bias: -570}, "Central": {bias: 360},
	"Central America": {bias: 360}, "Central Asia": {bias: -360, until: 2024}, "Central Brazilian": {bias: 240}, "Central Europe": {bias: -60}, "Central European": {bias: -60},
	"Central Pacific": {bias: -660}, "Central (Mexico)": {bias: 360}, "Chatham Islands": {bias: -765}, "China": {bias: -480}, "Cuba": {bias: 300},
	"Dateline": {bias: 720}, "E. Africa": {bias: -180}, "E. Australia": {bias: -600}, "E. Europe": {bias: -120}, "E. South America": {bias: 180},
	"Easter Island": {bias: 360, until: 2015}, "Eastern": {bias: 300}, "Eastern (Mexico)": {bias: 300, from: 2016}, "Egypt": {bias: -120}, "FLE": {bias: -120},
	"Fiji": {bias: -720}, "GMT": {bias: 0}, "GTB": {bias: -120}, "Georgian": {bias: -240, from: 2012}, "Greenland": {bias: 180, until: 2023},
	"Greenwich": {bias: 0}, "Haiti": {bias: 300}, "Hawaiian": {bias: 600}, "India": {bias: -330}, "Iran": {bias: -210}, "Israel": {bias: -120},
	"Jerusalem": {bias: -120}, "Jordan": {bias: -120, until: 2022}, "Kaliningrad": {bias: -120, from: 2015}, "Russia TZ 1": {bias: -120, from: 2015},
	"Kamchatka": {bias: -720, until: 2010}, "Korea": {bias: -540}, "Libya": {bias: -120, from: 2014}, "Line Islands": {bias: -840},
	"Lord Howe": {bias: -630, daylight: 30}, "Magadan": {bias: -660, from: 2017}, "Magallanes": {bias: 180, from: 2017}, "Malay Peninsula": {bias: -480},
	"Singapore": {bias: -480}, "Marquesas": {bias: 570}, "Mauritius": {bias: -240}, "Mexico": {bias: 360}, "Mexico 2": {bias: 420},
	"Mid-Atlantic": {bias: 120}, "Middle East": {bias: -120}, "Montevideo": {bias: 180}, "Morocco": {bias: 0, until: 2018}, "Mountain": {bias: 420},
	"Mountain (Mexico)": {bias: 420, until: 2022}, "Myanmar": {bias: -390}, "N. Central Asia": {bias: -360, until: 2011}, "Namibia": {bias: -60, until: 2017}, "Nepal": {bias: -345},
	"New Zealand": {bias: -720}, "Newfoundland": {bias: 210}, "Norfolk": {bias: -660, from: 2016}, "North Asia": {bias: -420, until: 2011},
	"North Asia East": {bias: -480, until: 2011}, "North Korea": {bias: -540, from: 2019}, "Novosibirsk": {bias: -420, from: 2017}, "Omsk": {bias: -360, from: 2017},
	"Pacific": {bias: 480}, "Pacific SA": {bias: 240, until: 2015}, "Pacific (Mexico)": {bias: 480}, "Pakistan": {bias: -300},
	"Paraguay": {bias: 240, until: 2024}, "Prague Bohemia": {bias: -60}, "Qyzylorda": {bias: -300, from: 2019}, "Romance": {bias: -60}, "Russia TZ 2": {bias: -180, from: 2015},
	"Russia TZ 3": {bias: -240, from: 2015}, "Russia TZ 4": {bias: -300, from: 2015}, "Russia TZ 5": {bias: -360, from: 2015, until: 2016}, "Russia TZ 6": {bias: -420, from: 2015},
	"Russia TZ 7": {bias: -480, from: 2015}, "Russia TZ 8": {bias: -540, from: 2015}, "Russia TZ 9": {bias: -600, from: 2015},
	"Russia TZ 10": {bias: -660, from: 2015}, "Russia TZ 11": {bias: -720, from: 2015}, "Russian": {bias: -180, until: 2011},
	"SA Eastern": {bias: 180}, "SA Pacific": {bias: 300}, "SA Western": {bias: 240}, "SE Asia": {bias: -420}, "Saint Pierre": {bias: 180},
	"Sakhalin": {bias: -660, from: 2017}, "Samoa": {bias: 660, until: 2011}, "Sao Tome": {bias: 0, from: 2020}, "Saratov": {bias: -240, from: 2018},
	"Saudi Arabia": {bias: -180}, "South Africa": {bias: -120}, "South Sudan": {bias: -120, from: 2022}, "Sri Lanka": {bias: -330, from: 2007},
	"Sudan": {bias: -120, from: 2018}, "Sydney": {bias: -600}, "Syria": {bias: -120, until: 2022}, "Taipei": {bias: -480}, "Tasmania": {bias: -600},
	"Tocantins": {bias: 180}, "Tokyo": {bias: -540}, "Tomsk": {bias: -420, from: 2017}, "Tonga": {bias: -780}, "Transbaikal": {bias: -540, from: 2017},
	"Turkey": {bias: -120, until: 2016}, "Turks and Caicos": {bias: 300, from: 2019}, "US Eastern": {bias: 300}, "US Mountain": {bias: 420},
	"Ulaanbaatar": {bias: -480}, "Venezuela": {bias: 240, from: 2017}, "Vladivostok": {bias: -600, until: 2011}, "Volgograd": {bias: -180, from: 2022},
	"W. Australia": {bias: -480}, "W. Central Africa": {bias: -60}, "W. Europe": {bias: -60}, "W. Mongolia": {bias: -420}, "Warsaw": {bias: -60},
	"West Asia": {bias: -300}, "West Bank": {bias: -120}, "West Bank Gaza": {bias: -120}, "West Pacific": {bias: -600}, "Yakutsk": {bias: -540, until: 2011},
	"Yukon": {bias: 420, from: 2021}, "Ekaterinburg": {bias: -300, until: 2011},
}
