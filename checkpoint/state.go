package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"reprise/internal/atomicfile"
)

// NamedTensor is a float32 tensor of a run: a weight or a piece of optimizer state.
type NamedTensor struct {
	Name  string
	Shape []int
	Data  []float32 // row-major; its length is the product of Shape
}

// State is what a run needs to resume.
type State struct {
	Step      int           // optimizer steps taken, 0 or more
	Weights   []NamedTensor // kept as F32, bit for bit
	Optimizer []NamedTensor // the same
	Meta      json.RawMessage
}

// Names inside a checkpoint directory.
const (
	stateFile     = "state.json"
	stateWeights  = "weights.safetensors"
	stateMoments  = "optimizer.safetensors"
	stateFormat   = "reprise checkpoint"
	stateVersion  = 2 // version 1 had no sha256 of its own
	stepPrefix    = "step-"
	maxStateBytes = 64 << 20 // bound on state.json
)

// stateHeader is state.json. It is written last.
type stateHeader struct {
	Format  string               `json:"format"`
	Version int                  `json:"version"`
	Step    int                  `json:"step"`
	Files   map[string]fileCheck `json:"files"`
	MetaSum string               `json:"meta_sha256"` // checksum of meta without white space
	Meta    json.RawMessage      `json:"meta"`
	Sum     string               `json:"sha256,omitempty"` // of all other fields: see sum
}

// sum is the SHA-256 of the header's other fields. It is made from the values, so that white space does not matter.
func (h stateHeader) sum() (string, error) {
	h.Sum = ""
	text, err := json.Marshal(h)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

type fileCheck struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// StepDir is the name of a checkpoint's directory: "step-000100".
func StepDir(step int) string { return fmt.Sprintf("%s%06d", stepPrefix, step) }

// parseStep is the inverse of StepDir.
func parseStep(name string) (step int, ok bool) {
	digits, ok := strings.CutPrefix(name, stepPrefix)
	step, err := strconv.Atoi(digits)
	return step, ok && err == nil && StepDir(step) == name
}

// SaveState writes a checkpoint into runDir and returns its directory, runDir/step-000100. It appears there in one step,
// complete and flushed to the disk; a checkpoint of the same step is replaced.
func SaveState(runDir string, s *State) (string, error) {
	if s.Step < 0 {
		return "", fmt.Errorf("checkpoint: saving step %d: negative", s.Step)
	}
	dir := filepath.Join(runDir, StepDir(s.Step))
	err := atomicfile.ReplaceDir(dir, func(tmp string) error {
		h := stateHeader{Format: stateFormat, Version: stateVersion, Step: s.Step, Files: map[string]fileCheck{}}
		for _, part := range []struct {
			file    string
			tensors []NamedTensor
		}{{stateWeights, s.Weights}, {stateMoments, s.Optimizer}} {
			check, err := writeChecked(filepath.Join(tmp, part.file), part.tensors)
			if err != nil {
				return err
			}
			h.Files[part.file] = check
		}
		var err error
		if h.Meta, h.MetaSum, err = compact(s.Meta); err != nil {
			return err
		}
		if h.Sum, err = h.sum(); err != nil {
			return err
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(h); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, stateFile), b.Bytes(), 0o666)
	})
	if err != nil {
		return "", fmt.Errorf("checkpoint: saving step %d: %w", s.Step, err)
	}
	return dir, nil
}

