package checks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestReadEvent reads one event in every form in which people send events.
func TestReadEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want plainEvent
		none bool
	}{
		"clipboard-old": {
			raw: "Event Type:\tError\r\nEvent Source:\tService Control Manager\r\nEvent Category:\tNone\r\nEvent ID:\t7026\r\nDate:\t\t3/8/2012\r\nTime:\t\t9:16:41 PM\r\nUser:\t\tN/A\r\nComputer:\tPC1\r\nDescription:\r\n" +
				"The following driver(s) failed to load: \r\nSYMTDI\r\n",
			want: plainEvent{id: 7026, message: "The following driver(s) failed to load: \r\nSYMTDI"},
		},
		"clipboard-new": {
			raw:  "Protokollname: System\r\nQuelle:        Service Control Manager\r\nDatum:         08.03.2012 21:16:41\r\nEreignis-ID:   7.034\r\nAufgabenkategorie:Keine\r\nEbene:         Fehler\r\nSchlüsselwörter:Klassisch\r\nBenutzer:      Nicht zutreffend\r\nComputer:      PC1\r\nBeschreibung:\r\nDienst \"X\" wurde beendet.",
			want: plainEvent{id: 7034, message: `Dienst "X" wurde beendet.`},
		},
		"clipboard-japanese": {
			raw:  "ログの名前：System\nソース：Service Control Manager\n日付：2012/03/08 21:16:41\nイベント ID：7031\nタスクのカテゴリ：なし\nレベル：エラー\nキーワード：クラシック\nユーザー：N/A\nコンピューター：PC1\n説明：\nX サービスは\n",
			want: plainEvent{id: 7031, message: "X サービスは"},
		},
		"row-old": {
			raw:  "3/8/2012,9:16:41 PM,Service Control Manager,Error,None,7034,N/A,PC1,\"The X, or Y, service terminated.\n  It has done this 1 time(s).\"\r\n",
			want: plainEvent{id: 7034, message: "The X, or Y, service terminated.\n  It has done this 1 time(s)."},
		},
		"row-old-tabs": {
			raw:  "08.03.2012\t21:16:41\tMsiInstaller\tInformationen\tKeine\t1038\tNT-AUTORITÄT\\SYSTEM\tPC1\tEin Text",
			want: plainEvent{id: 1038, message: "Ein Text"},
		},
		"row-new": {
			raw:  "Error,3/8/2012 9:16:41 PM,Service Control Manager,7031,None,\"The X service terminated\nunexpectedly.\"",
			want: plainEvent{id: 7031, message: "The X service terminated\nunexpectedly."},
		},
		"wevtutil": {
			raw:  "Event[3]:\n  Log Name: System\n  Source: Microsoft-Windows-Service Control Manager\n  Date: 2012-03-08T21:16:41.123\n  Event ID: 7000\n  Task: N/A\n  Level: Error\n  Opcode: N/A\n  Keyword: Classic\n  User: N/A\n  User Name: N/A\n  Computer: PC1\n  Description: \nThe X service failed: \nno file.\n",
			want: plainEvent{id: 7000, message: "The X service failed: \nno file."},
		},
		"xml-empty-and-similar-elements": {
			raw: "<Event xmlns='x'><System><Provider Name='P'/><EventID>7</EventID></System><EventData><Database>no</Database><Data/><Data Name='a'/><Data Name='b'>1 &lt; 2&#13;&#10;</Data>" +
				"<Data>3</Data><Binary>0A0B</Binary><Data>cut",
			want: plainEvent{id: 7, strings: []string{"", "1 < 2\r\n", "3"}, binary: "0A0B"},
		},
		"xml": {
			raw:  "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Service Control Manager'/><EventID Qualifiers='49152'>7031</EventID></System><EventData><Data Name='param1'>A &amp; B</Data><Data Name='param2'>1</Data><Binary>4100</Binary></EventData></Event>",
			want: plainEvent{id: 7031, strings: []string{"A & B", "1"}, binary: "4100"},
		},
		"no-number": {raw: "Source: X\nDate: today\nLevel: Error\nComputer: PC1\n", none: true},
		"empty":     {raw: "", none: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := readEvent([]byte(tt.raw))
			if ok == tt.none {
				t.Fatalf("readEvent says %v", ok)
			}
			if tt.none {
				return
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(plainEvent{}), cmpopts.IgnoreFields(plainEvent{}, "from")); diff != "" {
				t.Errorf("event differs (-want +got):\n%s", diff)
			}
		})
	}
}
