package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"reprise/asm"
	"reprise/internal/hub"
	"reprise/model"
	"reprise/tensor"
)

// maxConfig bounds config.json, in bytes.
const maxConfig = 16 << 20

// Loaded is a model and where it came from.
type Loaded struct {
	Model       *model.Model
	Dir         string            // the Hugging Face directory, of the cache the snapshot; "" for a fresh model
	Files       map[string][]byte // only for a fresh model: config.json and the tokenizer's files, for SaveOptions
	DType       DType             // the type of most of its stored weights
	Fingerprint string            // TensorSHA256 of the weights
	Config      []byte            // config.json as it is in the file
}

// Load reads a Hugging Face directory: config.json and the weights, from model.safetensors or from shards.
//
// Every parameter that the config implies must be there with its shape, and nothing else may be: only the buffers that old
// versions of transformers stored, and a tied lm_head.weight that equals the embedding, are ignored. A tied lm_head.weight
// may also be stored instead of the embedding. A weight that is not finite is an error. Names may lack the prefix "model."
// or "transformer.", as in files of a bare decoder.
//
// If the directory holds a SHA256SUMS, as those have that SaveModel writes, the files that it lists are compared with it first. A file
// that differs is an ErrDamaged.
//
// A folder of the Hugging Face cache (models--ORG--NAME) stands for its snapshot: the commit in refs/main, or the only one.
func Load(dir string) (*Loaded, error) {
	dir, err := snapshot(dir)
	if err != nil {
		return nil, err
	}
	src, outline, config, err := openDir(dir, Open)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if err := checkWeights(dir); err != nil {
		return nil, err
	}
	m := model.New(outline.Config)
	if err := src.fill(m); err != nil {
		return nil, err
	}
	return &Loaded{Model: m, Dir: dir, DType: src.DType(), Fingerprint: TensorSHA256(m), Config: config}, nil
}

// Inspected is what is known of a model directory without reading its weights.
type Inspected struct {
	Config  model.Config
	DType   DType  // the type of most of the stored weights
	Files   int    // number of files that hold weights
	Tensors []Info // the parameters in ascending order of their names; Offset counts within a file
}

// Inspect is Load without the weights: it checks names, shapes and types.
func Inspect(dir string) (*Inspected, error) {
	dir, err := snapshot(dir)
	if err != nil {
		return nil, err
	}
	src, outline, _, err := openDir(dir, Open)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	x := &Inspected{Config: outline.Config, DType: src.DType(), Files: len(src.files)}
	for p := range outline.Params() {
		t, err := src.Info(src.storedName(outline, p))
		if err != nil {
			return nil, err
		}
		t.Name = p.Name
		x.Tensors = append(x.Tensors, t)
	}
	return x, nil
}

// snapshot is hub.Snapshot with this package's name in errors.
func snapshot(dir string) (string, error) {
	dir, err := hub.Snapshot(dir)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return dir, nil
}

