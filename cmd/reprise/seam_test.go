package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/tiny"
)

// TestSeamFromRecordToEval: what inspect data shows is what record takes; train follows the record; eval asks with its own flag.
func TestSeamFromRecordToEval(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	rows := `{"prompt":"the red lamp:\n","completion":"\tsings quickly\n"}` + "\n" + `{"prompt":"a stone","completion":"runs"}` + "\n" +
		`{"text":"the river<|endoftext|>never close<|endoftext|>\n"}` + "\n"
	if err := os.WriteFile(at("rows.jsonl"), []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	call := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, notes bytes.Buffer
		if got := execute(t.Context(), args, &out, &notes); got != code {
			t.Fatalf("%q: exit %d, want %d: %s", args, got, code, notes.String())
		}
		return out.String(), notes.String()
	}
	learnt := map[string]string{ // of the first two rows, in brackets
		"auto":  "the red lamp:\n[\tsings quickly\n<|endoftext|>]a stone[ runs<|endoftext|>]",
		"exact": "the red lamp:\n[\tsings quickly\n<|endoftext|>]a stone[runs<|endoftext|>]",
		"space": "the red lamp:[ sings quickly\n<|endoftext|>]a stone[ runs<|endoftext|>]",
	}
	losses := map[float64]string{}
	for seam, want := range learnt {
		inspect := []string{"inspect", "data", "--model", at("base"), "--data", at("rows.jsonl"), "--json", "--seam", seam}
		if seam == "auto" {
			inspect = inspect[:len(inspect)-2]
		}
		out, _ := call(0, inspect...)
		var r struct {
			Seam     string
			Pairs    int
			Spaced   int `json:"spaced_pairs"`
			Warnings []string
			Shown    []struct {
				Tokens []struct {
					Text    string
					Trained bool
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, d := range r.Shown[:2] {
			inside := false
			for _, token := range d.Tokens {
				if token.Trained != inside {
					text.WriteString(map[bool]string{true: "[", false: "]"}[token.Trained])
					inside = token.Trained
				}
				text.WriteString(token.Text)
			}
			text.WriteString("]")
		}
		spaced := map[string]int{"auto": 1, "exact": 0, "space": 2}[seam]
		if text.String() != want || r.Seam != seam || r.Pairs != 2 || r.Spaced != spaced {
			t.Errorf("%s: %q, want %q; %+v", seam, text.String(), want, r)
		}
		spelled := "special tokens that the texts themselves spell are learnt as a part of them: <|endoftext|> (1)"
		if len(r.Warnings) != 1 || r.Warnings[0] != spelled {
			t.Errorf("%s: warnings %q, want %q", seam, r.Warnings, spelled)
		}

		_, notes := call(0, "record", "--model", at("base"), "--data", at("rows.jsonl"), "--out", at(seam+".replay"), "--seam", seam, "--quiet")
		if !strings.Contains(notes, spelled) {
			t.Errorf("%s: record says %q", seam, notes)
		}
		_, notes = call(0, "train", "--model", at("base"), "--replay", at(seam+".replay"), "--out", at("run-"+seam), "--max-steps", "1", "--eval-data", "rows="+at("rows.jsonl"))
		if told := strings.Contains(notes, "was recorded with seam "+seam+", and evaluations follow it"); told != (seam != "auto") {
			t.Errorf("%s: train says %q", seam, notes)
		}
		metrics, err := os.ReadFile(at("run-" + seam + "/metrics.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var event struct{ Eval []struct{ Loss float64 } }
		if err := json.Unmarshal(metrics[:bytes.IndexByte(metrics, '\n')], &event); err != nil || len(event.Eval) != 1 {
			t.Fatalf("%s: %v", metrics, err)
		}
		out, _ = call(0, "eval", "--model", at("base"), "--data", "rows="+at("rows.jsonl"), "--seam", seam, "--json")
		var scored struct{ Results []struct{ Loss float64 } }
		if err := json.Unmarshal([]byte(out), &scored); err != nil {
			t.Fatal(err)
		}
		if scored.Results[0].Loss != event.Eval[0].Loss {
			t.Errorf("%s: eval measures %g, the run before its first step %g", seam, scored.Results[0].Loss, event.Eval[0].Loss)
		}
		losses[scored.Results[0].Loss] = seam
	}
	if len(losses) != 3 {
		t.Errorf("the seams give the same losses: %v", losses)
	}
	if out, _ := call(0, "inspect", "replay", at("exact.replay")); !strings.Contains(out, "seam         end to end\n") {
		t.Errorf("inspect replay: %q", out)
	}
	_, notes := call(1, "train", "--model", at("base"), "--replay", at("exact.replay"), "--out", at("other"), "--seam", "space")
	if !strings.Contains(notes, "seam: space, but ") || !strings.Contains(notes, "exact.replay was recorded with seam exact: leave seam out") {
		t.Errorf("another seam: %q", notes)
	}
}
