package redact_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"casebook/findings"
	"casebook/findings/diff"
	"casebook/findings/redact"
)

// people is what a generated report names.
type people struct{ user, host, domain, fqdn, ip, mac, sid, guid, mail, password string }

func some(r *rand.Rand) people {
	word := func(n int) string {
		var b strings.Builder
		for i := range n {
			letters := "bcdfghjklmnpqrstvwxz"
			if i%2 == 1 {
				letters = "aeiou"
			}
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	if r.IntN(5) == 0 {
		return people{
			user: word(4) + "é" + word(3), host: "WS" + strconv.Itoa(1000+r.IntN(9000)), domain: strings.ToUpper(word(6)), fqdn: word(6) + "." + word(5) + ".example", ip: "192.168.7.9",
			mac: "00-1A-2B-3C-4D-5E", sid: "S-1-5-21-111-222-333-1105", guid: "3F2504E0-4F89-11D3-9A0C-0305E82C3301", mail: word(5) + "." + word(6) + "@" + word(7) + ".example", password: word(9),
		}
	}
	return people{
		user: word(3 + r.IntN(8)), host: strings.ToUpper(word(4)) + "-" + strconv.Itoa(10+r.IntN(90)), domain: strings.ToUpper(word(5 + r.IntN(4))), fqdn: word(7) + "." + word(6) + ".local",
		ip: fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), 1+r.IntN(254)), mac: fmt.Sprintf("02:%02x:%02x:%02x:%02x:aa", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256)),
		sid: fmt.Sprintf("S-1-5-21-%d-%d-%d-%d", r.Uint32(), r.Uint32(), r.Uint32(), r.IntN(10000)), guid: fmt.Sprintf("%08x-1234-5678-9abc-%012x", r.Uint32(), r.Uint32()),
		mail: word(5) + "." + word(7) + "@" + word(8) + ".example", password: word(10),
	}
}

// places are where such names stand in what customers send.
func places(p people) []string {
	short := strings.ToUpper(p.user)
	if len(short) > 6 {
		short = short[:6]
	}
	return []string{
		`C:\Users\` + p.user + `\AppData\Local\Temp\x.log`,
		`c:\documents and settings\` + strings.ToUpper(p.user) + `\Local Settings`,
		`C:\DOCUME~1\` + short + `~1\LOCALS~1\Temp`,
		`C%3A%5CUsers%5C` + url.PathEscape(p.user) + `%5CDesktop`,
		`{"profile":"C:\\Users\\` + p.user + `\\Desktop","host":"` + p.host + `"}`,
		p.domain + `\` + p.user + ` logged on`,
		`User: ` + p.domain + `\` + p.user,
		`\\` + p.host + `\C$\Windows and \\` + strings.ToLower(p.host),
		`\??\UNC\` + p.host + `\share`,
		`http://` + p.host + `.` + p.fqdn + `:8530/Content and ` + p.host + `.` + p.fqdn,
		`["Display=\\` + p.host + `\"]MSWNET:["SMS_SITE=ABC"]\\` + p.host + `\`,
		`<MP>` + p.host + `</MP> <ServerRemoteName>` + p.host + `</ServerRemoteName>`,
		`CN=` + p.user + `,OU=Sales,DC=` + strings.Join(strings.Split(p.fqdn, "."), ",DC="),
		`COMPUTERNAME=` + p.host + ` USERNAME=` + p.user,
		`Property(S): LogonUser = ` + p.user,
		`<Data Name="TargetUserName">` + p.user + `</Data><Computer>` + p.host + `.` + p.fqdn + `</Computer>`,
		"\ufeff" + p.host + `$ is a machine account`,
		`IPv4 Address. . . : ` + p.ip + `(Preferred) ip_` + p.ip,
		`Physical Address: ` + p.mac, `sid ` + p.sid, `SMS GUID:` + p.guid, `mail to ` + p.mail,
		`msiexec /i x.msi PASSWORD=` + p.password + ` /q`, `net use \\` + p.host + `\x ` + p.password + ` /user:` + p.domain + `\` + p.user,
		`GET https://` + p.user + `:` + p.password + `@` + p.host + `/x`,
	}
}

