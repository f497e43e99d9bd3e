package findings

import (
	"regexp"
	"slices"
	"strings"

	"casebook/findings/facts"
	"casebook/ingest"
)

// Machine is what a request needs to know of the computer that it is sent to.
type Machine struct {
	// Old says that it runs Windows 2000, XP or Server 2003: it has no %PUBLIC%, no wevtutil and no icacls, and reg.exe knows neither /reg:64 nor /y.
	Old bool
	// Modern says that it runs a later Windows. With neither, the version is not known.
	Modern bool
	// ClientLogs is the folder of the ConfigMgr client's logs as the machine itself would name it, without a backslash at its end; "" if that is not known.
	ClientLogs string
	// Client says that the upload holds logs of the machine's ConfigMgr client.
	Client bool
}

// machines says it of the systems of a case, by their IDs.
func machines(systems []*facts.Facts) map[string]Machine {
	out := map[string]Machine{}
	for _, f := range systems {
		if f.Mixed {
			continue
		}
		m := Machine{ClientLogs: clientLogs(f), Client: f.Mentions("/ccm/logs/")}
		if p, err := f.Registry.Product(); err == nil && p.Major > 0 {
			m.Old, m.Modern = p.Major < 6, p.Major >= 6
		} else { // folders that later versions do not have, and files of SMS 2.0, whose clients are older still
			m.Old = f.Mentions("documents and settings/", "winnt/") || f.Has(ingest.KindCopylog, ingest.KindCompver)
		}
		out[f.ID] = m
	}
	return out
}

// clientLogFolder is the folder of the client's logs at the end of an artifact's folder, by what lies above it on the machine.
var clientLogFolder = regexp.MustCompile(`(?i)(?:^|/)(?:windows|winnt)/((?:syswow64|system32)/)?ccm/logs/[^/]+$`)

// clientLogs is where the ConfigMgr client of a system keeps its logs: "" if its artifacts show no place, or several.
func clientLogs(f *facts.Facts) string {
	folder := ""
	for _, a := range f.Artifacts {
		m := clientLogFolder.FindStringSubmatch(a.Path)
		if m == nil {
			continue
		}
		at := clientLogsFolder
		switch strings.ToLower(m[1]) {
		case "syswow64/":
			at = `%windir%\SysWOW64\CCM\Logs`
		case "system32/":
			at = `%windir%\System32\CCM\Logs`
		}
		if folder != "" && folder != at {
			return ""
		}
		folder = at
	}
	return folder
}

const (
	// clientLogsFolder is where the client of ConfigMgr 2012 and later keeps its logs; checks name it.
	clientLogsFolder = `%windir%\CCM\Logs`
	// elsewhere is what checks add to it, for the clients of ConfigMgr 2007.
	elsewhere = `ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs`
)

var (
	elsewhereRemark = regexp.MustCompile(` \(` + regexp.QuoteMeta(elsewhere) + `(?:; ([^()]*))?\)`)
	oldRemark       = regexp.MustCompile(`(?m)^\(Windows XP and 2003: .*\)$\n?`)
	bitsSwitch      = regexp.MustCompile(`(?i) /(?:reg:(?:32|64))\b`)
	registryWrite   = regexp.MustCompile(`(?i)^(reg(?:\.exe)? (?:save|export) .*?) /y\b`)
	eventQuery      = regexp.MustCompile(`(?i)^wevtutil (?:qe|epl) "?(System|Application|Security)"? .*$`)
	aclOf           = regexp.MustCompile(`\bicacls (?:("[^"&|>]+"|[^\s"&|>]+))`)
)

