package eval

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/data"
	"reprise/loss"
	"reprise/tensor"
)

// packs are made-up texts with what a record of b.base holds there: the most probable ids, and the id that follows.
func (b *bench) packs(lengths ...int) (packs []data.Sequence) {
	rng := tensor.NewRNG(5, "packs", 0)
	vocab := b.base.Config.VocabSize
	for i, n := range lengths {
		q := data.Sequence{DocStarts: []int32{0}, Subsets: &loss.Subsets{Offsets: []int32{0}}}
		for at := range n {
			q.IDs, q.Target = append(q.IDs, int32(rng.Intn(vocab))), append(q.Target, at > 0)
		}
		if i == 0 { // here the first ids are probable ones
			for at := range 3 {
				q.IDs[at+1] = falling(logProbs(b.oldP, q.IDs)[at])[at]
			}
		}
		u := q.Subsets
		for at, p := range logProbs(b.oldP, q.IDs)[:n-1] {
			gold, ids := q.IDs[at+1], falling(p)[:8:8]
			outside := !slices.Contains(ids, gold)
			if outside {
				ids = append(ids, gold)
			}
			slices.Sort(ids)
			for _, id := range ids {
				u.LogProb = append(u.LogProb, float32(p[id]))
			}
			k, _ := slices.BinarySearch(ids, gold)
			u.Rows, u.Gold, u.Outside = append(u.Rows, int32(at)), append(u.Gold, int32(k)), append(u.Outside, outside)
			u.IDs = append(u.IDs, ids...)
			u.Offsets = append(u.Offsets, int32(len(u.IDs)))
		}
		packs = append(packs, q)
	}
	return packs
}

// falling are the ids by falling probability.
func falling(p []float64) []int32 {
	order := make([]int32, len(p))
	for id := range order {
		order[id] = int32(id)
	}
	slices.SortStableFunc(order, func(x, y int32) int { return cmp.Compare(p[y], p[x]) })
	return order
}

// TestForgetting compares estimate, exact value and standard errors with sums over float64 log-probabilities.
func TestForgetting(t *testing.T) {
	b := newBench(t)
	packs := b.packs(30, 17, 2)
	e := Evaluator{Model: b.now, Pool: b.pool, Base: b.base}
	got, err := e.Forgetting(t.Context(), packs)
	if err != nil {
		t.Fatal(err)
	}
	var estimate, exact, difference [3][]float64
	in := 0
	for i := range packs {
		now, base, u := logProbs(b.nowP, packs[i].IDs), logProbs(b.oldP, packs[i].IDs), packs[i].Subsets
		for k, row := range u.Rows {
			change := func(id int32) float64 { return base[row][id] - now[row][id] }
			gold := packs[i].IDs[row+1]
			x := change(gold)
			if !u.Outside[k] {
				in++
				var total float64
				x = 0
				for _, id := range u.IDs[u.Offsets[k]:u.Offsets[k+1]] {
					total += math.Exp(base[row][id])
					x += math.Exp(base[row][id]) * change(id)
				}
				x /= total
			}
			var kl float64
			for id, l := range base[row] {
				kl += math.Exp(l) * change(int32(id))
			}
			estimate[i], exact[i], difference[i] = append(estimate[i], x), append(exact[i], kl), append(difference[i], x-kl)
		}
	}
	if in < 3 {
		t.Fatalf("the gold id is in the prefix at %d positions, want some", in)
	}
	// The standard error of a mean of groups, written as the spread of the groups' means with the weights n_g/(n/G).
	check := func(what string, mean, se float64, groups [3][]float64) {
		t.Helper()
		var sum, n float64
		for _, g := range groups {
			for _, v := range g {
				sum += v
				n++
			}
		}
		near(t, what, mean, sum/n, 2e-6)
		var spread float64
		for _, g := range groups {
			var s float64
			for _, v := range g {
				s += v
			}
			w := float64(len(g)) / (n / 3)
			spread += math.Pow(w*(s/float64(len(g))-sum/n), 2)
		}
		near(t, what+": standard error", se, math.Sqrt(spread/2/3), 2e-6)
	}
	check("estimate", got.KL, got.SE, estimate)
	check("exact", got.Exact.KL, got.Exact.SE, exact)
	check("difference", got.Exact.Difference, got.Exact.DiffSE, difference)
	if got.Packs != 3 || got.Positions != 29+16+1 {
		t.Errorf("%+v", got)
	}
	e.Base = nil
	without, err := e.Forgetting(t.Context(), packs)
	if got.Exact = nil; err != nil || without != got {
		t.Errorf("without the base model: %+v, %v, want %+v", without, err, got)
	}
	if one, err := e.Forgetting(t.Context(), packs[:1]); err != nil || one.SE != 0 || one.Packs != 1 {
		t.Errorf("one pack: %+v, %v", one, err)
	}
}

func TestForgettingRefuses(t *testing.T) {
	b := newBench(t)
	packs := b.packs(9, 12)
	e := &Evaluator{Model: b.now, Pool: b.pool}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	long := data.Sequence{IDs: make([]int32, 65), Target: make([]bool, 65), DocStarts: []int32{0}, Subsets: packs[0].Subsets}
	for want, c := range map[string]struct {
		ctx   context.Context
		e     *Evaluator
		packs []data.Sequence
	}{
		"no pack":                {t.Context(), e, nil},
		"context canceled":       {stopped, e, packs},
		"needs Model and Pool":   {t.Context(), &Evaluator{}, packs},
		"pack 1 has no recorded": {t.Context(), e, []data.Sequence{packs[0], {IDs: []int32{1, 2}, Target: []bool{false, true}, DocStarts: []int32{0}}}},
		"pack 0 holds a document of 65 tokens, the model takes 64": {t.Context(), e, []data.Sequence{long}},
	} {
		if _, err := c.e.Forgetting(c.ctx, c.packs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	b.now.Head().W.Data[0] = float32(math.NaN())
	if _, err := e.Forgetting(t.Context(), packs); !errors.Is(err, ErrNotFinite) {
		t.Errorf("logits that are not numbers: %v", err)
	}
}
