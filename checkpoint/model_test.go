package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/testfiles"
	"reprise/model"
	"reprise/tensor"
)

const tinyConfig = `{"model_type": "llama", "vocab_size": 7, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 2,
 "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": false, "torch_dtype" :  "float32", "x": {"dtype": "float32"}}
`

// tiny is a model whose weights all three types hold exactly.
func tiny(t testing.TB, config string) *model.Model {
	t.Helper()
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	n := 0
	for p := range m.Params() {
		for x := range pieces(p.W) {
			for i := range x {
				x[i] = float32(n%97-48) / 32
				n++
			}
		}
	}
	return m
}

// saveTiny writes a tiny model directory with a tokenizer, without SHA256SUMS: as it comes from elsewhere, so that tests can edit it.
func saveTiny(t testing.TB, opt SaveOptions) (string, *model.Model) {
	t.Helper()
	m := tiny(t, tinyConfig)
	dir := filepath.Join(t.TempDir(), "base")
	opt.Files = map[string][]byte{"config.json": []byte(tinyConfig), "tokenizer.json": []byte("{ }"), "chat_template.jinja": []byte("x")}
	if err := SaveModel(dir, m, opt); err != nil {
		t.Fatal(err)
	}
	forgetSums(t, dir)
	return dir, m
}

// forgetSums removes SHA256SUMS from a directory.
func forgetSums(t testing.TB, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, sumsFile)); err != nil {
		t.Fatal(err)
	}
}

// contents reads the files of a directory, but for SHA256SUMS.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Name() == sumsFile {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

func wantSame(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %d bytes differ from the source's %d", name, len(got[name]), len(want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s was not in the source", name)
		}
	}
}

