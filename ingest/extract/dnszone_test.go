package extract

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

const windowsZone = `;
;  Database file corp.example.com.dns for corp.example.com zone.
;      Zone version:  42
;

@                       IN  SOA dc1.corp.example.com. hostmaster.corp.example.com. (
                        		42           ; serial number
                        		900          ; refresh
                        		600          ; retry
                        		86400        ; expire
                        		3600       ) ; default TTL

;
;  Zone NS records
;

@                       NS	dc1.corp.example.com.
@                       WINS	L2 C900 ( 10.0.0.1 )
dc1                     A	10.1.0.53
pc1                     [AGE:3571243]	1200	A	10.1.0.1
                        [AGE:3571300]	1200	A	10.1.1.1
www                     CNAME	PC1
`

func TestDNSZone(t *testing.T) {
	tests := []struct {
		name, file, text string
		origins          []string
		want             []string
		problems         []string
	}{
		{
			name: "windows", file: "zone.txt", text: windowsZone, origins: []string{"corp.example.com"},
			want: []string{
				"6 corp.example.com SOA", "17 corp.example.com NS >dc1.corp.example.com", "19 dc1.corp.example.com A 10.1.0.53",
				"20 pc1.corp.example.com A 10.1.0.1 2008-05-28T19", "21 pc1.corp.example.com A 10.1.1.1 2008-05-31T04", "22 www.corp.example.com CNAME >pc1.corp.example.com",
			},
			problems: []string{"1 records of the zone could not be read, the first is line 18"},
		},
		{
			name: "reverse-by-file-name", file: "hostA/dns/1.10.in-addr.arpa.dns", text: "@ NS dc1.corp.example.com.\n1.0\tPTR\tpc1.corp.example.com.\n",
			origins: []string{"1.10.in-addr.arpa"},
			want:    []string{"1 1.10.in-addr.arpa NS >dc1.corp.example.com", "2 1.0.1.10.in-addr.arpa PTR 10.1.0.1 >pc1.corp.example.com"},
		},
		{
			name: "bind", file: "db.x", text: "$TTL 3600\n$ORIGIN corp.example.com.\n@ 1H IN SOA ns1 root 1 2 3 4 5\npc1 IN 300 A 10.1.0.1 ; note\n  IN AAAA 2001:db8::1\n$ORIGIN sub\npc2 A 10.1.0.2\n$INCLUDE other.db\n$GENERATE 1-5 h$ A 10.2.0.$\n",
			origins: []string{"corp.example.com", "sub.corp.example.com"},
			want: []string{
				"3 corp.example.com SOA", "4 pc1.corp.example.com A 10.1.0.1", "5 pc1.corp.example.com AAAA 2001:db8::1", "7 pc2.sub.corp.example.com A 10.1.0.2",
			},
			problems: []string{"2 $INCLUDE and $GENERATE directives are not carried out, the first is line 8"},
		},
		{
			name: "dnscmd-zoneprint", file: "out.txt", text: ";\n;  Zone:  corp.example.com\n;  Server:  dc1.corp.example.com\n;\n@ 3600 NS\tdc1.corp.example.com.\npc1 [Aging:3571243] 1200 A\t10.1.0.1\n;\n",
			origins: []string{"corp.example.com"},
			want:    []string{"5 corp.example.com NS >dc1.corp.example.com", "6 pc1.corp.example.com A 10.1.0.1 2008-05-28T19"},
		},
		{
			name: "origin-not-told", file: "x.txt", text: "pc1\tA\t10.1.0.1\npc2\tA\t10.1.0.2\n5\tPTR\tpc5.corp.example.com.\n",
			want: []string{"1 pc1? A 10.1.0.1", "2 pc2? A 10.1.0.2", "3 5? PTR >pc5.corp.example.com"},
		},
		{
			name: "ip6-reverse", file: "x.txt", text: "$ORIGIN 8.b.d.0.1.0.0.2.ip6.arpa.\n1." + strings.Repeat("0.", 22) + "0 PTR pc1.corp.example.com.\n",
			origins: []string{"8.b.d.0.1.0.0.2.ip6.arpa"},
			want:    []string{"2 1." + strings.Repeat("0.", 22) + "0.8.b.d.0.1.0.0.2.ip6.arpa PTR 2001:db8::1 >pc1.corp.example.com"},
		},
		{
			name: "powershell", file: "x.txt", text: "\nHostName RecordType Type Timestamp            TimeToLive RecordData\n-------- ---------- ---- ---------            ---------- ----------\npc1      A          1    5/27/2008 7:00:00 PM 00:20:00   10.1.0.1\npc2      CNAME      5    0                    01:00:00   pc1.corp.example.com.\nlongn... A          1    0                    01:00:00   10.1.0.9\n\n",
			want:     []string{"4 pc1? A 10.1.0.1", "5 pc2? CNAME >pc1.corp.example.com"},
			problems: []string{"1 records of the zone could not be read, the first is line 6"},
		},
		{
			name: "bracket-not-closed", file: "corp.example.com.dns", text: "@ SOA a b ( 1 2 3\npc1 A 10.1.0.1\npc2 A 10.1.0.2\n", origins: []string{"corp.example.com"},
			want:     []string{"2 pc1.corp.example.com A 10.1.0.1", "3 pc2.corp.example.com A 10.1.0.2"},
			problems: []string{"1 records of the zone could not be read, the first is line 1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffDNSZone(tt.file, []byte(tt.text)) == 0 {
				t.Error("not taken for a zone")
			}
			in := input(tt.text)
			in.Artifact = &ingest.Artifact{Path: tt.file}
			v, problems := extractDNSZone(in)
			z, ok := v.(*DNSZone)
			if !ok {
				t.Fatalf("a %T, %v", v, problems)
			}
			var got []string
			for _, r := range z.Records {
				s := fmt.Sprintf("%d %s", r.Line, r.Owner)
				if r.Relative {
					s += "?"
				}
				s += " " + r.Type
				if r.IP.IsValid() {
					s += " " + r.IP.String()
				}
				if r.Target != "" {
					s += " >" + r.Target
				}
				if !r.Refreshed.IsZero() {
					s += " " + r.Refreshed.Format("2006-01-02T15")
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.origins, z.Origins); diff != "" {
				t.Errorf("origins (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, messages(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSniffDNSZoneNearMisses(t *testing.T) {
	tests := []struct{ name, text string }{
		{"prose", "This is\nA test of NS records\nand of A grades.\n"},
		{"hosts-file", "10.1.0.1 pc1\n10.1.0.2 pc2\n"},
		{"ini", "[a]\nA=10.1.0.1\n"},
		{"dns-check", "Name IP Reverse Status\nxyz1 10.1.0.1 abc5 OK\n"},
		{"log", "10:01:02 pc1 A 10.1.0.1\n10:01:03 pc2 A 10.1.0.1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := sniffDNSZone("zone.dns", []byte(tt.text)); n != 0 {
				t.Errorf("claimed by %d", n)
			}
		})
	}
}

func TestZoneTime(t *testing.T) {
	if got := zoneTime("3571243"); !got.Equal(time.Date(2008, 5, 28, 19, 0, 0, 0, time.UTC)) {
		t.Errorf("%v", got)
	}
	for _, s := range []string{"0", "99999999", ""} {
		if got := zoneTime(s); !got.IsZero() {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func FuzzDNSZone(f *testing.F) {
	f.Add(windowsZone)
	f.Add("$ORIGIN a.\nb [AGE:1] 5 IN A 10.1.0.1\n\tTXT \"x;(\\\"\"\n")
	fuzzExtract(f, dnsZone(), "x.dns")
}
