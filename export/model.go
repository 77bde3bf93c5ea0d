package export

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"

	"reprise/base"
	"reprise/internal/atomicfile"
	"reprise/model"
	"reprise/tensor"
)

// Options say how a model is exported.
type Options struct {
	Type Type   // of the matrices; default F32
	Name string // general.name; default: the name of the model's directory, or "model" where it has none
}

// GGUF writes a loaded model with its tokenizer as a GGUF file. The file appears under its name only when it is complete. The
// notes say in words what llama.cpp will do differently from the model.
func GGUF(path string, b *base.Base, opt Options) (notes []string, err error) {
	if opt.Type == "" {
		opt.Type = F32
	}
	if opt.Name == "" && b.Dir != "" {
		opt.Name = filepath.Base(b.Dir)
	}
	opt.Name = cmp.Or(opt.Name, "model")
	e := &exporter{cfg: b.Model.Config, opt: opt}
	if e.cfg.QKVBias && e.architecture() == "qwen3" {
		return nil, fmt.Errorf("export: %s: attention_bias: llama.cpp reads no biases for qwen3, and such a file would not load; "+
			"use the Hugging Face directory", cmp.Or(b.Dir, "the fresh model"))
	}
	if e.cfg.ExactGELU {
		e.notes = append(e.notes, "llama.cpp computes the tanh form of GELU for gpt2; this model uses the exact one, which differs by up to 5e-4")
	}
	e.describe()
	if err := e.vocabulary(b); err != nil {
		return nil, fmt.Errorf("export: %s: %w", cmp.Or(b.Dir, "the fresh model"), err)
	}
	for p := range b.Model.Params() {
		e.add(p)
	}
	e.ropeFactors()
	err = atomicfile.Write(path, func(w io.Writer) error { return write(w, e.metadata, e.tensors) })
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return e.notes, nil
}

// exporter collects the metadata and tensors of the file.
type exporter struct {
	cfg      model.Config
	opt      Options
	metadata []pair
	tensors  []tensorData
	notes    []string
	coarse   int // tensors that cannot be stored in the requested type
}

func (e *exporter) set(key string, value any) { e.metadata = append(e.metadata, pair{key, value}) }

// architecture is llama.cpp's name for the family; it treats mistral as llama.
func (e *exporter) architecture() string {
	if e.cfg.ModelType == "mistral" {
		return "llama"
	}
	return e.cfg.ModelType
}

// describe adds the architecture's metadata.
func (e *exporter) describe() {
	c, arch := &e.cfg, e.architecture()
	set := func(key string, value any) { e.set(arch+"."+key, value) }
	e.set("general.architecture", arch)
	e.set("general.name", e.opt.Name)
	e.set("general.file_type", e.opt.Type.fileType())
	e.set("general.quantization_version", uint32(2))
	e.set("general.alignment", uint32(alignment))

	positions := c.MaxPositions
	if c.Windows != nil {
		window := positions
		for _, w := range c.Windows {
			if w > 0 {
				window = min(window, w)
			}
		}
		positions = window
		e.notes = append(e.notes, fmt.Sprintf("llama.cpp has no sliding window for %s: the context length is set to the window, %d tokens; within it the window makes no difference", c.ModelType, window))
	}
	set("context_length", uint32(positions))
	set("embedding_length", uint32(c.HiddenSize))
	set("block_count", uint32(c.Layers))
	set("feed_forward_length", uint32(c.IntermediateSize))
	set("attention.head_count", uint32(c.Heads))
	set("attention.head_count_kv", uint32(c.KVHeads))
	if c.LayerNorm {
		set("attention.layer_norm_epsilon", float32(c.NormEps))
	} else {
		set("attention.layer_norm_rms_epsilon", float32(c.NormEps))
	}
	set("vocab_size", uint32(c.VocabSize))
	if c.LearnedPositions {
		return
	}
	set("attention.key_length", uint32(c.HeadDim))
	set("attention.value_length", uint32(c.HeadDim))
	set("rope.dimension_count", uint32(c.HeadDim))
	set("rope.freq_base", float32(c.RopeTheta))
	if c.RopeScaling.Kind == "linear" {
		set("rope.scaling.type", "linear")
		set("rope.scaling.factor", float32(c.RopeScaling.Factor))
	}
}

