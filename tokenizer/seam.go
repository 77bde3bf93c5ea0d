package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Seam says how a prompt and its completion meet. Training, evaluation and generation use the same, or a model is asked in another
// way than it was taught. The zero value is SeamAuto.
type Seam string

// The seams.
const (
	SeamAuto  Seam = "auto"  // as SeamExact where white space stands at the joint; else one space, or none between scripts without spaces
	SeamExact Seam = "exact" // the two texts end to end: nothing is removed, nothing added
	SeamSpace Seam = "space" // white space at the joint is removed, and one space put there
)

// Joined is a prompt and a completion that meet.
type Joined struct {
	Prompt, Completion string // what is kept of the two texts
	Space              bool   // one space is put between them
}

// Text is the whole text.
func (j Joined) Text() string {
	if j.Space && j.Completion != "" {
		return j.Prompt + " " + j.Completion
	}
	return j.Prompt + j.Completion
}

// Join lets a prompt and a completion meet. With SeamAuto all white space at the joint is kept and nothing is added; where there
// is none, one space is, except between two characters of scripts that are written without spaces between words. An empty prompt
// counts as one without white space. White space at the completion's end is always kept.
//
// An end id that the completion spells at its end is taken away with the white space after it, because the caller adds it (see
// [Tokenizer.CutEnd]); so are the ids that begin a document, if the prompt is empty and the completion spells them. Except with
// SeamExact a completion of white space alone becomes empty: it is no answer.
func (t *Tokenizer) Join(prompt, completion string, seam Seam) Joined {
	completion, _ = t.CutEnd(completion)
	if prompt == "" {
		for _, id := range t.prefix {
			rest, ok := strings.CutPrefix(completion, t.Piece(id))
			if !ok {
				break
			}
			completion = rest
		}
	}
	if seam != SeamExact && strings.TrimSpace(completion) == "" {
		completion = ""
	}
	switch seam {
	case SeamExact:
		return Joined{prompt, completion, false}
	case SeamSpace:
		return Joined{strings.TrimRightFunc(prompt, unicode.IsSpace), strings.TrimLeftFunc(completion, unicode.IsSpace), true}
	}
	last, _ := utf8.DecodeLastRuneInString(prompt)
	first, _ := utf8.DecodeRuneInString(completion)
	written := unicode.IsSpace(last) || unicode.IsSpace(first)
	return Joined{prompt, completion, !written && !(endsWithoutSpaces(prompt) && beginsWithoutSpaces(completion))}
}

// EncodeJoined tokenises a prompt and its completion apart, so that no id crosses the joint and the prompt's ids are those of
// [Tokenizer.EncodePrompt]. A space between them belongs to the completion; with SentencePiece it is the prefix space of the
// normaliser. Without one the completion is tokenised as the continuation of the prompt. No end id is added. An empty completion
// gives no ids.
func (t *Tokenizer) EncodeJoined(j Joined) (promptIDs, completionIDs []int32) {
	switch {
	case j.Completion == "":
		return t.EncodePrompt(j.Prompt), nil
	case j.Space:
		return t.EncodePrompt(j.Prompt), t.Encode(t.space+j.Completion, false)
	}
	parts := t.EncodeParts([]string{j.Prompt, j.Completion})
	return t.begin(parts[0]), parts[1]
}

// EncodeCompletion tokenises a prompt and its completion apart: [Tokenizer.EncodeJoined] of [Tokenizer.Join].
func (t *Tokenizer) EncodeCompletion(prompt, completion string, seam Seam) (promptIDs, completionIDs []int32) {
	return t.EncodeJoined(t.Join(prompt, completion, seam))
}

// EncodePrompt returns the ids of a text that a model continues: Prefix, unless the text spells it itself, then the text. An id
// that the post-processor puts after a text is left out: it would tell the model that the text has ended.
func (t *Tokenizer) EncodePrompt(text string) []int32 { return t.begin(t.Encode(text, false)) }

// Prefix are the ids that begin every document, in most models BOS or none: those that the post-processor puts before a text.
// The slice must not be changed.
func (t *Tokenizer) Prefix() []int32 { return t.prefix }

