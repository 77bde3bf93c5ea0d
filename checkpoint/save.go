package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"reprise/internal/atomicfile"
	"reprise/model"
	"reprise/tensor"
)

// SaveOptions are what goes into a model directory beside the weights, and how the weights are stored.
type SaveOptions struct {
	// SourceDir is the Hugging Face directory that the model came from. Its configuration and tokenizer files are copied
	// byte for byte; only torch_dtype (or dtype) in config.json changes, when the type of the weights does.
	SourceDir string
	// Files are written beside the weights, by name, instead of SourceDir's files of the same names. Without a SourceDir
	// they must hold config.json.
	Files map[string][]byte
	// DType of the stored weights. Default: every tensor keeps its type in SourceDir; without a SourceDir, F32.
	DType DType
	// MaxShardBytes is the size above which weights are cut into shards. Default: DefaultShardBytes. Unused when the
	// shards of SourceDir can be kept: when they hold the same tensors in the same types.
	MaxShardBytes int64
	// Replace allows dir to exist: it is replaced once the new one is complete. Without it, dir must be absent or empty.
	Replace bool
}

// copied are the files that are copied from the source into a model directory.
var copied = []string{
	"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
	"merges.txt", "vocab.json", "added_tokens.json", "tokenizer.model", "chat_template.jinja", "chat_template.json",
	"additional_chat_templates/*.jinja",
}

// maxCopied bounds each of the copied files, in bytes. The largest known are of tokenizers with 260,000 tokens, some 35 MB.
const maxCopied = 128 << 20

// folders are the folders of copied files.
var folders = []string{"additional_chat_templates"}

