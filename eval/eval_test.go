package eval

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// bench is a tiny model, another model of the same shape, and their tokenizer.
type bench struct {
	dir        string
	now, base  *model.Model
	tok        *tokenizer.Tokenizer
	pool       *tensor.Pool
	nowP, oldP *model.Pass
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), pool: tensor.NewPool(2)}
	t.Cleanup(b.pool.Close)
	if err := tiny.Write(b.dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(b.dir, "base", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tiny.Model(filepath.Join(b.dir, "other"), text, 7); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]**model.Model{"base": &b.base, "other": &b.now} {
		loaded, err := checkpoint.Load(filepath.Join(b.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		*m = loaded.Model
	}
	if b.tok, err = tokenizer.Load(filepath.Join(b.dir, "base")); err != nil {
		t.Fatal(err)
	}
	b.nowP, b.oldP = model.NewPass(b.now, b.pool, false), model.NewPass(b.base, b.pool, false)
	return b
}

func (b *bench) write(t *testing.T, name string, lines ...any) string {
	t.Helper()
	var out []string
	for _, l := range lines {
		if s, ok := l.(string); ok {
			out = append(out, s)
			continue
		}
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(strings.Join(out, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// logProbs are the log-probabilities over the vocabulary after every token, in float64 from the final hidden states.
func logProbs(p *model.Pass, ids []int32) [][]float64 {
	h := p.Forward(model.Batch{IDs: ids, DocStarts: []int32{0}})
	w := p.Model.Head().W
	var out [][]float64
	for i := range ids {
		z := make([]float64, w.Rows)
		var sum float64
		for v := range z {
			for k, x := range h.Row(i) {
				z[v] += float64(x) * float64(w.Row(v)[k])
			}
			sum += math.Exp(z[v])
		}
		for v := range z {
			z[v] -= math.Log(sum)
		}
		out = append(out, z)
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.8g, want %.8g", what, got, want)
	}
}

// row is a line of a file.
type row map[string]any

// TestLossAndDrift scores pairs and text and compares everything with sums over float64 log-probabilities.
func TestLossAndDrift(t *testing.T) {
	b := newBench(t)
	end, _ := b.tok.EOS()
	pairs := []struct{ prompt, completion string }{{"the red lamp", "sings quickly"}, {"a stone", "of the river"}, {"", "open"}}
	long := strings.Repeat("blue river and the lamp of seven ", 12)
	var lines []any
	for _, p := range pairs {
		lines = append(lines, row{"prompt": p.prompt, "completion": p.completion})
	}
	type scored struct {
		ids   []int32
		first int // first target
		bytes int
	}
	var docs []scored
	for _, p := range pairs {
		before, after := b.tok.EncodeCompletion(p.prompt, p.completion, tokenizer.SeamAuto)
		docs = append(docs, scored{append(append(slices.Clone(before), after...), end), max(1, len(before)), len(p.completion)})
	}
	docs[2].bytes -= len(strings.TrimPrefix(b.tok.Decode(docs[2].ids[:1], true), " ")) // its first id has nothing before it; the space was not counted
	for _, set := range []struct {
		name, path string
		docs       []scored
		end        bool
		limit      int
	}{
		{"pairs", b.write(t, "pairs.jsonl", lines...), docs, true, 48},
		{"text", b.write(t, "long.txt", long), nil, false, 40},
	} {
		if set.docs == nil {
			ids := b.tok.Encode(long+"\n", false)
			bytes := 0
			for len(ids) > 0 { // windows do not overlap; the first id of each has nothing before it
				n := min(set.limit, len(ids))
				bytes = len(b.tok.Decode(ids[1:n], true))
				set.docs = append(set.docs, scored{ids[:n], 1, bytes})
				ids = ids[n:]
			}
		}
		var loss, lossBase, textLoss, kl, squares float64
		var kls []float64
		n, same, bytes := 0, 0, 0
		for _, d := range set.docs {
			now, base := logProbs(b.nowP, d.ids), logProbs(b.oldP, d.ids)
			bytes += d.bytes
			for i := d.first; i < len(d.ids); i++ {
				p, q := base[i-1], now[i-1]
				loss -= q[d.ids[i]]
				lossBase -= p[d.ids[i]]
				if !(set.end && i == len(d.ids)-1) {
					textLoss -= q[d.ids[i]]
				}
				var k float64
				best, bestBase := 0, 0
				for v := range p {
					k += math.Exp(p[v]) * (p[v] - q[v])
					if q[v] > q[best] {
						best = v
					}
					if p[v] > p[bestBase] {
						bestBase = v
					}
				}
				if best == bestBase {
					same++
				}
				dp := math.Exp(q[d.ids[i]]) - math.Exp(p[d.ids[i]])
				squares += dp * dp
				kl += k
				kls = append(kls, k)
				n++
			}
		}
		e := &Evaluator{Model: b.now, Base: b.base, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: set.limit}
		r, err := e.Run(t.Context(), Set{Name: set.name, Path: set.path, Task: Loss})
		if err != nil {
			t.Fatal(err)
		}
		count := float64(n)
		if r.Tokens != n || r.Truncated != 0 {
			t.Errorf("%s: %d tokens, %d truncated, want %d and 0", set.name, r.Tokens, r.Truncated, n)
		}
		near(t, set.name+": loss", *r.Loss, loss/count, 1e-5)
		near(t, set.name+": perplexity", *r.Perplexity, math.Exp(loss/count), 1e-2)
		near(t, set.name+": bits per byte", *r.BitsPerByte, textLoss/math.Ln2/float64(bytes), 1e-4)
		d := r.Drift
		near(t, set.name+": mean KL", d.MeanKL, kl/count, 1e-5)
		var spread float64
		for _, k := range kls {
			spread += (k - kl/count) * (k - kl/count)
		}
		slices.Sort(kls)
		near(t, set.name+": KL's error", d.KLSE, math.Sqrt(spread/(count-1)/count), 1e-5)
		near(t, set.name+": median KL", d.KLP50, (kls[(n-1)/2]+kls[n/2])/2, 1e-5)
		near(t, set.name+": same top-1", d.SameTop1, float64(same)/count, 1e-9)
		near(t, set.name+": perplexity ratio", d.PPLRatio, math.Exp((loss-lossBase)/count), 1e-4)
		near(t, set.name+": Δp", d.DeltaRMS, math.Sqrt(squares/count), 1e-6)

		// Without a base model the loss has the same bits; against itself a model has no drift.
		alone := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: set.limit}
		if r2, err := alone.Run(t.Context(), Set{Name: "x", Path: set.path, Task: Loss}); err != nil || *r2.Loss != *r.Loss || r2.Drift != nil {
			t.Errorf("%s: without base: %v, %v", set.name, r2, err)
		}
		e.Base, e.compare.pass = b.now, nil
		if r, err := e.Run(t.Context(), Set{Name: "x", Path: set.path, Task: Loss}); err != nil || r.Drift.MeanKL != 0 || r.Drift.SameTop1 < 1-1e-9 || r.Drift.PPLRatio != 1 || r.Drift.DeltaRMS != 0 {
			t.Errorf("%s: drift from itself: %+v, %v", set.name, r.Drift, err)
		}
	}
}

// TestChoice: options follow the prompt without an end id and are ranked by summed log-likelihood, and per byte; ties go to the
// lowest index; a row that is too long counts as truncated once. So with every seam.
func TestChoice(t *testing.T) {
	for _, seam := range []tokenizer.Seam{"", tokenizer.SeamAuto, tokenizer.SeamExact, tokenizer.SeamSpace} {
		t.Run(string(seam), func(t *testing.T) { testChoice(t, seam) })
	}
}

func testChoice(t *testing.T, seam tokenizer.Seam) {
	b := newBench(t)
	rows := []struct {
		prompt  string
		choices []string
		answer  int
	}{
		{"the red lamp", []string{"sings", "of the river runs quickly", "a"}, 0},
		{"a stone", []string{"open", "close", "open"}, 1},
		{"seven", []string{"blue blue", "blue blue"}, 1},
		{"seven", []string{"blue blue", "blue blue"}, 0},
		{strings.Repeat("the river ", 30), []string{"sings", "runs"}, 0},
		{"a stone\n", []string{"\topens", " closes", "runs "}, 2},
	}
	var lines []any
	correct, perByte, tokens := 0, 0, 0
	var choiceLoss, chance float64
	size := func(c string, prompt string) float64 { return float64(len(b.tok.Join(prompt, c, seam).Completion)) }
	for _, r := range rows {
		lines = append(lines, row{"question": r.prompt, "choices": r.choices, "answer": r.answer})
		best, bestByte, sum := 0, 0, 0.0
		var s []float64
		for i, c := range r.choices {
			before, after := b.tok.EncodeCompletion(r.prompt, c, seam)
			if over := len(before) + len(after) - 48; over > 0 {
				before = before[over:]
			}
			ids := append(slices.Clone(before), after...)
			lp := logProbs(b.nowP, ids)
			var x float64
			for k := len(before); k < len(ids); k++ {
				x += lp[k-1][ids[k]]
			}
			tokens += len(after)
			s = append(s, x)
			if x > s[best]+1e-6 {
				best = i
			}
			if x/size(c, r.prompt) > s[bestByte]/size(r.choices[bestByte], r.prompt)+1e-6 {
				bestByte = i
			}
			sum += math.Exp(x)
		}
		if best == r.answer {
			correct++
		}
		if bestByte == r.answer {
			perByte++
		}
		choiceLoss += (math.Log(sum) - s[r.answer]) / float64(len(rows))
		chance += 1 / float64(len(r.choices)) / float64(len(rows))
	}
	e := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: 48, Reading: data.Reading{Seam: seam}}
	r, err := e.Run(t.Context(), Set{Name: "c", Path: b.write(t, "c.jsonl", lines...), Task: Choice})
	if err != nil {
		t.Fatal(err)
	}
	if *r.Correct != correct || *r.CorrectPerByte != perByte || r.Total != len(rows) || r.Tokens != tokens || r.Truncated != 1 {
		t.Errorf("%d right, %d per byte, of %d, %d tokens, %d truncated; want %d, %d, %d, %d, 1",
			*r.Correct, *r.CorrectPerByte, r.Total, r.Tokens, r.Truncated, correct, perByte, len(rows), tokens)
	}
	near(t, "choice loss", *r.ChoiceLoss, choiceLoss, 1e-5)
	near(t, "chance", *r.Chance, chance, 1e-9)
}

// TestMatch: completions are greedy up to the end id; white space is collapsed, case is kept.
func TestMatch(t *testing.T) {
	b := newBench(t)
	for id := range b.now.Config.VocabSize { // so that the fresh model writes words
		if word := b.tok.Decode([]int32{int32(id)}, true); strings.Trim(word, " abcdefghijklmnopqrstuvwxyz") != "" {
			clear(b.now.Head().W.Row(id))
		}
	}
	end, _ := b.tok.EOS()
	greedy := func(prompt string, limit int) string { // the greedy completion, token by token
		ids := b.tok.EncodePrompt(prompt)
		for from := len(ids); len(ids) < from+limit; {
			lp := logProbs(b.nowP, ids)[len(ids)-1]
			best := 0
			for v := range lp {
				if lp[v] > lp[best] {
					best = v
				}
			}
			if int32(best) == end {
				break
			}
			ids = append(ids, int32(best))
		}
		return b.tok.Decode(ids[len(b.tok.EncodePrompt(prompt)):], true)
	}
	limit := 6
	answer := greedy("the red", limit)
	if strings.TrimSpace(answer) == "" || strings.ToUpper(answer) == answer {
		t.Fatalf("the model writes %q: this tests nothing", answer)
	}
	e := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: 48, MaxTokens: limit}
	for completion, want := range map[string]int{answer: 1, " \n" + answer + "  ": 1, strings.ToUpper(answer): 0, answer + "x": 0} {
		// A prompt is cut to leave room for the answer; this one needs no cut.
		r, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "m.jsonl", row{"prompt": "the red", "completion": completion}), Task: Match})
		if err != nil {
			t.Fatal(err)
		}
		if *r.Correct != want || r.Total != 1 || r.Truncated != 0 {
			t.Errorf("completion %q: %d of %d right (%d truncated), want %d", completion, *r.Correct, r.Total, r.Truncated, want)
		}
	}
	// The prompt is what generation is given: with its white space, unless the seam takes that away.
	asked := "the red\n"
	if greedy(asked, limit) == answer {
		t.Fatalf("both prompts give %q: this tests nothing", answer)
	}
	for seam, want := range map[tokenizer.Seam]string{"": greedy(asked, limit), "auto": greedy(asked, limit), "exact": greedy(asked, limit), "space": answer} {
		e.Reading.Seam = seam
		for completion, right := range map[string]int{want: 1, want + "<|endoftext|>\n": 1, want + "x": 0} {
			r, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "m.jsonl", row{"prompt": asked, "completion": completion}), Task: Match})
			if err != nil || *r.Correct != right {
				t.Errorf("seam %q, completion %q: %d right, want %d (%v)", seam, completion, *r.Correct, right, err)
			}
		}
	}
	long := strings.Repeat("the river ", 40)
	r, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "m.jsonl", row{"prompt": long, "completion": "sings"}), Task: Match})
	if err != nil || r.Truncated != 1 {
		t.Errorf("a long prompt: %d truncated, %v", r.Truncated, err)
	}
}

