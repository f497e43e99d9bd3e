package ingest

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// language is one that is written in single bytes. Its letters tell the code pages.
type language struct {
	pages   []int  // for which Windows sets them
	letters string // outside ASCII, in lower case
	initial string // those that only begin words
	accents string // those of which every word has one, but for short words and capitals; "" if there is no such rule
	common  string // those that are frequent, about six of seven letters of a text; "" if the language is written in Latin letters
}

// western are the pages of Western Europe. The letters of a language stand at the same places of its two OEM pages but for a few.
var western = []int{defaultANSI, defaultOEM, 850}

// languages lists the languages for which Windows sets a code page of single bytes, those of the usual pages first.
var languages = []language{
	{pages: western, letters: "äöüßé"},                                               // German
	{pages: western, letters: "àâæçéèêëîïôùûüÿœ"},                                    // French
	{pages: western, letters: "áéíñóúü"},                                             // Spanish
	{pages: western, letters: "àçèéíïòóúü"},                                          // Catalan
	{pages: western, letters: "áâãàçéêíóôõúü"},                                       // Portuguese
	{pages: western, letters: "àèéìíîòóùú"},                                          // Italian
	{pages: western, letters: "åäöé"},                                                // Swedish, Finnish
	{pages: western, letters: "æøåéòô"},                                              // Danish, Norwegian
	{pages: western, letters: "éëïöüèáó"},                                            // Dutch
	{pages: []int{1252, 850, 861}, letters: "áðéíóúýþæö", initial: "þ"},              // Icelandic
	{pages: []int{1250, 852}, letters: "ąćęłńóśźż"},                                  // Polish
	{pages: []int{1250, 852}, letters: "áčďéěíňóřšťúůýž"},                            // Czech
	{pages: []int{1250, 852}, letters: "áäčďéíĺľňóôŕšťúýž"},                          // Slovak
	{pages: []int{1250, 852}, letters: "áéíóöőúüű"},                                  // Hungarian
	{pages: []int{1250, 852}, letters: "ăâîşţ"},                                      // Romanian
	{pages: []int{1250, 852}, letters: "čćđšž"},                                      // Croatian, Slovene
	{pages: []int{1254, 857}, letters: "çğıİöşüâîû"},                                 // Turkish
	{pages: []int{1257, 775}, letters: "ąčęėįšųūž"},                                  // Lithuanian
	{pages: []int{1257, 775}, letters: "āčēģīķļņšūž"},                                // Latvian
	{pages: []int{1257, 775}, letters: "äõöüšž"},                                     // Estonian
	{pages: []int{1258}, letters: "ăâđêôơưáàéèíóòúùý\u0300\u0301\u0303\u0309\u0323"}, // Vietnamese
	{pages: []int{1251, 866}, letters: "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", common: "оеаинтсрвлкмдпуяыьг"},  // Russian, Bulgarian
	{pages: []int{1251, 866}, letters: "оанивіертсклдупмязьбгйчхжїшюцєщфґ", common: "оанивіертсклдупмязьб"}, // Ukrainian
	{pages: []int{1251, 855}, letters: "аоиенртсвдкмлупјзгбчжцшћхљфњђџ", common: "аоиенртсвдкмлупјзг"},      // Serbian
	{pages: []int{1253, 737, 869}, letters: "αοιετνσηυρπκμλωςόίγάήέθδχύώβφξζϊψΰΐϋ", common: "αοιετνσηυρπκμλωςόίγάή", accents: "άέήίόύώΐΰ"},
	{pages: []int{1255, 862}, letters: "יוהלארתבשמנםעדחקפכטזגסצךןףץ", common: "יוהלארתבשמנםעד"},
	{pages: []int{1256, 720}, letters: "اليمونرتبةعدفسهكقأحجشصطخإىضذزئثغؤظءآ\u0640", common: "اليمونرتبةعدفسهكقأ"},
	{
		pages: []int{874}, letters: "านรอกเงมยลวดทสตะปบคหแจพชขใไโผณธซศญฎถฟฏษภฉฐฆฬฮำๆฯ" + thaiMarks,
		common: "านรอกเงมยลวดทสตะปบค" + thaiMarks,
	},
}

// thaiMarks stand above and below letters.
const thaiMarks = "\u0E31\u0E34\u0E35\u0E36\u0E37\u0E38\u0E39\u0E47\u0E48\u0E49\u0E4C\u0E4D"

// punctuation is what stands between words and is no letter, in one language or another, and what texts draw tables with.
const punctuation = "\u00A0ªº«»“”„‘’‚‹›–—…•·§°©®™№€£¥¡¿²³½±×÷¦´¨‰†\u200E\u200F" +
	"،؛؟״׳־─│┌┐└┘├┤┬┴┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█▌▐░▒▓■∙√"

// joining is what of it stands within words too, and apart what touches none.
const joining, apart = "’·\u00A0", "²³½±×÷¦´¨┌┐└┘├┤┬┴┼╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█▌▐░▒▓■∙√"

