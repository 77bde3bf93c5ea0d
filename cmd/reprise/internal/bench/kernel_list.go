package bench

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"reprise/asm"
	"reprise/internal/exact"
	"reprise/loss"
	"reprise/optim"
	"reprise/tensor"
)

// kernelCases lists the cases that bench kernels measures.
func kernelCases() []kernelCase {
	var list []kernelCase
	variants := []string{"NN", "NT", "TN"}
	for _, d := range [][3]int{
		{512, 576, 576}, {2048, 1536, 576}, {2048, 576, 1536}, {512, 768, 288}, {512, 288, 768}, // blocks: forward, dX
		{576, 576, 2048}, {1536, 576, 2048}, // blocks: dW
		{512, 32000, 288}, {512, 288, 32000}, {32000, 288, 512}, // heads: logits, dH, dW
		{1024, 49152, 576}, {1024, 576, 49152}, {49152, 576, 1024},
	} {
		for _, v := range variants {
			list = append(list, productCase(v, d))
		}
	}
	for _, d := range [][3]int{ // heads of 48 and 64: scores, values, gradients of keys and values
		{256, 256, 48}, {256, 48, 256}, {256, 256, 64}, {256, 64, 256},
	} {
		for _, v := range variants {
			list = append(list, headsCase(v, d))
		}
	}
	for _, d := range [][2]int{{2048, 2048}, {8192, 2048}, {32000, 288}, {49152, 576}} {
		for _, m := range []int{1, 2, 4, 8} {
			list = append(list, fewRowsCase(m, d[0], d[1]))
		}
	}
	list = append(list, replayCase(32000, 288), replayCase(49152, 576))
	list = append(list, gatherCases()...)
	for _, n := range []int{2048, 1 << 22} { // in the first-level cache; in memory
		list = append(list, vectorCases(n)...)
	}
	for _, name := range []string{optim.AdamW, optim.AdamAtan2, optim.MoClip} {
		list = append(list, optimizerCase(name))
	}
	return append(list, launchCase())
}

// uniform returns a matrix of values from -1 to 1.
func uniform(rows, cols int) *tensor.Matrix {
	m := tensor.NewMatrix(rows, cols)
	rng := tensor.NewRNG(uint64(rows), "bench/uniform", uint64(cols))
	for i := range m.Data {
		m.Data[i] = float32(rng.Uint32())*0x1p-31 - 1
	}
	return m
}

// operands returns c, a, b of an m×n product over k, and the pool's method for it.
func operands(p *tensor.Pool, variant string, m, n, k int) (c, a, b *tensor.Matrix, multiply func(c, a, b *tensor.Matrix, acc bool)) {
	c = uniform(m, n)
	switch variant {
	case "NT":
		return c, uniform(m, k), uniform(n, k), p.MatMulNT
	case "TN":
		return c, uniform(k, m), uniform(k, n), p.MatMulTN
	}
	return c, uniform(m, k), uniform(k, n), p.MatMul
}

func dims(d ...int) string {
	s := fmt.Sprint(d[0])
	for _, x := range d[1:] {
		s += fmt.Sprint("x", x)
	}
	return s
}

// productCase is a matrix product over all workers. TN continues c, as gradients of weights do.
func productCase(variant string, d [3]int) kernelCase {
	flops := 2 * float64(d[0]) * float64(d[1]) * float64(d[2])
	return kernelCase{kernel: "gemm", shape: dims(d[:]...), variant: variant, flops: flops, peak: "fma",
		prepare: func(p *tensor.Pool) (call, beside func()) {
			c, a, b, multiply := operands(p, variant, d[0], d[1], d[2])
			return func() { multiply(c, a, b, variant == "TN") }, nil
		}}
}

// attentionHeads is the number of heads computed in one call.
const attentionHeads = 24

// headsJob computes the products of attention: one small product per head, each on one worker.
type headsJob struct {
	pool    *tensor.Pool
	variant string
	c, a, b []*tensor.Matrix
}