// TestNoNameSurvives puts generated names into the places where names stand and looks for them in the redacted report, and in what changed from one to the next.
func TestNoNameSurvives(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := some(r)
		list := places(p)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		report := of("")
		report.Bundle.Name = p.user + "-" + p.host + ".zip"
		report.Case = p.user
		report.Findings[0].Title, report.Findings[0].Evidence[0].Before = list[0], list[1:12]
		report.Findings[0].Evidence[0].Quote = strings.Join(list[12:], "\n")
		report.Systems[0].Environment["USERPROFILE"] = `C:\Users\` + p.user
		report.Artifacts = []findings.Artifact{{Path: p.host + "/Users/" + p.user + "/a.log"}}
		later := of(strings.Join(list, "\n"))
		later.Bundle.Name = "reply of " + p.user + ".zip"
		later.Systems[0].Environment["USERPROFILE"] = `D:\Users\` + p.user + `; PASSWORD=` + p.password
		later.Findings[0].Verdict, later.Findings[0].Title = findings.Confirmed, list[2]
		later.Errors = []findings.ErrorKind{{Template: list[3], Count: 2}}
		names := redact.New(report, later)
		change := redact.Value(names, diff.Reports(report, later))
		change.Before.Name, change.After.Name = names.Name(report), names.Name(later)
		if len(change.Findings) != 1 || len(change.Systems) != 1 || len(change.Errors.Came) != 1 {
			t.Fatalf("seed %d: too little to look at: %+v", seed, change)
		}
		for what, v := range map[string]any{"report": redact.Report(report), "comparison": change} {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if name, at := p.in(string(data)); at >= 0 {
				t.Errorf("seed %d: %q of %+v is still in the %s: …%s…", seed, name, p, what, data[max(0, at-60):min(len(data), at+40)])
			}
		}
		if t.Failed() && seed > 5 {
			break
		}
	}
}

// in returns one of the names that a text holds, and where; -1 if it holds none.
func (p people) in(text string) (string, int) {
	low := strings.ToLower(text)
	for _, name := range []string{p.user, url.PathEscape(p.user), p.host, p.domain, p.fqdn, strings.Split(p.fqdn, ".")[0], p.ip, p.mac, p.sid, p.guid, p.mail, p.password} {
		at := strings.Index(low, strings.ToLower(name))
		for at >= 0 && len(name) < 5 && (letter(low, at-1) || letter(low, at+len(name))) { // part of a word
			next := strings.Index(low[at+1:], strings.ToLower(name))
			if at++; next < 0 {
				at = -1
			} else {
				at += next
			}
		}
		if at >= 0 {
			return name, at
		}
	}
	return "", -1
}

func letter(s string, i int) bool {
	return i >= 0 && i < len(s) && unicode.IsLetter(rune(s[i]))
}

// TestKept leaves what names nobody.
func TestKept(t *testing.T) {
	for _, text := range []string{
		`C:\Windows\System32\drivers\etc`, `C:\Program Files (x86)\\Agent\\bin`, "version 10.0.0.1", "ProductVersion=5.0.2.4", "site code ABC", "KB977384", "0x80040669",
		`HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows`, "Return value 3.", "S-1-5-18", "10:11:12.345", "NT AUTHORITY\\SYSTEM", "support is a word", `%windir%\\system32\\x.dll`,
		"CN=Microsoft Corporation,OU=System,C=US",
	} {
		if got := redact.Report(of(text)).Findings[0].Evidence[0].Quote; got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestUploads replaces the names of uploads, in paths too.
func TestUploads(t *testing.T) {
	r := of("x")
	r.Bundle, r.Bundles = nil, []findings.Upload{{Name: "contoso-4711.zip", Format: "zip", SHA256: "s"}, {Name: "logs", Format: "directory"}}
	r.Findings[0].Evidence[0].Artifact = "contoso-4711.zip/logs/a.log"
	r.Case = "T-4711"
	got := redact.Report(r)
	names := []string{got.Bundles[0].Name, got.Bundles[1].Name, got.Findings[0].Evidence[0].Artifact, got.Case, got.Bundles[0].SHA256}
	if want := []string{"upload-1.zip", "upload-2", "upload-1.zip/logs/a.log", "CASE-1", "s"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// TestTogether calls a name the same in two reports.
func TestTogether(t *testing.T) {
	a, b := of(`C:\Users\msmith`), of(`C:\Users\akim\x and msmith`)
	names := redact.New(a, b)
	if x, y := names.Report(a).Findings[0].Evidence[0].Quote, names.Report(b).Findings[0].Evidence[0].Quote; !strings.HasSuffix(y, " "+strings.TrimPrefix(x, `C:\Users\`)) {
		t.Errorf("%q, %q", x, y)
	}
}
