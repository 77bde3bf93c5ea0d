package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
)

// maxJSON bounds the JSON files of a directory, in bytes.
const maxJSON = 256 << 20

// inputs holds inputs.json and the tensors of inputs.safetensors.
type inputs struct {
	Format    int       `json:"format"`
	IDs       [][]int32 `json:"ids"`
	Targets   [][]int   `json:"targets"`   // 1: the token carries loss
	Documents [][]int32 `json:"documents"` // where documents start in each sequence
	Record    *rule     `json:"record"`    // rule with which the recorder is compared; null: it is not compared
	Runs      []recipe  `json:"runs"`

	sequences []*data.Sequence
	tails     map[string][][]int32 // by run: the distinct ids of the tail, for every sequence of every step
}

// rule is replay.Rule with the names of the file.
type rule struct {
	Tau    float64 `json:"tau"`
	KMin   int     `json:"k_min"`
	KMax   int     `json:"k_max"`
	Always []int32 `json:"always"`
}

func (r rule) rule() replay.Rule {
	return replay.Rule{Tau: r.Tau, KMin: r.KMin, KMax: r.KMax, Always: r.Always}
}

// strict decodes one JSON value; unknown fields and further text are errors.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("something follows the JSON value")
	}
	return nil
}

// readJSON decodes a file of a directory.
func readJSON(dir, name string, into any) error {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file", path)
	}
	if info.Size() > maxJSON {
		return fmt.Errorf("%s: %d bytes, want at most %d", name, info.Size(), maxJSON)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := strict(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readInputs reads and checks the inputs of a directory whose model has the configuration cfg.
func readInputs(dir string, cfg model.Config) (*inputs, error) {
	in := &inputs{tails: map[string][][]int32{}}
	if err := readJSON(dir, "inputs.json", in); err != nil {
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("%w; scripts/goldens.py writes it together with the reference outputs", err)
		}
		return nil, err
	}
	if in.Format != 1 {
		return nil, fmt.Errorf("inputs.json: format %d, want 1", in.Format)
	}
	if err := in.readSequences(cfg); err != nil {
		return nil, fmt.Errorf("inputs.json: %w", err)
	}
	if in.Record != nil {
		if err := in.Record.rule().Validate(cfg.VocabSize); err != nil {
			return nil, fmt.Errorf("inputs.json: record: %w", err)
		}
	}
	names := map[string]bool{"logits": true, "recorder": true}
	for i := range in.Runs {
		r := &in.Runs[i]
		if names[r.Name] || r.Name == "" || strings.Contains(r.Name, "/") {
			return nil, fmt.Errorf("inputs.json: run %d: name %q is taken, empty or holds a slash", i, r.Name)
		}
		names[r.Name] = true
		if err := r.check(len(in.IDs)); err != nil {
			return nil, fmt.Errorf("inputs.json: run %s: %w", r.Name, err)
		}
	}
	if err := in.readTensors(dir, cfg); err != nil {
		return nil, fmt.Errorf("inputs.safetensors: %w", err)
	}
	return in, nil
}

func (in *inputs) readSequences(cfg model.Config) error {
	n := len(in.IDs)
	if n == 0 || len(in.Targets) != n || len(in.Documents) != n {
		return fmt.Errorf("%d sequences of ids, %d of targets, %d of documents; want equal numbers, at least one", n, len(in.Targets), len(in.Documents))
	}
	for i, ids := range in.IDs {
		q := &data.Sequence{IDs: ids, DocStarts: in.Documents[i]}
		starts := in.Documents[i]
		switch {
		case len(ids) == 0 || len(ids) > cfg.MaxPositions:
			return fmt.Errorf("sequence %d: %d ids, want 1 to the model's %d positions", i, len(ids), cfg.MaxPositions)
		case len(in.Targets[i]) != len(ids):
			return fmt.Errorf("sequence %d: %d targets for %d ids", i, len(in.Targets[i]), len(ids))
		case len(starts) == 0 || starts[0] != 0 || !ascending(starts) || int(starts[len(starts)-1]) >= len(ids):
			return fmt.Errorf("sequence %d: documents %v, want ascending places in the sequence, the first 0", i, starts)
		}
		for k, id := range ids {
			if id < 0 || int(id) >= cfg.VocabSize {
				return fmt.Errorf("sequence %d, token %d: id %d is outside the vocabulary of %d", i, k, id, cfg.VocabSize)
			}
			target := in.Targets[i][k] != 0
			if target && slices.Contains(starts, int32(k)) {
				return fmt.Errorf("sequence %d, token %d: the first token of a document cannot carry loss", i, k)
			}
			q.Target = append(q.Target, target)
		}
		in.sequences = append(in.sequences, q)
	}
	return nil
}

func ascending(x []int32) bool {
	for i := range len(x) - 1 {
		if x[i+1] <= x[i] {
			return false
		}
	}
	return true
}

// batch returns the sequences of a step. Steps count from 1 and take the sequences in turn.
func (in *inputs) batch(r *recipe, step int) []*data.Sequence {
	var out []*data.Sequence
	for i := range r.Global {
		out = append(out, in.sequences[((step-1)*r.Global+i)%len(in.sequences)])
	}
	return out
}

// proposal is the distribution that a run's tail is drawn from; nil without a tail.
func (in *inputs) proposal(r *recipe, vocab int) *loss.Proposal {
	switch {
	case r.Tail == "none":
		return nil
	case r.Proposal == "uniform":
		return loss.Uniform(vocab)
	}
	counts := make([]int64, vocab)
	for _, q := range in.sequences {
		for i, target := range q.Target {
			if target {
				counts[q.IDs[i]]++
			}
		}
	}
	return loss.Frequency(counts)
}

// readTensors reads the subsets and tails that runs need, and attaches the subsets to the sequences.
func (in *inputs) readTensors(dir string, cfg model.Config) error {
	if !slices.ContainsFunc(in.Runs, func(r recipe) bool { return r.subsets() }) {
		return nil
	}
	f, err := checkpoint.Open(filepath.Join(dir, "inputs.safetensors"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := in.readSubsets(f, cfg); err != nil {
		return err
	}
	for _, r := range in.Runs {
		if r.Tail == "none" {
			continue
		}
		counts, ids, err := counted(f, r.Name+"/tail.counts", r.Name+"/tail.ids")
		if err != nil {
			return err
		}
		for _, n := range counts {
			in.tails[r.Name] = append(in.tails[r.Name], ids[:n])
			ids = ids[n:]
		}
		if got, want := len(counts), r.Steps*r.Global; got != want {
			return fmt.Errorf("%s/tail.counts: %d tails, want one for each of %d sequences", r.Name, got, want)
		}
	}
	return nil
}

// counted reads lists of ids that are stored one after another, and the lengths of these lists.
func counted(f *checkpoint.File, counts, ids string) (n, all []int32, err error) {
	if n, err = f.ReadInt32(counts); err != nil {
		return nil, nil, err
	}
	if all, err = f.ReadInt32(ids); err != nil {
		return nil, nil, err
	}
	left := int64(len(all))
	for _, c := range n {
		if left -= int64(c); c < 0 || left < 0 {
			break
		}
	}
	if left != 0 || slices.ContainsFunc(n, func(c int32) bool { return c < 0 }) {
		return nil, nil, fmt.Errorf("%s do not add up to the %d of %s", counts, len(all), ids)
	}
	return n, all, nil
}

func (in *inputs) readSubsets(f *checkpoint.File, cfg model.Config) error {
	counts, ids, err := counted(f, "subsets/counts", "subsets/ids")
	if err != nil {
		return err
	}
	logprob, mass := make([]float32, len(ids)), make([]float32, len(counts))
	if err := f.ReadFloat32("subsets/logprob", logprob); err != nil {
		return err
	}
	if err := f.ReadFloat32("subsets/mass", mass); err != nil {
		return err
	}
	p := 0
	for i, q := range in.sequences {
		u := &loss.Subsets{Offsets: []int32{0}}
		for k, target := range q.Target {
			if !target {
				continue
			}
			if p == len(counts) {
				return fmt.Errorf("subsets/counts: %d positions, fewer than carry loss", len(counts))
			}
			n := counts[p]
			set := ids[:n]
			gold, found := slices.BinarySearch(set, q.IDs[k])
			if !found || !ascending(set) || set[0] < 0 || int(set[n-1]) >= cfg.VocabSize {
				return fmt.Errorf("subsets/ids: sequence %d, token %d: want ascending ids of the vocabulary, id %d among them", i, k, q.IDs[k])
			}
			if m := mass[p]; !(m >= 0 && m <= 1) || slices.ContainsFunc(logprob[:n], func(x float32) bool { return !(x <= 0 && x > -math.MaxFloat32) }) {
				return fmt.Errorf("subsets: sequence %d, token %d: want log-probabilities of 0 or less and a mass of 0 to 1", i, k)
			}
			u.Rows, u.Gold, u.Mass = append(u.Rows, int32(k-1)), append(u.Gold, int32(gold)), append(u.Mass, mass[p])
			u.IDs, u.LogProb, u.Outside = append(u.IDs, set...), append(u.LogProb, logprob[:n]...), append(u.Outside, false)
			u.Offsets = append(u.Offsets, int32(len(u.IDs)))
			ids, logprob = ids[n:], logprob[n:]
			p++
		}
		q.Subsets = u
	}
	if p != len(counts) {
		return fmt.Errorf("subsets/counts: %d positions, %d carry loss", len(counts), p)
	}
	return nil
}
