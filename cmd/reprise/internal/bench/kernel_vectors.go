package bench

import (
	"slices"

	"reprise/asm"
	"reprise/loss"
	"reprise/tensor"
)

// A vectorKernel is measured on slices of n float32 of its own on every worker.
type vectorKernel struct {
	name          string
	reads, writes float64 // bytes per element
	slices        int
	memory        bool // measured on large arrays too: kernels that run over all weights
	run           func(s [][]float32, h []uint16)
}

var vectorKernels = []vectorKernel{
	{"add", 8, 4, 3, true, func(s [][]float32, _ []uint16) { asm.Add(s[0], s[1], s[2]) }},
	{"mul", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.Mul(s[0], s[1], s[2]) }},
	{"scale", 4, 4, 2, true, func(s [][]float32, _ []uint16) { asm.Scale(s[0], 1.5, s[1]) }},
	{"axpy", 8, 4, 2, true, func(s [][]float32, _ []uint16) { asm.Axpy(s[0], 1e-9, s[1]) }},
	{"sum", 4, 0, 1, true, func(s [][]float32, _ []uint16) { asm.Sum(s[0]) }},
	{"dot", 8, 0, 2, true, func(s [][]float32, _ []uint16) { asm.Dot(s[0], s[1]) }},
	{"max", 4, 0, 1, false, func(s [][]float32, _ []uint16) { asm.Max(s[0]) }},
	{"sum-squares-64", 4, 0, 1, true, func(s [][]float32, _ []uint16) { asm.SumSquares64(s[0]) }},
	{"moments-64", 8, 0, 2, true, func(s [][]float32, _ []uint16) { asm.Moments64(s[0], s[1]) }},
	{"exp", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.Exp(s[0], s[1]) }},
	{"exp-sum", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.ExpSum(s[0], s[1], 1, 0) }},
	{"log-sum-exp", 4, 0, 2, false, func(s [][]float32, _ []uint16) { loss.LogSumExp(s[1], s[0]) }},
	{"softmax-grad", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.SoftmaxGrad(s[0], s[1], 1, 0.1, 0.1) }},
	{"softmax-rows", 4, 4, 1, false, func(s [][]float32, _ []uint16) {
		var stats [attentionRows]asm.SoftmaxStat
		asm.SoftmaxRows(s[0], rowsOf(s[0]), 0.1, 0, stats[:])
	}},
	{"attention-grad-rows", 8, 8, 2, false, func(s [][]float32, _ []uint16) {
		asm.AttentionGradRows(s[0], s[1], rowsOf(s[0]), 0.1, attentionStats, attentionDots)
	}},
	{"sigmoid", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.Sigmoid(s[0], s[1]) }},
	{"tanh", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.Tanh(s[0], s[1]) }},
	{"swiglu", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.SwiGLU(s[0], s[1], s[2]) }},
	{"swiglu-backward", 12, 8, 5, false, func(s [][]float32, _ []uint16) { asm.SwiGLUBackward(s[0], s[1], s[2], s[3], s[4]) }},
	{"gelu", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.GELU(s[0], s[1]) }},
	{"gelu-backward", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.GELUBackward(s[0], s[1], s[2]) }},
	{"gelu-exact", 4, 4, 2, false, func(s [][]float32, _ []uint16) { asm.GELUErf(s[0], s[1]) }},
	{"gelu-exact-backward", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.GELUErfBackward(s[0], s[1], s[2]) }},
	{"rms-norm", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.RMSNorm(s[0], s[1], s[2], 1e-5) }},
	{"rms-norm-backward", 16, 4, 4, false, func(s [][]float32, _ []uint16) { asm.RMSNormBackward(s[0], s[1], s[2], s[3], 1e-3) }},
	{"layer-norm", 12, 4, 4, false, func(s [][]float32, _ []uint16) { asm.LayerNorm(s[0], s[1], s[2], s[3], 1e-5) }},
	{"layer-norm-backward", 16, 4, 4, false, func(s [][]float32, _ []uint16) { asm.LayerNormBackward(s[0], s[1], s[2], s[3], 0.1, 1e-3) }},
	{"rope", 8, 4, 2, false, func(s [][]float32, _ []uint16) {
		h := len(s[0]) / 2
		asm.RoPE(s[0], s[1][:h], s[1][h:2*h])
	}},
	{"atan2", 8, 4, 3, false, func(s [][]float32, _ []uint16) { asm.Atan2(s[0], s[1], s[2]) }},
	{"adamw-step", 16, 12, 4, true, func(s [][]float32, _ []uint16) { asm.AdamWStep(s[0], s[1], s[2], s[3], &benchStep) }},
	{"atan2-step", 16, 12, 4, true, func(s [][]float32, _ []uint16) { asm.Atan2Step(s[0], s[1], s[2], s[3], &benchStep) }},
	{"f32-from-bf16", 2, 4, 1, false, func(s [][]float32, h []uint16) { asm.F32FromBF16(s[0], h) }},
	{"bf16-from-f32", 4, 2, 1, false, func(s [][]float32, h []uint16) { asm.BF16FromF32(h, s[0]) }},
	{"f32-from-f16", 2, 4, 1, false, func(s [][]float32, h []uint16) { asm.F32FromF16(s[0], h) }},
	{"f16-from-f32", 4, 2, 1, false, func(s [][]float32, h []uint16) { asm.F16FromF32(h, s[0]) }},
}

