package ingest

import (
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"
)

// Names of the Unicode encodings in the IANA registry.
const (
	encUTF8    = "utf-8"
	encUTF16LE = "utf-16le"
	encUTF16BE = "utf-16be"
)

// The pages of a Western European or American Windows, for a machine whose own are not known.
const (
	defaultANSI = 1252
	defaultOEM  = 437
)

// codePage is one of Windows' legacy encodings. One of single, high and multi is set.
type codePage struct {
	number int
	name   string            // in the IANA registry; of the pages 720 and 737, which are not registered, the common name
	single *charmap.Charmap  // of one byte a character
	high   string            // of one byte a character: what the bytes from 0x80 on stand for
	multi  encoding.Encoding // of one byte or more
}

// codePages lists what Windows sets as the ANSI or OEM page of a machine (Microsoft, "Code Page Identifiers").
var codePages = []codePage{
	{number: 437, name: "ibm437", single: charmap.CodePage437},
	{number: 720, name: "cp720", high: oem720},
	{number: 737, name: "cp737", high: oem737},
	{number: 775, name: "ibm775", high: oem775},
	{number: 850, name: "ibm850", single: charmap.CodePage850},
	{number: 852, name: "ibm852", single: charmap.CodePage852},
	{number: 855, name: "ibm855", single: charmap.CodePage855},
	{number: 857, name: "ibm857", high: oem857},
	{number: 858, name: "ibm00858", single: charmap.CodePage858},
	{number: 860, name: "ibm860", single: charmap.CodePage860},
	{number: 861, name: "ibm861", high: oem861},
	{number: 862, name: "ibm862", single: charmap.CodePage862},
	{number: 863, name: "ibm863", single: charmap.CodePage863},
	{number: 865, name: "ibm865", single: charmap.CodePage865},
	{number: 866, name: "ibm866", single: charmap.CodePage866},
	{number: 869, name: "ibm869", high: oem869},
	{number: 874, name: "windows-874", single: charmap.Windows874},
	{number: 932, name: "shift_jis", multi: japanese.ShiftJIS},
	{number: 936, name: "gbk", multi: simplifiedchinese.GBK},
	{number: 949, name: "euc-kr", multi: korean.EUCKR},
	{number: 950, name: "big5", multi: traditionalchinese.Big5},
	{number: 1250, name: "windows-1250", single: charmap.Windows1250},
	{number: 1251, name: "windows-1251", single: charmap.Windows1251},
	{number: 1252, name: "windows-1252", single: charmap.Windows1252},
	{number: 1253, name: "windows-1253", single: charmap.Windows1253},
	{number: 1254, name: "windows-1254", single: charmap.Windows1254},
	{number: 1255, name: "windows-1255", single: charmap.Windows1255},
	{number: 1256, name: "windows-1256", single: charmap.Windows1256},
	{number: 1257, name: "windows-1257", single: charmap.Windows1257},
	{number: 1258, name: "windows-1258", single: charmap.Windows1258},
	{number: 54936, name: "gb18030", multi: simplifiedchinese.GB18030},
}

// Encodings lists the names that [Artifact.Encoding] may have, apart from "".
func Encodings() []string {
	list := []string{encUTF8, encUTF16LE, encUTF16BE}
	for i := range codePages {
		list = append(list, codePages[i].name)
	}
	return list
}

// pageOf returns the code page of a number, or that of the default number if it is not known here.
func pageOf(number, def int) *codePage {
	for _, n := range []int{number, def} {
		for i := range codePages {
			if codePages[i].number == n {
				return &codePages[i]
			}
		}
	}
	return &codePages[0]
}

// pageDecoder turns the bytes of one code page into UTF-8.
type pageDecoder struct {
	page  *codePage
	table [128]rune             // of a page of one byte a character
	multi transform.Transformer // otherwise
}

func newPageDecoder(p *codePage) *pageDecoder {
	d := &pageDecoder{page: p}
	switch {
	case p.multi != nil:
		d.multi = p.multi.NewDecoder().Transformer
	case p.single != nil:
		for i := range d.table {
			d.table[i] = p.single.DecodeByte(byte(0x80 + i))
		}
	default:
		i := 0
		for _, r := range p.high {
			d.table[i&127] = r
			i++
		}
	}
	return d
}

