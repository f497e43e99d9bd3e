package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const serviceBrokenID = "windows-service-broken"

// A service that is disabled, or whose program or DLL is gone, fails whatever depends on it with words that name neither: 0x80070422,
// "the service cannot be started", a client that is silent. The registry says it plainly.
var windowsServiceBroken = &findings.Check{
	ID:       serviceBrokenID,
	Title:    "A service that Windows or an agent needs can't start: it is disabled or its files are gone",
	Severity: findings.High,
	Product: findings.Product{
		Name: "a service that can't be started",
		Seen: func(f *facts.Facts) bool { return f.Matches(serviceBrokenID + "/disabled").Any() },
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(neededServices(f)) > 0 || f.Matches(serviceBrokenID+"/disabled").Any()
		},
		What: servicesHive.What, Why: servicesHive.Why, Collect: servicesHive.Collect,
	}},
	Signals: []match.Signal{{Name: serviceBrokenID + "/disabled", Literals: []string{"0x80070422", "80070422"}, Pattern: `(?:0x|\b)80070422\b`}},
	Doc: findings.Doc{
		Cause: "The service control manager starts a service by its registry key: Start 4 forbids it, ImagePath names its program, and for a service within svchost.exe Parameters\\ServiceDll names its DLL. Where the start is forbidden, or a named file is gone, every start fails, and whatever depends on the service fails with it.",
		Remedy: []string{
			"Ask who disabled the service before anything is changed: a policy, a hardening guide or another management product may have done it, and will do it again.",
			"Give the service its usual start type back: sc config NAME start= auto (demand for msiserver; delayed-auto for wuauserv and BITS on Windows 7), then sc start NAME.",
			"Where ImagePath or ServiceDll is missing or names a file that is gone, repair the product that owns it; for a part of Windows run sfc /scannow (DISM /Online /Cleanup-Image /RestoreHealth first on Windows 8 and later).",
		},
		Risk:      "A service that was disabled on purpose runs again; Windows Update may begin to install and restart.",
		Undo:      "sc config NAME start= disabled. Export the service's key before it is changed.",
		Cured:     "The next SYSTEM hive has the usual Start, and ImagePath and ServiceDll name files that the listing shows; sc query shows the service running.",
		Overturns: "A later export of the service's key with another Start, or a listing made by a 64-bit program that shows the file.",
		Proves: []string{
			"Start is 4 in the current control set for a service that is never disabled by default.",
			"ImagePath is not there, or a complete listing of its folder lacks the file.",
			"The service runs in svchost.exe and has no ServiceDll, or a complete listing lacks that DLL.",
		},
		Suggests: []string{
			"Start is 3 for a service that Windows or its product starts at boot.",
			"A log has 0x80070422 (the service is disabled), and the registry is not in the bundle.",
			"RemoteRegistry is disabled on a release on which it is automatic.",
		},
		Exonerates: []string{"The services' keys are in the registry, none is disabled, and none names a file that a listing lacks."},
		FalsePositives: "Windows Installer is started on demand (3), and so are BITS and Windows Update of many releases. RemoteRegistry is disabled by default on clients since Windows 8. " +
			"A 32-bit program that lists System32 on a 64-bit Windows is shown SysWOW64, which lacks most services' files; such a listing is not used.",
		NotCovered: "Services whose key is gone altogether, wrong permissions or passwords of a service account, and services that start and fail later (see windows-service-crashing).",
		References: []findings.Reference{
			{Title: "Services registry tree", URL: "https://learn.microsoft.com/en-us/windows-hardware/drivers/install/hklm-system-currentcontrolset-services-registry-tree"},
			{Title: "CreateServiceW: start types", URL: "https://learn.microsoft.com/en-us/windows/win32/api/winsvc/nf-winsvc-createservicew"},
		},
	},
	Run: runServiceBroken,
}

var servicesHive = findings.Missing{
	What: "the SYSTEM registry hive, or an export of its Services key", Why: "start type, program and DLL of every service are values of that key",
	Collect: findings.RegistryCollect(`HKLM\SYSTEM\CurrentControlSet\Services`, "services.reg"),
}

// neededService is a service that others depend on.
type neededService struct {
	name     string // of its key; a prefix if it ends in *
	what     string // what stops without it
	severity findings.Severity
	// automatic is the first version of Windows (major*10+minor) that starts it at boot by default; 0 where that differs.
	automatic int
}

