package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Bounds on what a config may ask for: they keep products of sizes inside an int and refuse nonsense early.
const (
	maxVocab     = 1 << 24
	maxWidth     = 1 << 20
	maxLayers    = 4096
	maxPositions = 1 << 26
)

// family holds what transformers assumes for a model type where config.json is silent.
type family struct {
	positions int // max_position_embeddings
	kvHeads   int // num_key_value_heads; 0: as many as query heads
	headDim   int // head_dim; 0: hidden_size / num_attention_heads
	window    int // sliding_window; 0: the type has none
	tied      bool
}

var families = map[string]family{
	"llama":   {positions: 2048},
	"mistral": {positions: 131072, kvHeads: 8, window: 4096},
	"qwen2":   {positions: 32768, kvHeads: 32, window: 4096},
	"qwen3":   {positions: 32768, kvHeads: 32, headDim: 128, window: 4096},
	"gpt2":    {positions: 1024, tied: true},
}

const supportedTypes = "llama, mistral, qwen2, qwen3, gpt2"

// ParseConfig reads a config.json. Fields that have no effect on the computation are bookkeeping of other programs and are
// ignored; a field that asks for something that the engine does not support is refused by name. Errors name the field.
func ParseConfig(configJSON []byte) (Config, error) {
	c, err := parseConfig(configJSON)
	if err != nil {
		return Config{}, fmt.Errorf("model: config.json: %w", err)
	}
	return c, nil
}

func parseConfig(text []byte) (Config, error) {
	f, err := newFields(text)
	if err != nil {
		return Config{}, err
	}
	c := Config{ModelType: f.text("model_type", "")}
	fam, known := families[c.ModelType]
	switch {
	case *f.err != nil:
		return c, *f.err
	case c.ModelType == "":
		return c, bad("model_type", "missing; is this the config.json of a decoder language model?")
	case !known:
		return c, bad("model_type", "%s is not supported; supported: %s", shown(c.ModelType), supportedTypes)
	}
	f.checkArchitectures()
	if c.ModelType == "gpt2" {
		c.readGPT2(f, fam)
	} else {
		c.readLlama(f, fam)
	}
	c.VocabSize = f.int("vocab_size", required, 1, maxVocab)
	c.TieEmbeddings = f.bool("tie_word_embeddings", fam.tied)
	c.InitRange = f.float("initializer_range", 0.02, 1e-6, 10)
	c.BOS = c.readIDs(f, "bos_token_id")
	c.EOS = c.readIDs(f, "eos_token_id")
	c.readIDs(f, "pad_token_id")
	f.refuse()
	c.noteDropout(f)
	if *f.err != nil {
		return c, *f.err
	}
	return c, c.check()
}

// ReadGeneration adds the end ids of a generation_config.json to those of the config: transformers stops at the ids of
// generation_config.json, and some models list the end of a turn only there. Errors name the file and the field.
func (c *Config) ReadGeneration(generationJSON []byte) error {
	f, err := newFields(generationJSON)
	if err != nil {
		return fmt.Errorf("model: generation_config.json: %w", err)
	}
	for _, id := range c.readIDs(f, "eos_token_id") {
		if !slices.Contains(c.EOS, id) {
			c.EOS = append(c.EOS, id)
		}
	}
	if *f.err != nil {
		return fmt.Errorf("model: generation_config.json: %w", *f.err)
	}
	return nil
}

// readIDs reads ids, without those outside the vocabulary: configurations that were made by changing another model's still hold
// its ids. Padding with -1 means none.
func (c *Config) readIDs(f fields, name string) []int32 {
	inside, outside := f.ids(name, c.VocabSize)
	if name == "eos_token_id" {
		c.EOSOutside = append(c.EOSOutside, outside...)
	}
	for _, id := range outside {
		notice := fmt.Sprintf("%s %d is outside the vocabulary of %d and is passed over", name, id, c.VocabSize)
		if !slices.Contains(c.Notices, notice) && !(name == "pad_token_id" && id == -1) {
			c.Notices = append(c.Notices, notice)
		}
	}
	return inside
}

