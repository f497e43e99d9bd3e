package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/winpath"
)

// The statuses of PFRO.log that matter here ([MS-ERREF] 2.3.1).
const (
	statusNotSameDevice = 0xc00000d4
	statusPathNotFound  = 0xc000003a
)

// zenStage is how far a rename has come.
type zenStage uint8

// The stages.
const (
	zenWaits     zenStage = iota // in the registry's queue
	zenFailed                    // at a boot, by PFRO.log
	zenScheduled                 // by Installer, with message 1902
)

// zenRename is a rename of an agent's file.
type zenRename struct {
	stage          zenStage
	source, target string
	status         uint32 // of a failure
	boot           *boot  // of a failure
	crossing       crossing
	evidence       func(role findings.Role, note string) findings.Evidence
}

func (r zenRename) describe() string { return r.source + " → " + r.target }

// zenMessage is one of Installer's messages about a file in use.
type zenMessage struct {
	number string   // 1603 held in use, 1902 rename at boot, 1903 delete at boot
	paths  []string // one, or source and target
	match  *facts.Match
	at     ingest.Time // of the record, or of the last one before it that has a time
}

// zenFacts is what a system tells of the agent.
type zenFacts struct {
	facts   *facts.Facts
	volumes *volumes
	home    string // as it is called in the finding; "" if unknown
	homeAt  *findings.Evidence
	queue   queue
	boots   []boot
	later   *boot // a boot after the queue was written

	pending   []zenRename
	failed    []zenRename
	scheduled []zenRename
	messages  []zenMessage         // about the agent's files
	deletes   []hive.PendingRename // of the agent's files
	unpaired  []hive.PendingRename // that name the agent's files
	others    int                  // operations on other files
	refused   []zenRename          // failures of the agent's files that another status explains
}

// showsZENworks reports whether a system's registry or logs name the agent.
func showsZENworks(f *facts.Facts) bool {
	z := readZENworks(f)
	return z.home != "" || len(f.Registry.Keys(`SOFTWARE\Novell\ZCM`))+len(f.Registry.Keys(`SOFTWARE\Novell\ZENworks`)) > 0 ||
		f.Matches(zenMountID+"/home").Any()
}

func readZENworks(f *facts.Facts) *zenFacts {
	z := &zenFacts{facts: f, volumes: newVolumes(f), queue: readQueue(f), boots: readBoots(f)}
	z.later = bootAfter(f, z.boots, z.queue)
	messages := installerMessages(f)
	z.findHome(messages)
	for _, p := range z.queue.pairs {
		if !z.agent(p.Source) && !z.agent(p.Target) {
			z.others++
			continue
		}
		switch p.Operation {
		case hive.OperationDelete:
			z.deletes = append(z.deletes, p)
		case hive.OperationUnpaired:
			z.unpaired = append(z.unpaired, p)
		case hive.OperationRename:
			z.pending = append(z.pending, zenRename{
				stage: zenWaits, source: p.Source, target: p.Target, crossing: z.volumes.compare(z.plainPath(p.Source), z.plainPath(p.Target)),
				evidence: func(role findings.Role, note string) findings.Evidence { return pairEvidence(p, role, note) },
			})
		}
	}
	for i := range z.boots {
		b := &z.boots[i]
		for _, e := range b.failures {
			if e.Delete || !z.agent(e.Source) && !z.agent(e.Target) {
				continue
			}
			r := zenRename{
				stage: zenFailed, source: e.Source, target: e.Target, status: e.Status, boot: b, crossing: z.volumes.compare(z.plainPath(e.Source), z.plainPath(e.Target)),
				evidence: func(role findings.Role, note string) findings.Evidence {
					return findings.FromLine(f, b.artifact, e.Line, role, note)
				},
			}
			if e.Status == statusNotSameDevice || e.Status == statusPathNotFound || r.crossing.relation == relationCrosses {
				z.failed = append(z.failed, r)
			} else {
				z.refused = append(z.refused, r)
			}
		}
	}
	for _, m := range messages {
		if !slices.ContainsFunc(m.paths, z.agent) {
			continue
		}
		z.messages = append(z.messages, m)
		known := func(r zenRename) bool {
			return len(m.paths) == 2 && winpath.Equal(r.source, m.paths[0]) && winpath.Equal(r.target, m.paths[1])
		}
		// 1902 is the rename and 1903 the delete, which names one file only; logs that were typed off exchange the numbers.
		if m.number == "1603" || len(m.paths) != 2 || slices.ContainsFunc(z.scheduled, known) {
			continue
		}
		z.scheduled = append(z.scheduled, zenRename{
			stage: zenScheduled, source: m.paths[0], target: m.paths[1], crossing: z.volumes.compare(m.paths[0], m.paths[1]),
			evidence: func(role findings.Role, note string) findings.Evidence {
				return findings.FromMatch(*m.match, role, note)
			},
		})
	}
	return z
}