// compact removes white space; an empty text becomes null.
func compact(meta json.RawMessage) (json.RawMessage, string, error) {
	if len(meta) == 0 {
		meta = json.RawMessage("null")
	}
	var b bytes.Buffer
	if err := json.Compact(&b, meta); err != nil {
		return nil, "", fmt.Errorf("meta: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(sum[:]), nil
}

// writeChecked writes tensors as F32 and returns the size and the checksum of what was written.
func writeChecked(path string, list []NamedTensor) (fileCheck, error) {
	tensors := make([]Tensor, len(list))
	for i, t := range list {
		tensors[i] = Tensor{Name: t.Name, DType: F32, Shape: t.Shape, Data: t.Data}
	}
	f, err := os.Create(path)
	if err != nil {
		return fileCheck{}, err
	}
	h := sha256.New()
	count := &counter{w: io.MultiWriter(f, h)}
	if err := errors.Join(write(count, tensors), f.Close()); err != nil {
		return fileCheck{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return fileCheck{Bytes: count.n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// LoadState verifies every file of the checkpoint directory dir and reads it.
func LoadState(dir string) (*State, error) {
	h, err := verify(dir)
	if err != nil {
		return nil, err
	}
	s := &State{Step: h.Step, Meta: h.Meta}
	for file, list := range map[string]*[]NamedTensor{stateWeights: &s.Weights, stateMoments: &s.Optimizer} {
		if err := readAll(filepath.Join(dir, file), list); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readAll(path string, list *[]NamedTensor) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, t := range f.tensors {
		data := make([]float32, t.Len())
		if err := f.ReadFloat32(t.Name, data); err != nil {
			return err
		}
		*list = append(*list, NamedTensor{Name: t.Name, Shape: slices.Clone(t.Shape), Data: data})
	}
	return nil
}

// RestoreState is LoadState into tensors that exist: those of s.Weights and s.Optimizer are filled in place, and s.Step and
// s.Meta are set. The checkpoint must hold the same names and shapes, in any order; if it does not, or if it is damaged,
// nothing is changed.
func RestoreState(dir string, s *State) error {
	h, err := verify(dir)
	if err != nil {
		return err
	}
	weights, err := openLike(filepath.Join(dir, stateWeights), s.Weights)
	if err != nil {
		return err
	}
	defer weights.Close()
	moments, err := openLike(filepath.Join(dir, stateMoments), s.Optimizer)
	if err != nil {
		return err
	}
	defer moments.Close()
	for f, list := range map[*File][]NamedTensor{weights: s.Weights, moments: s.Optimizer} {
		for _, t := range list {
			if err := f.ReadFloat32(t.Name, t.Data); err != nil {
				return err
			}
		}
	}
	s.Step, s.Meta = h.Step, h.Meta
	return nil
}

// openLike opens a file that must hold exactly the tensors of list.
func openLike(path string, list []NamedTensor) (_ *File, err error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	wanted := map[string]bool{}
	for _, t := range list {
		wanted[t.Name] = true
		info, err := f.Info(t.Name)
		if err != nil {
			return nil, fmt.Errorf("%w; the checkpoint belongs to another model or optimizer", err)
		}
		if err := f.checkShape(info, t.Shape); err != nil {
			return nil, err
		}
		if info.DType != F32 || info.Len() != len(t.Data) {
			return nil, f.wrong(info, "%d elements of %s, want %d of F32", info.Len(), info.DType, len(t.Data))
		}
	}
	for _, t := range f.tensors {
		if !wanted[t.Name] {
			return nil, f.wrong(t, "not expected; the checkpoint belongs to another model or optimizer")
		}
	}
	return f, nil
}

// readHeader reads state.json and checks everything but the contents of the files.
func readHeader(dir string) (*stateHeader, error) {
	path := filepath.Join(dir, stateFile)
	text, err := readLimited(path, maxStateBytes)
	if err != nil {
		return nil, err
	}
	var h stateHeader
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	switch {
	case h.Format != stateFormat:
		return nil, fmt.Errorf("checkpoint: %s: format %s, want %q", path, quote(h.Format), stateFormat)
	case h.Version < 1 || h.Version > stateVersion:
		return nil, fmt.Errorf("checkpoint: %s: version %d, this program reads 1 to %d", path, h.Version, stateVersion)
	case h.Step < 0:
		return nil, fmt.Errorf("checkpoint: %s: step %d is negative", path, h.Step)
	case len(h.Files) != 2:
		return nil, fmt.Errorf("checkpoint: %s: %d files, want 2", path, len(h.Files))
	}
	if step, ok := parseStep(filepath.Base(dir)); ok && step != h.Step {
		return nil, fmt.Errorf("checkpoint: %s: step %d, but the directory is named for %d", path, h.Step, step)
	}
	var sum string
	if h.Meta, sum, err = compact(h.Meta); err != nil || sum != h.MetaSum {
		return nil, fmt.Errorf("checkpoint: %s: meta does not match meta_sha256; the file is damaged", path)
	}
	if own, err := h.sum(); err != nil || h.Version > 1 && own != h.Sum {
		return nil, fmt.Errorf("checkpoint: %s: the fields do not match sha256; the file is damaged", path)
	}
	for _, file := range []string{stateWeights, stateMoments} {
		fi, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		if want := h.Files[file].Bytes; fi.Size() != want {
			return nil, fmt.Errorf("checkpoint: %s: %d bytes, but %s says %d; one of them is damaged", filepath.Join(dir, file), fi.Size(), stateFile, want)
		}
	}
	return &h, nil
}

// verify is readHeader and the checksums of the files.
func verify(dir string) (*stateHeader, error) {
	h, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range []string{stateWeights, stateMoments} {
		path := filepath.Join(dir, file)
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != h.Files[file].SHA256 {
			return nil, fmt.Errorf("checkpoint: %s: the contents do not match the SHA-256 in %s; the file is damaged", path, stateFile)
		}
	}
	return h, nil
}

// steps lists the checkpoints of a run by their names, newest first.
func steps(runDir string) ([]int, error) {
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var list []int
	for _, e := range entries {
		if step, ok := parseStep(e.Name()); ok && e.IsDir() {
			list = append(list, step)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return b - a })
	return list, nil
}

// Latest finds the newest checkpoint of a run whose files are all present and undamaged. dir is empty if the run has no such
// checkpoint, also if runDir does not exist. broken says for every newer one why it was skipped.
func Latest(runDir string) (dir string, broken []error, err error) {
	list, err := steps(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	for _, step := range list {
		dir := filepath.Join(runDir, StepDir(step))
		if _, err := verify(dir); err != nil {
			broken = append(broken, err)
			continue
		}
		return dir, broken, nil
	}
	return "", broken, nil
}

// Prune keeps the newest keep checkpoints that look complete (their contents are not read). It removes the older ones and
// the remains that a killed process left. Call it after SaveState, so that old checkpoints are removed only when the new one
// is in place; keep less than 1 is an error.
func Prune(runDir string, keep int) error {
	if keep < 1 {
		return fmt.Errorf("checkpoint: %s: keeping %d checkpoints, want 1 or more", runDir, keep)
	}
	list, err := steps(runDir)
	if err != nil {
		return err
	}
	kept := 0
	for _, step := range list {
		dir := filepath.Join(runDir, StepDir(step))
		if kept < keep {
			if _, err := readHeader(dir); err == nil {
				kept++
			}
			continue
		}
		if err := atomicfile.RemoveDir(dir); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	if err := atomicfile.Sweep(runDir, stepPrefix); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
