package demo

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/cmd/reprise/internal/synth"
	"reprise/data"
	"reprise/eval"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/run"
	"reprise/tensor"
	"reprise/tokenizer"
)

// baseFiles is the model that Rebuild makes.
//
//go:embed base
var baseFiles embed.FS

// BaseSHA256 is the SHA-256 of the embedded model's weights (checkpoint.TensorSHA256), which Rebuild must reach.
const BaseSHA256 = "17c09cd4959a7d36631e8399f251baef07d12d6bb1035aceefb77eb68f2fd15c"

// Sizes of the demonstration, chosen so that it takes about two minutes on two cores.
const (
	domainSeed   = 7
	trainDocs    = 1600 // schemas, each with three questions
	validDocs    = 100
	generalDocs  = 150
	mixDocs      = 800
	keptDocs     = 650 // of them, in the file that is kept for readers: docs/GUIDE.md stands on it
	epochs       = 2
	globalBatch  = 8
	sampleCount  = 3
	answerTokens = 48
)

// An Arm is one method of learning the domain.
type Arm struct {
	Key, Name string
	Recipe    func(*run.Recipe)
	Keeps     string  // what it keeps its English with: own, text that the base model wrote; old, general text; "": nothing
	LR        float64 // from the sweep: docs/RESULTS.md
}

// Arms of the demonstration. All see the same sequences in the same order. Each has the learning rate of lowest domain loss
// among those of its sweep (demo --sweep; the table is in docs/RESULTS.md).
var Arms = []Arm{
	{"a", "full cross-entropy + AdamW", func(r *run.Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) }, "", 6e-4},
	{"b", "replay + MoClip, the paper's bare loss", func(r *run.Recipe) { r.Tail = "none" }, "", 6e-4},
	{"c", "the default: its own text rehearsed", func(*run.Recipe) {}, "own", 1e-3},
	{"d", "the same with real old text instead", func(*run.Recipe) {}, "old", 1e-3},
}

// Score is how well one model predicts the two held-out texts.
type Score struct {
	Domain, General float64 // full cross-entropy, nats per token
	SQL             eval.Spans
}

// Outcome is the result of one arm.
type Outcome struct {
	Arm     Arm
	Score   Score
	Rho     *float64
	Seconds float64 // time of Stage 0 and of writing text, where they are needed, and of training
	Rate    float64 // tokens per second of training
	Model   *model.Model
}

// Demo is the demonstration with everything opened and recorded.
type Demo struct {
	Tokenizer *tokenizer.Tokenizer
	Base      Score
	Record    replay.Summary
	Stage0    float64 // seconds for the domain's record
	Writing   float64 // seconds for the text that the base model wrote, recorded meanwhile
	MixStage0 float64 // seconds for the general text's record

	dir     string
	pool    *tensor.Pool
	base    *base.Base
	valid   []data.Document
	general []data.Document
}

// Open unpacks the base model into dir, measures it, lets it write and runs Stage 0. With choosing, everything is measured on other held-out text
// than the demonstration's: that on which learning rates are chosen.
func Open(ctx context.Context, dir string, pool *tensor.Pool, choosing bool) (*Demo, error) {
	if err := unpack(filepath.Join(dir, "base")); err != nil {
		return nil, fmt.Errorf("demo: unpacking the base model: %w", err)
	}
	d := &Demo{dir: dir, pool: pool}
	var err error
	if d.base, err = base.Open(d.path("base")); err != nil {
		return nil, err
	}
	d.Tokenizer = d.base.Tokenizer
	d.valid = domain(d.Tokenizer, synth.Valid, validDocs)
	d.general = general(d.Tokenizer, generalTexts("valid", generalDocs))
	if choosing {
		d.valid = domain(d.Tokenizer, synth.Test, validDocs)
		d.general = general(d.Tokenizer, choosingTexts(generalDocs))
	}
	if d.Base, err = d.score(ctx, d.base.Model); err != nil {
		return nil, err
	}
	docs := domain(d.Tokenizer, synth.Train, trainDocs)
	own := &replay.Rehearse{}
	own.Packs, own.Gauge = replay.Amount(len(data.Pack(docs, seqLen, domainSeed)), run.DefaultRecipe().Rehearse, seqLen, replay.DefaultOwn)
	if _, d.Writing, err = d.record(ctx, ownRecord, nil, own); err != nil {
		return nil, err
	}
	if d.Record, d.Stage0, err = d.record(ctx, "domain.replay", docs, &replay.Rehearse{From: d.OwnRecord()}); err != nil {
		return nil, err
	}
	return d, nil
}

const ownRecord = "own.replay"

// OwnRecord is the record that holds the text that the base model wrote.
func (d *Demo) OwnRecord() string { return d.path(ownRecord) }

func (d *Demo) path(name string) string { return filepath.Join(d.dir, name) }

func unpack(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return fs.WalkDir(baseFiles, "base", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := baseFiles.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, e.Name()), text, 0o666)
	})
}

// record runs Stage 0 over documents, and lets the base model write.
func (d *Demo) record(ctx context.Context, name string, docs []data.Document, own *replay.Rehearse) (replay.Summary, float64, error) {
	start := time.Now()
	s, err := replay.Record(ctx, replay.Job{
		Model: d.base.Model, ModelFingerprint: d.base.Fingerprint, Tokenizer: d.Tokenizer, Pool: d.pool,
		Rule: replay.DefaultRule(), Documents: docs, Out: d.path(name), MaxSeqLen: seqLen, Seed: domainSeed, Shards: 1, Rehearse: own,
	})
	return s, time.Since(start).Seconds(), err
}

