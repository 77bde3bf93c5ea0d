package eval

import (
	"strings"
	"testing"

	"reprise/data"
)

// A missing field of an Evaluator, or a document that is too long for the model, is an error that says so: both are mistakes of
// the program that uses this package.
func TestEvaluatorRefuses(t *testing.T) {
	b := newBench(t)
	whole := Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok}
	path := b.write(t, "a.jsonl", row{"text": "the red lamp"})
	for _, spoil := range []func(e *Evaluator){
		func(e *Evaluator) { e.Model = nil },
		func(e *Evaluator) { e.Pool = nil },
		func(e *Evaluator) { e.Tokenizer = nil },
	} {
		e := whole
		spoil(&e)
		if _, err := e.Run(t.Context(), Set{Name: "x", Path: path}); err == nil || !strings.Contains(err.Error(), "needs Model, Pool and Tokenizer") {
			t.Errorf("error %v", err)
		}
		if e.Tokenizer != nil { // documents are tokenised already
			if _, err := e.Documents(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "needs Model and Pool") {
				t.Errorf("error %v", err)
			}
		}
	}
	n := b.now.Config.MaxPositions + 1
	long := data.Document{IDs: make([]int32, n), Target: make([]bool, n), Source: "a.txt", Line: 3}
	long.Target[1] = true
	if _, err := whole.Documents(t.Context(), []data.Document{long}); err == nil || !strings.Contains(err.Error(), "document 0 (a.txt, line 3) has") {
		t.Errorf("error %v", err)
	}
	long.Source = ""
	if _, err := whole.Documents(t.Context(), []data.Document{long}); err == nil || !strings.Contains(err.Error(), "document 0 (made in memory) has") {
		t.Errorf("error %v", err)
	}
	if _, _, _, err := whole.Losses(t.Context(), []data.Document{long}); err == nil || !strings.Contains(err.Error(), "in data.Options") {
		t.Errorf("error %v", err)
	}
}