// zenFolder is the agent's folder by default, by the names of the vendor in the course of time.
var zenFolder = regexp.MustCompile(`(?i)^(.*\\(?:novell|micro focus|opentext)\\zenworks)(?:\\|$)`)

// findHome takes the agent's folder from ZENWORKS_HOME in the registry, else from a listing of the environment or an Installer log, else
// from the first path that shows it.
func (z *zenFacts) findHome(messages []zenMessage) {
	env := z.facts.Registry.Environment()
	for _, v := range env {
		if strings.EqualFold(v.Name, "ZENWORKS_HOME") && strings.TrimSpace(v.Value) != "" {
			e := findings.FromValue(v.Found, findings.Context, "the agent's folder")
			z.home, z.homeAt = winpath.Clean(winpath.Expand(v.Value, z.variable)), &e
			return
		}
	}
	if m, ok := z.facts.Matches(zenMountID + "/home").First(); ok {
		e := findings.FromMatch(m, findings.Context, "the agent's folder")
		z.home, z.homeAt = winpath.Clean(m.Capture("home")), &e
		return
	}
	take := func(path string) bool {
		if z.home == "" {
			if m := zenFolder.FindStringSubmatch(winpath.Clean(path)); m != nil {
				z.home = m[1]
			}
		}
		return z.home != ""
	}
	for _, p := range z.queue.pairs {
		if take(p.Target) || take(p.Source) {
			return
		}
	}
	for _, b := range z.boots {
		for _, e := range b.failures {
			if take(e.Target) || take(e.Source) {
				return
			}
		}
	}
	for _, m := range messages {
		if slices.ContainsFunc(m.paths, take) {
			return
		}
	}
	for _, s := range z.facts.Registry.Services() {
		if image := strings.Trim(s.ImagePath, `"`); take(image) {
			e := findings.FromKey(s.Found, findings.Context, "a service of the agent's folder")
			z.homeAt = &e
			return
		}
	}
}

// variable looks a variable up in the machine's environment and, for those that Windows itself sets, in the registry's values that it takes
// them from.
func (z *zenFacts) variable(name string) (string, bool) {
	for _, v := range z.facts.Registry.Environment() {
		if strings.EqualFold(v.Name, name) {
			return v.Value, true
		}
	}
	value := func(value string) (string, bool) {
		v, err := z.facts.Registry.Value(`SOFTWARE\Microsoft\Windows\CurrentVersion`, value)
		return v.Value.String(), err == nil && v.Value.String() != ""
	}
	switch strings.ToUpper(name) {
	case "SYSTEMROOT", "WINDIR":
		p, err := z.facts.Registry.Product()
		return p.SystemRoot, err == nil && p.SystemRoot != ""
	case "SYSTEMDRIVE":
		p, err := z.facts.Registry.Product()
		return winpath.Volume(p.SystemRoot), err == nil && winpath.Volume(p.SystemRoot) != ""
	case "PROGRAMFILES", "PROGRAMW6432":
		return value("ProgramFilesDir")
	case "PROGRAMFILES(X86)":
		return value("ProgramFilesDir (x86)")
	}
	return "", false
}

// plainPath turns \SystemRoot, which the session manager understands, into the folder that it stands for.
func (z *zenFacts) plainPath(path string) string {
	if rest, ok := winpath.Rel(path, `\SystemRoot`); ok {
		if root, known := z.variable("SystemRoot"); known {
			return winpath.Join(root, rest)
		}
	}
	return path
}

