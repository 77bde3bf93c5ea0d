package tokenizer

import (
	"strings"
	"testing"
)

// Whatever is not supported is refused with its name and its place.
func TestRefuses(t *testing.T) {
	one := func(field string, component object) func(object) {
		return func(s object) { s[field] = component }
	}
	model := func(field string, value any) func(object) {
		return func(s object) { s["model"].(object)[field] = value }
	}
	for want, change := range map[string]func(object){
		`normalizer: type "BertNormalizer"`:          one("normalizer", object{"type": "BertNormalizer"}),
		`normalizer: normalizers[1]: type "Nmt"`:     one("normalizer", object{"type": "Sequence", "normalizers": []object{{"type": "NFC"}, {"type": "Nmt"}}}),
		`normalizer: type is missing`:                one("normalizer", object{}),
		`normalizer: Replace: pattern`:               one("normalizer", object{"type": "Replace", "content": ""}),
		`normalizer: NFC: json: unknown field "odd"`: one("normalizer", object{"type": "NFC", "odd": 1}),
		`pre_tokenizer: type "Whitespace"`:           one("pre_tokenizer", object{"type": "Whitespace"}),
		`pre_tokenizer: Split: behavior "Odd"`:       one("pre_tokenizer", object{"type": "Split", "pattern": object{"String": " "}, "behavior": "Odd"}),
		`pre_tokenizer: Split: regex "(a"`:           one("pre_tokenizer", object{"type": "Split", "pattern": object{"Regex": "(a"}, "behavior": "Isolated"}),
		`pre_tokenizer: pretokenizers[1]: Digits behind ByteLevel`: one("pre_tokenizer", object{"type": "Sequence", "pretokenizers": []object{
			{"type": "ByteLevel"}, {"type": "Digits", "individual_digits": true}}}),
		`pre_tokenizer: Metaspace: prepend_scheme "odd"`:  one("pre_tokenizer", object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "odd"}),
		`post_processor: type "BertProcessing"`:           one("post_processor", object{"type": "BertProcessing"}),
		`post_processor: TemplateProcessing: single: the`: one("post_processor", object{"type": "TemplateProcessing", "single": []object{}}),
		`post_processor: TemplateProcessing: single[0]: "<x>"`: one("post_processor", object{"type": "TemplateProcessing", "single": []object{
			{"SpecialToken": object{"id": "<x>", "type_id": 0}}}}),
		`decoder: type "WordPiece"`:                one("decoder", object{"type": "WordPiece"}),
		`decoder: decoders[0]: type "CTC"`:         one("decoder", object{"type": "Sequence", "decoders": []object{{"type": "CTC"}}}),
		`decoder: Strip: want a content`:           one("decoder", object{"type": "Strip", "content": "", "start": 1, "stop": 0}),
		`model: type "Unigram"`:                    model("type", "Unigram"),
		`model: dropout 0.1`:                       model("dropout", 0.1),
		`model: continuing_subword_prefix "##"`:    model("continuing_subword_prefix", "##"),
		`model: end_of_word_suffix "</w>"`:         model("end_of_word_suffix", "</w>"),
		`model: unk_token "<odd>"`:                 model("unk_token", "<odd>"),
		`model: merges[0]: the piece "ac"`:         model("merges", []string{"a c"}),
		`merges[0]: "a b c"`:                       model("merges", []string{"a b c"}),
		`merges[0]: 1 pieces, want 2`:              model("merges", [][]string{{"a"}}),
		`model: byte_fallback: the piece "<0x00>"`: model("vocab", object{"<unk>": 0}),
		`"a" and "b" both have id 3`:               model("vocab", object{"a": 3, "b": 3}),
		`"far": id 1000000000`:                     model("vocab", object{"far": 1000000000}),
		`model: is missing`:                        func(s object) { delete(s, "model") },
		`added_tokens: [0]: "<s>" has id 5, but 1`: func(s object) { s["added_tokens"] = []object{{"id": 5, "content": "<s>"}} },
		`added_tokens: [0]: "<x>" has id 1`:        func(s object) { s["added_tokens"] = []object{{"id": 1, "content": "<x>"}} },
		`added_tokens: [0]: content is empty`:      func(s object) { s["added_tokens"] = []object{{"id": 999, "content": ""}} },
	} {
		spec := sentencePieceSpec()
		change(spec)
		_, err := Parse(marshal(t, spec), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "tokenizer.json: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant tokenizer.json: … %s", err, want)
		}
	}
}

// No bytes make Parse, Encode or Decode panic, and what it holds stays in proportion to the file.
func FuzzParse(f *testing.F) {
	spec := marshal(f, sentencePieceSpec())
	f.Add(spec, []byte(`{"bos_token": {"content": "<s>"}, "add_bos_token": true}`))
	small := func(normalizer, pre, decoder string) {
		f.Add([]byte(`{"added_tokens": [{"id": 5, "content": "<a>", "lstrip": true, "normalized": true}], "normalizer": `+normalizer+
			`, "pre_tokenizer": `+pre+`, "decoder": `+decoder+
			`, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "▁": 3}, "merges": ["a b"]}}`), []byte(`{"eos_token": null}`))
	}
	small(`{"type": "NFKC"}`, `{"type": "ByteLevel"}`, `{"type": "ByteLevel"}`)
	small(`{"type": "Replace", "pattern": {"Regex": "a?"}, "content": "b"}`, `{"type": "Split", "pattern": {"Regex": "b*"}, "behavior": "MergedWithNext"}`, `{"type": "Strip", "content": "a", "start": 1, "stop": 1}`)
	small(`{"type": "Strip", "strip_left": true}`, `{"type": "Metaspace", "replacement": "▁"}`, `{"type": "Metaspace", "replacement": "▁"}`)
	f.Fuzz(func(t *testing.T, data, config []byte) {
		if strings.Contains(string(data), "Regex") && len(data) > 600 {
			t.Skip() // a pattern may take as long as it likes; only small ones here
		}
		tok, err := Parse(data, config)
		if err != nil {
			return
		}
		if tok.VocabSize() > 4*len(data)+5000 {
			t.Fatalf("%d bytes give %d ids", len(data), tok.VocabSize())
		}
		for _, text := range []string{"", "ab <a> ba", "\xff▁é 12"} {
			ids := tok.Encode(text, true)
			for _, id := range ids {
				if id < 0 || int(id) >= tok.VocabSize() {
					t.Fatalf("%q: id %d of %d", text, id, tok.VocabSize())
				}
			}
			tok.Decode(ids, true)
			tok.EncodeCompletion(text, text)
		}
	})
}
