package replay_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/base"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
)

// tinyJob is a recording that leaves out every field that has a default.
func tinyJob(t *testing.T) replay.Job {
	t.Helper()
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := base.Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := data.LoadDocuments(filepath.Join(dir, "domain.jsonl"), b.Tokenizer, data.Options{MaxSeqLen: 64})
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	return replay.Job{Model: b.Model, Tokenizer: b.Tokenizer, Pool: pool, Documents: docs, Out: filepath.Join(dir, "a.replay")}
}

// A job with zero fields writes the same bytes as one with the defaults.
func TestJobDefaults(t *testing.T) {
	j := tinyJob(t)
	full := j
	full.Out += "-full"
	b, err := base.Open(filepath.Join(filepath.Dir(j.Out), "base"))
	if err != nil {
		t.Fatal(err)
	}
	full.ModelFingerprint, full.Rule, full.MaxSeqLen = b.Fingerprint, replay.DefaultRule(), 64
	var got [2][]byte
	for i, job := range []replay.Job{j, full} {
		if _, err := replay.Record(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if got[i], err = os.ReadFile(job.Out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got[0], got[1]) {
		t.Error("a job without Rule, MaxSeqLen and ModelFingerprint made another record than one with the defaults")
	}
	p, err := replay.Predict(t.Context(), j)
	if off := p.Bytes - int64(len(got[0])); err != nil || off < -2 || off > 2 { // the size is extrapolated, here from all sequences
		t.Errorf("predicted %d bytes (%v), the record has %d", p.Bytes, err, len(got[0]))
	}

	j.Out += "-half"
	j.Rule.Tau = 0.5
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	r, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if h := r.Header(); h.Tau != 0.5 || h.KMin != 4 || h.KMax != 64 {
		t.Errorf("tau %g, k_min %d, k_max %d; want 0.5 and the defaults 4 and 64", h.Tau, h.KMin, h.KMax)
	}
}

// A recorder takes the defaults too.
func TestRecorderDefaults(t *testing.T) {
	j := tinyJob(t)
	seqs := data.Pack(j.Documents, 64, 1)
	zero, err := replay.NewRecorder(j.Model, j.Pool, replay.Rule{}).Sequences(t.Context(), seqs[:1])
	if err != nil {
		t.Fatal(err)
	}
	want, err := replay.NewRecorder(j.Model, j.Pool, replay.DefaultRule()).Sequences(t.Context(), seqs[:1])
	if err != nil {
		t.Fatal(err)
	}
	if n := len(zero[0].IDs); n == 0 || n != len(want[0].IDs) {
		t.Errorf("%d ids, the default rule gives %d", n, len(want[0].IDs))
	}
}

// A job that cannot work is refused before it begins, with the field and the remedy.
func TestJobRefuses(t *testing.T) {
	for want, spoil := range map[string]func(j *replay.Job){
		"the job has no Model":     func(j *replay.Job) { j.Model = nil },
		"the job has no Tokenizer": func(j *replay.Job) { j.Tokenizer = nil },
		"the job has no Pool":      func(j *replay.Job) { j.Pool = nil },
		"the job has no Out":       func(j *replay.Job) { j.Out = "" },
		"want at most max_seq_len, 8; load the documents with MaxSeqLen 8": func(j *replay.Job) { j.MaxSeqLen = 8 },
		"domain.jsonl, line 1) has": func(j *replay.Job) { // the model takes less than the documents have
			cfg := j.Model.Config
			cfg.MaxPositions = 8
			j.Model = model.New(cfg)
		},
		"max_seq_len: 65": func(j *replay.Job) { j.MaxSeqLen = 65 },
	} {
		j := tinyJob(t)
		spoil(&j)
		if _, err := replay.Record(t.Context(), j); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	j := tinyJob(t)
	j.Out = ""
	if _, err := replay.Predict(t.Context(), j); err != nil {
		t.Errorf("a prediction needs no Out, but: %v", err)
	}
}

// Every sequence of Sequences has its own memory, unlike those of All.
func TestReaderSequences(t *testing.T) {
	j := tinyJob(t)
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	r, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	batch, err := r.Sequences([]int{2, 0, 2})
	if err != nil || len(batch) != 3 {
		t.Fatal(len(batch), err)
	}
	i := 0
	for s, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		for k, number := range []int{2, 0, 2} {
			if number == i && data.Digest([]data.Sequence{*s}) != data.Digest([]data.Sequence{*batch[k]}) {
				t.Errorf("batch[%d] is not sequence %d", k, i)
			}
		}
		i++
	}
	if batch[0] == batch[2] || data.Digest([]data.Sequence{*batch[0]}) == data.Digest([]data.Sequence{*batch[1]}) {
		t.Error("sequences of a batch share memory")
	}
}
