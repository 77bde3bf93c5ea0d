package weights

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/internal/tiny"
	"reprise/model"
	"reprise/tensor"
)

// family copies a reference model, with a tokenizer, and writes beside it a model with other weights, as if it had been trained.
func family(t *testing.T, name string, dtype checkpoint.DType) (base, now string) {
	t.Helper()
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	base, now = filepath.Join(dir, "from"), filepath.Join(dir, "now")
	if err := os.CopyFS(base, os.DirFS(filepath.Join("..", "testdata", "models", name))); err != nil {
		t.Fatal(err)
	}
	tok, err := os.ReadFile(filepath.Join(dir, "base", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "tokenizer.json"), tok, 0o666); err != nil {
		t.Fatal(err)
	}
	loaded := load(t, base)
	rng := tensor.NewRNG(3, "weights", 0)
	for p := range loaded.Model.Params() {
		for i := range p.W.Data {
			p.W.Data[i] += float32(0.05 * rng.NormFloat64())
		}
	}
	if err := checkpoint.SaveModel(now, loaded.Model, checkpoint.SaveOptions{SourceDir: base, DType: dtype}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(now, "SHA256SUMS")); err != nil { // tests change the files
		t.Fatal(err)
	}
	return base, now
}

func load(t *testing.T, dir string) *checkpoint.Loaded {
	t.Helper()
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func open(t *testing.T, dir string) *checkpoint.Stored {
	t.Helper()
	s, err := checkpoint.OpenStored(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// formula is θ0 + α(θ − θ0) of one weight as docs/NUMERICS.md writes it.
func formula(base, now, alpha float32) float32 { return asm.FMA(alpha, now-base, base) }

// TestMixtures: for every stored type and layout, α 0 and 1 give back the two models to the bit; between them every weight is the
// formula's, which is the exact value within float32's rounding; and what is written is that, rounded to the stored type.
func TestMixtures(t *testing.T) {
	for _, c := range []struct {
		name  string
		dtype checkpoint.DType // of the trained model; "": the base model's
		want  checkpoint.DType // of what is written
	}{
		{"llama", "", checkpoint.F32}, {"llama-tied", "", checkpoint.F32}, {"llama-sharded", "", checkpoint.F32}, {"gpt2", "", checkpoint.F32},
		{"llama-bf16", "", checkpoint.BF16}, {"qwen2-fp16", "", checkpoint.F16},
		{"llama-bf16", checkpoint.F32, checkpoint.F32}, {"llama", checkpoint.BF16, checkpoint.F32}, {"qwen2-fp16", checkpoint.BF16, checkpoint.F32},
	} {
		t.Run(c.name+" to "+string(c.dtype), func(t *testing.T) {
			base, now := family(t, c.name, c.dtype)
			first, last := load(t, base), load(t, now)
			from, to := open(t, base), open(t, now)
			for _, alpha := range []float64{0, 0.3, 0.5, 0.75, 1} {
				out := filepath.Join(t.TempDir(), "out")
				if err := Save(out, from, to, alpha, checkpoint.SaveOptions{}); err != nil {
					t.Fatal(err)
				}
				written := load(t, out)
				if written.DType != c.want {
					t.Errorf("α %g: stored as %s, want %s", alpha, written.DType, c.want)
				}
				if sum, err := open(t, out).SHA256(); err != nil || sum != written.Fingerprint {
					t.Errorf("α %g: the stored SHA-256 is %s, loaded %s (%v)", alpha, sum, written.Fingerprint, err)
				}
				mixed := model.New(last.Model.Config)
				if err := Blend(mixed, from.Reader(), to.Reader(), alpha); err != nil {
					t.Fatal(err)
				}
				same := last.Model.Clone() // the same in place, from a copy
				if err := Blend(same, from.Reader(), Copy(same), alpha); err != nil {
					t.Fatal(err)
				}
				sum := checkpoint.TensorSHA256(mixed)
				if other := checkpoint.TensorSHA256(same); other != sum {
					t.Errorf("α %g: mixed in place the weights are %s, want %s", alpha, other, sum)
				}
				if stored := checkpoint.StoredSHA256(mixed, c.want); stored != written.Fingerprint {
					t.Errorf("α %g: written %s, want the mixture rounded, %s", alpha, written.Fingerprint, stored)
				}
				switch alpha {
				case 0:
					if written.Fingerprint != first.Fingerprint || sum != first.Fingerprint {
						t.Error("α 0 is not the base model")
					}
				case 1:
					if written.Fingerprint != last.Fingerprint || sum != last.Fingerprint {
						t.Error("α 1 is not the trained model")
					}
				default:
					compareWeights(t, first.Model, last.Model, mixed, alpha)
				}
			}
		})
	}
}

func compareWeights(t *testing.T, first, last, mixed *model.Model, alpha float64) {
	t.Helper()
	now, got := slices.Collect(last.Params()), slices.Collect(mixed.Params())
	i := 0
	for p := range first.Params() {
		for k, a := range p.W.Data {
			b, x := now[i].W.Data[k], got[i].W.Data[k]
			if want := formula(a, b, float32(alpha)); x != want {
				t.Fatalf("α %g: %s[%d] is %g, want %g", alpha, p.Name, k, x, want)
			}
			exact := float64(a) + alpha*(float64(b)-float64(a))
			if math.Abs(float64(x)-exact) > 1e-6*max(1, math.Abs(exact)) {
				t.Fatalf("α %g: %s[%d] is %g, exactly %g", alpha, p.Name, k, x, exact)
			}
		}
		i++
	}
}

// TestPrefixes: a base model whose names lack the prefix "model." fits a trained model whose names have it.
func TestPrefixes(t *testing.T) {
	base, now := family(t, "llama", "")
	bare := filepath.Join(t.TempDir(), "bare")
	if err := os.CopyFS(bare, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Tensor
	for p := range load(t, base).Model.Params() {
		tensors = append(tensors, checkpoint.Tensor{Name: strings.TrimPrefix(p.Name, "model."), DType: checkpoint.F32, Shape: p.Shape, Data: p.W.Data})
	}
	if err := checkpoint.WriteFile(filepath.Join(bare, "model.safetensors"), tensors); err != nil {
		t.Fatal(err)
	}
	sums := map[string]bool{}
	for _, from := range []string{base, bare} {
		out := filepath.Join(t.TempDir(), "out")
		if err := Save(out, open(t, from), open(t, now), 0.5, checkpoint.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		sums[load(t, out).Fingerprint] = true
	}
	if len(sums) != 1 {
		t.Errorf("%d different mixtures", len(sums))
	}
}

// TestWhatDoesNotFit: the error names the first setting that differs, or the tokenizer; other values of α than 0 to 1 are refused,
// and nothing is written.
func TestWhatDoesNotFit(t *testing.T) {
	base, now := family(t, "llama", "")
	change := func(file, old, text string) *checkpoint.Stored {
		dir := filepath.Join(t.TempDir(), "changed")
		if err := os.CopyFS(dir, os.DirFS(now)); err != nil {
			t.Fatal(err)
		}
		was, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(was), old) {
			t.Fatalf("%s does not hold %s (%v)", file, old, err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.ReplaceAll(string(was), old, text)), 0o666); err != nil {
			t.Fatal(err)
		}
		return open(t, dir)
	}
	qwen, _ := family(t, "qwen2", "")
	for want, s := range map[string]*checkpoint.Stored{
		"rope_theta is 10000 there and 20000 here": change("config.json", `"rope_theta": 10000.0`, `"rope_theta": 20000.0`),
		"different tokenizers":                     change("tokenizer.json", "endoftext", "endofstory"),
		"model_type is llama there and qwen2 here": open(t, qwen),
	} {
		out := filepath.Join(t.TempDir(), "out")
		err := Save(out, open(t, base), s, 0.5, checkpoint.SaveOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), base) {
			t.Errorf("%v, want an error with %q", err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("something was written")
		}
	}
	for _, alpha := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if err := Save(filepath.Join(t.TempDir(), "out"), open(t, base), open(t, now), alpha, checkpoint.SaveOptions{}); err == nil || !strings.Contains(err.Error(), "want 0") {
			t.Errorf("α %g: %v", alpha, err)
		}
	}
}

// TestDamagedWeights: a weight that is not finite is named and nothing is written, also where another file would be mixed in.
func TestDamagedWeights(t *testing.T) {
	base, now := family(t, "llama-tied", "")
	loaded := load(t, now)
	var tensors []checkpoint.Tensor
	for p := range loaded.Model.Params() {
		if strings.HasSuffix(p.Name, "layers.1.mlp.down_proj.weight") {
			p.W.Data[7] = float32(math.NaN())
		}
		tensors = append(tensors, checkpoint.Tensor{Name: p.Name, DType: checkpoint.F32, Shape: p.Shape, Data: p.W.Data})
	}
	if err := checkpoint.WriteFile(filepath.Join(now, "model.safetensors"), tensors); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err := Save(filepath.Join(dir, "out"), open(t, base), open(t, now), 0.5, checkpoint.SaveOptions{})
	if err == nil || !strings.Contains(err.Error(), `layers.1.mlp.down_proj.weight": element 7 is NaN`) || !strings.Contains(err.Error(), now) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if err := Save(filepath.Join(dir, "out"), open(t, base), open(t, now), 0, checkpoint.SaveOptions{}); err != nil {
		t.Errorf("α 0 does not need the damaged weights: %v", err)
	}
}

// TestSavingTakesLittleMemory: all that is allocated while a mixture is written, freed or not, is a small part of the models.
func TestSavingTakesLittleMemory(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(tiny.Config, `"intermediate_size":48`, `"intermediate_size":40000`, 1)
	tok, err := os.ReadFile(filepath.Join(dir, "base", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	for seed := range uint64(2) {
		m.Init(seed)
		opt := checkpoint.SaveOptions{Files: map[string][]byte{"config.json": []byte(config), "tokenizer.json": tok}}
		if err := checkpoint.SaveModel(filepath.Join(dir, string(rune('a'+seed))), m, opt); err != nil {
			t.Fatal(err)
		}
	}
	a, b := open(t, filepath.Join(dir, "a")), open(t, filepath.Join(dir, "b"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Save(filepath.Join(dir, "out"), a, b, 0.5, checkpoint.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used, model := after.TotalAlloc-before.TotalAlloc, uint64(4*m.Count()); used > 4<<20 || model < 7*used {
		t.Errorf("%d bytes were allocated to mix models of %d", used, model)
	}
}

func TestCurves(t *testing.T) {
	for _, c := range []struct {
		from, to, step float64
		want           []float64
	}{
		{0, 1, 0.25, []float64{0, 0.25, 0.5, 0.75, 1}},
		{0, 0.35, 0.1, []float64{0, 0.1, 0.2, 0.3, 0.35}},
		{0.5, 0.5, 0.1, []float64{0.5}},
		{0, 1, 0, nil}, {0.5, 0.2, 0.1, nil}, {0, 2, 0.5, nil}, {-1, 1, 0.5, nil}, {0, math.NaN(), 0.5, nil},
	} {
		got, err := Curve(c.from, c.to, c.step)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%g:%g:%g: %v, %v; want %v", c.from, c.to, c.step, got, err, c.want)
		}
	}
	if got, _ := Curve(0, 1, 0.1); len(got) != 11 || got[3] != 0.3 {
		t.Errorf("%v", got)
	}
}
