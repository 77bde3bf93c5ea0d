package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"reprise/internal/atomicfile"
	"reprise/replay"
	"reprise/run"
)

// record is a record that cells share.
type record struct {
	Stage0  float64 `json:"stage0"` // seconds that recording the text took
	Sample  float64 `json:"sample"` // seconds that the base model took to write its own packs and record them
	path    string
	summary replay.Summary
}

// recording makes the record of a draw and times its two parts.
func (r *Runner) recording(ctx context.Context, d *draw, out string) (rec record, err error) {
	rec.path = out
	job := replay.Job{
		Model: r.base.Model, ModelFingerprint: r.base.Fingerprint, Tokenizer: r.base.Tokenizer, Pool: r.pool, Rule: d.how.Rule,
		Documents: d.docs, Seam: r.grid.Seam, MaxSeqLen: d.how.MaxSeqLen, Seed: d.seed, Out: out,
	}
	start := time.Now()
	domain := start
	if d.share > 0 {
		job.Rehearse = &replay.Rehearse{Share: d.share}
	}
	job.Progress = func(done, _, _ int) {
		if done <= d.sequences { // the text comes first
			domain = time.Now()
		}
	}
	rec.summary, err = replay.Record(ctx, job)
	if d.share == 0 {
		domain = time.Now()
	}
	rec.Stage0, rec.Sample = domain.Sub(start).Seconds(), time.Since(domain).Seconds()
	if d.share == 0 {
		rec.Sample = 0
	}
	return rec, err
}

// record finds the record of a draw in the directory of the comparison, or makes it.
func (r *Runner) record(ctx context.Context, d *draw) (*record, error) {
	if rec := r.records[d.name]; rec != nil {
		return rec, nil
	}
	path := filepath.Join(r.grid.Out, "records", d.name+".replay")
	clock := path + ".json"
	var known record
	text, err := os.ReadFile(clock)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil { // not recorded, or not completely: only a whole recording has a time
		for _, path := range []string{path, path + ".partial"} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("compare: %w", err)
			}
		}
		r.say("recording %s (%d documents, %d tokens)", d.name, len(d.docs), d.tokens)
	}
	rec, err := r.recording(ctx, d, path)
	if err != nil {
		return nil, err
	}
	if known.Stage0 > 0 {
		rec.Stage0, rec.Sample = known.Stage0, known.Sample
	} else {
		text, err := json.Marshal(rec)
		if err != nil {
			return nil, err
		}
		if err := atomicfile.WriteFile(clock, append(text, '\n')); err != nil {
			return nil, err
		}
	}
	r.records[d.name] = &rec
	return &rec, nil
}

// needsRecord says whether a method pays for Stage 0 over the domain; the others read only the packs of the record.
func needsRecord(recipe run.Recipe) bool { return recipe.Loss == "replay" || recipe.KL > 0 }
