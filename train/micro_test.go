package train

import (
	"testing"

	"reprise/data"
	"reprise/optim"
	"reprise/tensor"
)

// A micro-batch of 0 is the whole batch (it once was an endless loop). The result does not depend on the micro-batch's size.
func TestMicroBatchOfZero(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	var losses [3]float64
	for i, micro := range []int{0, 1, 3} {
		m := tinyModel(t)
		s, err := NewStepper(m, pool, Objective{}, optim.DefaultConfig(optim.AdamW), Workload{})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 3 {
			if losses[i], err = s.Step(randomBatch(m.Config.VocabSize, 1), micro, step+1, 1e-3); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Step([]*data.Sequence{}, micro, 4, 1e-3); err == nil {
			t.Error("an empty batch was taken")
		}
	}
	if losses[0] != losses[1] || losses[0] != losses[2] || losses[0] == 0 {
		t.Errorf("losses after three steps with micro-batches of 0, 1 and 3: %v; want the same", losses)
	}
}