// openDir reads a directory's configs and the headers of its weights, which must belong together.
func openDir(dir string, open func(path string) (*File, error)) (_ *Source, outline *model.Model, config []byte, err error) {
	config, err = readConfig(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	cfg, err := model.ParseConfig(config)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("checkpoint: %s: %w", dir, err)
	}
	generation, err := readInside(dir, "generation_config.json", maxConfig)
	if err == nil {
		if err := cfg.ReadGeneration(generation); err != nil {
			return nil, nil, nil, fmt.Errorf("checkpoint: %s: %w", dir, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, err
	}
	names, err := listed(dir, copied, nil)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("checkpoint: %w", err)
	}
	for _, name := range names { // what a saved model will take along is refused before the training, not after it
		if _, err := inside(dir, name); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := checkFiles(dir); err != nil {
		return nil, nil, nil, err
	}
	src, err := openSource(dir, open)
	if err != nil {
		return nil, nil, nil, err
	}
	prefixed := func(name string) bool { return strings.HasPrefix(name, cfg.Prefix) }
	if len(src.names) > 0 && !slices.ContainsFunc(src.names, prefixed) {
		cfg.Prefix = ""
	}
	outline = model.Outline(cfg)
	if err := src.match(outline); err != nil {
		src.Close()
		return nil, nil, nil, err
	}
	return src, outline, config, nil
}

// match compares the stored tensors with the parameters of m.
func (s *Source) match(m *model.Model) error {
	wanted := map[string]*tensor.Param{}
	var missing []string
	for p := range m.Params() {
		wanted[p.Name] = p
		if s.owner[s.storedName(m, p)] == nil {
			missing = append(missing, p.Name)
		}
	}
	if len(missing) > 0 {
		p := wanted[missing[0]]
		return fmt.Errorf("checkpoint: %s: tensor %q of shape %v is missing%s%s", s.path, p.Name, p.Shape, more(missing), cmp.Or(s.recognised(), s.hint(p)))
	}
	var extra []string
	for _, name := range s.names {
		if wanted[name] == nil && !isBuffer(name) && !(name == tiedHead && m.Config.TieEmbeddings) {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		t, _ := s.Info(extra[0])
		return fmt.Errorf("checkpoint: %s: tensor %s of shape %v has no place in a %s model as config.json describes it%s%s",
			s.path, quote(extra[0]), t.Shape, m.Config.ModelType, more(extra), cmp.Or(s.recognised(), ofBias(m.Config.ModelType, extra[0])))
	}
	for p := range m.Params() {
		if _, err := s.weights(s.storedName(m, p), p.Shape); err != nil {
			return err
		}
	}
	return nil
}

// weights describes a tensor that holds weights of a shape.
func (s *Source) weights(name string, shape []int) (Info, error) {
	f := s.owner[name]
	t, err := f.Info(name)
	switch {
	case err != nil:
		return t, err
	case !t.DType.IsWeight():
		return t, f.wrong(t, "dtype %s is not supported for weights; supported: F32, BF16, F16%s", t.DType, notAWeight(t.DType))
	}
	return t, f.checkShape(t, shape)
}

// fill reads every parameter of m.
func (s *Source) fill(m *model.Model) error {
	for p := range m.Params() {
		if err := s.readParam(s.storedName(m, p), p); err != nil {
			return err
		}
	}
	if m.Config.TieEmbeddings && s.owner[tiedHead] != nil && s.owner[m.Head().Name] != nil {
		return s.checkTied(m.Head())
	}
	return nil
}

// tiedHead may be stored although config.json ties it to the embedding, or even instead of the embedding: safetensors keeps
// only one name of a matrix that has two.
const tiedHead = "lm_head.weight"

// storedName is the name under which a parameter of m is stored.
func (s *Source) storedName(m *model.Model, p *tensor.Param) string {
	if p == m.Head() && s.owner[p.Name] == nil && s.owner[tiedHead] != nil {
		return tiedHead
	}
	return p.Name
}

// isBuffer recognises the buffers that old versions of transformers stored beside the weights: masks and rotary frequencies,
// which follow from the config.
func isBuffer(name string) bool {
	for _, suffix := range []string{".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func more(names []string) string {
	if len(names) < 2 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", len(names)-1)
}

// hint explains a missing parameter where the cause can be recognised.
func (s *Source) hint(p *tensor.Param) string {
	if p.Name == tiedHead {
		return "; if the head is the embedding, config.json should say \"tie_word_embeddings\": true"
	}
	if len(s.names) > 0 {
		return "; the first one stored is " + quote(s.names[0])
	}
	return ""
}

// readParam reads the tensor name into the weights of p, whose shape it must have.
func (s *Source) readParam(name string, p *tensor.Param) error {
	t, err := s.weights(name, p.Shape)
	if err != nil {
		return err
	}
	f := s.owner[name]
	done := 0
	for rows := range pieces(p.W) {
		if err := f.readFloat32(t, done, rows); err != nil {
			return err
		}
		if i := notFinite(rows); i >= 0 {
			return f.wrong(t, "element %d is %g; the weights are damaged", done+i, rows[i])
		}
		done += len(rows)
	}
	return nil
}

// checkTied refuses a stored head that is not the embedding it is tied to.
func (s *Source) checkTied(embed *tensor.Param) error {
	head := &tensor.Param{Name: tiedHead, Shape: embed.Shape, W: tensor.NewMatrix(embed.W.Rows, embed.W.Cols)}
	if err := s.readParam(tiedHead, head); err != nil {
		return err
	}
	for r := range embed.W.Rows {
		if !slices.Equal(head.W.Row(r), embed.W.Row(r)) {
			return fmt.Errorf("checkpoint: %s: tensor %q differs from %q in row %d, but config.json says \"tie_word_embeddings\": true",
				s.path, tiedHead, embed.Name, r)
		}
	}
	return nil
}

// pieces walks the elements of a matrix in row-major order: in one piece if there are no gaps between rows.
func pieces(m *tensor.Matrix) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		if m.Stride == m.Cols {
			yield(m.Data[:m.Rows*m.Cols])
			return
		}
		for r := range m.Rows {
			if !yield(m.Row(r)[:m.Cols]) {
				return
			}
		}
	}
}

// TensorSHA256 is the SHA-256 in hexadecimal over the little-endian float32 bytes of a model's parameters in ascending
// order of their names.
func TensorSHA256(m *model.Model) string { return WeightsSHA256(m.Params()) }

// StoredSHA256 is TensorSHA256 of the weights after rounding to d, as they are when they have been written and read again.
func StoredSHA256(m *model.Model, d DType) string { return weightsSHA256(m.Params(), d) }

// WeightsSHA256 is TensorSHA256 for a list of parameters in any order.
func WeightsSHA256(params iter.Seq[*tensor.Param]) string { return weightsSHA256(params, F32) }

func weightsSHA256(params iter.Seq[*tensor.Param], d DType) string {
	list := slices.SortedFunc(params, func(a, b *tensor.Param) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	buf, half, wide := make([]byte, 4*chunk), make([]uint16, chunk), make([]float32, chunk)
	for _, p := range list {
		for x := range pieces(p.W) {
			for len(x) > 0 {
				n := min(chunk, len(x))
				stored := x[:n]
				switch d {
				case BF16:
					asm.BF16FromF32(half[:n], stored)
					stored = wide[:n]
					asm.F32FromBF16(stored, half[:n])
				case F16:
					asm.F16FromF32(half[:n], stored)
					stored = wide[:n]
					asm.F32FromF16(stored, half[:n])
				}
				putFloat32(buf, stored)
				h.Write(buf[:4*n])
				x = x[n:]
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// setDType changes the values of torch_dtype and dtype at the top of a config.json and leaves every other byte as it is.
func setDType(config []byte, d DType) ([]byte, error) {
	type span struct{ from, to int64 }
	var spans []span
	p := newParser(config)
	err := p.object(func(key string) error {
		from := p.dec.InputOffset()
		if err := p.skip(); err != nil {
			return err
		}
		if key == "torch_dtype" || key == "dtype" {
			from += int64(bytes.IndexByte(config[from:], ':')) + 1
			spans = append(spans, span{from, p.dec.InputOffset()})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("checkpoint: config.json: %w", err)
	}
	var out []byte
	done := int64(0)
	for _, s := range spans {
		value := config[s.from:s.to]
		blank := len(value) - len(bytes.TrimLeft(value, " \t\r\n"))
		out = append(out, config[done:s.from+int64(blank)]...)
		out = append(out, '"')
		out = append(out, d.torch()...)
		out = append(out, '"')
		done = s.to
	}
	return append(out, config[done:]...), nil
}
