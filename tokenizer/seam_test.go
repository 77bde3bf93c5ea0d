package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// How texts meet. A joint is shown as | where nothing is between, and as _ where a space is put.
func TestJoin(t *testing.T) {
	tok := byteLevel(t)
	show := func(j Joined) string {
		if j.Space {
			return j.Prompt + "_" + j.Completion
		}
		return j.Prompt + "|" + j.Completion
	}
	for _, c := range []struct{ prompt, completion, auto, exact, space string }{
		{"Q: a", "b", "Q: a_b", "Q: a|b", "Q: a_b"},
		{"Q: a ", "b", "Q: a |b", "Q: a |b", "Q: a_b"},
		{"Q: a", " b", "Q: a| b", "Q: a| b", "Q: a_b"},
		{"Q: a \n", "\n b\n", "Q: a \n|\n b\n", "Q: a \n|\n b\n", "Q: a_b\n"},
		{"def f(x):\n", "    return x\n", "def f(x):\n|    return x\n", "def f(x):\n|    return x\n", "def f(x):_return x\n"},
		{"a\t", "b", "a\t|b", "a\t|b", "a_b"},
		{"a\n\n", "b", "a\n\n|b", "a\n\n|b", "a_b"},
		{"a\r\n", "b", "a\r\n|b", "a\r\n|b", "a_b"},
		{"a", "\r\nb", "a|\r\nb", "a|\r\nb", "a_b"},
		{"a\u00a0", "b", "a\u00a0|b", "a\u00a0|b", "a_b"},
		{"问\u3000", "b", "问\u3000|b", "问\u3000|b", "问_b"},
		{"", "b", "_b", "|b", "_b"},
		{"", "\nb", "|\nb", "|\nb", "_b"},
		{"\n", "b", "\n|b", "\n|b", "_b"},
		{"a", "", "a_", "a|", "a_"},
		{"a", " \n", "a_", "a| \n", "a_"},

		{"北京在哪里？", "在中国。", "北京在哪里？|在中国。", "北京在哪里？|在中国。", "北京在哪里？_在中国。"},
		{"答：", "“是”", "答：|“是”", "答：|“是”", "答：_“是”"},
		{"他说“", "好", "他说“|好", "他说“|好", "他说“_好"},
		{"かな", "カナ", "かな|カナ", "かな|カナ", "かな_カナ"},
		{"か\u3099", "ー", "か\u3099|ー", "か\u3099|ー", "か\u3099_ー"},
		{"葛\U000E0100", "城", "葛\U000E0100|城", "葛\U000E0100|城", "葛\U000E0100_城"},
		{"ไทย", "คำ", "ไทย|คำ", "ไทย|คำ", "ไทย_คำ"},
		{"ลาว", "ລາວ", "ลาว|ລາວ", "ลาว|ລາວ", "ลาว_ລາວ"},
		{"ខ្មែរ\u200b", "ភាសា", "ខ្មែរ\u200b|ភាសា", "ខ្មែរ\u200b|ភាសា", "ខ្មែរ\u200b_ភាសា"},
		{"မြန်မာ", "စာ", "မြန်မာ|စာ", "မြန်မာ|စာ", "မြန်မာ_စာ"},
		{"བོད་", "ཡིག", "བོད་|ཡིག", "བོད་|ཡིག", "བོད་_ཡིག"},
		{"中文", "word", "中文_word", "中文|word", "中文_word"},
		{"word", "中文", "word_中文", "word|中文", "word_中文"},
		{"한국어", "단어", "한국어_단어", "한국어|단어", "한국어_단어"},
		{"हिन्दी", "शब्द", "हिन्दी_शब्द", "हिन्दी|शब्द", "हिन्दी_शब्द"},
		{"“a”", "“b”", "“a”_“b”", "“a”|“b”", "“a”_“b”"},
		{"2024", "年", "2024_年", "2024|年", "2024_年"},
	} {
		for seam, want := range map[Seam]string{SeamAuto: c.auto, "": c.auto, SeamExact: c.exact, SeamSpace: c.space} {
			if got := show(tok.Join(c.prompt, c.completion, seam)); got != want {
				t.Errorf("%s: %q and %q meet as %q, want %q", seam, c.prompt, c.completion, got, want)
			}
		}
	}
}

