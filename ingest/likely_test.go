package ingest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/unicode/norm"
)

// pageBytes encodes a text in a page, and fails the test if the page lacks a character.
func pageBytes(t *testing.T, text string, number int) []byte {
	t.Helper()
	p := pageOf(number, 0)
	if p.multi != nil || p.single != nil {
		enc := encoding.Encoding(p.single)
		if p.multi != nil {
			enc = p.multi
		}
		b, err := enc.NewEncoder().Bytes([]byte(text))
		if err != nil {
			t.Fatalf("page %d: %v", number, err)
		}
		return b
	}
	var b []byte
	for _, r := range text {
		if r < 0x80 {
			b = append(b, byte(r))
			continue
		}
		i := 0
		for _, c := range p.high {
			if c == r {
				break
			}
			i++
		}
		if i == 128 {
			t.Fatalf("page %d has no %q", number, r)
		}
		b = append(b, byte(0x80+i))
	}
	return b
}

// TestLikelyPage has what Windows and installers say in many languages, between lines of a log in English.
func TestLikelyPage(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		pages []int
	}{
		"german":      {"Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.\nDie Größe von \"Büro\" wurde geändert.", []int{1252, 850, 437}},
		"french":      {"Le processus ne peut pas accéder au fichier car ce fichier est utilisé par un autre processus.\nRépertoire de C:\\Données à « vérifier »", []int{1252, 850, 437}},
		"spanish":     {"El proceso no tiene acceso al archivo porque está siendo utilizado por otro proceso.\nLa operación se completó. El volumen no tiene etiqueta; tamaño:", []int{1252, 850, 437}},
		"portuguese":  {"Não é possível acessar o arquivo: ele está sendo usado por outro processo.\nA operação foi concluída com êxito. Diretório não encontrado.", []int{1252, 850}},
		"swedish":     {"Åtkomst nekad. Det går inte att öppna filen eftersom den används av en annan process.", []int{1252, 850, 437}},
		"danish":      {"Processen kan ikke få adgang til filen, fordi den bruges af en anden proces.\nDrevet indeholder ikke nogen etiket. Mappe på C:\\Programmer\nÆndringen blev ikke udført: størrelsen", []int{1252, 850}},
		"polish":      {"Proces nie może uzyskać dostępu do pliku, ponieważ jest on używany przez inny proces.\nOperacja ukończona pomyślnie.", []int{1250, 852}},
		"czech":       {"Proces nemá přístup k souboru, neboť jej právě využívá jiný proces.\nSvazek v jednotce C nemá žádný název. Výpis adresáře C:\\ byl dokončen úspěšně.", []int{1250, 852}},
		"hungarian":   {"A folyamat nem éri el a fájlt, mert azt egy másik folyamat használja.\nA művelet sikeresen befejeződött, a könyvtár törlődött. Az időtúllépés: hőmérséklet, bővítő", []int{1250, 852}},
		"turkish":     {"Dosya başka bir işlem tarafından kullanıldığından bu işlem dosyaya erişemiyor.\nİşlem başarıyla tamamlandı. Sürücüdeki birimin etiketi yok; dizini değiştir", []int{1254, 857}},
		"lithuanian":  {"Procesas negali pasiekti failo, nes jį naudoja kitas procesas.\nOperacija sėkmingai baigta. Įrenginyje nėra žymės, šių katalogų sąrašas", []int{1257, 775}},
		"latvian":     {"Process nevar piekļūt failam, jo to lieto cits process.\nDarbība veiksmīgi pabeigta. Sējums diskā bez etiķetes, jūsu ģimene. Piekļuve liegta, mēģiniet vēlreiz", []int{1257, 775}},
		"russian":     {"Процесс не может получить доступ к файлу, так как этот файл занят другим процессом.\nТом в устройстве C не имеет метки. Содержимое папки C:\\Отчёты", []int{1251, 866}},
		"ukrainian":   {"Процес не може отримати доступ до файлу, оскільки його використовує інший процес.\nОперацію успішно завершено.", []int{1251}},
		"bulgarian":   {"Процесът няма достъп до файла, защото той се използва от друг процес.\nОперацията завърши успешно.", []int{1251, 866}},
		"serbian":     {"Процес не може да приступи датотеци јер је користи други процес. Диск нема ознаку; љубав, њих, ћирилица", []int{1251, 855}},
		"greek":       {"Η διεργασία δεν μπορεί να προσπελάσει το αρχείο επειδή χρησιμοποιείται από άλλη διεργασία.\nΗ λειτουργία ολοκληρώθηκε με επιτυχία.", []int{1253, 737, 869}},
		"hebrew":      {"התהליך אינו יכול לגשת לקובץ מכיוון שהוא נמצא בשימוש על-ידי תהליך אחר.\nהפעולה הושלמה בהצלחה.", []int{1255, 862}},
		"arabic":      {"لا يمكن للعملية الوصول إلى الملف لأنه قيد الاستخدام بواسطة عملية أخرى.\nتمت العملية بنجاح.", []int{1256, 720}},
		"thai":        {"กระบวนการไม่สามารถเข้าถึงแฟ้มเนื่องจากแฟ้มกำลังถูกใช้โดยกระบวนการอื่น\nการดำเนินการเสร็จสมบูรณ์", []int{874}},
		"vietnamese":  {"Tiến trình không thể truy cập tệp vì tệp đang được sử dụng bởi một tiến trình khác.", []int{1258}},
		"japanese":    {"プロセスはファイルにアクセスできません。別のプロセスが使用中です。\nドライブ C のボリューム ラベルがありません。\n処理は正常に終了しました", []int{932}},
		"kanji":       {"起動開始\n接続処理終了\n設定情報取得失敗", []int{932}},
		"chinese":     {"另一个程序正在使用此文件，进程无法访问。\n驱动器 C 中的卷没有标签。 卷的序列号是 1234-ABCD\n操作成功完成。", []int{936}},
		"traditional": {"由於另一個程序正在使用檔案，所以無法存取該檔案。\n磁碟區 C 中的磁碟沒有標籤。 磁碟區序號: 1234-ABCD\n操作順利完成。", []int{950}},
		"korean":      {"다른 프로세스가 파일을 사용 중이기 때문에 프로세스가 액세스 할 수 없습니다.\nC 드라이브의 볼륨에는 이름이 없습니다.\n작업을 완료했습니다.", []int{949}},
	} {
		for _, number := range c.pages {
			page := pageOf(number, 0)
			for _, def := range []int{defaultANSI, defaultOEM} {
				text := strings.Join(strings.Split(c.text, "\n"), "\r\n2024-03-01 12:00:00 Error 0x80070020 in C:\\Windows\\Temp\\setup.log\r\n") + "\r\n"
				if number == 1258 {
					text = vietnamese(text)
				}
				raw := pageBytes(t, text, number)
				got := likelyPage(raw, pageOf(def, 0))
				// What counts is the text: some pages have the letters of a language at the same places.
				if is, _ := newPageDecoder(got).append(nil, raw, true); string(is) != text {
					t.Errorf("%s in %s with %d as the usual page: read by %s: %.60s", name, page.name, def, got.name, is)
				}
				// Of a few words the usual page is taken, or the right one; one of Western Europe is not far from those of its neighbours.
				words := strings.Fields(c.text)
				for i := range words {
					for j := i + 1; j <= len(words); j++ {
						few := strings.Join(words[i:j], " ")
						if number == 1258 {
							few = vietnamese(few)
						}
						raw := pageBytes(t, few, number)
						got := likelyPage(raw, pageOf(def, 0))
						if is, _ := newPageDecoder(got).append(nil, raw, true); got.number != def && string(is) != few && (c.pages[0] == 1252 || !slices.Contains(western, got.number)) {
							t.Errorf("%s in %s with %d as the usual page: %q read by %s: %s", name, page.name, def, few, got.name, is)
						}
					}
				}
			}
		}
	}
}

