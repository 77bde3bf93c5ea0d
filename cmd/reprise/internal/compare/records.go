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
	Seconds float64 `json:"seconds"` // time that Stage 0 took, with the writing of the base model's own packs
	path    string
	summary replay.Summary
}

// job is the recording of a draw.
func (r *Runner) job(d *draw, out string) replay.Job {
	return replay.Job{
		Model: r.base.Model, ModelFingerprint: r.base.Fingerprint, Tokenizer: r.base.Tokenizer, Pool: r.pool, Rule: d.how.Rule,
		Documents: d.docs, Seam: r.grid.Seam, MaxSeqLen: d.how.MaxSeqLen, Seed: d.seed, Out: out,
	}
}

// record finds the record of a draw in the directory of the comparison, or makes it.
func (r *Runner) record(ctx context.Context, d *draw) (*record, error) {
	if rec := r.records[d.name]; rec != nil {
		return rec, nil
	}
	rec := &record{path: filepath.Join(r.grid.Out, "records", d.name+".replay")}
	clock := rec.path + ".json"
	known, err := os.ReadFile(clock)
	if err == nil {
		err = json.Unmarshal(known, rec)
	}
	if err != nil { // not recorded, or not completely: only a whole recording has a time
		rec.Seconds = 0
		for _, path := range []string{rec.path, rec.path + ".partial"} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("compare: %w", err)
			}
		}
		r.say("recording %s (%d documents, %d tokens)", d.name, len(d.docs), d.tokens)
	}
	start := time.Now()
	if rec.summary, err = replay.Record(ctx, r.job(d, rec.path)); err != nil {
		return nil, err
	}
	if rec.Seconds == 0 {
		rec.Seconds = time.Since(start).Seconds()
		text, err := json.Marshal(rec)
		if err != nil {
			return nil, err
		}
		if err := atomicfile.WriteFile(clock, append(text, '\n')); err != nil {
			return nil, err
		}
	}
	reader, err := replay.Open(rec.path)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	if d.share > 0 && reader.Rehearsed() == 0 {
		return nil, fmt.Errorf("compare: rehearse: %s holds no text that the base model wrote; leave rehearse out", rec.path)
	}
	r.records[d.name] = rec
	return rec, nil
}

// stage0 is the time of recording a draw, and apart from it the time of writing and recording the base model's own packs: the
// difference to a recording without them.
func (r *Runner) stage0(ctx context.Context, d *draw) (domain, sample float64, err error) {
	whole, err := r.record(ctx, d)
	if err != nil || d.share == 0 {
		if err != nil {
			return 0, 0, err
		}
		return whole.Seconds, 0, nil
	}
	alone, err := r.draw("domain", d.how, d.seed, r.grid.Tokens, 0)
	if err != nil {
		return 0, 0, err
	}
	plain, err := r.record(ctx, alone)
	if err != nil {
		return 0, 0, err
	}
	return plain.Seconds, max(0, whole.Seconds-plain.Seconds), nil
}

// needsRecord says whether a method pays for Stage 0 over the domain; the others read only the packs of the record.
func needsRecord(recipe run.Recipe) bool { return recipe.Loss == "replay" || recipe.KL > 0 }
