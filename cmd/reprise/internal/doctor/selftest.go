package doctor

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
	"reprise/train"
)

// fingerprint is a hash of the bits of all checks on the portable code, and the same on every machine. It belongs to the
// arithmetic contract (docs/NUMERICS.md) and changes only with its version.
const fingerprint = "90a1d2ffae33b3c5"

// SelfTest is the outcome of comparing bits.
type SelfTest struct {
	Passed      bool     `json:"passed"`
	Fingerprint string   `json:"fingerprint"` // hash of what the portable code computes on this machine
	Checks      int      `json:"checks"`
	Seconds     float64  `json:"seconds"`
	Failures    []string `json:"failures,omitempty"`
}

// Test runs every check on every tier of this host, with one worker and with three, and compares the bits with those of the
// portable code. The portable code's bits are compared with fingerprint.
func Test(ctx context.Context) (SelfTest, error) {
	start := time.Now()
	var s SelfTest
	all := fnv.New64a()
	for _, c := range checks {
		var want string
		for _, tier := range asm.Available() { // the portable code first
			for _, workers := range []int{1, 3} {
				if err := ctx.Err(); err != nil {
					return s, err
				}
				got := runCheck(ctx, c.run, tier, workers)
				if want == "" {
					want = got
					fmt.Fprintln(all, c.name, got)
				}
				s.Checks++
				if got != want {
					s.Failures = append(s.Failures, fmt.Sprintf("%s: tier %v with %d threads computes %s, the portable code %s", c.name, tier, workers, got, want))
				}
			}
		}
	}
	s.Fingerprint = fmt.Sprintf("%016x", all.Sum64())
	if s.Fingerprint != fingerprint {
		s.Failures = append(s.Failures, fmt.Sprintf("the portable code has the fingerprint %s here, %s elsewhere", s.Fingerprint, fingerprint))
	}
	s.Passed = len(s.Failures) == 0
	s.Seconds = time.Since(start).Seconds()
	return s, nil
}

// runCheck runs one check on one tier. A panic counts as its result.
func runCheck(ctx context.Context, run func(context.Context, *tensor.Pool) string, tier asm.Tier, workers int) (got string) {
	defer asm.Force(tier)()
	pool := tensor.NewPool(workers)
	defer pool.Close()
	defer func() {
		if v := recover(); v != nil {
			got = fmt.Sprintf("a panic (%v)", v)
		}
	}()
	return run(ctx, pool)
}

// A check computes something and returns a hash of it.
type check struct {
	name string
	run  func(ctx context.Context, pool *tensor.Pool) string
}

