package export

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/internal/tiny"
	"reprise/tokenizer"
)

// biased is a fresh model with biases; every weight and every bias of output r is r.
func biased(t *testing.T, kind, fields string) *base.Base {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values([]string{"red lamp"}), tokenizer.TrainOptions{VocabSize: 260})
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(tiny.Config, `"model_type":"llama"`, `"model_type":"`+kind+`",`+fields, 1)
	b, err := base.New([]byte(config), tok, 1)
	if err != nil {
		t.Fatal(err)
	}
	for p := range b.Model.Params() {
		for r := range p.W.Rows {
			for i := range p.W.Row(r) {
				p.W.Row(r)[i] = float32(r)
				if len(p.Shape) == 1 {
					p.W.Row(r)[i] = float32(i)
				}
			}
		}
	}
	return b
}

// TestBiases: the biases of llama are in the file under llama.cpp's names, and those of queries and keys change places as the rows
// of their weights do. TestAgainstLlamaCpp holds the same to llama.cpp.
func TestBiases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gguf")
	if _, err := GGUF(path, biased(t, "llama", `"attention_bias":true,"mlp_bias":true`), Options{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := read(text)
	value := func(s stored, i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(s.data[4*i:])) }
	for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"} {
		w, bias := f.tensors["blk.1."+name+".weight"], f.tensors["blk.1."+name+".bias"]
		if len(w.dims) != 2 || len(bias.dims) != 1 || bias.dims[0] != w.dims[1] {
			t.Errorf("%s: weight %v, bias %v", name, w.dims, bias.dims)
			continue
		}
		moved := false
		for r := range bias.dims[0] {
			moved = moved || value(bias, r) != float32(r)
			if value(bias, r) != value(w, r*w.dims[0]) {
				t.Errorf("%s: row %d has the weights of output %g and the bias of %g", name, r, value(w, r*w.dims[0]), value(bias, r))
			}
		}
		if want := name == "attn_q" || name == "attn_k"; moved != want {
			t.Errorf("%s: rows changed places: %v, want %v", name, moved, want)
		}
	}
}

// llama.cpp reads no biases for qwen3.
func TestBiasesOfQwen3(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gguf")
	_, err := GGUF(path, biased(t, "qwen3", `"attention_bias":true`), Options{})
	if err == nil || !strings.Contains(err.Error(), "attention_bias: llama.cpp reads no biases for qwen3") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

// llama.cpp computes the tanh form of GELU for every gpt2: the export says so for a model with the exact one.
func TestExactGELU(t *testing.T) {
	for activation, want := range map[string]bool{"gelu": true, "gelu_new": false} {
		config := `{"model_type": "gpt2", "vocab_size": 260, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16, "activation_function": "` + activation + `"}`
		tok, err := tokenizer.Train(slices.Values([]string{"red lamp"}), tokenizer.TrainOptions{VocabSize: 260})
		if err != nil {
			t.Fatal(err)
		}
		b, err := base.New([]byte(config), tok, 1)
		if err != nil {
			t.Fatal(err)
		}
		notes, err := GGUF(filepath.Join(t.TempDir(), "a.gguf"), b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "tanh form of GELU") }); got != want {
			t.Errorf("%s: notes %q", activation, notes)
		}
	}
}