func (j *headsJob) Do(worker, task int) {
	s, c, a, b := j.pool.Scratch(worker), j.c[task], j.a[task], j.b[task]
	switch j.variant {
	case "NT":
		s.MatMulNT(c, a, b, false)
	case "TN":
		s.MatMulTN(c, a, b, true)
	default:
		s.MatMul(c, a, b, false)
	}
}

func headsCase(variant string, d [3]int) kernelCase {
	return kernelCase{kernel: "attention", shape: dims(d[:]...), variant: variant, peak: "fma",
		flops: attentionHeads * 2 * float64(d[0]*d[1]*d[2]),
		prepare: func(p *tensor.Pool) (call, beside func()) {
			j := &headsJob{pool: p, variant: variant}
			for range attentionHeads {
				c, a, b, _ := operands(p, variant, d[0], d[1], d[2])
				j.c, j.a, j.b = append(j.c, c), append(j.a, a), append(j.b, b)
			}
			return func() { p.Run(attentionHeads, j) }, nil
		}}
}

// fewRowsCase is a product of generation: m rows by the transpose of weights, which it reads once.
func fewRowsCase(m, n, k int) kernelCase {
	return kernelCase{kernel: "few-rows", shape: dims(m, n, k), variant: "NT", peak: "read",
		flops: 2 * float64(m*n*k), bytes: 4 * float64(n*k),
		prepare: func(p *tensor.Pool) (call, beside func()) {
			c, a, b, multiply := operands(p, "NT", m, n, k)
			return func() { multiply(c, a, b, false) }, nil
		}}
}

// Positions and subset size of the replay head.
const (
	replayPositions = 2048
	replayIDs       = 64
)

// replayCase is the replay head, forward and backward over subsets of 64 ids that follow Zipf's law, without a tail,
// compared with full cross-entropy over the same positions.
func replayCase(vocab, d int) kernelCase {
	return kernelCase{kernel: "replay-head", shape: dims(replayPositions, vocab, d), peak: "fma",
		flops: 6 * replayPositions * replayIDs * float64(d),
		prepare: func(p *tensor.Pool) (call, beside func()) {
			head := &tensor.Param{W: uniform(vocab, d), G: uniform(vocab, d)}
			h, dh := uniform(replayPositions, d), tensor.NewMatrix(replayPositions, d)
			subsets, targets := zipfSubsets(vocab)
			losses := make([]float64, replayPositions)
			var replay loss.Replay
			var full loss.Full
			return func() { replay.Run(p, head, h, dh, subsets, nil, 1e-6, losses) },
				func() { full.Run(p, head, h, dh, targets, 1e-6, losses) }
		}}
}

