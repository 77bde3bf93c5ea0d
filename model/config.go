package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Config is the architecture of a decoder, read from a Hugging Face config.json.
// Sizes are numbers of elements.
type Config struct {
	ModelType        string  // "llama"
	VocabSize        int     // rows of the embedding
	HiddenSize       int     // d, width of the residual stream
	IntermediateSize int     // width of the SwiGLU
	Layers           int     // number of decoder blocks
	Heads            int     // query heads
	KVHeads          int     // key and value heads; divides Heads
	HeadDim          int     // width of one head; even
	MaxPositions     int     // longest sequence the model was made for, in tokens
	NormEps          float64 // added to the mean square inside RMSNorm
	RopeTheta        float64 // base of the rotary frequencies
	TieEmbeddings    bool    // the head is the embedding
	InitRange        float64 // standard deviation of fresh weights
	BOS              []int32 // begin-of-text ids; may be empty
	EOS              []int32 // end-of-text ids; may be empty
}

// wireConfig lists the fields of config.json that decide something here. Everything else in the file is bookkeeping of
// other programs and is kept as it is by package checkpoint.
type wireConfig struct {
	ModelType        string   `json:"model_type"`
	VocabSize        int      `json:"vocab_size"`
	HiddenSize       int      `json:"hidden_size"`
	IntermediateSize int      `json:"intermediate_size"`
	Layers           int      `json:"num_hidden_layers"`
	Heads            int      `json:"num_attention_heads"`
	KVHeads          *int     `json:"num_key_value_heads"`
	HeadDim          *int     `json:"head_dim"`
	MaxPositions     *int     `json:"max_position_embeddings"`
	NormEps          *float64 `json:"rms_norm_eps"`
	RopeTheta        *float64 `json:"rope_theta"`
	RopeScaling      ropeDict `json:"rope_scaling"`
	RopeParameters   ropeDict `json:"rope_parameters"`
	Tie              bool     `json:"tie_word_embeddings"`
	InitRange        *float64 `json:"initializer_range"`
	Activation       *string  `json:"hidden_act"`
	AttentionBias    bool     `json:"attention_bias"`
	MLPBias          bool     `json:"mlp_bias"`
	BOS              idList   `json:"bos_token_id"`
	EOS              idList   `json:"eos_token_id"`

	Quantization  json.RawMessage `json:"quantization_config"`
	PartialRotary *float64        `json:"partial_rotary_factor"`
	Experts       *int            `json:"num_local_experts"`
	SlidingWindow *int            `json:"sliding_window"`
}

// ropeDict holds the two layouts in which Hugging Face writes rotary settings.
type ropeDict struct {
	Type    string   `json:"rope_type"`
	OldType string   `json:"type"`
	Theta   *float64 `json:"rope_theta"`
}

func (r ropeDict) kind() string {
	if r.Type != "" {
		return r.Type
	}
	return r.OldType
}

// idList accepts null, one id or a list of ids.
type idList []int32

func (l *idList) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*l = nil
		return nil
	}
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]int32)(l))
	}
	var id int32
	if err := json.Unmarshal(b, &id); err != nil {
		return err
	}
	*l = idList{id}
	return nil
}

// Bounds on what a config may ask for: they keep products of sizes inside an int and refuse nonsense early.
const (
	maxVocab     = 1 << 24
	maxWidth     = 1 << 20
	maxLayers    = 4096
	maxPositions = 1 << 26
)

