package tokenizer

import (
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

// addedSet finds added tokens in a text, the leftmost first and the longest of those.
type addedSet struct {
	tokens []addedToken
	nodes  []trieNode // nodes[0] is the root
	first  [256]bool  // bytes that begin a token
	only   byte       // the one byte that does, if single
	single bool
}

type trieNode struct {
	next  map[byte]int32
	token int32 // index in tokens, -1: none ends here
}

// add puts a token under the spelling text. An empty spelling is never found and left out.
func (s *addedSet) add(text string, tok addedToken) {
	if text == "" {
		return
	}
	if len(s.nodes) == 0 {
		s.nodes = []trieNode{{token: -1}}
	}
	s.single = len(s.tokens) == 0 || s.single && s.only == text[0]
	s.only, s.first[text[0]] = text[0], true
	at := int32(0)
	for i := range len(text) {
		to, ok := s.nodes[at].next[text[i]]
		if !ok {
			to = int32(len(s.nodes))
			s.nodes = append(s.nodes, trieNode{token: -1})
			if s.nodes[at].next == nil {
				s.nodes[at].next = map[byte]int32{}
			}
			s.nodes[at].next[text[i]] = to
		}
		at = to
	}
	s.nodes[at].token = int32(len(s.tokens))
	s.tokens = append(s.tokens, tok)
}

// find returns the leftmost, longest token at or after from; ok is false if there is none.
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
		at, best := int32(0), int32(-1)
		for j := i; j < len(text); j++ {
			to, ok := s.nodes[at].next[text[j]]
			if !ok {
				break
			}
			at = to
			if s.nodes[at].token >= 0 {
				best, end = s.nodes[at].token, j+1
			}
		}
		if best >= 0 {
			return i, end, &s.tokens[best]
		}
	}
	return 0, 0, nil
}

// split cuts a text at the added tokens: emit gets the parts between them with id -1 and the tokens with their ids, in order.
// first is true for what begins the text. White space that a token strips belongs to the token.
func (s *addedSet) split(text string, emit func(part string, id int32, first bool)) {
	done := 0 // bytes emitted
	if s != nil && len(s.tokens) > 0 {
		for from := 0; ; {
			start, end, tok := s.find(text, from)
			if tok == nil {
				break
			}
			from = end
			if tok.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
				continue
			}
			if tok.LStrip {
				start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
			}
			if tok.RStrip {
				end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
			}
			if done < start {
				emit(text[done:start], -1, done == 0)
			}
			emit(text[start:end], tok.ID, start == 0)
			done, from = end, end
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
