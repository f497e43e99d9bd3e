package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/ingest"
)

// TestSealSylink stores what was read of a sylink.xml: nothing of its secrets is in what is stored, and all else comes back.
func TestSealSylink(t *testing.T) {
	tests := []struct {
		name, text string
		first      string // of the lines that come back
	}{
		{"lines", "<?xml version=\"1.0\"?>\n<ServerSettings DomainId=\"9D1A\">\n<CommConf><AgentCommunicationSetting Kcs=\"c2VjcmV0\"/>\n<ServerList><Server Address=\"sepm.example\"/></ServerList>\n<Certificate>MIIB\nQUJD</Certificate></CommConf></ServerSettings>", `<ServerSettings DomainId="9D1A">`},
		{"one-line", `<ServerSettings DomainId="9D1A"><CommConf><AgentCommunicationSetting Kcs="c2VjcmV0"/><Certificate>QUJD</Certificate></CommConf></ServerSettings>`, ""},
		{"cut", "<ServerSettings>\n<CommConf><AgentCommunicationSetting Kcs=\"c2VjcmV0\"", "<ServerSettings>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(tt.text, "\n")
			v, _ := extractSylink(ingest.Input{Artifact: &ingest.Artifact{}, Lines: lines})
			want, ok := v.(*Sylink)
			if !ok {
				t.Fatal("it is not read")
			}
			sealed, err := sealSylink(ingest.Extracted{Value: v, Lines: lines})
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"c2VjcmV0", "QUJD", "MIIB", "sepm.example"} {
				if strings.Contains(string(sealed), secret) {
					t.Errorf("%s is in what is stored: %s", secret, sealed)
				}
			}
			for _, x := range want.Secrets {
				if strings.Contains(string(sealed), x.SHA256) {
					t.Errorf("the sum of %s is in what is stored", x.Name)
				}
			}
			got, back, err := unsealSylink(sealed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v, got, cmpopts.IgnoreUnexported(Sylink{}), cmpopts.IgnoreFields(SylinkSecret{}, "SHA256")); diff != "" {
				t.Errorf("what comes back (-read +back):\n%s", diff)
			}
			if len(back) != len(lines) || back[want.Line-1] != tt.first || strings.Join(back, "") != tt.first {
				t.Errorf("lines are %q, want %q alone", back, tt.first)
			}
		})
	}
}

func FuzzUnsealSylink(f *testing.F) {
	f.Add([]byte(`{"value":{"Line":2},"lines":3,"first":"<ServerSettings>"}`))
	f.Add([]byte(`{"value":{"Line":2},"lines":9999999999}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, lines, err := unsealSylink(b)
		if err != nil {
			return
		}
		if s := v.(*Sylink); s.Line < 1 || s.Line > len(lines) {
			t.Fatalf("line %d of %d", s.Line, len(lines))
		}
	})
}
