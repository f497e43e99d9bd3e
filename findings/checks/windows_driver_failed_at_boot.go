package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/wincode"
	"casebook/internal/winpath"
)

const driverFailedID = "windows-driver-failed-at-boot"

// The service manager names at the end of every boot the drivers that did not load (7026), by the names of their keys, and each failed
// start (7000, 7001). Why it failed is not in 7026: the registry's key and the file tell.
var windowsDriverFailedAtBoot = &findings.Check{
	ID:       driverFailedID,
	Title:    "A driver did not load at boot, so its product or device does not work",
	Severity: findings.Medium,
	Product:  findings.Product{Name: "the System event log, or a driver whose file is gone"},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(systemLogs(f, driverFailedID)) > 0 || len(driversWithoutFile(f, newInventory(f))) > 0
		},
		What: systemLog.What, Why: "event 7026 names the drivers that did not load", Collect: systemLog.Collect,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{
				serviceManager: {driversNotLoaded, startFailed, dependencyFailed}, "EventLog": boots["eventlog"], "Kernel-General": boots["kernel-general"],
			}, serviceManager, "EventLog")
		},
	},
	Doc: findings.Doc{
		Cause: "Drivers that start at boot are loaded by the boot loader and the kernel before any service runs. One whose file is gone, is blocked by signature or by policy, depends on a driver that failed, or finds no device, is left out, and the service manager lists it afterwards. What stands on it, such as a security product's protection, then runs without it.",
		Remedy: []string{
			"Look at the driver's file and key as this finding names them. Where the product is still installed, repair it; that puts file and key back.",
			"Where the product is gone and only the key is left, remove the rest with the vendor's removal tool, not by hand: filter drivers are also named in UpperFilters and LowerFilters, and a filter that is named and missing stops its device class.",
			"Where the file is there, read the reason from event 7000 of the same boot (an unsigned or blocked driver, a dependency), and look for the vendor's newer version.",
			"Drivers of hardware that the machine does not have (serial and parallel ports, floppy, optical drives) can stay as they are.",
		},
		Risk:      "Removing a driver that is a filter of disk or network can keep the machine from booting; make a restore point or a copy of the SYSTEM hive first.",
		Undo:      "Start from the last known good configuration, or restore the driver's key from the export.",
		Cured:     "After the next boot the System log has no 7026 that names the driver.",
		Overturns: "A later boot without a 7026 that names the driver, or that the boot was one in safe mode.",
		Proves: []string{
			"Event 7026 of the Service Control Manager names the driver, whatever the language of its message.",
			"Event 7000 is about a service that is a driver by its registry key or by its name.",
		},
		Suggests: []string{
			"A driver that starts at boot has an ImagePath that a complete listing lacks, and no event log shows a boot.",
			"Event 7026 names the network's own drivers too, as it does after a boot in safe mode.",
		},
		Exonerates: []string{"The System log shows a boot and no 7026 or 7000 about a driver."},
		FalsePositives: "After a boot in safe mode 7026 names most network and security drivers. Drivers of ports and drives that the machine does not have are named at every boot of many machines; they are told as info. " +
			"Drivers that a product loads only while it works can fail while it is being upgraded.",
		NotCovered: "Drivers that load and then crash the machine, and devices with a problem code in the device manager.",
		References: []findings.Reference{
			{Title: "Driver load order and start types", URL: "https://learn.microsoft.com/en-us/windows-hardware/drivers/install/specifying-driver-load-order"},
			{Title: "Services registry tree", URL: "https://learn.microsoft.com/en-us/windows-hardware/drivers/install/hklm-system-currentcontrolset-services-registry-tree"},
		},
	},
	Run: runDriverFailed,
}

var systemLog = findings.Missing{
	What: "the System event log as text", Why: "the service manager writes there what failed to start",
	Collect: `wevtutil qe System /f:text /rd:true /c:5000 > "%PUBLIC%\system-events.txt"`,
}

// Numbers of the service manager's events.
const (
	startFailed      = 7000
	dependencyFailed = 7001
	driversNotLoaded = 7026
)

