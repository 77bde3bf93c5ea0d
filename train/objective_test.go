package train

import (
	"strings"
	"testing"

	"reprise/data"
	"reprise/internal/tiny"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
)

func tinyModel(t *testing.T) *model.Model {
	t.Helper()
	cfg, err := model.ParseConfig([]byte(tiny.Config))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(1)
	return m
}

// An incomplete objective is an error that says what is missing; it does not train with another objective.
func TestObjectiveRefuses(t *testing.T) {
	m := tinyModel(t)
	pool := tensor.NewPool(1)
	defer pool.Close()
	uniform := loss.Uniform(m.Config.VocabSize)
	for want, o := range map[string]Objective{
		"needs a Proposal":                               {Replay: true},
		"the bare loss has no tail":                      {Replay: true, Bare: true, Proposal: uniform},
		"belong to the replay loss":                      {Bare: true},
		"Proposal draws from 299 ids, the model has 300": {Replay: true, Proposal: loss.Uniform(299)},
		"TailN is -1":                                    {Replay: true, Proposal: uniform, TailN: -1},
		"Weights is 1":                                   {Replay: true, Proposal: uniform, Weights: loss.DFT},
		"RehearseWeight is -1":                           {RehearseWeight: -1},
		"Rehearse is 3":                                  {Rehearse: 3},
		"KL is -0.5":                                     {KL: -0.5},
		"Proposal and TailN belong":                      {TailN: 3},
		"leave out Proposal and TailN,":                  {Replay: true, Bare: true, TailN: 3},
	} {
		if _, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), Workload{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", o, err, want)
		}
	}
	if _, err := NewStepper(m, nil, Objective{}, optim.DefaultConfig(optim.AdamW), Workload{}); err == nil || !strings.Contains(err.Error(), "needs a model") {
		t.Errorf("without a pool: error %v", err)
	}
	s, err := NewStepper(m, pool, Objective{Replay: true, Proposal: uniform}, optim.DefaultConfig(optim.AdamW), Workload{})
	if err != nil || s.Objective.TailN != 128 {
		t.Errorf("TailN %d, %v, want 128", s.Objective.TailN, err)
	}
	for _, o := range []Objective{{Replay: true, Bare: true}, {KL: 0.1}} {
		s, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), Workload{})
		if err != nil {
			t.Fatal(err)
		}
		q := &data.Sequence{IDs: []int32{1, 2}, Target: []bool{false, true}, DocStarts: []int32{0}}
		if _, err := s.Step([]*data.Sequence{q}, 1, 1, 1e-3); err == nil || !strings.Contains(err.Error(), "sequence 0 has no recorded subsets") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

func TestDefaultTail(t *testing.T) {
	for vocab, want := range map[int]int{300: 128, 8192: 128, 8256: 129, 49152: 768} {
		if got := DefaultTail(vocab); got != want {
			t.Errorf("vocabulary %d: %d draws, want %d", vocab, got, want)
		}
	}
}