// on is a request's command or path as it is right on a machine.
func (m Machine) on(collect string) string {
	if m.ClientLogs != "" {
		collect = elsewhereRemark.ReplaceAllStringFunc(collect, func(s string) string {
			if rest := elsewhereRemark.FindStringSubmatch(s)[1]; rest != "" {
				return " (" + rest + ")"
			}
			return ""
		})
		collect = strings.ReplaceAll(collect, clientLogsFolder+`\`, m.ClientLogs+`\`)
	}
	if m.Old || m.Modern {
		collect = strings.TrimRight(oldRemark.ReplaceAllString(collect, ""), "\n")
	}
	if !m.Old {
		return collect
	}
	lines := strings.Split(collect, "\n")
	for i, line := range lines {
		if log := eventQuery.FindStringSubmatch(line); log != nil {
			lines[i] = `Start, Run, eventvwr.msc: right click on the log "` + log[1] + `", Save Log File As, of the type Text (tab delimited)`
			continue
		}
		line = bitsSwitch.ReplaceAllString(line, "")
		line = registryWrite.ReplaceAllString(line, "$1")
		line = aclOf.ReplaceAllString(line, "cacls $1")
		line = strings.NewReplacer(
			`%PUBLIC%\`, `%SystemDrive%\`, `%PUBLIC%`, `%SystemDrive%\`, `$env:PUBLIC`, `$env:SystemDrive`, // the drive alone is the folder that is current there
			`%ProgramData%`, `%ALLUSERSPROFILE%\Application Data`, `%ALLUSERSPROFILE%\Microsoft`, `%ALLUSERSPROFILE%\Application Data\Microsoft`,
		).Replace(line)
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// place settles where each item comes from: what a local command or path asks for comes from the only machine, if there is one, and a log of the ConfigMgr
// client from those that have the client. Commands and paths are made those of the machine.
func place(items []*wanted, about map[string]Machine) {
	only := ""
	if len(about) == 1 {
		for id := range about {
			only = id
		}
	}
	for _, x := range items {
		if len(x.Systems) == 0 && only != "" && onMachine(x.Collect) {
			x.Systems = []string{only}
		}
		if len(x.Systems) == 0 && strings.Contains(x.Collect, clientLogsFolder) {
			for id, m := range about {
				if m.Client && id != "" {
					x.Systems = append(x.Systems, id)
				}
			}
			slices.Sort(x.Systems)
		}
		x.Collect = common(x.Systems, about).on(x.Collect)
	}
}

// common is what the machines have in common that an item is to come from; of an item that names none, all machines.
func common(systems []string, about map[string]Machine) Machine {
	if len(systems) == 0 {
		for id := range about {
			systems = append(systems, id)
		}
	}
	var out Machine
	for i, id := range systems {
		m := about[id]
		if i == 0 {
			out = m
			continue
		}
		out.Old, out.Modern = out.Old && m.Old, out.Modern && m.Modern
		if out.ClientLogs != m.ClientLogs {
			out.ClientLogs = ""
		}
	}
	return out
}

// onMachine reports whether what is to be collected lies on the machine itself.
func onMachine(collect string) bool {
	return !strings.Contains(collect, `\\`) && (strings.Contains(collect, "%") || strings.Contains(strings.ToUpper(collect), "HKLM"))
}

var (
	// pathItem are files of one folder: FOLDER\a.log, b.log and c.log (a remark).
	pathItem = regexp.MustCompile(`^(%[A-Za-z]+%(?:\\[^\\"()]+)*)\\([A-Za-z0-9_*-]+\.[A-Za-z0-9_*]{1,4})((?:(?:,| and) [A-Za-z0-9_*-]+\.[A-Za-z0-9_*]{1,4})*)( \(.*\))?$`)
	// copyItem copies files of one folder.
	copyItem = regexp.MustCompile(`^x?copy "(%[A-Za-z]+%(?:\\[^\\"]+)*)\\([A-Za-z0-9_*-]+\.[A-Za-z0-9_*]{1,4})" "[^"]*"(?: /[isy])*$`)
	between  = regexp.MustCompile(`, | and `)
)

// filesOf reads a request for files of one folder; ok is false if it is another one.
func filesOf(collect string) (folder string, names []string, remark string, ok bool) {
	if m := pathItem.FindStringSubmatch(collect); m != nil {
		names = append([]string{m[2]}, slices.DeleteFunc(between.Split(m[3], -1), func(s string) bool { return s == "" })...)
		return m[1], names, m[4], true
	}
	if m := copyItem.FindStringSubmatch(collect); m != nil {
		return m[1], []string{m[2]}, "", true
	}
	return "", nil, "", false
}

// byFolder makes one item of those that ask for files of one folder of the same machines.
func byFolder(items []*wanted) []*wanted {
	type folder struct {
		first  *wanted
		names  []string
		remark string
	}
	found := map[string]*folder{}
	for _, x := range items {
		at, names, remark, ok := filesOf(x.Collect)
		if !ok || remark != "" && remark != " ("+elsewhere+")" {
			continue
		}
		key := strings.ToLower(at) + "\x00" + strings.Join(slices.Sorted(slices.Values(x.Systems)), "\x00")
		f := found[key]
		if f == nil {
			found[key] = &folder{x, names, remark}
			continue
		}
		for _, n := range names {
			if !slices.ContainsFunc(f.names, func(o string) bool { return strings.EqualFold(o, n) }) {
				f.names = append(f.names, n)
			}
		}
		if f.remark == "" {
			f.remark = remark
		}
		slices.Sort(f.names)
		files := strings.Join(f.names[:len(f.names)-1], ", ") + " and " + f.names[len(f.names)-1]
		f.first.What, f.first.Collect = "the files "+files, at+`\`+files+f.remark
		if !strings.Contains(f.first.Why, x.Why) {
			f.first.Why = strings.TrimRight(f.first.Why, ".") + "; " + x.Why
		}
		f.first.take(x)
	}
	return slices.DeleteFunc(items, func(x *wanted) bool { return x.absorb })
}
