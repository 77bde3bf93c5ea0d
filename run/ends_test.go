package run

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/tokenizer"
)

const chatTemplate = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|over|>\n{% endfor %}" +
	"{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"

// chatBase makes base/ a model with a chat template that ends turns with <|over|> (id 2), while its text ends with <|endoftext|> (id
// 0), and writes conversations and pairs.
func (w *workshop) chatBase(t *testing.T, config, generation string) {
	t.Helper()
	rows := []string{"how are the birds today", "they sing in the tree", "what do the fishes do", "they swim in the river"}
	tok, err := tokenizer.Train(slices.Values(rows), tokenizer.TrainOptions{VocabSize: 300, Special: []string{"<|endoftext|>", "<|turn|>", "<|over|>"}})
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "base/tokenizer.json", string(tok))
	settings, err := json.Marshal(map[string]any{"eos_token": "<|endoftext|>", "chat_template": chatTemplate})
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "base/tokenizer_config.json", string(settings))
	text, err := os.ReadFile(w.path("base/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "base/config.json", strings.Replace(string(text), "{", "{"+config, 1))
	if generation != "" {
		w.write(t, "base/generation_config.json", generation)
	}
	var chat, pairs strings.Builder
	for i := range 8 {
		q, a := rows[2*(i%2)], rows[2*(i%2)+1]
		fmt.Fprintf(&chat, `{"messages":[{"role":"user","content":%q},{"role":"assistant","content":%q}]}`+"\n", q, a)
		fmt.Fprintf(&pairs, `{"prompt":%q,"completion":%q}`+"\n", q, a)
	}
	w.write(t, "chat.jsonl", chat.String())
	w.write(t, "domain.jsonl", pairs.String())
}

// TestLearntEndsAreNamed: an end id that the data teaches stands in the generation_config.json of final/ and best/, after the base
// model's own, whether the data is text or a record; every other byte stays.
func TestLearntEndsAreNamed(t *testing.T) {
	const eos0 = `"eos_token_id": 0,`
	for _, c := range []struct {
		name, config, generation string
		data                     string
		want                     string // generation_config.json of the trained model; "": as the base model's
	}{
		{"one id becomes a list", eos0, "{\"do_sample\":true,\n \"eos_token_id\" : 0 , \"top_p\": 0.90}\n", "chat.jsonl",
			"{\"do_sample\":true,\n \"eos_token_id\" : [0,2] , \"top_p\": 0.90}\n"},
		{"a list grows", eos0, `{"eos_token_id": [5, 0]}`, "chat.jsonl", `{"eos_token_id": [5,0,2]}`},
		{"it is there", eos0, `{"eos_token_id": [0,2]}`, "chat.jsonl", ""},
		{"config.json has it, but this file wins", `"eos_token_id": [0, 2],`, `{"eos_token_id": 0}`, "chat.jsonl", `{"eos_token_id": [0,2]}`},
		{"the file names no end", eos0, "{\n  \"top_k\": 3\n}\n", "chat.jsonl", "{\n  \"eos_token_id\": [0,2],\n  \"top_k\": 3\n}\n"},
		{"the file is empty", eos0, "{}", "chat.jsonl", `{"eos_token_id": [0,2]}`},
		{"no file", `"bos_token_id": null, "pad_token_id": 1,` + eos0, "", "chat.jsonl", "{\n  \"eos_token_id\": [0,2],\n  \"pad_token_id\": 1\n}\n"},
		{"no file and no end", "", "", "chat.jsonl", "{\n  \"eos_token_id\": [2]\n}\n"},
		{"pairs do not teach the end of a turn", eos0, `{"eos_token_id": 0}`, "domain.jsonl", ""},
		{"pairs teach the end of a text", `"eos_token_id": 4,`, "", "domain.jsonl", "{\n  \"eos_token_id\": [4,0]\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorkshop(t)
			w.chatBase(t, c.config, c.generation)
			want := c.want
			if want == "" {
				want = c.generation
			}
			if err := os.Rename(w.path(c.data), w.path("text.jsonl")); err != nil {
				t.Fatal(err)
			}
			r := DefaultRecipe()
			r.Model, r.Data, r.Out = w.path("base"), w.path("text.jsonl"), w.path("run")
			r.Loss, r.Config, r.Epochs = "full", optim.DefaultConfig(optim.AdamW), 1
			r.Eval.Data = []string{"text=" + r.Data}
			w.trainsTo(t, r, want, c.want != "")

			b, err := openBase(r)
			if err != nil {
				t.Fatal(err)
			}
			docs, _, err := data.LoadDocuments(r.Data, b.Tokenizer, data.Options{MaxSeqLen: 48})
			if err != nil {
				t.Fatal(err)
			}
			_, err = replay.Record(t.Context(), replay.Job{Model: b.Model, ModelFingerprint: b.Fingerprint, Tokenizer: b.Tokenizer, Pool: w.pool,
				Rule: replay.Rule{Tau: 0.9, KMin: 2, KMax: 12}, Documents: docs, Out: w.path("text.replay"), MaxSeqLen: 48, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			r.Data, r.Replay, r.Out = "", w.path("text.replay"), w.path("from-record")
			w.trainsTo(t, r, want, c.want != "")
		})
	}
}

// trainsTo trains and compares the written generation_config.json, which has to be read as the ids that it names.
func (w *workshop) trainsTo(t *testing.T, r Recipe, want string, told bool) {
	t.Helper()
	job, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Contains(strings.Join(job.Notices, "\n"), "teaches the model to end with"); said != told {
		t.Errorf("notices %q, want one about an end id: %v", job.Notices, told)
	}
	for range job.Events(t.Context()) {
	}
	if err := job.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"final", "best"} {
		got, err := os.ReadFile(r.Out + "/" + name + "/" + generationFile)
		if string(got) != want || want != "" && err != nil {
			t.Errorf("%s has %q (%v), want %q", name, got, err, want)
		}
		var listed struct {
			EOS json.RawMessage `json:"eos_token_id"`
		}
		if json.Unmarshal(got, &listed) != nil {
			continue
		}
		ids, err := model.ParseIDs(listed.EOS)
		if err != nil {
			t.Fatal(err)
		}
		trained, err := checkpoint.Load(r.Out + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if !slices.Contains(trained.Model.Config.EOS, id) {
				t.Errorf("%s: the model stops at %v, want %d too", name, trained.Model.Config.EOS, id)
			}
		}
	}
}

// TestRunThatLearnsNothingSaysSo: weights that did not change, and changes that the written type loses, are a warning of the last
// event; a run of one step learns.
func TestRunThatLearnsNothingSaysSo(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Recipe)
		half   bool // the base model is stored as BF16
		want   string
	}{
		{"one step", func(r *Recipe) {}, false, ""},
		{"one step of rate 0", func(r *Recipe) { r.ScheduleEnd = "last" }, false, "the weights did not change"},
		{"a rate below the rounding of float32", func(r *Recipe) { r.LR = 1e-30 }, false, "the weights did not change"},
		{"a rate below the rounding of BF16", func(r *Recipe) { r.LR, r.MaxSteps = 1e-9, 3 }, true, "rounded to BF16"},
		{"the same, written as float32", func(r *Recipe) { r.LR, r.MaxSteps, r.DType = 1e-9, 3, "f32" }, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorkshop(t)
			if c.half {
				b, err := checkpoint.Load(w.path("base"))
				if err != nil {
					t.Fatal(err)
				}
				if err := checkpoint.SaveModel(w.path("half"), b.Model, checkpoint.SaveOptions{SourceDir: b.Dir, DType: checkpoint.BF16}); err != nil {
					t.Fatal(err)
				}
			}
			r := w.recipe("run")
			r.Loss, r.Replay, r.Data, r.WeightDecay = "full", "", w.path("domain.jsonl"), 0
			r.MaxSteps = 1
			if c.half {
				r.Model = w.path("half")
			}
			c.change(&r)
			job, err := Open(r, w.pool, false)
			if err != nil {
				t.Fatal(err)
			}
			var last Event
			for _, e := range job.Events(t.Context()) {
				last = e
			}
			if err := job.Err(); err != nil {
				t.Fatal(err)
			}
			if c.want == "" && last.Warning != "" || !strings.Contains(last.Warning, c.want) {
				t.Errorf("warning %q, want %q", last.Warning, c.want)
			}
			final, err := checkpoint.Load(w.path("run/final"))
			if err != nil {
				t.Fatal(err)
			}
			if same := final.Fingerprint == job.Base.Fingerprint; same != (c.want != "") {
				t.Errorf("final/ has the base model's weights: %v", same)
			}
			if lines := w.metrics(t, "run"); !strings.Contains(fmt.Sprint(lines[len(lines)-1]), c.want) {
				t.Errorf("the last line of the metrics has no warning: %v", lines[len(lines)-1])
			}
		})
	}
}
