package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/internal/tiny"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
)

// The error of a step whose loss or gradient is not finite names the step and the value; the weights stay as they were.
func TestDiverged(t *testing.T) {
	config := strings.NewReplacer(`"tie_word_embeddings":true`, `"tie_word_embeddings":false`, `"rms_norm_eps":1e-5`, `"rms_norm_eps":1e-12`).Replace(tiny.Config)
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(1)
	t.Cleanup(pool.Close)
	for _, c := range []struct {
		name     string
		head     float32 // factor of the output head
		loss     bool    // not finite
		gradient bool    // not finite
	}{
		{"sound", 1, false, false},
		{"loss", float32(math.NaN()), true, false},
		{"gradient", 1e37, false, true},
	} {
		m := model.New(cfg)
		m.Init(1)
		w := m.Head()
		for i := range w.W.Data {
			w.W.Data[i] *= c.head
		}
		if c.gradient { // tiny hidden states, by which the norm's backward pass divides
			for p := range m.Params() {
				if p != w && len(p.Shape) > 1 {
					for i := range p.W.Data {
						p.W.Data[i] *= 1e-12
					}
				}
			}
		}
		s, err := NewStepper(m, pool, Objective{}, optim.DefaultConfig(optim.AdamW), Workload{})
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(w.W.Data)
		_, err = s.Step(randomBatch(cfg.VocabSize, 1), 2, 5, 1e-3)
		if !c.loss && !c.gradient {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		d, ok := errors.AsType[*DivergedError](fmt.Errorf("wrapped: %w", err))
		if !ok {
			t.Errorf("%s: %v, want a DivergedError", c.name, err)
			continue
		}
		want := fmt.Sprintf("train: step 5: the loss is %g", d.Loss)
		if c.gradient {
			want = fmt.Sprintf("train: step 5: the gradient's norm is %g", d.GradNorm)
		}
		if d.Step != 5 || finite(d.Loss) == c.loss || finite(d.GradNorm) == c.gradient || d.Error() != want {
			t.Errorf("%s: %+v %q, want step 5 and %q", c.name, *d, d, want)
		}
		if !slices.EqualFunc(w.W.Data, before, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("%s: the weights were changed", c.name)
		}
	}
}