// systemLogs are the artifacts of a check's observer that are exports of the System log: the service manager or the event log itself
// writes to it.
func systemLogs(f *facts.Facts, check string) []facts.Of[*eventLog] {
	return slices.DeleteFunc(facts.Observed[*eventLog](f, check), func(o facts.Of[*eventLog]) bool {
		return o.Value.shown[strings.ToLower(serviceManager)] == nil && o.Value.shown["eventlog"] == nil
	})
}

// Drivers of hardware that many machines do not have, and drivers without which Windows has no network: the latter fail together only in
// safe mode.
var (
	idleDrivers    = []string{"cdrom", "i8042prt", "parport", "parvdm", "ppa3", "fdc", "flpydisk", "serial", "sfloppy", "dam", "imapi", "changer", "lbrtfdc", "pcidump", "pdcomp", "pdframe", "pdreli", "pdrframe", "sbp2port", "msisadrv"}
	networkDrivers = []string{"tcpip", "afd", "netbt", "rdbss", "mrxsmb", "ipsec", "netbios", "tdx", "nsiproxy"}
)

// sepDrivers are the drivers of Endpoint Protection, by the beginning of their names.
var sepDrivers = []string{"srtsp", "symefa", "symevent", "symds", "symiron", "symtdi", "symnets", "teefer", "wpshelper", "wpsdrvnt", "sysplant", "bhdrv", "idsxp", "idsvi", "eectrl", "eraserutil", "ccset", "navex", "naveng", "spbbc", "coh_mon"}

func isSEPDriver(name string) bool {
	return slices.ContainsFunc(sepDrivers, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) })
}

func isDriver(s *hive.Service) bool {
	return s != nil && (s.Type == 1 || s.Type == 2 || strings.HasSuffix(strings.ToLower(firstWord(s.ImagePath)), ".sys"))
}

// driverFailure is what the events of one system say of one driver.
type driverFailure struct {
	name     string // of its key, or as the event calls it
	key      *hive.Service
	events   []eventAt // the newest first
	safeMode bool      // every 7026 that names it names the network's drivers too
	why      string    // the reason in words, where an event has its code
	resolved *facts.Match
	again    *eventLog // the artifact of the newest event
}

// eventAt is an event with the log that holds it.
type eventAt struct {
	log   facts.Of[*eventLog]
	group *eventGroup
}

// notLoaded are the names in a 7026: behind the message's first colon, on that line or a line each; in XML the only string. What follows
// them, a hint to the help for one, are lines of several words.
func (g *eventGroup) notLoaded() []string {
	text := g.text
	if len(g.strings) > 0 {
		text = g.strings[0]
	} else if i := strings.IndexAny(text, ":："); i >= 0 {
		text = strings.TrimLeft(text[i:], ":：")
	}
	var out []string
	for line := range strings.Lines(text) {
		names := strings.Fields(line)
		if len(out) > 0 && len(names) != 1 {
			break
		}
		for _, name := range names {
			if !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, name) }) {
				out = append(out, name)
			}
		}
	}
	return out
}

// driverFailures gathers what the system's logs say, by driver in the order of their names.
func driverFailures(f *facts.Facts) []*driverFailure {
	services := f.Registry.Services()
	byName := map[string]*driverFailure{}
	var out []*driverFailure
	add := func(name string, key *hive.Service, at eventAt, safe bool) *driverFailure {
		if key != nil {
			name = key.Name
		}
		d := byName[strings.ToLower(name)]
		if d == nil {
			d = &driverFailure{name: name, key: key, safeMode: true}
			byName[strings.ToLower(name)] = d
			out = append(out, d)
		}
		d.safeMode = d.safeMode && safe
		d.events = append(d.events, at)
		return d
	}
	for _, o := range systemLogs(f, driverFailedID) {
		for _, g := range o.Value.groups {
			switch g.id {
			case driversNotLoaded:
				names := g.notLoaded()
				network := 0
				for _, n := range names {
					if slices.Contains(networkDrivers, strings.ToLower(n)) {
						network++
					}
				}
				for _, n := range names {
					var key *hive.Service
					if i := slices.IndexFunc(services, func(s hive.Service) bool { return strings.EqualFold(s.Name, n) }); i >= 0 {
						key = &services[i]
					}
					add(n, key, eventAt{o, g}, network >= 2)
				}
			case startFailed:
				name, key := g.serviceOf(services)
				if name == "" || !isDriver(key) && !isSEPDriver(name) {
					continue
				}
				d := add(name, key, eventAt{o, g}, false)
				if len(g.strings) > 1 {
					d.why = cmp.Or(d.why, insertedCode(g.strings[1]))
				}
			}
		}
	}
	for _, d := range out {
		slices.SortStableFunc(d.events, func(a, b eventAt) int {
			return cmp.Compare(b.group.last.Time.Wall+int64(b.group.last.Time.Bias)*60e6, a.group.last.Time.Wall+int64(a.group.last.Time.Bias)*60e6)
		})
		newest := d.events[0]
		d.again = newest.log.Value
		d.resolved = newest.log.Value.bootedSince(newest.group.last.Time)
	}
	slices.SortStableFunc(out, func(a, b *driverFailure) int {
		return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
	})
	return out
}

