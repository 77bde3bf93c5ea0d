package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

type object = map[string]any

// byteLevel is a small trained byte-level vocabulary.
func byteLevel(t testing.TB) *Tokenizer {
	t.Helper()
	data, err := Train(slices.Values([]string{strings.Repeat("the cat sat on the mat, and that was that\n", 3)}), TrainOptions{VocabSize: 290})
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data, nil)
}

// sentencePieceSpec is a small tokenizer.json of Llama 2's form: ids 0 to 2 are special, 3 to 258 bytes, then pieces.
func sentencePieceSpec() object {
	vocab := object{"<unk>": 0, "<s>": 1, "</s>": 2}
	for b := range 256 {
		vocab[fmt.Sprintf("<0x%02X>", b)] = b + 3
	}
	for i, p := range []string{"▁", "a", "b", "c", "▁a", "ab", "▁ab", "▁▁", "bc"} {
		vocab[p] = 259 + i
	}
	special := func(id int, content string) object {
		return object{"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
	}
	return object{
		"version": "1.0", "truncation": nil, "padding": nil,
		"added_tokens": []object{special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")},
		"normalizer": object{"type": "Sequence", "normalizers": []object{
			{"type": "Prepend", "prepend": "▁"},
			{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		}},
		"pre_tokenizer": nil,
		"post_processor": object{
			"type":           "TemplateProcessing",
			"single":         []object{{"SpecialToken": object{"id": "<s>", "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}},
			"pair":           []object{{"Sequence": object{"id": "A", "type_id": 0}}, {"Sequence": object{"id": "B", "type_id": 1}}},
			"special_tokens": object{"<s>": object{"id": "<s>", "ids": []int{1}, "tokens": []string{"<s>"}}},
		},
		"decoder": object{"type": "Sequence", "decoders": []object{
			{"type": "Replace", "pattern": object{"String": "▁"}, "content": " "},
			{"type": "ByteFallback"}, {"type": "Fuse"},
			{"type": "Strip", "content": " ", "start": 1, "stop": 0},
		}},
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": "<unk>", "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": true, "byte_fallback": true, "ignore_merges": false, "vocab": vocab,
			"merges": []string{"a b", "▁ ab", "▁ a", "▁ ▁", "b c"},
		},
	}
}

func sentencePiece(t testing.TB, change func(object)) *Tokenizer {
	t.Helper()
	spec := sentencePieceSpec()
	if change != nil {
		change(spec)
	}
	return parse(t, marshal(t, spec), nil)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data, config []byte) *Tokenizer {
	t.Helper()
	tok, err := Parse(data, config)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// transformers sets add_prefix_space of a ByteLevel outside a Sequence to the value in tokenizer_config.json, and does not
// change it inside a Sequence.
func TestPrefixSpaceOfTheConfig(t *testing.T) {
	data, err := Train(slices.Values([]string{"a b a b c a"}), TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	pre := `"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": `
	with := []byte(strings.Replace(string(data), pre+"false", pre+"true", 1))
	var file object
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	file["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": []any{file["pre_tokenizer"]}}
	for _, c := range []struct {
		data   []byte
		config string
		want   string
	}{
		{data, `{}`, "a"}, {data, `{"add_prefix_space": null}`, "a"}, {data, `{"add_prefix_space": true}`, " a"}, {data, `{"add_prefix_space": false}`, "a"},
		{with, `{}`, " a"}, {with, `{"add_prefix_space": false}`, "a"}, {marshal(t, file), `{"add_prefix_space": true}`, "a"},
	} {
		tok := parse(t, c.data, []byte(c.config))
		if got := tok.Decode(tok.Encode("a", true), false); got != c.want || tok.PrefixSpace() != (c.want == " a") {
			t.Errorf("%s: %q, want %q; PrefixSpace %v", c.config, got, c.want, tok.PrefixSpace())
		}
	}
}

func TestRoundTrip(t *testing.T) {
	bytes, sentence := byteLevel(t), sentencePiece(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ToValidUTF8(rapid.String().Draw(t, "text"), "\ufffd")
		if back := bytes.Decode(bytes.Encode(text, true), false); back != text {
			t.Fatalf("byte-level: %q comes back as %q", text, back)
		}
		if strings.ContainsAny(text, "▁<") { // "▁" is a space to SentencePiece
			return
		}
		if back := sentence.Decode(sentence.Encode(text, true), true); back != text {
			t.Fatalf("SentencePiece: %q comes back as %q", text, back)
		}
	})
}

// Byte-level tokenizers lose nothing, with any pattern: not even bytes that are not UTF-8, which only Decode replaces.
func FuzzRoundTrip(f *testing.F) {
	var toks []*Tokenizer
	for _, pattern := range []string{GPT2Pattern, Llama3Pattern, Qwen2Pattern, `\p{Lu}?\p{Ll}+|\d{1,3}|\s+(?=\S)`} {
		data, err := Train(slices.Values([]string{strings.Repeat("The cat sat on the mat; it's 1,234 times that.\n\n", 3)}), TrainOptions{
			VocabSize: 300, Special: []string{"<|endoftext|>", "<|im_start|>"}, Pattern: pattern})
		if err != nil {
			f.Fatal(err)
		}
		toks = append(toks, parse(f, data, nil))
	}
	for _, s := range []string{"", "The cat's  mat\r\n\t", "<|im_start|>a<|endoftext|", "👩‍👩‍👧 e\u0301\u0301 क्षि ١٢٣ \u2028", "\xff\xe4\xb8 \xed\xa0\x80", strings.Repeat(" ", 300) + strings.Repeat("at", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, tok := range toks {
			if back := tok.Decode(tok.Encode(text, true), false); back != lossy([]byte(text)) {
				t.Fatalf("pattern %d: %q comes back as %q", i, text, back)
			}
		}
	})
}

func TestDecodeIsUTF8(t *testing.T) {
	bytes, sentence := byteLevel(t), sentencePiece(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Int32Range(-2, 300)).Draw(t, "ids")
		for _, tok := range []*Tokenizer{bytes, sentence} {
			if text := tok.Decode(ids, false); !utf8.ValidString(text) {
				t.Fatalf("%v: %q", ids, text)
			}
		}
	})
}

// The cases are those of Unicode 15, tables 3-8 to 3-11.
func TestLossy(t *testing.T) {
	for in, want := range map[string]string{
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41":        "????????A",
		"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41":        "????????A",
		"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42":        "?????A??B",
		"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41":        "????A",
		"é\xF0\x9F\x98":                               "é?",
		"\xEF\xBF\xBD":                                "?",
		"all is well: \xF0\x9F\x98\x80, \xE4\xB8\xAD": "all is well: 😀, 中",
	} {
		if got := lossy([]byte(in)); got != strings.ReplaceAll(want, "?", "\ufffd") {
			t.Errorf("%x: %q, want %q", in, got, want)
		}
	}
}

func TestSentencePieceIDs(t *testing.T) {
	tok := sentencePiece(t, nil)
	for text, want := range map[string][]int32{
		"":       {1},
		"ab":     {1, 265},
		"a":      {1, 263},
		" a":     {1, 259, 263}, // "▁a" has a lower rank than "▁▁"
		"abc":    {1, 265, 262},
		"bc":     {1, 259, 267},
		"é":      {1, 259, 3 + 0xC3, 3 + 0xA9},
		"a</s>a": {1, 263, 2, 263},
		"\xff":   {1, 259, 3 + 0xFF},
	} {
		if got := tok.Encode(text, true); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := tok.Decode([]int32{1, 265, 3 + 0xC3, 259, 3 + 0xC3, 3 + 0xA9}, true); got != "ab\ufffd é" {
		t.Errorf("decoded %q", got)
	}
}

func TestUnknownAndIgnoreMerges(t *testing.T) {
	unk := func(fuse bool) *Tokenizer {
		return sentencePiece(t, func(s object) {
			m := s["model"].(object)
			m["byte_fallback"], m["fuse_unk"] = false, fuse
		})
	}
	if got := unk(true).Encode("xyaz", false); !slices.Equal(got, []int32{259, 0, 260, 0}) {
		t.Errorf("fused: %v", got)
	}
	if got := unk(false).Encode("xyaz", false); !slices.Equal(got, []int32{259, 0, 0, 260, 0}) {
		t.Errorf("not fused: %v", got)
	}
	dropped := sentencePiece(t, func(s object) {
		m := s["model"].(object)
		m["byte_fallback"], m["unk_token"] = false, nil
	})
	if got := dropped.Encode("xa", false); !slices.Equal(got, []int32{263}) {
		t.Errorf("neither bytes nor unk: %v", got)
	}
	whole := sentencePiece(t, func(s object) {
		m := s["model"].(object)
		m["ignore_merges"], m["merges"] = true, []string{}
	})
	if got := whole.Encode("ab", false); !slices.Equal(got, []int32{265}) {
		t.Errorf("ignore_merges: %v", got)
	}
	pairs := sentencePiece(t, func(s object) {
		s["model"].(object)["merges"] = [][]string{{"a", "b"}, {"▁", "ab"}}
	})
	if got := pairs.Encode("ab", false); !slices.Equal(got, []int32{265}) {
		t.Errorf("merges as pairs: %v", got)
	}
}

// Falcon 3's steps. The steps after ByteLevel see the characters that stand for bytes, of which ² is a number. With GPT-2's
// vocabulary the ids equal those of tokenizers 0.22.2 for 423 texts.
func TestStepsBehindByteLevel(t *testing.T) {
	data, err := Train(slices.Values([]string{"a"}), TrainOptions{VocabSize: 257})
	if err != nil {
		t.Fatal(err)
	}
	var file object
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	file["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": []object{
		{"type": "Punctuation", "behavior": "Contiguous"}, {"type": "ByteLevel", "add_prefix_space": false},
		{"type": "Digits", "individual_digits": false}, {"type": "Split", "pattern": object{"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated"},
	}}
	tok := parse(t, marshal(t, file), nil)
	var got []string
	tok.pre.each("x12345, é²", true, func(word string) { got = append(got, word) })
	if want := []string{"x", "123", "45", ",", " é", "\xC2", "\xB2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Where every byte has an id nothing is unknown, and the reference accepts an unk_token that is not a piece.
func TestUnkTokenThatIsNeverNeeded(t *testing.T) {
	tok := sentencePiece(t, func(s object) { s["model"].(object)["unk_token"] = "<none>" })
	if got := tok.Encode("é", false); !slices.Equal(got, []int32{259, 3 + 0xC3, 3 + 0xA9}) {
		t.Errorf("fallback: %v", got)
	}
	data, err := Train(slices.Values([]string{"a b a b"}), TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	tok = parse(t, []byte(strings.Replace(string(data), `"unk_token": null`, `"unk_token": "<none>"`, 1)), nil)
	if got := tok.Decode(tok.Encode("é", false), false); got != "é" {
		t.Errorf("byte-level: %q", got)
	}
}

func TestAddedTokens(t *testing.T) {
	tok := sentencePiece(t, func(s object) {
		s["normalizer"] = object{"type": "Lowercase"}
		add := func(id int, content, flag string) {
			o := object{"id": id, "content": content, "special": false}
			if flag != "" {
				o[flag] = true
			}
			s["added_tokens"] = append(s["added_tokens"].([]object), o)
		}
		add(270, "[L]", "lstrip")
		add(271, "[R]", "rstrip")
		add(272, "[W]", "single_word")
		add(273, "[N]", "normalized")
		add(274, "[L][R]", "")
		add(275, " x", "")
	})
	const a, b, sp = 260, 261, 3 + ' '
	for text, want := range map[string][]int32{
		"a [L] b":       {a, 270, sp, b},
		"a [R] b":       {a, sp, 271, b},
		"a [L][R] b":    {a, sp, 274, sp, b}, // the longest
		"[R]  [L]":      {271, 270},
		"[R]  xa":       {271, 275, a}, // the second space belongs to both (ids of @huggingface/tokenizers 0.2.0)
		"a[W]":          {a, 3 + '[', 3 + 'w', 3 + ']'},
		"[W] [W].":      {272, sp, 272, 3 + '.'},
		"[n][N]":        {273, 273}, // found after the normalizer
		"[l]":           {3 + '[', 3 + 'l', 3 + ']'},
		"<s>a</s><unk>": {1, a, 2, 0},
	} {
		if got := tok.Encode(text, false); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// transformers makes tokens with a role in tokenizer_config.json special, even if tokenizer.json has them only in the
// vocabulary or without "special".
func TestTokensNamedByTheConfig(t *testing.T) {
	spec := sentencePieceSpec()
	spec["added_tokens"] = spec["added_tokens"].([]object)[:2]
	spec["added_tokens"].([]object)[1]["special"] = false
	const a = 260
	text := "a</s><s>bc"
	for config, want := range map[string][]int32{
		``: {263, 3 + '<', 3 + '/', 3 + 's', 3 + '>', 1, 259, 267},
		`{"bos_token": "<s>", "eos_token": "</s>"}`:                                  {263, 2, 1, 259, 267},
		`{"added_tokens_decoder": {"2": {"content": "</s>", "special": true}}}`:      {263, 2, 1, 259, 267},
		`{"additional_special_tokens": [{"content": "bc", "lstrip": true}, "</s>"]}`: {263, 2, 1, 267},
	} {
		tok := parse(t, marshal(t, spec), []byte(config))
		got := tok.Encode(text, false)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", config, got, want)
		}
		if named := strings.Contains(config, `"<s>"`); tok.IsSpecial(1) != named || tok.IsSpecial(2) != (config != "") || tok.IsSpecial(a) {
			t.Errorf("%s: special %v %v", config, tok.IsSpecial(1), tok.IsSpecial(2))
		}
	}
}

func TestBeginAndEnd(t *testing.T) {
	data := marshal(t, sentencePieceSpec())
	for config, want := range map[string][3]int32{ // BOS, EOS (-1: none), 1 if BOS is added
		``:                                  {1, 2, 1},
		`{}`:                                {1, 2, 1},
		`{"bos_token": null}`:               {-1, 2, 0},
		`{"eos_token": "<unk>"}`:            {1, 0, 1},
		`{"eos_token": {"content": "<s>"}}`: {1, 1, 1},
		`{"bos_token": "</s>"}`:             {2, 2, 0},
		`{"bos_token": "</s>", "add_bos_token": true}`: {2, 2, 1},
		`{"add_bos_token": false}`:                     {1, 2, 0},
	} {
		tok := parse(t, data, []byte(config))
		bos, hasBOS := tok.BOS()
		eos, hasEOS := tok.EOS()
		if hasBOS != (want[0] >= 0) || bos != max(want[0], 0) || hasEOS != (want[1] >= 0) || eos != max(want[1], 0) || tok.AddsBOS() != (want[2] == 1) {
			t.Errorf("%s: BOS %d %v, EOS %d %v, adds %v", config, bos, hasBOS, eos, hasEOS, tok.AddsBOS())
		}
	}
	for config, want := range map[string][]int32{
		`{}`:                       {1, 263},
		`{"add_bos_token": false}`: {263},
		`{"add_eos_token": true}`:  {1, 263, 2},
		`{"add_eos_token": false}`: {1, 263},
	} {
		if got := parse(t, data, []byte(config)).Encode("a", true); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", config, got, want)
		}
		// A prompt goes on, so it has no end id; and a BOS that the text spells is not doubled.
		tok := parse(t, data, []byte(config))
		prompt := slices.DeleteFunc(slices.Clone(want), func(id int32) bool { return id == 2 })
		if got := tok.EncodePrompt("a"); !slices.Equal(got, prompt) {
			t.Errorf("%s: prompt %v, want %v", config, got, prompt)
		}
		if got := tok.EncodePrompt("<s>a"); len(got) == 0 || got[0] != 1 || slices.Contains(got[1:], 1) {
			t.Errorf("%s: prompt that spells BOS: %v", config, got)
		}
	}
	tok := parse(t, data, nil)
	tok.SetEOS(7)
	if eos, ok := tok.EOS(); eos != 7 || !ok {
		t.Errorf("SetEOS(7), EOS %d", eos)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "tokenizer.json")+" is missing") || !strings.Contains(err.Error(), "save_pretrained") {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(dir, "tokenizer.json")
	if err := os.WriteFile(path, []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "tokenizer.json: this is a Git LFS pointer") || !strings.Contains(err.Error(), "git lfs pull") {
		t.Errorf("a pointer: %v", err)
	}
	for name, data := range map[string]string{"tokenizer.json": string(marshal(t, sentencePieceSpec())), "tokenizer_config.json": `{"eos_token": "<unk>"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{dir, path} {
		tok, err := Load(p)
		if err != nil {
			t.Fatal(err)
		}
		if eos, _ := tok.EOS(); eos != 0 || tok.VocabSize() != 268 || len(tok.Fingerprint()) != 64 {
			t.Errorf("%s: EOS %d, %d ids, fingerprint %s", p, eos, tok.VocabSize(), tok.Fingerprint())
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(`{"eos_token": "<none>"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), `tokenizer_config.json: eos_token: "<none>"`) {
		t.Errorf("unknown end: %v", err)
	}
}

// Files of all ages: the files beside tokenizer.json are read as transformers reads them.
func TestLoadReadsWhatIsBeside(t *testing.T) {
	for _, c := range []struct {
		config, special, added string
		eos                    int32
		want                   string // of the error
	}{
		{eos: 2},
		{special: `{"eos_token": "<unk>"}`, eos: 0},
		{config: `{"eos_token": "</s>"}`, special: `{"eos_token": {"content": "<unk>"}}`, eos: 0},
		{config: `{"eos_token": "</s>", "added_tokens_decoder": {"2": {"content": "</s>"}}}`, special: `{"eos_token": "<unk>"}`, eos: 2},
		{config: `{"eos_token": ""}`, eos: -1},
		{config: `{"eos_token": {"content": ""}, "additional_special_tokens": ["<s>", {"content": "</s>"}]}`, added: `{"</s>": 2, "ab": 264}`, eos: -1},
		{special: `{"eos_token": "<none>"}`, want: `tokenizer_config.json with special_tokens_map.json: eos_token: "<none>" is neither`},
		{special: `[]`, want: `special_tokens_map.json: json`},
		{config: `{"added_tokens_decoder": {"268": {"content": "<|im_end|>"}}}`, want: `tokenizer_config.json: added_tokens_decoder: 268: "<|im_end|>" is not in tokenizer.json; write that file again`},
		{config: `{"additional_special_tokens": ["<a>"]}`, want: `tokenizer_config.json: additional_special_tokens[0]: "<a>" is not in`},
		{added: `{"<pad>": 268, "<b>": 269}`, want: `added_tokens.json: "<b>" is not in tokenizer.json; write that file again`},
	} {
		dir := t.TempDir()
		for name, data := range map[string]string{"tokenizer.json": string(marshal(t, sentencePieceSpec())), "tokenizer_config.json": c.config, "special_tokens_map.json": c.special, "added_tokens.json": c.added} {
			if data == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tok, err := Load(dir)
		if c.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), "tokenizer: "+dir+": "+c.want) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if id, ok := tok.EOS(); ok != (c.eos >= 0) || ok && id != c.eos {
			t.Errorf("%+v: EOS %d %v", c, id, ok)
		}
	}
}