// ParseConfig reads a config.json. Everything that the engine does not support is refused by name; errors start with
// the field.
func ParseConfig(configJSON []byte) (Config, error) {
	var w wireConfig
	if err := json.Unmarshal(configJSON, &w); err != nil {
		return Config{}, fmt.Errorf("model: config.json: %w", err)
	}
	bad := func(field, format string, args ...any) (Config, error) {
		return Config{}, fmt.Errorf("model: config.json: %s: %s", field, fmt.Sprintf(format, args...))
	}
	switch w.ModelType {
	case "llama":
	case "":
		return bad("model_type", "missing; is this the config.json of a decoder language model?")
	default:
		return bad("model_type", "%q is not supported; supported: llama", w.ModelType)
	}
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"vocab_size", w.VocabSize, maxVocab},
		{"hidden_size", w.HiddenSize, maxWidth},
		{"intermediate_size", w.IntermediateSize, maxWidth},
		{"num_hidden_layers", w.Layers, maxLayers},
		{"num_attention_heads", w.Heads, maxWidth},
	} {
		if f.value < 1 || f.value > f.max {
			return bad(f.name, "%d, want 1 to %d", f.value, f.max)
		}
	}
	c := Config{
		ModelType: w.ModelType, VocabSize: w.VocabSize, HiddenSize: w.HiddenSize, IntermediateSize: w.IntermediateSize,
		Layers: w.Layers, Heads: w.Heads, KVHeads: or(w.KVHeads, w.Heads), HeadDim: or(w.HeadDim, 0),
		MaxPositions: or(w.MaxPositions, 2048), NormEps: or(w.NormEps, 1e-6), RopeTheta: or(w.RopeTheta, 10000),
		TieEmbeddings: w.Tie, InitRange: or(w.InitRange, 0.02), BOS: w.BOS, EOS: w.EOS,
	}
	if c.HeadDim == 0 {
		if c.HiddenSize%c.Heads != 0 {
			return bad("num_attention_heads", "%d does not divide hidden_size %d, and head_dim is not given", c.Heads, c.HiddenSize)
		}
		c.HeadDim = c.HiddenSize / c.Heads
	}
	switch {
	case c.KVHeads < 1 || c.Heads%c.KVHeads != 0:
		return bad("num_key_value_heads", "%d does not divide num_attention_heads %d", c.KVHeads, c.Heads)
	case c.HeadDim < 2 || c.HeadDim > maxWidth || c.HeadDim%2 != 0:
		return bad("head_dim", "%d, want an even number from 2 to %d", c.HeadDim, maxWidth)
	case c.MaxPositions < 1 || c.MaxPositions > maxPositions:
		return bad("max_position_embeddings", "%d, want 1 to %d", c.MaxPositions, maxPositions)
	case !(c.NormEps >= 0 && c.NormEps < 1):
		return bad("rms_norm_eps", "%g, want 0 or more and less than 1", c.NormEps)
	case !(c.InitRange > 0 && c.InitRange < 10):
		return bad("initializer_range", "%g, want more than 0 and less than 10", c.InitRange)
	case w.Activation != nil && !slices.Contains([]string{"silu", "swish"}, *w.Activation):
		return bad("hidden_act", "%q is not supported; supported: silu", *w.Activation)
	case w.AttentionBias:
		return bad("attention_bias", "true is not supported")
	case w.MLPBias:
		return bad("mlp_bias", "true is not supported")
	case len(w.Quantization) > 0 && string(w.Quantization) != "null":
		return bad("quantization_config", "quantised weights are not supported; use the model in float32, bfloat16 or float16")
	case w.PartialRotary != nil && *w.PartialRotary != 1:
		return bad("partial_rotary_factor", "%g is not supported; supported: 1", *w.PartialRotary)
	case w.Experts != nil && *w.Experts > 1:
		return bad("num_local_experts", "%d: mixtures of experts are not supported", *w.Experts)
	case w.SlidingWindow != nil:
		return bad("sliding_window", "%d is not supported for model_type llama", *w.SlidingWindow)
	}
	for field, r := range map[string]ropeDict{"rope_scaling": w.RopeScaling, "rope_parameters": w.RopeParameters} {
		if k := r.kind(); k != "" && k != "default" {
			return bad(field, "rope_type %q is not supported; supported: default", k)
		}
	}
	if w.RopeParameters.Theta != nil {
		c.RopeTheta = *w.RopeParameters.Theta
	}
	if !(c.RopeTheta >= 1 && c.RopeTheta <= 1e12) {
		return bad("rope_theta", "%g, want 1 to 1e12", c.RopeTheta)
	}
	for field, ids := range map[string][]int32{"bos_token_id": c.BOS, "eos_token_id": c.EOS} {
		for _, id := range ids {
			if id < 0 || int(id) >= c.VocabSize {
				return bad(field, "%d is outside the vocabulary of %d", id, c.VocabSize)
			}
		}
	}
	return c, nil
}

func or[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}

// MatmulParams is the number of weights that take part in a matrix product for every token, the head included: what the
// usual "6 FLOP per parameter and token" counts.
func (c Config) MatmulParams() int { return c.BodyParams() + c.VocabSize*c.HiddenSize }

// BodyParams is MatmulParams without the head.
func (c Config) BodyParams() int {
	attention := c.HiddenSize * c.HeadDim * (2*c.Heads + 2*c.KVHeads)
	return c.Layers * (attention + 3*c.HiddenSize*c.IntermediateSize)
}

// String names the shape in one line.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d layers, hidden %d, heads %d/%d x %d, intermediate %d, vocabulary %d",
		c.ModelType, c.Layers, c.HiddenSize, c.Heads, c.KVHeads, c.HeadDim, c.IntermediateSize, c.VocabSize)
	if c.TieEmbeddings {
		b.WriteString(", tied")
	}
	return b.String()
}
