package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
	"reprise/tokenizer"
	"reprise/train"
)

// workshop is a small model with a tokenizer, some text and a record of it, in a temporary directory.
type workshop struct {
	dir  string
	pool *tensor.Pool
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{dir: t.TempDir(), pool: tensor.NewPool(2)}
	t.Cleanup(w.pool.Close)
	if err := tiny.Write(w.dir); err != nil {
		t.Fatal(err)
	}
	w.record(t, "base", "domain.replay")
	return w
}

func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

func (w *workshop) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (w *workshop) record(t *testing.T, base, out string) {
	t.Helper()
	w.recordBy(t, base, out, replay.Rule{Tau: 0.9, KMin: 2, KMax: 12})
}

func (w *workshop) recordBy(t *testing.T, base, out string, rule replay.Rule) {
	t.Helper()
	loaded, err := checkpoint.Load(w.path(base))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(w.path(base))
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := data.LoadDocuments(w.path("domain.jsonl"), tok, data.Options{MaxSeqLen: tiny.MaxSeqLen})
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.Record(t.Context(), replay.Job{
		Model: loaded.Model, ModelFingerprint: loaded.Fingerprint, Tokenizer: tok, Pool: w.pool,
		Rule: rule, Documents: docs, Out: w.path(out), MaxSeqLen: tiny.MaxSeqLen, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// recipe is a short run with every part switched on.
func (w *workshop) recipe(out string) Recipe {
	r := DefaultRecipe()
	r.Model, r.Replay, r.Out = w.path("base"), w.path("domain.replay"), w.path(out)
	r.GlobalBatchSize, r.MicroBatchSize, r.Epochs, r.TailN = 6, 6, 3, 24
	r.Delta, r.CapStart = 80, 2
	return r
}

// run trains to the end and returns the SHA-256 of the weights.
func (w *workshop) run(t *testing.T, r Recipe, pool *tensor.Pool, resume bool) string {
	t.Helper()
	run, err := Open(r, pool, resume)
	if err != nil {
		t.Fatal(err)
	}
	for range run.Events(t.Context()) {
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	return checkpoint.TensorSHA256(run.Model())
}

// TestBitsDoNotDependOnWorkersOrMicroBatches trains the same recipe in several ways, with every loss and optimizer.
func TestBitsDoNotDependOnWorkersOrMicroBatches(t *testing.T) {
	w := newWorkshop(t)
	for name, change := range map[string]func(*Recipe){
		"replay, tail, moclip": func(*Recipe) {},
		"replay, bare, atan2":  func(r *Recipe) { r.Tail = "none"; r.Name = optim.AdamAtan2 },
		"replay, mixed":        func(r *Recipe) { r.Mix, r.ReplayMix = r.Replay, 0.4; r.Proposal = "frequency" },
		"full, adamw":          func(r *Recipe) { r.Loss = "full"; r.Name = optim.AdamW },
		"full, eaft":           func(r *Recipe) { r.Loss, r.TokenWeights, r.Name = "full", "eaft", optim.AdamW },
		"full, dft, masked kl": func(r *Recipe) {
			r.Loss, r.TokenWeights, r.KL, r.KLForm, r.Name = "full", "dft", 0.5, "masked", optim.AdamW
		},
		"replay, masked kl":  func(r *Recipe) { r.KL, r.KLForm = 0.5, "masked" },
		"replay, kl, mofo":   func(r *Recipe) { r.KL = 0.5; r.Name = optim.MoFO },
		"full, kl, cautious": func(r *Recipe) { r.Loss, r.KL = "full", 0.5; r.Name = optim.Cautious },
	} {
		t.Run(name, func(t *testing.T) {
			want := ""
			for _, workers := range []int{1, 2, 3, 8} {
				for _, micro := range []int{1, 4, 6} {
					pool := tensor.NewPool(workers)
					r := w.recipe("")
					r.Out, r.MicroBatchSize, r.MaxSteps = "", micro, 4
					change(&r)
					got := w.run(t, r, pool, false)
					pool.Close()
					if want == "" {
						want = got
					}
					if got != want {
						t.Errorf("%d workers, micro-batches of %d: %s, want %s", workers, micro, got, want)
					}
				}
			}
		})
	}
}

// TestResumedRunHasTheSameBits interrupts a run twice and compares it with an uninterrupted one: the weights, and the metrics
// without times.
func TestResumedRunHasTheSameBits(t *testing.T) {
	for name, change := range map[string]func(*Recipe){
		"plain":            func(*Recipe) {},
		"adatam":           func(r *Recipe) { r.Name = optim.AdaTAM },
		"refresh by epoch": func(r *Recipe) { r.Refresh.EveryEpochs = 1; r.Mix, r.ReplayMix = r.Replay, 0.4 },
		"refresh by rho":   func(r *Recipe) { r.Refresh.RhoAbove, r.Refresh.CheckEvery, r.Tail = 0.02, 1, "none" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			whole := w.recipe("whole")
			whole.Save.Every, whole.Eval.Every = 2, 3
			change(&whole)
			want := w.run(t, whole, w.pool, false)

			r := whole
			r.Out = w.path("pieces")
			for _, stop := range []int{3, 5} {
				run, err := Open(r, w.pool, stop > 3)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				for step := range run.Events(ctx) {
					if step == stop {
						cancel()
					}
				}
				cancel()
				if !errors.Is(run.Err(), ErrInterrupted) {
					t.Fatalf("interrupted run ended with %v", run.Err())
				}
			}
			if got := w.run(t, r, w.pool, true); got != want {
				t.Errorf("resumed run: %s, uninterrupted: %s", got, want)
			}
			a, b := w.metrics(t, "whole"), w.metrics(t, "pieces")
			if !slices.Equal(a, b) {
				t.Errorf("metrics differ:\n%v\n%v", a, b)
			}
			if refreshed := strings.Contains(strings.Join(a, ""), `"refreshed"`); refreshed != strings.HasPrefix(name, "refresh") {
				t.Errorf("a record was made again: %v", refreshed)
			}
			if groups := strings.Count(strings.Join(a, ""), `"weight_norm"`); groups < 8 {
				t.Errorf("%d lines about groups of tensors, want 4 at every evaluation", groups)
			}
			left, errA := checkpoint.Load(w.path("whole/final"))
			right, errB := checkpoint.Load(w.path("pieces/final"))
			if errA != nil || errB != nil || left.Fingerprint != right.Fingerprint || left.Fingerprint != want {
				t.Errorf("final models: %v %v", errA, errB)
			}
		})
	}
}

// metrics reads metrics.jsonl without the values that differ between runs: times and paths.
func (w *workshop) metrics(t *testing.T, run string) []string {
	t.Helper()
	return untimed(t, w.path(run+"/"+metricsFile))
}

// untimed reads the lines of a metrics.jsonl and leaves out times and paths.
func untimed(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		e.Seconds, e.Refreshing, e.Checkpoint, e.Refreshed = 0, 0, "", filepath.Base(e.Refreshed)
		if e.Refreshed == "." {
			e.Refreshed = ""
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestKilledRunResumesFromItsCheckpoint(t *testing.T) {
	w := newWorkshop(t)
	want := w.run(t, w.recipe("whole"), w.pool, false)
	r := w.recipe("killed")
	r.Save.Every = 2
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	// A killed process saves nothing more: take steps without what ends the loop, then damage the newest checkpoint.
	for range 5 {
		batch := []*data.Sequence{}
		if _, err := run.step(&batch); err != nil {
			t.Fatal(err)
		}
		if run.done%2 == 0 {
			if _, err := run.save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Truncate(filepath.Join(r.Out, checkpoint.StepDir(4), "weights.safetensors"), 100); err != nil {
		t.Fatal(err)
	}
	if got := w.run(t, r, w.pool, true); got != want {
		t.Errorf("resumed from a checkpoint before a damaged one: %s, want %s", got, want)
	}
	if lines := w.metrics(t, "killed"); !strings.Contains(lines[0], "resuming from ") || !strings.Contains(lines[0], "step-000004") {
		t.Errorf("nothing is said of the damaged checkpoint: %s", lines[0])
	}
}

// TestResumeRefusesAnotherRun: with or without a checkpoint, a run resumes only with the recipe, model and data that it was
// begun with, apart from keys that do not change its bits.
func TestResumeRefusesAnotherRun(t *testing.T) {
	w := newWorkshop(t)
	w.recordBy(t, "base", "coarse.replay", replay.Rule{Tau: 0.5, KMin: 1, KMax: 3})
	for _, saved := range []bool{true, false} {
		r := w.recipe(fmt.Sprintf("saved %v", saved))
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		if saved {
			if _, err := run.save(); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			change func(*Recipe)
			want   string // of the error
		}{
			"the same":                       {func(*Recipe) {}, ""},
			"other micro-batches":            {func(r *Recipe) { r.MicroBatchSize, r.Save.Every = 2, 1 }, ""},
			"another learning rate":          {func(r *Recipe) { r.LR = 2e-3 }, "and 0.002 here; keep"},
			"other subsets of the same data": {func(r *Recipe) { r.Replay = w.path("coarse.replay") }, "the data or the record are others"},
		} {
			r := r
			c.change(&r)
			if _, err := Open(r, w.pool, true); (c.want != "") != errors.Is(err, ErrNotThisRun) ||
				c.want != "" && !strings.Contains(err.Error(), c.want) {
				t.Errorf("saved %v, %s: error %v", saved, name, err)
			}
		}
	}
}

func TestTrainingErrors(t *testing.T) {
	w := newWorkshop(t)
	// Another base model: the same shape and tokenizer, other weights.
	tok, err := os.ReadFile(w.path("base/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tiny.Model(w.path("other"), tok, 2); err != nil {
		t.Fatal(err)
	}
	record, err := os.ReadFile(w.path("domain.replay"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "cut.replay", string(record[:len(record)-9]))
	// The same weights with a config.json that has fewer positions than the record's sequences.
	w.short(t)
	w.crossing(t, "crossing.replay")
	w.write(t, "empty.jsonl", "")
	if err := os.MkdirAll(w.path("full"), 0o777); err != nil {
		t.Fatal(err)
	}
	w.write(t, "full/note.txt", "mine")
	for name, c := range map[string]struct {
		change func(*Recipe)
		want   string
	}{
		"another base model":   {func(r *Recipe) { r.Model = w.path("other") }, "another base model"},
		"a truncated record":   {func(r *Recipe) { r.Replay = w.path("cut.replay") }, "cut.replay"},
		"no record":            {func(r *Recipe) { r.Replay = w.path("none.replay") }, "none.replay"},
		"no model":             {func(r *Recipe) { r.Model = w.path("none") }, "none"},
		"empty data":           {func(r *Recipe) { r.Loss, r.Replay, r.Data = "full", "", w.path("empty.jsonl") }, "empty.jsonl"},
		"directory not empty":  {func(r *Recipe) { r.Out = w.path("full") }, "not empty"},
		"an unknown optimizer": {func(r *Recipe) { r.Name = "sgd" }, "optimizer"},
		"kl without a record":  {func(r *Recipe) { r.Loss, r.Replay, r.Data, r.KL = "full", "", w.path("domain.jsonl"), 1 }, "kl"},
		"kl and refresh":       {func(r *Recipe) { r.KL, r.Refresh.EveryEpochs = 1, 1 }, "kl"},
		"refresh, loss full":   {func(r *Recipe) { r.Loss, r.Refresh.EveryEpochs = "full", 1 }, "refresh"},
		"refresh without out":  {func(r *Recipe) { r.Out, r.Refresh.RhoAbove = "", 0.1 }, "refresh"},
		"a record too long":    {func(r *Recipe) { r.Model = w.path("short") }, "up to 48 tokens, the model takes 40"},
		"text too long":        {func(r *Recipe) { r.Loss, r.Replay, r.Data, r.MaxSeqLen = "full", "", w.path("general.txt"), 65 }, "max_seq_len: 65, want 2 to the model's 64"},
		"crossing documents":   {func(r *Recipe) { r.Replay = w.path("crossing.replay") }, "attention across documents"},
		"a missing eval file":  {func(r *Recipe) { r.Eval.Data = []string{"x=" + w.path("none.txt")} }, "none.txt"},
	} {
		r := w.recipe("run-" + strings.ReplaceAll(name, " ", "-"))
		c.change(&r)
		run, err := Open(r, w.pool, false)
		if err == nil {
			t.Errorf("%s: no error (%d steps)", name, run.Steps)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", name, err, c.want)
		}
	}
	if text, err := os.ReadFile(w.path("full/note.txt")); err != nil || string(text) != "mine" {
		t.Error("a file in the refused directory was touched")
	}
}

// short writes the base model with fewer positions than the longest sequence of the record has tokens.
func (w *workshop) short(t *testing.T) {
	t.Helper()
	if err := os.CopyFS(w.path("short"), os.DirFS(w.path("base"))); err != nil {
		t.Fatal(err)
	}
	w.write(t, "short/config.json", strings.Replace(tiny.Config, `"max_position_embeddings":64`, `"max_position_embeddings":40`, 1))
}

// crossing writes the record again with a header that says that attention crosses documents.
func (w *workshop) crossing(t *testing.T, name string) {
	t.Helper()
	from, err := replay.Open(w.path("domain.replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	h := from.Header()
	h.CrossDocument = true
	to, err := replay.Create(w.path(name), h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range from.Len() {
		var s data.Sequence
		if err := from.Sequence(i, &s); err != nil {
			t.Fatal(err)
		}
		if err := to.Append(i, &s); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBareLossWarns: the bare loss has two dangers, and there is a warning of each, even if both belong to one event.
func TestBareLossWarns(t *testing.T) {
	w := newWorkshop(t)
	w.recordBy(t, "base", "coarse.replay", replay.Rule{Tau: 0.1, KMin: 1, KMax: 1})
	r := w.recipe("")
	r.Replay, r.Tail, r.MaxSteps, r.Out = w.path("coarse.replay"), "none", 1, ""
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	for step, e := range run.Events(t.Context()) {
		for text, want := range map[string]bool{"gold_outside is": step == 0, "rho is": true} {
			if strings.Contains(e.Warning, text) != want {
				t.Errorf("step %d: warning %q; %q in it: %v", step, e.Warning, text, !want)
			}
		}
	}
}

// TestRoundedMixWarns: a batch holds whole sequences, so a share of mix may have to be rounded; a warning then says so.
func TestRoundedMixWarns(t *testing.T) {
	w := newWorkshop(t)
	for share, want := range map[float64]string{0.01: "replay_mix: 0.01 of global_batch_size 6 is rounded to 1, a share of 0.167", 0.33: ""} {
		r := w.recipe("")
		r.Mix, r.ReplayMix, r.MaxSteps, r.Out = r.Replay, share, 1, ""
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		for step, e := range run.Events(t.Context()) {
			if step == 0 && e.Warning != want {
				t.Errorf("replay_mix %g: warning %q, want %q", share, e.Warning, want)
			}
		}
	}
}

// TestLossThatIsNotANumberStops: the error names the step, and the checkpoint before it is whole.
func TestLossThatIsNotANumberStops(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("nan")
	r.Save.Every = 1
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	for step := range run.Events(t.Context()) {
		if step == 3 {
			for p := range run.Model().Params() {
				p.W.Data[0] = float32(math.NaN())
			}
		}
	}
	if err := run.Err(); err == nil || !strings.Contains(err.Error(), "step 4") || !strings.Contains(err.Error(), "step-000003") {
		t.Fatalf("error %v, want one that names step 4 and the checkpoint step-000003", err)
	}
	if d, ok := errors.AsType[*train.DivergedError](run.Err()); !ok || d.Step != 4 {
		t.Errorf("%#v, want a DivergedError of step 4", d)
	}
	if _, err := checkpoint.LoadState(filepath.Join(r.Out, checkpoint.StepDir(3))); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(w.path("nan/final")); err == nil {
		t.Error("a final model was written")
	}
}

func TestRecipeFile(t *testing.T) {
	w := newWorkshop(t)
	w.write(t, "good.yaml", "model: m\nreplay: r\nout: o\nlr: 0.002\noptimizer: adam-atan2\nbeta2: 0.99\neval:\n  every: 5\n")
	r, err := ReadRecipe(w.path("good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if r.LR != 0.002 || r.Name != optim.AdamAtan2 || r.Beta2 != 0.99 || r.Eval.Every != 5 || r.Epochs != DefaultRecipe().Epochs {
		t.Errorf("read %+v", r)
	}
	w.write(t, "bad.yaml", "model: m\nlearning_rate: 0.002\n")
	if _, err := ReadRecipe(w.path("bad.yaml")); err == nil || !strings.Contains(err.Error(), "learning_rate") || !strings.Contains(err.Error(), "2") {
		t.Errorf("unknown key: %v, want an error that shows its line", err)
	}
}
