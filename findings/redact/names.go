package redact

import (
	"regexp"
	"strings"
)

// Where names stand. The first group is the name unless a comment says otherwise.
var (
	// C:\Users\NAME, also in 8.3 form (DOCUME~1), with doubled backslashes and escaped for an address.
	profile = regexp.MustCompile(`(?i)(?:[\\/]|%5c|%2f)(?:users|documents and settings|docume~\d|dokumente und einstellungen|dokume~\d|benutzer|home|winnt[\\/]profiles)(?:[\\/]+|%5c|%2f)([^\\/"'<>|:*?;,%&\r\n\x00]{1,64})`)
	// \\SERVER\share, \??\UNC\SERVER\share, \Device\Mup\SERVER\share. Behind a word two backslashes are a path that is escaped.
	unc = regexp.MustCompile(`(?i)(?:(?:^|[^\\:A-Za-z0-9)}%._$~-])\\{2}(?:\\{2})?|\bUNC\\{1,2}|\\(?:Mup|LanmanRedirector)\\(?:;[^\\]*\\)*)([A-Za-z0-9][A-Za-z0-9_.-]{0,254})(?:\\|["'\s,;)\]]|$)`)

	webHost = regexp.MustCompile(`(?i)\b(?:https?|ftp|ldaps?|wss?|tcp|rpc)(?:://|%3a%2f%2f)(?:[^\s/@"'<>]{1,128}@)?([A-Za-z0-9][A-Za-z0-9_.-]{0,254})`)
	// Names that no public resolver knows.
	internalHost = regexp.MustCompile(`(?i)\b([A-Z0-9][A-Z0-9-]{0,62}(?:\.[A-Z0-9-]{1,63}){0,6}\.(?:local|lan|corp|internal|intern|intra|intranet|localdomain|domain))\b`)
	// Full names in lower case or upper case below the domains that most networks have theirs in. Names of programs' parts begin with capitals.
	fullName = regexp.MustCompile(`\b(?:(?:[a-z0-9][a-z0-9-]{0,62}\.){2,6}(?:com|net|org|de|at|ch|fr|it|es|nl|be|dk|se|no|fi|pl|cz|uk|eu|us|ca|au|jp|cn|ru|br|gov|edu|mil|example|test)|(?:[A-Z0-9][A-Z0-9-]{0,62}\.){2,6}(?:COM|NET|ORG|DE|AT|CH|FR|IT|ES|NL|BE|DK|SE|NO|FI|PL|CZ|UK|EU|US|CA|AU|JP|CN|RU|BR|GOV|EDU|MIL|EXAMPLE|TEST))\b`)
	// What a log calls a machine and puts in quotes.
	quotedHost = regexp.MustCompile(`(?i)\b(?:machine|computer|host|server|client|system)(?: ?name)?:?\s+"([A-Za-z0-9][A-Za-z0-9-]{1,62}(?:\.[A-Za-z0-9-]{1,63}){0,6})"`)
	// Between the cells of a table's row.
	cellEnd = regexp.MustCompile(`"?(?:[,;|]\b|[,;|]"|[,;|]{2,}|\t| {2,})`)
	// Fields of logs, listings and XML that hold a computer.
	hostField = regexp.MustCompile(`(?i)\b(?:server(?:name|remotename|fqdn)|computer ?(?:name)?|machine ?name|host ?name|netbios ?name|workstation ?name|smsmp|smsslp|ccmhostname|fqdn|wuserver|wustatusserver|logon ?server|management point|distribution point|site server|domain controller|dns suffix search list|nal_server|mp|sup|dp|fsp)["']?(?:\s*\.)*\s*(?:=|:|>|is)\s*["'\[<]*\\{0,2}([A-Za-z0-9][A-Za-z0-9-]{1,62}(?:\.[A-Za-z0-9-]{1,63}){0,6})(?:$|[\s"'<>\\,;/)\]]|:\d)`)

	// DOMAIN (first group, may be missing) and user (second).
	account   = regexp.MustCompile(`(?i)\b(?:user(?:name)?|account|owner|logon|log on as|sender)\b["':=\s]{1,4}(?:name["':=\s]{1,4})?(?:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\\{1,2})?([A-Za-z][A-Za-z0-9_.-]{1,63})\b`)
	qualified = regexp.MustCompile(`(?i)(?:^|[^\\/:A-Za-z0-9-])([A-Za-z0-9][A-Za-z0-9-]{0,14})\\{1,2}([A-Za-z][A-Za-z0-9_.$-]{1,63})\b`)
	// A variable of the environment (first group) and its value (second), as "set" prints it.
	variable = regexp.MustCompile(`(?i)\b(COMPUTERNAME|LOGONSERVER|CLIENTNAME|USERNAME|USERDOMAIN|USERDNSDOMAIN|USERDOMAIN_ROAMINGPROFILE)["']?=["']?([^\s"',;<>|&]{2,64})`)
	// What Windows Installer, event logs and the registry call a user, a domain, a company.
	userField    = regexp.MustCompile(`(?i)(?:Property\([A-Z]\):\s*(?:USERNAME|LogonUser)\s*=\s*|\b(?:(?:Target|Subject)UserName|LastLoggedOnUser|LastLoggedOnSAMUser|RegisteredOwner|sAMAccountName|DefaultUserName|LastUsedUsername)["']?\s*(?:[=:>]|\|)\s*["']?)([^"',;<>|\r\n]{2,64})`)
	domainField  = regexp.MustCompile(`(?i)\b(?:(?:Target|Subject)DomainName|DefaultDomainName|DnsDomain|NV Domain|primary dns suffix|connection-specific dns suffix|domain ?name)["']?(?:\s*\.)*\s*[=:>]\s*["']?([A-Za-z0-9][A-Za-z0-9.-]{1,254})`)
	companyField = regexp.MustCompile(`(?i)(?:Property\([A-Z]\):\s*COMPANYNAME\s*=\s*|\b(?:RegisteredOrganization|COMPANYNAME)["']?\s*=\s*["']?)([^"',;<>|\r\n]{2,64})`)

	// CN=…,OU=…,DC=…: at least two parts, each a kind (first group) and a value (second).
	distinguished = regexp.MustCompile(`(?i)\b(?:CN|OU|DC|O|L|ST|C)=[^,/+"<>;\r\n\\]{1,128}(?:,\s?(?:CN|OU|DC|O|L|ST|C)=[^,/+"<>;\r\n\\\])]{1,128})+`)
	relative      = regexp.MustCompile(`(?i)\b(CN|OU|DC|O|L|ST|C)=([^,/+"<>;\r\n\\]{1,128})`)

	// User (first group) and domain (second).
	mailAddress = regexp.MustCompile(`([A-Za-z0-9._%+-]{1,64})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)`)
	sidText     = regexp.MustCompile(`(?i)\bS-1-\d{1,3}(?:-\d{1,10}){1,15}\b`)
	guidText    = regexp.MustCompile(`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`)
	macText     = regexp.MustCompile(`\b(?:[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})\b`)
	macField    = regexp.MustCompile(`(?i)\bmac(?:[ _]?addr(?:ess)?)?["':=\s]{1,4}([0-9a-f]{12})\b`)
	ip4Text     = regexp.MustCompile(`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`)
	ip6Text     = regexp.MustCompile(`(?i)(?:^|[^0-9a-z:.])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})`)

	// A product code of Windows Installer: in its own keys, and where logs and exports call it so.
	productCode = regexp.MustCompile(`(?i)(?:\\uninstall\\|\bproduct ?(?:code|id)["']?\s*[:=]\s*["']?)\{(` + guidText.String() + `)\}`)
	// A folder above a machine's tree, and what machines are called.
	holderName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,62}$`)
	machineName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,60}\d{2,}[A-Za-z]{0,3}$`)
	packageID   = regexp.MustCompile(`^(?i:[A-Z0-9]{3}[0-9A-F]{5}|[0-9A-F]{8,})$`)

	versionBefore = regexp.MustCompile(`(?i)(?:version|ver|build|release|\bv)["']?[\s:.=>]{0,4}$`)
)