// vietnamese writes a text as page 1258 has it: vowels with their hat or horn, and tones as marks behind them.
func vietnamese(s string) string {
	var out strings.Builder
	for _, r := range s {
		if _, ok := charmap.Windows1258.EncodeRune(r); ok {
			out.WriteRune(r)
			continue
		}
		d := []rune(norm.NFD.String(string(r)))
		last := d[len(d)-1]
		base := norm.NFC.String(string(d[:len(d)-1]))
		if last == '\u0302' || last == '\u0306' || last == '\u031B' { // the tone stands before the hat
			for i, m := range d {
				if strings.ContainsRune("\u0300\u0301\u0303\u0309\u0323", m) {
					base, last = norm.NFC.String(string(append(append([]rune{}, d[:i]...), d[i+1:]...))), m
				}
			}
		}
		out.WriteString(base + string(last))
	}
	return out.String()
}

// TestUsualPage has texts that do not show another page than the usual one.
func TestUsualPage(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		in   int
	}{
		"typography":       {"The service “Spooler” can’t start – see “Help”… © 2003 Example® 5° ±2 €10 ½\n", 1252},
		"a-name":           {"User: Müller\n", 1252},
		"several":          {"Français Español Português Svenska Österreich Ærø Ångström naïve façade\n", 1252},
		"a-hat":            {"là ÇÀ où É\n", 1252},
		"german-capitals":  {"GRÖSSE ÄNDERN ÜBER MÜLLER\n", 1252},
		"table":            {"┌──┬──┐\n│ab│cd│\n└──┴──┘\n", 437},
		"a-few-characters": {"D:\\\u00c4\u00d6\n", 1252},
	} {
		t.Run(name, func(t *testing.T) {
			if got := likelyPage(pageBytes(t, c.text, c.in), pageOf(c.in, 0)); got.number != c.in {
				t.Errorf("read by %s", got.name)
			}
		})
	}
	t.Run("koi8-r", func(t *testing.T) { // no page of Windows, but its letters are letters in those
		raw, err := charmap.KOI8R.NewEncoder().Bytes([]byte("процесс не может получить доступ к файлу, так как этот файл занят другим процессом\nОперация не выполнена. Устройство не готово\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := likelyPage(raw, pageOf(1252, 0)); got.number != 1252 {
			t.Errorf("read by %s", got.name)
		}
	})
	t.Run("languages", func(t *testing.T) { // every list of names that a Windows shows in its language settings is of no one language
		raw := []byte("Deutsch Fran\xe7ais \xcd\xe9\xf1\xf3 \xd0\xf3\xf1\xf1\xea\xe8\xe9 \xc5\xeb\xeb\xe7\xed\xe9\xea\xdc T\xfcrk\xe7e \x93\xfa\x96\x7b\x8c\xea\n")
		if got := likelyPage(raw, pageOf(1252, 0)); got.number != 1252 {
			t.Errorf("read by %s", got.name)
		}
	})
}