// insertedCode is the meaning of a string such as %%1275, which stands for the message of an error code; "" for any other.
func insertedCode(s string) string {
	digits, ok := strings.CutPrefix(strings.TrimSpace(s), "%%")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < -1<<31 || n >= 1<<32 {
		return ""
	}
	code := uint32(n)
	return fmt.Sprintf("%s is %s", digits, wincode.Name(code))
}

// driverWithoutFile is a driver that starts at boot and whose file a listing lacks.
type driverWithoutFile struct {
	hive.Service
	sighting
}

// driverFile is where the file of a driver is to be: a key without ImagePath means its own name in the drivers' folder.
func driverFile(files *inventory, s *hive.Service) string {
	if s.ImagePath == "" {
		return files.absolute(`System32\drivers\` + s.Name + `.sys`)
	}
	return files.program(s.ImagePath)
}

func driversWithoutFile(f *facts.Facts, files *inventory) []driverWithoutFile {
	const system = 1
	var out []driverWithoutFile
	if len(files.listings) == 0 {
		return nil
	}
	for _, s := range f.Registry.Services() {
		if s.Start < 0 || s.Start > system || !isDriver(&s) || s.ImagePath == "" {
			continue
		}
		if at := files.find(driverFile(files, &s)); at.missing() {
			out = append(out, driverWithoutFile{s, at})
		}
	}
	return out
}

func runDriverFailed(f *facts.Facts) ([]findings.Finding, error) {
	files := newInventory(f)
	logs := systemLogs(f, driverFailedID)
	var out []findings.Finding
	idle, safe := &findings.Finding{}, &findings.Finding{}
	failures := driverFailures(f)
	for _, d := range failures {
		finding := driverFailed(f, files, d)
		// What is of no consequence is one finding, and so is a boot in safe mode.
		switch {
		case d.safeMode && safe.Verdict == "":
			*safe = finding
			safe.Subject = "drivers left out in safe mode"
			safe.Title = "Drivers did not load, in a boot that looks like one in safe mode"
			safe.Summary = "Event 7026 names drivers of Windows' own network, which fail together only in safe mode, so this boot says nothing of a normal one. It names " + d.name
		case d.safeMode:
			safe.Summary += ", " + d.name
		case slices.Contains(idleDrivers, strings.ToLower(d.name)) && idle.Verdict == "":
			*idle = finding
			idle.Severity, idle.Rivals, idle.Missing = findings.Info, nil, nil
			idle.Subject = "drivers of absent hardware"
			idle.Title = "Drivers of hardware that the machine does not have did not load"
			idle.Summary = "Event 7026 names drivers of ports and drives that many machines do not have; Windows tries them at every boot. Nothing is to be repaired unless the machine has such a device: " + d.name
		case slices.Contains(idleDrivers, strings.ToLower(d.name)):
			idle.Summary += ", " + d.name
		default:
			out = append(out, finding)
		}
	}
	if safe.Verdict != "" {
		safe.Summary += "."
		out = append(out, *safe)
	}
	if idle.Verdict != "" {
		idle.Summary += "."
		out = append(out, *idle)
	}
	for _, d := range driversWithoutFile(f, files) {
		if slices.ContainsFunc(failures, func(x *driverFailure) bool { return strings.EqualFold(x.name, d.Name) }) {
			continue
		}
		out = append(out, driverWillFail(f, d, logs))
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, o := range logs {
		boot := o.Value.booted()
		if boot == nil || !o.Value.settled() || o.Value.unread > 0 {
			continue
		}
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "Every driver loaded at the boots that the log shows",
			Summary:  fmt.Sprintf("The System log shows Windows starting, and its %s %s name no driver that failed.", count(o.Value.total, "event"), o.Value.window()),
			Evidence: []findings.Evidence{findings.FromMatch(*boot, findings.Contradicts, "the last start of Windows in the log; no event 7026 or 7000 about a driver stands in it")},
		}}, nil
	}
	n := findings.Finding{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The System log of the bundle shows no start of Windows, so it does not tell which drivers loaded.",
		Missing: []findings.Missing{{What: systemLog.What + " from before the last boot on", Why: "event 7026 follows each boot", Collect: systemLog.Collect}},
	}
	for _, o := range logs[:min(len(logs), 1)] {
		for _, source := range slices.Sorted(maps.Keys(o.Value.shown))[:1] {
			n.Evidence = append(n.Evidence, findings.FromMatch(*o.Value.shown[source], findings.Context, "the log's events are "+o.Value.window()))
		}
	}
	return []findings.Finding{n}, nil
}

// settled reports whether the artifact goes on for long enough after the last start of Windows to show what failed at it.
func (l *eventLog) settled() bool {
	return l.bootedSince(ingest.Time{Wall: -1 << 62, Zone: ingest.ZoneUnknown}) != nil
}

// driverFailed is the finding of one driver that events name.
func driverFailed(f *facts.Facts, files *inventory, d *driverFailure) findings.Finding {
	newest := d.events[0]
	out := findings.Finding{
		Verdict: findings.Confirmed, Subject: d.name, State: findings.Active, Severity: findings.Medium,
		Title: fmt.Sprintf("The driver %s did not load at boot, so what needs it does not work", d.name),
	}
	if isSEPDriver(d.name) {
		out.Severity = findings.High
		out.Title = fmt.Sprintf("The driver %s did not load at boot, so a part of Endpoint Protection does not work", d.name)
	}
	out.Summary = fmt.Sprintf("Event %d of the Service Control Manager names the driver %s (%s).", newest.group.id, d.name, newest.group.span())
	for i, e := range d.events {
		if i == 3 {
			break
		}
		note := "the driver did not load"
		if e.group.id == startFailed && d.why != "" {
			note = "its start failed: " + d.why
		}
		out.Evidence = append(out.Evidence, findings.FromMatch(*e.group.last, findings.Supports, note))
	}
	if d.why != "" {
		out.Summary += " Error " + d.why + "."
	}
	file := sighting{}
	if d.key != nil {
		file = files.find(driverFile(files, d.key))
	}
	device := findings.Rival{Name: "The driver's device is not there, or the driver was blocked", Verdict: rivalOpen + "no event 7000 that gives the reason, and no log of the vendor, is in the upload."}
	if d.why != "" {
		device.Verdict = rivalSupported + "event 7000 gives the reason: " + d.why + "."
	}
	switch {
	case d.key == nil && hasServices(f):
		out.Summary += " The registry has no service of that name any more, so the driver was removed since, or the hive is of another time."
		out.Evidence = append(out.Evidence, findings.Evidence{Artifact: servicesSource(f), Key: "Services", Role: findings.Context, Absent: true, Note: "there is no key of the driver's name"})
		out.State = findings.Unknown
	case d.key == nil:
		out.Missing = []findings.Missing{servicesHive}
	case d.key.Start == startDisabled:
		out.Summary += " Its key says that it is disabled now."
		out.Evidence = append(out.Evidence, startEvidence(f, *d.key, findings.Context))
	case file.missing():
		image, _ := serviceValue(f, *d.key, "", "ImagePath", findings.Supports, "the file of the driver")
		out.Summary += fmt.Sprintf(" Its key names %s, and the complete listing of %s has no %s: that is why it can't load.", file.path, file.gone[0].folder, file.gone[0].name)
		out.Title += ": its file " + winpath.Base(file.path) + " is gone"
		out.Evidence = append(out.Evidence, image, file.evidence(f, findings.Supports))
		device.Verdict = rivalExcluded + "the file is not there, which explains it alone."
	case file.there():
		out.Summary += " Its file is there, so it was there to be loaded and was refused, or found no device."
		out.Evidence = append(out.Evidence, file.evidence(f, findings.Context))
	}
	out.Rivals = append(out.Rivals, device)
	switch {
	case d.safeMode:
		out.Verdict, out.Severity = findings.Suspected, findings.Info
		out.Summary += " The same event names the network's own drivers too, which fail together only in safe mode, so this boot says nothing of a normal one."
		out.Rivals = append(out.Rivals, findings.Rival{Name: "The machine was booted in safe mode", Verdict: rivalSupported + "the event names several network drivers of Windows."})
		out.Missing = []findings.Missing{{What: systemLog.What + " after a normal boot", Why: "a boot in safe mode leaves most drivers out", Collect: systemLog.Collect}}
	default:
		out.Rivals = append(out.Rivals, findings.Rival{Name: "The machine was booted in safe mode", Verdict: rivalExcluded + "the event does not name the network's drivers of Windows, as it does after such a boot."})
	}
	switch {
	case d.resolved != nil:
		out.State = findings.Resolved
		out.Summary += " A later start of Windows in the same log has no such event."
		out.Evidence = append(out.Evidence, findings.FromMatch(*d.resolved, findings.Contradicts, "a later start of Windows, after which the driver is not named"))
	case d.again.booted() == nil && out.State == findings.Active:
		out.State = findings.Unknown // whether Windows was started since the log does not show
	}
	return out
}

// hasServices reports whether the registry shows enough services for the lack of one to mean something.
func hasServices(f *facts.Facts) bool {
	const some = 20
	return len(f.Registry.Services()) >= some && f.ShowsAbsence(servicesSource(f))
}

func servicesSource(f *facts.Facts) string {
	at, err := f.Registry.Key(`SYSTEM\CurrentControlSet\Services`)
	if err != nil {
		return ""
	}
	return at.Source
}

// removalRival says whether the queue of file operations names a driver, as that of a product does which is removed at the next boot.
func removalRival(f *facts.Facts, driver string) string {
	q := readQueue(f)
	if !q.known {
		return rivalOpen + "the queue of file operations is not in the upload."
	}
	for _, p := range q.pairs {
		if strings.Contains(strings.ToLower(p.Source+" "+p.Target), strings.ToLower(driver)) {
			return fmt.Sprintf("%sthe queue of file operations names %s.", rivalSupported, p.Source)
		}
	}
	return rivalSilent + "the queue of file operations names no file of the driver; a log of the product is needed to exclude it."
}

// driverWillFail is the finding of a driver whose file is gone and of which no event tells.
func driverWillFail(f *facts.Facts, d driverWithoutFile, logs []facts.Of[*eventLog]) findings.Finding {
	image, _ := serviceValue(f, d.Service, "", "ImagePath", findings.Supports, "the file of the driver")
	out := findings.Finding{
		Verdict: findings.Suspected, Subject: d.Name, State: findings.Predicted, Severity: findings.Medium,
		Title:    fmt.Sprintf("The file of the driver %s is gone: it can't load at the next boot", d.Name),
		Summary:  fmt.Sprintf("%s is a driver that is %s, and the complete listing of %s has no %s. No event of the bundle shows that it failed.", d.Name, startName(d.Start), d.gone[0].folder, d.gone[0].name),
		Evidence: []findings.Evidence{image, d.evidence(f, findings.Supports)},
		Missing:  []findings.Missing{{What: systemLog.What, Why: "event 7026 says whether the driver failed at the last boot", Collect: systemLog.Collect}},
		Rivals:   []findings.Rival{{Name: "The product is being removed, and its key goes at the next boot", Verdict: removalRival(f, d.Name)}},
	}
	if isSEPDriver(d.Name) {
		out.Severity = findings.High
	}
	const critical = 3
	if d.ErrorControl == critical {
		out.Severity = findings.High
		out.Summary += " Its ErrorControl is 3 (critical), so Windows falls back to the last known good configuration, or stops, when it fails."
	}
	for _, o := range logs {
		if b := o.Value.booted(); b != nil {
			out.Evidence = append(out.Evidence, findings.FromMatch(*b, findings.Context, "the last start of Windows that the log shows; the file may have gone since"))
			break
		}
	}
	return out
}