// theServices are the services whose failure support sees as another product's. RemoteRegistry is not among them, see remoteRegistry.
var theServices = []neededService{
	{"RpcSs", "every service and management tool", findings.Critical, 50},
	{"DcomLaunch", "every service and management tool", findings.Critical, 51},
	{"EventLog", "the event log, and services that wait for it", findings.High, 50},
	{"Winmgmt", "WMI, and with it the ConfigMgr client and inventory", findings.High, 51},
	{"CryptSvc", "signatures, Windows Update and the installation of updates", findings.High, 51},
	{"msiserver", "every installation by Windows Installer", findings.High, 0},
	{"TrustedInstaller", "the installation of updates and features", findings.High, 0},
	{"wuauserv", "Windows Update, and updates that ConfigMgr or WSUS brings", findings.Medium, 0},
	{"BITS", "downloads of Windows Update and ConfigMgr", findings.Medium, 0},
	{"LanmanServer", "shares of this machine, admin$ among them, through which agents are pushed", findings.Medium, 50},
	{"LanmanWorkstation", "access to shares and the domain", findings.High, 50},
	{"Schedule", "scheduled tasks of Windows and of agents", findings.Medium, 60},
	{"CcmExec", "the ConfigMgr client", findings.High, 50},
	{"clisvc", "the SMS client", findings.High, 0},
	{"SepMasterService", "Symantec Endpoint Protection", findings.High, 50},
	{"SmcService", "Symantec Endpoint Protection's management client", findings.High, 0},
	{"Symantec AntiVirus", "Symantec Endpoint Protection's scanner", findings.High, 0},
	{"Novell ZENworks*", "the ZENworks agent", findings.High, 0},
	{"ZENworks*", "the ZENworks agent", findings.High, 0},
	{"ZESService", "the ZENworks agent's security part", findings.Medium, 0},
	{"Novell XTier Agent*", "Novell's client services", findings.Medium, 0},
	{"ECMComSocketListener", "the VCM agent", findings.High, 0},
}

// remoteRegistry is disabled by default on clients since Windows 8.
const remoteRegistry = "RemoteRegistry"

func needFor(name string) *neededService {
	for i := range theServices {
		n := &theServices[i]
		prefix, many := strings.CutSuffix(n.name, "*")
		if strings.EqualFold(name, n.name) || many && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return n
		}
	}
	return nil
}

// neededServices are the services of the registry on which others depend. Drivers are none.
func neededServices(f *facts.Facts) []hive.Service {
	return slices.DeleteFunc(f.Registry.Services(), func(s hive.Service) bool {
		return s.Type >= 0 && s.Type&0xF != 0 || s.Start < 0 || needFor(s.Name) == nil && !strings.EqualFold(s.Name, remoteRegistry)
	})
}

// windowsVersion is major*10+minor, so that 61 is Windows 7 and Server 2008 R2; 0 if the registry does not say. server says whether the
// product's name is that of a server.
func windowsVersion(f *facts.Facts) (version int, server, known bool) {
	p, err := f.Registry.Product()
	if err != nil || p.Major == 0 {
		return 0, false, false
	}
	return p.Major*10 + p.Minor, strings.Contains(p.Name, "Server"), true
}

const (
	startDemand   = 3
	startDisabled = 4
)

