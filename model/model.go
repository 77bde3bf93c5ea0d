package model

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"reprise/tensor"
)

// Model holds the weights of a decoder. It does no arithmetic: a Pass does, with its own activations, so that several
// passes can share one model.
type Model struct {
	Config Config

	embed  *tensor.Param // [V, d]
	blocks []block
	norm   *tensor.Param // [1, d]
	head   *tensor.Param // [V, d]; the embedding itself when tied

	params []*tensor.Param // in file order
}

// block holds the parameters of one decoder block; matrices are [out, in] as in the file.
type block struct {
	attnNorm, mlpNorm *tensor.Param
	q, k, v, o        *tensor.Param
	gate, up, down    *tensor.Param
}

// New allocates a model with zero weights and no gradients.
func New(cfg Config) *Model {
	m := &Model{Config: cfg, blocks: make([]block, cfg.Layers)}
	matrix := func(name string, out, in int) *tensor.Param {
		p := &tensor.Param{Name: name, W: tensor.NewMatrix(out, in), Decay: true, Shape: []int{out, in}}
		m.params = append(m.params, p)
		return p
	}
	vector := func(name string, n int) *tensor.Param {
		p := &tensor.Param{Name: name, W: tensor.NewMatrix(1, n), Shape: []int{n}}
		m.params = append(m.params, p)
		return p
	}
	d, inner := cfg.HiddenSize, cfg.IntermediateSize
	m.embed = matrix("model.embed_tokens.weight", cfg.VocabSize, d)
	for i := range m.blocks {
		pre := fmt.Sprintf("model.layers.%d.", i)
		m.blocks[i] = block{
			attnNorm: vector(pre+"input_layernorm.weight", d),
			mlpNorm:  vector(pre+"post_attention_layernorm.weight", d),
			q:        matrix(pre+"self_attn.q_proj.weight", cfg.Heads*cfg.HeadDim, d),
			k:        matrix(pre+"self_attn.k_proj.weight", cfg.KVHeads*cfg.HeadDim, d),
			v:        matrix(pre+"self_attn.v_proj.weight", cfg.KVHeads*cfg.HeadDim, d),
			o:        matrix(pre+"self_attn.o_proj.weight", d, cfg.Heads*cfg.HeadDim),
			gate:     matrix(pre+"mlp.gate_proj.weight", inner, d),
			up:       matrix(pre+"mlp.up_proj.weight", inner, d),
			down:     matrix(pre+"mlp.down_proj.weight", d, inner),
		}
	}
	m.norm = vector("model.norm.weight", d)
	m.head = m.embed
	if !cfg.TieEmbeddings {
		m.head = matrix("lm_head.weight", cfg.VocabSize, d)
	}
	slices.SortFunc(m.params, func(a, b *tensor.Param) int { return strings.Compare(a.Name, b.Name) })
	return m
}

// Params walks the parameters in file order: by name. A tied head appears once, as the embedding.
func (m *Model) Params() iter.Seq[*tensor.Param] { return slices.Values(m.params) }

// Head is the output embedding [V, d].
func (m *Model) Head() *tensor.Param { return m.head }

// Count is the number of weights.
func (m *Model) Count() int {
	n := 0
	for _, p := range m.params {
		n += len(p.W.Data)
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

// ZeroGrads clears the gradients.
func (m *Model) ZeroGrads() {
	for _, p := range m.params {
		clear(p.G.Data)
	}
}

// Init fills the weights as Hugging Face initialises this family: matrices from a normal distribution with deviation
// InitRange, norm gains 1. Every row has a random stream of its own, named by the tensor.
func (m *Model) Init(seed uint64) {
	for _, p := range m.params {
		if len(p.Shape) == 1 {
			for i := range p.W.Data {
				p.W.Data[i] = 1
			}
			continue
		}
		for r := range p.W.Rows {
			rng := tensor.NewRNG(seed, "init/"+p.Name, uint64(r))
			row := p.W.Row(r)
			for i := range row {
				row[i] = float32(rng.NormFloat64() * m.Config.InitRange)
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
