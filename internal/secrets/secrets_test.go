package secrets_test

import (
	"strings"
	"testing"

	"casebook/internal/secrets"
)

func TestRemove(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"property":           {"Property(S): ADMINPASSWORD = Tr0ub4dor", "Property(S): ADMINPASSWORD = [removed]"},
		"command line":       {`msiexec /i a.msi PASSWORD="x y" USER=jdoe`, "msiexec /i a.msi PASSWORD=[removed] USER=jdoe"},
		"json":               {`{"pwd": "hunter2", "n": 1}`, `{"pwd": [removed], "n": 1}`},
		"switch":             {`setup.exe /p:hunter2 /q`, "setup.exe /p:[removed] /q"},
		"switch and blank":   {`psexec \\srv -u adm -p hunter2 cmd`, `psexec \\srv -u adm -p [removed] cmd`},
		"xml":                {"<Password>hunter2</Password>", "<Password>[removed]</Password>"},
		"address":            {"GET https://jdoe:hunter2@srv/x", "GET https://jdoe:[removed]@srv/x"},
		"net use":            {`net use \\srv\share hunter2 /user:dom\jdoe`, `net use \\srv\share [removed] /user:dom\jdoe`},
		"net use turned":     {`net use z: \\srv\share /user:dom\jdoe hunter2`, `net use z: \\srv\share /user:dom\jdoe [removed]`},
		"header":             {"Authorization: Basic aHVudGVyMg==", "Authorization: Basic [removed]"},
		"private key":        {"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n", "a\n[removed]"},
		"stars are none":     {"Property(S): DBPASSWORD = **********", "Property(S): DBPASSWORD = **********"},
		"a word is none":     {"The password must be changed", "The password must be changed"},
		"a registry path":    {`HKLM\Software\Key: value`, `HKLM\Software\Key: value`},
		"an ordinary switch": {"setup.exe /passive /promptrestart", "setup.exe /passive /promptrestart"},
		"cut short":          {`msiexec PASSWORD="hunter two`, `msiexec PASSWORD=[removed]`},
		"done already":       {"PASSWORD=[removed]", "PASSWORD=[removed]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := secrets.Remove(test.text); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestLongest(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		whole      bool
	}{
		"none":   {"Return value 3.", "Return value 3.", true},
		"before": {"Command Line: REBOOT=Suppress PASSWORD=hunter2", "Command Line: REBOOT=Suppress PASSWORD=", false},
		"behind": {"PASSWORD=hunter2 failed with 1603 in CustomAction", " failed with 1603 in CustomAction", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, whole := secrets.Longest(test.text); got != test.want || whole != test.whole {
				t.Errorf("%q, %v; want %q, %v", got, whole, test.want, test.whole)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]bool{"DefaultPassword": true, "SQL_PWD": true, "PasswordAge": false, "PWD": false, "Path": false} {
		if secrets.Named(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// FuzzRemove finds no secret where one was taken out, and leaves quotes that are part of the text.
func FuzzRemove(f *testing.F) {
	for _, s := range []string{"PASSWORD=a", "/p:x -p y", "https://a:b@c", `"pwd":"x"`, "net use \\\\a\\b c /user:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, p := range secrets.Find(s) {
			if p[0] < last || p[1] <= p[0] || p[1] > len(s) {
				t.Fatalf("%q: %v", s, secrets.Find(s))
			}
			last = p[1]
		}
		if run, _ := secrets.Longest(s); !strings.Contains(s, run) {
			t.Errorf("%q is no part of %q", run, s)
		}
	})
}

// TestMaybe finds every word of a form wherever it stands, in either case.
func TestMaybe(t *testing.T) {
	for _, word := range []string{
		"pass", "kennwort", "pwd", "secret", "apikey", "api_key", "accesskey", "access_key", "connectionkey", "connection_key", "kcs", "password>", "passwd>", "pwd>", "secret>", "key>",
		"name=", "/p:", "/pw:", "/pass", "/pwd:", "-p:", "-pw:", "-pass", "-pwd:", "-pwd", "/pwd", " -p ", "/user:", "/add", "authorization", "-----begin ",
	} {
		for _, s := range []string{word, strings.ToUpper(word), "é" + word, "pas" + word + "\n", strings.Repeat("co", 50) + word} {
			if !secrets.Maybe(s) || !secrets.Maybe([]byte(s)) {
				t.Errorf("%q is not found in %q", word, s)
			}
		}
	}
	for _, s := range []string{"", "p", "pw", "pas", "Return value 3.", "http://server/pa th", "ssap", "/ p:", "connection", "näme="} {
		if secrets.Maybe(s) {
			t.Errorf("%q may hold a secret", s)
		}
	}
	if !secrets.Maybe("ftp://a:b@c") {
		t.Error("an address with a password is not found")
	}
}

// BenchmarkMaybe looks through an ordinary line.
func BenchmarkMaybe(b *testing.B) {
	line := []byte(`Policy state for [CCM_Policy_Policy5.PolicyID="{1b0c2f6e-3a5d-4a5e-9d0c-1a2b3c4d5e6f}",PolicyVersion="8.00",PolicySource="SMS:CEN"] is currently [Active]`)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if secrets.Maybe(line) {
			b.Fatal("found")
		}
	}
}