// readLlama reads the fields that llama, mistral, qwen2 and qwen3 share.
func (c *Config) readLlama(f fields, fam family) {
	c.HiddenSize = f.int("hidden_size", required, 1, maxWidth)
	c.IntermediateSize = f.int("intermediate_size", required, 1, maxWidth)
	c.Layers = f.int("num_hidden_layers", required, 1, maxLayers)
	c.Heads = f.int("num_attention_heads", required, 1, maxWidth)
	c.KVHeads = c.Heads // the meaning of null
	if !f.has("num_key_value_heads") {
		c.KVHeads = cmp.Or(fam.kvHeads, c.Heads)
	}
	c.KVHeads = f.int("num_key_value_heads", c.KVHeads, 1, maxWidth)
	c.HeadDim = f.int("head_dim", fam.headDim, 2, maxWidth)
	c.MaxPositions = f.int("max_position_embeddings", fam.positions, 1, maxPositions)
	c.NormEps = f.float("rms_norm_eps", 1e-6, 0, 1)
	c.readBiases(f)
	c.QKNorm = c.ModelType == "qwen3"
	c.Prefix = "model."
	f.oneOf("hidden_act", "silu", "swish")
	c.readRope(f)
	c.readWindows(f, fam)
}

// readGPT2 reads GPT-2's own names.
func (c *Config) readGPT2(f fields, fam family) {
	c.HiddenSize = f.int("n_embd", required, 1, maxWidth)
	c.Layers = f.int("n_layer", required, 1, maxLayers)
	c.Heads = f.int("n_head", required, 1, maxWidth)
	c.KVHeads = c.Heads
	c.IntermediateSize = f.int("n_inner", 4*c.HiddenSize, 1, maxWidth)
	c.MaxPositions = f.int("n_positions", fam.positions, 1, maxPositions)
	c.NormEps = f.float("layer_norm_epsilon", 1e-5, 0, 1)
	c.LayerNorm, c.LearnedPositions, c.GELU, c.QKVBias, c.OBias, c.MLPBias, c.Conv1D = true, true, true, true, true, true, true
	c.Prefix = "transformer."
	switch name := f.text("activation_function", "gelu_new"); name {
	case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh": // one formula
	case "gelu", "gelu_python":
		c.ExactGELU = true
	default:
		f.fail("activation_function", "%s is not supported; supported: gelu_new (also gelu_pytorch_tanh, gelu_fast, gelu_accurate), gelu", shown(name))
	}
	f.only("scale_attn_weights", "true")
	f.only("scale_attn_by_inverse_layer_idx", "false")
	f.only("reorder_and_upcast_attn", "false")
	f.only("add_cross_attention", "false")
	f.only("sliding_window")
}

// checkArchitectures refuses a model with another head than that of a language model. Other names are bookkeeping.
func (f fields) checkArchitectures() {
	if f.null("architectures") || f.raw["architectures"][0] != '[' {
		return
	}
	names := f.texts("architectures")
	head := func(name string) bool { return strings.Contains(name, "For") && !strings.Contains(name, "ForCausalLM") }
	if i := slices.IndexFunc(names, head); i >= 0 && !slices.ContainsFunc(names, func(n string) bool { return !head(n) }) {
		f.fail("architectures", "%s is not a language model: its head gives something else than the next token; use the model that it was "+
			"made from", shown(names[i]))
	}
}

// refuse reports fields of any model type that would change the arithmetic and are not supported.
func (f fields) refuse() {
	for _, name := range []string{"quantization_config", "compression_config", "quantization"} {
		if f.null(name) {
			continue
		}
		method := ""
		if f.raw[name][0] == '{' {
			if method = f.object(name).text("quant_method", ""); method != "" {
				method = shown(method) + ": "
			}
		}
		f.fail(name, "%squantised weights are not supported; use the model that they were made from, in float32, bfloat16 or float16", method)
	}
	for _, name := range []string{"num_local_experts", "num_experts", "n_routed_experts"} {
		if n := f.int(name, 1, 0, maxWidth); n > 1 {
			f.fail(name, "%d: mixtures of experts are not supported", n)
		}
	}
	for _, name := range []string{"partial_rotary_factor", "rotary_pct"} {
		if x := f.float(name, 1, 0, 1); x != 1 {
			f.fail(name, "%g: rotation of a part of a head is not supported; supported: 1", x)
		}
	}
	for _, name := range []string{"qkv_bias", "is_encoder_decoder", "use_mrope"} {
		f.only(name, "false")
	}
	for _, name := range []string{"attn_logit_softcapping", "final_logit_softcapping", "clip_qkv"} {
		f.only(name)
	}
}

