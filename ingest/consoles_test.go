package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"

	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/ingest/logs"
)

// TestCodePages: what console programs write is in the OEM code page of the machine's registry, other texts are in its ANSI page. Without a
// registry the page that the text shows is taken, which is said.
func TestCodePages(t *testing.T) {
	ipconfig := "\r\nWindows-IP-Konfiguration\r\n\r\n        Hostname. . . . . . . . . . . . . : PC2\r\n        Primäres DNS-Suffix . . . . . . . :\r\n" +
		"        Knotentyp . . . . . . . . . . . . : Unbekannt\r\n        IP-Routing aktiviert. . . . . . . : Nein\r\n\r\nEthernetadapter Büro:\r\n\r\n" +
		"        Beschreibung. . . . . . . . . . . : AMD PCNET\r\n        Physikalische Adresse . . . . . . : 00-11-22-33-44-66\r\n" +
		"        IP-Adresse. . . . . . . . . . . . : 10.2.0.1\r\n        Subnetzmaske. . . . . . . . . . . : 255.255.255.0\r\n"
	systeminfo := "\r\nHostname:                      PC3\r\nBetriebssystemname:            Microsoft Windows 7 Enterprise \r\nBetriebssystemversion:         6.1.7601 Service Pack 1 Build 7601\r\n" +
		"Betriebssystemhersteller:      Microsoft Corporation\r\nRegistrierter Benutzer:        Jürgen Größe\r\nDomäne:                        corp.example.com\r\nAnmeldeserver:                 \\\\DC1\r\n" +
		"Hotfix(es):                    2 Hotfix(e) installiert.\r\n                               [01]: KB958830\r\n                               [02]: KB976902\r\n"
	nslookup := "Server:  dns1.corp.example.com\r\nAddress:  10.1.0.53\r\n\r\n*** pc9 wurde von dns1.corp.example.com nicht gefunden: Größenüberschreitung.\r\n"
	listing := " Datenträger in Laufwerk C: ist Büro\r\n Volumeseriennummer: 1234-ABCD\r\n\r\n Verzeichnis von C:\\Größe\r\n\r\n08.01.2011  20:16               123 größe.txt\r\n               1 Datei(en),            123 Bytes\r\n"
	russian := " Том в устройстве C имеет метку Система\r\n Серийный номер тома: 1234-ABCD\r\n\r\n Содержимое папки C:\\Отчёты\r\n\r\n08.01.2011  20:16               123 отчёт.txt\r\n               1 файлов            123 байт\r\n"
	log := "2011-01-08 20:16:41 Größe geändert\r\n2011-01-08 20:16:42 weiter\r\n"
	for name, c := range map[string]struct {
		text string
		kind ingest.Kind
		in   encoding.Encoding // of the capture
		ansi int
		oem  int
		want string // its name
	}{
		"ipconfig-german":           {ipconfig, ingest.KindIPConfig, charmap.CodePage850, 1252, 850, "ibm850"},
		"systeminfo-german":         {systeminfo, ingest.KindSystemInfo, charmap.CodePage850, 1252, 850, "ibm850"},
		"nslookup-german":           {nslookup, ingest.KindNslookup, charmap.CodePage850, 1252, 850, "ibm850"},
		"dir-german":                {listing, ingest.KindListing, charmap.CodePage850, 1252, 850, "ibm850"},
		"log-german":                {log, ingest.KindLogText, charmap.Windows1252, 1252, 850, "windows-1252"},
		"dir-russian":               {strings.ReplaceAll(listing, "Größe", "Отчёты"), ingest.KindListing, charmap.CodePage866, 1251, 866, "ibm866"},
		"log-russian":               {"2011-01-08 20:16:41 Ошибка\r\n", ingest.KindLogText, charmap.Windows1251, 1251, 866, "windows-1251"},
		"log-japanese":              {"2011-01-08 20:16:41 エラー: 表示\r\n", ingest.KindLogText, japanese.ShiftJIS, 932, 932, "shift_jis"},
		"ipconfig-japanese":         {strings.NewReplacer("Primäres DNS-Suffix ", "プライマリ DNS サフィックス ", "Büro", "ローカル エリア接続").Replace(ipconfig), ingest.KindIPConfig, japanese.ShiftJIS, 932, 932, "shift_jis"},
		"log-chinese":               {"2011-01-08 20:16:41 错误: 文件正在使用\r\n", ingest.KindLogText, simplifiedchinese.GBK, 936, 936, "gbk"},
		"unknown-dir-german":        {listing, ingest.KindListing, charmap.CodePage850, 0, 0, "ibm437"},
		"unknown-log-german":        {log, ingest.KindLogText, charmap.Windows1252, 0, 0, "windows-1252"},
		"unknown-dir-russian":       {russian, ingest.KindListing, charmap.CodePage866, 0, 0, "ibm866"},
		"unknown-log-russian":       {"2011-01-08 20:16:41 Ошибка: не удаётся найти файл\r\n", ingest.KindLogText, charmap.Windows1251, 0, 0, "windows-1251"},
		"unknown-log-japanese":      {"2011-01-08 20:16:41 エラー: 表示\r\n", ingest.KindLogText, japanese.ShiftJIS, 0, 0, "shift_jis"},
		"unknown-log-chinese":       {"2011-01-08 20:16:41 错误: 文件正在使用\r\n", ingest.KindLogText, simplifiedchinese.GBK, 0, 0, "gbk"},
		"unknown-ipconfig-japanese": {strings.NewReplacer("Primäres DNS-Suffix ", "プライマリ DNS サフィックス ", "Büro", "ローカル エリア接続").Replace(ipconfig), ingest.KindIPConfig, japanese.ShiftJIS, 0, 0, "shift_jis"},
		"unknown-log-late":          {strings.Repeat("2011-01-08 20:16:41 setup goes on\r\n", 40000) + "2011-01-08 20:16:42 Ошибка: не удаётся найти файл\r\n", ingest.KindLogText, charmap.Windows1251, 0, 0, "windows-1251"},
		"ipconfig-of-a-powershell":  {ipconfig, ingest.KindIPConfig, nil, 1252, 850, "utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if name == "dir-russian" { // what the page does not have
				text = strings.NewReplacer("ä", "я", "ü", "ю", "ö", "ё", "ß", "с").Replace(text)
			}
			raw := []byte(text)
			if c.in != nil {
				var err error
				if raw, err = c.in.NewEncoder().Bytes(raw); err != nil {
					t.Fatal(err)
				}
			}
			sink := &textSink{}
			opt := ingest.Options{
				Readers: logs.All(), Extractors: extract.All(),
				NewSink: func(*ingest.Artifact) ingest.Sink { return sink },
				Locales: func([]ingest.Extracted) func(string) ingest.Locale {
					return func(string) ingest.Locale { return ingest.Locale{ANSI: c.ansi, OEM: c.oem} }
				},
			}
			b, err := ingest.Open(t.Context(), saved(t, "capture.txt", raw), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}()
			got, err := ingest.Read(t.Context(), []*ingest.Bundle{b}, opt)
			if err != nil {
				t.Fatal(err)
			}
			a := got.Artifacts[0]
			if a.Kind != c.kind || a.Encoding != c.want {
				t.Errorf("kind %s in %s, want %s in %s", a.Kind, a.Encoding, c.kind, c.want)
			}
			if sink.text.String() != text {
				t.Errorf("got %q\nwant %q", sink.text.String(), text)
			}
			var said []string
			if c.ansi == 0 {
				said = []string{`no registry says which code page the machine uses; texts that are not Unicode and were read by a likely one: 1 (the first: "capture.txt" by ` + c.want + `)`}
			}
			var problems []string
			for _, p := range got.Problems {
				problems = append(problems, p.Message)
			}
			if !slices.Equal(problems, said) {
				t.Errorf("problems %q, want %q", problems, said)
			}
		})
	}
}

// textSink joins the raw text of records.
type textSink struct{ text strings.Builder }

func (s *textSink) Records(batch []ingest.Record) {
	for i := range batch {
		s.text.Write(batch[i].Raw)
	}
}

func (*textSink) Done(*ingest.Artifact) {}
