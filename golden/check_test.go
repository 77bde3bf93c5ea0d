package golden_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/golden"
)

// fake is a test that keeps what is reported to it. Its Fatalf does not return, like that of a test.
type fake struct{ logs, errors, fatal []string }

func (f *fake) Helper()                      {}
func (f *fake) Logf(format string, a ...any) { f.logs = append(f.logs, fmt.Sprintf(format, a...)) }
func (f *fake) Errorf(format string, a ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, a...))
}
func (f *fake) Fatalf(format string, a ...any) {
	f.fatal = append(f.fatal, fmt.Sprintf(format, a...))
	panic(f)
}

// check runs Check on a directory and returns what it reported.
func check(dir string) (f *fake) {
	f = &fake{}
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
	}()
	golden.Check(f, dir)
	return f
}

// scratch copies one of the models, so that a test can damage the copy.
func scratch(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(models, name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit changes a JSON file of a directory.
func edit(t *testing.T, dir, name string, change func(map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	change(v)
	if text, err = json.Marshal(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// sign puts the SHA-256 of a changed file into the manifest.
func sign(t *testing.T, dir, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, dir, "manifest.json", func(m map[string]any) {
		m["files"].(map[string]any)[name] = fmt.Sprintf("%x", sha256.Sum256(text))
	})
}

// spoil changes tensors in reference.safetensors.
func spoil(t *testing.T, dir string, change func(map[string]*checkpoint.Tensor)) {
	t.Helper()
	path := filepath.Join(dir, "reference.safetensors")
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*checkpoint.Tensor{}
	for _, name := range f.Names() {
		info, err1 := f.Info(name)
		x := &checkpoint.Tensor{Name: name, DType: info.DType, Shape: info.Shape}
		var err2 error
		if info.DType == checkpoint.F32 {
			x.Data = make([]float32, info.Len())
			err2 = f.ReadFloat32(name, x.Data)
		} else {
			x.Raw, err2 = f.ReadRaw(name)
		}
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		all[name] = x
	}
	f.Close()
	change(all)
	var list []checkpoint.Tensor
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	if err := checkpoint.WriteFile(path, list); err != nil {
		t.Fatal(err)
	}
	sign(t, dir, "reference.safetensors")
}

func TestCheckPasses(t *testing.T) {
	f := check(filepath.Join(models, "qwen3"))
	if len(f.errors)+len(f.fatal) > 0 || len(f.logs) != 1 || !strings.Contains(f.logs[0], "50 reference tensors compared, 0 wrong; 50 hashes compared, 0 changed") {
		t.Errorf("%+v", f)
	}
}

// TestCheckNamesWhatIsWrong: a failure prints both tables, each with tensor, error, bound and first bad index.
func TestCheckNamesWhatIsWrong(t *testing.T) {
	dir := scratch(t, "qwen2-fp16")
	spoil(t, dir, func(all map[string]*checkpoint.Tensor) {
		all["logits"].Data[70] += 0.01
		all["full-adamw/weights/model.norm.weight"].Data[3] *= 2
		all["full-adamw/losses"].Data[1] = float32(math.NaN())
	})
	edit(t, dir, "hashes.json", func(m map[string]any) {
		x := m["tensors"].(map[string]any)["full-adamw/gradients/model.norm.weight"].(map[string]any)
		x["sha256"] = strings.Repeat("0", 64)
		x["blocks"] = "AAAA" + x["blocks"].(string)[4:]
	})
	f := check(dir)
	if len(f.errors) != 1 || len(f.fatal) > 0 {
		t.Fatalf("%+v", f)
	}
	for i, want := range []string{
		`^\S+: 54 reference tensors compared, 3 wrong; 54 hashes compared, 1 changed \(.*worker.*\)$`,
		`^wrong: beyond the bound$`,
		`^  tensor +error +bound +first bad index$`,
		`^  logits +0\.00\S+ +3\.\S+e-06  70$`,
		`^  full-adamw/losses +- +3\.\S+e-06  1  6\.\S+, want NaN$`,
		`^  full-adamw/weights/model\.norm\.weight +0\.2\S+ +0\.0001\S+  3$`,
		`^changed: other bits than were stored by contract 2`,
		`^  tensor +error +bound +first bad index$`,
		`^  full-adamw/gradients/model\.norm\.weight +\S+e-07 +\S+e-06  0$`,
	} {
		line, rest, _ := strings.Cut(f.errors[0], "\n")
		if !regexp.MustCompile(want).MatchString(line) {
			t.Errorf("line %d: %s\nwant %s", i+1, line, want)
		}
		f.errors[0] = rest
	}
	if f.errors[0] != "" {
		t.Errorf("more than both tables: %s", f.errors[0])
	}
}

// TestWhatCannotBeCompared: a directory that cannot be compared is an error, and fatal for a test; it is never skipped.
func TestWhatCannotBeCompared(t *testing.T) {
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	inputs := func(change func(map[string]any)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edit(t, dir, "inputs.json", change) }
	}
	run := func(key string, value any) func(t *testing.T, dir string) {
		return inputs(func(m map[string]any) { m["runs"].([]any)[0].(map[string]any)[key] = value })
	}
	manifest := func(change func(map[string]any)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edit(t, dir, "manifest.json", change) }
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no directory", func(t *testing.T, dir string) { os.RemoveAll(dir) }, "config.json"},
		{"no inputs", remove("inputs.json"), "scripts/goldens.py writes it"},
		{"no reference", remove("reference.safetensors"), "reference.safetensors"},
		{"no manifest", remove("manifest.json"), "reference.safetensors cannot be used without it"},
		{"nothing", remove("manifest.json", "reference.safetensors", "hashes.json"), "nothing to compare with"},
		{"other inputs", inputs(func(m map[string]any) { m["ids"].([]any)[0].([]any)[0] = 3 }), "inputs are not those"},
		{"other inputs, no hashes", func(t *testing.T, dir string) {
			remove("hashes.json")(t, dir)
			inputs(func(m map[string]any) { m["ids"].([]any)[0].([]any)[0] = 3 })(t, dir)
		}, "inputs.json is not the file that the reference outputs were made with"},
		{"other contract", func(t *testing.T, dir string) {
			edit(t, dir, "hashes.json", func(m map[string]any) { m["contract"] = 0 })
		}, "it was made under contract 0, and this engine computes by contract 2"},
		{"ours as a reference", func(t *testing.T, dir string) {
			edit(t, dir, "hashes.json", func(m map[string]any) { m["oracle"] = true })
		}, "want format 1 and oracle false"},
		{"no oracle", manifest(func(m map[string]any) { m["oracle"] = false }), "outputs of another program"},
		{"wide bound", manifest(func(m map[string]any) { m["tensors"].(map[string]any)["logits"].(map[string]any)["bound"] = 0.06 }), "a bound of at most 0.05"},
		{"a file outside", manifest(func(m map[string]any) { m["files"].(map[string]any)["../x"] = "" }), `"../x" leaves the directory`},
		{"unsigned weights", manifest(func(m map[string]any) { delete(m["files"].(map[string]any), "model.safetensors") }), "model.safetensors is not listed"},
		{"unknown key", run("learning_rate", 1), "learning_rate"},
		{"too many steps", run("steps", 6), "steps: 6, want 1 to 5"},
		{"optimizer", run("optimizer", "sgd"), `optimizer: "sgd"`},
		{"schedule", run("schedule", "none"), `schedule: "none"`},
		{"tail of full", run("tail", "sampled"), "tail"},
		{"name", run("name", "logits"), `name "logits" is taken`},
		{"subsets", run("loss", "replay"), "inputs.safetensors"},
		{"id", inputs(func(m map[string]any) { m["ids"].([]any)[1].([]any)[2] = 67 }), "sequence 1, token 2: id 67 is outside the vocabulary of 67"},
		{"target", inputs(func(m map[string]any) { m["targets"].([]any)[1].([]any)[6] = 1 }), "sequence 1, token 6: the first token of a document"},
		{"documents", inputs(func(m map[string]any) { m["documents"].([]any)[1] = []int{0, 17} }), "sequence 1: documents [0 17]"},
		{"lists", inputs(func(m map[string]any) { m["targets"] = []any{} }), "2 sequences of ids, 0 of targets"},
	} {
		dir := scratch(t, "qwen2-fp16")
		c.spoil(t, dir)
		f := check(dir)
		if len(f.fatal) != 1 || !strings.Contains(f.fatal[0], c.want) || !strings.Contains(f.fatal[0], "golden: "+dir) {
			t.Errorf("%s: %+v\nwant %s", c.name, f, c.want)
		}
	}
}

// TestReferenceAndEngineDisagreeOnTensors: a tensor that only one side has is wrong.
func TestReferenceAndEngineDisagreeOnTensors(t *testing.T) {
	dir := scratch(t, "qwen2-fp16")
	edit(t, dir, "manifest.json", func(m map[string]any) {
		x := m["tensors"].(map[string]any)
		x["full-adamw/gradients/bias"] = x["logits"]
		delete(x, "full-adamw/losses")
		x["full-adamw/weights/model.norm.weight"].(map[string]any)["shape"] = []int{4, 5}
	})
	r, err := golden.Run(t.Context(), dir, golden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Wrong {
		got = append(got, f.Tensor+": "+f.Why)
	}
	want := []string{"full-adamw/losses: the reference has no such tensor", "full-adamw/weights/model.norm.weight: shape [20], want [4 5]",
		"full-adamw/gradients/bias: the engine gives no such tensor"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSample: an error in entries that the reference does not hold shows in the norm of the whole tensor.
func TestSample(t *testing.T) {
	dir := scratch(t, "llama-rope-linear")
	edit(t, dir, "manifest.json", func(m map[string]any) {
		x := m["tensors"].(map[string]any)["full-adamw/gradients/lm_head.weight"].(map[string]any)
		x["norm"] = x["norm"].(float64) * 1.001
	})
	spoil(t, dir, func(all map[string]*checkpoint.Tensor) { all["logits"].Data[99] += 1 })
	r, err := golden.Run(t.Context(), dir, golden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Wrong) != 2 || r.Wrong[0].Tensor != "logits" || r.Wrong[0].First < 99 || r.Wrong[1].Why != "the norm of the whole tensor" {
		t.Errorf("%v", r)
	}
}

// TestTailsAreDrawnAgain: the engine must draw the same ids for the tail as the reference was computed with.
func TestTailsAreDrawnAgain(t *testing.T) {
	dir := scratch(t, "llama-tied")
	edit(t, dir, "inputs.json", func(m map[string]any) { m["runs"].([]any)[1].(map[string]any)["seed"] = 2 })
	sign(t, dir, "inputs.json")
	if err := os.Remove(filepath.Join(dir, "hashes.json")); err != nil {
		t.Fatal(err)
	}
	r, err := golden.Run(t.Context(), dir, golden.Options{Only: "replay-tail/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Wrong) == 0 || r.Wrong[0].Tensor != "replay-tail/tail" || r.Wrong[0].First != 0 {
		t.Errorf("%v", r)
	}
}

func TestOnly(t *testing.T) {
	dir := filepath.Join(models, "llama")
	for only, want := range map[string]int{"": 398, "logits": 1, "recorder/": 4, "recorder/m": 1, "mofo/": 22, "mofo/weights/lm_head.weight": 1, "replay-": 174} {
		r, err := golden.Run(t.Context(), dir, golden.Options{Only: only})
		if err != nil || r.Compared != want || r.Hashed != want || !r.OK() {
			t.Errorf("%q: %v, %v; want %d tensors", only, r, err, want)
		}
	}
	if _, err := golden.Run(t.Context(), dir, golden.Options{Only: "mofo/x"}); err == nil || !strings.Contains(err.Error(), `no tensor's name begins with "mofo/x"`) {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	dir := filepath.Join(models, "gpt2")
	for want, o := range map[string]golden.Options{
		"0 workers, want 1 to 1024": {Workers: []int{2, 0}},
		"this processor offers":     {Tiers: []asm.Tier{99}},
	} {
		if _, err := golden.Run(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := golden.Write(t.Context(), dir, golden.Options{Only: "logits"}); err == nil || !strings.Contains(err.Error(), "leave Only out") {
		t.Error(err)
	}
}

// TestWrite: it stores the hashes that are in the tree, and stores nothing if the output is wrong.
func TestWrite(t *testing.T) {
	dir := scratch(t, "qwen2-fp16")
	read := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "hashes.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := read()
	edit(t, dir, "hashes.json", func(m map[string]any) { m["contract"] = 0 })
	if r, err := golden.Write(t.Context(), dir, golden.Options{Tiers: asm.Available(), Workers: []int{1, 3}}); err != nil || !r.OK() || read() != before {
		t.Errorf("%v, %v, or other bytes", r, err)
	}
	spoil(t, dir, func(all map[string]*checkpoint.Tensor) { all["logits"].Data[0] += 1 })
	if err := os.Remove(filepath.Join(dir, "hashes.json")); err != nil {
		t.Fatal(err)
	}
	r, err := golden.Write(t.Context(), dir, golden.Options{})
	if err == nil || !strings.Contains(err.Error(), "nothing is stored") || len(r.Wrong) != 1 {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "hashes.json")); err == nil {
		t.Error("hashes of a wrong output were stored")
	}
}

// TestHashesAlone: without a reference the engine is still compared with its own stored hashes.
func TestHashesAlone(t *testing.T) {
	dir := scratch(t, "qwen2-fp16")
	for _, name := range []string{"manifest.json", "reference.safetensors"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := golden.Run(t.Context(), dir, golden.Options{})
	if err != nil || !r.OK() || r.Compared != 0 || r.Hashed != 54 || r.Reference != "" {
		t.Errorf("%v, %v", r, err)
	}
	edit(t, dir, "hashes.json", func(m map[string]any) { delete(m["tensors"].(map[string]any), "logits") })
	r, err = golden.Run(t.Context(), dir, golden.Options{})
	if err != nil || len(r.Changed) != 1 || r.Changed[0].Why != "hashes.json has no such tensor" {
		t.Errorf("%v, %v", r, err)
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"wrong":[],"changed":[{"tensor":"logits","error":null,"bound":null,"first":-1`) {
		t.Errorf("%s, %v", text, err)
	}
}
