package checks

import (
	"embed"
	"io/fs"
	"slices"
	"sync"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/findings/pack"
	"casebook/internal/match"
)

// All returns the checks in the order of their IDs: those that are written in Go, and those of the embedded packs.
func All() []*findings.Check { return slices.Clone(all()) }

// all compiles the embedded packs once, which takes some milliseconds.
var all = sync.OnceValue(func() []*findings.Check {
	list, err := pack.Join(written(), Packs()...)
	if err != nil {
		panic(err) // a test reads every embedded pack
	}
	return list
})

//go:embed packs/*.yaml
var packFiles embed.FS

// Packs returns the embedded packs in the order of their names. Checks that need no more than signals, values of the registry and the order of
// lines are written as packs, one file each with its tests.
var Packs = sync.OnceValue(func() []*pack.Pack {
	names, err := fs.Glob(packFiles, "packs/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var out []*pack.Pack
	for _, name := range names {
		data, err := packFiles.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		p, err := pack.Parse(name, data)
		if err != nil {
			panic(err) // a test reads every embedded pack
		}
		out = append(out, p)
	}
	return out
})

// written returns the checks that are written in Go, in the order of their IDs.
func written() []*findings.Check {
	return []*findings.Check{
		configmgrClientCertificate,
		configmgrClientHotfix,
		configmgrProgramRetry,
		configmgrUpdatesBoundaryHang,
		dnsStaleComputer,
		msiCachedPackageMissing,
		msiInstallFailed,
		msiInstallerBusy,
		msiRebootDemanded,
		sepCachedMSIMissing,
		sepInstallBlocked,
		smsCopylogSiteMismatch,
		smsDuplicateGUID,
		smsInboxManagerToken,
		smsMixedClientInstallation,
		smsRemoteInstallRetry,
		smsSiteCodeDomain,
		vcmAgentLock,
		vcmInstallStep,
		windowsBITSFailing,
		windowsBootRenameMissingFile,
		windowsClockSkew,
		windowsDiskFull,
		windowsDriverFailedAtBoot,
		windowsDuplicateMachineGUID,
		windowsDynamicDiskRename,
		windowsGroupPolicyFileCorrupt,
		windowsLastKnownGoodBoot,
		windowsMachineKeysLeak,
		windowsPendingReboot,
		windowsRDPKeyUnreadable,
		windowsServiceBroken,
		windowsServiceCrashing,
		windowsUpdateAgentDamaged,
		windowsWMIRepositoryInconsistent,
		wsusClientUnreachable,
		zenworksMountPoint,
	}
}

// restarts are the checks whose remedy begins with a restart of the machine.
var restarts = []string{"ccmsetup-reboot-required", "msi-reboot-demanded", pendingRebootID, sepBlockedID}

// restsOn is the Rests of a check that confirms and suspects nothing without a hit of one of these signals of its own.
func restsOn(signals ...string) func() findings.Traces {
	return func() findings.Traces { return findings.Traces{Signals: signals} }
}

// Signals returns the signals of the checks, as the collector wants them.
func Signals(list []*findings.Check) []match.Signal {
	var out []match.Signal
	for _, c := range list {
		out = append(out, c.Signals...)
	}
	return out
}

// Watches returns what the observers of the checks look at.
func Watches(list []*findings.Check) []facts.Watch {
	var out []facts.Watch
	for _, c := range list {
		if c.Observe != nil {
			w := *c.Observe
			w.Check = c.ID
			out = append(out, w)
		}
	}
	return out
}
