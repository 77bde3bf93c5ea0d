package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/model"
)

// put writes a file below a directory.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// wantCause checks that Load and Inspect refuse a path, with every part of a text.
func wantCause(t *testing.T, path string, parts ...string) {
	t.Helper()
	_, err := Load(path)
	_, err2 := Inspect(path)
	if err == nil || err2 == nil || err.Error() != err2.Error() {
		t.Fatalf("%s: Load: %v, Inspect: %v", path, err, err2)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nwant %q in it", err, part)
		}
	}
}

// Directories without config.json.
func TestNoModel(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing", nil, []string{"config.json", "give the directory of a model"}},
		{"adapter", map[string]string{"adapter_config.json": `{"base_model_name_or_path": "me/small"}`, "adapter_model.safetensors": ""},
			[]string{"an adapter (LoRA), not a model; merge it into its base model \"me/small\"", "merge_and_unload"}},
		{"adapter with its tokenizer", map[string]string{"adapter_model.bin": "", "tokenizer.json": "{}"},
			[]string{"holds adapter_model.bin: an adapter", "its base model and"}},
		{"adapter of another program", map[string]string{"adapter_config.json": "not JSON", "adapters.safetensors": ""}, []string{"an adapter"}},
		{"gguf", map[string]string{"small-Q4.gguf": "GGUF"}, []string{"holds small-Q4.gguf: GGUF is a format", "it was made from"}},
		{"makers' layout", map[string]string{"params.json": "{}", "consolidated.00.pth": ""}, []string{"consolidated.00.pth", "Hugging Face's format"}},
		{"a folder of models", map[string]string{"a/config.json": "{}", "models--me--b/snapshots/01/config.json": "{}", "c/x": ""},
			[]string{"give one of them: ", "a, ", "models--me--b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				put(t, dir, name, text)
			}
			wantCause(t, dir, append(c.want, dir)...)
		})
	}
	wantCause(t, "me/small", "me/small does not exist, and nothing is downloaded", "hf download me/small")
	dir, _ := saveTiny(t, SaveOptions{})
	wantCause(t, filepath.Join(dir, weightsFile), "give its directory: "+dir)
	put(t, dir, "q.gguf", "GGUF\x03\x00")
	wantCause(t, filepath.Join(dir, "q.gguf"), "is a GGUF file", "made from")
}

// Directories with config.json whose weights are missing or something else. Where the remedy can be followed here, mend does.
func TestNoWeights(t *testing.T) {
	shard := "model-00002-of-00004.safetensors"
	for _, c := range []struct {
		name   string
		shards bool
		spoil  func(t *testing.T, dir string)
		want   []string
		mend   func(t *testing.T, dir string)
	}{
		{"no index", true,
			func(t *testing.T, dir string) { rename(t, filepath.Join(dir, indexFile), dir+".index") },
			[]string{"only shards such as model-00001-of-00004.safetensors; download model.safetensors.index.json again"},
			func(t *testing.T, dir string) { rename(t, dir+".index", filepath.Join(dir, indexFile)) }},
		{"no shard", true,
			func(t *testing.T, dir string) { rename(t, filepath.Join(dir, shard), dir+".shard") },
			[]string{"shard " + shard + " is missing; it holds ", "download it again"},
			func(t *testing.T, dir string) { rename(t, dir+".shard", filepath.Join(dir, shard)) }},
		{"another name", false,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, weightsFile), filepath.Join(dir, "weights.safetensors"))
			},
			[]string{"only weights.safetensors; if that holds the whole model, rename it to model.safetensors"},
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, "weights.safetensors"), filepath.Join(dir, weightsFile))
			}},
		{"shard is a pointer", true,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, shard), dir+".shard")
				put(t, dir, shard, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
			},
			[]string{shard + ": this is a Git LFS pointer", "git lfs pull"},
			func(t *testing.T, dir string) { rename(t, dir+".shard", filepath.Join(dir, shard)) }},
		{"adapter with a config", false,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, weightsFile), filepath.Join(dir, "adapter_model.safetensors"))
			},
			[]string{"holds adapter_model.safetensors: an adapter"}, nil},
		{"torch.save", false,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, weightsFile), filepath.Join(dir, "pytorch_model.bin"))
			},
			[]string{"only pytorch_model.bin, which may run code when it is read; save the model with transformers"}, nil},
		{"Keras", false,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, weightsFile), filepath.Join(dir, "tf_model.h5"))
			},
			[]string{"only tf_model.h5, which is a format of another framework"}, nil},
		{"gguf beside config", false,
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, weightsFile), filepath.Join(dir, "m.gguf"))
			},
			[]string{"only m.gguf: GGUF"}, nil},
		{"gguf with another name", false,
			func(t *testing.T, dir string) { put(t, dir, weightsFile, "GGUF\x03\x00\x00\x00\x01\x00") },
			[]string{weightsFile + ": this is a GGUF file"}, nil},
		{"torch.save with another name", false,
			func(t *testing.T, dir string) { put(t, dir, weightsFile, "PK\x03\x04\x00\x00\x08\x08\x00") },
			[]string{weightsFile + ": this is a file of torch.save"}, nil},
		{"an old file of torch.save with another name", false,
			func(t *testing.T, dir string) {
				put(t, dir, weightsFile, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.")
			},
			[]string{weightsFile + ": this is a file of torch.save"}, nil},
		{"a newer pickle with another name", false,
			func(t *testing.T, dir string) {
				put(t, dir, weightsFile, "\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00}\x94")
			},
			[]string{weightsFile + ": this is a file of torch.save"}, nil},
		{"a text", false,
			func(t *testing.T, dir string) { put(t, dir, weightsFile, "version 2 of the weights is elsewhere") },
			[]string{weightsFile + ": the header claims ", "is this a safetensors file?"}, nil},
		{"web page", false,
			func(t *testing.T, dir string) { put(t, dir, weightsFile, "<!DOCTYPE html><html>") },
			[]string{weightsFile + ": this is a web page"}, nil},
		{"answer of a server", false,
			func(t *testing.T, dir string) { put(t, dir, weightsFile, "Entry not found") },
			[]string{weightsFile + ": this is the answer of a server"}, nil},
		{"web page as config", false,
			func(t *testing.T, dir string) { put(t, dir, "config.json", "\n<html>") },
			[]string{"config.json: this is a web page"}, nil},
		{"pointer as config", false,
			func(t *testing.T, dir string) {
				put(t, dir, "config.json", "version https://git-lfs.github.com/spec/v1")
			},
			[]string{"config.json: this is a Git LFS pointer"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var opt SaveOptions
			if c.shards {
				opt.MaxShardBytes = 400
			}
			dir, _ := saveTiny(t, opt)
			c.spoil(t, dir)
			wantCause(t, dir, append(c.want, dir)...)
			if c.mend != nil {
				c.mend(t, dir)
				mustLoad(t, dir)
			}
		})
	}
}

