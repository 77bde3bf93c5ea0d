package export

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/base"
	"reprise/checkpoint"
	"reprise/internal/testfiles"
	"reprise/model"
	"reprise/tokenizer"
)

// file is a GGUF file, read as the format's description says.
type file struct {
	metadata map[string]any
	tensors  map[string]stored
}

type stored struct {
	dims []int
	typ  uint32
	data []byte // from its offset to the end of the file
}

// read panics if the file does not follow the format.
func read(data []byte) file {
	at := 0
	take := func(n int) []byte { at += n; return data[at-n : at] }
	u32 := func() uint32 { return binary.LittleEndian.Uint32(take(4)) }
	u64 := func() int { return int(binary.LittleEndian.Uint64(take(8))) }
	text := func() string { return string(take(u64())) }
	var value func(typ uint32) any
	value = func(typ uint32) any {
		switch typ {
		case 4:
			return u32()
		case 5:
			return int32(u32())
		case 6:
			return math.Float32frombits(u32())
		case 7:
			return take(1)[0] == 1
		case 8:
			return text()
		case 9:
			of, n := u32(), u64()
			list := make([]any, n)
			for i := range list {
				list[i] = value(of)
			}
			return list
		}
		panic(fmt.Sprintf("type %d", typ))
	}
	if string(take(4)) != "GGUF" || u32() != 3 {
		panic("not a GGUF file of version 3")
	}
	f := file{map[string]any{}, map[string]stored{}}
	tensors, pairs := u64(), u64()
	for range pairs {
		key := text()
		f.metadata[key] = value(u32())
	}
	offsets := map[string]int{}
	for range tensors {
		name := text()
		s := stored{dims: make([]int, u32())}
		for i := range s.dims {
			s.dims[i] = u64()
		}
		s.typ, offsets[name] = u32(), u64()
		f.tensors[name] = s
	}
	start := (at + 31) / 32 * 32
	for name, s := range f.tensors {
		if offsets[name]%32 != 0 {
			panic("a tensor is not aligned")
		}
		s.data = data[start+offsets[name]:]
		f.tensors[name] = s
	}
	return f
}

// row decodes row r of a matrix.
func (s stored) row(r int) []float32 {
	x := make([]float32, s.dims[0])
	for i := range x {
		at := r*len(x) + i
		switch s.typ {
		case 0:
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(s.data[4*at:]))
		case 1:
			asm.F32FromF16(x[i:i+1], []uint16{binary.LittleEndian.Uint16(s.data[2*at:])})
		case 30:
			asm.F32FromBF16(x[i:i+1], []uint16{binary.LittleEndian.Uint16(s.data[2*at:])})
		case 8:
			b := s.data[at/32*34:]
			asm.F32FromF16(x[i:i+1], []uint16{binary.LittleEndian.Uint16(b)})
			x[i] *= float32(int8(b[2+at%32]))
		}
	}
	return x
}

// exported writes a model with a small tokenizer and reads the file again.
func exported(t *testing.T, config string, opt Options) (*model.Model, file, []string) {
	t.Helper()
	return exportedWith(t, config, trained(t), opt)
}

// trained is a small tokenizer.json.
func trained(t *testing.T) []byte {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values([]string{"a river and a lamp"}), tokenizer.TrainOptions{VocabSize: 270, Special: []string{"<|endoftext|>"}})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// exportedWith is exported with a given tokenizer.
func exportedWith(t *testing.T, config string, tok []byte, opt Options) (*model.Model, file, []string) {
	t.Helper()
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(1)
	dir := filepath.Join(t.TempDir(), "small")
	if err := checkpoint.SaveModel(dir, m, checkpoint.SaveOptions{Files: map[string][]byte{"config.json": []byte(config), "tokenizer.json": tok}}); err != nil {
		t.Fatal(err)
	}
	b, err := base.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	notes, err := GGUF(path, b, opt)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m, read(data), notes
}