// ropeFactors adds the numbers by which llama.cpp divides the rotary frequencies if the scaling is llama3's.
func (e *exporter) ropeFactors() {
	if e.cfg.RopeScaling.Kind != "llama3" {
		return
	}
	factors := make([]float32, e.cfg.HeadDim/2)
	plain := e.cfg
	plain.RopeScaling = model.RopeScaling{}
	scaled, unscaled := e.cfg.RopeFrequencies(), plain.RopeFrequencies()
	for i := range factors {
		factors[i] = float32(unscaled[i] / scaled[i])
	}
	e.tensors = append(e.tensors, tensorData{name: "rope_freqs.weight", typ: F32, cols: len(factors), values: one(factors)})
}

func one(x []float32) iter.Seq[[]float32] { return func(yield func([]float32) bool) { yield(x) } }

// names translates the parts of tensor names, layers first.
var names = strings.NewReplacer(
	"embed_tokens.", "token_embd.", "lm_head.", "output.", "layers.", "blk.",
	"input_layernorm.", "attn_norm.", "post_attention_layernorm.", "ffn_norm.",
	"self_attn.q_proj.", "attn_q.", "self_attn.k_proj.", "attn_k.", "self_attn.v_proj.", "attn_v.", "self_attn.o_proj.", "attn_output.",
	"self_attn.q_norm.", "attn_q_norm.", "self_attn.k_norm.", "attn_k_norm.",
	"mlp.gate_proj.", "ffn_gate.", "mlp.up_proj.", "ffn_up.", "mlp.down_proj.", "ffn_down.",
	"wte.", "token_embd.", "wpe.", "position_embd.", "ln_f.", "output_norm.", "ln_1.", "attn_norm.", "ln_2.", "ffn_norm.",
	"attn.c_attn.", "attn_qkv.", "attn.c_proj.", "attn_output.", "mlp.c_fc.", "ffn_up.", "mlp.c_proj.", "ffn_down.",
)

// rename returns a parameter's name in the file.
func (e *exporter) rename(name string) string {
	name = strings.TrimPrefix(name, e.cfg.Prefix)
	switch {
	case strings.HasPrefix(name, "norm."):
		return "output_" + name
	case strings.HasPrefix(name, "h."):
		name = "layers." + strings.TrimPrefix(name, "h.")
	}
	return names.Replace(name)
}

// add appends a parameter to the tensors, with llama.cpp's name, layout and type.
func (e *exporter) add(p *tensor.Param) {
	t := tensorData{name: e.rename(p.Name), typ: F32, cols: p.W.Cols, values: rows(p.W)}
	turned := e.architecture() == "llama" && (strings.Contains(t.name, ".attn_q.") || strings.Contains(t.name, ".attn_k."))
	if len(p.Shape) == 1 && turned { // the bias of rows that change places
		column := &tensor.Matrix{Rows: p.W.Cols, Cols: 1, Stride: 1, Data: p.W.Data}
		t.values = interleaved(column, e.cfg.HeadDim)
	}
	if len(p.Shape) == 2 {
		t.rows, t.typ = p.W.Rows, e.opt.Type
		switch {
		case e.cfg.Conv1D && strings.HasPrefix(t.name, "blk."):
			t.rows, t.cols, t.values = p.W.Cols, p.W.Rows, columns(p.W)
		case strings.HasPrefix(t.name, "position_embd."):
			t.typ = F32
		case turned:
			t.values = interleaved(p.W, e.cfg.HeadDim)
		}
		if t.typ == Q8_0 && t.cols%block != 0 {
			t.typ = F16
			if e.coarse++; e.coarse == 1 {
				e.notes = append(e.notes, fmt.Sprintf("rows of %d and other widths that are not a multiple of 32 are stored as f16 instead of q8_0", t.cols))
			}
		}
	}
	e.tensors = append(e.tensors, t)
}

func rows(m *tensor.Matrix) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		for r := range m.Rows {
			if !yield(m.Row(r)) {
				return
			}
		}
	}
}

// columns yields the rows of the transpose.
func columns(m *tensor.Matrix) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		row := make([]float32, m.Rows)
		for c := range m.Cols {
			for r := range row {
				row[r] = m.Row(r)[c]
			}
			if !yield(row) {
				return
			}
		}
	}
}

// interleaved yields the rows of every head in the order 0, d/2, 1, d/2+1, …
func interleaved(m *tensor.Matrix, dim int) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		for r := range m.Rows {
			head, i := r/dim*dim, r%dim
			if !yield(m.Row(head + i/2 + i%2*(dim/2))) {
				return
			}
		}
	}
}
