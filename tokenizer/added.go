package tokenizer

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is one entry of added_tokens.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// addedSet finds added tokens in a text: the leftmost, and of those the longest. Tokens are added first, then sort is
// called.
type addedSet struct {
	tokens []spelling // ascending by text
	first  [256]bool  // bytes that begin a token
	only   byte       // the only such byte, if single
	single bool
}

// spelling is an added token and its form in a text.
type spelling struct {
	text string
	addedToken
}

// add adds a token with the spelling text. An empty spelling could never be found and is left out.
func (s *addedSet) add(text string, tok addedToken) {
	if text == "" {
		return
	}
	s.single = len(s.tokens) == 0 || s.single && s.only == text[0]
	s.only, s.first[text[0]] = text[0], true
	s.tokens = append(s.tokens, spelling{text, tok})
}

// sort makes the set ready for find. Of tokens with the same spelling the last one is kept.
func (s *addedSet) sort() {
	slices.Reverse(s.tokens)
	slices.SortStableFunc(s.tokens, func(a, b spelling) int { return strings.Compare(a.text, b.text) })
	s.tokens = slices.CompactFunc(s.tokens, func(a, b spelling) bool { return a.text == b.text })
}

// find returns the leftmost token at or after from, and of those the longest; tok is nil if none is found.
func (s *addedSet) find(text string, from int) (start, end int, tok *addedToken) {
	for i := from; i < len(text); i++ {
		if s.single {
			n := strings.IndexByte(text[i:], s.only)
			if n < 0 {
				break
			}
			i += n
		} else if !s.first[text[i]] {
			continue
		}
		// The tokens that begin with text[i:j] are adjacent in the list, the shortest first.
		rest := s.tokens
		for j := i; j < len(text) && len(rest) > 0; j++ {
			n := j - i
			at := func(c int) int { // the first token whose byte n is at least c
				return sort.Search(len(rest), func(k int) bool { return int(rest[k].text[n]) >= c })
			}
			low := at(int(text[j]))
			rest = rest[low:]
			rest = rest[:at(int(text[j])+1)]
			if len(rest) > 0 && len(rest[0].text) == n+1 {
				end, tok = j+1, &rest[0].addedToken
				rest = rest[1:]
			}
		}
		if tok != nil {
			return i, end, tok
		}
	}
	return 0, 0, nil
}

// split cuts a text at the added tokens: emit gets the parts between them with id -1 and the tokens with their ids, in order.
// first is true for the part or token that begins the text. White space that a token strips belongs to the token.
func (s *addedSet) split(text string, emit func(part string, id int32, first bool)) {
	done := 0 // bytes emitted
	if s != nil && len(s.tokens) > 0 {
		blank := 0 // up to here white space has been looked through
		for from := 0; ; {
			start, end, tok := s.find(text, from)
			if tok == nil {
				break
			}
			from = end // white space that this token strips may still begin another token
			if tok.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
				continue
			}
			if tok.LStrip {
				low := min(done, start)
				start = max(done, low+len(strings.TrimRightFunc(text[low:start], unicode.IsSpace)))
			}
			if tok.RStrip {
				if end > blank {
					blank = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
				}
				end = blank
			}
			if done < start {
				emit(text[done:start], -1, done == 0)
			}
			start = min(start, end) // a token within white space that another one has stripped
			emit(text[start:end], tok.ID, start == 0)
			done = end
		}
	}
	if done < len(text) {
		emit(text[done:], -1, done == 0)
	}
}

func endsInWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func beginsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// isWord is \w of Unicode Technical Standard 18: alphabetic characters, marks, decimal digits, connectors and joiners.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