// TestMatchOfConversations: the expected answer is the last message, the prompt is what training has before it, and the token that ends
// a turn ends the model's answer.
func TestMatchOfConversations(t *testing.T) {
	b := newBench(t)
	config := `{"eos_token": "<|endoftext|>", "chat_template": "{% for m in messages %}{{ m.role }}: {{ m.content }}<|endoftext|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"}`
	text, err := os.ReadFile(filepath.Join(b.dir, "base", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(text, []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	e := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: tok, MaxSeqLen: 48, MaxTokens: 6}
	talk := func(last row) row {
		return row{"messages": []row{{"role": "user", "content": "the red"}, last}, "nobody_knows": 1}
	}
	path := b.write(t, "talk.jsonl", talk(row{"role": "assistant", "content": "lamp"}))
	rows, _, err := data.Rows(path, data.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	prompt, want, answer, err := rows[0].Ask(tok)
	if err != nil || answer != "lamp" {
		t.Fatalf("%q, %v", answer, err)
	}
	docs, _, err := data.LoadDocuments(path, tok, data.Options{MaxSeqLen: 48})
	if err != nil || !slices.Equal(docs[0].IDs[:len(prompt)+len(want)], slices.Concat(prompt, want)) || docs[0].Target[len(prompt)-1] || !docs[0].Target[len(prompt)] {
		t.Errorf("training has %v, the task %v and %v; %v", docs[0].IDs, prompt, want, err)
	}
	got, err := Greedy(t.Context(), e, model.NewDecoder(e.Model, e.Pool), prompt, 6)
	if err != nil {
		t.Fatal(err)
	}
	written := tok.Decode(got, true)
	if strings.TrimSpace(written) == "" {
		t.Fatal("the model writes nothing: this tests nothing")
	}
	for content, right := range map[string]int{written: 1, written + "x": 0} {
		r, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "talk.jsonl", talk(row{"role": "assistant", "content": content})), Task: Match})
		if err != nil || *r.Correct != right || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "nobody_knows") {
			t.Errorf("%q: %+v, %v; want %d right", content, r, err, right)
		}
	}
	for _, last := range []row{{"role": "user", "content": "red"}, {"role": "assistant", "content": "lamp", "weight": 0}} {
		list := []row{{"role": "user", "content": "the"}, {"role": "assistant", "content": "river"}, last}
		_, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "talk.jsonl", row{"messages": list}), Task: Match})
		if _, ok := errors.AsType[*data.RowError](err); !ok || !strings.Contains(err.Error(), "there is no expected answer") {
			t.Errorf("%v: %v", last, err)
		}
	}
	if r, err := e.Run(t.Context(), Set{Name: "m", Path: b.write(t, "qa.jsonl", row{"question": "the red", "answer": "x"}), Task: Match}); err != nil || r.Total != 1 {
		t.Errorf("question and answer: %+v, %v", r, err)
	}
}