// readBiases finds which projections have biases: in qwen2 those of query, key and value; in llama and qwen3 what attention_bias
// says, for the projection of the output too; in llama what mlp_bias says. The other types have none, whatever the fields say.
func (c *Config) readBiases(f fields) {
	c.QKVBias = c.ModelType == "qwen2"
	if c.ModelType == "llama" || c.ModelType == "qwen3" {
		c.QKVBias = f.bool("attention_bias", false)
		c.OBias = c.QKVBias
	} else {
		f.only("attention_bias", "false")
	}
	if c.ModelType == "llama" {
		c.MLPBias = f.bool("mlp_bias", false)
	} else {
		f.only("mlp_bias", "false")
	}
}

// readRope reads the rotary settings in either of the layouts that Hugging Face writes: rope_theta and rope_scaling, or
// both in rope_parameters.
func (c *Config) readRope(f fields) {
	c.RopeTheta = f.float("rope_theta", 10000, 1, 1e12)
	scaling := f.object("rope_scaling")
	old := c.readScaling(scaling)
	c.RopeScaling = old
	if inner := scaling.float("rope_theta", c.RopeTheta, 1, 1e12); inner != c.RopeTheta {
		if !f.null("rope_theta") { // transformers 4 takes the outer one, 5 the inner
			scaling.fail("rope_theta", "%g differs from rope_theta %g beside rope_scaling; keep one", inner, c.RopeTheta)
		}
		c.RopeTheta = inner
	}
	if p := f.object("rope_parameters"); len(p.raw) > 0 {
		c.RopeScaling = c.readScaling(p)
		c.RopeTheta = p.float("rope_theta", c.RopeTheta, 1, 1e12)
		if old != c.RopeScaling && !f.null("rope_scaling") {
			f.fail("rope_scaling", "says something else than rope_parameters")
		}
	}
}

func (c *Config) readScaling(f fields) RopeScaling {
	known := []string{"rope_type", "type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor",
		"original_max_position_embeddings", "partial_rotary_factor"}
	for _, name := range f.names() {
		if !slices.Contains(known, name) && !f.null(name) {
			f.fail(name, "is not supported")
		}
	}
	f.only("partial_rotary_factor", "1", "1.0")
	s := RopeScaling{Kind: f.text("rope_type", f.text("type", "default"))}
	switch s.Kind {
	case "default":
		return RopeScaling{}
	case "linear":
		s.Factor = f.float("factor", required, 1, 1e6)
	case "dynamic":
		// With dynamic scaling the frequencies depend on the length of the sequence, but only above the number of positions
		// that the model was made for, and longer sequences are refused.
		f.float("factor", required, 1, 1e6)
		if n := f.int("original_max_position_embeddings", c.MaxPositions, 1, maxPositions); n != c.MaxPositions {
			f.fail("original_max_position_embeddings", "%d differs from max_position_embeddings %d, which dynamic scaling starts from", n, c.MaxPositions)
		}
		c.Notices = append(c.Notices, fmt.Sprintf("rope_type dynamic takes effect beyond %d positions; longer sequences are not supported", c.MaxPositions))
		return RopeScaling{}
	case "llama3":
		s.Factor = f.float("factor", required, 1, 1e6)
		s.LowFreqFactor = f.float("low_freq_factor", required, 1e-6, 1e6)
		s.HighFreqFactor = f.float("high_freq_factor", required, 1e-6, 1e6)
		s.OriginalPositions = f.int("original_max_position_embeddings", required, 1, maxPositions)
		if *f.err == nil && s.HighFreqFactor <= s.LowFreqFactor {
			f.fail("high_freq_factor", "%g, want more than low_freq_factor %g", s.HighFreqFactor, s.LowFreqFactor)
		}
	default:
		f.fail("rope_type", "%s is not supported; supported: default, linear, dynamic, llama3", shown(s.Kind))
	}
	return s
}

