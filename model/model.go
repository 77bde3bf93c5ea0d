package model

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"reprise/tensor"
)

// Model holds the weights of a decoder. The arithmetic is in Pass, which has its own activations, so that several passes can
// share one model.
type Model struct {
	Config Config

	embed     *tensor.Param // [V, d]
	positions *tensor.Param // [MaxPositions, d]; nil with rotary positions
	blocks    []block
	norm      norm
	head      *tensor.Param // [V, d]; the embedding itself when tied

	params []*tensor.Param // in file order
}

// block holds the parameters of one decoder block. Its input projections are either qkv, whose output has query, key and
// value side by side, or q, k and v. A GELU block has no gate.
type block struct {
	attnNorm, mlpNorm norm
	qkv               *linear
	q, k, v           *linear
	qNorm, kNorm      *norm // applied to every head; nil without QKNorm
	o                 *linear
	gate, up, down    *linear
	window            int // keys that a query sees, itself included; 0: all before it
}

// norm is an RMSNorm, or with a bias a LayerNorm.
type norm struct{ gain, bias *tensor.Param }

// linear is y = x·Wᵀ + b with W [out, in], or as Conv1D y = x·W + b with W [in, out], which is the layout of the file. b may
// be nil.
type linear struct {
	w, bias *tensor.Param
	conv1D  bool
}

// New allocates a model with zero weights and no gradients.
func New(cfg Config) *Model {
	m := Outline(cfg)
	// One allocation for all: the system can then use huge pages, even for matrices that are smaller than one, and reading
	// all weights once needs few page look-ups.
	size := func(p *tensor.Param) int {
		rows, cols := rowsCols(p.Shape)
		return (rows*cols + 15) &^ 15 // each matrix begins at a multiple of 64 bytes
	}
	all := 0
	for _, p := range m.params {
		all += size(p)
	}
	memory := tensor.NewMatrix(1, all).Data
	for _, p := range m.params {
		rows, cols := rowsCols(p.Shape)
		p.W = &tensor.Matrix{Rows: rows, Cols: cols, Stride: cols, Data: memory[: rows*cols : rows*cols]}
		memory = memory[size(p):]
	}
	return m
}

func rowsCols(shape []int) (rows, cols int) {
	if len(shape) == 1 {
		return 1, shape[0]
	}
	return shape[0], shape[1]
}

// Outline is New without memory for the weights: only names and shapes.
func Outline(cfg Config) *Model {
	m := &Model{Config: cfg, blocks: make([]block, cfg.Layers)}
	if cfg.Conv1D {
		m.outlineGPT2()
	} else {
		m.outlineLlama()
	}
	for i := range m.blocks {
		m.blocks[i].window = cfg.window(i)
	}
	m.head = m.embed
	if !cfg.TieEmbeddings {
		m.head = m.matrix("lm_head.weight", cfg.VocabSize, cfg.HiddenSize)
	}
	slices.SortFunc(m.params, func(a, b *tensor.Param) int { return strings.Compare(a.Name, b.Name) })
	return m
}

// outlineLlama names the parameters as llama, mistral, qwen2 and qwen3 do.
func (m *Model) outlineLlama() {
	cfg := &m.Config
	d, inner := cfg.HiddenSize, cfg.IntermediateSize
	q, kv := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	m.embed = m.matrix(cfg.Prefix+"embed_tokens.weight", cfg.VocabSize, d)
	for i := range m.blocks {
		pre := fmt.Sprintf("%slayers.%d.", cfg.Prefix, i)
		b := &m.blocks[i]
		b.attnNorm = m.newNorm(pre+"input_layernorm", d)
		b.mlpNorm = m.newNorm(pre+"post_attention_layernorm", d)
		b.q = m.linear(pre+"self_attn.q_proj", q, d, cfg.QKVBias)
		b.k = m.linear(pre+"self_attn.k_proj", kv, d, cfg.QKVBias)
		b.v = m.linear(pre+"self_attn.v_proj", kv, d, cfg.QKVBias)
		b.o = m.linear(pre+"self_attn.o_proj", d, q, cfg.OBias)
		if cfg.QKNorm {
			qn, kn := m.newNorm(pre+"self_attn.q_norm", cfg.HeadDim), m.newNorm(pre+"self_attn.k_norm", cfg.HeadDim)
			b.qNorm, b.kNorm = &qn, &kn
		}
		b.gate = m.linear(pre+"mlp.gate_proj", inner, d, cfg.MLPBias)
		b.up = m.linear(pre+"mlp.up_proj", inner, d, cfg.MLPBias)
		b.down = m.linear(pre+"mlp.down_proj", d, inner, cfg.MLPBias)
	}
	m.norm = m.newNorm(cfg.Prefix+"norm", d)
}