// score measures a model on the held-out schemas and on general text.
func (d *Demo) score(ctx context.Context, m *model.Model) (Score, error) {
	e := eval.Evaluator{Model: m, Pool: d.pool, Tokenizer: d.Tokenizer}
	dom, err := e.Documents(ctx, d.valid)
	if err != nil {
		return Score{}, err
	}
	gen, err := e.Documents(ctx, d.general)
	if err != nil {
		return Score{}, err
	}
	sql, err := e.Spans(ctx, d.valid)
	return Score{Domain: *dom.Loss, General: *gen.Loss, SQL: sql}, err
}

// Train runs one arm and calls step with every event.
func (d *Demo) Train(ctx context.Context, arm Arm, step func(run.Event)) (Outcome, error) {
	out := Outcome{Arm: arm}
	r := run.DefaultRecipe()
	r.Model, r.Replay, r.Out = d.path("base"), d.path("domain.replay"), ""
	r.Epochs, r.GlobalBatchSize, r.MicroBatchSize, r.LR = epochs, globalBatch, globalBatch, arm.LR
	arm.Recipe(&r)
	if r.Loss == "replay" {
		out.Seconds += d.Stage0
	}
	share := r.Rehearse
	r.Rehearse = 0
	switch arm.Keeps {
	case "own":
		r.Rehearse = share
		out.Seconds += d.Writing
	case "old":
		if d.MixStage0 == 0 {
			var err error
			if _, d.MixStage0, err = d.record(ctx, "general.replay", general(d.Tokenizer, mixTexts(mixDocs)), nil); err != nil {
				return out, err
			}
		}
		r.Mix, r.ReplayMix, r.MixLoss = d.path("general.replay"), share, "rehearsal"
		out.Seconds += d.MixStage0
	}
	job, err := run.Open(r, d.pool, false)
	if err != nil {
		return out, err
	}
	tokens := 0
	for _, e := range job.Events(ctx) {
		tokens += e.Tokens
		if e.Rho != nil {
			out.Rho = e.Rho
		}
		step(e)
	}
	if err := job.Err(); err != nil {
		return out, err
	}
	out.Seconds += job.Seconds()
	out.Rate = float64(tokens) / job.Seconds()
	out.Model = job.Model()
	out.Score, err = d.score(ctx, out.Model)
	return out, err
}

// Sample is one held-out question with the queries that the models write.
type Sample struct {
	Question, Want string
	Got            []string // per model
}

// Samples lets models answer held-out questions.
func (d *Demo) Samples(ctx context.Context, models ...*model.Model) ([]Sample, error) {
	decoders := make([]*model.Decoder, len(models))
	for i, m := range models {
		decoders[i] = model.NewDecoder(m, d.pool)
	}
	var out []Sample
	for i := range sampleCount {
		segs := synth.Domain(domainSeed, uint64(1000+i), synth.Valid)
		s := Sample{Question: segs[0].Text, Want: segs[1].Text}
		for j, m := range models {
			e := eval.Evaluator{Model: m, Pool: d.pool, Tokenizer: d.Tokenizer}
			ids, err := eval.Greedy(ctx, &e, decoders[j], d.Tokenizer.Encode(s.Question, false), answerTokens)
			if err != nil {
				return nil, err
			}
			s.Got = append(s.Got, firstLine(d.Tokenizer.Decode(ids, true)))
		}
		out = append(out, s)
	}
	return out, nil
}

// BaseAnswers are the base model's answers to the questions of Samples.
func (d *Demo) BaseAnswers(ctx context.Context) ([]string, error) {
	base, err := checkpoint.Load(d.path("base"))
	if err != nil {
		return nil, err
	}
	samples, err := d.Samples(ctx, base.Model)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range samples {
		out = append(out, s.Got[0])
	}
	return out, nil
}

// firstLine cuts an answer where the next question would begin.
func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}

// CopyAccuracy is the share of the random words of a probe that a model copies: a base model that cannot copy them will
// never name a column that it has not seen.
func CopyAccuracy(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, pool *tensor.Pool, n int) (eval.Spans, error) {
	e := eval.Evaluator{Model: m, Pool: pool, Tokenizer: tok}
	return e.Spans(ctx, probes(tok, n))
}

// Ceiling is the part of full cross-entropy's multiply-adds that replay can save at most: 1 − (E·C_replay + C_stage0) /
// (E·C_full), with f the share of positions that carry loss, ids the mean number of ids that the head computes per
// position, and E epochs.
func (d *Demo) Ceiling(ids float64) (ceiling, f, headShare float64) {
	c := d.base.Model.Config
	f = float64(d.Record.Positions) / float64(d.Record.Tokens)
	attention := float64(c.Layers * c.Heads * c.HeadDim * seqLen)
	body := float64(c.BodyParams()) + attention
	full := float64(c.VocabSize * c.HiddenSize)
	e := float64(3 * epochs) // a training step costs as much as three forward passes
	replayStep := body + float64(f*ids*float64(c.HiddenSize))
	fullPass := body + float64(f*full)
	cost := float64(e*replayStep) + fullPass
	return 1 - cost/float64(e*fullPass), f, full / (full + float64(c.BodyParams()))
}
