package hive

// RebootMarker is a key or value that says that a reboot is pending. Several of these keys are volatile and never in a hive
// file: a marker proves, its absence does not.
type RebootMarker struct {
	Name  string // of the key or value, e.g. "RebootRequired"
	Found Found  // the value, or the key
}

const (
	windowsUpdate = `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\`
	servicing     = `SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\`
	netlogon      = `SYSTEM\CurrentControlSet\Services\Netlogon`
)

// rebootKeys say it by being there.
var rebootKeys = []string{
	servicing + "RebootPending",
	servicing + "RebootInProgress",
	servicing + "PackagesPending",
	windowsUpdate + `Auto Update\RebootRequired`,
	windowsUpdate + `Auto Update\PostRebootReporting`,
	`SOFTWARE\Microsoft\ServerManager\CurrentRebootAttempts`,
}

// rebootValues say it by being there; nonZero ones if they are a number other than 0.
var rebootValues = []struct {
	key, name string
	nonZero   bool
}{
	{`SOFTWARE\Microsoft\Updates`, "UpdateExeVolatile", true},
	{`SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce`, "DVDRebootSignal", false},
	{`SOFTWARE\Microsoft\ServerManager`, "CurrentRebootAttempts", true},
	{netlogon, "JoinDomain", false},
	{netlogon, "AvoidSpnSet", false},
}

// RebootMarkers returns the markers that are there, in a fixed order, without pending renames of files; those are [Registry.PendingRenames].
func (r *Registry) RebootMarkers() []RebootMarker {
	var out []RebootMarker
	for _, path := range rebootKeys {
		if keys := r.Keys(path); len(keys) > 0 {
			out = append(out, RebootMarker{Name: keys[0].Name(), Found: keys[0].Found()})
		}
	}
	for _, services := range r.Keys(windowsUpdate + `Services\Pending`) {
		for _, k := range services.Children() {
			out = append(out, RebootMarker{Name: `Services\Pending`, Found: k.Found()})
		}
	}
	for _, want := range rebootValues {
		at, err := r.Value(want.key, want.name)
		if err != nil {
			continue
		}
		if n, number := at.Value.Uint(); want.nonZero && (!number || n == 0) {
			continue
		}
		out = append(out, RebootMarker{Name: want.name, Found: at})
	}
	if c, err := r.ComputerName(); err == nil && c.RenamePending() {
		out = append(out, RebootMarker{Name: "ActiveComputerName", Found: c.ActiveAt})
	}
	return out
}
