package model

import (
	"slices"
	"strings"
	"testing"

	"reprise/tensor"
)

func TestBatchAppend(t *testing.T) {
	b := Batch{IDs: []int32{1}, DocStarts: []int32{0}}
	b.Reset()
	b.Append([]int32{5, 6, 7}, []int32{0, 2})
	b.Append([]int32{8}, []int32{0})
	if !slices.Equal(b.IDs, []int32{5, 6, 7, 8}) || !slices.Equal(b.DocStarts, []int32{0, 2, 3}) {
		t.Errorf("batch %+v", b)
	}
}

// A step without ZeroGrads or EndStep would train on a wrong gradient.
func TestForgottenStepsPanic(t *testing.T) {
	cfg, err := ParseConfig([]byte(`{"model_type":"llama","vocab_size":20,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,
"num_attention_heads":2,"max_position_embeddings":8,"rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true}`))
	if err != nil {
		t.Fatal(err)
	}
	m := New(cfg)
	m.Init(1)
	m.AllocGrads()
	pool := tensor.NewPool(1)
	defer pool.Close()
	p := NewPass(m, pool, true)
	backward := func() {
		p.Backward(p.Forward(Batch{IDs: []int32{1, 2, 3}, DocStarts: []int32{0}}))
	}
	refused := func(want string) {
		t.Helper()
		defer func() {
			if text, _ := recover().(string); !strings.Contains(text, want) {
				t.Errorf("panic %q, want one with %q", text, want)
			}
		}()
		backward()
	}
	m.ZeroGrads()
	backward()
	backward() // a second micro-batch
	p.EndStep()
	refused("ZeroGrads")
	m.ZeroGrads()
	backward()
	m.ZeroGrads()
	refused("EndStep")
	p.EndStep()
	m.ZeroGrads()
	backward()
	p.EndStep()
}