// outlineGPT2 names the parameters as gpt2 does.
func (m *Model) outlineGPT2() {
	cfg := &m.Config
	d, inner := cfg.HiddenSize, cfg.IntermediateSize
	m.embed = m.matrix(cfg.Prefix+"wte.weight", cfg.VocabSize, d)
	m.positions = m.matrix(cfg.Prefix+"wpe.weight", cfg.MaxPositions, d)
	for i := range m.blocks {
		pre := fmt.Sprintf("%sh.%d.", cfg.Prefix, i)
		b := &m.blocks[i]
		b.attnNorm = m.newNorm(pre+"ln_1", d)
		b.mlpNorm = m.newNorm(pre+"ln_2", d)
		b.qkv = m.linear(pre+"attn.c_attn", cfg.qkvWidth(), d, cfg.QKVBias)
		b.o = m.linear(pre+"attn.c_proj", d, cfg.Heads*cfg.HeadDim, cfg.OBias)
		b.up = m.linear(pre+"mlp.c_fc", inner, d, cfg.MLPBias)
		b.down = m.linear(pre+"mlp.c_proj", d, inner, cfg.MLPBias)
	}
	m.norm = m.newNorm(cfg.Prefix+"ln_f", d)
}

func (m *Model) param(name string, shape ...int) *tensor.Param {
	p := &tensor.Param{Name: name, Shape: shape}
	m.params = append(m.params, p)
	return p
}

func (m *Model) matrix(name string, rows, cols int) *tensor.Param { return m.param(name, rows, cols) }

func (m *Model) newNorm(name string, n int) norm {
	l := norm{gain: m.param(name+".weight", n)}
	if m.Config.LayerNorm {
		l.bias = m.param(name+".bias", n)
	}
	return l
}

func (m *Model) linear(name string, out, in int, bias bool) *linear {
	l := &linear{conv1D: m.Config.Conv1D}
	if l.conv1D {
		l.w = m.matrix(name+".weight", in, out)
	} else {
		l.w = m.matrix(name+".weight", out, in)
	}
	if bias {
		l.bias = m.param(name+".bias", out)
	}
	return l
}

// Params walks the parameters in file order: by name. A tied head appears once, as the embedding.
func (m *Model) Params() iter.Seq[*tensor.Param] { return slices.Values(m.params) }

// Head is the output embedding [V, d].
func (m *Model) Head() *tensor.Param { return m.head }

// Count is the number of weights.
func (m *Model) Count() int {
	n := 0
	for _, p := range m.params {
		rows, cols := rowsCols(p.Shape)
		n += rows * cols
	}
	return n
}

// AllocGrads gives every parameter a zero gradient, once.
func (m *Model) AllocGrads() {
	for _, p := range m.params {
		if p.G == nil {
			p.G = tensor.NewMatrix(p.W.Rows, p.W.Cols)
		}
	}
}

// ZeroGrads clears the gradients: a step begins.
func (m *Model) ZeroGrads() {
	for _, p := range m.params {
		clear(p.G.Data)
		p.Grad = tensor.GradZero
	}
}

// Init fills the weights as Hugging Face initialises this family: matrices from a normal distribution with deviation
// InitRange, gains 1, biases 0. In gpt2 the projections that write to the residual stream have InitRange/√(2·Layers). Every
// row has a random stream of its own, named by the tensor.
func (m *Model) Init(seed uint64) {
	for _, p := range m.params {
		switch {
		case strings.HasSuffix(p.Name, ".bias"):
			clear(p.W.Data)
			continue
		case len(p.Shape) == 1:
			for i := range p.W.Data {
				p.W.Data[i] = 1
			}
			continue
		}
		std := m.Config.InitRange
		if strings.HasSuffix(p.Name, "c_proj.weight") {
			std /= sqrt(float64(2 * m.Config.Layers))
		}
		for r := range p.W.Rows {
			rng := tensor.NewRNG(seed, "init/"+p.Name, uint64(r))
			row := p.W.Row(r)
			for i := range row {
				row[i] = float32(rng.NormFloat64() * std)
			}
		}
	}
}

// Clone copies the weights, not the gradients.
func (m *Model) Clone() *Model {
	c := New(m.Config)
	for i, p := range c.params {
		copy(p.W.Data, m.params[i].W.Data)
	}
	return c
}
