package model

import (
	"fmt"
	"strings"
)

// Config is the architecture of a decoder, read from a Hugging Face config.json. There is one block structure; the fields
// under "parts" say which parts a block has. Sizes are numbers of elements.
type Config struct {
	ModelType        string  // "llama", "mistral", "qwen2", "qwen3" or "gpt2"
	VocabSize        int     // rows of the embedding
	HiddenSize       int     // d, width of the residual stream
	IntermediateSize int     // width of the MLP
	Layers           int     // number of decoder blocks
	Heads            int     // query heads
	KVHeads          int     // key and value heads; divides Heads
	HeadDim          int     // width of one head; even with rotary positions
	MaxPositions     int     // longest sequence the model was made for, in tokens
	NormEps          float64 // added to the mean square, or the variance, inside a norm
	TieEmbeddings    bool    // the head is the embedding
	InitRange        float64 // standard deviation of fresh weights
	BOS              []int32 // begin-of-text ids; may be empty
	EOS              []int32 // end-of-text ids, those of generation_config.json too; may be empty
	EOSOutside       []int32 // end-of-text ids in the files that lie outside the vocabulary and are passed over

	// Parts.
	LayerNorm        bool        // LayerNorm with gain and bias; otherwise RMSNorm
	LearnedPositions bool        // an embedding per position; otherwise RoPE
	RopeTheta        float64     // base of the rotary frequencies
	RopeScaling      RopeScaling // how they are stretched
	GELU             bool        // MLP down·gelu(up·x); otherwise SwiGLU, down·(silu(gate·x) ⊙ up·x)
	ExactGELU        bool        // GELU by the error function; otherwise its tanh form
	QKVBias          bool        // query, key and value projections have biases
	OBias            bool        // the projection of attention's output has a bias
	MLPBias          bool        // the projections of the MLP have biases
	QKNorm           bool        // RMSNorm of every query and key head before RoPE
	Windows          []int       // per block: keys that a query sees, itself included; 0: all before it. nil: all 0

	// Layout of the file.
	Conv1D bool   // as in GPT-2: projections are stored [in, out], and query, key and value are one tensor
	Prefix string // prefix of the names of all tensors except lm_head.weight; "model.", "transformer." or nothing

	// Notices are sentences for the user about settings in the file that this engine does not apply but need not refuse.
	Notices []string
}

// RopeScaling stretches the rotary frequencies for longer sequences than a model was first trained on.
type RopeScaling struct {
	Kind              string  // "": none; "linear" or "llama3"
	Factor            float64 // of the stretch; 1 or more
	LowFreqFactor     float64 // llama3: wavelengths above Positions/LowFreqFactor are stretched in full
	HighFreqFactor    float64 // llama3: those below Positions/HighFreqFactor not at all; more than LowFreqFactor
	OriginalPositions int     // llama3: Positions, the sequence length of the first training
}

// window is how many keys a query of block i sees, itself included; 0: all before it.
func (c *Config) window(i int) int {
	if c.Windows == nil {
		return 0
	}
	return c.Windows[i]
}

// qkvWidth is the width of query, key and value side by side.
func (c *Config) qkvWidth() int { return (c.Heads + 2*c.KVHeads) * c.HeadDim }

// MatmulParams is the number of weights that take part in a matrix product for every token, the head included: what the
// usual "6 FLOP per parameter and token" counts.
func (c Config) MatmulParams() int { return c.BodyParams() + c.VocabSize*c.HiddenSize }

// BodyParams is MatmulParams without the head.
func (c Config) BodyParams() int {
	attention := c.HiddenSize * c.HeadDim * (2*c.Heads + 2*c.KVHeads)
	mlp := 3
	if c.GELU {
		mlp = 2
	}
	return c.Layers * (attention + mlp*c.HiddenSize*c.IntermediateSize)
}

// CacheBytes is the size of the keys and values that a Decoder reads for a token with n positions before it: in every block
// those that the token sees, its own included.
func (c Config) CacheBytes(n int) int {
	seen := 0
	for i := range c.Layers {
		if window := c.window(i); window > 0 {
			seen += min(n+1, window)
		} else {
			seen += n + 1
		}
	}
	return 4 * 2 * c.KVHeads * c.HeadDim * seen
}

// String describes the shape in one line.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d layers, hidden %d, heads %d/%d x %d, intermediate %d, vocabulary %d",
		c.ModelType, c.Layers, c.HiddenSize, c.Heads, c.KVHeads, c.HeadDim, c.IntermediateSize, c.VocabSize)
	if c.TieEmbeddings {
		b.WriteString(", tied")
	}
	return b.String()
}
