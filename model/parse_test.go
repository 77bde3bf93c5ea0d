package model

import (
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Configs as transformers writes them, reduced to the fields that have an effect.
var configs = map[string]map[string]any{
	"llama": {
		"model_type": "llama", "vocab_size": 50, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
		"rope_theta": 10000.0, "initializer_range": 0.3, "hidden_act": "silu",
	},
	"gpt2": {
		"model_type": "gpt2", "vocab_size": 50, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 128, "n_inner": nil,
		"activation_function": "gelu_new", "initializer_range": 0.3,
	},
}

// edited returns the JSON of a config with some fields changed; a field whose new value has the type drop is removed.
func edited(t testing.TB, base string, changes map[string]any) []byte {
	t.Helper()
	c := maps.Clone(configs[base])
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == drop{} })
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type drop struct{}

// with parses a config that was edited.
func with(t testing.TB, base string, changes map[string]any) Config {
	t.Helper()
	c, err := ParseConfig(edited(t, base, changes))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type obj = map[string]any

func TestParseConfigFamilies(t *testing.T) {
	llama := with(t, "llama", nil)
	if llama.LayerNorm || llama.QKVBias || llama.QKNorm || llama.GELU || llama.Conv1D || llama.Windows != nil || llama.TieEmbeddings ||
		llama.HeadDim != 6 || llama.Prefix != "model." {
		t.Errorf("llama: %+v", llama)
	}
	if c := with(t, "llama", obj{"num_key_value_heads": drop{}}); c.KVHeads != 4 {
		t.Errorf("llama without num_key_value_heads has %d", c.KVHeads)
	}
	if c := with(t, "llama", obj{"model_type": "mistral", "num_key_value_heads": nil, "sliding_window": nil}); c.KVHeads != 4 || c.Windows != nil {
		t.Errorf("mistral with null: %+v", c)
	}
	if c := with(t, "llama", obj{"model_type": "mistral", "sliding_window": 7}); !slices.Equal(c.Windows, []int{7, 7}) {
		t.Errorf("mistral: windows %v", c.Windows)
	}
	if c := with(t, "llama", obj{"model_type": "mistral", "sliding_window": 128}); c.Windows != nil {
		t.Errorf("a window as long as the sequences: %v", c.Windows)
	}
	if c := with(t, "llama", obj{"model_type": "qwen2", "sliding_window": 7}); !c.QKVBias || c.OBias || c.MLPBias || c.Windows != nil {
		t.Errorf("qwen2: %+v", c)
	}
	window := obj{"model_type": "qwen2", "sliding_window": 7, "use_sliding_window": true, "max_window_layers": 1}
	if c := with(t, "llama", window); !slices.Equal(c.Windows, []int{0, 7}) {
		t.Errorf("qwen2: windows %v", c.Windows)
	}
	window["layer_types"] = []string{"sliding_attention", "full_attention"}
	if c := with(t, "llama", window); !slices.Equal(c.Windows, []int{7, 0}) {
		t.Errorf("qwen2 with layer_types: windows %v", c.Windows)
	}
	// Where use_sliding_window says no, sliding_window has no effect, whatever it is.
	for _, c := range []obj{
		{"model_type": "qwen2", "use_sliding_window": false, "sliding_window": 0, "max_window_layers": 0},
		{"model_type": "qwen3", "use_sliding_window": false, "sliding_window": 7, "max_window_layers": 1},
		{"model_type": "llama", "use_sliding_window": false, "sliding_window": 7, "max_window_layers": 1},
		{"model_type": "mistral", "use_sliding_window": false, "sliding_window": nil},
		{"model_type": "mistral", "use_sliding_window": false, "sliding_window": 128},
	} {
		if got := with(t, "llama", c); got.Windows != nil {
			t.Errorf("%v: windows %v", c, got.Windows)
		}
	}
	if c := with(t, "llama", obj{"attention_bias": true}); !c.QKVBias || !c.OBias || c.MLPBias {
		t.Errorf("llama with attention_bias: %+v", c)
	}
	if c := with(t, "llama", obj{"mlp_bias": true}); c.QKVBias || c.OBias || !c.MLPBias {
		t.Errorf("llama with mlp_bias: %+v", c)
	}
	if c := with(t, "llama", obj{"model_type": "qwen3", "attention_bias": true}); !c.QKVBias || !c.OBias || !c.QKNorm {
		t.Errorf("qwen3 with attention_bias: %+v", c)
	}
	if c := with(t, "llama", obj{"model_type": "qwen3"}); !c.QKNorm || c.QKVBias || c.HeadDim != 128 {
		t.Errorf("qwen3: %+v", c)
	}
	if c := with(t, "llama", obj{"model_type": "qwen3", "head_dim": 16}); c.HeadDim != 16 {
		t.Errorf("qwen3: head_dim %d", c.HeadDim)
	}
	for _, names := range []any{[]string{"LlamaForCausalLM"}, []string{"LlamaModel"}, []string{}, nil, "LlamaForCausalLM"} {
		with(t, "llama", obj{"architectures": names})
	}
	gpt2 := with(t, "gpt2", obj{"resid_pdrop": 0.1, "embd_pdrop": 0.0})
	if !gpt2.OBias || !gpt2.MLPBias || !gpt2.LayerNorm || !gpt2.LearnedPositions || !gpt2.GELU || !gpt2.Conv1D || !gpt2.TieEmbeddings || gpt2.IntermediateSize != 96 {
		t.Errorf("gpt2: %+v", gpt2)
	}
	if len(gpt2.Notices) != 1 || !strings.HasPrefix(gpt2.Notices[0], "resid_pdrop 0.1: dropout is kept") {
		t.Errorf("gpt2: notices %q", gpt2.Notices)
	}
	for name, exact := range map[any]bool{nil: false, "gelu_new": false, "gelu_pytorch_tanh": false, "gelu_fast": false, "gelu_accurate": false, "gelu": true, "gelu_python": true} {
		if c := with(t, "gpt2", obj{"activation_function": name}); !c.GELU || c.ExactGELU != exact {
			t.Errorf("activation_function %v: %+v", name, c)
		}
	}
	if c := with(t, "gpt2", obj{"n_inner": 7, "tie_word_embeddings": false}); c.IntermediateSize != 7 || c.TieEmbeddings {
		t.Errorf("gpt2: %+v", c)
	}
}

func TestParseConfigRope(t *testing.T) {
	llama3 := obj{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}
	want := RopeScaling{Kind: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalPositions: 64}
	if c := with(t, "llama", obj{"rope_scaling": llama3}); c.RopeScaling != want || c.RopeTheta != 10000 {
		t.Errorf("rope_scaling: %+v", c)
	}
	both := maps.Clone(llama3)
	both["rope_theta"] = 5e5
	if c := with(t, "llama", obj{"rope_parameters": both, "rope_theta": drop{}}); c.RopeScaling != want || c.RopeTheta != 5e5 {
		t.Errorf("rope_parameters: %+v", c)
	}
	if c := with(t, "llama", obj{"rope_scaling": both, "rope_theta": drop{}}); c.RopeScaling != want || c.RopeTheta != 5e5 {
		t.Errorf("rope_theta in rope_scaling: %+v", c)
	}
	linear := obj{"type": "linear", "factor": 2.5}
	if c := with(t, "llama", obj{"rope_scaling": linear}); c.RopeScaling != (RopeScaling{Kind: "linear", Factor: 2.5}) {
		t.Errorf("linear: %+v", c.RopeScaling)
	}
	// Up to the positions that the model was made for, dynamic scaling changes nothing; longer sequences are refused.
	c := with(t, "llama", obj{"rope_scaling": obj{"type": "dynamic", "factor": 2}})
	if c.RopeScaling != (RopeScaling{}) || c.MaxPositions != 128 || len(c.Notices) != 1 {
		t.Errorf("dynamic: %+v", c)
	}
}

// Some models list the id that ends a turn only in generation_config.json (Llama 3's first release).
func TestReadGeneration(t *testing.T) {
	for text, want := range map[string][]int32{
		`{"eos_token_id": [7, 9], "temperature": 0.6}`: {7, 9}, `{"eos_token_id": 8}`: {7, 8}, `{"eos_token_id": null}`: {7}, `{}`: {7},
	} {
		c := with(t, "llama", obj{"eos_token_id": 7})
		if err := c.ReadGeneration([]byte(text)); err != nil || !slices.Equal(c.EOS, want) {
			t.Errorf("%s: %v %v, want %v", text, c.EOS, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"eos_token_id": "x"}`: `eos_token_id: "x", want an id`, `[`: "want a JSON object",
	} {
		c := with(t, "llama", nil)
		if err := c.ReadGeneration([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "model: generation_config.json: "+want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Ids that the configuration of another model left behind are passed over with a notice.
func TestIDsOutsideTheVocabulary(t *testing.T) {
	c := with(t, "gpt2", obj{"bos_token_id": 50256, "eos_token_id": []int{50, 7, -1}, "pad_token_id": 50})
	if len(c.BOS) != 0 || !slices.Equal(c.EOS, []int32{7}) || !slices.Equal(c.EOSOutside, []int32{50, -1}) {
		t.Errorf("begin %v, end %v, outside %v", c.BOS, c.EOS, c.EOSOutside)
	}
	want := []string{
		"bos_token_id 50256 is outside the vocabulary of 50 and is passed over",
		"eos_token_id 50 is outside the vocabulary of 50 and is passed over",
		"eos_token_id -1 is outside the vocabulary of 50 and is passed over",
		"pad_token_id 50 is outside the vocabulary of 50 and is passed over",
	}
	if !slices.Equal(c.Notices, want) {
		t.Errorf("notices %q", c.Notices)
	}
	if err := c.ReadGeneration([]byte(`{"eos_token_id": [50, 8, 99]}`)); err != nil || !slices.Equal(c.EOS, []int32{7, 8}) {
		t.Errorf("%v, end %v", err, c.EOS)
	}
	if want = append(want, "eos_token_id 99 is outside the vocabulary of 50 and is passed over"); !slices.Equal(c.Notices, want) {
		t.Errorf("notices %q", c.Notices)
	}
	if c := with(t, "llama", obj{"pad_token_id": -1, "bos_token_id": 0, "eos_token_id": 49}); c.Notices != nil {
		t.Errorf("notices %q", c.Notices)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, c := range []struct {
		base    string
		changes obj
		want    string
	}{
		{"llama", obj{"model_type": drop{}}, "model_type: missing"},
		{"llama", obj{"model_type": "gemma2"}, `model_type: "gemma2" is not supported; supported: llama, mistral, qwen2, qwen3, gpt2`},
		{"llama", obj{"model_type": "qwen3_moe"}, `model_type: "qwen3_moe" is not supported`},
		{"llama", obj{"model_type": 3}, `model_type: 3, want a text`},
		{"llama", obj{"hidden_size": drop{}}, "hidden_size: missing"},
		{"llama", obj{"hidden_size": nil}, "hidden_size: missing"},
		{"llama", obj{"hidden_size": "24"}, `hidden_size: "24", want a whole number`},
		{"llama", obj{"hidden_size": 24.5}, `hidden_size: 24.5, want a whole number`},
		{"llama", obj{"hidden_size": 0}, "hidden_size: 0, want 1 to"},
		{"llama", obj{"hidden_size": 25}, "num_attention_heads: 4 does not divide hidden_size 25"},
		{"llama", obj{"vocab_size": -1}, "vocab_size: -1, want 1 to"},
		{"llama", obj{"vocab_size": 1 << 30}, "vocab_size: 1073741824, want 1 to"},
		{"llama", obj{"intermediate_size": 0}, "intermediate_size: 0"},
		{"llama", obj{"num_hidden_layers": 5000}, "num_hidden_layers: 5000"},
		{"llama", obj{"num_attention_heads": drop{}}, "num_attention_heads: missing"},
		{"llama", obj{"num_key_value_heads": 3}, "num_key_value_heads: 3 does not divide num_attention_heads 4"},
		{"llama", obj{"num_key_value_heads": 0}, "num_key_value_heads: 0"},
		{"llama", obj{"head_dim": 7}, "head_dim: 7 is odd"},
		{"llama", obj{"head_dim": 1 << 19}, "num_attention_heads: 4 heads of width 524288"},
		{"llama", obj{"max_position_embeddings": 0}, "max_position_embeddings: 0"},
		{"llama", obj{"rms_norm_eps": -1e-6}, "rms_norm_eps: -1e-06"},
		{"llama", obj{"initializer_range": 0}, "initializer_range: 0"},
		{"llama", obj{"rope_theta": 0}, "rope_theta: 0"},
		{"llama", obj{"hidden_act": "relu"}, `hidden_act: "relu" is not supported; supported: silu`},
		{"llama", obj{"model_type": "mistral", "attention_bias": true}, "attention_bias: true is not supported; supported: false"},
		{"llama", obj{"model_type": "qwen2", "attention_bias": true}, "attention_bias: true is not supported"},
		{"llama", obj{"model_type": "qwen3", "mlp_bias": true}, "mlp_bias: true is not supported"},
		{"llama", obj{"mlp_bias": "no"}, `mlp_bias: "no", want true or false`},
		{"llama", obj{"qkv_bias": true}, "qkv_bias: true is not supported"},
		{"llama", obj{"tie_word_embeddings": 1}, `tie_word_embeddings: 1, want true or false`},
		{"llama", obj{"quantization_config": obj{"bits": 4}}, "quantization_config: quantised weights are not supported; use the model that they were made from"},
		{"llama", obj{"quantization_config": obj{"quant_method": "gptq", "bits": 4}}, `quantization_config: "gptq": quantised weights are not supported`},
		{"llama", obj{"quantization": obj{"group_size": 64, "bits": 4}}, "quantization: quantised weights are not supported"},
		{"llama", obj{"architectures": []string{"LlamaForSequenceClassification"}}, `architectures: "LlamaForSequenceClassification" is not a language model`},
		{"llama", obj{"num_local_experts": 8}, "num_local_experts: 8: mixtures of experts"},
		{"llama", obj{"num_experts": 8}, "num_experts: 8: mixtures of experts"},
		{"llama", obj{"partial_rotary_factor": 0.5}, "partial_rotary_factor: 0.5"},
		{"llama", obj{"sliding_window": 7}, "sliding_window: 7 is not supported for model_type llama"},
		{"llama", obj{"model_type": "mistral", "use_sliding_window": false, "sliding_window": 7}, "use_sliding_window: false, but sliding_window is 7"},
		{"llama", obj{"attn_logit_softcapping": 50.0}, "attn_logit_softcapping: 50 is not supported"},
		{"llama", obj{"attention_dropout": 2}, "attention_dropout: 2, want 0 to 1"},
		{"llama", obj{"bos_token_id": 1.5}, "bos_token_id: 1.5, want an id"},
		{"llama", obj{"eos_token_id": "x"}, "eos_token_id:"},
		{"llama", obj{"rope_scaling": obj{"type": "yarn", "factor": 4}}, `rope_scaling.rope_type: "yarn" is not supported`},
		{"llama", obj{"rope_scaling": obj{"type": "linear"}}, "rope_scaling.factor: missing"},
		{"llama", obj{"rope_scaling": obj{"type": "linear", "factor": 0.5}}, "rope_scaling.factor: 0.5"},
		{"llama", obj{"rope_scaling": obj{"rope_type": "llama3", "factor": 8}}, "rope_scaling.low_freq_factor: missing"},
		{"llama", obj{"rope_scaling": obj{"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
			"original_max_position_embeddings": 64}}, "rope_scaling.high_freq_factor: 4, want more than"},
		{"llama", obj{"rope_scaling": obj{"rope_type": "default", "mrope_section": []int{1}}}, "rope_scaling.mrope_section: is not supported"},
		{"llama", obj{"rope_parameters": obj{"full_attention": obj{}}}, "rope_parameters.full_attention: is not supported"},
		{"llama", obj{"rope_parameters": obj{"partial_rotary_factor": 0.25}}, "rope_parameters.partial_rotary_factor: 0.25 is not supported"},
		{"llama", obj{"rope_scaling": obj{"type": "linear", "factor": 2}, "rope_parameters": obj{"rope_theta": 1e4}}, "rope_scaling: says something else"},
		{"llama", obj{"rope_scaling": obj{"type": "linear", "factor": 2, "rope_theta": 5e5}}, "rope_scaling.rope_theta: 500000 differs from rope_theta 10000"},
		{"llama", obj{"rope_scaling": 2}, `rope_scaling: 2: want a JSON object`},
		{"llama", obj{"model_type": "qwen2", "use_sliding_window": true, "layer_types": []string{"full_attention"}}, "layer_types: 1 entries for 2 layers"},
		{"llama", obj{"model_type": "qwen2", "use_sliding_window": true, "layer_types": []string{"full_attention", "chunked"}}, `layer_types: "chunked"`},
		{"llama", obj{"model_type": "qwen2", "sliding_window": 4, "layer_types": []string{"full_attention", "sliding_attention"}}, "layer_types: layer 1 slides, but use_sliding_window is false"},
		{"llama", obj{"model_type": "mistral", "sliding_window": nil, "layer_types": []string{"full_attention", "sliding_attention"}}, "layer_types: layer 1 slides, but sliding_window does not say"},
		{"llama", obj{"model_type": "mistral", "sliding_window": 0}, "sliding_window: 0"},
		{"gpt2", obj{"n_embd": 25}, "n_head: 3 does not divide n_embd 25"},
		{"gpt2", obj{"n_inner": 0}, "n_inner: 0"},
		{"gpt2", obj{"n_layer": drop{}}, "n_layer: missing"},
		{"gpt2", obj{"activation_function": "quick_gelu"}, `activation_function: "quick_gelu" is not supported; supported: gelu_new`},
		{"gpt2", obj{"activation_function": "gelu_10"}, `activation_function: "gelu_10" is not supported`},
		{"gpt2", obj{"activation_function": "relu"}, `activation_function: "relu" is not supported`},
		{"gpt2", obj{"scale_attn_by_inverse_layer_idx": true}, "scale_attn_by_inverse_layer_idx: true is not supported"},
		{"gpt2", obj{"scale_attn_weights": false}, "scale_attn_weights: false is not supported; supported: true"},
		{"gpt2", obj{"reorder_and_upcast_attn": true}, "reorder_and_upcast_attn: true is not supported"},
		{"gpt2", obj{"add_cross_attention": true}, "add_cross_attention: true is not supported"},
		{"gpt2", obj{"is_encoder_decoder": true}, "is_encoder_decoder: true is not supported"},
	} {
		_, err := ParseConfig(edited(t, c.base, c.changes))
		if err == nil || !strings.HasPrefix(err.Error(), "model: config.json: "+c.want) {
			t.Errorf("%s %v: %v\nwant %s", c.base, c.changes, err, c.want)
		}
	}
	for _, text := range []string{"", "[]", "null", "{", `{"model_type":"llama"} {}`, `{"model_type":"llama","model_type":"gpt2"}`} {
		if _, err := ParseConfig([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// checkAnyConfig checks what holds for arbitrary bytes: they are refused, or give sizes with which a model can be outlined;
// and parsing takes little memory.
func checkAnyConfig(t *testing.T, text []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := ParseConfig(text)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; len(text) < 1<<20 && n > 64<<20 {
		t.Errorf("%d bytes allocated for an input of %d", n, len(text))
	}
	if err != nil {
		if len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	if c.VocabSize < 1 || c.HiddenSize < 1 || c.HeadDim < 1 || c.Heads%c.KVHeads != 0 || c.BodyParams() < 1 || len(c.String()) == 0 {
		t.Errorf("%+v was accepted", c)
	}
	if c.Layers <= 8 {
		Outline(c)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(edited(f, "llama", nil))
	f.Add(edited(f, "gpt2", nil))
	f.Add(edited(f, "llama", obj{"model_type": "qwen2", "use_sliding_window": true, "layer_types": []string{"full_attention", "sliding_attention"}, "sliding_window": 4}))
	f.Add(edited(f, "llama", obj{"rope_scaling": obj{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}}))
	f.Add(edited(f, "llama", obj{"rope_parameters": obj{"type": "linear", "factor": 2}, "eos_token_id": []int{1, 2}}))
	f.Fuzz(checkAnyConfig)
}

// Inputs that take the most memory for their length.
func TestParseConfigMemory(t *testing.T) {
	for _, unit := range []string{`"%":1`, `"%":[[[]]]`} {
		var b strings.Builder
		b.WriteString(`{"model_type":"llama"`)
		for i := 0; b.Len() < 1<<20-100; i++ {
			b.WriteByte(',')
			b.WriteString(strings.Replace(unit, "%", string(rune('a'+i%26))+strings.Repeat("z", i/26%5)+string(rune(0x100+i%60000)), 1))
		}
		b.WriteByte('}')
		checkAnyConfig(t, []byte(b.String()))
	}
	for _, field := range []string{"layer_types", "eos_token_id", "rope_scaling"} {
		for _, unit := range []string{`"",`, "1,", "{},", "[],"} {
			checkAnyConfig(t, edited(t, "llama", obj{"model_type": "mistral", field: json.RawMessage("[" + strings.Repeat(unit, (1<<20-900)/len(unit)) + "0]")}))
		}
	}
}

func TestParseIDs(t *testing.T) {
	for text, want := range map[string][]int32{"": nil, "null": nil, "7": {7}, "-1": {-1}, "[]": {}, "[2, 9]": {2, 9}, " [2] ": {2}} {
		if got, err := ParseIDs([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{`"7"`, "7.5", `[2, "9"]`, "{}", "[2", "99999999999"} {
		if got, err := ParseIDs([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