func TestEncodeCompletion(t *testing.T) {
	bytes, sentence := byteLevel(t), sentencePiece(t, nil)
	p, c := bytes.EncodeCompletion("the cat \n", "\n sat ", SeamSpace)
	if !slices.Equal(p, bytes.Encode("the cat", false)) || !slices.Equal(c, bytes.Encode(" sat ", false)) {
		t.Errorf("byte-level: %v %v", p, c)
	}
	if got := bytes.Decode(slices.Concat(p, c), false); got != "the cat sat " {
		t.Errorf("byte-level: %q", got)
	}
	p, c = sentence.EncodeCompletion("ab  ", " abc", SeamSpace)
	if !slices.Equal(p, []int32{1, 265}) || !slices.Equal(c, []int32{265, 262}) {
		t.Errorf("SentencePiece: %v %v", p, c)
	}
	if p, c = sentence.EncodeCompletion("ab", "abc", SeamAuto); !slices.Equal(p, []int32{1, 265}) || !slices.Equal(c, []int32{265, 262}) {
		t.Errorf("SentencePiece, a space: %v %v", p, c)
	}
	if p, c = sentence.EncodeCompletion("ab ", "abc", SeamAuto); !slices.Equal(p, []int32{1, 265, 259}) || !slices.Equal(c, []int32{264, 262}) {
		t.Errorf("SentencePiece, as written: %v %v", p, c)
	}
	if p, c = sentence.EncodeCompletion("ab", "abc", SeamExact); !slices.Equal(p, []int32{1, 265}) || !slices.Equal(c, []int32{264, 262}) {
		t.Errorf("SentencePiece, exact: %v %v", p, c) // no prefix space in the middle of a text
	}
	bare := sentencePiece(t, func(s object) {
		s["normalizer"] = object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"}
	})
	if _, c = bare.EncodeCompletion("ab", "ab", SeamAuto); !slices.Equal(c, []int32{265}) {
		t.Errorf("without a prefix space: %v", c)
	}
	if p, c = sentence.EncodeCompletion("", " \n", SeamAuto); !slices.Equal(p, []int32{1}) || len(c) != 0 {
		t.Errorf("nothing: %v %v", p, c)
	}
}

// Ids of a document's beginning and end that the texts spell are not doubled.
func TestSpelledMarks(t *testing.T) {
	tok := sentencePiece(t, nil)
	for _, c := range []struct {
		prompt, completion string
		p, c               []int32
	}{
		{"<s>ab", "ab</s>", []int32{1, 265}, []int32{265}},
		{"<s>ab", "ab</s> \n", []int32{1, 265}, []int32{265}},
		{"", "<s>ab</s>", []int32{1}, []int32{265}},
		{"<s>", "ab", []int32{1}, []int32{265}},
		{"ab", "a</s>ab", []int32{1, 265}, []int32{263, 2, 265}},        // in the middle it is text
		{"<s>ab<s>", "ab", []int32{1, 265, 1}, []int32{265}},            // so is this
		{"<s><s>ab", "ab</s></s>", []int32{1, 1, 265}, []int32{265, 2}}, // what the text doubles itself stays doubled
	} {
		p, a := tok.EncodeCompletion(c.prompt, c.completion, SeamAuto)
		if !slices.Equal(p, c.p) || !slices.Equal(a, c.c) {
			t.Errorf("%q and %q: %v %v, want %v %v", c.prompt, c.completion, p, a, c.p, c.c)
		}
	}
	for text, want := range map[string]string{"ab</s>": "ab", "ab </s>\n\n": "ab ", "ab": "ab", "</s>ab\n": "</s>ab\n", "</s>": ""} {
		if got, cut := tok.CutEnd(text); got != want || cut != (got != text) {
			t.Errorf("%q without its end: %q, %v", text, got, cut)
		}
	}
	none := parse(t, marshal(t, sentencePieceSpec()), []byte(`{"eos_token": null}`))
	if got, cut := none.CutEnd("ab</s>"); got != "ab</s>" || cut {
		t.Errorf("without an end id: %q, %v", got, cut)
	}
}