// CutPrefix returns the ids of a text without those of Prefix that the text spells itself at its beginning.
func (t *Tokenizer) CutPrefix(ids []int32) []int32 {
	n := 0
	for n < len(t.prefix) && n < len(ids) && ids[n] == t.prefix[n] {
		n++
	}
	return ids[n:]
}

// begin puts Prefix before the ids of a text.
func (t *Tokenizer) begin(ids []int32) []int32 { return slices.Concat(t.prefix, t.CutPrefix(ids)) }

// CutEnd takes away the end-of-text token that a text spells at its end, and white space after it, which is never generated. A
// text without the token stays as it is.
func (t *Tokenizer) CutEnd(text string) (rest string, cut bool) {
	if !t.IsSpecial(t.eos) || t.Piece(t.eos) == "" {
		return text, false
	}
	if rest, cut = strings.CutSuffix(strings.TrimRightFunc(text, unicode.IsSpace), t.Piece(t.eos)); !cut {
		return text, false
	}
	return rest, true
}

// Scripts that are written without spaces between words: those with ideographs or syllables of their own, those of line breaking
// class SA in Unicode (South-East Asia), Tibetan, Javanese and Balinese.
var withoutSpaces = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi, unicode.Tangut, unicode.Nushu, unicode.Khitan_Small_Script,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet, unicode.Ahom,
	unicode.Tibetan, unicode.Javanese, unicode.Balinese,
	{
		R16: []unicode.Range16{ // their signs that Unicode counts to no script
			{Lo: 0x0E3F, Hi: 0x0E3F, Stride: 1},                                      // baht
			{Lo: 0x200B, Hi: 0x200B, Stride: 1},                                      // zero width space: the end of a word in Thai and Khmer
			{Lo: 0x2FF0, Hi: 0x2FFF, Stride: 1},                                      // ideographic description
			{Lo: 0x3001, Hi: 0x303F, Stride: 1},                                      // CJK punctuation, without the ideographic space
			{Lo: 0x30A0, Hi: 0x30A0, Stride: 1}, {Lo: 0x30FB, Hi: 0x30FC, Stride: 1}, // kana punctuation
			{Lo: 0x3190, Hi: 0x31FF, Stride: 1},                                      // kanbun, strokes
			{Lo: 0x3220, Hi: 0x325F, Stride: 1}, {Lo: 0x3280, Hi: 0x33FF, Stride: 1}, // enclosed ideographs, squared words, months
			{Lo: 0xFE10, Hi: 0xFE1F, Stride: 1}, {Lo: 0xFE30, Hi: 0xFE6F, Stride: 1}, // vertical and small forms
			{Lo: 0xFF01, Hi: 0xFF9F, Stride: 1}, {Lo: 0xFFE0, Hi: 0xFFE6, Stride: 1}, // full-width forms, half-width katakana
		},
		R32: []unicode.Range32{{Lo: 0x1F200, Hi: 0x1F2FF, Stride: 1}}, // enclosed ideographs
	},
}

// lookedThrough are characters that belong to the text around them: combining marks, variation selectors, and the quotation marks,
// dashes and dots that Chinese shares with European languages.
var lookedThrough = []*unicode.RangeTable{
	unicode.Inherited,
	{
		R16: []unicode.Range16{
			{Lo: 0x00B7, Hi: 0x00B7, Stride: 1}, {Lo: 0x2014, Hi: 0x2015, Stride: 1}, {Lo: 0x2018, Hi: 0x201F, Stride: 1}, {Lo: 0x2025, Hi: 0x2026, Stride: 1},
		},
		LatinOffset: 1,
	},
}

func endsWithoutSpaces(text string) bool {
	for text != "" {
		r, n := utf8.DecodeLastRuneInString(text)
		if !unicode.In(r, lookedThrough...) {
			return unicode.In(r, withoutSpaces...)
		}
		text = text[:len(text)-n]
	}
	return false
}

func beginsWithoutSpaces(text string) bool {
	for _, r := range text {
		if !unicode.In(r, lookedThrough...) {
			return unicode.In(r, withoutSpaces...)
		}
	}
	return false
}
