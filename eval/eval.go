package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"reprise/data"
	"reprise/internal/exact"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Task is a way to measure a model on a file.
type Task string

// The tasks.
const (
	Loss   Task = "loss"   // cross-entropy of the targets
	Choice Task = "choice" // multiple choice: the option with the greatest log-likelihood
	Match  Task = "match"  // greedy completion equal to the expected one
)

// Set is one named file to evaluate on.
type Set struct {
	Name, Path string
	Task       Task // "": Loss
}

// ParseSet reads NAME=FILE or NAME=FILE:task.
func ParseSet(s string) (Set, error) {
	name, path, ok := strings.Cut(s, "=")
	if !ok || name == "" || path == "" {
		return Set{}, fmt.Errorf("eval: data %q: want NAME=FILE, NAME=FILE:choice or NAME=FILE:match", s)
	}
	set := Set{Name: name, Path: path, Task: Loss}
	for _, t := range []Task{Loss, Choice, Match} {
		if rest, found := strings.CutSuffix(path, ":"+string(t)); found {
			set.Path, set.Task = rest, t
		}
	}
	return set, nil
}

// ParseSets reads sets. It refuses two sets with the same name and task, because their results would look alike.
func ParseSets(list []string) ([]Set, error) {
	var sets []Set
	for _, text := range list {
		s, err := ParseSet(text)
		if err != nil {
			return nil, err
		}
		for _, other := range sets {
			if other.Name == s.Name && other.Task == s.Task {
				return nil, fmt.Errorf("eval: data %q: the name %s is taken by %s; every set of a task needs a name of its own", text, s.Name, other.Path)
			}
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// Result is the result of one set. Fields that do not belong to its task are left out of JSON.
type Result struct {
	Name string `json:"name"`
	Task Task   `json:"task"`

	Loss        *float64 `json:"loss,omitempty"` // nats per scored token
	Perplexity  *float64 `json:"perplexity,omitempty"`
	BitsPerByte *float64 `json:"bits_per_byte,omitempty"`
	Tokens      int      `json:"tokens"`              // scored
	Truncated   int      `json:"truncated,omitempty"` // samples cut to the model's length
	Notices     []string `json:"notices,omitempty"`   // what reading the file changed or left out

	Correct        *int     `json:"correct,omitempty"`
	CorrectPerByte *int     `json:"correct_per_byte,omitempty"`
	Total          int      `json:"total"`
	ChoiceLoss     *float64 `json:"choice_loss,omitempty"` // nats: −log of (the right option's likelihood / the sum over all options)
	Chance         *float64 `json:"chance,omitempty"`

	Drift *Drift `json:"drift,omitempty"` // with Evaluator.Base, over the positions of task loss and the options of task choice
}

// Evaluator scores a model. It is not safe for concurrent use.
type Evaluator struct {
	Model     *model.Model
	Pool      *tensor.Pool
	Tokenizer *tokenizer.Tokenizer
	Base      *model.Model // to measure drift against; same vocabulary. nil: no drift
	MaxSeqLen int          // longest sequence, in tokens; 0: the model's number of positions
	Reading   data.Reading // how the files' rows are understood
	MaxTokens int          // match: longest answer; 0: 128
	Idle      *model.Pass  // a pass whose memory may be used while the Evaluator works; nil: none

	pass    *model.Pass
	full    loss.Full
	compare comparer
}

// BatchTokens is the number of tokens scored together, unless a single document is longer. The results do not depend on it.
const BatchTokens = 2048

func (e *Evaluator) maxSeqLen() int {
	if e.MaxSeqLen > 0 {
		return min(e.MaxSeqLen, e.Model.Config.MaxPositions)
	}
	return e.Model.Config.MaxPositions
}

// Run evaluates one set.
func (e *Evaluator) Run(ctx context.Context, s Set) (Result, error) {
	var (
		r   Result
		err error
	)
	s.Task = cmp.Or(s.Task, Loss)
	if e.Model == nil || e.Pool == nil || e.Tokenizer == nil {
		return Result{}, fmt.Errorf("eval: %s: the Evaluator needs Model, Pool and Tokenizer", s.Name)
	}
	switch s.Task {
	case Loss:
		r, err = e.lossOf(ctx, s.Path)
	case Choice:
		r, err = e.choice(ctx, s.Path)
	case Match:
		r, err = e.match(ctx, s.Path)
	default:
		err = fmt.Errorf("task %q is unknown; known: loss, choice, match", s.Task)
	}
	if err != nil {
		return Result{}, fmt.Errorf("eval: %s: %w", s.Name, err)
	}
	if e.Base != nil && s.Task != Match {
		r.Drift = e.compare.drift()
	}
	r.Name, r.Task = s.Name, s.Task
	return r, nil
}

// lossOf scores the targets of a file.
func (e *Evaluator) lossOf(ctx context.Context, path string) (Result, error) {
	docs, stats, err := data.LoadDocuments(path, e.Tokenizer, data.Options{MaxSeqLen: e.maxSeqLen(), Evaluation: true, Reading: e.Reading, Context: ctx})
	if err != nil {
		return Result{}, err
	}
	r, err := e.Documents(ctx, docs)
	r.Truncated = stats.Truncated
	stats.Truncated = 0 // it is a number of the result
	r.Notices = stats.Notices(e.maxSeqLen())
	return r, err
}

// Losses returns the summed loss and the number of targets of every document, and with Base the drift over all of them.
func (e *Evaluator) Losses(ctx context.Context, docs []data.Document) (sums []float64, targets []int, drift *Drift, err error) {
	err = e.each(ctx, docs, func(_ *data.Document, losses []float64) {
		var sum float64
		for _, l := range losses {
			sum += l
		}
		sums, targets = append(sums, sum), append(targets, len(losses))
	})
	if e.Base != nil {
		drift = e.compare.drift()
	}
	return sums, targets, drift, err
}

// Documents is the token-weighted cross-entropy over the targets of documents that are in memory.
// Bits per byte count the scored text only: the end id is left out of both.
func (e *Evaluator) Documents(ctx context.Context, docs []data.Document) (Result, error) {
	var sum, textSum float64
	tokens, bytes := 0, 0
	err := e.each(ctx, docs, func(d *data.Document, losses []float64) {
		k := 0
		for t, target := range d.Target {
			if target {
				sum += losses[k]
				if !(d.EndID && t == len(d.IDs)-1) {
					textSum += losses[k]
				}
				k++
			}
		}
		tokens += k
		bytes += d.Bytes
	})
	if err != nil {
		return Result{}, err
	}
	if tokens == 0 {
		return Result{}, fmt.Errorf("no token to score")
	}
	mean := sum / float64(tokens)
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return Result{}, fmt.Errorf("the loss is %g: the model has diverged; train with a lower learning rate", mean)
	}
	ppl := finiteExp(mean)
	r := Result{Loss: &mean, Perplexity: &ppl, Tokens: tokens, Total: len(docs)}
	if bytes > 0 {
		bpb := textSum / math.Ln2 / float64(bytes)
		r.BitsPerByte = &bpb
	}
	return r, nil
}

// finiteExp is e^x, or the largest finite number if e^x is larger: a diverged model also has results, and JSON has no infinity.
func finiteExp(x float64) float64 { return min(exact.Exp(x), math.MaxFloat64) }

// newPass makes the pass that scores, in the memory of Idle if that is given.
func (e *Evaluator) newPass() {
	if e.pass != nil {
		return
	}
	e.pass = model.NewPass(e.Model, e.Pool, false)
	if e.Idle != nil {
		e.pass.Borrow(e.Idle, loss.FullMemory(BatchTokens, e.Model.Config.VocabSize, e.Model.Config.HiddenSize)/4)
	}
}

// ready returns an error if a field is missing or a document is too long for the model.
func (e *Evaluator) ready(docs []data.Document) error {
	if e.Model == nil || e.Pool == nil {
		return errors.New("an Evaluator needs Model and Pool, and for files Tokenizer")
	}
	limit := e.Model.Config.MaxPositions
	for i := range docs {
		if d := &docs[i]; len(d.IDs) > limit {
			return fmt.Errorf("document %d (%s) has %d tokens, the model takes %d; load the documents with MaxSeqLen %d in data.Options",
				i, d.Origin(), len(d.IDs), limit, limit)
		}
	}
	return nil
}

// each scores documents in batches and calls use for every document, in order, with its losses, one per target.
func (e *Evaluator) each(ctx context.Context, docs []data.Document, use func(*data.Document, []float64)) error {
	if err := e.ready(docs); err != nil {
		return err
	}
	e.newPass()
	if e.Base != nil && e.compare.pass == nil {
		e.compare.pass = model.NewPass(e.Base, e.Pool, false)
	}
	e.compare.reset()
	for len(docs) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, size := 0, 0
		for n < len(docs) && (n == 0 || size+len(docs[n].IDs) <= BatchTokens) {
			size += len(docs[n].IDs)
			n++
		}
		losses := e.score(docs[:n])
		for i := range docs[:n] {
			count := docs[i].Targets()
			use(&docs[i], losses[:count])
			losses = losses[count:]
		}
		docs = docs[n:]
	}
	return nil
}

// score runs one batch and returns the losses of its targets, document by document.
func (e *Evaluator) score(docs []data.Document) []float64 {
	var b model.Batch
	var t loss.Targets
	for _, d := range docs {
		t.Append(d.IDs, d.Target, int32(len(b.IDs)))
		b.Append(d.IDs, []int32{0})
	}
	h := e.pass.Forward(b)
	losses := make([]float64, len(t.Rows))
	if e.Base != nil {
		e.compare.score(e.Pool, e.Model.Head(), e.Base.Head(), h, e.compare.pass.Forward(b), t, losses)
		return losses
	}
	e.full.Space = e.pass.Spare()
	e.full.Run(e.Pool, e.Model.Head(), h, nil, t, 1, losses)
	return losses
}
