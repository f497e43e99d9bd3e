package ingest

import (
	"bytes"
	"path"
	"strings"
)

// What must not be passed on unseen: whoever works on the case should know that it holds keys and passwords, and may have to tell the customer.

// sensitiveMarks are what the beginning of a member shows.
var sensitiveMarks = []struct {
	mark string
	what string
}{
	{"PRIVATE KEY-----", "a private key"},
	{"PuTTY-User-Key-File-", "a private key"},
	{"<AdministratorPassword>", "the password of an unattended setup"},
	{"<AutoLogon>", "the password of an unattended setup"},
	{"cpassword=\"", "a password of Group Policy preferences"},
}

// sensitiveContent says what of a member must not be passed on, by its path and its beginning; "" if nothing shows it.
func sensitiveContent(p string, head []byte) string {
	for _, m := range sensitiveMarks {
		if bytes.Contains(head, []byte(m.mark)) {
			return m.what
		}
	}
	switch {
	case isPFX(head):
		return "a certificate with its private key (PKCS #12)"
	case bytes.HasPrefix(head, []byte("\x03\xd9\xa2\x9a")):
		return "a store of passwords (KeePass)"
	}
	folder, base := path.Split(strings.ToLower(p))
	switch {
	case len(head) == 0:
		return ""
	case strings.Contains(folder, "/crypto/rsa/") || strings.Contains(folder, "/crypto/keys/") || isMachineKey(base):
		return "a private key of the machine or of a user"
	case strings.Contains(folder, "/microsoft/protect/"):
		return "a master key of data protection"
	case base == "ntds.dit":
		return "the accounts of a domain"
	case isPasswordFile(base):
		return "a file whose name says that it holds passwords"
	}
	return ""
}

// sensitiveKind says what of an artifact must not be passed on, by its kind; "" if nothing.
func sensitiveKind(k Kind) string { return sensitiveKinds[k] }

var sensitiveKinds = map[Kind]string{
	KindHiveSAM:      "the local accounts with the hashes of their passwords (SAM hive)",
	KindHiveSecurity: "secrets of the machine and its services (SECURITY hive)",
	KindSylink:       "the key by which a client proves itself to its management server (sylink.xml)",
}

// isPFX tells a PKCS #12 file: a sequence whose first element is the version, 3 (RFC 7292, section 4).
func isPFX(head []byte) bool {
	if len(head) < 8 || head[0] != 0x30 {
		return false
	}
	n := 2 // a short length
	if head[1]&0x80 != 0 {
		n += int(head[1] & 0x7F)
	}
	return n+4 <= len(head) && bytes.HasPrefix(head[n:], []byte{2, 1, 3, 0x30})
}

// isMachineKey tells the file of a key container: 32 hexadecimal digits, "_", and a GUID.
func isMachineKey(base string) bool {
	const name, guid = 32, 36
	if len(base) < name+1+guid || base[name] != '_' {
		return false
	}
	for i, c := range []byte(base[:name+1+guid]) {
		switch {
		case i == name:
		case c == '-' && i > name:
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// isPasswordFile tells a document that is named after passwords, in the languages in which such names are common.
func isPasswordFile(base string) bool {
	ext := path.Ext(base)
	switch ext {
	case ".txt", ".csv", ".doc", ".docx", ".xls", ".xlsx", ".ini", ".kdb", ".psafe3":
	default:
		return false
	}
	name := strings.TrimSuffix(base, ext)
	for _, word := range []string{"password", "passwort", "kennwort", "passwd", "credential", "zugangsdaten", "motdepasse", "contraseña", "пароль", "パスワード", "密码"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
