package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"reprise/base"
	"reprise/cmd/reprise/internal/bench"
	"reprise/data"
	"reprise/internal/atomicfile"
	"reprise/replay"
)

type recordCmd struct {
	Run    recordRunCmd    `cmd:"" default:"withargs" help:"Record (the default)."`
	Merge  recordMergeCmd  `cmd:"" help:"Join the shards of a recording into the file that a single run would write."`
	Verify recordVerifyCmd `cmd:"" help:"Check every checksum, id and count of a record."`
}

type recordRunCmd struct {
	Model     string `required:"" help:"Base model directory." placeholder:"DIR"`
	Data      string `help:"Training data: .txt, .jsonl, .json, .csv or .tsv (also .gz, .bz2, .zst), .parquet, or a directory with a train file." placeholder:"FILE"`
	Out       string `required:"" help:"Record to write; {shard} in it stands for the part's number." placeholder:"FILE"`
	MaxSeqLen int    `help:"Tokens per packed sequence; 0: the model's, at most 512."`
	Seed      uint64 `default:"1" help:"Seed of the packing."`
	Compress  string `default:"none" enum:"none,zstd" help:"none, or zstd for the sequences that it makes smaller."`
	Shard     string `help:"i/n: record only part i of n, counted from 0; join the parts with: reprise record merge. Without it the environment decides: JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID, OMPI_COMM_WORLD_RANK, RANK, the first that is set." placeholder:"I/N"`
	Shards    int    `help:"Number of parts, if the environment gives only the part's own number." placeholder:"N"`
	DryRun    bool   `help:"Record nothing: measure a few batches and predict time, size and memory."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
	Quiet     bool   `help:"No progress."`

	Rehearsal rehearseFlags `embed:"" group:"Rehearsal: text that the base model writes, to keep what it knows"`

	Rule    keyFlags     `embed:""` // of replay.Rule
	Reading readingFlags `embed:""`
}

func (c *recordRunCmd) Run(a *app) error {
	if err := c.checkRehearsal(); err != nil {
		return err
	}
	part, err := findShard(c.Shard, c.Shards, os.Getenv)
	if err != nil {
		return err
	}
	if !c.DryRun {
		var err error
		if c.Out, err = checkRecord(part.path(c.Out)); err != nil {
			return err
		}
	}
	if part.n > 1 {
		a.note("part %d of %d, counted from 0 (%s)", part.i, part.n, part.source)
	}
	job, err := c.job(a, part)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.predict(a, job)
	}
	if job.Rehearse != nil && job.Rehearse.From == "" {
		begin := job.Rehearse.Start.Text(job.Tokenizer)
		if c.Rehearsal.Prompts != "" {
			begin = "with the lines of " + c.Rehearsal.Prompts
		}
		a.note("documents of the base model begin %s; they are drawn at temperature 1, and nothing is left out", begin)
	}
	p := newProgress(a.stderr, "recording", c.Quiet)
	job.Progress = p.update
	job.Note = func(text string) { a.note("%s", text) }
	summary, err := replay.Record(a.ctx, job)
	p.finish()
	if err != nil {
		return err
	}
	own, err := ownText(job.Out, job.Tokenizer)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(struct {
			replay.Summary
			Rehearsal *ownSummary `json:"rehearsal,omitempty"`
		}{summary, own})
	}
	if c.Rehearsal.Only {
		a.printf("%s: %d bytes\n", job.Out, summary.Bytes)
		own.print(a)
		return nil
	}
	a.printf("%s: %d sequences, %d tokens, %d positions with loss\n", job.Out, summary.Sequences, summary.Tokens, summary.Positions)
	a.printf("mean |S| %.2f, at k_max %.1f %%, covered mass %.4f, gold_outside %.1f %%, %d bytes\n",
		summary.MeanSubset, 100*summary.AtKMax, summary.Coverage, 100*summary.GoldOutside, summary.Bytes)
	if summary.GoldOutside > 0.05 {
		a.printf("The base model did not expect %.1f %% of the gold tokens: keep the sampled tail (the default) when training;\n"+
			"the bare loss (--tail none) drifts on such data.\n", 100*summary.GoldOutside)
	}
	own.print(a)
	return nil
}

// checkRecord is checkFolder for a record, which has a longer name until it is whole. It returns where the record is to be written: a
// link is followed.
func checkRecord(path string) (string, error) {
	path, err := atomicfile.Follow(path)
	if err != nil {
		return "", fmt.Errorf("record: --out %s: %w", path, err)
	}
	if err := checkFolder("record", "--out", path); err != nil {
		return "", err
	}
	if _, err := os.Lstat(path + ".partial"); errors.Is(err, syscall.ENAMETOOLONG) {
		return "", fmt.Errorf("record: --out: the name is too long: until the record is whole, .partial is added to it; choose one that is "+
			"shorter by %d bytes than the file system allows: %s", len(".partial"), path)
	}
	return path, nil
}

// job opens the model and reads the data.
func (c *recordRunCmd) job(a *app, part shard) (replay.Job, error) {
	rule := replay.DefaultRule()
	c.Rule.lay(&rule)
	b, err := base.Open(c.Model)
	if err != nil {
		return replay.Job{}, err
	}
	for _, notice := range b.Model.Config.Notices {
		a.note("notice: %s", notice)
	}
	limit := c.MaxSeqLen
	if limit == 0 {
		limit = min(data.DefaultMaxSeqLen, b.Model.Config.MaxPositions)
	}
	if err := rule.Validate(b.Model.Config.VocabSize); err != nil { // a 0 that was given is refused; in a Job it means the default
		return replay.Job{}, err
	}
	own, err := c.Rehearsal.rehearse(b, limit)
	if err != nil {
		return replay.Job{}, err
	}
	reading := c.Reading.reading()
	var docs []data.Document
	if !c.Rehearsal.Only {
		var stats data.Stats
		if docs, stats, err = data.LoadDocuments(c.Data, b.Tokenizer, data.Options{MaxSeqLen: limit, Reading: reading, Context: a.ctx}); err != nil {
			return replay.Job{}, err
		}
		for _, text := range stats.Notices(limit) {
			a.note("notice: %s; to see them: reprise inspect data", text)
		}
	}
	return replay.Job{
		Model: b.Model, ModelFingerprint: b.Fingerprint, Tokenizer: b.Tokenizer, Pool: a.pool(), Rule: rule,
		Documents: docs, Seam: reading.Seam, MaxSeqLen: limit, Seed: c.Seed, Out: part.path(c.Out), Shard: part.i, Shards: part.n,
		Compress: c.Compress == "zstd", Rehearse: own,
	}, nil
}

// predict prints the time, size and memory that a recording would take.
func (c *recordRunCmd) predict(a *app, job replay.Job) error {
	p, err := replay.Predict(a.ctx, job)
	if err != nil {
		return err
	}
	memory := bench.PeakMemory()
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(struct {
			replay.Prediction
			Memory int64 `json:"memory"`
		}{p, memory})
	}
	a.printf("%s would hold %d sequences, %d tokens, %d positions with loss\n", job.Out, p.Sequences, p.Tokens, p.Positions)
	if own := p.Rehearsal; own != nil {
		about := "copied from " + job.Rehearse.From
		if job.Rehearse.From == "" {
			about = fmt.Sprintf("about %v", seconds(own.Seconds))
		}
		a.printf("own text     %d packs that the base model writes, up to %d tokens: %s, %.1f MB\n", own.Packs, own.Tokens, about, float64(own.Bytes)/1e6)
	}
	a.printf("time         about %v with %d threads (%.0f tokens/s, measured on %d)\n",
		seconds(p.Seconds), job.Pool.Workers(), p.Rate, p.Probed)
	a.printf("size         about %.1f MB\nmemory       %.0f MB (peak of this process, which allocated all that recording needs)\n", float64(p.Bytes)/1e6, float64(memory)/1e6)
	return nil
}

// seconds is a predicted time.
func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second / 10)
}

type recordMergeCmd struct {
	Out    string   `required:"" help:"Record to write." placeholder:"FILE"`
	Shards []string `arg:"" help:"All shards of one recording, in any order."`
}

func (c *recordMergeCmd) Run(a *app) error {
	if err := checkOutput("record merge", "--out", c.Out, "a record", "REPLAY\r\n"); err != nil {
		return err
	}
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