// zipfSubsets draws 64 distinct ids per position with probabilities like 1/rank, in sequences of 256 positions, and a gold id
// among them.
func zipfSubsets(vocab int) (*loss.Subsets, loss.Targets) {
	s := &loss.Subsets{Offsets: []int32{0}}
	var t loss.Targets
	rng := tensor.NewRNG(1, "bench/zipf", uint64(vocab))
	perm := tensor.NewRNG(2, "bench/zipf", uint64(vocab)).Perm(vocab) // frequent ids may be anywhere in the vocabulary
	logV := exact.Log(float64(vocab))
	for i := range replayPositions {
		if i%256 == 0 {
			s.Seqs = append(s.Seqs, int32(i))
		}
		var ids []int32
		for len(ids) < replayIDs {
			rank := int(exact.Exp(rng.Float64()*logV)) - 1
			if id := int32(perm[min(rank, vocab-1)]); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		gold := rng.Intn(replayIDs)
		s.Rows, s.Gold = append(s.Rows, int32(i)), append(s.Gold, int32(gold))
		s.IDs = append(s.IDs, ids...)
		s.Offsets = append(s.Offsets, int32(len(s.IDs)))
		t.Rows, t.Gold = append(t.Rows, int32(i)), append(t.Gold, ids[gold])
	}
	return s, t
}

// optimizerElements is the number of weights on which an optimizer's step is measured; with gradients and moments, they take
// many times the size of the caches.
const optimizerElements = 1 << 25

// optimizerCase is a whole step: the norm of the gradient (for MoClip also its angle to the momentum), then the update. It
// is compared with loops that read and write the same arrays in the same order and do hardly any arithmetic.
func optimizerCase(name string) kernelCase {
	const n = optimizerElements
	c := kernelCase{kernel: "optimizer", shape: dims(n), variant: name, peak: "stream", elements: n, bytes: (4 + 28) * n}
	config := optim.DefaultConfig(name)
	if config.ReadsMomentum() {
		c.bytes += 4 * n
	}
	c.prepare = func(p *tensor.Pool) (call, beside func()) {
		param := &tensor.Param{Name: "w", Shape: []int{n / 1024, 1024}, W: uniform(n/1024, 1024), G: uniform(n/1024, 1024)}
		o, err := optim.New(config, []*tensor.Param{param})
		if err != nil {
			panic(err)
		}
		m, v := o.Moments(0)
		first := vectorKernel{run: func(s [][]float32, _ []uint16) { asm.Sum(s[1]) }}
		if config.ReadsMomentum() {
			first.run = func(s [][]float32, _ []uint16) { asm.Dot(s[1], s[2]) }
		}
		update := vectorKernel{run: func(s [][]float32, _ []uint16) {
			asm.Axpy(s[0], 0, s[1])
			asm.Scale(s[2], 1, s[2])
			asm.Scale(s[3], 1, s[3])
		}}
		parts := [][]float32{param.W.Data, param.G.Data, m.Data, v.Data}
		a, b := cutJob(first, parts, optimizerPart), cutJob(update, parts, optimizerPart)
		var stats optim.Stats
		return func() {
				if err := o.Step(p, 1e-9, &stats); err != nil {
					panic(err)
				}
			}, func() {
				p.Run(a.tasks, a)
				p.Run(b.tasks, b)
			}
	}
	return c
}

// optimizerPart is the number of elements in one call of the streaming loops.
const optimizerPart = 4096

// gatherCases are the recorder's and the replay loss's kernels on one position.
func gatherCases() []kernelCase {
	var list []kernelCase
	for _, d := range []int{288, 576} {
		rows := 2048 // few enough to stay in the caches
		flops := 2 * float64(d*replayIDs)
		for _, name := range []string{"gather-dot", "gather-axpy"} {
			list = append(list, kernelCase{kernel: name, shape: dims(replayIDs, d), peak: "fma", flops: flops, serial: true,
				prepare: func(*tensor.Pool) (call, beside func()) {
					w, h, z := uniform(rows, d), uniform(1, d), uniform(1, replayIDs)
					ids := make([]int32, replayIDs)
					for i := range ids {
						ids[i] = int32(i * rows / replayIDs)
					}
					if name == "gather-dot" {
						return func() { asm.GatherDot(z.Data, h.Data, w.Data, d, ids) }, nil
					}
					return func() { asm.GatherAxpy(h.Data, z.Data, w.Data, d, ids) }, nil
				}})
		}
	}
	return list
}

// launchCase measures how long a launch takes to reach workers that spin: every task waits until all tasks have begun.
func launchCase() kernelCase {
	return kernelCase{kernel: "launch", shape: "hand-off", single: true, prepare: func(p *tensor.Pool) (call, beside func()) {
		j := &meetJob{}
		return func() {
			j.waiting.Store(int64(p.Workers()))
			p.Run(p.Workers(), j)
		}, nil
	}}
}

type meetJob struct{ waiting atomic.Int64 }

// patience is how often a worker checks for the others before it yields its processor: more often than a launch needs.
const patience = 1 << 14

func (j *meetJob) Do(worker, task int) {
	j.waiting.Add(-1)
	for looks := 0; j.waiting.Load() > 0; looks++ {
		if looks >= patience { // more workers than processors
			runtime.Gosched()
		}
	}
}
