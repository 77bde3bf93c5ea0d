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
			var mass float64
			for _, id := range ids {
				u.LogProb = append(u.LogProb, float32(p[id]))
				mass += math.Exp(p[id])
			}
			u.Mass = append(u.Mass, float32(mass))
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
	// Sums over the positions of every pack: the log-ratios that are drawn, inside as they are expected and outside as they are; the
	// chance of being outside, and how often it happened; the exact divergence.
	type sums struct{ ratios, chance, drawn, outside, exact, n float64 }
	of := make([]sums, 3)
	var all sums
	in := 0
	for i := range packs {
		now, base, u, p := logProbs(b.nowP, packs[i].IDs), logProbs(b.oldP, packs[i].IDs), packs[i].Subsets, &of[i]
		for k, row := range u.Rows {
			change := func(id int32) float64 { return base[row][id] - now[row][id] }
			gold := packs[i].IDs[row+1]
			p.chance++
			for _, id := range u.IDs[u.Offsets[k]:u.Offsets[k+1]] {
				if !(u.Outside[k] && id == gold) {
					p.ratios += math.Exp(base[row][id]) * change(id)
					p.chance -= math.Exp(base[row][id])
				}
			}
			if u.Outside[k] {
				p.drawn += change(gold)
				p.outside++
			} else {
				in++
			}
			for id, l := range base[row] {
				p.exact += math.Exp(l) * change(int32(id))
			}
			p.n++
		}
		all.drawn, all.outside = all.drawn+p.drawn, all.outside+p.outside
	}
	if in < 3 {
		t.Fatalf("the gold id is in the prefix at %d positions, want some", in)
	}
	var estimate, whole, difference, n []float64
	for _, p := range of {
		mean := (all.drawn - p.drawn) / (all.outside - p.outside) // of the other packs
		x := p.ratios + p.drawn + mean*(p.chance-p.outside)
		estimate, whole, difference, n = append(estimate, x), append(whole, p.exact), append(difference, x-p.exact), append(n, p.n)
	}
	// The standard error of a mean of groups, written as the spread of the groups' means with the weights n_g/(n/G).
	check := func(what string, mean, se float64, groups []float64) {
		t.Helper()
		var sum, count float64
		for i, g := range groups {
			sum += g
			count += n[i]
		}
		near(t, what, mean, sum/count, 2e-6)
		var spread float64
		for i, g := range groups {
			spread += math.Pow(n[i]/(count/3)*(g/n[i]-sum/count), 2)
		}
		near(t, what+": standard error", se, math.Sqrt(spread/2/3), 2e-6)
	}
	check("estimate", got.KL, got.SE, estimate)
	check("exact", got.Exact.KL, got.Exact.SE, whole)
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

// TestEstimateIsUnbiased goes through all draws of three packs of one position each, with two ids inside the prefix and three outside:
// weighted by their probabilities, the estimates sum up to the divergence.
func TestEstimateIsUnbiased(t *testing.T) {
	b := []float64{0.4, 0.2, 0.1, 0.25, 0.05}
	p := []float64{0.1, 0.3, 0.3, 0.05, 0.25}
	const prefix = 2
	var want, inside float64
	for id := range b {
		kl := b[id] * (math.Log(b[id]) - math.Log(p[id]))
		want += 3 * kl
		if id < prefix {
			inside += kl
		}
	}
	drawn := func(id int) part {
		d := part{inside: inside, rest: b[2] + b[3] + b[4], n: 1}
		if id >= prefix {
			d.outside, d.drawn = 1, math.Log(b[id])-math.Log(p[id])
		}
		return d
	}
	var mean float64
	for x := range b {
		for y := range b {
			for z := range b {
				for _, s := range estimate([]part{drawn(x), drawn(y), drawn(z)}).sums {
					mean += b[x] * b[y] * b[z] * s
				}
			}
		}
	}
	near(t, "mean estimate", mean, want, 1e-12)
}
