package run

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/atomicfile"
	"reprise/internal/build"
	"reprise/internal/keys"
)

// Files of a run directory, besides the checkpoints step-000100/, best/ and final/.
const (
	recipeFile  = "recipe.yaml"
	runFile     = "run.json"
	metricsFile = "metrics.jsonl"
)

// runInfo is the content of run.json: the program and processor that began the run, and what it began from.
type runInfo struct {
	build.Info
	Workers   int    `json:"workers"`
	BaseModel string `json:"base_model"` // fingerprint
	Tokenizer string `json:"tokenizer"`  // fingerprint
	Digest    string `json:"digest"`     // of everything that decides the result
	Steps     int    `json:"steps"`
}

// runMeta is what a checkpoint keeps besides weights and moments. The order of the data and every random draw follow from
// the recipe and the number of steps taken, so there is no further state.
type runMeta struct {
	Digest  string   `json:"digest"`            // of everything that decides the result
	Best    *float64 `json:"best"`              // lowest loss of the first evaluation set
	BestOf  string   `json:"best_of,omitempty"` // its name; a resumed run may have another
	Seconds float64  `json:"seconds"`

	Record     int       `json:"record,omitempty"` // step before which the record was last made again
	Refreshing float64   `json:"refresh_seconds,omitempty"`
	Similarity []float64 `json:"similarity,omitempty"` // AdaTAM's state
	Angles     angleLog  `json:"angles,omitempty"`     // since the last evaluation

	// Last is the event of the last step, without what is measured after a checkpoint is written: a run that is interrupted
	// in between has not reported this event yet.
	Last *Event `json:"last,omitempty"`
}

// newDigest identifies everything that decides the bits of a run: the recipe's keys that change them, the base model, and the
// data, with its recorded subsets where the loss or the anchor reads them.
func (r *Run) newDigest() string {
	c := r.Recipe
	if r.earlier { // its program had no such key
		c.ScheduleEnd = DefaultRecipe().ScheduleEnd
	}
	h := sha256.New()
	text := digestText(keys.Of(c), Keys(), func(k Key) bool { return k.Bits == "" })
	fmt.Fprintf(h, "%s\n%s\n%d\n", text, r.Base.Fingerprint, r.Steps)
	for _, s := range []*source{r.domain, r.mix} {
		if s == nil {
			continue
		}
		fmt.Fprintf(h, "%x\n", s.digest())
		if s.record != nil && (c.Loss == "replay" || c.KL > 0 || s == r.mix && c.mixProbabilities()) {
			made := s.record.Header()
			fmt.Fprintf(h, "%g %d %d %v %s %s\n", made.Tau, made.KMin, made.KMax, made.Always, made.BaseModel, made.MovedTo)
		}
	}
	r.digestRehearsal(h)
	return hex.EncodeToString(h.Sum(nil))
}

// digest is the digest of the packed data.
func (s *source) digest() [32]byte {
	if s.record != nil {
		return s.record.Header().DataDigest
	}
	return data.Digest(s.packed)
}

// begun says whether the run directory exists and is not empty.
func (r *Run) begun() bool {
	entries, err := os.ReadDir(r.Recipe.Out)
	return err == nil && len(entries) > 0
}

// prepareDir creates the run directory, or with resume loads its newest checkpoint. A run without Out keeps nothing.
func (r *Run) prepareDir(resume bool) error {
	out := r.Recipe.Out
	if out == "" {
		return nil
	}
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run: %w", err)
	}
	if len(entries) > 0 && (resume || !neverBegun(entries)) {
		if resume {
			return r.resume()
		}
		return fmt.Errorf("run: %s %w; choose another out, or resume the run that is there", out, ErrNotEmpty)
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	text, err := yaml.Marshal(r.Recipe)
	if err != nil {
		return fmt.Errorf("run: writing the recipe: %w", err)
	}
	about, err := json.MarshalIndent(runInfo{
		Info: build.Get(), Workers: r.pool.Workers(), BaseModel: r.Base.Fingerprint, Tokenizer: r.Base.Tokenizer.Fingerprint(),
		Digest: r.digest, Steps: r.Steps,
	}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteFile(filepath.Join(out, recipeFile), text),
		atomicfile.WriteFile(filepath.Join(out, runFile), append(about, '\n')),
	)
}

// neverBegun says whether a directory holds only what is written before the first step, so that nothing is lost with it: its run
// ended before it began, for instance because a file of its evaluation could not be read.
func neverBegun(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if name := e.Name(); name != recipeFile && name != runFile {
			return false
		}
	}
	return true
}