// common are names of every Windows, and words that stand where names do: they name nobody.
var common = words(`public default all administrator admin guest system localservice networkservice local network service everyone user users
	owner name authority builtin windows installer microsoft software the not for and defaultuser0 localsystem localhost unknown none null true false
	appdata temp programdata iis apppool font driver host dwm umfd trustedinstaller creator interactive context mode rights profile account accounts
	server client computer computers workgroup domain controller site value error failed success empty found missing invalid valid yes but has was
	this that with from when http https file files config configuration services console session com net org local installed running stopped
	program folder path type data set get new old current root workgroup`)

// roots are folders at the top of a machine's disk, or of what a client keeps there.
var roots = func() map[string]bool {
	out := words("windows winnt programdata users ccm sms ms smslogon syswow64 system32 recovery")
	for _, name := range []string{"Program Files", "Program Files (x86)", "Documents and Settings"} {
		out[strings.ToLower(name)] = true
	}
	return out
}()

// holder are folders that hold trees of machines and are named after none, and those of Windows itself.
var holder = words(`windows winnt system32 syswow64 users ccm sms ms smslogon programdata files upload uploads auto logs log registry hives evidence collection collected
	backup backups temp client clients server servers siteserver site sites console machine machines host hosts computer computers pc pcs system systems workstation workstations
	ws desktop laptop laptops notebook notebooks restore mnt mount disk drive image case ticket customer before after first second old new reply support bundle export c_drive
	drive_c cdrive root data home public`)

// numbered are words before a number that make no machine's name: of programs, platforms, updates and collections.
var numbered = words(`windows win wow syswow system amd arm ia kb ms ie sp net framework office log logs day part disk disc vol volume case ticket sr inc upload run step page
	s v ver version build cache python perl java jre jdk sql exchange vs vc vcredist msi update backup snapshot controlset week year copy archive chunk set utf cp iso x`)

// generic are first labels of domains that say nothing of whose it is.
var generic = words(`corp ad ads internal intern intra intranet local lan lab labs test prod dev int ext office home domain dom root mail web www net company example group global
	hq main office dc dns site in windows microsoft agent update service support cloud data server client`)

// directory are containers that every Active Directory has, and what certificates of every Windows state.
var directory = func() map[string]bool {
	out := words("users computers configuration services sites schema system builtin partitions servers microsoft us washington redmond")
	for _, name := range []string{"System Management", "Domain Controllers", "Default-First-Site-Name", "Microsoft Corporation"} {
		out[strings.ToLower(name)] = true
	}
	return out
}()

func words(list string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		out[w] = true
	}
	return out
}
