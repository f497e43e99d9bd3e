package checks

import (
	"casebook/findings"
	"casebook/findings/facts"
	"casebook/internal/match"
)

// All returns the checks in the order of their IDs.
func All() []*findings.Check {
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
		smsMixedClientInstallation,
		smsRemoteInstallRetry,
		vcmAgentLock,
		vcmInstallStep,
		windowsBITSFailing,
		windowsBootRenameMissingFile,
		windowsDriverFailedAtBoot,
		windowsDynamicDiskRename,
		windowsGroupPolicyFileCorrupt,
		windowsLastKnownGoodBoot,
		windowsPendingReboot,
		windowsServiceBroken,
		windowsServiceCrashing,
		windowsUpdateAgentDamaged,
		windowsWMIRepositoryInconsistent,
		wsusClientUnreachable,
		zenworksMountPoint,
	}
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
