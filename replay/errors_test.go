package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/base"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tensor"
)

// A program can distinguish a file that is not a record, a file that would be overwritten, and a shard in place of the whole.
func TestErrorsThatAProgramCanAsk(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := base.Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := data.LoadDocuments(filepath.Join(dir, "domain.jsonl"), b.Tokenizer, data.Options{MaxSeqLen: 48})
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(1)
	t.Cleanup(pool.Close)
	j := replay.Job{
		Model: b.Model, ModelFingerprint: b.Fingerprint, Tokenizer: b.Tokenizer, Pool: pool, Rule: replay.DefaultRule(),
		Documents: docs[:8], MaxSeqLen: 48, Seed: 1, Out: filepath.Join(dir, "shard"), Shard: 1, Shards: 2,
	}
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}

	text := filepath.Join(dir, "domain.jsonl")
	if _, err := replay.Open(text); !errors.Is(err, replay.ErrNotRecord) || errors.Is(err, replay.ErrExists) || !strings.Contains(err.Error(), text) {
		t.Errorf("a text, opened as a record: %v", err)
	}
	before, err := os.ReadFile(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	other := j
	other.Rule.Tau = 0.5
	if _, err := replay.Record(t.Context(), other); !errors.Is(err, replay.ErrExists) || errors.Is(err, replay.ErrNotRecord) || !strings.Contains(err.Error(), "tau") {
		t.Errorf("a record with another tau: %v", err)
	}
	other.Out = text
	if _, err := replay.Record(t.Context(), other); !errors.Is(err, replay.ErrExists) || !errors.Is(err, replay.ErrNotRecord) {
		t.Errorf("recording over a text: %v", err)
	}
	if after, err := os.ReadFile(j.Out); err != nil || string(after) != string(before) {
		t.Errorf("the record that was in the way was changed (%v)", err)
	}

	shard, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer shard.Close()
	other.Out = filepath.Join(dir, "again")
	_, err = replay.Again(t.Context(), other, shard)
	if s, ok := errors.AsType[*replay.ShardError](err); !ok || *s != (replay.ShardError{Path: j.Out, Shard: 1, Shards: 2}) {
		t.Errorf("a shard, recorded again: %v", err)
	}
}
