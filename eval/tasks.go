package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/base"
	"reprise/data"
	"reprise/internal/exact"
	"reprise/model"
)

// choice scores every option after its prompt, without an end id; the prompt does not list the options. The answer is the
// option with the greatest summed log-likelihood; ties go to the lowest index.
func (e *Evaluator) choice(ctx context.Context, path string) (Result, error) {
	rows, stats, err := data.Rows(path, e.Reading)
	if err != nil {
		return Result{}, err
	}
	var docs []data.Document
	truncated := 0
	scored := rows[:0]
	for _, row := range rows {
		if len(row.Choices) < 2 {
			return Result{}, rowError(row, "choices", "task choice wants a list \"choices\" of two or more, found %d", len(row.Choices))
		}
		if row.Answer < 0 || row.Answer >= len(row.Choices) {
			return Result{}, rowError(row, "answer", "answer %d, want 0 to %d", row.Answer, len(row.Choices)-1)
		}
		right := cmp.Or(row.Completion, row.Choices[row.Answer]) // what the loss would be of
		if _, _, err := data.Pair(e.Tokenizer, row.Prompt, right, e.Reading.Seam, e.maxSeqLen(), false); e.leftOut(err, &stats) {
			continue
		}
		stats.Saw(&row)
		scored = append(scored, row)
		cutRow := false
		for i, option := range row.Choices {
			d, cut, err := data.Pair(e.Tokenizer, row.Prompt, option, e.Reading.Seam, e.maxSeqLen(), false)
			if errors.Is(err, data.ErrNothing) {
				return Result{}, rowError(row, "choices", "field \"choices\": option %d, %q, has no token that can be scored; every option needs a text", i, option)
			}
			if err != nil {
				return Result{}, rowError(row, "choices", "%w", err)
			}
			if err := e.Tokenizer.CheckRows(d.IDs); err != nil {
				return Result{}, rowError(row, "", "%w", err)
			}
			cutRow = cutRow || cut
			docs = append(docs, d)
		}
		if cutRow { // a row counts once, however many of its options were too long
			truncated++
		}
	}
	if rows = scored; len(rows) == 0 {
		return Result{}, stats.AllEmpty(path)
	}
	scores := make([]float64, 0, len(docs)) // summed log-likelihood
	tokens := 0
	err = e.each(ctx, docs, func(_ *data.Document, losses []float64) {
		var sum float64
		for _, l := range losses {
			sum -= l
		}
		scores = append(scores, sum)
		tokens += len(losses)
	})
	if err != nil {
		return Result{}, err
	}
	correct, perByte := 0, 0
	var choiceLoss, chance float64
	for _, row := range rows {
		n := len(row.Choices)
		s, d := scores[:n], docs[:n]
		scores, docs = scores[n:], docs[n:]
		best, bestPerByte := 0, 0
		for i := range s {
			if s[i] > s[best] {
				best = i
			}
			if s[i]/float64(max(1, d[i].Bytes)) > s[bestPerByte]/float64(max(1, d[bestPerByte].Bytes)) {
				bestPerByte = i
			}
		}
		if best == row.Answer {
			correct++
		}
		if bestPerByte == row.Answer {
			perByte++
		}
		var sum float64
		for i := range s {
			sum += exact.Exp(s[i] - s[best])
		}
		choiceLoss += exact.Log(sum) - (s[row.Answer] - s[best])
		chance += 1 / float64(n)
	}
	total := float64(len(rows))
	choiceLoss /= total
	chance /= total
	return Result{Correct: &correct, CorrectPerByte: &perByte, Total: len(rows), ChoiceLoss: &choiceLoss, Chance: &chance,
		Tokens: tokens, Truncated: truncated, Notices: stats.Notices(e.maxSeqLen())}, nil
}