// agent reports whether a path is that of a file of the agent.
func (z *zenFacts) agent(path string) bool {
	if path == "" {
		return false
	}
	if zenFolder.MatchString(winpath.Clean(path)) || z.home != "" && winpath.Beneath(path, z.home) {
		return true
	}
	if winpath.Volume(z.home) == "" {
		return false
	}
	// The same folder by the name of its volume.
	home, at := z.volumes.locate(z.home), z.volumes.locate(path)
	return home.rel != "" && z.volumes.same(home.volume, at.volume) && beneath(at.rel, home.rel)
}

// maxZenMessages bounds how many messages of one log are kept.
const maxZenMessages = 1000

// zenMessages collects Installer's messages about files in use of one log. The messages have no time of their own, so that of a record just
// above is noted.
type zenMessages struct{ kept []zenMessage }

// See implements facts.Observer.
func (z *zenMessages) See(s *facts.Sight) {
	h := s.Hit(zenMountID + "/message")
	if h == nil || len(z.kept) == maxZenMessages {
		return
	}
	m := zenMessage{number: string(h.Capture("number")), paths: messagePaths(string(h.Capture("rest"))), at: s.Record.Time}
	if len(m.paths) == 0 {
		return
	}
	for n := 1; m.at.Zone == ingest.ZoneNone; n++ {
		r := s.Before(n)
		if r == nil {
			break
		}
		m.at = r.Time
	}
	if m.at.Zone == ingest.ZoneNone && len(z.kept) > 0 {
		m.at = z.kept[len(z.kept)-1].at
	}
	m.match = s.Keep()
	z.kept = append(z.kept, m)
}

// End implements facts.Observer.
func (z *zenMessages) End() any {
	if len(z.kept) == 0 {
		return nil
	}
	return z.kept
}

// installerMessages are Installer's messages about files in use, of all logs of a system.
func installerMessages(f *facts.Facts) []zenMessage {
	var out []zenMessage
	for _, o := range facts.Observed[[]zenMessage](f, zenMountID) {
		out = append(out, o.Value...)
	}
	return out
}

var (
	driveStart = regexp.MustCompile(`[A-Za-z]:[\\/]`)
	// A file's name ends with an extension before a blank, a mark or a letter of another script; a name without an extension at a blank.
	fileName = regexp.MustCompile(`^(?:[^\\/:*?"<>|]*?\.[A-Za-z0-9_~$-]{1,10}|[^\s\\/:*?"<>|]+)(?:[.,;]?(?:[\s"'»”’)\]。、，,;]|$)|[^\x00-\x7f])`)
)

// messagePaths finds the absolute paths in a sentence of any language. Where a file's name ends among the words around it is told by its
// extension; its folder is certain.
func messagePaths(s string) []string {
	starts := driveStart.FindAllStringIndex(s, 3)
	var out []string
	for i, at := range starts {
		if i == 2 {
			break
		}
		end := len(s)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		part := s[at[0]:end]
		cut := strings.LastIndexAny(part, `\/`) + 1
		name := fileName.FindString(part[cut:])
		name = strings.TrimRightFunc(name, func(r rune) bool {
			return r > 0x7f || strings.ContainsRune(" \t\"'.,;)]", r)
		})
		if name == "" {
			continue
		}
		out = append(out, winpath.Clean(part[:cut]+name))
	}
	return out
}

// statusName names a status of PFRO.log ([MS-ERREF] 2.3.1).
func statusName(status uint32) string {
	name := map[uint32]string{
		0xc0000022: "access denied", 0xc0000033: "invalid name", 0xc0000034: "name not found", 0xc0000035: "the target exists and is not to be replaced",
		statusPathNotFound: "path not found", 0xc0000043: "sharing violation", 0xc00000ba: "the file is a folder",
		statusNotSameDevice: "not the same device", 0xc0000101: "the folder is not empty",
	}[status]
	if name == "" {
		return fmt.Sprintf("status 0x%08x", status)
	}
	return fmt.Sprintf("status 0x%08x (%s)", status, name)
}
