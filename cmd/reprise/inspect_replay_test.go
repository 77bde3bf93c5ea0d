package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"reprise/data"
	"reprise/loss"
	"reprise/replay"
)

// TestInspectRehearsal: what the model wrote itself is shown apart from the domain, and the packs to train on apart from the gauge.
func TestInspectRehearsal(t *testing.T) {
	pack := func(word int32) *data.Sequence {
		q := data.Sequence{IDs: []int32{1, word, 2}, Target: []bool{false, true, true}, DocStarts: []int32{0}}
		return q.With(&loss.Subsets{
			Rows: []int32{0, 1}, Offsets: []int32{0, 2, 3}, IDs: []int32{word, 9, 2}, Gold: []int32{0, 0},
			LogProb: []float32{-2, -0.5, -0.25}, Mass: []float32{0.75, 0.75}, Outside: []bool{false, false},
		})
	}
	domain := pack(4)
	rule := replay.Rule{Tau: 0.9, KMin: 1, KMax: 2}
	file := filepath.Join(t.TempDir(), "r.replay")
	w, err := replay.Create(file, replay.Header{
		BaseModel: "b4", Tokenizer: "70", Config: "c0c0c0c0c0c0c0c0c0", Rule: rule, VocabSize: 50, MaxSeqLen: 8, Sequences: 1,
		DataDigest: data.Digest([]data.Sequence{*domain}),
		Rehearsal: &replay.Rehearsal{Packs: 2, Gauge: 1, Start: replay.Start{ID: -1, BurnIn: 32}, Stop: []int32{2}, Temperature: 1, Rule: rule,
			Seed: 7, BaseModel: "b4", Chat: 0.25, Prompts: [32]byte{0xab}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(0, domain); err != nil {
		t.Fatal(err)
	}
	for i, word := range []int32{5, 6, 7} {
		if err := w.Rehearse(i, pack(word)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) string {
		t.Helper()
		var out, notes bytes.Buffer
		if code := execute(t.Context(), args, &out, &notes); code != 0 {
			t.Fatalf("%v: code %d\n%s", args, code, notes.String())
		}
		return out.String()
	}
	call("record", "verify", file)
	out := call("inspect", "replay", file)
	for _, want := range []string{
		"config       c0c0c0c0c0c0c0c0…\n",
		"sequences    1 of at most 8 tokens",
		"rehearsal    text that the model b4… wrote, at temperature 1, seed 7\n",
		"documents    begin after 32 ids that are thrown away and end with one of [2]; beginnings of the file ab00000000000000…; 25 % are conversations\n",
		"to train on  packs 2, documents 2, tokens 6, positions with loss 4, mean |S| 1.50, coverage 0.7500, ",
		"the gauge    packs 1, documents 1, tokens 3, positions with loss 2, ",
		"base loss 1.1250", // the mean of 2 and 0.25
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\ndoes not say %q", out, want)
		}
	}
	out = call("inspect", "replay", "--json", file)
	var r replay.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Sequences != 1 || r.BaseLoss != 1.125 || r.Rehearsal == nil || r.Rehearsal.Sequences != 2 || r.Rehearsal.BaseLoss != 1.125 ||
		r.Rehearsal.Gauge.Sequences != 1 || r.Rehearsal.Gauge.BaseLoss != 1.125 || r.BytesPerToken > float64(r.Bytes-r.Rehearsal.Bytes)/3 {
		t.Errorf("%s", out)
	}
}