// match completes every prompt greedily up to the end id and compares, white space collapsed and case kept. Of a conversation the
// last message is the expected answer, and an id that ends a turn also ends the model's.
func (e *Evaluator) match(ctx context.Context, path string) (Result, error) {
	rows, stats, err := data.Rows(path, e.Reading)
	if err != nil {
		return Result{}, err
	}
	date, err := e.Reading.Date()
	if err != nil {
		return Result{}, err
	}
	decoder := model.NewDecoder(e.Model, e.Pool)
	correct, tokens, truncated, total := 0, 0, 0, 0
	for _, row := range rows {
		talk := row.Chat.Messages != nil
		if !talk && (row.Prompt == "" || row.Completion == "") {
			return Result{}, rowError(row, "", "task match wants a question and its answer (\"prompt\" and \"completion\"), or a conversation that ends with the answer")
		}
		var prompt, want []int32
		if talk {
			row.Chat.Date = date
			prompt, want, row.Completion, err = row.Ask(e.Tokenizer)
		} else {
			prompt, want = e.Tokenizer.EncodeCompletion(row.Prompt, row.Completion, e.Reading.Seam)
			_, _, err = data.Pair(e.Tokenizer, row.Prompt, row.Completion, e.Reading.Seam, e.maxSeqLen(), true)
		}
		if e.leftOut(err, &stats) {
			continue
		}
		if err != nil {
			return Result{}, rowError(row, "", "%w", err)
		}
		total++
		if err := e.Tokenizer.CheckRows(prompt); err != nil {
			return Result{}, rowError(row, "", "%w", err)
		}
		stats.Saw(&row)
		limit := e.MaxTokens
		if limit == 0 {
			limit = max(128, 2*len(want))
		}
		// The answer may use the positions that the prompt leaves, but at least as many tokens as the expected answer needs.
		limit = min(limit, max(len(want)+1, e.maxSeqLen()-len(prompt)))
		if room := e.maxSeqLen() - limit; len(prompt) > room {
			if room < 1 {
				return Result{}, rowError(row, "", "an answer of %d tokens leaves no room for a prompt in %d", limit, e.maxSeqLen())
			}
			first := e.Tokenizer.Prefix() // a chat template may leave it out
			if !slices.Equal(first, prompt[:min(len(first), len(prompt))]) {
				first = nil
			}
			prompt = cutLeft(prompt, room, len(first))
			truncated++
		}
		more := e.Model.Config.EOS
		if id, ok := e.Tokenizer.EndOfTurnIn(row.Chat); ok && talk {
			more = append([]int32{id}, more...)
		}
		got, err := greedy(ctx, e, decoder, prompt, limit, base.Ends(e.Tokenizer, talk, more...))
		if err != nil {
			return Result{}, err
		}
		tokens += len(got)
		if wanted, _ := e.Tokenizer.CutEnd(row.Completion); Same(e.Tokenizer.Decode(got, true), wanted) {
			correct++
		}
	}
	if total == 0 {
		return Result{}, stats.AllEmpty(path)
	}
	return Result{Correct: &correct, Total: total, Tokens: tokens, Truncated: truncated, Notices: stats.Notices(e.maxSeqLen())}, nil
}

// leftOut says that a row is left out because of an error that it is empty, and counts it. The loss leaves out the same rows.
func (e *Evaluator) leftOut(err error, stats *data.Stats) bool {
	if !e.Reading.SkipEmpty || !errors.Is(err, data.ErrNothing) {
		return false
	}
	stats.Empty++
	return true
}

// rowError is the error of a row that a task cannot use; field may be "".
func rowError(row data.Row, field, format string, args ...any) error {
	return &data.RowError{File: row.File, Line: row.Line, Field: field, Err: fmt.Errorf(format, args...)}
}

// cutLeft keeps the last n ids of a prompt, and in their place its first ones, which begin every document, if there is room.
func cutLeft(prompt []int32, n, first int) []int32 {
	if n > first {
		return append(prompt[:first:first], prompt[len(prompt)-n+first:]...)
	}
	return prompt[len(prompt)-n:]
}

// Greedy completes a prompt up to the end id, which is not returned, or to limit tokens.
func Greedy(ctx context.Context, e *Evaluator, d *model.Decoder, prompt []int32, limit int) ([]int32, error) {
	return greedy(ctx, e, d, prompt, limit, base.Ends(e.Tokenizer, false, e.Model.Config.EOS...))
}

// greedy is Greedy with the ids that end the answer.
func greedy(ctx context.Context, e *Evaluator, d *model.Decoder, prompt []int32, limit int, stop []int32) ([]int32, error) {
	var out []int32
	for id, err := range model.Generate(ctx, d, prompt, limit, model.Sampling{}, stop) {
		if err != nil {
			return nil, err
		}
		if slices.Contains(stop, id) {
			return out, nil
		}
		out = append(out, id)
	}
	return out, nil
}

// Same compares two answers. A run of white space counts as one space; leading and trailing white space is ignored.
func Same(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}
