package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"reprise/asm"
	"reprise/tensor"
)

// Kernels is the report of bench kernels.
type Kernels struct {
	Tier       string         `json:"tier"`        // highest of those measured
	PeakGFLOPS float64        `json:"peak_gflops"` // FMA peak of one core on that tier
	Peaks      []Peak         `json:"peaks"`
	Results    []KernelResult `json:"results"`
}

// Peak holds the yardsticks of one tier and number of threads; medians over the run.
type Peak struct {
	Tier    string  `json:"tier"`
	Threads int     `json:"threads"`
	Clock   string  `json:"clock"` // thread: processor time of the one thread; wall: elapsed time
	GFLOPS  float64 `json:"gflops"`
	ReadGBs float64 `json:"read_gb_per_s"`
}

// KernelResult is the median of a kernel's rate, and of its share of a yardstick that was measured with it, in turns.
type KernelResult struct {
	Kernel  string  `json:"kernel"`
	Shape   string  `json:"shape"`   // of a product m x n x k; of other kernels the number of elements
	Variant string  `json:"variant"` // of a product which operand is transposed: NN, NT or TN
	Tier    string  `json:"tier"`
	Threads int     `json:"threads"`
	GFLOPS  float64 `json:"gflops"`                       // 10⁹ additions and multiplications a second; 0 for kernels that are limited by memory
	GBs     float64 `json:"gb_per_s,omitempty"`           // 10⁹ bytes read and written a second
	PerNS   float64 `json:"elements_per_ns,omitempty"`    // elements per nanosecond
	Share   float64 `json:"share_of_peak"`                // share of the yardstick; 0 without one
	Peak    string  `json:"peak"`                         // the yardstick: fma; read (memory); copy, of arrays of the same size; stream, of the same arrays
	OfFull  float64 `json:"share_of_full_head,omitempty"` // replay-head: its time divided by that of the full head, forward and backward
	Speedup float64 `json:"speedup,omitempty"`            // of several threads: how many times as fast as one thread, measured in turn; 0: not measured
	Scaled  float64 `json:"speedup_scaled,omitempty"`     // speedup / (peak of all threads / (threads · peak of one)), the FMA peaks measured with it
	US      float64 `json:"us"`                           // microseconds of one call
}

// KernelOptions choose what to measure.
type KernelOptions struct {
	Tiers   []asm.Tier
	Threads []int
	Filter  string // only kernels whose "kernel shape variant" contains it
	Repeat  int    // measurements of a kernel; the median is reported
}

// A kernelCase is a kernel to measure.
type kernelCase struct {
	kernel, shape, variant string
	flops, bytes, elements float64 // of one call
	peak                   string  // as in KernelResult
	serial                 bool    // runs on one thread, and is measured only there
	single                 bool    // calls are timed one by one and the median counts, to time the launch and not interruptions between launches
	// prepare allocates the operands and returns one call. beside is the work with which the kernel is compared: for a copy
	// or stream peak the yardstick, for the replay head the full head.
	prepare func(p *tensor.Pool) (call, beside func())
}

func (c *kernelCase) name() string {
	return strings.TrimSpace(c.kernel + " " + c.shape + " " + c.variant)
}

// sampleTime is the least duration of a measurement in nanoseconds: many times the resolution of the clock, and short enough
// that the speed of the machine hardly changes meanwhile.
const sampleTime = 3e6

// slowCall is the duration in nanoseconds from which a call is measured only a few times.
const slowCall = 1e9

// MeasureKernels measures kernels and passes each result to report as soon as it has it.
func MeasureKernels(ctx context.Context, o KernelOptions, report func(KernelResult)) (*Kernels, error) {
	var cases []kernelCase
	for _, c := range kernelCases() {
		if strings.Contains(c.name(), o.Filter) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("bench: no kernel's name contains %q; the names are \"kernel shape variant\" as in \"gemm 512x576x576 NN\"", o.Filter)
	}
	best := slices.Max(o.Tiers)
	k := &Kernels{Tier: best.String()}
	for _, tier := range o.Tiers {
		restore := asm.Force(tier)
		for _, threads := range o.Threads {
			m := &meter{repeat: o.Repeat}
			err := m.all(ctx, cases, tier, threads, func(r KernelResult) {
				k.Results = append(k.Results, r)
				report(r)
			})
			if err != nil {
				restore()
				return nil, err
			}
			p := Peak{Tier: tier.String(), Threads: threads, Clock: m.yard.watch.String(), GFLOPS: median(m.gflops), ReadGBs: median(m.reads)}
			k.Peaks = append(k.Peaks, p)
			if tier == best && (threads == 1 || k.PeakGFLOPS == 0) {
				k.PeakGFLOPS = p.GFLOPS / float64(threads)
			}
		}
		restore()
	}
	return k, nil
}

