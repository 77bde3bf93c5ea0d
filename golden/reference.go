package golden

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/checkpoint"
	"reprise/internal/atomicfile"
)

// manifest is manifest.json: who made the reference tensors, and their bounds.
type manifest struct {
	Format   int               `json:"format"`
	MadeBy   string            `json:"made_by"`
	Oracle   bool              `json:"oracle"`
	How      string            `json:"how"`
	Versions map[string]string `json:"versions"`
	Seed     int64             `json:"seed"`
	Command  string            `json:"command"`
	Files    map[string]string `json:"files"` // SHA-256
	Tensors  map[string]entry  `json:"tensors"`
}

// entry describes a reference tensor. If the tensor is sampled, reference.safetensors holds only some of its entries, and their
// indices under its name followed by @.
type entry struct {
	Kind      string  `json:"kind"`
	Shape     []int   `json:"shape"`
	Scale     float64 `json:"scale"` // errors are divided by this: max|r|, or 2^-20 of the largest value of its kind
	Norm      float64 `json:"norm"`  // Euclidean, of the whole tensor
	Error32   float64 `json:"error32"`
	Bound     float64 `json:"bound"`
	NormBound float64 `json:"norm_bound"` // of a sampled tensor
}

// reference is the manifest and tensors of a directory; nil if it has none.
type reference struct {
	manifest
	file *checkpoint.File
}

// openReference reads manifest.json and checks that the files are those that it was written with.
func openReference(dir string) (*reference, error) {
	r := &reference{}
	if err := readJSON(dir, "manifest.json", &r.manifest); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if _, e := os.Stat(filepath.Join(dir, "reference.safetensors")); e == nil {
				return nil, fmt.Errorf("%w; reference.safetensors cannot be used without it", err)
			}
			return nil, nil
		}
		return nil, err
	}
	if r.Format != 1 || !r.Oracle {
		return nil, fmt.Errorf("manifest.json: format %d, oracle %v; want format 1 and outputs of another program", r.Format, r.Oracle)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		sum, err := fileSHA256(dir, name)
		if err != nil {
			return nil, err
		}
		if sum != r.Files[name] {
			return nil, fmt.Errorf("%s is not the file that the reference outputs were made with; restore it, or run scripts/goldens.py again", name)
		}
	}
	names, err := deciding(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range append(names, "reference.safetensors") {
		if r.Files[name] == "" {
			return nil, fmt.Errorf("manifest.json: files: %s is not listed; run scripts/goldens.py again", name)
		}
	}
	for name, e := range r.Tensors {
		if !(e.Scale >= 0 && e.Norm >= 0 && e.Bound >= 0 && e.Bound <= 0.05) {
			return nil, fmt.Errorf("manifest.json: tensor %s: scale %g, norm %g, bound %g; want no negative number, and a bound of at most 0.05", name, e.Scale, e.Norm, e.Bound)
		}
	}
	r.file, err = checkpoint.Open(filepath.Join(dir, "reference.safetensors"))
	return r, err
}