func mustLoad(t testing.TB, dir string) *Loaded {
	t.Helper()
	l, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadAndSaveGiveTheSameBytes(t *testing.T) {
	for _, c := range []struct {
		opt   SaveOptions
		dtype DType
		files int
	}{{SaveOptions{}, F32, 4}, {SaveOptions{DType: BF16}, BF16, 4}, {SaveOptions{DType: F16}, F16, 4}, {SaveOptions{MaxShardBytes: 400}, F32, 8}} {
		dir, m := saveTiny(t, c.opt)
		base := mustLoad(t, dir)
		if base.DType != c.dtype || base.Dir != dir || base.Fingerprint != TensorSHA256(m) {
			t.Errorf("%+v: dtype %s, fingerprint %s", c.opt, base.DType, base.Fingerprint)
		}
		before := contents(t, dir)
		if len(before) != c.files {
			t.Errorf("%+v: %d files, want %d", c.opt, len(before), c.files)
		}
		again := filepath.Join(t.TempDir(), "again")
		if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil {
			t.Fatal(err)
		}
		wantSame(t, contents(t, again), before)
	}
}

// Loading a directory that another program wrote, and saving it, gives the same bytes: of every family, in shards and in half
// precision. Those of testdata/models are in the tree; the shared ones are there or not.
func TestReferenceModels(t *testing.T) {
	for name, least := range map[string]int{"box": 11, "shared": 10} {
		t.Run(name, func(t *testing.T) {
			pattern := filepath.Join("..", "testdata", "models", "*", "config.json")
			var dirs []string
			if name == "shared" {
				dirs = append(dirs, testfiles.Path(t, "models", "stories260K"))
				pattern = filepath.Join(testfiles.Path(t, "goldens", "tiny-configs"), "*", "config.json")
			}
			found, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range found {
				dirs = append(dirs, filepath.Dir(path))
			}
			if len(dirs) < least {
				t.Errorf("%d models, want at least %d: %v", len(dirs), least, dirs)
			}
			for _, dir := range dirs {
				sameAgain(t, dir)
			}
		})
	}
}

// sameAgain loads a model and saves it, and compares what is the model's in the directory.
func sameAgain(t *testing.T, dir string) {
	t.Helper()
	base := mustLoad(t, dir)
	again := filepath.Join(t.TempDir(), "again")
	if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	beside := []string{"README.md", "goldens.safetensors", "inputs.json", "inputs.safetensors", "reference.safetensors", "manifest.json", "hashes.json"}
	want, got := contents(t, dir), contents(t, again)
	maps.DeleteFunc(want, func(name, _ string) bool { return slices.Contains(beside, name) })
	if want["config.json"] == "" {
		t.Errorf("%s: no config.json was compared", dir)
	}
	wantSame(t, got, want)
}

// The F32 file stores its tensors in the order of their names, so the fingerprint is the SHA-256 of its data.
func TestFingerprint(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	data, err := os.ReadFile(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range m.Params() {
		n += 4 * p.W.Rows * p.W.Cols
	}
	sum := sha256.Sum256(data[len(data)-n:])
	if got, want := TensorSHA256(m), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRowsThatDoNotTouch(t *testing.T) {
	wide := &tensor.Matrix{Rows: 2, Cols: 3, Stride: 5, Data: []float32{1, 2, 3, 99, 99, 4, 5, 6}}
	dense := &tensor.Matrix{Rows: 2, Cols: 3, Stride: 3, Data: []float32{1, 2, 3, 4, 5, 6}}
	sum := func(m *tensor.Matrix) string {
		return WeightsSHA256(func(yield func(*tensor.Param) bool) { yield(&tensor.Param{Name: "w", W: m}) })
	}
	if sum(wide) != sum(dense) {
		t.Error("the gaps between rows change the fingerprint")
	}
	x, err := fromParam(&tensor.Param{Name: "w", W: wide, Shape: []int{2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	x.DType = F32
	f := decode(t, encode(t, x))
	got := make([]float32, 6)
	if err := f.ReadFloat32("w", got); err != nil || !cmp.Equal(got, dense.Data) {
		t.Error(got, err)
	}
}

// rewrite replaces the weights of a model directory; edit changes the list of tensors.
func rewrite(t testing.TB, dir string, m *model.Model, edit func(map[string]Tensor)) {
	t.Helper()
	tensors := map[string]Tensor{}
	for p := range m.Params() {
		x, err := fromParam(p)
		if err != nil {
			t.Fatal(err)
		}
		x.DType = F32
		tensors[p.Name] = x
	}
	edit(tensors)
	var list []Tensor
	for _, name := range sortedKeys(tensors) {
		list = append(list, tensors[name])
	}
	if err := WriteFile(filepath.Join(dir, weightsFile), list); err != nil {
		t.Fatal(err)
	}
}

func TestLoadNamesTheTensor(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	vector := func(name string, x ...float32) Tensor {
		return Tensor{Name: name, DType: F32, Shape: []int{len(x)}, Data: x}
	}
	for want, edit := range map[string]func(map[string]Tensor){
		`tensor "model.norm.weight" of shape [4] is missing; `:                func(l map[string]Tensor) { delete(l, "model.norm.weight") },
		`tensor "lm_head.weight" of shape [7 4] is missing; if the head is`:   func(l map[string]Tensor) { delete(l, "lm_head.weight") },
		`tensor "lm_head.weight" of shape [7 4] is missing (and 20 more)`:     func(l map[string]Tensor) { clear(l) },
		`tensor "model.norm.bias" of shape [1] has no place in a llama model`: func(l map[string]Tensor) { l["x"] = vector("model.norm.bias", 1) },
		`tensor "model.norm.weight": shape [3], want [4]`:                     func(l map[string]Tensor) { l["model.norm.weight"] = vector("model.norm.weight", 1, 2, 3) },
		`tensor "model.embed_tokens.weight": 1 dimensions, want 2: shape [28]`: func(l map[string]Tensor) {
			l["model.embed_tokens.weight"] = vector("model.embed_tokens.weight", make([]float32, 28)...)
		},
		`tensor "model.norm.weight": element 2 is NaN`: func(l map[string]Tensor) {
			l["model.norm.weight"] = vector("model.norm.weight", 1, 2, float32(math.NaN()), 0)
		},
		`tensor "model.norm.weight": element 3 is -Inf`: func(l map[string]Tensor) {
			l["model.norm.weight"] = vector("model.norm.weight", 1, 2, 0, float32(math.Inf(-1)))
		},
		`tensor "model.norm.weight": dtype I32 is not supported for weights`: func(l map[string]Tensor) {
			l["model.norm.weight"] = Tensor{Name: "model.norm.weight", DType: I32, Shape: []int{4}, Raw: make([]byte, 16)}
		},
	} {
		rewrite(t, dir, m, edit)
		_, err := Load(dir)
		if err == nil || !strings.HasPrefix(err.Error(), "checkpoint: "+filepath.Join(dir, weightsFile)+": "+want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	// buffers that transformers 4.30 and older stored
	rewrite(t, dir, m, func(l map[string]Tensor) {
		for _, name := range []string{"model.layers.0.self_attn.rotary_emb.inv_freq", "transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"} {
			l[name] = vector(name, 1)
		}
	})
	if l := mustLoad(t, dir); l.Fingerprint != TensorSHA256(m) {
		t.Error("buffers changed the fingerprint")
	}
}

func TestTiedHead(t *testing.T) {
	config := strings.Replace(tinyConfig, `"tie_word_embeddings": false`, `"tie_word_embeddings": true`, 1)
	m := tiny(t, config)
	dir := filepath.Join(t.TempDir(), "tied")
	if err := SaveModel(dir, m, SaveOptions{Files: map[string][]byte{"config.json": []byte(config)}}); err != nil {
		t.Fatal(err)
	}
	forgetSums(t, dir)
	plain := contents(t, dir)
	head, err := fromParam(m.Head())
	if err != nil {
		t.Fatal(err)
	}
	head.Name, head.DType = tiedHead, F32
	rewrite(t, dir, m, func(l map[string]Tensor) { l[tiedHead] = head })
	base := mustLoad(t, dir)
	again := filepath.Join(t.TempDir(), "again")
	if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, contents(t, again), plain) // the copy is dropped

	// Of the two names, safetensors.save_model keeps the one that sorts first.
	rewrite(t, dir, m, func(l map[string]Tensor) {
		delete(l, m.Head().Name)
		l[tiedHead] = head
	})
	only := mustLoad(t, dir)
	if only.Fingerprint != base.Fingerprint {
		t.Error("the embedding stored as the head gives another fingerprint")
	}
	if x, err := Inspect(dir); err != nil || x.Tensors[0].Name != m.Head().Name {
		t.Errorf("%v %v", x, err)
	}
	again = filepath.Join(t.TempDir(), "again")
	if err := SaveModel(again, only.Model, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, contents(t, again), plain)

	other := make([]float32, 28)
	head.Values, head.Data = nil, other
	rewrite(t, dir, m, func(l map[string]Tensor) { l[tiedHead] = head })
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), `"lm_head.weight" differs from "model.embed_tokens.weight"`) {
		t.Error(err)
	}
}

func TestLoadRefusesAnOversizedConfig(t *testing.T) {
	dir, _ := saveTiny(t, SaveOptions{})
	huge := strings.NewReplacer(`"vocab_size": 7`, `"vocab_size": 16000000`, `"hidden_size": 4`, `"hidden_size": 1000000`,
		`"num_hidden_layers": 2`, `"num_hidden_layers": 4096`).Replace(tinyConfig)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(huge), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "is missing (and 36") {
		t.Error(err)
	}
}

func TestLoadReadsEndIDsOfTheGenerationConfig(t *testing.T) {
	dir, _ := saveTiny(t, SaveOptions{})
	path := filepath.Join(dir, "generation_config.json")
	if err := os.WriteFile(path, []byte(`{"eos_token_id": [2, 5]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := mustLoad(t, dir).Model.Config.EOS; !cmp.Equal(got, []int32{2, 5}) {
		t.Errorf("end ids %v", got)
	}
	if err := os.WriteFile(path, []byte(`{"eos_token_id": [2, 7]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := mustLoad(t, dir).Model.Config; !cmp.Equal(got.EOS, []int32{2}) || !cmp.Equal(got.EOSOutside, []int32{7}) || len(got.Notices) != 1 {
		t.Errorf("end ids %v, outside %v, notices %q", got.EOS, got.EOSOutside, got.Notices)
	}
	if err := os.WriteFile(path, []byte(`{"eos_token_id": "x"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir+": model: generation_config.json: eos_token_id: \"x\", want an id") {
		t.Error(err)
	}
}

func TestLoadSaysWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "config.json") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tinyConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "no model.safetensors or model.safetensors.index.json") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "only pytorch_model.bin, which may run code") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"model_type":"mamba"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "model_type") || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}

func TestIndex(t *testing.T) {
	dir, _ := saveTiny(t, SaveOptions{MaxShardBytes: 400})
	index := filepath.Join(dir, indexFile)
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	first := `"lm_head.weight": "model-00001-of-00004.safetensors"`
	if !strings.HasPrefix(string(text), "{\n  \"metadata\": {\n    \"total_size\": 1264\n  },\n  \"weight_map\": {\n    "+first) {
		t.Errorf("index begins with %.150s", text)
	}
	here := strings.ReplaceAll(string(text), `"model-`, `"./model-`)
	if err := os.WriteFile(index, []byte(here), 0o666); err != nil {
		t.Fatal(err)
	}
	base := mustLoad(t, dir)
	again := filepath.Join(t.TempDir(), "again")
	if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, contents(t, again), contents(t, dir))
	for _, c := range []struct{ from, to, want string }{
		{first, `"lm_head.weight": "../model.safetensors"`, "leaves the model's directory"},
		{first, `"lm_head.weight": "/etc/passwd"`, "leaves the model's directory"},
		{first, `"lm_head.weight": "a/../../b"`, "leaves the model's directory"},
		{first, `"lm_head.weight": "..\\b"`, "leaves the model's directory"},
		{first, `"lm_head.weight": "C:b"`, "leaves the model's directory"},
		{first, `"lm_head.weight": ""`, "leaves the model's directory"},
		{first, `"lm_head.weight": 1`, `weight_map: "lm_head.weight": 1, want a text`},
		{first, first + "," + first, `"lm_head.weight" is listed twice`},
		{first, `"lm_head.weight": "model-00009-of-00004.safetensors"`, `should be in model-00009`},
		{first, `"another.weight": "model-00001-of-00004.safetensors"`, `tensor "lm_head.weight" is not listed in model.safetensors.index.json`},
		{first, first + `, "another": "model-00002-of-00004.safetensors"`, `tensor "another" is missing; model.safetensors.index.json says`},
		{`"weight_map"`, `"weights"`, "weight_map is missing or empty"},
		{"}\n}\n", "}\n}\n1", "something follows"},
		{"}\n}\n", "", "too early"},
	} {
		changed := strings.Replace(string(text), c.from, c.to, 1)
		if changed == string(text) {
			t.Fatalf("%s is not in the index", c.from)
		}
		if err := os.WriteFile(index, []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSource(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.to, err, c.want)
		}
	}
	if err := os.WriteFile(index, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "model-00003-of-00004.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "shard model-00003-of-00004.safetensors is missing; it holds ") {
		t.Error(err)
	}
}

func TestSaveChangesOnlyTheDTypeOfAConfig(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	again := filepath.Join(t.TempDir(), "half")
	if err := SaveModel(again, m, SaveOptions{SourceDir: dir, DType: BF16}); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(tinyConfig, `"torch_dtype" :  "float32"`, `"torch_dtype" :  "bfloat16"`, 1)
	if diff := cmp.Diff(want, contents(t, again)["config.json"]); diff != "" {
		t.Error(diff)
	}
	if l := mustLoad(t, again); l.DType != BF16 || l.Fingerprint != TensorSHA256(m) {
		t.Errorf("dtype %s", l.DType)
	}
	got, err := setDType([]byte(`{"dtype":null,"a:b":[{"dtype":1}],"torch_dtype":"a:\"b"}`), F16)
	if want := `{"dtype":"float16","a:b":[{"dtype":1}],"torch_dtype":"float16"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// Saving keeps the type of every tensor of a source that mixes types.
func TestSaveKeepsTheTypeOfEveryTensor(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{DType: BF16})
	rewrite(t, dir, m, func(l map[string]Tensor) {
		for name, x := range l {
			if !strings.Contains(name, "norm") {
				x.DType = BF16
				l[name] = x
			}
		}
	})
	before := contents(t, dir)
	again := filepath.Join(t.TempDir(), "again")
	base := mustLoad(t, dir)
	if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil || base.DType != BF16 {
		t.Fatal(base.DType, err)
	}
	wantSame(t, contents(t, again), before)
}

// Old files of gpt2 hold masks beside the weights; in a small model the masks are larger than the weights.
func TestDTypeIsThatOfTheWeights(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	rewrite(t, dir, m, func(l map[string]Tensor) {
		l["model.layers.0.attn.bias"] = Tensor{Name: "model.layers.0.attn.bias", DType: "BOOL", Shape: []int{64, 64}, Raw: make([]byte, 64*64)}
	})
	x, err := Inspect(dir)
	if err != nil || x.DType != F32 {
		t.Fatal(x, err)
	}
	if l := mustLoad(t, dir); l.DType != F32 {
		t.Errorf("dtype %s", l.DType)
	}
}

func TestSaveRefuses(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	before := contents(t, dir)
	config := map[string][]byte{"config.json": []byte(tinyConfig)}
	bad := m.Clone()
	for p := range bad.Params() {
		p.W.Data[0] = float32(math.NaN())
	}
	big := m.Clone()
	for p := range big.Params() {
		p.W.Data[0] = 1e6
	}
	root := t.TempDir()
	out := filepath.Join(root, "runs", "out")
	for _, c := range []struct {
		dir  string
		m    *model.Model
		opt  SaveOptions
		want string
	}{
		{dir, m, SaveOptions{Files: config}, "the directory is not empty"},
		{dir, m, SaveOptions{SourceDir: dir, Replace: true}, "the directory that the model came from"},
		{out, m, SaveOptions{}, "no config.json"},
		{out, m, SaveOptions{SourceDir: root}, "no config.json"},
		{out, m, SaveOptions{SourceDir: filepath.Join(root, "none")}, "none"},
		{out, m, SaveOptions{SourceDir: dir, DType: I32}, `dtype "I32" is not supported`},
		{out, m, SaveOptions{SourceDir: dir, Files: map[string][]byte{"../x": nil}}, `file name "../x"`},
		{out, bad, SaveOptions{SourceDir: dir}, `tensor "lm_head.weight": element 0 is NaN`},
		{out, big, SaveOptions{SourceDir: dir, DType: F16}, `tensor "lm_head.weight": element 0 is 1e+06, too large for F16`},
	} {
		if err := SaveModel(c.dir, c.m, c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	wantSame(t, contents(t, dir), before)
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("%v was left behind", left)
	}
}

func TestSaveReplaces(t *testing.T) {
	base, m := saveTiny(t, SaveOptions{})
	root := t.TempDir()
	best := filepath.Join(root, "best")
	changed := m.Clone()
	for p := range changed.Params() {
		p.W.Data[0] = 2
	}
	for _, m := range []*model.Model{m, changed} {
		if err := SaveModel(best, m, SaveOptions{SourceDir: base, Replace: true}); err != nil {
			t.Fatal(err)
		}
		if l := mustLoad(t, best); l.Fingerprint != TensorSHA256(m) {
			t.Error("other weights came back")
		}
	}
	if left, _ := os.ReadDir(root); len(left) != 1 {
		t.Errorf("%v, want only best", left)
	}
}

func TestParseDType(t *testing.T) {
	for s, want := range map[string]DType{"f32": F32, "float32": F32, "BF16": BF16, "bfloat16": BF16, "F16": F16, "half": F16} {
		if d, err := ParseDType(s); d != want || err != nil {
			t.Errorf("%s: %s, %v", s, d, err)
		}
	}
	if _, err := ParseDType("int8"); err == nil || !bytes.Contains([]byte(err.Error()), []byte("supported: f32, bf16, f16")) {
		t.Error(err)
	}
}

// GPT-2's first files name their tensors without "transformer." and hold attention masks. What is written has the names
// that were read.
func TestNamesWithoutPrefix(t *testing.T) {
	const config = `{"model_type": "gpt2", "vocab_size": 7, "n_embd": 4, "n_layer": 2, "n_head": 2, "n_positions": 8}`
	m := tiny(t, config)
	dir := filepath.Join(t.TempDir(), "gpt2")
	if err := SaveModel(dir, m, SaveOptions{Files: map[string][]byte{"config.json": []byte(config)}}); err != nil {
		t.Fatal(err)
	}
	forgetSums(t, dir)
	rewrite(t, dir, m, func(l map[string]Tensor) {
		for _, name := range sortedKeys(l) {
			x := l[name]
			delete(l, name)
			x.Name = strings.TrimPrefix(name, "transformer.")
			l[x.Name] = x
		}
	})
	before := contents(t, dir)
	rewrite(t, dir, mustLoad(t, dir).Model, func(l map[string]Tensor) {
		l["mask"] = Tensor{Name: "h.0.attn.bias", DType: F32, Shape: []int{1, 1, 8, 8}, Data: make([]float32, 64)}
	})
	base := mustLoad(t, dir)
	again := filepath.Join(t.TempDir(), "again")
	if err := SaveModel(again, base.Model, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, contents(t, again), before) // the mask is dropped
}

func TestInspect(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{MaxShardBytes: 400, DType: BF16})
	x, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, info := range x.Tensors {
		n += info.Len()
	}
	if n != m.Count() || x.DType != BF16 || x.Files != 2 || x.Config.HiddenSize != 4 || len(x.Tensors) != 21 {
		t.Errorf("%d elements, want %d; %+v", n, m.Count(), x)
	}
	if _, err := Inspect(t.TempDir()); err == nil {
		t.Error("an empty directory was accepted")
	}
}

func TestFresh(t *testing.T) {
	dir, _ := saveTiny(t, SaveOptions{})
	path := filepath.Join(t.TempDir(), "new.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(tinyConfig, `"hidden_size": 4`, `"hidden_size": 8`, 1))
	a, err := Fresh(path, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Fresh(path, dir, 1)
	c, _ := Fresh(path, dir, 2)
	if a.Fingerprint != b.Fingerprint || a.Fingerprint == c.Fingerprint || a.Model.Config.HiddenSize != 8 {
		t.Errorf("fingerprints %s, %s and of another seed %s", a.Fingerprint, b.Fingerprint, c.Fingerprint)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := SaveModel(out, a.Model, SaveOptions{Files: a.Files, DType: BF16}); err != nil {
		t.Fatal(err)
	}
	files := contents(t, out)
	if files["tokenizer.json"] != "{ }" || files["chat_template.jinja"] != "x" || !strings.Contains(files["config.json"], `"bfloat16"`) {
		t.Errorf("files %v", sortedKeys(files))
	}
	if _, err := Fresh(path, filepath.Join(dir, "none"), 1); err == nil || !strings.Contains(err.Error(), "tokenizer") {
		t.Error(err)
	}
	write(strings.NewReplacer(`"vocab_size": 7`, `"vocab_size": 16000000`, `"hidden_size": 4`, `"hidden_size": 1000000`).Replace(tinyConfig))
	if _, err := Fresh(path, dir, 1); err == nil || !strings.Contains(err.Error(), "can be made afresh") {
		t.Error(err)
	}
}

// The folder of further chat templates is carried along: from the source, and with fresh weights from the tokenizer's directory.
func TestSaveCarriesTemplates(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	folder := filepath.Join(dir, "additional_chat_templates")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"tool_use.jinja": "tools", "notes.txt": "not a template"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.json")
	fresh, err := Fresh(config, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]SaveOptions{"of the source": {SourceDir: dir}, "fresh": {Files: fresh.Files}} {
		out := filepath.Join(t.TempDir(), "out")
		if err := SaveModel(out, m, opt); err != nil {
			t.Fatal(err)
		}
		files := contents(t, filepath.Join(out, "additional_chat_templates"))
		if len(files) != 1 || files["tool_use.jinja"] != "tools" {
			t.Errorf("%s: %v", name, files)
		}
	}
	for _, name := range []string{"other/tool_use.jinja", "../tool_use.jinja", "additional_chat_templates/../../x"} {
		if err := SaveModel(filepath.Join(t.TempDir(), "out"), m, SaveOptions{Files: map[string][]byte{"config.json": []byte(tinyConfig), name: nil}}); err == nil {
			t.Errorf("a file named %q was written", name)
		}
	}
}
