package bench

import (
	"context"
	"fmt"
	"slices"

	"reprise/asm"
	"reprise/model"
	"reprise/tensor"
)

// GenerateOptions choose what generation is measured on.
type GenerateOptions struct {
	Models       []string // llama-15m, llama-135m, gpt2-124m or paths of config.json files
	PromptTokens int
	MaxTokens    int // new tokens; the pass over the prompt gives the first
	Repetitions  int // measured continuations, after one to warm up
	Samples      int // continuations to measure together; 0 or 1: none
	Sampling     model.Sampling
}

// GenerateResult is the continuation of one prompt: medians over the repetitions. Rates are compared with yardsticks that
// are measured before and after every repetition.
type GenerateResult struct {
	Model        string `json:"model"`
	Tier         string `json:"tier"`
	Threads      int    `json:"threads"`
	Clock        string `json:"clock"` // thread: processor time of the one thread; wall: elapsed time
	PromptTokens int    `json:"prompt_tokens"`
	NewTokens    int    `json:"new_tokens"`
	Repetitions  int    `json:"repetitions"`

	PrefillMS        float64 `json:"prefill_ms"` // of the whole prompt, up to the first new token
	PrefillPerSecond float64 `json:"prefill_tokens_per_s"`
	PrefillShare     float64 `json:"prefill_share_of_peak"` // 0 on the portable tier
	Peak             float64 `json:"peak_gflops"`           // fused multiply-adds on the same threads

	DecodeMS        float64 `json:"decode_ms"` // of a token
	DecodePerSecond float64 `json:"decode_tokens_per_s"`
	WeightBytes     int     `json:"weight_bytes"` // read for every token: F32 weights of all products, the head's included
	CacheBytes      int     `json:"cache_bytes"`  // keys and values read for every token, on average
	DecodeGBs       float64 `json:"decode_gb_per_s"`
	DecodeShare     float64 `json:"decode_share_of_read"`
	ReadGBs         float64 `json:"read_gb_per_s"` // memory bandwidth: the same weights, on the same threads, each read once and summed

	Samples          int     `json:"samples,omitempty"`              // continuations that share every pass over the weights
	SamplesPerSecond float64 `json:"samples_tokens_per_s,omitempty"` // new tokens of all of them
	SamplesRatio     float64 `json:"samples_ratio,omitempty"`        // to the rate of one, in the same repetition
}

// Generate measures generation on models of random weights: the prompt's pass and the tokens after it.
func Generate(ctx context.Context, pool *tensor.Pool, o GenerateOptions) ([]GenerateResult, error) {
	var results []GenerateResult
	for _, name := range o.Models {
		_, cfg, err := findShape(name)
		if err != nil {
			return nil, err
		}
		if err := o.validate(cfg); err != nil {
			return nil, err
		}
		m := model.New(cfg)
		m.Init(1)
		sharpen(m) // sampling looks at few ids where logits are spread
		r, err := o.measure(ctx, model.NewDecoder(m, pool), pool)
		if err != nil {
			return results, err
		}
		r.Model = name
		results = append(results, r)
	}
	return results, nil
}

func (o *GenerateOptions) validate(cfg model.Config) error {
	switch {
	case o.PromptTokens < 1:
		return fmt.Errorf("bench: --prompt-tokens %d: want 1 or more", o.PromptTokens)
	case o.MaxTokens < 2:
		return fmt.Errorf("bench: --max-tokens %d: want 2 or more; the first is the prompt's", o.MaxTokens)
	case o.PromptTokens+o.MaxTokens-1 > cfg.MaxPositions:
		return fmt.Errorf("bench: --prompt-tokens %d and --max-tokens %d: the model has %d positions; ask for fewer", o.PromptTokens, o.MaxTokens, cfg.MaxPositions)
	case o.Samples < 0:
		return fmt.Errorf("bench: --samples %d: want 0 or more", o.Samples)
	case o.Repetitions < 1:
		return fmt.Errorf("bench: --repetitions %d: want 1 or more", o.Repetitions)
	}
	return nil
}