// append appends what src stands for to dst and returns how many bytes of src it took: all of them with atEOF, else all but the
// beginning of a character. Bytes that stand for nothing become U+FFFD.
func (d *pageDecoder) append(dst, src []byte, atEOF bool) ([]byte, int) {
	if d.multi != nil {
		return d.appendMulti(dst, src, atEOF)
	}
	taken := len(src)
	for len(src) > 0 {
		n := asciiLen(src)
		dst = append(dst, src[:n]...)
		src = src[n:]
		for len(src) > 0 && src[0] >= utf8.RuneSelf {
			dst = utf8.AppendRune(dst, d.table[src[0]-0x80])
			src = src[1:]
		}
	}
	return dst, taken
}

func (d *pageDecoder) appendMulti(dst, src []byte, atEOF bool) ([]byte, int) {
	taken := 0
	for {
		dst = slices.Grow(dst, 2*(len(src)-taken)+64)
		n, m, err := d.multi.Transform(dst[len(dst):cap(dst)], src[taken:], atEOF)
		dst = dst[:len(dst)+n]
		taken += m
		if !errors.Is(err, transform.ErrShortDst) {
			return dst, taken
		}
	}
}

// asciiLen returns the length of the beginning of b that has no byte above 0x7F.
func asciiLen(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&0x8080808080808080 != 0 {
			break
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// What the bytes 0x80 to 0xFF stand for in the OEM pages that golang.org/x/text lacks: Greek, Baltic, Turkish, Icelandic and Arabic Windows.
const (
	oem720 = "\u0080\u0081éâ\u0084à\u0086çêëèïî\u008D\u008E\u008F\u0090\u0651\u0652ô¤\u0640ûù\u0621\u0622\u0623\u0624£\u0625\u0626\u0627" +
		"\u0628\u0629\u062A\u062B\u062C\u062D\u062E\u062F\u0630\u0631\u0632\u0633\u0634\u0635«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"\u0636\u0637\u0638\u0639\u063A\u0641µ\u0642\u0643\u0644\u0645\u0646\u0647\u0648\u0649\u064A≡\u064B\u064C\u064D\u064E\u064F\u0650≈°∙·√\u207F²■\u00A0"
	oem737 = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθ" +
		"ικλμνξοπρσςτυφχψ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"ωάέήϊίόύϋώΆΈΉΊΌΎΏ±≥≤ΪΫ÷≈°∙·√\u207F²■\u00A0"
	oem775 = "ĆüéāäģåćłēŖŗīŹÄÅÉæÆōöĢ¢ŚśÖÜø£Ø×¤" +
		"ĀĪóŻżź”¦©®¬½¼Ł«»░▒▓│┤ĄČĘĖ╣║╗╝ĮŠ┐" +
		"└┴┬├─┼ŲŪ╚╔╩╦╠═╬Žąčęėįšųūž┘┌█▄▌▐▀" +
		"ÓßŌŃõÕµńĶķĻļņĒŅ’\u00AD±“¾¶§÷„°∙·¹³²■\u00A0"
	oem857 = "ÇüéâäàåçêëèïîıÄÅÉæÆôöòûùİÖÜø£ØŞş" +
		"áíóúñÑĞğ¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐" +
		"└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ºªÊËÈ\uFFFDÍÎÏ┘┌█▄¦Ì▀" +
		"ÓßÔÒõÕµ\uFFFD×ÚÛÙìÿ¯´\u00AD±\uFFFD¾¶§÷¸°¨·¹³²■\u00A0"
	oem861 = "ÇüéâäàåçêëèÐðÞÄÅÉæÆôöþûÝýÖÜø£Ø₧ƒ" +
		"áíóúÁÍÓÚ¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√\u207F²■\u00A0"
	oem869 = "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDΆ\uFFFD·¬¦‘’Έ―ΉΊΪΌ\uFFFD\uFFFDΎΫ©Ώ²³ά£έήί" +
		"ϊΐόύΑΒΓΔΕΖΗ½ΘΙ«»░▒▓│┤ΚΛΜΝ╣║╗╝ΞΟ┐" +
		"└┴┬├─┼ΠΡ╚╔╩╦╠═╬ΣΤΥΦΧΨΩαβγ┘┌█▄δε▀" +
		"ζηθικλμνξοπρσςτ΄\u00AD±υφχ§ψ΅°¨ωϋΰώ■\u00A0"
)
