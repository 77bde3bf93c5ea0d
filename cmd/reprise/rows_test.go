package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/data"
	"reprise/eval"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tensor"
)

// rowTemplates write all that rows can give them: one marks what the assistant writes, the other does not.
var rowTemplates = map[string]string{
	"plain":  `{% if tools %}{{ tools | tojson }}{% endif %}{{ enable_thinking | default('') }}{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ m.thinking | default('') }}<|endoftext|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`,
	"marked": `{% if tools %}{{ tools | tojson }}{% endif %}{{ enable_thinking | default('') }}{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ m.thinking | default('') }}<|endoftext|>{% endgeneration %}{% else %}{{ m.content }}<|endoftext|>{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`,
}

// learntDocument is a document as text: its ids, those with loss in brackets.
func learntDocument(ids []int32, target []bool) string {
	var b strings.Builder
	for i, id := range ids {
		if target[i] {
			fmt.Fprintf(&b, "[%d]", id)
		} else {
			fmt.Fprintf(&b, " %d", id)
		}
	}
	return b.String()
}

// recorded are the documents of a record, sorted.
func recorded(t *testing.T, path string) (docs []string) {
	t.Helper()
	r, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.Len() {
		var q data.Sequence
		if err := r.Sequence(i, &q); err != nil {
			t.Fatal(err)
		}
		for k, from := range q.DocStarts {
			to := len(q.IDs)
			if k+1 < len(q.DocStarts) {
				to = int(q.DocStarts[k+1])
			}
			docs = append(docs, learntDocument(q.IDs[from:to], q.Target[from:to]))
		}
	}
	slices.Sort(docs)
	return docs
}

// TestWhatIsShownIsLearnt: for a corpus with rows of every shape and every field that is used, record stores, train --data trains on
// and eval scores exactly the ids and targets that inspect data shows.
func TestWhatIsShownIsLearnt(t *testing.T) {
	var rows []string
	for _, s := range data.Shapes() {
		rows = append(rows, s.Example)
		for _, f := range s.Beside {
			if f.Use != data.Used {
				continue
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(s.Example), &fields); err != nil {
				t.Fatal(err)
			}
			if fields[f.Names[0]] != nil {
				continue // of a shape with the same table
			}
			fields[f.Names[0]] = json.RawMessage(f.Value)
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, string(text))
		}
	}
	rows = append(rows,
		`{"messages": [{"role": "user", "content": "the red"}, {"role": "assistant", "content": "bad", "weight": 0}, {"role": "user", "content": "no"}, {"role": "assistant", "content": "lamp", "thinking": "hm"}]}`,
		`{"conversations": [{"from": "human", "value": "Q"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 20.0}}"}, {"from": "observation", "value": "1"}, {"from": "gpt", "value": "A"}]}`,
		`{"instruction": "do", "input": "this", "output": "it", "history": [["a", "b"]], "system": "s", "id": 7, "nobody_knows": 1}`,
		`{"prompt": "a prompt that is long", "completion": "`+strings.Repeat("and goes on ", 150)+`"}`)
	if len(rows) < 25 {
		t.Fatalf("%d rows: the table lacks uses", len(rows))
	}
	for name, template := range rowTemplates {
		t.Run(name, func(t *testing.T) { shownIsLearnt(t, template, rows) })
	}
}

func shownIsLearnt(t *testing.T, template string, rows []string) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	model, file := filepath.Join(dir, "base"), filepath.Join(dir, "rows.jsonl")
	config, err := json.Marshal(map[string]any{"eos_token": "<|endoftext|>", "chat_template": template})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(model, "tokenizer_config.json"): string(config),
		filepath.Join(model, "config.json"):           strings.Replace(tiny.Config, `"max_position_embeddings":64`, `"max_position_embeddings":512`, 1),
		file:                                          strings.Join(rows, "\n"),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func(args ...string) []byte {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := execute(context.Background(), args, &stdout, &stderr); code != exitDone {
			t.Fatalf("%q: %s", args, stderr.String())
		}
		return stdout.Bytes()
	}
	// inspect returns the documents that inspect data shows, as they are and sorted as text.
	inspect := func(more ...string) (docs []data.Document, texts []string) {
		t.Helper()
		var r dataReport
		if err := json.Unmarshal(call(append([]string{"inspect", "data", "--model", model, "--data", file, "--show", "999", "--json"}, more...)...), &r); err != nil {
			t.Fatal(err)
		}
		if r.Documents != len(r.Shown) || r.Samples != len(rows) || len(r.Warnings) != 2 {
			t.Fatalf("%d documents, %d shown, of %d samples of %d, warnings %q", r.Documents, len(r.Shown), r.Samples, len(rows), r.Warnings)
		}
		for _, s := range r.Shown {
			var d data.Document
			for _, token := range s.Tokens {
				d.IDs, d.Target = append(d.IDs, token.ID), append(d.Target, token.Trained)
			}
			docs, texts = append(docs, d), append(texts, learntDocument(d.IDs, d.Target))
		}
		slices.Sort(texts)
		return docs, texts
	}
	_, want := inspect()
	call("record", "--model", model, "--data", file, "--out", filepath.Join(dir, "a.replay"), "--quiet")
	if got := recorded(t, filepath.Join(dir, "a.replay")); !slices.Equal(got, want) {
		t.Errorf("record stores\n%q\nand inspect data shows\n%q", got, want)
	}
	// A record that is made while training has the sequences that were trained on.
	call("train", "--model", model, "--loss", "full", "--data", file, "--epochs", "1", "--out", filepath.Join(dir, "run"), "--record-out", filepath.Join(dir, "b.replay"))
	if got := recorded(t, filepath.Join(dir, "b.replay")); !slices.Equal(got, want) {
		t.Errorf("train learns\n%q\nand inspect data shows\n%q", got, want)
	}
	docs, _ := inspect("--evaluation")
	if got, want := evaluated(t, call("eval", "--model", model, "--data", "rows="+file, "--json")), scored(t, model, docs); got != want {
		t.Errorf("eval gives %s, and what inspect data shows %s", got, want)
	}
}

// evaluated is the loss and the number of tokens in what eval --json prints.
func evaluated(t *testing.T, out []byte) string {
	t.Helper()
	var r struct {
		Results []struct {
			Loss   float64
			Tokens int
		}
	}
	if err := json.Unmarshal(out, &r); err != nil || len(r.Results) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	return fmt.Sprint(r.Results[0].Loss, r.Results[0].Tokens)
}

// scored is the loss of documents and the number of tokens with loss.
func scored(t *testing.T, dir string, docs []data.Document) string {
	t.Helper()
	b, err := base.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(2)
	defer pool.Close()
	r, err := (&eval.Evaluator{Model: b.Model, Pool: pool}).Documents(context.Background(), docs)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(*r.Loss, r.Tokens)
}