// The error for a row that a task cannot use names file and line, even if a directory was given.
func TestRowErrors(t *testing.T) {
	b := newBench(t)
	e := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: 8, MaxTokens: 9}
	good := row{"prompt": "the red lamp", "completion": "sings"}
	if err := os.Mkdir(filepath.Join(b.dir, "set"), 0o777); err != nil {
		t.Fatal(err)
	}
	b.write(t, "set/valid-0.jsonl", row{"prompt": "a", "choices": []string{"b", "c"}, "answer": 1})
	in := b.write(t, "set/valid-1.jsonl", "", good)
	for _, c := range []struct {
		path  string
		task  Task
		file  string
		line  int
		field string
	}{
		{filepath.Join(b.dir, "set"), Choice, in, 2, "choices"},
		{b.write(t, "one.jsonl", row{"prompt": "a", "choices": []string{"b"}, "answer": 0}), Choice, "", 1, "choices"},
		{b.write(t, "blank.jsonl", row{"prompt": "a", "choices": []string{"b", " "}, "answer": 0}), Choice, "", 1, "choices"},
		{b.write(t, "bare.jsonl", good, row{"prompt": "", "completion": "sings"}), Match, "", 2, ""},
		{b.write(t, "bad.jsonl", good, row{"prompt": 3, "completion": "sings"}), Match, "", 2, "prompt"},
		{b.write(t, "long.jsonl", row{"prompt": "the", "completion": "red lamp sings and the river runs"}), Match, "", 1, ""},
	} {
		if c.file == "" {
			c.file = c.path
		}
		_, err := e.Run(t.Context(), Set{Name: "x", Path: c.path, Task: c.task})
		at, ok := errors.AsType[*data.RowError](err)
		if !ok || at.File != c.file || at.Line != c.line || at.Field != c.field {
			t.Errorf("%s of %s: %v, want line %d of %s, field %q", c.task, c.path, err, c.line, c.file, c.field)
		}
	}
}

