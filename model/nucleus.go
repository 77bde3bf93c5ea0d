package model

import (
	"cmp"
	"slices"
)

// nucleus orders ids by weight, ties to the smaller id, and returns the shortest prefix whose mass reaches want, with
// that mass.
func nucleus(ids []int32, weight []float32, want float64) ([]int32, float64) {
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b))
	})
	var mass float64
	for i, id := range ids {
		mass += float64(weight[id])
		if mass >= want {
			return ids[:i+1], mass
		}
	}
	return ids, mass
}