var checks = []check{
	{"elementary functions", func(context.Context, *tensor.Pool) string {
		v := newVectors("functions")
		asm.Exp(v.out[0], v.in[0])
		asm.Sigmoid(v.out[1], v.in[0])
		asm.Tanh(v.out[2], v.in[0])
		asm.GELU(v.out[3], v.in[0])
		asm.GELUBackward(v.out[4], v.in[1], v.in[0])
		asm.SwiGLU(v.out[5], v.in[0], v.in[1])
		asm.SwiGLUBackward(v.out[6], v.out[7], v.in[2], v.in[0], v.in[1])
		return v.hash()
	}},
	{"vectors", func(context.Context, *tensor.Pool) string {
		v := newVectors("vectors")
		asm.Add(v.out[0], v.in[0], v.in[1])
		asm.Mul(v.out[1], v.in[0], v.in[1])
		asm.Scale(v.out[2], 1.7, v.in[0])
		asm.Axpy(v.out[2], -0.3, v.in[1])
		copy(v.out[3], v.in[0])
		h := len(v.out[3]) / 2
		asm.RoPE(v.out[3][:2*h], v.in[1][:h], v.in[2][:h])
		half := make([]uint16, len(v.in[0]))
		asm.BF16FromF32(half, v.in[0])
		asm.F32FromBF16(v.out[4], half)
		asm.F16FromF32(half, v.in[0])
		asm.F32FromF16(v.out[5], half)
		return v.hash()
	}},
	{"reductions and norms", func(context.Context, *tensor.Pool) string {
		v := newVectors("reductions")
		gg, gm, mm := asm.Moments64(v.in[0], v.in[1])
		inv := asm.RMSNorm(v.out[0], v.in[0], v.in[1], 1e-5)
		asm.RMSNormBackward(v.out[1], v.in[2], v.in[0], v.in[1], inv)
		mean, inv2 := asm.LayerNorm(v.out[2], v.in[0], v.in[1], v.in[2], 1e-5)
		asm.LayerNormBackward(v.out[3], v.in[2], v.in[0], v.in[1], mean, inv2)
		sum := asm.ExpSum(v.out[4], v.in[0], asm.Max(v.in[0]), 5)
		asm.SoftmaxGrad(v.out[5], v.in[0], asm.Max(v.in[0]), 1/sum, 0.01)
		// The backward pass of a softmax, as separate operations: (p*(dp-d))*scale.
		copy(v.out[6], v.in[1])
		asm.Axpy(v.out[6], -0.2, slices.Repeat([]float32{1}, length))
		asm.Mul(v.out[6], v.in[0], v.out[6])
		asm.Scale(v.out[6], 0.125, v.out[6])
		return v.hash(gg, gm, mm, asm.SumSquares64(v.in[2]), float64(asm.Sum(v.in[0])), float64(asm.Dot(v.in[0], v.in[1])),
			float64(asm.Max(v.in[1])), float64(inv), float64(mean), float64(inv2), float64(sum))
	}},
	{"optimizer steps", func(context.Context, *tensor.Pool) string {
		v := newVectors("steps")
		for i, x := range v.in[2] {
			v.in[2][i] = float32(math.Abs(float64(x))) // a second moment; and atan2 is defined for x >= 0
		}
		asm.Atan2(v.out[0], v.in[0], v.in[2])
		c := asm.StepCoef{GradScale: 0.9, MomMix: 0.05, VScale: 0.8, VMix: 0.1, Beta1: 0.9, OneMinusBeta1: 0.1, Beta2: 0.95,
			OneMinusBeta2: 0.05, Correct1: 5.3, Correct2: 10.3, Decay: 0.999, LR: 1e-3, Eps: 1e-8, AtanB: 1.2}
		copy(v.out[1], v.in[0])
		copy(v.out[2], v.in[1])
		copy(v.out[3], v.in[2])
		asm.AdamWStep(v.out[1], v.in[0], v.out[2], v.out[3], &c)
		asm.Atan2Step(v.out[1], v.in[1], v.out[2], v.out[3], &c)
		return v.hash()
	}},
	{"gathered rows", func(context.Context, *tensor.Pool) string {
		v := newVectors("gather")
		const d = 37
		ids := make([]int32, 21)
		for i := range ids {
			ids[i] = int32(i * 5 % (length / d))
		}
		asm.GatherDot(v.out[0][:len(ids)], v.in[0][:d], v.in[1], d, ids)
		asm.GatherAxpy(v.out[1][:d], v.in[2][:len(ids)], v.in[1], d, ids)
		above := make([]int32, length)
		return v.hash(float64(asm.SelectAbove(above, v.in[0], 0.5)), float64(above[7]))
	}},
	{"matrix products", products},
	{"training, full cross-entropy", func(ctx context.Context, pool *tensor.Pool) string {
		return steps(ctx, pool, train.Objective{}, optim.AdamW)
	}},
	{"training, replay", func(ctx context.Context, pool *tensor.Pool) string {
		return steps(ctx, pool, train.Objective{Replay: true, Proposal: loss.Uniform(vocabulary), TailN: 16, Seed: 1}, optim.MoClip)
	}},
}

// length of the vectors: not a multiple of any tier's width, and more than a block of the reductions in float64.
const length = 4096 + 77

// vectors are inputs that are the same on every machine, and outputs that begin as zeros.
type vectors struct {
	in  [3][]float32
	out [8][]float32
}