// TestEmptyRows: the tasks leave out the rows that the loss leaves out, and a blank option has an error of its own.
func TestEmptyRows(t *testing.T) {
	b := newBench(t)
	skips := data.Reading{SkipEmpty: true}
	run := func(path string, task Task, reading data.Reading) (Result, error) {
		e := &Evaluator{Model: b.now, Pool: b.pool, Tokenizer: b.tok, MaxSeqLen: 48, MaxTokens: 3, Reading: reading}
		return e.Run(t.Context(), Set{Name: "x", Path: path, Task: task})
	}
	blank := row{"prompt": "the red", "completion": " \n"}
	pairs := b.write(t, "pairs.jsonl", row{"prompt": "the red", "completion": "lamp"}, blank)
	choices := b.write(t, "choices.jsonl", row{"prompt": "a", "choices": []string{"b", "c"}, "answer": 1}, row{"prompt": "a", "choices": []string{"b", " "}, "answer": 1})
	for task, path := range map[Task]string{Loss: pairs, Match: pairs, Choice: choices} {
		r, err := run(path, task, skips)
		if err != nil || r.Total != 1 && task != Loss || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "1 of 2 samples have nothing to learn and are left out") {
			t.Errorf("%s: %+v, %v", task, r, err)
		}
	}
	if _, err := run(pairs, Match, data.Reading{}); !errors.Is(err, data.ErrNothing) {
		t.Errorf("a blank answer: %v", err)
	}
	for task, path := range map[Task]string{Match: b.write(t, "m.jsonl", blank), Choice: b.write(t, "c.jsonl", row{"prompt": "a", "choices": []string{"b", " "}, "answer": 1})} {
		if _, err := run(path, task, skips); !errors.Is(err, data.ErrAllEmpty) || !strings.Contains(err.Error(), "all 1 rows are empty") {
			t.Errorf("%s of nothing: %v", task, err)
		}
	}
	wrong := b.write(t, "wrong.jsonl", row{"prompt": "a", "choices": []string{"b", " "}, "answer": 0})
	for _, reading := range []data.Reading{{}, skips} {
		if _, err := run(wrong, Choice, reading); err == nil || errors.Is(err, data.ErrNothing) || !strings.Contains(err.Error(), `option 1, " ", has no token`) {
			t.Errorf("a blank option: %v", err)
		}
	}
}

// TestDivergedModel: if the perplexity of a diverged model would be infinite, which JSON cannot hold, it is the largest finite
// number; a loss that is not a number is an error.
func TestDivergedModel(t *testing.T) {
	b := newBench(t)
	e := &Evaluator{Model: b.now, Base: b.base, Pool: b.pool, Tokenizer: b.tok}
	path := b.write(t, "text.txt", "the red lamp sings and the river runs")
	for p := range b.now.Params() {
		for i := range p.W.Data {
			p.W.Data[i] *= 3000
		}
	}
	r, err := e.Run(t.Context(), Set{Name: "x", Path: path}) // the zero Task is Loss
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil || *r.Loss < 1000 || r.Task != Loss {
		t.Errorf("loss %g: %v", *r.Loss, err)
	}
	for p := range b.now.Params() {
		for i := range p.W.Data {
			p.W.Data[i] = float32(math.NaN())
		}
	}
	if _, err := e.Run(t.Context(), Set{Name: "x", Path: path, Task: Loss}); err == nil || !strings.Contains(err.Error(), "the loss is NaN") {
		t.Errorf("a model of NaNs: %v", err)
	}
}