// attentionRows is the number of rows of scores that the attention kernels take in one call.
const attentionRows = 8

// rowsOf cuts x into rows of scores of which all elements count.
func rowsOf(x []float32) asm.Rows {
	n := len(x) / attentionRows
	return asm.Rows{N: attentionRows, Stride: n, Hi: n}
}

// Values that keep the scores and their gradients away from subnormals, although every call overwrites them.
var (
	attentionStats = slices.Repeat([]asm.SoftmaxStat{{Max: 1, Sum: 1}}, attentionRows)
	attentionDots  = slices.Repeat([]float32{0.5}, attentionRows)
)

// benchStep hardly changes the values of an optimizer step, however often it runs.
var benchStep = asm.StepCoef{GradScale: 1, VScale: 1, Beta1: 0.9, OneMinusBeta1: 0.1, Beta2: 0.999, OneMinusBeta2: 0.001,
	Correct1: 1, Correct2: 1, Decay: 1, LR: 1e-9, Eps: 1e-8, AtanB: 1}

// vectorCases lists the kernels on slices of n elements. If the slices fit into the first-level cache these are all kernels,
// on one thread; if not, only those that run over memory.
func vectorCases(n int) []kernelCase {
	inCache := n <= 4096
	var list []kernelCase
	for _, k := range vectorKernels {
		if !inCache && !k.memory {
			continue
		}
		list = append(list, kernelCase{kernel: k.name, shape: dims(n), peak: "copy", serial: inCache,
			bytes: (k.reads + k.writes) * float64(n), elements: float64(n),
			prepare: func(p *tensor.Pool) (call, beside func()) {
				j, c := newVectorJob(p, k, n), newVectorJob(p, vectorKernel{slices: 2, run: copyKernel}, n)
				return func() { p.Run(j.tasks, j) }, func() { p.Run(c.tasks, c) }
			}})
	}
	if inCache {
		list = append(list, kernelCase{kernel: "select-above", shape: dims(n), peak: "copy", serial: true,
			bytes: 4 * float64(n), elements: float64(n),
			prepare: func(p *tensor.Pool) (call, beside func()) {
				x, idx := uniform(1, n).Data, make([]int32, n)
				c := newVectorJob(p, vectorKernel{slices: 2, run: copyKernel}, n)
				return func() { asm.SelectAbove(idx, x, 0.97) }, func() { p.Run(c.tasks, c) } // 3 of 200 elements pass
			}})
	}
	return list
}

func copyKernel(s [][]float32, _ []uint16) { asm.Scale(s[0], 1, s[1]) }

// vectorJob runs a kernel on slices that are cut into parts.
type vectorJob struct {
	kernel vectorKernel
	tasks  int
	slices [][][]float32 // per task
	half   [][]uint16
}

// newVectorJob cuts n elements into parts of at most 16,384, as a training step does with weights.
func newVectorJob(p *tensor.Pool, k vectorKernel, n int) *vectorJob {
	var arrays [][]float32
	for range k.slices {
		arrays = append(arrays, uniform(1, n).Data)
	}
	if k.slices == 4 { // a second moment is not negative
		asm.Mul(arrays[3], arrays[3], arrays[3])
	}
	part := min(n, 1<<14)
	j := cutJob(k, arrays, part)
	half := slices.Repeat([]uint16{0x3c00}, n)
	for t := range j.tasks {
		j.half[t] = half[t*part : (t+1)*part]
	}
	return j
}

// cutJob cuts arrays of one length into parts.
func cutJob(k vectorKernel, arrays [][]float32, part int) *vectorJob {
	tasks := len(arrays[0]) / part
	j := &vectorJob{kernel: k, tasks: tasks, slices: make([][][]float32, tasks), half: make([][]uint16, tasks)}
	for t := range tasks {
		for _, x := range arrays {
			j.slices[t] = append(j.slices[t], x[t*part:(t+1)*part])
		}
	}
	return j
}

func (j *vectorJob) Do(worker, task int) { j.kernel.run(j.slices[task], j.half[task]) }