const (
	llamaConfig = `{"model_type":"llama","vocab_size":272,"hidden_size":64,"intermediate_size":40,"num_hidden_layers":11,"num_attention_heads":4,
"num_key_value_heads":2,"max_position_embeddings":32,"eos_token_id":0}`
	gpt2Config = `{"model_type":"gpt2","vocab_size":272,"n_embd":32,"n_layer":1,"n_head":4,"n_positions":32}`
)

func params(m *model.Model) map[string][][]float32 {
	all := map[string][][]float32{}
	for p := range m.Params() {
		for r := range p.W.Rows {
			all[p.Name] = append(all[p.Name], p.W.Row(r))
		}
	}
	return all
}

func TestLayoutOfLlama(t *testing.T) {
	m, f, _ := exported(t, llamaConfig, Options{})
	w := params(m)
	for _, c := range []struct {
		tensor string
		row    int
		want   []float32
	}{
		{"token_embd.weight", 0, w["model.embed_tokens.weight"][0]},
		{"output.weight", 0, w["lm_head.weight"][0]},
		{"output_norm.weight", 0, w["model.norm.weight"][0]},
		{"blk.10.attn_norm.weight", 0, w["model.layers.10.input_layernorm.weight"][0]},
		{"blk.10.ffn_norm.weight", 0, w["model.layers.10.post_attention_layernorm.weight"][0]},
		{"blk.1.attn_v.weight", 0, w["model.layers.1.self_attn.v_proj.weight"][0]},
		{"blk.1.attn_output.weight", 0, w["model.layers.1.self_attn.o_proj.weight"][0]},
		{"blk.1.ffn_gate.weight", 0, w["model.layers.1.mlp.gate_proj.weight"][0]},
		{"blk.1.ffn_up.weight", 0, w["model.layers.1.mlp.up_proj.weight"][0]},
		{"blk.1.ffn_down.weight", 0, w["model.layers.1.mlp.down_proj.weight"][0]},
		{"blk.0.attn_q.weight", 0, w["model.layers.0.self_attn.q_proj.weight"][0]},
		{"blk.0.attn_q.weight", 1, w["model.layers.0.self_attn.q_proj.weight"][8]},
		{"blk.0.attn_q.weight", 2, w["model.layers.0.self_attn.q_proj.weight"][1]},
		{"blk.0.attn_q.weight", 19, w["model.layers.0.self_attn.q_proj.weight"][16+9]},
		{"blk.0.attn_k.weight", 31, w["model.layers.0.self_attn.k_proj.weight"][31]},
		{"blk.0.attn_k.weight", 30, w["model.layers.0.self_attn.k_proj.weight"][23]},
	} {
		if got := f.tensors[c.tensor].row(c.row); !slices.Equal(got, c.want) {
			t.Errorf("row %d of %s is %v…, want %v…", c.row, c.tensor, got[:4], c.want[:4])
		}
	}
	if len(f.tensors) != len(w) {
		t.Errorf("%d tensors, want %d", len(f.tensors), len(w))
	}
	for key, want := range map[string]any{
		"general.architecture": "llama", "general.name": "small", "llama.block_count": uint32(11), "llama.context_length": uint32(32),
		"llama.attention.head_count_kv": uint32(2), "llama.rope.freq_base": float32(10000), "tokenizer.ggml.model": "gpt2",
		"tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.eos_token_id": uint32(0), "tokenizer.ggml.add_bos_token": false,
	} {
		if f.metadata[key] != want {
			t.Errorf("%s is %v, want %v", key, f.metadata[key], want)
		}
	}
	tokens, kinds := f.metadata["tokenizer.ggml.tokens"].([]any), f.metadata["tokenizer.ggml.token_type"].([]any)
	if len(tokens) != 272 || tokens[0] != "<|endoftext|>" || kinds[0] != int32(controlToken) || kinds[1] != int32(normalToken) ||
		tokens[271] != "[PAD271]" || kinds[271] != int32(unusedToken) {
		t.Errorf("tokens %v\nkinds %v", tokens, kinds)
	}
}