// newVectors draws mostly ordinary values, with some subnormals, zeros of both signs and infinities among them.
func newVectors(purpose string) *vectors {
	v := &vectors{}
	odd := []float32{0, float32(math.Copysign(0, -1)), 1e-40, -1e-40, float32(math.Inf(1)), 88.7, -87.3, 1e30}
	for i := range v.in {
		rng := tensor.NewRNG(1, "doctor/"+purpose, uint64(i))
		v.in[i] = make([]float32, length)
		for k := range v.in[i] {
			v.in[i][k] = float32(float64(20*rng.Float64()) - 10)
			if k%97 == 13*i && purpose != "reductions" {
				v.in[i][k] = odd[rng.Intn(len(odd))]
			}
		}
	}
	for i := range v.out {
		v.out[i] = make([]float32, length)
	}
	return v
}

func (v *vectors) hash(scalars ...float64) string {
	var all []float32
	for _, x := range v.out {
		all = append(all, x...)
	}
	return hash(all, scalars...)
}

// hash is a hash of the values' bits in which all NaNs are equal.
func hash(values []float32, scalars ...float64) string {
	h := fnv.New64a()
	buf := make([]byte, 0, 4*len(values)+8*len(scalars))
	for _, x := range values {
		if x != x {
			x = float32(math.NaN())
		}
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
	}
	for _, x := range scalars {
		if x != x {
			x = math.NaN()
		}
		buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(x))
	}
	_, _ = h.Write(buf)
	return fmt.Sprintf("%016x", h.Sum64())
}

// products computes all variants at awkward shapes, from one row to several blocks.
func products(_ context.Context, pool *tensor.Pool) string {
	var all []float32
	for i, d := range [][3]int{{1, 67, 300}, {7, 50, 33}, {61, 83, 129}, {130, 40, 21}} {
		draw := func(rows, cols int) *tensor.Matrix {
			rng := tensor.NewRNG(uint64(i), "doctor/products", uint64(rows*1000+cols))
			m := tensor.NewMatrix(rows, cols)
			for k := range m.Data {
				m.Data[k] = float32(2*rng.Float64() - 1)
			}
			return m
		}
		m, n, k := d[0], d[1], d[2]
		c := draw(m, n)
		pool.MatMul(c, draw(m, k), draw(k, n), false)
		pool.MatMulNT(c, draw(m, k), draw(n, k), true)
		pool.MatMulTN(c, draw(k, m), draw(k, n), true)
		all = append(all, c.Data...)
	}
	return hash(all)
}

const vocabulary = 131

// config is a model whose widths are not multiples of any tile.
const config = `{"model_type":"llama","vocab_size":131,"hidden_size":36,"intermediate_size":58,"num_hidden_layers":2,
"num_attention_heads":3,"num_key_value_heads":1,"max_position_embeddings":64,"tie_word_embeddings":true,"initializer_range":0.1}`

// steps records two sequences and takes three steps on them.
func steps(ctx context.Context, pool *tensor.Pool, o train.Objective, optimizer string) string {
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		return err.Error()
	}
	m := model.New(cfg)
	m.Init(1)
	seqs := make([]data.Sequence, 2)
	for i := range seqs {
		rng := tensor.NewRNG(uint64(i), "doctor/tokens", 0)
		seqs[i].DocStarts = []int32{0}
		for t := range 29 {
			seqs[i].IDs, seqs[i].Target = append(seqs[i].IDs, int32(rng.Intn(vocabulary))), append(seqs[i].Target, t > 0)
		}
	}
	subsets, err := replay.NewRecorder(m, pool, replay.Rule{Tau: 0.9, KMin: 2, KMax: 20}).Sequences(ctx, seqs)
	if err != nil {
		return err.Error()
	}
	batch := make([]*data.Sequence, len(seqs))
	for i := range seqs {
		batch[i] = seqs[i].With(&subsets[i])
	}
	c := optim.DefaultConfig(optimizer)
	c.Delta, c.CapStart = 75, 2
	s, err := train.NewStepper(m, pool, o, c, train.Workload{})
	if err != nil {
		return err.Error()
	}
	for step := 1; step <= 3; step++ {
		if _, err := s.Step(batch, 1, step, 1e-2); err != nil {
			return err.Error()
		}
	}
	return checkpoint.TensorSHA256(m)[:16]
}
