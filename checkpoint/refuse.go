package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"reprise/internal/hub"
	"reprise/internal/magic"
)

// What is given as a model and is not one is recognised here, so that an error names the cause and not its symptom.

// wanted says what a model directory is.
const wanted = "give the directory of a model, with config.json, safetensors and tokenizer.json"

// viaTransformers is the remedy where another library can write the files that this one reads.
const viaTransformers = `AutoModelForCausalLM.from_pretrained("%s").save_pretrained("NEW")`

// noModel is the error for a path without config.json, with a guess at what the user meant.
func noModel(dir string, err error) error {
	switch info, e := os.Stat(dir); {
	case e != nil && hubName.MatchString(dir):
		return fmt.Errorf("%w: %s does not exist, and nothing is downloaded; if it is the name of a model on the hub, fetch it first "+
			"(hf download %s) and give the directory that this prints", err, dir, dir)
	case e == nil && !info.IsDir():
		return fmt.Errorf("%w: %s is %s", err, dir, fileGiven(dir))
	}
	if target, dangling := hub.Dangling(filepath.Join(dir, "config.json")); dangling {
		return fmt.Errorf("%w: it is a link to %s; %s", err, target, brokenLink)
	}
	if why := adapter(dir); why != "" {
		return fmt.Errorf("%w: %s %s", err, dir, why)
	}
	trained := filepath.Join(dir, "final")
	if _, e := os.Stat(filepath.Join(trained, "config.json")); e == nil {
		return fmt.Errorf("%w: %s is the directory of a run; its model is %s", err, dir, trained)
	}
	if file := first(dir, "*.gguf"); file != "" {
		return fmt.Errorf("%w: %s holds %s: %s", err, dir, file, aboutGGUF)
	}
	if file := first(dir, "consolidated*.pth", "consolidated*.safetensors"); file != "" {
		return fmt.Errorf("%w: %s holds %s: weights in the layout of the model's makers; take the edition of the model in Hugging Face's "+
			"format, with config.json and model.safetensors", err, dir, file)
	}
	if below := modelsBelow(dir); len(below) > 0 {
		return fmt.Errorf("%w: there are models below it; give one of them: %s", err, strings.Join(below, ", "))
	}
	return fmt.Errorf("%w: %s", err, wanted)
}

// hubName matches the name of a model on the hub.
var hubName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)

const (
	brokenLink = "its target is missing: copy the cache's folder whole, with blobs, or download the model again"
	aboutGGUF  = "GGUF is a format for running a model, often with rounded weights; give the Hugging Face directory that it was made from"
)

// fileGiven describes a file that was given in the place of a directory, and says what to give.
func fileGiven(path string) string {
	dir := filepath.Dir(path)
	if magic.IsGGUF(readHead(path)) {
		return "a GGUF file: " + aboutGGUF
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		return "a file; give its directory: " + dir
	}
	return "a file; " + wanted
}

// adapter says that a directory holds an adapter without its base model, and what to do; "" if it does not.
func adapter(dir string) string {
	file := first(dir, "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors")
	if file == "" {
		return ""
	}
	base := "its base model"
	text, err := readLimited(filepath.Join(dir, "adapter_config.json"), maxConfig)
	var c struct {
		Base string `json:"base_model_name_or_path"`
	}
	if err == nil && json.Unmarshal(text, &c) == nil && c.Base != "" {
		base = "its base model " + quote(c.Base)
	}
	return fmt.Sprintf("holds %s: an adapter (LoRA), not a model; merge it into %s and give the merged model's directory, with peft: "+
		`AutoPeftModelForCausalLM.from_pretrained("%s").merge_and_unload().save_pretrained("NEW")`, file, base, dir)
}

// noWeights is the error for a directory without the files that hold the weights.
func noWeights(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("checkpoint: %s: no %s or %s%s", dir, weightsFile, indexFile, fmt.Sprintf(format, args...))
	}
	for _, name := range []string{weightsFile, indexFile} {
		if target, dangling := hub.Dangling(filepath.Join(dir, name)); dangling {
			return fail(": %s is a link to %s; %s", name, target, brokenLink)
		}
	}
	if file := first(dir, "model-*-of-*.safetensors"); file != "" {
		return fail(", only shards such as %s; download %s again: it says which shard holds which tensor", file, indexFile)
	}
	if why := adapter(dir); why != "" {
		return fail("; the directory %s", why)
	}
	if file := first(dir, "*.safetensors"); file != "" {
		return fail(", only %s; if that holds the whole model, rename it to %s", file, weightsFile)
	}
	if file := first(dir, "*.gguf"); file != "" {
		return fail(", only %s: %s", file, aboutGGUF)
	}
	if file := first(dir, "*.bin", "*.pth", "*.pt", "*.ckpt"); file != "" {
		return fail(", only %s, which may run code when it is read; save the model with transformers: "+viaTransformers, file, dir)
	}
	if file := first(dir, "*.h5", "*.msgpack", "*.onnx", "*.mlmodel"); file != "" {
		return fail(", only %s, which is a format of another framework; take the model's safetensors", file)
	}
	return fail("; the weights are not downloaded, or this is not the directory of a model")
}

// first is the first name in a directory that one of the patterns matches, of the earliest pattern; "" if there is none. A
// directory's name is taken literally.
func first(dir string, patterns ...string) string {
	entries, _ := os.ReadDir(dir)
	for _, pattern := range patterns {
		for _, e := range entries {
			if ok, _ := filepath.Match(pattern, e.Name()); ok && !e.IsDir() {
				return e.Name()
			}
		}
	}
	return ""
}