// llama.cpp recognises the end of a turn by its text for some models; for others the file has to name it.
func TestEndIDs(t *testing.T) {
	for eos, want := range map[string][2]any{
		"0": {uint32(0), nil}, "[0, 5]": {uint32(0), uint32(5)}, "[5, 7]": {uint32(0), uint32(5)}, "null": {uint32(0), nil},
	} {
		_, f, _ := exported(t, strings.Replace(llamaConfig, `"eos_token_id":0`, `"eos_token_id":`+eos, 1), Options{})
		if got := [2]any{f.metadata["tokenizer.ggml.eos_token_id"], f.metadata["tokenizer.ggml.eot_token_id"]}; got != want {
			t.Errorf("%s: %v, want %v", eos, got, want)
		}
	}
}

func TestLayoutOfGPT2(t *testing.T) {
	m, f, notes := exported(t, gpt2Config, Options{Type: BF16})
	w := params(m)
	column := func(name string, c int) []float32 {
		var x []float32
		for _, row := range w[name] {
			x = append(x, row[c])
		}
		return x
	}
	for _, c := range []struct {
		tensor    string
		row       int
		want      []float32
		tolerance float64
	}{
		{"blk.0.attn_qkv.weight", 5, column("transformer.h.0.attn.c_attn.weight", 5), 1.0 / 256},
		{"blk.0.attn_output.weight", 31, column("transformer.h.0.attn.c_proj.weight", 31), 1.0 / 256},
		{"blk.0.ffn_up.weight", 127, column("transformer.h.0.mlp.c_fc.weight", 127), 1.0 / 256},
		{"blk.0.ffn_down.weight", 3, column("transformer.h.0.mlp.c_proj.weight", 3), 1.0 / 256},
		{"token_embd.weight", 7, w["transformer.wte.weight"][7], 1.0 / 256},
		{"position_embd.weight", 7, w["transformer.wpe.weight"][7], 0},
		{"output_norm.bias", 0, w["transformer.ln_f.bias"][0], 0},
		{"blk.0.attn_norm.weight", 0, w["transformer.h.0.ln_1.weight"][0], 0},
		{"blk.0.ffn_norm.bias", 0, w["transformer.h.0.ln_2.bias"][0], 0},
		{"blk.0.attn_qkv.bias", 0, w["transformer.h.0.attn.c_attn.bias"][0], 0},
	} {
		got := f.tensors[c.tensor].row(c.row)
		for i, v := range c.want {
			if math.Abs(float64(got[i]-v)) > c.tolerance*math.Abs(float64(v)) {
				t.Errorf("%s: row %d, element %d is %g, want %g", c.tensor, c.row, i, got[i], v)
				break
			}
		}
	}
	if len(f.tensors) != len(w) || f.metadata["general.file_type"] != uint32(32) {
		t.Errorf("%d tensors of %d", len(f.tensors), len(w))
	}
	if len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
}

// Every weight is off by at most half a step, and half a unit of the float16 scale for the largest.
func TestQ8(t *testing.T) {
	m, f, notes := exported(t, llamaConfig, Options{Type: Q8_0})
	w := params(m)
	for r, want := range w["model.layers.3.mlp.up_proj.weight"] {
		got := f.tensors["blk.3.ffn_up.weight"].row(r)
		for lo := 0; lo < len(want); lo += 32 {
			var top float64
			for _, v := range want[lo : lo+32] {
				top = max(top, math.Abs(float64(v)))
			}
			for i := lo; i < lo+32; i++ {
				if d := math.Abs(float64(got[i] - want[i])); d > top/127*0.5+top/2048 {
					t.Fatalf("row %d: %g became %g", r, want[i], got[i])
				}
			}
		}
	}
	if down := f.tensors["blk.0.ffn_down.weight"]; down.typ != 1 || len(notes) != 1 || !strings.HasPrefix(notes[0], "rows of 40") {
		t.Errorf("type %d of a matrix of 40 columns, notes %q", down.typ, notes)
	}
	if p, err := appendQ8(nil, make([]float32, 32)); err != nil || !bytes.Equal(p, make([]byte, 34)) {
		t.Errorf("zeros: %v %v", p, err)
	}
	tiny := make([]float32, 32)
	tiny[1], tiny[2] = 1e-40, -1e-38 // the scale is too small for float16
	if p, err := appendQ8(nil, tiny); err != nil || !bytes.Equal(p, make([]byte, 34)) {
		t.Errorf("tiny weights: %v %v", p, err)
	}
}

