package ingest

import (
	"bytes"
	"slices"
)

const (
	// likelySample is how many bytes behind the first that is not ASCII have to be at hand before its code page is chosen by what the text says.
	likelySample = 4 << 10
	// likelyBefore is how many bytes before the first of a line that is not ASCII are looked at.
	likelyBefore = 256
	// likelyMost is how many bytes of the lines that are not ASCII are looked at.
	likelyMost = 8 << 10
	// likelyFit is the least share of the characters outside ASCII that have to be of one language for its page to be taken, and
	// likelyCommon that of those among them which are frequent in it, if it is not written in Latin letters; likelyCommonPair of the thousands of East Asia.
	likelyFit, likelyCommon, likelyCommonPair = 0.93, 0.5, 0.3
	// likelyAccents is the number of letters among which one with an accent is, in a language that always writes them.
	likelyAccents = 20
	// likelyLead is by how much its page has to be ahead of one that makes another text.
	likelyLead = 0.1
	// likelyFew is how many of them are enough, and likelyMany how many where the usual page makes letters of them too, or all letters are outside ASCII.
	likelyFew, likelyMany = 4, 10
)

// likelyPage returns the code page in which a text was written, def, the usual ANSI or OEM page, if it does not show that it was another. The text is one that is neither
// UTF-8 nor UTF-16, and of a machine whose own pages are not known. What is wrong spoils quotes: def stays where it makes words of a
// language, and another page is taken only if nearly all the characters outside ASCII are those of one language.
func likelyPage(text []byte, def *codePage) *codePage {
	text = unusualLines(text)
	if len(text) == 0 {
		return def
	}
	tables := languageTables()
	for i := range languages {
		l := &languages[i]
		if at := slices.Index(l.pages, def.number); at >= 0 {
			if l.fit(text, tables[i][at]).share() >= likelyFit {
				return def
			}
		}
	}
	few := likelyFew
	if u := unions()[def.number]; u.fit(text, u.table).share() >= likelyFit {
		few = likelyMany
	}
	var found []candidate
	for i := range languages {
		l := &languages[i]
		least := few
		if l.common != "" {
			least = likelyMany
		}
		for at, number := range l.pages {
			if page := pageOf(number, 0); page != def {
				if f := l.fit(text, tables[i][at]); f.good >= least && f.shows(likelyCommon) && l.usual(f) {
					found = append(found, candidate{page, f.share() + f.commonShare()})
				}
			}
		}
	}
	for i := range doubleByte {
		if f := doubleByte[i].fit(text, commonPairs()[i]); f.good >= likelyFew && f.shows(likelyCommonPair) {
			found = append(found, candidate{pageOf(doubleByte[i].page, 0), f.share() + f.commonShare()})
		}
	}
	return decided(text, found, def)
}

// candidate is a page that a text may have been written in.
type candidate struct {
	page  *codePage
	score float64 // the higher the better
}

// decided returns the best of the candidates, def if there is none or another which is nearly as good makes another text.
func decided(text []byte, found []candidate, def *codePage) *codePage {
	if len(found) == 0 {
		return def
	}
	best := found[0]
	for _, c := range found {
		if c.score > best.score {
			best = c
		}
	}
	for _, c := range found { // what fits Western Europe is from there, as of a text that fits the usual page
		if c.score >= best.score-likelyLead && slices.Contains(western, c.page.number) {
			return c.page
		}
	}
	var read []byte
	for _, c := range found {
		if c.page == best.page || c.score < best.score-likelyLead {
			continue
		}
		if read == nil {
			read, _ = newPageDecoder(best.page).append(nil, text, true)
		}
		if other, _ := newPageDecoder(c.page).append(nil, text, true); !bytes.Equal(read, other) {
			return def
		}
	}
	return best.page
}

// unusualLines returns the lines of a text that are not ASCII, up to a bound.
func unusualLines(text []byte) []byte {
	var lines []byte
	for len(text) > 0 && len(lines) < likelyMost {
		n := asciiLen(text)
		if n == len(text) {
			break
		}
		text = text[max(bytes.LastIndexByte(text[:n], '\n')+1, n-likelyBefore):]
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		lines = append(lines, line[:min(len(line), likelyMost)]...)
		text = text[len(line):]
	}
	return lines
}

// fitness says how well a text fits a language in a code page.
type fitness struct {
	good     int // characters outside ASCII that stand where the language has them
	common   int // those of them that are frequent in it
	accents  int // those of them that are vowels with an accent
	capitals int // those of them that are capitals
	bad      int // characters that do not belong there
}

// share returns the share of the characters that fit, 1 if there are none that tell anything.
func (f fitness) share() float64 {
	if f.good+f.bad == 0 {
		return 1
	}
	return float64(f.good) / float64(f.good+f.bad)
}

// shows tells whether the text is of the language, if this share of its characters is frequent in it.
func (f fitness) shows(common float64) bool {
	return f.share() >= likelyFit && f.commonShare() >= common
}

// commonShare returns the share of frequent characters among those that fit.
func (f fitness) commonShare() float64 { return float64(f.common) / float64(max(f.good, 1)) }
