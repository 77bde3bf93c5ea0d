package export_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/export"
	"reprise/internal/testfiles"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// asked is a request to testdata/llama.mjs; answered is its answer.
type asked struct {
	GGUF   string  `json:"gguf"`
	Text   string  `json:"text"`
	IDs    []int32 `json:"ids"`
	Greedy int     `json:"greedy"`
}

type answered struct {
	Tokens, Greedy []int32
	Probabilities  [][]float64
}

// TestAgainstLlamaCpp exports models and compares llama.cpp's tokens, greedy continuations and probabilities with ours.
// It needs node and a folder with node-llama-cpp (testdata/llama.mjs says how), named by REPRISE_LLAMA_CPP.
func TestAgainstLlamaCpp(t *testing.T) {
	oracle := os.Getenv("REPRISE_LLAMA_CPP")
	if oracle == "" {
		t.Skip("SKIPPED: REPRISE_LLAMA_CPP names no folder with node-llama-cpp")
	}
	script, err := filepath.Abs("testdata/llama.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// Bounds on the difference of two probabilities. float32: the 1e-3 that is promised; llama.cpp's GELU is a table in float16.
	// Weights stored in 16 or 8 bits are off by up to 2⁻⁹ or 2⁻⁸ of the largest weight of their block.
	for _, c := range []struct {
		name  string
		typ   export.Type
		bound float64
	}{
		{"stories260K", export.F32, 1e-3},
		{"stories260K", export.F16, 0.01},
		{"stories260K", export.BF16, 0.05},
		{"stories260K", export.Q8_0, 0.05},
		{"llama-gqa", export.F32, 1e-3},
		{"llama3-rope", export.F32, 1e-3},
		{"linear-rope", export.F32, 1e-3},
		{"llama-sharded", export.F32, 1e-3},
		{"qwen2", export.F32, 1e-3},
		{"qwen3", export.F32, 1e-3},
		{"mistral-swa", export.F32, 1e-3},
		{"llama-biases", export.F32, 1e-3},
		{"gpt2", export.F32, 1e-3},
		{"gpt2", export.Q8_0, 0.05},
	} {
		t.Run(c.name+" "+string(c.typ), func(t *testing.T) {
			dir := withTokenizer(t, c.name)
			b, err := base.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			tok := b.Tokenizer
			q := asked{GGUF: filepath.Join(t.TempDir(), "model.gguf"), Text: text, Greedy: 40}
			q.IDs = tok.Encode(text, true)
			q.Greedy = min(q.Greedy, b.Model.Config.MaxPositions-len(q.IDs))
			if b.Model.Config.Windows != nil { // stay within the window, which llama.cpp does not support
				q.IDs, q.Greedy = q.IDs[:4], 3
			}
			if c.typ != export.F32 {
				q.Greedy = 0 // rounded weights may choose other tokens
			}
			notes, err := export.GGUF(q.GGUF, b, export.Options{Type: c.typ})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(notes)
			a := ask(t, oracle, script, q)
			if want := tok.Encode(text, true); !slices.Equal(a.Tokens, want) && !slices.Equal(a.Tokens, tok.Encode(text, false)) {
				t.Errorf("tokens %v\nwant %v", a.Tokens, want)
			}
			greedy, probabilities := ours(t, b.Model, q)
			if !slices.Equal(a.Greedy, greedy) {
				t.Errorf("greedy %v\nwant %v", a.Greedy, greedy)
			}
			var diff float64
			for i, row := range probabilities {
				for id, p := range row {
					diff = max(diff, math.Abs(p-a.Probabilities[i][id]))
				}
			}
			t.Logf("largest difference of a probability: %.2g over %d positions", diff, len(probabilities))
			if !(diff <= c.bound) {
				t.Errorf("probabilities differ by %.3g, want at most %g", diff, c.bound)
			}
		})
	}
}

const text = "Once upon a time, there was a little girl."

// withTokenizer is the directory of a model: stories260K, or one of the tiny configurations with a tokenizer of its size.
func withTokenizer(t *testing.T, name string) string {
	t.Helper()
	if name == "stories260K" {
		return testfiles.Path(t, "models", name)
	}
	base := fresh(t, made[name])
	if base == nil {
		source := name
		if name == "linear-rope" {
			source = "llama-gqa"
		}
		var err error
		if base, err = checkpoint.Load(testfiles.Path(t, "goldens", "tiny-configs", source)); err != nil {
			t.Fatal(err)
		}
	}
	config := base.Config
	if name == "linear-rope" {
		config = bytes.Replace(config, []byte(`"rope_theta"`), []byte(`"rope_scaling": {"type": "linear", "factor": 3.0}, "rope_theta"`), 1)
	}
	tok, err := tokenizer.Train(slices.Values([]string{text}), tokenizer.TrainOptions{VocabSize: 280, Special: []string{"<a>", "<|endoftext|>", "<c>"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name)
	err = checkpoint.SaveModel(dir, base.Model, checkpoint.SaveOptions{
		SourceDir: base.Dir, Files: map[string][]byte{"config.json": config, "tokenizer.json": tok},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// made are configurations of models with random weights.
var made = map[string]string{
	"llama-biases": `{"model_type": "llama", "attention_bias": true, "mlp_bias": true, ` + common,
}

const common = `"vocab_size": 280, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
	"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "initializer_range": 0.3}`

// fresh makes a model whose biases are not 0; nil for an empty configuration.
func fresh(t *testing.T, config string) *checkpoint.Loaded {
	t.Helper()
	if config == "" {
		return nil
	}
	loaded, err := checkpoint.FreshFrom(map[string][]byte{"config.json": []byte(config)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for p := range loaded.Model.Params() {
		if rng := tensor.NewRNG(1, "bias/"+p.Name, 0); strings.HasSuffix(p.Name, ".bias") {
			for i := range p.W.Data {
				p.W.Data[i] = float32(0.4 * rng.NormFloat64())
			}
		}
	}
	return loaded
}

func ask(t *testing.T, oracle, script string, q asked) answered {
	t.Helper()
	dir := t.TempDir()
	request, answer := filepath.Join(dir, "request.json"), filepath.Join(dir, "answer.json")
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(request, b, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, request, answer)
	cmd.Dir = oracle
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("llama.mjs: %v\n%s", err, out)
	}
	out, err := os.ReadFile(answer)
	if err != nil {
		t.Fatal(err)
	}
	var a answered
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// ours continues the ids greedily and returns the probabilities after every position.
func ours(t *testing.T, m *model.Model, q asked) (greedy []int32, probabilities [][]float64) {
	t.Helper()
	pool := tensor.NewPool(1)
	defer pool.Close()
	ids := slices.Clone(q.IDs)
	for range q.Greedy + 1 {
		h := model.NewPass(m, pool, false).Forward(model.Batch{IDs: ids, DocStarts: []int32{0}})
		z := tensor.NewMatrix(h.Rows, m.Config.VocabSize)
		pool.MatMulNT(z, h, m.Head().W, false)
		probabilities = probabilities[:0]
		for r := range z.Rows {
			var sum float64
			row := make([]float64, z.Cols)
			for id, v := range z.Row(r) {
				row[id] = math.Exp(float64(v))
				sum += row[id]
			}
			for id := range row {
				row[id] /= sum
			}
			probabilities = append(probabilities, row)
		}
		ids = append(ids, model.Argmax(z.Row(z.Rows-1)))
	}
	return ids[len(q.IDs) : len(ids)-1], probabilities
}
