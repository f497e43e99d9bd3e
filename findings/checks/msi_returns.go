package checks

import (
	"fmt"

	"casebook/findings"
)

// msiReturn is what a return code of Installer means.
type msiReturn struct {
	meaning  string
	severity findings.Severity
	cause    string // how it comes to this code
	early    bool   // Installer gives it before its actions change anything
	remedy   string // the step that removes the cause, "" where the code does not tell it
	risk     string // of that step
	undo     string // of that step
}

// because is the cause of a session's code, of an event's for nil. What a session shows of its actions outranks what the code usually means.
func (r msiReturn) because(s *msiSession) string {
	switch {
	case s != nil && s.failed != nil && s.result == 1603:
		return fmt.Sprintf("%s The action %s was the first to return a failure, and Installer rolled the transaction back; the message just above that action says why.", r.cause, s.action)
	case s != nil && s.failed != nil:
		return fmt.Sprintf("%s The action %s returned a failure on the way, so the transaction had begun, and Installer rolled it back.", r.cause, s.action)
	case r.early:
		return r.cause + " Nothing was changed, and there was nothing to roll back."
	case s != nil && s.result == 1603:
		return r.cause + " The log shows no action that returned a failure, so it came before the actions began, or in lines that this log level does not write."
	}
	return r.cause
}