// TestCommonPairs has every frequent character in its page, once.
func TestCommonPairs(t *testing.T) {
	for _, p := range doubleByte {
		enc := map[int]encoding.Encoding{932: japanese.ShiftJIS, 936: simplifiedchinese.GBK, 949: korean.EUCKR, 950: traditionalchinese.Big5}[p.page]
		for _, r := range p.common {
			b, err := enc.NewEncoder().Bytes([]byte(string(r)))
			if err != nil || len(b) != 2 || p.rank(b[0], b[1]) < rankUsual {
				t.Errorf("page %d: %c is %x (%v)", p.page, r, b, err)
			}
		}
	}
}

// TestLikelyOfNoise has a log in which bytes were overwritten: they are of no language.
func TestLikelyOfNoise(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := []byte(strings.Repeat("2024-03-01 12:00:00 Setup: copy C:\\Windows\\Temp\\a.dll failed with 0x80070020\r\n", 20))
		for range 5 + r.IntN(200) {
			text[r.IntN(len(text))] = byte(0x80 + r.IntN(0x80))
		}
		for _, def := range []int{defaultANSI, defaultOEM} {
			if got := likelyPage(text, pageOf(def, 0)); got.number != def {
				t.Errorf("seed %d: read by %s", seed, got.name)
			}
		}
	}
}

func FuzzLikelyPage(f *testing.F) {
	f.Add([]byte("\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0"), false)
	f.Add([]byte("\x83\x47\x83\x89\x81\x5b 1\r\n\x81"), true)
	f.Fuzz(func(t *testing.T, data []byte, oem bool) {
		def := pageOf(defaultANSI, 0)
		if oem {
			def = pageOf(defaultOEM, 0)
		}
		if got := likelyPage(data, def); got != def && asciiLen(data) == len(data) {
			t.Errorf("ASCII is read by %s", got.name)
		}
	})
}

func BenchmarkLikelyPage(b *testing.B) {
	for name, c := range map[string]struct {
		text string
		in   encoding.Encoding
	}{
		"german":   {"Der Prozess hat keinen Zugriff auf die Größe von Büro, für später\r\n", charmap.Windows1252},
		"russian":  {"Процесс не может получить доступ к файлу\r\n", charmap.Windows1251},
		"japanese": {"プロセスはファイルにアクセスできません\r\n", japanese.ShiftJIS},
	} {
		b.Run(name, func(b *testing.B) {
			raw, err := c.in.NewEncoder().Bytes([]byte(strings.Repeat(c.text, 4000)))
			if err != nil {
				b.Fatal(err)
			}
			def := pageOf(defaultANSI, 0)
			for b.Loop() {
				likelyPage(raw, def)
			}
		})
	}
}