// A post-processor that puts other ids than BOS before a text, or several, begins prompts too.
func TestPrefix(t *testing.T) {
	two := func(s object) {
		single := s["post_processor"].(object)["single"].([]object)
		s["post_processor"].(object)["single"] = slices.Insert(single, 1, object{"SpecialToken": object{"id": "<unk>", "type_id": 0}})
		s["post_processor"].(object)["special_tokens"].(object)["<unk>"] = object{"id": "<unk>", "ids": []int{0}, "tokens": []string{"<unk>"}}
	}
	spec := sentencePieceSpec()
	two(spec)
	for config, want := range map[string][]int32{
		`{}`: {1, 0}, `{"bos_token": "<unk>"}`: {1, 0}, `{"bos_token": null}`: {1, 0}, `{"add_bos_token": false}`: {0},
	} {
		tok := parse(t, marshal(t, spec), []byte(config))
		whole := tok.Encode("ab", true)
		if !slices.Equal(tok.Prefix(), want) || !slices.Equal(tok.EncodePrompt("ab"), whole) || !slices.Equal(whole, append(slices.Clone(want), 265)) {
			t.Errorf("%s: prefix %v, prompt %v, text %v, want %v first", config, tok.Prefix(), tok.EncodePrompt("ab"), whole, want)
		}
	}
	tok := parse(t, marshal(t, spec), nil)
	for text, want := range map[string][]int32{"<s><unk>ab": {1, 0, 265}, "<s>ab": {1, 0, 265}, "<unk>ab": {1, 0, 0, 265}, "": {1, 0}} {
		if got := tok.EncodePrompt(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// The ids of prompt and completion spell the joined text, and the prompt's are those that generation starts from.
func TestJoinedIDsSpellTheText(t *testing.T) {
	metaspace := func(scheme string, strip int) func(object) {
		return func(s object) {
			s["normalizer"] = nil
			s["pre_tokenizer"] = object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true}
			s["decoder"].(object)["decoders"].([]object)[3]["start"] = strip
		}
	}
	data, err := Train(slices.Values([]string{"the cat\n  sat\t\t北京 在哪里？"}), TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	toks := map[string]*Tokenizer{
		"bytes": parse(t, data, nil), "Prepend": sentencePiece(t, nil), "always": sentencePiece(t, metaspace("always", 1)),
		"first": sentencePiece(t, metaspace("first", 1)), "never": sentencePiece(t, metaspace("never", 0)),
	}
	pieces := []string{" ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "a", "ab", "c", "cat", "é", "北", "京。", "？", "“", "한", "👩‍👧", "x\u0301"}
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		prompt, completion := text.Draw(t, "prompt"), text.Draw(t, "completion")
		seam := rapid.SampledFrom([]Seam{SeamAuto, SeamExact, SeamSpace}).Draw(t, "seam")
		for name, tok := range toks {
			j := tok.Join(prompt, completion, seam)
			p, c := tok.EncodeCompletion(prompt, completion, seam)
			got, want := tok.Decode(slices.Concat(p, c), true), j.Text()
			if !tok.ByteLevel() { // a space that begins the whole text may be the prefix space, which decoding removes
				got, want = strings.TrimLeft(got, " "), strings.TrimLeft(want, " ")
			}
			if got != want {
				t.Fatalf("%s, %s: %q and %q become %q, want %q", name, seam, prompt, completion, got, want)
			}
			if !slices.Equal(p, tok.EncodePrompt(j.Prompt)) || seam != SeamSpace && j.Prompt != prompt {
				t.Fatalf("%s, %s: %q: %v, generation begins with %v", name, seam, prompt, p, tok.EncodePrompt(j.Prompt))
			}
		}
	})
}