// msiReturns are the return codes that need words; the names of all others come from the code table.
var msiReturns = map[uint32]msiReturn{
	1601: {
		meaning: "the Windows Installer service could not be reached", severity: findings.High, early: true,
		cause:  "The client of Windows Installer could not reach its service: msiserver is disabled, is not registered, or did not start.",
		remedy: `Start the Windows Installer service (net start msiserver); where it does not start, register it again: msiexec /unregister, then msiexec /regserver.`,
		risk:   `No installation, update or removal may run meanwhile; it would fail.`,
		undo:   `msiexec /regserver puts back what /unregister takes away.`,
	},
	1602: {
		meaning: "the user, or the package's user interface, cancelled", severity: findings.Low,
		cause:  "Somebody pressed Cancel, or a dialog or action of the package ended the installation as if somebody had. Installer takes back what the session had done until then; the package itself is not at fault.",
		remedy: `Nothing is to be repaired: run the installation again and let it finish, or run it with /qn where nobody is to be asked.`,
		risk:   `The package does its work this time, and with /qn nobody can stop it.`,
		undo:   `Remove the product with msiexec /x.`,
	},
	1603: {
		meaning: "a fatal error; the cause is the message above the failing action", severity: findings.High,
		cause: "1603 is any fatal error in a transaction of Windows Installer, so the code alone says little.",
	},
	1605: {
		meaning: "the product is not installed, so there was nothing to act on", severity: findings.Low, early: true,
		cause:  "The command names a product code that is not registered for this machine or user: the product was removed before, has another version with another code, or was installed by another user.",
		remedy: `Check the product code of the command against the installed products; where the product is gone, nothing is left to do.`,
		risk:   `A product code of another version acts on that version.`,
		undo:   `Nothing is changed by looking.`,
	},
	1608: {
		meaning: "a property is not known", severity: findings.Medium, early: true,
		cause: "The caller asked Installer for a property that the product or package does not have.",
	},
	1612: {
		meaning: "the installation source is missing", severity: findings.High,
		cause: "Repairing, patching and removing a product need its package. The copy in the Installer folder of Windows was not used or is gone, and Installer found the package at none of the sources that the product was installed from: " +
			"a share or folder that is gone or can't be read, or a package of the same name with another package code.",
		remedy: `Make the source of the installed version reachable again, or give it with msiexec /fv and the package of exactly that version.`,
		risk:   `/fv puts the given package into Installer's cache: one of another build mixes two versions.`,
		undo:   `Repair once more with the package of the installed version.`,
	},
	1613: {
		meaning: "the package needs a later Windows Installer", severity: findings.Medium, early: true,
		cause:  "The package's schema is of a later version than the Windows Installer of this machine can read.",
		remedy: `Install the Windows Installer that the package asks for, or use a package that is made for this Windows.`,
		risk:   `A later Windows Installer wants a restart and serves all products from then on.`,
		undo:   `Remove the update of Windows Installer in Programs and Features, where Windows lets it be removed.`,
	},
	1618: {
		meaning: "another installation was running; the same package may succeed later", severity: findings.Low, early: true,
		cause:  "Another installation, removal or repair held Windows Installer's mutex _MSIExecute, so this one was refused before it began.",
		remedy: `Wait for the other installation to end, then run the package again where nothing does so by itself (ConfigMgr does); HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\InProgress names the other one while it runs, and a restart ends one that hangs.`,
		risk:   `Ending msiexec.exe in the midst of its work leaves the other product half installed, so wait for it where that is possible.`,
		undo:   `Run the other installation again: Installer rolls back what was left, then starts anew.`,
	},
	1619: {
		meaning: "the package could not be opened", severity: findings.High, early: true,
		cause:  "Installer found no file that it could open at the path of the command: the path is wrong, the drive or share is not there for the account that installs (often SYSTEM, which has no mapped drives), or the account may not read it.",
		remedy: `Check that the path of the package exists and that the account that installs (often SYSTEM) may read it.`,
		risk:   `Reading rights on the share that are given for this stay there for everyone who was named.`,
		undo:   `Take the rights away again after the installation.`,
	},
	1620: {
		meaning: "the package is no Installer package, or damaged", severity: findings.High, early: true,
		cause:  "The file of the command was opened and is not a valid package: it was cut short or changed on its way, or is another kind of file.",
		remedy: `Compare the package's size and hash with the vendor's, and copy it again.`,
		risk:   `A package that differs from the vendor's may have been changed by someone: do not install it.`,
		undo:   `Nothing is changed by comparing.`,
	},
	1622: {
		meaning: "the log file could not be opened", severity: findings.Medium, early: true,
		cause:  "The path after /l in the command can't be written: its folder does not exist, or the account that installs may not write there.",
		remedy: `Name a log file in a folder that exists and that the account that installs may write to, e.g. "%PUBLIC%\install.log".`,
		risk:   `The log may hold passwords that are given as properties.`,
		undo:   `Delete the log.`,
	},
	1624: {
		meaning: "a transform could not be applied", severity: findings.High, early: true,
		cause:  "A transform (.mst) of the command, or one that the product was installed with, is missing, can't be read, or is made for another package.",
		remedy: `Check that the transforms of the command line exist and are made for this package.`,
		risk:   `Without its transform the package installs with the vendor's settings.`,
		undo:   `Remove the product with msiexec /x and install it with the right transform.`,
	},
	1625: {
		meaning: "a policy forbids the installation", severity: findings.Medium, early: true,
		cause:  "A policy of the machine forbids it: DisableMSI, a software restriction or AppLocker rule that the package does not pass, or a user without the rights to install it.",
		remedy: `Check the policies below HKLM\SOFTWARE\Policies\Microsoft\Windows\Installer (DisableMSI) and the software restriction rules.`,
		risk:   `A policy that is relaxed for one package lets others be installed too.`,
		undo:   `Set the policy back and run gpupdate /force.`,
	},
	1632: {
		meaning: "the folder for temporary files is full or can't be used", severity: findings.High, early: true,
		cause:  "Installer could not write to the folder for temporary files: its volume is full, it does not exist, or the account that installs may not write there.",
		remedy: `See that the folders of %TEMP% of the installing account and %windir%\Temp exist, have room and may be written by it.`,
		risk:   `Programs that run may still use files of the folder that are deleted to make room.`,
		undo:   `Deleted temporary files do not come back; changed rights are set back by hand.`,
	},
	1633: {
		meaning: "the package is not made for this platform", severity: findings.Medium, early: true,
		cause:  "The package is made for another processor architecture than this Windows has, e.g. a package for x64 on a 32-bit Windows.",
		remedy: `Use the package for this processor architecture and version of Windows.`,
		risk:   `A package for another architecture installs beside the present one and not over it.`,
		undo:   `Remove the product with msiexec /x.`,
	},
	1635: {
		meaning: "the patch package could not be opened", severity: findings.High, early: true,
		cause:  "Installer could not open a patch (.msp): the one that the command names, or the cached copy of one that was applied before and is gone from the Installer folder of Windows.",
		remedy: `Check that the patch exists where the command names it and that the account that installs may read it.`,
		risk:   `Reading rights on the share that are given for this stay there for everyone who was named.`,
		undo:   `Take the rights away again after the installation.`,
	},
	1636: {
		meaning: "the patch package is not valid", severity: findings.High, early: true,
		cause:  "The patch (.msp) was opened and is not a valid one: it was cut short or changed on its way, or is another kind of file.",
		remedy: `Compare the patch's size and hash with the vendor's, and copy it again.`,
		risk:   `A patch that differs from the vendor's may have been changed by someone: do not install it.`,
		undo:   `Nothing is changed by comparing.`,
	},
	1638: {
		meaning: "another version of the product is installed", severity: findings.Low, early: true,
		cause:  "A product with the same product code is installed from another package (another build), and Installer does not put one over the other unless it is told to reinstall it or the package is an upgrade.",
		remedy: `Remove the installed version first, or use the vendor's upgrade; reinstalling the same package wants REINSTALL=ALL REINSTALLMODE=vomus.`,
		risk:   `Removing the installed version takes its services and settings away until the other one is installed.`,
		undo:   `Install the removed version again from its own package: keep it at hand.`,
	},
	1639: {
		meaning: "the command line is not valid", severity: findings.Medium, early: true,
		cause:  "msiexec could not read its command line: a switch that does not exist, a property without its value, or quotes that do not close.",
		remedy: `Correct the command: properties as NAME="value", paths with spaces in quotes, and no backslash before the closing quote.`,
		risk:   `The corrected command installs.`,
		undo:   `Remove the product with msiexec /x.`,
	},
	1642: {
		meaning: "the product that the patch is for is not there, or has another version", severity: findings.Low, early: true,
		cause:  "The patch is made for a product or version that is not installed on this machine, or is built into the installed version already.",
		remedy: `Compare the version of the installed product with those that the patch is made for; where the product is absent or later, nothing is left to do.`,
		risk:   `Nothing is changed by looking.`,
		undo:   `Nothing is changed by looking.`,
	},
	1643: {
		meaning: "a policy forbids the patch", severity: findings.Medium, early: true,
		cause:  "A policy of the machine forbids patches (DisablePatch), or the patch does not pass a software restriction rule.",
		remedy: `Check the policies below HKLM\SOFTWARE\Policies\Microsoft\Windows\Installer (DisablePatch) and the software restriction rules.`,
		risk:   `A policy that is relaxed for one patch lets others be installed too.`,
		undo:   `Set the policy back and run gpupdate /force.`,
	},
}