// state lists what a checkpoint holds; its tensors share memory with the run.
func (r *Run) state() *checkpoint.State {
	s := &checkpoint.State{Step: r.done}
	i := 0
	for p := range r.Base.Model.Params() {
		m, v := r.stepper.Optimizer.Moments(i)
		s.Weights = append(s.Weights, checkpoint.NamedTensor{Name: p.Name, Shape: p.Shape, Data: p.W.Data})
		s.Optimizer = append(s.Optimizer,
			checkpoint.NamedTensor{Name: p.Name + ".m", Shape: p.Shape, Data: m.Data},
			checkpoint.NamedTensor{Name: p.Name + ".v", Shape: p.Shape, Data: v.Data})
		i++
	}
	s.Optimizer = append(s.Optimizer, r.spaceState()...)
	return s
}

// save writes a checkpoint and removes old ones once it is in place.
func (r *Run) save() (string, error) {
	if r.Recipe.Out == "" {
		return "", nil
	}
	if err := r.syncRecording(); err != nil {
		return "", err
	}
	s := r.state()
	meta := runMeta{
		Digest: r.digest, Seconds: r.seconds, Record: r.record, Refreshing: r.refreshing,
		Similarity: r.stepper.Optimizer.Similarity(), Angles: r.angles,
	}
	if !math.IsInf(r.best, 1) {
		meta.Best, meta.BestOf = &r.best, r.bestOf()
	}
	if r.done > 0 {
		meta.Last = &r.last
	}
	var err error
	if s.Meta, err = json.Marshal(meta); err != nil {
		return "", err
	}
	dir, err := checkpoint.SaveState(r.Recipe.Out, s)
	if err != nil {
		return "", err
	}
	return dir, checkpoint.Prune(r.Recipe.Out, r.Recipe.Save.KeepLast)
}

// resume continues from the newest whole checkpoint; without one, from the start. The directory stays as it is until the run
// begins.
func (r *Run) resume() error {
	dir, broken, err := checkpoint.Latest(r.Recipe.Out)
	if err != nil {
		return err
	}
	if dir == "" {
		if len(broken) > 0 {
			return fmt.Errorf("run: %s holds no whole checkpoint: %w", r.Recipe.Out, errors.Join(broken...))
		}
		return r.checkBegun()
	}
	s := r.state()
	if err := checkpoint.RestoreState(dir, s); err != nil {
		return err
	}
	var meta runMeta
	if err := json.Unmarshal(s.Meta, &meta); err != nil {
		return fmt.Errorf("run: %s: %w", dir, err)
	}
	if meta.Digest != r.digest {
		return r.another(dir)
	}
	if len(broken) > 0 {
		r.notice = fmt.Sprintf("resuming from %s: %v", dir, errors.Join(broken...))
	}
	r.from, r.done, r.seconds = dir, s.Step, meta.Seconds
	if meta.Best != nil && meta.BestOf == r.bestOf() {
		r.best = *meta.Best
	}
	r.refreshing, r.angles = meta.Refreshing, meta.Angles
	if len(meta.Similarity) != len(r.stepper.Optimizer.Similarity()) {
		return fmt.Errorf("run: %s: optimizer state of %d tensors, want %d", dir, len(meta.Similarity), len(r.stepper.Optimizer.Similarity()))
	}
	copy(r.stepper.Optimizer.Similarity(), meta.Similarity)
	r.stepper.Optimizer.Restore(s.Step)
	if meta.Record > 0 {
		if err := r.useRecords(meta.Record); err != nil {
			return err
		}
	}
	if meta.Last != nil {
		r.last, r.untold = *meta.Last, true
		r.last.Checkpoint = dir
	}
	return nil
}

// takeDir keeps other processes out of the run directory, removes what a killed process left half written, and otherwise
// restores the state that the directory had at the checkpoint. Only best/ stays as it is.
func (r *Run) takeDir() (release func(), err error) {
	if r.Recipe.Out == "" {
		return func() {}, nil
	}
	dir, err := os.Open(r.Recipe.Out)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	if atomicfile.Lock(dir) != nil {
		dir.Close()
		return nil, fmt.Errorf("run: %s: %w; let that finish, or choose another out", r.Recipe.Out, ErrBusy)
	}
	if err := errors.Join(r.trimMetrics(), atomicfile.Sweep(r.Recipe.Out, "")); err != nil {
		dir.Close()
		return nil, err
	}
	return func() { dir.Close() }, nil
}

// another is the error for a run directory, or a checkpoint, that this run cannot continue. It names what differs.
func (r *Run) another(dir string) error {
	return fmt.Errorf("run: %s %w: %s; keep to what it began with, or choose another out", dir, ErrNotThisRun, strings.Join(r.differs(), ", "))
}