func fileSHA256(dir, name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("manifest.json: files: %q leaves the directory", name)
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// compare measures an output against its reference. An error means that the reference cannot be used.
func (r *reference) compare(o *output) (measured, error) {
	e, known := r.Tensors[o.name]
	if !known {
		return failed(0, -1, "the reference has no such tensor"), nil
	}
	if !slices.Equal(e.Shape, o.shape) {
		return failed(e.Bound, -1, "shape %v, want %v", o.shape, e.Shape), nil
	}
	info, err := r.file.Info(o.name)
	if err != nil {
		return measured{}, err
	}
	want := make([]float32, info.Len())
	if err := r.file.ReadFloat32(o.name, want); err != nil {
		return measured{}, err
	}
	got := o.compared()
	var at []int32
	var norms measured
	if e.NormBound > 0 {
		if at, err = r.file.ReadInt32(o.name + "@"); err != nil {
			return measured{}, err
		}
		if !ascending(at) || len(at) != len(want) || len(at) > 0 && (at[0] < 0 || int(at[len(at)-1]) >= len(got)) {
			return measured{}, fmt.Errorf("reference.safetensors: %s@: want %d ascending indices below %d", o.name, len(want), len(got))
		}
		norms = measured{bound: e.NormBound, error: math.Abs(norm(got)-e.Norm) / e.Norm, first: -1, why: "the norm of the whole tensor"}
		picked := make([]float32, len(at))
		for i, k := range at {
			picked[i] = got[k]
		}
		got = picked
	}
	var m measured
	if o.change() {
		m = measureChange(got, want, e.Bound)
	} else {
		m = measure(got, want, e.Scale, e.Bound)
	}
	if at != nil && m.first >= 0 {
		m.first = int(at[m.first])
	}
	if m.ok() && !norms.ok() {
		return norms, nil
	}
	return m, nil
}

// hashes is hashes.json: digests of the engine's own output.
type hashes struct {
	Format   int               `json:"format"`
	MadeBy   string            `json:"made_by"`
	Oracle   bool              `json:"oracle"`   // always false: hashes find changes, they do not prove that a result is right
	Contract int               `json:"contract"` // version of the arithmetic contract
	Files    map[string]string `json:"files"`    // SHA-256 of the files that the output depends on
	Tensors  map[string]digest `json:"tensors"`
}

const hashesFile = "hashes.json"

// newHashes makes an empty table for a directory.
func newHashes(dir string) (*hashes, error) {
	h := &hashes{Format: 1, MadeBy: "package golden: this engine's own output. It finds changes; it is not a reference.",
		Contract: Contract, Files: map[string]string{}, Tensors: map[string]digest{}}
	names, err := deciding(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if h.Files[name], err = fileSHA256(dir, name); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// deciding lists the files that the engine's output depends on.
func deciding(dir string) (names []string, err error) {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		name := f.Name()
		weights := strings.HasSuffix(name, ".safetensors") && name != "reference.safetensors" || strings.HasSuffix(name, ".safetensors.index.json")
		if weights || name == "config.json" || name == "inputs.json" {
			names = append(names, name)
		}
	}
	return names, err
}

// readHashes reads hashes.json; nil if there is none.
func readHashes(dir string) (*hashes, error) {
	h := &hashes{}
	if err := readJSON(dir, hashesFile, h); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	now, err := newHashes(dir)
	if err != nil {
		return nil, err
	}
	switch {
	case h.Format != 1 || h.Oracle:
		return nil, fmt.Errorf("%s: format %d, oracle %v; want format 1 and oracle false", hashesFile, h.Format, h.Oracle)
	case h.Contract != Contract:
		return nil, fmt.Errorf("%w: it was made under contract %d, and this engine computes by contract %d; Write compares with the reference and stores new ones", ErrStale, h.Contract, Contract)
	case !maps.Equal(h.Files, now.Files):
		return nil, fmt.Errorf("%w: the model or the inputs are not those that it was made from; Write compares with the reference and stores new ones", ErrStale)
	}
	return h, nil
}

// write stores the table, one tensor a line.
func (h *hashes) write(dir string) error {
	var b bytes.Buffer
	line := func(indent string, name string, value any, last bool) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		comma := ","
		if last {
			comma = ""
		}
		fmt.Fprintf(&b, "%s%q: %s%s\n", indent, name, text, comma)
		return nil
	}
	b.WriteString("{\n")
	err := errors.Join(line(" ", "format", h.Format, false), line(" ", "made_by", h.MadeBy, false), line(" ", "oracle", h.Oracle, false),
		line(" ", "contract", h.Contract, false), line(" ", "files", h.Files, false))
	b.WriteString(" \"tensors\": {\n")
	names := slices.Sorted(maps.Keys(h.Tensors))
	for i, name := range names {
		err = errors.Join(err, line("  ", name, h.Tensors[name], i == len(names)-1))
	}
	b.WriteString(" }\n}\n")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, hashesFile), b.Bytes())
}
