package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseACL(t *testing.T) {
	tests := []struct {
		name, text string
		want       *ACL
	}{
		{
			name: "icacls-english",
			text: `C:\>icacls C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys
C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys Everyone:(R,W)
                                                BUILTIN\Administrators:(F)

Successfully processed 1 files; Failed processing 0 files
`,
			want: &ACL{Processed: 1, Objects: []ACLObject{{Path: `C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys`, Tool: "icacls", Line: 2, Entries: []ACE{
				{Account: "Everyone", Rights: []string{"R", "W"}, Access: AccessRead | AccessWrite, Line: 2},
				{Account: `BUILTIN\Administrators`, Rights: []string{"F"}, Access: AccessFull, Line: 3},
			}}}},
		},
		{
			name: "icacls-german-blanks-in-path-and-account",
			text: `C:\Program Files\Novell\ZENworks NT-AUTORITÄT\SYSTEM:(I)(OI)(CI)(F)
                                 VORDEFINIERT\Administratoren:(I)(F)
                                 CORP\Max Muster:(DENY)(W)
                                 ERSTELLER-BESITZER:(I)(OI)(CI)(IO)(F)

C:\Program Files\Novell\x.dll: Zugriff verweigert
1 Dateien erfolgreich verarbeitet, bei 1 Dateien ist ein Verarbeitungsfehler aufgetreten.
`,
			want: &ACL{
				Processed: 1, Failed: 1,
				Objects: []ACLObject{{Path: `C:\Program Files\Novell\ZENworks`, Tool: "icacls", Line: 1, Entries: []ACE{
					{Account: `NT-AUTORITÄT\SYSTEM`, Inherited: true, Flags: []string{"I", "OI", "CI"}, Rights: []string{"F"}, Access: AccessFull, Line: 1},
					{Account: `VORDEFINIERT\Administratoren`, Inherited: true, Flags: []string{"I"}, Rights: []string{"F"}, Access: AccessFull, Line: 2},
					{Account: `CORP\Max Muster`, Deny: true, Rights: []string{"W"}, Access: AccessWrite, Line: 3},
					{Account: "ERSTELLER-BESITZER", Inherited: true, InheritOnly: true, Flags: []string{"I", "OI", "CI", "IO"}, Rights: []string{"F"}, Access: AccessFull, Line: 4},
				}}},
				Failures: []ACLFailure{{Path: `C:\Program Files\Novell\x.dll`, Message: "Zugriff verweigert", Line: 6}},
			},
		},
		{
			name: "icacls-french-single-entries",
			text: `C:\Mes documents\a b.txt AUTORITE NT\Système:(F)

C:\Mes documents\c.txt Tout le monde:(RX)

C:\x : Accès refusé.
Traitement réussi de 2 fichiers ; échec du traitement de 1 fichiers
`,
			want: &ACL{
				Processed: 2, Failed: 1,
				Objects: []ACLObject{
					{Path: `C:\Mes documents\a b.txt`, Tool: "icacls", Line: 1, Entries: []ACE{{Account: `AUTORITE NT\Système`, Rights: []string{"F"}, Access: AccessFull, Line: 1}}},
					{Path: `C:\Mes documents\c.txt`, Tool: "icacls", Line: 3, Entries: []ACE{{Account: "Tout le monde", Rights: []string{"RX"}, Access: AccessRead | AccessExecute, Line: 3}}},
				},
				Failures: []ACLFailure{{Path: `C:\x`, Message: "Accès refusé.", Line: 5}},
			},
		},
		{
			name: "icacls-japanese-key-names",
			text: `19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612 NT AUTHORITY\SYSTEM:(F)

f686aace6942fb7f7ceb231212eef4a4_50e417e0-e461-474b-96e2-077b80325612: アクセスが拒否されました。
1 個のファイルが正常に処理されました。1 個のファイルを処理できませんでした
`,
			want: &ACL{
				Processed: 1, Failed: 1,
				Objects: []ACLObject{{Path: "19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612", Tool: "icacls", Line: 1, Entries: []ACE{
					{Account: `NT AUTHORITY\SYSTEM`, Rights: []string{"F"}, Access: AccessFull, Line: 1},
				}}},
				Failures: []ACLFailure{{Path: "f686aace6942fb7f7ceb231212eef4a4_50e417e0-e461-474b-96e2-077b80325612", Message: "アクセスが拒否されました。", Line: 3}},
			},
		},
		{
			name: "icacls-sid-and-label",
			text: `C:\Data S-1-5-21-1-2-3-1001:(M)
        Mandatory Label\High Mandatory Level:(OI)(CI)(NW)
`,
			want: &ACL{Processed: -1, Failed: -1, Objects: []ACLObject{{Path: `C:\Data`, Tool: "icacls", Line: 1, Entries: []ACE{
				{Account: "S-1-5-21-1-2-3-1001", Rights: []string{"M"}, Access: AccessModify, Line: 1},
				{Account: `Mandatory Label\High Mandatory Level`, Label: true, Flags: []string{"OI", "CI"}, Rights: []string{"NW"}, Line: 2},
			}}}},
		},
		{
			name: "icacls-wide-characters",
			text: "C:\\データ BUILTIN\\Administrators:(F)\n          NT AUTHORITY\\SYSTEM:(F)\n\n1 個のファイルが正常に処理されました。0 個のファイルを処理できませんでした\n3 x 4\n",
			want: &ACL{Processed: 1, Objects: []ACLObject{{Path: `C:\データ`, Tool: "icacls", Line: 1, Entries: []ACE{
				{Account: `BUILTIN\Administrators`, Rights: []string{"F"}, Access: AccessFull, Line: 1},
				{Account: `NT AUTHORITY\SYSTEM`, Rights: []string{"F"}, Access: AccessFull, Line: 2},
			}}}},
		},
		{
			name: "icacls-russian-root-and-group-with-blanks",
			text: "C:\\ NT AUTHORITY\\СИСТЕМА:(OI)(CI)(F)\n   Все:(RX)\n\nC:\\Мои данные BUILTIN\\Опытные пользователи:(M)\n",
			want: &ACL{Processed: -1, Failed: -1, Objects: []ACLObject{
				{Path: `C:\`, Tool: "icacls", Line: 1, Entries: []ACE{
					{Account: `NT AUTHORITY\СИСТЕМА`, Flags: []string{"OI", "CI"}, Rights: []string{"F"}, Access: AccessFull, Line: 1},
					{Account: "Все", Rights: []string{"RX"}, Access: AccessRead | AccessExecute, Line: 2},
				}},
				{Path: `C:\Мои данные`, Tool: "icacls", Line: 4, Entries: []ACE{{Account: `BUILTIN\Опытные пользователи`, Rights: []string{"M"}, Access: AccessModify, Line: 4}}},
			}},
		},
		{
			name: "cacls-german-special",
			text: `C:\Daten VORDEFINIERT\Administratoren:(OI)(CI)F
         VORDEFINIERT\Benutzer:(CI)(Beschränkter Zugriff:)
                               FILE_APPEND_DATA

         Jeder:R
         CORP\bob:(OI)(CI)N
`,
			want: &ACL{Processed: -1, Failed: -1, Objects: []ACLObject{{Path: `C:\Daten`, Tool: "cacls", Line: 1, Entries: []ACE{
				{Account: `VORDEFINIERT\Administratoren`, Flags: []string{"OI", "CI"}, Rights: []string{"F"}, Access: AccessFull, Line: 1},
				{Account: `VORDEFINIERT\Benutzer`, Flags: []string{"CI"}, Rights: []string{"FILE_APPEND_DATA"}, Access: AccessWrite, Line: 2},
				{Account: "Jeder", Rights: []string{"R"}, Access: AccessRead, Line: 5},
				{Account: `CORP\bob`, Deny: true, Flags: []string{"OI", "CI"}, Rights: []string{"N"}, Line: 6},
			}}}},
		},
		{
			name: "get-acl-list",
			text: `PS C:\> Get-Acl C:\Data | Format-List


Path   : Microsoft.PowerShell.Core\FileSystem::C:\Data
Owner  : BUILTIN\Administrators
Group  : CORP\Domain Users
Access : NT AUTHORITY\SYSTEM Allow  FullControl
         CORP\bob Deny  Write, Delete
         CREATOR OWNER Allow  268435456
Audit  :
Sddl   : O:BAG:DUD:AI
`,
			want: &ACL{Processed: -1, Failed: -1, Objects: []ACLObject{{Path: `C:\Data`, Owner: `BUILTIN\Administrators`, Tool: "Get-Acl", Line: 4, Entries: []ACE{
				{Account: `NT AUTHORITY\SYSTEM`, Rights: []string{"FullControl"}, Access: AccessFull, Line: 7},
				{Account: `CORP\bob`, Deny: true, Rights: []string{"Write", "Delete"}, Access: AccessWrite | AccessDelete, Line: 8},
				{Account: "CREATOR OWNER", Rights: []string{"268435456"}, Line: 9},
			}}}},
		},
		{
			name: "single-entry-that-must-be-guessed",
			text: `C:\My Data Domain Users:(F)
C:\Data bob:(F)
`,
			want: &ACL{Processed: -1, Failed: -1, Objects: []ACLObject{
				{Path: `C:\My Data Domain`, Tool: "icacls", Line: 1, Entries: []ACE{{Account: "Users", Rights: []string{"F"}, Access: AccessFull, Guessed: true, Line: 1}}},
				{Path: `C:\Data`, Tool: "icacls", Line: 2, Entries: []ACE{{Account: "bob", Rights: []string{"F"}, Access: AccessFull, Line: 2}}},
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffACL("a.txt", []byte(tt.text)) == 0 {
				t.Error("not taken for permissions")
			}
			got, problems := parseACL(input(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("permissions (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestPrincipalOf(t *testing.T) {
	tests := []struct {
		account string
		want    Principal
	}{
		{`NT AUTHORITY\SYSTEM`, PrincipalSystem},
		{`AUTORITE NT\Système`, PrincipalSystem},
		{`NT-AUTORITÄT\SYSTEM`, PrincipalSystem},
		{"S-1-5-18", PrincipalSystem},
		{`BUILTIN\Администраторы`, PrincipalAdministrators},
		{`VORDEFINIERT\Administratoren`, PrincipalAdministrators},
		{"*S-1-5-32-544", PrincipalAdministrators},
		{"Все", PrincipalEveryone},
		{"Jeder", PrincipalEveryone},
		{"S-1-1-0", PrincipalEveryone},
		{`NT AUTHORITY\NETWORK SERVICE`, PrincipalNetworkService},
		{`NT-AUTORITÄT\Netzwerkdienst`, PrincipalNetworkService},
		{`AUTORITE NT\SERVICE RÉSEAU`, PrincipalNetworkService},
		{"S-1-5-20", PrincipalNetworkService},
		{`CORP\Network Service`, PrincipalOther},
		{`CORP\Administrators`, PrincipalOther},
		{`CORP\Everyone`, PrincipalOther},
		{"S-1-5-21-1-2-3-500", PrincipalOther},
		{"", PrincipalOther},
	}
	for _, tt := range tests {
		if got := PrincipalOf(tt.account); got != tt.want {
			t.Errorf("PrincipalOf(%q) is %d, want %d", tt.account, got, tt.want)
		}
	}
}

func FuzzACL(f *testing.F) {
	f.Add("C:\\Data BUILTIN\\Administrators:(I)(F)\n        CORP\\bob:(DENY)(W)\nC:\\x: no\n1 a 2 b\n")
	f.Add("C:\\Data a:(OI)(special access:)\n        FILE_APPEND_DATA\n")
	f.Add("Path : x::C:\\a\nOwner : b\nAccess : c d Allow  Read\n       e Deny  Write\n")
	f.Fuzz(func(t *testing.T, text string) {
		sniffACL("a", []byte(text))
		in := input(text)
		a, _ := parseACL(in)
		if a == nil {
			return
		}
		for _, o := range a.Objects {
			if o.Path == "" || o.Line < 1 || o.Line > len(in.Lines) {
				t.Errorf("object %+v", o)
			}
			for _, e := range o.Entries {
				if !strings.Contains(in.Lines[e.Line-1], e.Account) {
					t.Errorf("account %q is not in line %d", e.Account, e.Line)
				}
			}
		}
	})
}