// traits is what a byte is in a page, to a language.
type traits uint16

const (
	isLetter   traits = 1 << iota // of any language
	isSmall                       // a small letter
	isCapital                     // a capital
	isOwn                         // one of the language's letters
	isCommon                      // of the frequent ones
	isAccented                    // of those with an accent
	isInitial                     // of those that only begin words
	isMark                        // no letter, but what texts have
	isJoining                     // a mark that stands within words
	isApart                       // a mark that touches no word
)

// traitsIn makes the table of a language in a page.
func (l *language) traitsIn(page *codePage) *[256]traits {
	high := newPageDecoder(page).table
	var table [256]traits
	for c := range table {
		r := rune(c)
		if c >= utf8.RuneSelf {
			r = high[c&127]
		}
		small := unicode.ToLower(r)
		in := func(set string) bool { return strings.ContainsRune(set, r) || strings.ContainsRune(set, small) }
		marked := strings.ContainsRune(punctuation, r)
		for i, is := range [...]bool{ // in the order of the traits
			!marked && (unicode.IsLetter(r) || unicode.IsMark(r)),
			unicode.IsLower(r),
			unicode.IsUpper(r),
			in(l.letters),
			l.common == "" || in(l.common),
			in(l.accents),
			in(l.initial),
			marked,
			strings.ContainsRune(joining, r),
			strings.ContainsRune(apart, r),
		} {
			if is {
				table[c] |= isLetter << i
			}
		}
	}
	return &table
}

// languageTables has of each of the languages, in their order, a table for each of its pages.
var languageTables = sync.OnceValue(func() [][]*[256]traits {
	all := make([][]*[256]traits, len(languages))
	for i := range languages {
		for _, number := range languages[i].pages {
			all[i] = append(all[i], languages[i].traitsIn(pageOf(number, 0)))
		}
	}
	return all
})

// unions has, of each of the usual pages, all languages that are written in it, taken as one, with its table.
var unions = sync.OnceValue(func() map[int]union {
	all := map[int]union{}
	for _, number := range []int{defaultANSI, defaultOEM} {
		var u union
		for i := range languages {
			if slices.Contains(languages[i].pages, number) {
				u.letters += languages[i].letters
			}
		}
		u.table = u.traitsIn(pageOf(number, 0))
		all[number] = u
	}
	return all
})

// union is several languages, taken as one.
type union struct {
	language
	table *[256]traits
}

// fit tells how well a text fits the language in the page of the table.
func (l *language) fit(text []byte, table *[256]traits) (f fitness) {
	at := func(i int) traits {
		if i < 0 || i >= len(text) {
			return 0
		}
		return table[text[i]]
	}
	for i := 0; i < len(text); i++ {
		i += asciiLen(text[i:])
		if i == len(text) {
			break
		}
		if is := at(i); is&isLetter == 0 {
			behind, before := at(i-1)&isLetter != 0, at(i+1)&isLetter != 0
			if is&isMark == 0 || behind && before && is&isJoining == 0 || (behind || before) && is&isApart != 0 {
				f.bad++
			}
			continue
		}
		start, end := i, i+1
		for start > 0 && text[start-1] < utf8.RuneSelf && at(start-1)&isLetter != 0 {
			start--
		}
		for at(end)&isLetter != 0 {
			end++
		}
		l.word(&f, text[start:end], table)
		i = end - 1
	}
	return f
}

// usual tells whether letters that fit are written as the language is: with its accents, and in a script of its own with fewer capitals than
// small letters, which other encodings have at the places of each other (KOI8-R).
func (l *language) usual(f fitness) bool {
	return (l.accents == "" || f.accents*likelyAccents >= f.good) && (l.common == "" || 2*f.capitals <= f.good)
}

// word counts the characters of one word.
func (l *language) word(f *fitness, word []byte, table *[256]traits) {
	ascii := 0
	for _, c := range word {
		if c < utf8.RuneSelf {
			ascii++
		}
	}
	latin := l.common == ""
	if latin && ascii == 0 && len(word) == 1 {
		return // "à", or anything
	}
	// A word of a language with letters of its own has them only; one in Latin letters has some of ASCII.
	strange := !latin && ascii > 0 || latin && ascii == 0
	before := traits(0)
	for i, c := range word {
		is := table[c]
		switch {
		case c < utf8.RuneSelf:
			if i > 0 && word[i-1] >= utf8.RuneSelf && before&isSmall != 0 && is&isCapital != 0 {
				f.bad++ // as the second bytes of East Asia come
			}
		case strange, is&isOwn == 0, before&isSmall != 0 && is&isCapital != 0, i > 0 && is&isInitial != 0:
			f.bad++
		default:
			f.good++
			if is&isCommon != 0 {
				f.common++
			}
			if is&isAccented != 0 {
				f.accents++
			}
			if is&isCapital != 0 {
				f.capitals++
			}
		}
		before = is
	}
}