// maxBelow bounds how many directories an error lists.
const maxBelow = 5

// modelsBelow lists directories in dir that hold a model.
func modelsBelow(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var found []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		inside, err := hub.Snapshot(path)
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(inside, "config.json")); err == nil {
			if len(found) == maxBelow {
				return append(found, "…")
			}
			found = append(found, path)
		}
	}
	return found
}

// headBytes is how much of a file is looked at to see what it is.
const headBytes = 64

// readHead reads the first bytes of an ordinary file; fewer, or none, if it has fewer or cannot be read. Opening a pipe would wait.
func readHead(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, _ := f.Read(head)
	return head[:n]
}

// foreign says what a file is that begins with these bytes and what to do, if it is neither JSON nor safetensors but one of the
// things that people find in their place; "" otherwise.
func foreign(head []byte) string {
	// Only texts are compared in lower case: that would change the bytes of a binary file.
	text := []byte(strings.ToLower(strings.TrimLeft(string(head), " \t\r\n\ufeff")))
	switch {
	case magic.IsPointer(head):
		return "this is " + magic.Pointer + "; " + magic.Pull
	case magic.Begins(text, "<!doctyp", "<html", "<?xml"):
		return "this is a web page, not the file itself: the download went wrong; download it again, logged in if the model asks for it"
	case magic.Begins(text, "entry no", "access t", "invalid ", "reposito", "not foun", "unauthor"):
		return "this is the answer of a server, not the file itself: the download went wrong; download it again, logged in if the model asks for it"
	case magic.IsGGUF(head):
		return "this is a GGUF file: " + aboutGGUF
	case magic.Begins(head, "PK\x03\x04", "\x80\x02", "\x80\x04", "\x80\x05"):
		return "this is a file of torch.save with another name; give it its name pytorch_model.bin and save the model with transformers: " +
			fmt.Sprintf(viaTransformers, "DIR")
	}
	return ""
}

// strange are parts of tensor names by which a model is recognised that is not what config.json describes.
var strange = []struct{ part, why string }{
	{".lora_A.", "; these are the weights of an adapter (LoRA) beside its base model; merge them first, with peft: model.merge_and_unload()"},
	{"_orig_mod.", "; the model was saved while torch.compile wrapped it; save the model inside: model._orig_mod.save_pretrained(\"NEW\")"},
	{".qweight", quantised}, {".qzeros", quantised}, {".weight_packed", quantised}, {".weight_scale", quantised},
	{".weight.absmax", quantised}, {".weight_scale_inv", quantised}, {".SCB", quantised}, {".scales", quantised},
}

const quantised = "; the weights are quantised (GPTQ, AWQ, bitsandbytes and the like); use the model that they were made from, in float32, bfloat16 or float16"

// recognised explains tensors that do not fit by the names of those that are stored; "" if they tell nothing.
func (s *Source) recognised() string {
	for _, x := range strange {
		for _, name := range s.names {
			if strings.Contains(name, x.part) {
				return x.why
			}
		}
	}
	if len(s.names) > 0 && !slices.ContainsFunc(s.names, func(n string) bool { return !strings.HasPrefix(n, "module.") }) {
		return "; every name begins with \"module.\": the model was saved while a wrapper for several devices held it; " +
			"save the model inside: model.module.save_pretrained(\"NEW\")"
	}
	return ""
}

// ofBias is the remedy for a bias that config.json does not announce, where the type of model can have it.
func ofBias(modelType, name string) string {
	switch {
	case !strings.HasSuffix(name, "_proj.bias"):
	case strings.Contains(name, ".self_attn.") && (modelType == "llama" || modelType == "qwen3"):
		return "; if the attention's four projections have biases, config.json should say \"attention_bias\": true"
	case strings.Contains(name, ".mlp.") && modelType == "llama":
		return "; if the MLP's three projections have biases, config.json should say \"mlp_bias\": true"
	}
	return ""
}

// notAWeight is the remedy for a weight that is stored in a type that is not read.
func notAWeight(d DType) string {
	switch {
	case d == F64:
		return "; save the model in float32, with transformers: model.float().save_pretrained(\"NEW\")"
	case d != "BOOL":
		return quantised
	}
	return ""
}

// noShard is the error for a shard that an index names and that is not there.
func noShard(index, dir, shard string, tensors []string) error {
	what := fmt.Sprintf("checkpoint: %s: shard %s is missing; it holds %s and %d more tensors", index, shard, quote(slices.Min(tensors)), len(tensors)-1)
	if target, dangling := hub.Dangling(filepath.Join(dir, filepath.FromSlash(shard))); dangling {
		return fmt.Errorf("%s; it is a link to %s; %s", what, target, brokenLink)
	}
	return fmt.Errorf("%s; download it again into the same directory", what)
}

// ReadConfig reads the config.json of a model directory, or of a folder of the Hugging Face cache. The error for what is not a model
// says what it is and what to give instead.
func ReadConfig(dir string) ([]byte, error) {
	dir, err := snapshot(dir)
	if err != nil {
		return nil, err
	}
	return readConfig(dir)
}

// readConfig is ReadConfig for a directory that is not a folder of the cache.
func readConfig(dir string) ([]byte, error) {
	path := filepath.Join(dir, "config.json")
	text, err := readInside(dir, "config.json", maxConfig)
	if errors.Is(err, fs.ErrNotExist) || err != nil && !isDir(dir) {
		return nil, noModel(dir, err)
	}
	if err != nil {
		return nil, err
	}
	if why := foreign(text[:min(headBytes, len(text))]); why != "" {
		return nil, fmt.Errorf("checkpoint: %s: %s", path, why)
	}
	return text, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