// A snapshot whose links lead nowhere, as cp -r leaves it.
func TestBrokenLinks(t *testing.T) {
	for _, name := range []string{"config.json", weightsFile} {
		dir, _ := saveTiny(t, SaveOptions{})
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../../blobs/00ff", filepath.Join(dir, name)); err != nil {
			t.Skip("this system makes no links:", err)
		}
		wantCause(t, dir, name, "a link to ../../blobs/00ff; its target is missing: copy the cache's folder whole")
	}
}

// Tensors that config.json does not describe, by whose names the cause is recognised.
func TestStrangeTensors(t *testing.T) {
	tensors := func(t *testing.T, rename func(string) string, more ...Tensor) string {
		dir, m := saveTiny(t, SaveOptions{})
		for p := range m.Params() {
			x, err := fromParam(p)
			if err != nil {
				t.Fatal(err)
			}
			x.DType = F32
			if x.Name = rename(x.Name); x.Name != "" {
				more = append(more, x)
			}
		}
		if err := WriteFile(filepath.Join(dir, weightsFile), more); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	same := func(name string) string { return name }
	const q = "model.layers.0.self_attn.q_proj."
	raw := func(name string, d DType) Tensor {
		return Tensor{Name: name, DType: d, Shape: []int{4}, Raw: make([]byte, 4*d.Size())}
	}
	for _, c := range []struct {
		dir, want string
	}{
		{tensors(t, same, raw(q+"lora_A.weight", F32)), "the weights of an adapter (LoRA) beside its base model"},
		{tensors(t, func(n string) string { return strings.Replace(n, q+"weight", "", 1) }, raw(q+"qweight", I32), raw(q+"scales", F16)), "the weights are quantised (GPTQ"},
		{tensors(t, same, raw(q+"weight_scale", F32)), "the weights are quantised"},
		{tensors(t, same, raw(q+"bias", F32)), `config.json should say "attention_bias": true`},
		{tensors(t, same, raw("model.layers.0.mlp.up_proj.bias", F32)), `config.json should say "mlp_bias": true`},
		{tensors(t, func(n string) string { return "_orig_mod." + n }), "while torch.compile wrapped it"},
		{tensors(t, func(n string) string { return "module." + n }), "a wrapper for several devices"},
	} {
		wantCause(t, c.dir, c.want)
	}
	// A weight of the right name in a type of quantised models, or in float64.
	for d, want := range map[DType]string{"F8_E4M3": "dtype F8_E4M3 is not supported for weights; supported: F32, BF16, F16; the weights are quantised", F64: "save the model in float32"} {
		cfg, err := model.ParseConfig([]byte(tinyConfig))
		if err != nil {
			t.Fatal(err)
		}
		size := cfg.HiddenSize
		odd := Tensor{Name: "model.norm.weight", DType: d, Shape: []int{size}, Raw: make([]byte, size*d.Size())}
		wantCause(t, tensors(t, func(n string) string { return strings.Replace(n, "model.norm.weight", "", 1) }, odd), want)
	}
}

// The signatures of other formats are not taken for those in files whose header happens to be as long.
func TestForeignLengths(t *testing.T) {
	for _, n := range []int{0x280, 0x480, 0x580} {
		header := `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
		data := file(header+strings.Repeat(" ", n-len(header)), 4)
		if _, err := NewFile("x", bytes.NewReader(data), int64(len(data))); err != nil {
			t.Error(err)
		}
	}
}
