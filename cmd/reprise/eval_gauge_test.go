package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"reprise/eval"
	"reprise/internal/tiny"
	"reprise/run"
)

// TestForgettingIsTold: the line of an evaluation, and those of eval.
func TestForgettingIsTold(t *testing.T) {
	f := eval.Forgetting{KL: 0.0123, SE: 0.0011, Packs: 32, Positions: 4064}
	if got, want := measured(run.Event{Step: 300, Forgetting: &f}), "step 300   forgetting 0.0123 ± 0.0011 nats/token (KL from the base model on text that it wrote)\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	f.Exact = &eval.ExactKL{KL: 0.0125, SE: 0.0009, Difference: -0.00003}
	want := "forgetting   KL(base||now) 0.0123 ± 0.0011 nats/token on 32 packs that the base model wrote (4064 positions), estimated from the record\n" +
		"  exact      KL(base||now) 0.0125 ± 0.0009 nats/token from the base model's weights; the estimate is off by 0.0000"
	if got := describeForgetting(f); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestEvalOnARecord trains on a record with text that the base model wrote, and measures the result on what the record holds out.
func TestEvalOnARecord(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	call := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs strings.Builder
		if code := execute(t.Context(), args, &out, &errs); code != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, code, want, errs.String())
		}
		return out.String(), errs.String()
	}
	call(0, "record", "--model", at("base"), "--data", at("domain.jsonl"), "--out", at("own.replay"), "--max-seq-len", "48", "--rehearse", "0.25", "--quiet")
	call(0, "record", "--model", at("base"), "--data", at("domain.jsonl"), "--out", at("bare.replay"), "--max-seq-len", "48", "--rehearse", "none", "--quiet")
	out, _ := call(0, "train", "--model", at("base"), "--replay", at("own.replay"), "--out", at("run"), "--epochs", "3", "--lr", "3e-3")
	if strings.Count(out, "nats/token (KL from the base model on text that it wrote)") != 2 {
		t.Errorf("train says %q, want forgetting before the first step and after the last", out)
	}
	final := at("run/final")

	out, _ = call(0, "eval", "--model", final, "--base", at("base"), "--replay", at("own.replay"), "--data", "general="+at("general.txt"))
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[2], "forgetting ") || !strings.HasPrefix(lines[3], "  exact ") {
		t.Errorf("eval says %q", out)
	}
	type result struct {
		Results    []eval.Result
		Forgetting *eval.Forgetting
	}
	parse := func(text string) (r result) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Results == nil {
			t.Fatalf("%q: %v", text, err)
		}
		return r
	}
	out, _ = call(0, "eval", "--model", final, "--base", at("base"), "--replay", at("own.replay"), "--json")
	now := parse(out).Forgetting
	out, _ = call(0, "eval", "--model", at("base"), "--replay", at("own.replay"), "--json")
	before := parse(out).Forgetting
	if x := now.Exact; before.Exact != nil || x == nil || math.Abs(before.KL) > 1e-3 || now.KL < 0.01 || math.Abs(now.KL-x.KL) > 3*now.SE || math.Abs(x.Difference) > 3*x.DiffSE {
		t.Errorf("before %+v, now %+v, exact %+v", before, now, x)
	}
	if out, _ := call(0, "eval", "--model", final, "--data", "general="+at("general.txt"), "--json"); parse(out).Forgetting != nil {
		t.Errorf("forgetting without a record: %s", out)
	}

	for want, args := range map[string][]string{
		"nothing to measure on":                         {},
		"bare.replay holds no text that the base model": {"--replay", at("bare.replay")},
		"was written by another model":                  {"--replay", at("own.replay"), "--base", final},
		"opening a record":                              {"--replay", at("none.replay")},
	} {
		_, notes := call(1, append([]string{"eval", "--model", final}, args...)...)
		if !strings.Contains(notes, want) {
			t.Errorf("%v: %q, want %q", args, notes, want)
		}
	}
}