// listed are the names of a directory's files, and of those in its folders, that match a pattern and none of the others.
func listed(dir string, patterns, but []string) (names []string, err error) {
	for _, folder := range append([]string{""}, folders...) {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if folder != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if name := path.Join(folder, e.Name()); matches(patterns, name) && !matches(but, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// SaveModel writes a Hugging Face directory that Load, transformers and others read. It appears under its name in one step,
// complete and flushed to the disk; after an error nothing new exists. SHA256SUMS in it lists the SHA-256 of the other files, which
// Load compares.
func SaveModel(dir string, m *model.Model, opt SaveOptions) error {
	return saveModel(dir, m, fromParam, opt)
}

// SaveWeights is SaveModel for weights that are made while they are written, so that they are never in memory together: values
// gives those of a parameter of outline in row-major order, in pieces of any length. They must be finite. An error of values
// ends the writing.
func SaveWeights(dir string, outline *model.Model, values func(p *tensor.Param) iter.Seq2[[]float32, error], opt SaveOptions) error {
	var failed error
	err := saveModel(dir, outline, func(p *tensor.Param) (Tensor, error) {
		return Tensor{Name: p.Name, Shape: p.Shape, Values: func(yield func([]float32) bool) {
			for x, err := range values(p) {
				if err == nil {
					if i := notFinite(x); i >= 0 {
						err = fmt.Errorf("checkpoint: tensor %q: a weight would be %g, and weights must be finite", p.Name, x[i])
					}
				}
				if err != nil {
					failed = err
					return
				}
				if !yield(x) {
					return
				}
			}
		}}, nil
	}, opt)
	if failed != nil { // err only says that values are missing
		return failed
	}
	return err
}

// saveModel is SaveModel with a way to describe a parameter for writing.
func saveModel(dir string, m *model.Model, describe func(p *tensor.Param) (Tensor, error), opt SaveOptions) error {
	s, err := planSave(dir, m, describe, opt)
	if err != nil {
		return err
	}
	create := atomicfile.CreateDir
	if opt.Replace {
		create = atomicfile.ReplaceDir
	}
	if err := create(dir, s.write); err != nil {
		return fmt.Errorf("checkpoint: saving the model: %w", err)
	}
	return nil
}

// save is everything that a model directory will hold.
type save struct {
	files   map[string][]byte
	tensors []Tensor
	layout  map[string]string // the source's, if it can be kept
	index   []byte
	shard   int64
}

func planSave(dir string, m *model.Model, describe func(p *tensor.Param) (Tensor, error), opt SaveOptions) (*save, error) {
	fail := func(format string, args ...any) (*save, error) {
		return nil, fmt.Errorf("checkpoint: saving %s: %w", dir, fmt.Errorf(format, args...))
	}
	if opt.DType != "" && !opt.DType.IsWeight() {
		return fail("dtype %q is not supported for weights; supported: F32, BF16, F16", opt.DType)
	}
	for name := range opt.Files {
		if name != filepath.Base(name) && !slices.Contains(folders, path.Dir(name)) || !filepath.IsLocal(name) {
			return fail("file name %q, want one without a directory", name)
		}
	}
	s := &save{files: map[string][]byte{}, shard: opt.MaxShardBytes}
	stored := map[string]DType{}
	common := F32
	var src *Source
	if opt.SourceDir != "" {
		if same(dir, opt.SourceDir) {
			return fail("this is the directory that the model came from; choose another")
		}
		source, err := snapshot(opt.SourceDir)
		if err != nil {
			return nil, err
		}
		if err := s.copyFrom(source); err != nil {
			return fail("%w", err)
		}
		if src, err = OpenSource(source); err != nil {
			return fail("%w", err)
		}
		defer src.Close()
		common = src.DType()
		for _, name := range src.names {
			t, _ := src.Info(name)
			stored[name] = t.DType
		}
	}
	maps.Copy(s.files, opt.Files)
	if s.files["config.json"] == nil {
		return fail("no config.json; give a SourceDir or put it into Files")
	}

	changed := src == nil
	for p := range m.Params() {
		t, err := describe(p)
		if err != nil {
			return fail("%w", err)
		}
		t.DType = cmp.Or(stored[p.Name], common)
		if d := cmp.Or(opt.DType, t.DType); d != t.DType {
			t.DType, changed = d, true
		}
		s.tensors = append(s.tensors, t)
	}
	if changed {
		d := cmp.Or(opt.DType, common)
		config, err := setDType(s.files["config.json"], d)
		if err != nil {
			return fail("%w", err)
		}
		s.files["config.json"] = config
	} else if src.layout != nil && slices.Equal(sortedNames(s.tensors), src.names) {
		s.layout, s.index = src.layout, src.index
	}
	return s, nil
}

func (s *save) write(dir string) error {
	written := sums{}
	for _, name := range sortedKeys(s.files) {
		written.add(name, s.files[name])
		if folder := path.Dir(name); folder != "." {
			if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), s.files[name], 0o666); err != nil {
			return err
		}
	}
	var err error
	if s.layout != nil {
		err = writeLayout(dir, s.tensors, s.layout, s.index, written)
	} else {
		err = writeShards(dir, s.tensors, s.shard, written)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), written.bytes(), 0o666)
}

// copyFrom reads those files of the source that are copied.
func (s *save) copyFrom(dir string) error {
	names, err := listed(dir, copied, nil)
	if err != nil {
		return err
	}
	for _, name := range names {
		if s.files[name], err = readInside(dir, name, maxCopied); err != nil {
			return err
		}
	}
	if s.files["config.json"] == nil {
		return fmt.Errorf("%s: no config.json: %w", dir, fs.ErrNotExist)
	}
	return nil
}

// fromParam describes a parameter for writing. Weights that are not finite are refused: Load would refuse them too.
func fromParam(p *tensor.Param) (Tensor, error) {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	if n != p.W.Rows*p.W.Cols {
		panic(fmt.Sprintf("checkpoint: %s has shape %v but a matrix of %dx%d", p.Name, p.Shape, p.W.Rows, p.W.Cols))
	}
	done := 0
	for x := range pieces(p.W) {
		if i := notFinite(x); i >= 0 {
			return Tensor{}, fmt.Errorf("tensor %q: element %d is %g; the training has diverged", p.Name, done+i, x[i])
		}
		done += len(x)
	}
	return Tensor{Name: p.Name, Shape: p.Shape, Values: pieces(p.W)}, nil
}

func sortedNames(tensors []Tensor) []string {
	names := make([]string, len(tensors))
	for i := range tensors {
		names[i] = tensors[i].Name
	}
	slices.Sort(names)
	return names
}

// same says whether two paths are the same directory.
func same(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errors.Join(errA, errB) == nil && os.SameFile(fa, fb)
}