// meter measures on one tier with one number of threads.
type meter struct {
	repeat        int
	yard          *Yardstick
	gflops, reads []float64
}

func (m *meter) all(ctx context.Context, cases []kernelCase, tier asm.Tier, threads int, report func(KernelResult)) error {
	pool, alone := tensor.NewPool(threads), tensor.NewPool(1)
	defer pool.Close()
	defer alone.Close()
	var release func()
	m.yard, release = NewYardstick(pool)
	defer release()
	for range 3 {
		m.peak()
		m.read()
	}
	for i := range cases {
		if err := ctx.Err(); err != nil {
			return err
		}
		if cases[i].serial && threads > 1 {
			continue
		}
		r := m.one(&cases[i], pool, alone)
		r.Tier, r.Threads = tier.String(), threads
		report(r)
	}
	return nil
}

func (m *meter) peak() float64 {
	g := m.yard.GFLOPS()
	m.gflops = append(m.gflops, g)
	return g
}

func (m *meter) read() float64 {
	g := m.yard.ReadGBs()
	m.reads = append(m.reads, g)
	return g
}

// one measures a kernel. The yardstick is measured before and after every measurement, and the kernel is compared with the
// mean of the two, so that other load on the machine slows both. For the same reason the measurements of a product with
// several threads and with one alternate.
func (m *meter) one(c *kernelCase, pool, alone *tensor.Pool) KernelResult {
	call, beside := c.prepare(pool)
	warm := m.yard.watch.time(call)
	var callAlone func()
	yardAlone := &Yardstick{pool: alone, watch: m.yard.watch}
	if c.peak == "fma" && beside == nil && pool.Workers() > 1 {
		callAlone, _ = c.prepare(alone)
		callAlone()
	}
	work, yard := 0.0, func() float64 { return 0 } // the work of a call, and the yardstick's rate in the same unit
	switch c.peak {
	case "fma":
		work, yard = c.flops, m.peak
	case "read":
		work, yard = c.bytes, m.read
	case "copy":
		work, yard = c.bytes, func() float64 { return 8 * c.elements / m.yard.watch.perCall(beside, sampleTime/3) }
	case "stream": // the same bytes
		work, yard = c.bytes, func() float64 { return c.bytes / m.yard.watch.perCall(beside, sampleTime) }
	}
	repeats := m.repeat
	if warm > slowCall {
		repeats = min(repeats, 3)
	}
	var times, shares, ofFull, speedups, scaled []float64
	before := yard()
	for range repeats {
		if c.peak == "fma" && beside != nil {
			ofFull = append(ofFull, 1/m.yard.watch.time(beside))
			before = yard()
		}
		t := 0.0
		if c.single {
			t = m.yard.watch.single(call, 1000)
		} else {
			t = m.yard.watch.perCall(call, sampleTime)
		}
		after := yard()
		times = append(times, t)
		if mean := (before + after) / 2; mean > 0 {
			shares = append(shares, work/t/mean)
		}
		if len(ofFull) > 0 {
			ofFull[len(ofFull)-1] *= t
		}
		if callAlone != nil {
			up := m.yard.watch.perCall(callAlone, sampleTime) / t
			speedups = append(speedups, up)
			if peakAlone := yardAlone.GFLOPS(); peakAlone > 0 {
				scaled = append(scaled, up/(after/peakAlone)*float64(pool.Workers()))
			}
			after = yard()
		}
		before = after
	}
	t := median(times)
	return KernelResult{
		Kernel: c.kernel, Shape: c.shape, Variant: c.variant, Peak: c.peak, US: t / 1e3,
		GFLOPS: c.flops / t, GBs: c.bytes / t, PerNS: c.elements / t, Share: median(shares), OfFull: median(ofFull),
		Speedup: median(speedups), Scaled: median(scaled),
	}
}
