package train

import (
	"slices"
	"strings"
	"testing"

	"reprise/data"
	"reprise/loss"
	"reprise/optim"
	"reprise/tensor"
)

// If only the micro-batch of a workload is known, its sequences have that length and it has the pool's number of workers (it
// once divided by zero). The result does not depend on the reserved memory.
func TestWorkloadDefaults(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	var losses []float64
	for _, w := range []Workload{{}, {MicroTokens: 80}, {MicroTokens: 80, StepTokens: 120, SeqLen: 40, Subset: 8, Tail: 24, Workers: 2}} {
		m := tinyModel(t)
		o := Objective{Replay: true, Proposal: loss.Uniform(m.Config.VocabSize), TailN: 24}
		s, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), w)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 2 {
			l, err := s.Step(randomBatch(m.Config.VocabSize, 1), 2, step+1, 1e-2)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, l)
		}
	}
	if !slices.Equal(losses[:2], losses[2:4]) || !slices.Equal(losses[:2], losses[4:]) || losses[0] == losses[1] {
		t.Errorf("losses %v: want three times the same two", losses)
	}
	full := Workload{MicroTokens: 80, StepTokens: 80, SeqLen: 80, Workers: 2}
	if got, want := (Workload{MicroTokens: 80, Workers: 2}).Memory(tinyModel(t).Config), full.Memory(tinyModel(t).Config); got != want {
		t.Errorf("memory %+v, want %+v", got, want)
	}
}

// Documents that are longer than the model takes are an error that names the option to change.
func TestDocumentsTooLong(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	m := tinyModel(t)
	s, err := NewStepper(m, pool, Objective{}, optim.DefaultConfig(optim.AdamW), Workload{})
	if err != nil {
		t.Fatal(err)
	}
	n := m.Config.MaxPositions
	q := &data.Sequence{IDs: make([]int32, 2*n+1), Target: make([]bool, 2*n+1), DocStarts: []int32{0, int32(n)}}
	q.Target[1] = true
	_, err = s.Step([]*data.Sequence{q}, 1, 1, 1e-3)
	if err == nil || !strings.Contains(err.Error(), "sequence 0 holds a document of 65 tokens, the model takes 64") {
		t.Errorf("error %v", err)
	}
	q.IDs, q.Target = q.IDs[:2*n], q.Target[:2*n]
	if _, err := s.Step([]*data.Sequence{q}, 1, 1, 1e-3); err != nil {
		t.Errorf("two documents of %d tokens: %v", n, err)
	}
}