// differs says how this run differs from the one that is in its directory.
func (r *Run) differs() (list []string) {
	path := r.path(recipeFile)
	before, err := ReadRecipe(path)
	if err != nil { // without its recipe nobody can tell
		return []string{"it belongs to another recipe, base model, data or record"}
	}
	if r.earlier {
		before.ScheduleEnd = r.Recipe.ScheduleEnd
	}
	now := keys.Of(r.Recipe)
	for i, k := range keys.Of(before) {
		if k.Bits == "" && !reflect.DeepEqual(k.Value, now[i].Value) {
			list = append(list, fmt.Sprintf("%s is %s in %s and %s here", k.Name, written(k), path, written(now[i])))
		}
	}
	var about runInfo
	if text, err := os.ReadFile(r.path(runFile)); err == nil && json.Unmarshal(text, &about) == nil && about.BaseModel != r.Base.Fingerprint {
		list = append(list, fmt.Sprintf("the base model is another (weights %.12s… there, %.12s… here)", about.BaseModel, r.Base.Fingerprint))
	}
	if list == nil {
		list = append(list, "the contents of the data or the record are others")
	}
	return list
}

// written is a key's value as a file has it.
func written(k Key) string {
	switch v := k.Value.(type) {
	case float64:
		return keys.Number(v)
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(k.Value)
}

// checkBegun makes sure that a directory without checkpoints is one that this run began.
func (r *Run) checkBegun() error {
	text, err := os.ReadFile(r.path(runFile))
	if err != nil {
		return fmt.Errorf("run: %s %w: it is not a run directory (no %s); choose another out", r.Recipe.Out, ErrNotThisRun, runFile)
	}
	var about struct{ Digest string }
	if err := json.Unmarshal(text, &about); err != nil {
		return fmt.Errorf("run: %s: %w", r.path(runFile), err)
	}
	if about.Digest != r.digest {
		return r.another(r.Recipe.Out)
	}
	return nil
}

// trimMetrics drops the lines of steps after the checkpoint: those steps will be taken again. It reads the best loss from the
// line of the checkpoint's own step, because that step was evaluated after the checkpoint had been written.
func (r *Run) trimMetrics() error {
	text, err := os.ReadFile(r.path(metricsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	var keep bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil && (e.Step < r.done || e.Step == r.done && e.Step > 0) {
			keep.Write(append(lines.Bytes(), '\n'))
			r.unlogged(e)
			if e.Step == r.done {
				r.untold = false
				if loss, ok := r.deciding(&e); ok {
					r.best = min(r.best, loss)
				}
			}
		}
	}
	return atomicfile.WriteFile(r.path(metricsFile), keep.Bytes())
}

// report appends an event to metrics.jsonl and hands it on; it returns false when the consumer has stopped.
func (r *Run) report(e Event, yield func(Event) bool) bool {
	if r.notice != "" {
		e.warn(r.notice)
		r.notice = ""
	}
	if r.Recipe.Out != "" {
		if err := appendLine(r.path(metricsFile), r.unlogged(e)); err != nil {
			e.warn(err.Error())
		}
	}
	r.told = r.told || len(e.Eval) > 0
	return yield(e)
}

// unlogged leaves out of an event the notices that metrics.jsonl holds already, and keeps in mind that it will hold the others: the
// first measurement of a resumed run tells them again, to a user who may not have seen them.
func (r *Run) unlogged(e Event) Event {
	e.Eval = slices.Clone(e.Eval)
	for i := range e.Eval {
		var fresh []string
		for _, text := range e.Eval[i].Notices {
			if key := e.Eval[i].Name + ": " + text; !r.logged[key] {
				r.logged[key] = true
				fresh = append(fresh, text)
			}
		}
		e.Eval[i].Notices = fresh
	}
	return e
}

func appendLine(path string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// saveModel writes the weights as a Hugging Face directory inside the run directory.
func (r *Run) saveModel(name string) error {
	opt := checkpoint.SaveOptions{SourceDir: r.Base.Dir, Files: r.Base.Files, Replace: true}
	if r.generation != nil {
		opt.Files = maps.Clone(opt.Files)
		if opt.Files == nil {
			opt.Files = map[string][]byte{}
		}
		opt.Files[generationFile] = r.generation
	}
	if r.Recipe.DType != "" {
		var err error
		if opt.DType, err = checkpoint.ParseDType(r.Recipe.DType); err != nil {
			return err
		}
	}
	return checkpoint.SaveModel(r.path(name), r.Base.Model, opt)
}

// lastCheckpoint names the newest checkpoint for an error message.
func (r *Run) lastCheckpoint() string {
	dir, _, err := checkpoint.Latest(r.Recipe.Out)
	if r.Recipe.Out == "" || err != nil || dir == "" {
		return "none (the base model is unchanged)"
	}
	return dir
}
