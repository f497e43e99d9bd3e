package logs

import (
	"bytes"
	"slices"

	"casebook/ingest"
)

// What the readers of events share: eventclip.go, eventtable.go, wevtutil.go and eventxml.go read Windows' event log in the forms of text that people send.

// eventLevel returns the severity of an event's level or type as the viewer names it in the language of Windows.
func eventLevel(word []byte) ingest.Severity {
	word = bytes.TrimSpace(word)
	if s := levelName(word); s != ingest.SeverityNone {
		return s
	}
	return eventLevels[string(word)]
}

// eventLevels are the levels, and the types of events before Windows Vista, in the languages of Windows that differ from English.
var eventLevels = func() map[string]ingest.Severity {
	levels := map[string]ingest.Severity{}
	for s, names := range map[ingest.Severity][]string{
		ingest.SeverityError: {
			"Fehler", "Kritisch", "Erreur", "Critique", "Crítico", "Errore", "Critico", "Erro", "Fout", "Kritiek", "Błąd", "Krytyczny", "Chyba", "Kritická",
			"Ошибка", "Критический", "Fel", "Feil", "Fejl", "Kritisk", "Virhe", "Hiba", "Kritikus", "Hata", "Kritik", "Σφάλμα", "エラー", "重大", "错误", "关键", "錯誤", "嚴重", "오류", "위험",
		},
		ingest.SeverityWarning: {
			"Warnung", "Avertissement", "Advertencia", "Avviso", "Aviso", "Waarschuwing", "Ostrzeżenie", "Upozornění", "Предупреждение", "Varning", "Advarsel", "Varoitus",
			"Figyelmeztetés", "Uyarı", "Προειδοποίηση", "警告", "경고", "Failure Audit", "Audit Failure", "Fehlerüberwachung", "Überwachung gescheitert", "Échec de l'audit", "Аудит отказа",
		},
		ingest.SeverityInfo: {
			"Informationen", "Informations", "Información", "Informazioni", "Informações", "Informatie", //nolint:misspell // Dutch
			"Informacje", "Informace", "Сведения", "Уведомление", "Informasjon", "Oplysninger",
			"Tiedot", "Információ", "Bilgi", "Πληροφορίες", "情報", "信息", "資訊", "정보", "Success Audit", "Audit Success", "Erfolgsüberwachung", "Überwachung erfolgreich", "Verbose", "Ausführlich", "Détails",
		},
	} {
		for _, n := range names {
			levels[n] = s
		}
	}
	return levels
}()

// labelled splits a line "label: value"; the label has no digits and is short.
func labelled(line []byte) (label, value []byte, ok bool) {
	const longest = 48
	line = trimEOL(line)
	i := bytes.IndexByte(line[:min(len(line), longest)], ':')
	if i < 1 || i+1 < len(line) && (line[i+1] == '\\' || line[i+1] == '/') {
		// The colon of East Asian languages is a character of its own.
		if i = bytes.Index(line[:min(len(line), longest)], []byte("：")); i < 1 {
			return nil, nil, false
		}
		return line[:i], bytes.TrimSpace(line[i+len("："):]), true
	}
	if slices.ContainsFunc(line[:i], isDigit) {
		return nil, nil, false
	}
	return line[:i], bytes.TrimSpace(line[i+1:]), true
}

// isNumber tells whether a value is a decimal number, with the blanks and points that locales put between thousands.
func isNumber(b []byte) bool {
	digits := 0
	for _, c := range b {
		switch {
		case isDigit(c):
			digits++
		case c == '.' || c == ',' || c == ' ' || c == 0xC2 || c == 0xA0:
		default:
			return false
		}
	}
	return digits > 0 && digits <= 10
}