func runServiceBroken(f *facts.Facts) ([]findings.Finding, error) {
	files := newInventory(f)
	var out []findings.Finding
	services := neededServices(f)
	for _, s := range services {
		if finding := judgeService(f, files, s); finding != nil {
			out = append(out, *finding)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if len(services) > 0 {
		return []findings.Finding{servicesWell(f, files, services)}, nil
	}
	m, _ := f.Matches(serviceBrokenID + "/disabled").First()
	return []findings.Finding{{
		Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Unknown, Subject: cmp.Or(f.Host, "a service behind "+m.Ref.Artifact),
		Title:    "A service that was to be started is disabled; which one the bundle does not show",
		Summary:  m.Ref.Artifact + " has the code 0x80070422: the service that was to be started is disabled or has no enabled device. The registry's services are not in the bundle, so which one it is can't be told.",
		Evidence: []findings.Evidence{findings.FromMatch(m, findings.Supports, "0x80070422: the service can't be started because it is disabled")},
		Missing:  []findings.Missing{servicesHive},
	}}, nil
}

// serviceValue is evidence of a value of a service's key.
func serviceValue(f *facts.Facts, s hive.Service, below, name string, role findings.Role, note string) (findings.Evidence, bool) {
	v, err := f.Registry.Value(`SYSTEM\CurrentControlSet\Services\`+s.Name+below, name)
	if err != nil {
		return findings.AbsentValue(s.Found, s.Found.Key+below, &name, role, note), false
	}
	return findings.FromValue(v, role, note), true
}

// startEvidence is evidence of a service's start type.
func startEvidence(f *facts.Facts, s hive.Service, role findings.Role) findings.Evidence {
	e, _ := serviceValue(f, s, "", "Start", role, fmt.Sprintf("%s: %s", s.Name, startName(s.Start)))
	return e
}

func startName(start int) string {
	if start < 0 || start > startDisabled {
		return "no known start type"
	}
	return [...]string{"started by the boot loader", "started at boot", "automatic", "on demand", "disabled"}[start]
}

// judgeService judges one service; nil if nothing is wrong with it as far as the bundle shows.
func judgeService(f *facts.Facts, files *inventory, s hive.Service) *findings.Finding {
	if strings.EqualFold(s.Name, remoteRegistry) {
		return judgeRemoteRegistry(f, s)
	}
	need := needFor(s.Name)
	out := &findings.Finding{Verdict: findings.Confirmed, Subject: s.Name, Severity: need.severity, State: findings.Active}
	program := files.program(s.ImagePath)
	version, _, _ := windowsVersion(f)
	dllEvidence := func(role findings.Role, note string) (findings.Evidence, bool) {
		if e, ok := serviceValue(f, s, `\Parameters`, "ServiceDll", role, note); ok {
			return e, true
		}
		return serviceValue(f, s, "", "ServiceDll", role, note)
	}
	// An excerpt by hand leaves values out; these two stand in every service's key.
	whole := s.Type >= 0 && s.ErrorControl >= 0 && f.ShowsAbsence(s.Found.Source)
	shared := strings.EqualFold(winpath.Base(strings.TrimSpace(firstWord(s.ImagePath))), "svchost.exe")
	switch {
	case s.Start == startDisabled:
		out.Title = fmt.Sprintf("The service %s is disabled, which stops %s", s.Name, need.what)
		out.Summary = fmt.Sprintf("Start of %s is 4 (disabled) in the current control set, which no release of Windows and no product sets by default. That stops %s.", s.Name, need.what)
		out.Evidence = append(out.Evidence, startEvidence(f, s, findings.Supports))
		out.Rivals = []findings.Rival{deliberate(f, s, out)}
		if m, ok := f.Matches(serviceBrokenID + "/disabled").First(); ok {
			out.Evidence = append(out.Evidence, findings.FromMatch(m, findings.Context, "0x80070422: a service could not be started because it is disabled"))
		}
	case s.ImagePath == "" && whole:
		e, _ := serviceValue(f, s, "", "ImagePath", findings.Supports, "the service names no program")
		out.Title = fmt.Sprintf("The service %s has no ImagePath and can't start", s.Name)
		out.Summary = fmt.Sprintf("The key of %s states how it is to be started (%s) and no ImagePath, so there is no program to start. That stops %s.", s.Name, startName(s.Start), need.what)
		out.Evidence = append(out.Evidence, e, startEvidence(f, s, findings.Context))
	case program != "" && files.find(program).missing():
		gone := files.find(program)
		e, _ := serviceValue(f, s, "", "ImagePath", findings.Supports, "the program of the service")
		out.Title = fmt.Sprintf("The service %s can't start, because its program is gone: %s", s.Name, program)
		out.Summary = fmt.Sprintf("ImagePath of %s names %s, and the complete listing of %s has no %s. The service can't start, which stops %s.", s.Name, program, gone.gone[0].folder, gone.gone[0].name, need.what)
		out.Evidence = append(out.Evidence, e, gone.evidence(f, findings.Supports))
		out.Rivals = []findings.Rival{{Name: "The product is being removed or upgraded", Verdict: rivalOpen + "files that go and keys that stay are what an interrupted removal leaves; a log of the removal is not in the upload."}}
	case shared && s.ServiceDLL == "" && whole:
		e, _ := serviceValue(f, s, `\Parameters`, "ServiceDll", findings.Supports, "svchost.exe is not told which DLL the service is in")
		image, _ := serviceValue(f, s, "", "ImagePath", findings.Supports, "the service runs within svchost.exe")
		out.Title = fmt.Sprintf("The service %s has no ServiceDll and can't start", s.Name)
		out.Summary = fmt.Sprintf("%s runs within svchost.exe, and its key names no ServiceDll, so that svchost.exe has nothing to load. That stops %s.", s.Name, need.what)
		out.Evidence = append(out.Evidence, image, e)
	case shared && s.ServiceDLL != "" && files.find(files.absolute(s.ServiceDLL)).missing():
		gone := files.find(files.absolute(s.ServiceDLL))
		e, _ := dllEvidence(findings.Supports, "the DLL of the service")
		out.Title = fmt.Sprintf("The service %s can't start, because its DLL is gone: %s", s.Name, gone.path)
		out.Summary = fmt.Sprintf("ServiceDll of %s names %s, and the complete listing of %s has no %s. The service can't start, which stops %s.", s.Name, gone.path, gone.gone[0].folder, gone.gone[0].name, need.what)
		out.Evidence = append(out.Evidence, e, gone.evidence(f, findings.Supports))
	case s.Start == startDemand && need.automatic > 0 && version >= need.automatic:
		out.Verdict, out.Severity = findings.Suspected, findings.Low
		out.Title = fmt.Sprintf("The service %s is not started at boot", s.Name)
		out.Summary = fmt.Sprintf("Start of %s is 3 (on demand), where Windows or its product sets 2 (automatic). After a boot it runs only once something starts it; until then that stops %s.", s.Name, need.what)
		out.Evidence = append(out.Evidence, startEvidence(f, s, findings.Supports))
		out.Rivals = []findings.Rival{deliberate(f, s, out)}
		out.Missing = []findings.Missing{{
			What: "the state of the service " + s.Name, Why: "it shows whether the service runs although it is not started at boot",
			Collect: fmt.Sprintf(`sc queryex %q > "%%PUBLIC%%\service.txt"`, s.Name),
		}}
	default:
		return nil
	}
	return out
}

// firstWord is an image path up to its first argument, as far as that can be told without the file system.
func firstWord(image string) string {
	if m := quotedImage.FindStringSubmatch(image); m != nil {
		return m[1]
	}
	if m := programsImage.FindStringSubmatch(image); m != nil {
		return m[1]
	}
	return image
}

// deliberate says what the bundle tells of whether somebody chose the start type.
func deliberate(f *facts.Facts, s hive.Service, out *findings.Finding) findings.Rival {
	r := findings.Rival{Name: "Somebody set this on purpose (policy, hardening, another management product)", Verdict: rivalOpen + "nothing in the bundle says who did it or why; ask before it is changed."}
	if at, err := f.Registry.Key(`SOFTWARE\Microsoft\Shared Tools\MSConfig\services\` + s.Name); err == nil {
		r.Verdict = rivalSupported + "System Configuration (msconfig) notes that it disabled the service: somebody at the machine did it."
		out.Evidence = append(out.Evidence, findings.FromKey(at, findings.Context, "msconfig keeps here what it disabled"))
	}
	if !strings.EqualFold(s.Name, "wuauserv") {
		return r
	}
	for _, policy := range []struct{ key, value string }{
		{`SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU`, "NoAutoUpdate"},
		{`SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate`, "DisableWindowsUpdateAccess"},
	} {
		if v, err := f.Registry.Value(policy.key, policy.value); err == nil {
			if n, ok := v.Value.Uint(); ok && n == 1 {
				r.Verdict = rivalSupported + "a policy turns Windows Update off (" + policy.value + " is 1)."
				out.Evidence = append(out.Evidence, findings.FromValue(v, findings.Context, "a policy turns Windows Update off"))
			}
		}
	}
	return r
}

// judgeRemoteRegistry judges the one service that releases of Windows differ on.
func judgeRemoteRegistry(f *facts.Facts, s hive.Service) *findings.Finding {
	version, server, known := windowsVersion(f)
	if s.Start != startDisabled || !known || version >= 60 && !server {
		return nil
	}
	out := &findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Info, State: findings.Active, Subject: s.Name,
		Title:    "The service RemoteRegistry is disabled",
		Summary:  "Start of RemoteRegistry is 4 (disabled), where this release of Windows sets 2 (automatic). Tools that read the registry from afar, some agent installations among them, fail; many hardening guides ask for it.",
		Evidence: []findings.Evidence{startEvidence(f, s, findings.Supports)},
		Missing: []findings.Missing{{
			What: "whether RemoteRegistry was disabled on purpose", Why: "hardening guides ask for it, and then nothing is to be repaired",
			Collect: `gpresult /z > "%PUBLIC%\gpresult.txt"`,
		}},
	}
	out.Rivals = []findings.Rival{deliberate(f, s, out)}
	return out
}

// servicesWell is the finding of a registry in which no service is broken.
func servicesWell(f *facts.Facts, files *inventory, services []hive.Service) findings.Finding {
	out := findings.Finding{Verdict: findings.RuledOut, Severity: findings.Info, Title: "No needed service is disabled or lacks its program"}
	checked := 0
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
		if len(out.Evidence) < 3 {
			out.Evidence = append(out.Evidence, startEvidence(f, s, findings.Contradicts))
		}
		if p := files.program(s.ImagePath); p != "" && files.find(p).there() {
			if checked == 0 {
				out.Evidence = append(out.Evidence, files.find(p).evidence(f, findings.Contradicts))
			}
			checked++
		}
	}
	out.Summary = fmt.Sprintf("Of the services on which others depend the registry shows %d (%s), and none of them is disabled.", len(services), strings.Join(names[:min(len(names), 12)], ", "))
	if checked > 0 {
		out.Summary += fmt.Sprintf(" Listings show the %s of %d.", plural(checked, "program", "programs"), checked)
	} else {
		out.Summary += " Whether their programs are there no listing shows."
	}
	out.Unmet = fmt.Sprintf("No Start value of %s is 4, and no program or DLL that they name is shown to be gone.", out.Evidence[0].Artifact)
	return out
}
