package main

import (
	"encoding/json"
	"fmt"

	"reprise/cmd/reprise/internal/bench"
	"reprise/model"
)

type benchCmd struct {
	Kernels  benchKernelsCmd  `cmd:"" help:"The rate of every kernel, and its share of the machine's peak."`
	Record   benchRecordCmd   `cmd:"" help:"Stage 0 compared with the same forward pass and head whose logits are discarded."`
	Step     benchStepCmd     `cmd:"" help:"A training step: time of its parts, share of the processor's peak, memory."`
	Generate benchGenerateCmd `cmd:"" help:"Generation: the pass over the prompt compared with the processor's peak, new tokens with the memory's."`
}

type benchRecordCmd struct {
	Model       []string `default:"llama-15m,llama-135m" help:"llama-15m, llama-135m, gpt2-124m or a config.json; weights and ids are random." placeholder:"NAME|FILE,…"`
	Repetitions int      `default:"11" help:"Measured repetitions of each side, after three to warm up."`
	JSON        bool     `name:"json" help:"Print one JSON object."`
}

func (c *benchRecordCmd) Run(a *app) error {
	if c.Repetitions < 1 {
		return fmt.Errorf("bench: --repetitions %d: want 1 or more", c.Repetitions)
	}
	results, err := bench.Record(a.ctx, a.pool(), c.Model, c.Repetitions)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"results": results})
	}
	a.printf("%-12s %-7s %-8s %7s %8s %9s %12s %10s %7s\n", "model", "head", "tier", "threads", "mean |S|", "record ms", "thrown away", "tokens/s", "ratio")
	for _, r := range results {
		a.printf("%-12s %-7s %-8s %7d %8.1f %9.0f %12.0f %10.0f %7.3f\n", r.Model, r.Head, r.Tier, r.Threads, r.MeanSubset, r.RecordMS, r.BareMS, r.PerSecond, r.Ratio)
	}
	return nil
}

type benchStepCmd struct {
	Model          string `default:"llama-15m" help:"llama-15m, llama-135m, gpt2-124m or a config.json; weights and ids are random." placeholder:"NAME|FILE"`
	Loss           string `default:"full" enum:"full,replay" help:"full, or replay with subsets of 64 ids."`
	Tail           string `default:"none" enum:"none,sampled" help:"For --loss replay: none, or sampled as train does by default."`
	Optimizer      string `default:"adamw" help:"One of ${optimizers}."`
	Sequences      int    `help:"Sequences per step; 0: 8 for llama-15m, 4 for gpt2-124m, else 2."`
	MicroBatchSize int    `help:"Sequences in memory at a time; 0: all."`
	MaxSeqLen      int    `help:"Tokens per sequence; 0: 256."`
	Recompute      bool   `help:"Keep only each block's input and run its forward pass twice: less memory, more time."`
	Repetitions    int    `default:"7" help:"Measured steps, after three to warm up."`
	JSON           bool   `name:"json" help:"Print one JSON object."`
}

func (c *benchStepCmd) Run(a *app) error {
	if c.Loss == "full" && c.Tail != "none" {
		a.note("notice: --tail %s has no effect without --loss replay", c.Tail)
	}
	r, err := bench.Step(a.ctx, a.pool(), bench.StepOptions{
		Model: c.Model, Loss: c.Loss, Tail: c.Tail, Optimizer: c.Optimizer,
		Sequences: c.Sequences, SeqLen: c.MaxSeqLen, MicroBatch: c.MicroBatchSize, Recompute: c.Recompute, Repetitions: c.Repetitions,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"results": []bench.StepResult{r}})
	}
	a.printf("%s, loss %s, %s, %d tokens in sequences of %d; %s, %d threads; medians of %d\n", r.Model, r.Loss, r.Optimizer, r.Tokens, r.Tokens/r.Sequences, r.Tier, r.Threads, r.Repetitions)
	a.printf("step       %8.1f ms, %.0f tokens/s\n", r.MS, r.PerSecond)
	counted := ""
	if r.Loss == "replay" {
		counted = "; this counts the whole head, most of which this loss does not compute"
	}
	a.printf("MFU        %8.1f %% of %.1f GFLOP/s, the peak of fused multiply-adds measured between the steps%s\n", 100*r.MFU, r.Peak, counted)
	p := r.Parts
	a.printf("parts      forward %.1f, backward %.1f, head %.1f, attention %.1f, optimizer %.1f, other %.1f ms\n", p.Forward, p.Backward, p.Head, p.Attention, p.Optimizer, p.Other)
	a.printf("memory     %8.0f MB at most (%.0f planned)\n", r.PeakRSS, r.Planned)
	return nil
}

type benchGenerateCmd struct {
	Model        []string `default:"llama-15m,llama-135m,gpt2-124m" help:"llama-15m, llama-135m, gpt2-124m or a config.json; weights and ids are random." placeholder:"NAME|FILE,…"`
	PromptTokens int      `default:"256" help:"Tokens of the prompt."`
	MaxTokens    int      `default:"64" help:"New tokens."`
	Temperature  float64  `help:"As in generate; 0: the most probable token." default:"0"`
	TopP         float64  `help:"As in generate." default:"1"`
	Repetitions  int      `default:"7" help:"Measured continuations, after one to warm up."`
	Samples      int      `help:"Also measure this many continuations together, which share every pass over the weights." placeholder:"N"`
	JSON         bool     `name:"json" help:"Print one JSON object."`
}

func (c *benchGenerateCmd) Run(a *app) error {
	s := model.Sampling{Temperature: c.Temperature, TopP: c.TopP, Seed: 1}
	if err := checkSampling("bench", s, samplingFlag); err != nil {
		return err
	}
	results, err := bench.Generate(a.ctx, a.pool(), bench.GenerateOptions{
		Models: c.Model, PromptTokens: c.PromptTokens, MaxTokens: c.MaxTokens, Repetitions: c.Repetitions, Samples: c.Samples, Sampling: s,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"results": results})
	}
	a.printf("%-12s %-7s %7s %7s %9s %9s %7s %5s %9s %9s %7s %7s\n", "model", "tier", "threads",
		"prompt", "ms", "tokens/s", "% peak", "new", "ms/token", "tokens/s", "GB/s", "% read")
	for _, r := range results {
		a.printf("%-12s %-7s %7d %7d %9.1f %9.0f %7.1f %5d %9.2f %9.1f %7.1f %7.1f\n", r.Model, r.Tier, r.Threads,
			r.PromptTokens, r.PrefillMS, r.PrefillPerSecond, 100*r.PrefillShare, r.NewTokens, r.DecodeMS, r.DecodePerSecond, r.DecodeGBs, 100*r.DecodeShare)
	}
	for _, r := range results {
		a.printf("%s: %.1f MB of weights and %.1f MB of keys and values are read for a token; measured in the same run: fma %.1f GFLOP/s, read %.1f GB/s\n",
			r.Model, float64(r.WeightBytes)/1e6, float64(r.CacheBytes)/1e6, r.Peak, r.ReadGBs)
		if r.Samples > 0 {
			a.printf("%s: %d continuations together make %.0f tokens/s, %.2f times the rate of one\n", r.Model, r.Samples, r.SamplesPerSecond, r.SamplesRatio)
		}
	}
	return nil
}