// readWindows finds how far each block's attention reaches back. In mistral sliding_window holds for all blocks, in qwen2
// and qwen3 for those from max_window_layers on, if use_sliding_window says so; layer_types, where given, decides.
func (c *Config) readWindows(f fields, fam family) {
	qwen := strings.HasPrefix(c.ModelType, "qwen")
	use := f.bool("use_sliding_window", !qwen)
	window, first := 0, 0
	switch {
	case !use && (qwen || fam.window == 0): // whatever sliding_window says has no effect
	case fam.window == 0:
		if !f.null("sliding_window") {
			f.fail("sliding_window", "%s is not supported for model_type %s, where transformers ignores it and other programs do not; "+
				"say null, or \"use_sliding_window\": false, if attention reaches over the whole sequence", cut(string(f.raw["sliding_window"])), c.ModelType)
		}
	case !f.null("sliding_window"):
		window = f.int("sliding_window", 0, 1, maxPositions)
	case !f.has("sliding_window"):
		window = fam.window
	}
	if qwen {
		first = f.int("max_window_layers", 28, 0, maxWidth)
	} else if !use && window > 0 && window < c.MaxPositions {
		f.fail("use_sliding_window", "false, but sliding_window is %d, which transformers applies to model_type %s in spite of that; "+
			"say \"sliding_window\": null for none, or leave use_sliding_window out for %[1]d", window, c.ModelType)
	}
	if *f.err != nil {
		return
	}
	types := f.texts("layer_types")
	if len(types) > 0 && len(types) != c.Layers {
		f.fail("layer_types", "%d entries for %d layers", len(types), c.Layers)
		return
	}
	windows := make([]int, c.Layers)
	for i := range windows {
		sliding := window > 0 && i >= first
		if len(types) > 0 {
			sliding = types[i] == "sliding_attention"
			if !sliding && types[i] != "full_attention" {
				f.fail("layer_types", "%s is not supported; supported: full_attention, sliding_attention", shown(types[i]))
			}
		}
		if sliding && window == 0 {
			if use {
				f.fail("layer_types", "layer %d slides, but sliding_window does not say how far it sees", i)
			} else {
				f.fail("layer_types", "layer %d slides, but use_sliding_window is false; make them agree: full_attention for every layer, or "+
					"\"use_sliding_window\": true", i)
			}
		}
		if sliding && window < c.MaxPositions {
			windows[i] = window
		}
	}
	if slices.Max(windows) > 0 {
		c.Windows = windows
	}
}

// noteDropout reads the dropout probabilities, which stay in the file and are not applied.
func (c *Config) noteDropout(f fields) {
	var found []string
	for _, name := range []string{"attention_dropout", "attn_pdrop", "dropout", "embd_pdrop", "hidden_dropout", "resid_pdrop"} {
		if p := f.float(name, 0, 0, 1); p > 0 {
			found = append(found, fmt.Sprintf("%s %g", name, p))
		}
	}
	if len(found) > 0 {
		c.Notices = append(c.Notices, strings.Join(found, ", ")+": dropout is kept in config.json but not applied in training")
	}
}

// check compares the fields with each other.
func (c *Config) check() error {
	heads := "num_attention_heads"
	hidden := "hidden_size"
	if c.ModelType == "gpt2" {
		heads, hidden = "n_head", "n_embd"
	}
	if c.HeadDim == 0 {
		if c.HiddenSize%c.Heads != 0 {
			return bad(heads, "%d does not divide %s %d", c.Heads, hidden, c.HiddenSize)
		}
		c.HeadDim = c.HiddenSize / c.Heads
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return bad("num_key_value_heads", "%d does not divide num_attention_heads %d", c.KVHeads, c.Heads)
	case !c.LearnedPositions && c.HeadDim%2 != 0:
		return bad("head_dim", "%d is odd; rotary positions need pairs", c.HeadDim)
	case c.Heads*c.HeadDim > maxWidth:
		return bad(heads, "%d heads of width %d are more than %d", c.Heads, c.HeadDim, maxWidth)
	}
	return nil
}
