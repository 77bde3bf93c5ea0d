package main

import (
	"encoding/json"
	"fmt"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/replay"
	"reprise/tokenizer"
)

type recordCmd struct {
	Run    recordRunCmd    `cmd:"" default:"withargs" help:"Record (the default)."`
	Merge  recordMergeCmd  `cmd:"" help:"Join the shards of a recording into the file that a single run gives."`
	Verify recordVerifyCmd `cmd:"" help:"Check every checksum, id and count of a record."`
}

type recordRunCmd struct {
	Model     string  `required:"" help:"Base model directory." placeholder:"DIR"`
	Data      string  `required:"" help:"Training text: .txt or .jsonl, also .gz, .bz2, .zst." placeholder:"FILE"`
	Out       string  `required:"" help:"Record to write." placeholder:"FILE"`
	Tau       float64 `default:"0.95" help:"Mass that a position's ids must cover."`
	KMin      int     `default:"4" help:"At least so many ids."`
	KMax      int     `default:"64" help:"At most so many ids; gold and --always come on top."`
	Always    []int32 `help:"Ids that every position holds."`
	MaxSeqLen int     `help:"Tokens per packed sequence; 0: the model's, at most 512."`
	Seed      uint64  `default:"1" help:"Seed of the packing."`
	Shard     string  `help:"i/n: record only part i of n, counted from 0; join the parts with: reprise record merge." placeholder:"I/N"`
	Quiet     bool    `help:"No progress."`
}

func (c *recordRunCmd) Run(a *app) error {
	base, err := checkpoint.Load(c.Model)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	if err := base.Model.Config.CheckTokenizer(tok.VocabSize()); err != nil {
		return err
	}
	var shard, shards int
	if shard, shards, err = parseShard(c.Shard); err != nil {
		return err
	}
	limit := c.MaxSeqLen
	if limit == 0 {
		limit = min(512, base.Model.Config.MaxPositions)
	}
	docs, _, err := data.LoadDocuments(c.Data, tok, data.Options{MaxSeqLen: limit})
	if err != nil {
		return err
	}
	p := newProgress(a.stderr, "recording", c.Quiet)
	summary, err := replay.Record(a.ctx, replay.Job{
		Model: base.Model, ModelFingerprint: base.Fingerprint, Tokenizer: tok, Pool: a.pool(),
		Rule:      replay.Rule{Tau: c.Tau, KMin: c.KMin, KMax: c.KMax, Always: c.Always},
		Documents: docs, Out: c.Out, MaxSeqLen: limit, Seed: c.Seed, Shard: shard, Shards: shards,
		Progress: p.update,
	})
	p.finish()
	if err != nil {
		return err
	}
	a.printf("%s: %d sequences, %d tokens, %d positions with loss\n", c.Out, summary.Sequences, summary.Tokens, summary.Positions)
	a.printf("mean |S| %.2f, at k_max %.1f %%, covered mass %.4f, gold_outside %.1f %%, %d bytes\n",
		summary.MeanSubset, 100*summary.AtKMax, summary.Coverage, 100*summary.GoldOutside, summary.Bytes)
	if summary.GoldOutside > 0.05 {
		a.printf("The base model did not expect %.1f %% of the gold tokens: keep the sampled tail (the default) when training;\n"+
			"the bare loss (--tail none) drifts on such data.\n", 100*summary.GoldOutside)
	}
	return nil
}

func parseShard(s string) (i, n int, err error) {
	if s == "" {
		return 0, 1, nil
	}
	if k, scanErr := fmt.Sscanf(s, "%d/%d", &i, &n); scanErr != nil || k != 2 || n < 1 || i < 0 || i >= n || fmt.Sprintf("%d/%d", i, n) != s {
		return 0, 0, fmt.Errorf("record: --shard %q: want i/n with 0 <= i < n", s)
	}
	return i, n, nil
}

type recordMergeCmd struct {
	Out    string   `required:"" help:"Record to write." placeholder:"FILE"`
	Shards []string `arg:"" help:"All shards of one recording, in any order."`
}

func (c *recordMergeCmd) Run(a *app) error {
	if err := replay.Merge(c.Out, c.Shards); err != nil {
		return err
	}
	a.printf("%s: merged %d shards\n", c.Out, len(c.Shards))
	return nil
}

type recordVerifyCmd struct {
	File string `arg:"" help:"Record."`
}

func (c *recordVerifyCmd) Run(a *app) error {
	if err := replay.Verify(c.File); err != nil {
		return err
	}
	a.printf("%s: whole and consistent\n", c.File)
	return nil
}

type inspectCmd struct {
	Model  inspectModelCmd  `cmd:"" help:"A model's architecture, tensors and memory for training."`
	Replay inspectReplayCmd `cmd:"" help:"What a record holds."`
	Logits inspectLogitsCmd `cmd:"" help:"Write a model's logits for token ids, as safetensors."`
}

type inspectReplayCmd struct {
	File string `arg:"" help:"Record."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

func (c *inspectReplayCmd) Run(a *app) error {
	r, err := replay.Open(c.File)
	if err != nil {
		return err
	}
	defer r.Close()
	s := r.Summary()
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(s)
	}
	h := r.Header()
	a.printf("base model   %.16s…\ntokenizer    %.16s…\nrule         tau %g, k_min %d, k_max %d, always %v\n", h.BaseModel, h.Tokenizer, h.Tau, h.KMin, h.KMax, h.Always)
	a.printf("sequences    %d of at most %d tokens, seed %d\n", s.Sequences, h.MaxSeqLen, h.Seed)
	a.printf("tokens       %d\npositions    %d with loss\nids          %d, mean |S| %.2f\nat k_max     %.1f %%\ncoverage     %.4f\ngold_outside %.1f %%\nbytes        %d\n",
		s.Tokens, s.Positions, s.IDs, s.MeanSubset, 100*s.AtKMax, s.Coverage, 100*s.GoldOutside, s.Bytes)
	return nil
}
