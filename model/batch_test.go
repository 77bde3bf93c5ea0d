package model

import (
	"slices"
	"testing"
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