// The llama of testdata/gguf has a tokenizer of SentencePiece's form.
func TestSentencePiece(t *testing.T) {
	b, err := base.Open(testfiles.Box(t, "gguf", "llama"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if _, err := GGUF(path, b, Options{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := read(data)
	kinds := f.metadata["tokenizer.ggml.token_type"].([]any)
	if kinds[0] != int32(unknownToken) || kinds[1] != int32(controlToken) || kinds[3] != int32(byteToken) || kinds[300] != int32(normalToken) {
		t.Errorf("kinds %v", kinds[:10])
	}
	if f.metadata["tokenizer.ggml.model"] != "llama" || f.metadata["tokenizer.ggml.add_space_prefix"] != true ||
		f.metadata["tokenizer.ggml.add_bos_token"] != true || f.metadata["tokenizer.ggml.bos_token_id"] != uint32(1) {
		t.Errorf("metadata %v", f.metadata)
	}
	if _, ok := f.tensors["output.weight"]; ok {
		t.Error("a tied head was written")
	}
}

// llama.cpp (node-llama-cpp 3.22.1) gave the same ids as these tokenizers for all of 418 texts if there is no note. With NFKC
// and Lowercase, normalized tokens, or a Metaspace other than "never", it gave other ids for 184 to 299 of the texts.
func TestNotesOfSentencePiece(t *testing.T) {
	const (
		prepend = `{"type": "Prepend", "prepend": "▁"}`
		replace = `{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}`
		plain   = `{"type": "Sequence", "normalizers": [` + prepend + `, ` + replace + `]}`
	)
	for _, c := range []struct {
		normalizer, pre string
		normalized      bool
		notes           []string
		fails           string
	}{
		{plain, `null`, false, nil, ""},
		{replace, `null`, false, nil, ""},
		{`{"type": "Sequence", "normalizers": [{"type": "NFKC"}, ` + prepend + `, ` + replace + `]}`, `null`, false, []string{"normalizer NFKC"}, ""},
		{`{"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"Regex": "a"}, "content": "▁"}]}`, `null`, false, []string{"normalizer Replace"}, ""},
		{plain, `null`, true, []string{`"<s>" in a text is looked for`}, ""},
		{`null`, `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false}`, true, nil, ""},
		{`null`, `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}`, false, []string{"after special tokens"}, ""},
		{`null`, `{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}`, false, []string{"texts that begin with one", `merges over spaces, as in "▁▁"`}, ""},
		{plain, `{"type": "Digits", "individual_digits": true}`, false, nil, "pre_tokenizer: Digits has no equivalent"},
	} {
		var file tokenizerFile
		text := fmt.Sprintf(`{"normalizer": %s, "pre_tokenizer": %s, "added_tokens": [{"id": 1, "content": "<s>", "normalized": %t}], "model": {"merges": ["▁ ▁"]}}`, c.normalizer, c.pre, c.normalized)
		if err := json.Unmarshal([]byte(text), &file); err != nil {
			t.Fatal(err)
		}
		var e exporter
		err := e.noteSentencePiece(&file)
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", text, err)
		}
		if len(e.notes) != len(c.notes) {
			t.Errorf("%s: %q, want %q", text, e.notes, c.notes)
			continue
		}
		for i, want := range c.notes {
			if !strings.Contains(e.notes[i], want) {
				t.Errorf("%s: %q, want %q", text, e.notes[i], want)
			}
		}
	}
}

// A tokenizer that is not BPE is refused by name.
func TestRefusesOtherModels(t *testing.T) {
	for name, want := range map[string]string{"unigram": `model: type "Unigram"`, "word-level": `model: type "WordLevel"`} {
		var e exporter
		if err := e.vocabulary(&base.Base{Loaded: &checkpoint.Loaded{Dir: testfiles.Box(t, "tokenizers", name)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// llama.cpp (node-llama-cpp 3.22.1) gives such words other ids only in these two cases.
func TestIgnoredMerges(t *testing.T) {
	for _, c := range []struct {
		ignore bool
		pre    string
		extra  string // a piece
		notes  int
	}{
		{false, "llama-bpe", "Ġxy", 1}, {true, "gpt-2", "Ġxy", 1}, {true, "llama-bpe", "Ġxy", 0}, {false, "qwen2", "Ġxy", 0},
		{false, "llama-bpe", "abc", 0}, {true, "gpt-2", "abc", 0}, {true, "gpt-2", "abb", 1},
	} {
		var file tokenizerFile
		file.Model.IgnoreMerges = c.ignore
		file.Model.Merges = []merge{{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"ab", "c"}}
		file.Model.Vocab = map[string]int32{"a": 0, "b": 1, "c": 2, "bc": 3, "ab": 4, c.extra: 5, "<|end|>": 6}
		if err := json.Unmarshal([]byte(`{"added_tokens": [{"id": 6, "content": "<|end|>"}]}`), &file); err != nil {
			t.Fatal(err)
		}
		var e exporter
		if e.noteIgnoredMerges(&file, c.pre); len(e.notes) != c.notes {
			t.Errorf("%+v: %q", c, e.notes)
		}
		if c.notes > 0 && !strings.Contains(e.notes[0], "one of 1 pieces") {
			t.Error(e.notes[0])
		}
	}
}

func TestAddedTokensThatStripAreNoted(t *testing.T) {
	for field, want := range map[string]int{"lstrip": 1, "rstrip": 1, "single_word": 1, "x": 0} {
		tok := strings.Replace(string(trained(t)), `"`+field+`": false`, `"`+field+`": true`, 1)
		_, _, notes := exportedWith(t, llamaConfig, []byte(tok), Options{})
		if len(notes) != want || want > 0 && !strings.Contains(notes[0], `"<|endoftext|>"`) {
			t.Errorf("%s: notes %q", field, notes)
		}
	}
}

// llama.cpp can only put the begin-of-text id before a prompt; training puts all ids of the post-processor there.
func TestPrefixIsNoted(t *testing.T) {
	for ids, want := range map[string]int{"0": 0, "0, 0": 1} {
		post := `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
			"pair": [], "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [` + ids + `], "tokens": []}}}`
		var file map[string]json.RawMessage
		if err := json.Unmarshal(trained(t), &file); err != nil {
			t.Fatal(err)
		}
		file["post_processor"] = json.RawMessage(post)
		tok, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _, notes := exportedWith(t, llamaConfig, tok, Options{})
		if len(notes) != want || want > 0 && !strings.Contains(notes[0], "puts the ids [0 0] before every text") {
			t.Errorf("%s: notes %q", ids, notes)
		}
	}
}

// Hermes and others have several templates; llama.cpp's converter names them as here.
func TestChatTemplates(t *testing.T) {
	for _, c := range []struct {
		config, jinja, tools string
		want                 []pair
	}{
		{"", "", "", nil},
		{`{"chat_template": null}`, "", "", nil},
		{`{"chat_template": "a"}`, "", "", []pair{{"tokenizer.chat_template", "a"}}},
		{`{"chat_template": "a"}`, "b", "", []pair{{"tokenizer.chat_template", "b"}}},
		{`{"chat_template": "a"}`, "b", "c", []pair{{"tokenizer.chat_template.tool_use", "c"}, {"tokenizer.chat_template", "b"}, {"tokenizer.chat_templates", []string{"tool_use"}}}},
		{`{"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}, {"name": "rag", "template": "r"}]}`, "", "c", []pair{
			{"tokenizer.chat_template.tool_use", "c"}, {"tokenizer.chat_template", "a"}, {"tokenizer.chat_template.rag", "r"}, {"tokenizer.chat_templates", []string{"tool_use", "rag"}},
		}},
		{`{"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]}`, "", "", []pair{
			{"tokenizer.chat_template", "a"}, {"tokenizer.chat_template.tool_use", "b"}, {"tokenizer.chat_templates", []string{"tool_use"}},
		}},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"tokenizer_config.json": c.config, "chat_template.jinja": c.jinja, "additional_chat_templates/tool_use.jinja": c.tools} {
			if text != "" {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		var e exporter
		if err := e.chatTemplate(&base.Base{Loaded: &checkpoint.Loaded{Dir: dir}}); err != nil || !reflect.DeepEqual(e.metadata, c.want) {
			t.Errorf("%s: %v %v, want %v", c.config, e.metadata, err, c.want)
		}
	}
}

func TestWhatLlamaCppCannotDo(t *testing.T) {
	yes, no := true, false
	byteLevel := step{Type: "ByteLevel", AddPrefixSpace: &no, UseRegex: &no}
	split := step{Type: "Split", Behavior: "Isolated"}
	split.Pattern.Regex = qwen2Pattern
	for want, s := range map[string]step{
		"gpt-2":  {Type: "ByteLevel", AddPrefixSpace: &no},
		"qwen2":  {Type: "Sequence", PreTokenizers: []step{split, byteLevel}},
		"smollm": {Type: "Sequence", PreTokenizers: []step{{Type: "Digits", IndividualDigits: true}, {Type: "ByteLevel", AddPrefixSpace: &no, UseRegex: &yes}}},
	} {
		if got, err := preName(&tokenizerFile{PreTokenizer: s}, false); got != want || err != nil {
			t.Errorf("%s: %s %v", want, got, err)
		}
	}
	for want, s := range map[string]step{
		"Punctuation with these settings":     {Type: "Punctuation"},
		"the pattern \"\" has no name in lla": byteLevel,
	} {
		if got, err := preName(&tokenizerFile{PreTokenizer: s}, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s %v", want, got, err)
		}
	}
	if got, err := preName(&tokenizerFile{PreTokenizer: step{Type: "ByteLevel"}}, true); err == nil || !strings.Contains(err.Error(), "add_prefix_space has no equivalent") {
		t.Errorf("add_prefix_space: %s %v", got, err)
	}
	// Merges that scores cannot express: a split of a piece that is not a merge, and a merge apart from the others of its piece.
	base := testfiles.Box(t, "gguf", "llama")
	tok, err := tokenizer.Load(base)
	if err != nil {
		t.Fatal(err)
	}
	var file tokenizerFile
	text, err := os.ReadFile(filepath.Join(base, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	pieces, kinds := (&exporter{cfg: model.Config{VocabSize: tok.VocabSize()}}).pieces(tok, &file)
	merges := file.Model.Merges
	file.Model.Merges = merges[:len(merges)-1]
	if _, err := scores(tok, &file, pieces, kinds); err == nil || !strings.Contains(err.Error(), "is not a merge of") {
		t.Error(err)
	}
	file.Model.Merges = append(slices.Clone(merges), merges[0])
	if _, err := scores(tok, &file, pieces, kinds); err == nil || !strings.Contains(err.Error(), "merges of other pieces between") {
		t.Error(err)
	}
	if _, err := ParseType("q4_0"); err == nil || !strings.Contains(err.Error(), "supported: f32, f16, bf16, q8_0") {
		t.Error(err)
	}
	if _, err := encode(F16, []float32{1, 1e6}); err == nil || !strings.Contains(err.Error(), "1e+06 is too large for f16") {
		t.Error(err)
	}
}
