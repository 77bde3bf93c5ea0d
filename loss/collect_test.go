package loss

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Row i of the hidden states predicts token i+1: the batch's second sequence begins at row 3, so row 3 predicts its token 1.
func TestTargetsAppend(t *testing.T) {
	var got Targets
	got.Append([]int32{7, 8, 9}, []bool{false, true, true}, 0)
	got.Append([]int32{5, 6}, []bool{false, true}, 3)
	if diff := cmp.Diff(Targets{Rows: []int32{0, 1, 3}, Gold: []int32{8, 9, 6}}, got); diff != "" {
		t.Error(diff)
	}
	got.Reset()
	if len(got.Rows)+len(got.Gold) > 0 {
		t.Errorf("after Reset: %+v", got)
	}
}

func TestSubsetsAppend(t *testing.T) {
	one := &Subsets{
		Rows: []int32{0, 2}, Offsets: []int32{0, 2, 3}, IDs: []int32{4, 9, 1}, Gold: []int32{1, 0},
		LogProb: []float32{-1, -2, -3}, Mass: []float32{0.5, 0.25}, Outside: []bool{true, false},
	}
	want := Subsets{
		Rows: []int32{0, 2, 4, 6}, Offsets: []int32{0, 2, 3, 5, 6}, IDs: []int32{4, 9, 1, 4, 9, 1}, Gold: []int32{1, 0, 1, 0},
		Seqs: []int32{0, 2}, LogProb: []float32{}, Mass: []float32{}, Outside: []bool{},
	}
	anchored := want
	anchored.LogProb, anchored.Mass = []float32{-1, -2, -3, -1, -2, -3}, []float32{0.5, 0.25, 0.5, 0.25}
	anchored.Outside = []bool{true, false, true, false}
	anchored.Anchor = &Anchor{Lambda: 1}
	soft := anchored
	soft.Anchor, soft.Rehearsal = nil, &Rehearsal{Kind: Soft}
	sampled := want
	sampled.Rehearsal = &Rehearsal{Kind: CE}
	got := Subsets{LogProb: []float32{1}, Mass: []float32{1}, Outside: []bool{true}}
	for _, want := range []Subsets{anchored, soft, sampled, want} { // each uses the memory of the one before
		got.Reset()
		got.Anchor, got.Rehearsal = want.Anchor, want.Rehearsal
		got.Append(one, 0)
		got.Append(one, 4)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	var zero Subsets
	zero.Append(one, 0)
	zero.Append(one, 4)
	want.LogProb, want.Mass, want.Outside = nil, nil, nil
	if diff := cmp.Diff(want, zero); diff != "" {
		t.Errorf("the zero value: %s", diff)
	}
	if got.Positions() != 4 {
		t.Errorf("%d positions, want 4", got.Positions())
	}
}
