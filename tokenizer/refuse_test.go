package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// Everything that is not supported is refused with its name and its place.
func TestRefuses(t *testing.T) {
	growing := object{"type": "Replace", "pattern": object{"String": "a"}, "content": strings.Repeat("b", 20)}
	one := func(field string, component object) func(object) {
		return func(s object) { s[field] = component }
	}
	model := func(field string, value any) func(object) {
		return func(s object) { s["model"].(object)[field] = value }
	}
	for want, change := range map[string]func(object){
		`normalizer: type "ByteLevel"`:                              one("normalizer", object{"type": "ByteLevel"}),
		`normalizer: normalizers[1]: type "Odd"`:                    one("normalizer", object{"type": "Sequence", "normalizers": []object{{"type": "NFC"}, {"type": "Odd"}}}),
		`normalizer: Precompiled: precompiled_charsmap: is missing`: one("normalizer", object{"type": "Precompiled", "precompiled_charsmap": ""}),
		`normalizer: Precompiled: precompiled_charsmap: the trie`:   one("normalizer", object{"type": "Precompiled", "precompiled_charsmap": "//8AAAA="}),
		`normalizer: type is missing`:                               one("normalizer", object{}),
		`normalizer: Replace: pattern`:                              one("normalizer", object{"type": "Replace", "content": ""}),
		`normalizer: NFC: json: unknown field "odd"`:                one("normalizer", object{"type": "NFC", "odd": 1}),
		`pre_tokenizer: type "UnicodeScripts"`:                      one("pre_tokenizer", object{"type": "UnicodeScripts"}),
		`pre_tokenizer: Whitespace: json: unknown`:                  one("pre_tokenizer", object{"type": "Whitespace", "odd": 1}),
		`pre_tokenizer: CharDelimiterSplit: delim`:                  one("pre_tokenizer", object{"type": "CharDelimiterSplit", "delimiter": "ab"}),
		`pre_tokenizer: Split: behavior "Odd"`:                      one("pre_tokenizer", object{"type": "Split", "pattern": object{"String": " "}, "behavior": "Odd"}),
		`pre_tokenizer: Split: regex "(a"`:                          one("pre_tokenizer", object{"type": "Split", "pattern": object{"Regex": "(a"}, "behavior": "Isolated"}),
		`pre_tokenizer: pretokenizers[1]: Metaspace after ByteLevel`: one("pre_tokenizer", object{"type": "Sequence", "pretokenizers": []object{
			{"type": "ByteLevel"}, {"type": "Metaspace", "replacement": "▁"}}}),
		`pre_tokenizer: Metaspace: prepend_scheme "odd"`:  one("pre_tokenizer", object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "odd"}),
		`post_processor: type "BertProcessing"`:           one("post_processor", object{"type": "BertProcessing"}),
		`post_processor: TemplateProcessing: single: the`: one("post_processor", object{"type": "TemplateProcessing", "single": []object{}}),
		`post_processor: TemplateProcessing: single[0]: "<x>"`: one("post_processor", object{"type": "TemplateProcessing", "single": []object{
			{"SpecialToken": object{"id": "<x>", "type_id": 0}}}}),
		`decoder: type "WordPiece"`:                   one("decoder", object{"type": "WordPiece"}),
		`decoder: decoders[0]: type "CTC"`:            one("decoder", object{"type": "Sequence", "decoders": []object{{"type": "CTC"}}}),
		`decoder: Strip: want a content`:              one("decoder", object{"type": "Strip", "content": "", "start": 1, "stop": 0}),
		`model: type "WordPiece"`:                     model("type", "WordPiece"),
		`model: Unigram: vocab: [0]: want ["piece"`:   one("model", object{"type": "Unigram", "unk_id": 0, "vocab": [][]any{{"a"}}}),
		`model: Unigram: vocab: [0]: want ["pi`:       one("model", object{"type": "Unigram", "unk_id": 0, "vocab": [][]any{{"a", "1"}}}),
		`model: Unigram: vocab: [0]: the score 1e999`: one("model", object{"type": "Unigram", "unk_id": 0, "vocab": []any{[]any{"b", json.RawMessage("1e999")}}}),
		`model: unk_id is missing`:                    one("model", object{"type": "Unigram", "unk_id": nil, "vocab": [][]any{{"a", 1}}}),
		`model: unk_id 1 is not in vocab`:             one("model", object{"type": "Unigram", "unk_id": 1, "vocab": [][]any{{"a", 1}}}),
		`model: vocab: "a" has two ids`:               one("model", object{"type": "Unigram", "unk_id": 0, "vocab": [][]any{{"a", 1}, {"a", 2}}}),
		`model: vocab: [1]: a piece has 5000`:         one("model", object{"type": "Unigram", "unk_id": 0, "vocab": [][]any{{"a", 1}, {strings.Repeat("a", 5000), 2}}}),
		`model: unk_token "<odd>" is not in`:          one("model", object{"type": "WordLevel", "unk_token": "<odd>", "vocab": object{"a": 0}}),
		`model: dropout 0.1`:                          model("dropout", 0.1),
		`model: continuing_subword_prefix "##"`:       model("continuing_subword_prefix", "##"),
		`model: end_of_word_suffix "</w>"`:            model("end_of_word_suffix", "</w>"),
		`model: unk_token "<odd>"`: func(s object) {
			s["model"].(object)["unk_token"], s["model"].(object)["byte_fallback"] = "<odd>", false
		},
		`model: merges[0]: the piece "ac"`: model("merges", []string{"a c"}),
		`merges[0]: "a b c"`:               model("merges", []string{"a b c"}),
		`merges[0]: 1 pieces, want 2`:      model("merges", [][]string{{"a"}}),
		`"a" and "b" both have id 3`:       model("vocab", object{"a": 3, "b": 3}),
		`"far": id 1000000000`:             model("vocab", object{"far": 1000000000}),
		`normalizer: normalizers[2]: Replace: texts may become more than 1024 times as long`: one("normalizer", object{"type": "Sequence", "normalizers": []object{
			growing, growing, growing}}),
		`decoder: decoders[2]: Replace: texts may become`: one("decoder", object{"type": "Sequence", "decoders": []object{growing, growing, growing}}),
		`Regex has 20000 bytes`:                           one("normalizer", object{"type": "Replace", "pattern": object{"Regex": strings.Repeat("a", 20000)}, "content": ""}),
		`pretokenizers[12]: more than 12 steps`:           one("pre_tokenizer", object{"type": "Sequence", "pretokenizers": slices.Repeat([]object{{"type": "Punctuation"}}, 13)}),
		`nested deeper than 16 levels`:                    one("extra", object{"a": json.RawMessage(strings.Repeat("[", 15) + strings.Repeat("]", 15))}),
		`special tokens around a text`: one("post_processor", object{"type": "TemplateProcessing",
			"single":         []object{{"SpecialToken": object{"id": "<s>", "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}},
			"special_tokens": object{"<s>": object{"id": "<s>", "ids": make([]int, 300), "tokens": []string{}}}}),
		`added_tokens: [0]: content has 5000 bytes`: func(s object) { s["added_tokens"] = []object{{"id": 999, "content": strings.Repeat("a", 5000)}} },
		`model: is missing`:                         func(s object) { delete(s, "model") },
		`added_tokens: [0]: "<s>" has id 5, but 1`:  func(s object) { s["added_tokens"] = []object{{"id": 5, "content": "<s>"}} },
		`added_tokens: [0]: "<x>" has id 1`:         func(s object) { s["added_tokens"] = []object{{"id": 1, "content": "<x>"}} },
		`added_tokens: [0]: content is empty`:       func(s object) { s["added_tokens"] = []object{{"id": 999, "content": ""}} },
	} {
		spec := sentencePieceSpec()
		change(spec)
		_, err := Parse(marshal(t, spec), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "tokenizer.json: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant tokenizer.json: … %s", err, want)
		}
	}
}

// heapAllocs is the number of bytes that the process has allocated so far.
func heapAllocs() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

const (
	fuzzInput  = 1 << 20  // files up to here …
	fuzzMemory = 64 << 20 // … may make Parse allocate this much in all
)

// Files of nearly 1 MB, each made to take as much memory as possible.
func TestParseMemory(t *testing.T) {
	entry := func(format string, n int) string { // ids 0, 1 and 2 are taken
		var b strings.Builder
		for i := 3; b.Len() < n; i++ {
			if i > 3 {
				b.WriteByte(',')
			}
			if strings.Contains(format, "%") {
				fmt.Fprintf(&b, format, i)
			} else {
				b.WriteString(format)
			}
		}
		return b.String()
	}
	const n = 1_000_000
	file := func(vocab, merges, added, rest string) string {
		return `{"added_tokens": [` + added + `], "model": {"type": "BPE", "vocab": {` + vocab + `}, "merges": [` + merges + `]}` + rest + `}`
	}
	byteLevel := `, "pre_tokenizer": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"}`
	ab := `"a": 0, "b": 1, "ab": 2`
	for name, data := range map[string]string{
		"pieces":               file(entry(`"%[1]x":%[1]d`, n), "", "", ""),
		"byte-level pieces":    file(entry(`"%[1]x":%[1]d`, n), "", "", byteLevel),
		"merges as lines":      file(ab, entry(`"a b"`, n), "", ""),
		"merges as pairs":      file(ab, entry(`["a","b"]`, n), "", ""),
		"short added tokens":   file(ab, "", entry(`{"id":%[1]d,"content":"<%[1]x"}`, n), byteLevel),
		"long added tokens":    file(ab, "", entry(`{"id":%[1]d,"content":"%04000[1]x"}`, n), ""),
		"normalized":           file(ab, "", entry(`{"id":%[1]d,"content":"<%[1]x","normalized":true}`, n), `, "normalizer": {"type": "Prepend", "prepend": "`+strings.Repeat("a", 1000)+`"}`),
		"nested":               strings.Repeat(`{"type":"Sequence","normalizers":[`, 30000),
		"nested with a tail":   file(ab, "", "", `, "normalizer": `+strings.Repeat(`{"type":"Sequence","normalizers":[`, 7)+`{"type":"Prepend","prepend":"`+strings.Repeat("a", n)+`"}`+strings.Repeat("]}", 7)),
		"normalizers":          file(ab, "", "", `, "normalizer": {"type": "Sequence", "normalizers": [`+entry(`{"type":"NFC"}`, n)+`]}`),
		"one normalizer often": file(ab, "", "", `, "normalizer": {"type": "Sequence", "normalizers": [`+entry(`{"type":"Strip"}`, n)+`]}`),
		"regexes":              file(ab, "", "", `, "decoder": {"type": "Sequence", "decoders": [`+entry(`{"type":"Replace","pattern":{"Regex":"(?i:\\p{L}|%x)"},"content":""}`, n)+`]}`),
		"one regex":            file(ab, "", "", `, "pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "`+strings.Repeat(`(?i:[^\\p{L}k])`, 1000)+`"}}`),
		"rewritten regex":      file(ab, "", "", `, "pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "`+strings.Repeat(`\\b`, 45)+`"}}`),
		"template":             file(ab, "", "", `, "post_processor": {"type": "TemplateProcessing", "special_tokens": {"a": {"id": "a", "ids": [`+entry("0", n/2)+`]}}, "single": [`+entry(`{"SpecialToken":{"id":"a"}}`, n/2)+`]}`),
		"scored pieces":        `{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0],` + entry(`["%[1]x",-1]`, n) + `]}}`,
		"words":                `{"model": {"type": "WordLevel", "unk_token": "a", "vocab": {` + ab + "," + entry(`"%[1]x%[1]x":%[1]d`, n) + `}}}`,
		"replacements":         file(ab, "", "", `, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "`+base64.StdEncoding.EncodeToString(append([]byte{4, 0, 0, 0, 0, 0, 0, 0}, make([]byte, n*3/4)...))+`"}`),
		"decoders":             file(ab, "", "", `, "decoder": {"type": "Sequence", "decoders": [`+entry(`{"type":"Fuse"}`, n)+`]}`),
	} {
		if len(data) > fuzzInput+1<<16 {
			t.Fatalf("%s: %d bytes", name, len(data))
		}
		before := heapAllocs()
		_, err := Parse([]byte(data), nil)
		used := heapAllocs() - before
		t.Logf("%s: %d bytes, %d MB, error %.100v", name, len(data), used>>20, err)
		if used > fuzzMemory {
			t.Errorf("%s: %d bytes take %d MB", name, len(data), used>>20)
		}
	}
}

// No input makes Parse, Encode or Decode panic, and the memory that Parse allocates is bounded by the size of the file.
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
	small(`{"type": "BertNormalizer"}`, `{"type": "BertPreTokenizer"}`, `null`)
	small(`{"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "StripAccents"}]}`, `{"type": "CharDelimiterSplit", "delimiter": "b"}`, `null`)
	f.Add([]byte(`{"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": [["<unk>", 0], ["a", -1.5], ["ab", -2e-3], ["<0xC3>", 0]]}}`), []byte(`{}`))
	f.Add([]byte(`{"pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "ab": 7}}}`), []byte(`{}`))
	f.Add([]byte(`{"pre_tokenizer": {"type": "ByteLevel"}, "model": {"type": "Unigram", "unk_id": 1, "vocab": [["Ġ", 0], ["a", -1.5]]}}`), []byte(`{}`))
	f.Add(boxFile(f, "unigram", "tokenizer.json"), []byte(`{}`))
	f.Fuzz(func(t *testing.T, data, config []byte) {
		if strings.Contains(string(data), "Regex") && len(data) > 600 {
			t.Skip() // matching a pattern may take very long; only small ones are tried
		}
		before := heapAllocs()
		tok, err := Parse(data, config)
		if used := heapAllocs() - before; used > fuzzMemory && len(data)+len(config) < fuzzInput {
			t.Fatalf("%d and %d bytes take %d MB", len(data), len(config), used>>20)
		}
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
			for _, seam := range []Seam{SeamAuto, SeamExact, SeamSpace} {
				tok.EncodeCompletion(text, text, seam)
			}
		}
	})
}