// measure continues one prompt repeatedly.
func (o *GenerateOptions) measure(ctx context.Context, d *model.Decoder, pool *tensor.Pool) (r GenerateResult, err error) {
	cfg := d.Model.Config
	yard, release := NewYardstick(pool)
	defer release()
	prompt := randomSequences(1, o.PromptTokens, cfg.VocabSize)[0].IDs
	weightBytes, cacheBytes := 4*cfg.MatmulParams(), 0
	for n := o.PromptTokens; n < o.PromptTokens+o.MaxTokens-1; n++ {
		cacheBytes += cfg.CacheBytes(n) / (o.MaxTokens - 1)
	}
	bytes := weightBytes + cacheBytes
	weights := newWeightsJob(d.Model, pool)
	reading := func() float64 { return float64(weights.bytes) / yard.time(len(weights.pieces), weights) }
	var prefill, decode, peaks, reads, shares, readShares, together, ratios []float64
	flops, read := yard.GFLOPS(), reading()
	for i := range 1 + o.Repetitions {
		start := yard.watch.now()
		first, last, n := 0.0, 0.0, 0
		for _, err := range model.Generate(ctx, d, prompt, o.MaxTokens, o.Sampling, nil) {
			if err != nil {
				return r, err
			}
			last = yard.watch.now()
			if n++; n == 1 {
				first = last
			}
		}
		flopsAfter, readAfter := yard.GFLOPS(), reading()
		a, b := first-start, (last-first)/float64(n-1)
		if o.Samples > 1 {
			begun := 0.0 // when all have their first token
			options := model.SamplesOptions{N: o.Samples, Width: o.Samples, MaxTokens: o.MaxTokens, Sampling: o.Sampling}
			options.Ended = func(s model.Sample) bool {
				if len(s.IDs) == 1 {
					begun = yard.watch.now()
				}
				return false
			}
			for _, err := range model.Samples(ctx, d, prompt, options) {
				if err != nil {
					return r, err
				}
			}
			all := (yard.watch.now() - begun) / float64(o.Samples*(n-1)) // of a token
			if i > 0 {
				together, ratios = append(together, all), append(ratios, b/all)
			}
		}
		if i > 0 {
			prefill, decode = append(prefill, a), append(decode, b)
			peaks, reads = append(peaks, (flops+flopsAfter)/2), append(reads, (read+readAfter)/2)
			if flops > 0 {
				shares = append(shares, prefillFlops(cfg, o.PromptTokens)/a/peaks[i-1])
			}
			readShares = append(readShares, float64(bytes)/b/reads[i-1])
		}
		flops, read = flopsAfter, readAfter
	}
	r = GenerateResult{
		Tier: asm.Active().String(), Threads: pool.Workers(), Clock: yard.watch.String(),
		PromptTokens: o.PromptTokens, NewTokens: o.MaxTokens, Repetitions: o.Repetitions,
		PrefillMS: median(prefill) / 1e6, PrefillShare: median(shares), Peak: median(peaks),
		DecodeMS: median(decode) / 1e6, DecodeShare: median(readShares), ReadGBs: median(reads), WeightBytes: weightBytes, CacheBytes: cacheBytes,
	}
	if o.Samples > 1 {
		r.Samples, r.SamplesPerSecond, r.SamplesRatio = o.Samples, 1e9/median(together), median(ratios)
	}
	r.PrefillPerSecond = 1e3 * float64(o.PromptTokens) / r.PrefillMS
	r.DecodePerSecond = 1e3 / r.DecodeMS
	r.DecodeGBs = float64(bytes) / (1e6 * r.DecodeMS)
	return r, nil
}

// prefillFlops is the cost of the pass over the prompt, counted as for a training step (stepFlops), without the backward
// pass. The head is computed only for the last token:
//
//	tokens·(2·body parameters + 4·layers·heads·head_dim·tokens) + 2·V·d
func prefillFlops(cfg model.Config, tokens int) float64 {
	t := float64(tokens)
	attention := 4 * float64(cfg.Layers) * float64(cfg.Heads) * float64(cfg.HeadDim) * t
	return t*(2*float64(cfg.BodyParams())+attention) + 2*float64(cfg.VocabSize)*float64(cfg.HiddenSize)
}

// weightsJob reads all weights of a model, one piece per task. The reading of a token is compared with it and not with that
// of other memory, because much of a small model stays in the caches, and nothing of the largest.
type weightsJob struct {
	pieces [][]float32
	bytes  int
	sums   [][16]float32 // a cache line of results per worker
}

func newWeightsJob(m *model.Model, pool *tensor.Pool) *weightsJob {
	j := &weightsJob{sums: make([][16]float32, pool.Workers())}
	for p := range m.Params() {
		j.bytes += 4 * len(p.W.Data)
		j.pieces = slices.AppendSeq(j.pieces, slices.Chunk(p.W.Data, 1<<18))
	}
	return j
}

func (j *weightsJob) Do(worker, task int) { j.sums[worker][0] += asm.Sum(j.pieces[task]) }
