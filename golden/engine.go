package golden

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
	"reprise/train"
)

// checker checks a directory: it computes on one configuration after another and collects what is wrong or changed.
type checker struct {
	dir    string
	only   string
	model  *model.Model
	in     *inputs
	ref    *reference // nil: none
	stored *hashes    // nil: none
	hashes *hashes    // of the first configuration
	fresh  bool       // stored hashes do not count

	where  string // the tier and number of workers in use
	places []string

	compared       map[string]bool // reference tensors
	hashed         map[string]bool
	wrong, changed findings
}

// output is one tensor of the engine.
type output struct {
	name   string
	shape  []int
	data   []float32
	before []float32 // weights: those before the first step
}

// change says whether the tensor holds weights, which are compared by their change.
func (o *output) change() bool { return o.before != nil }

// compared returns the values that are compared with the reference.
func (o *output) compared() []float32 {
	if !o.change() {
		return o.data
	}
	d := make([]float32, len(o.data))
	for i, x := range o.data {
		d[i] = float32(float64(x) - float64(o.before[i]))
	}
	return d
}

// open reads a directory.
func open(dir, only string, fresh bool) (*checker, error) {
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	c := &checker{dir: dir, only: only, fresh: fresh, model: loaded.Model, compared: map[string]bool{}, hashed: map[string]bool{}}
	if c.in, err = readInputs(dir, c.model.Config); err != nil {
		return nil, err
	}
	if c.hashes, err = newHashes(dir); err != nil {
		return nil, err
	}
	if !fresh {
		if c.stored, err = readHashes(dir); err != nil {
			return nil, err
		}
	}
	if c.ref, err = openReference(dir); err != nil {
		return nil, err
	}
	if c.ref == nil && c.stored == nil && !fresh {
		return nil, fmt.Errorf("%w: neither manifest.json, which scripts/goldens.py writes, nor hashes.json, which Write stores", ErrNothing)
	}
	return c, nil
}

func (c *checker) close() {
	if c.ref != nil {
		c.ref.file.Close()
	}
}

// compute computes and compares everything on one tier with one number of workers.
func (c *checker) compute(ctx context.Context, tier asm.Tier, workers int) error {
	if tier != asm.Active() {
		defer asm.Force(tier)()
	}
	pool := tensor.NewPool(workers)
	defer pool.Close()
	given := map[string]bool{}
	take := func(o output) error {
		if !c.wanted(o.name) {
			return nil
		}
		given[o.name] = true
		return c.take(&o)
	}
	if c.wantedGroup("logits") {
		if err := take(c.logits(pool)); err != nil {
			return err
		}
	}
	if c.in.Record != nil && c.wantedGroup("recorder/") {
		if err := c.recorder(ctx, pool, take); err != nil {
			return err
		}
	}
	for i := range c.in.Runs {
		if r := &c.in.Runs[i]; c.wantedGroup(r.Name + "/") {
			if err := c.run(ctx, pool, r, take); err != nil {
				return fmt.Errorf("run %s: %w", r.Name, err)
			}
		}
	}
	if len(given) == 0 {
		return fmt.Errorf("no tensor's name begins with %q", c.only)
	}
	c.missing(given)
	return nil
}

// missing adds a finding for every reference tensor and every hash for which the engine gave no tensor.
func (c *checker) missing(given map[string]bool) {
	if c.ref != nil {
		for _, name := range slices.Sorted(maps.Keys(c.ref.Tensors)) {
			if c.wanted(name) && !given[name] {
				c.wrong.add(c.where, name, failed(c.ref.Tensors[name].Bound, -1, "the engine gives no such tensor"), -1)
			}
		}
	}
	if c.stored != nil {
		for _, name := range slices.Sorted(maps.Keys(c.stored.Tensors)) {
			if c.wanted(name) && !given[name] {
				c.changed.add(c.where, name, failed(math.NaN(), -1, "the engine gives no such tensor"), -1)
			}
		}
	}
}

// take compares one output with its reference and its hash.
func (c *checker) take(o *output) error {
	m := measured{error: math.NaN(), bound: math.NaN(), first: -1}
	if c.ref != nil {
		var err error
		if m, err = c.ref.compare(o); err != nil {
			return err
		}
		c.compared[o.name] = true
		if !m.ok() {
			c.wrong.add(c.where, o.name, m, -1)
		}
	}
	d := digestOf(o.data)
	want, known := c.hashes.Tensors[o.name]
	if c.stored != nil {
		want, known = c.stored.Tensors[o.name]
		if !known {
			c.changed.add(c.where, o.name, failed(m.bound, -1, "hashes.json has no such tensor"), -1)
			return nil
		}
	}
	if !known {
		c.hashes.Tensors[o.name] = d
		return nil
	}
	if c.stored != nil {
		c.hashed[o.name] = true
	}
	if d.SHA256 != want.SHA256 && (c.ref == nil || m.ok()) {
		lo, hi := firstChange(d, want, len(o.data))
		m.first = lo
		c.changed.add(c.where, o.name, m, hi)
	}
	return nil
}

// logits computes the logits of all sequences, [tokens, vocabulary].
func (c *checker) logits(pool *tensor.Pool) output {
	var batch model.Batch
	for _, q := range c.in.sequences {
		batch.Append(q.IDs, q.DocStarts)
	}
	h := model.NewPass(c.model, pool, false).Forward(batch)
	z := tensor.NewMatrix(h.Rows, c.model.Config.VocabSize)
	pool.MatMulNT(z, h, c.model.Head().W, false)
	return output{name: "logits", shape: []int{z.Rows, z.Cols}, data: z.Data}
}

// recorder computes what Stage 0 picks at all positions, in order.
func (c *checker) recorder(ctx context.Context, pool *tensor.Pool, take func(output) error) error {
	var seqs []data.Sequence
	for _, q := range c.in.sequences {
		seqs = append(seqs, *q)
	}
	picked, err := replay.NewRecorder(c.model, pool, c.in.Record.rule()).Sequences(ctx, seqs)
	if err != nil {
		return err
	}
	var counts, ids, logprob, mass []float32
	for _, u := range picked {
		for p := range u.Rows {
			counts = append(counts, float32(u.Offsets[p+1]-u.Offsets[p]))
		}
		for _, id := range u.IDs {
			ids = append(ids, float32(id)) // exact: a vocabulary has at most 2^24 ids
		}
		logprob, mass = append(logprob, u.LogProb...), append(mass, u.Mass...)
	}
	for _, o := range []output{{name: "counts", data: counts}, {name: "ids", data: ids}, {name: "logprob", data: logprob}, {name: "mass", data: mass}} {
		o.name, o.shape = "recorder/"+o.name, []int{len(o.data)}
		if err := take(o); err != nil {
			return err
		}
	}
	return nil
}

// run trains from the directory's weights.
func (c *checker) run(ctx context.Context, pool *tensor.Pool, r *recipe, take func(output) error) error {
	m := c.model.Clone()
	vocab := m.Config.VocabSize
	o := train.Objective{Replay: r.Loss == "replay", Bare: r.Loss == "replay" && r.Tail == "none", Proposal: c.in.proposal(r, vocab), Seed: r.Seed, KL: r.KL}
	if o.Proposal != nil {
		o.TailN = r.TailN
	}
	if err := c.tails(r, o.Proposal); err != nil {
		return err
	}
	s, err := train.NewStepper(m, pool, o, r.Optimizer, train.Workload{})
	if err != nil {
		return err
	}
	has := func(kind string) bool { return slices.Contains(r.Outputs, kind) }
	named := func(kind string, p *tensor.Param) string { return r.Name + "/" + kind + "/" + p.Name }
	schedule := r.schedule()
	var losses, kl []float32
	for step := 1; step <= r.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := s.Step(c.in.batch(r, step), r.Micro, step, schedule.At(step))
		if err != nil {
			return err
		}
		losses, kl = append(losses, float32(l)), append(kl, float32(s.KL))
		if step == 1 && has("gradients") {
			for p := range m.Params() {
				if err := take(output{name: named("gradients", p), shape: p.Shape, data: p.G.Data}); err != nil {
					return err
				}
			}
		}
	}
	if has("losses") {
		if err := take(output{name: r.Name + "/losses", shape: []int{r.Steps}, data: losses}); err != nil {
			return err
		}
		if r.KL > 0 {
			if err := take(output{name: r.Name + "/kl", shape: []int{r.Steps}, data: kl}); err != nil {
				return err
			}
		}
	}
	if has("weights") {
		before := slices.Collect(c.model.Params())
		i := 0
		for p := range m.Params() {
			if err := take(output{name: named("weights", p), shape: p.Shape, data: p.W.Data, before: before[i].W.Data}); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

// tails checks that the engine draws the tails that the reference was computed with.
func (c *checker) tails(r *recipe, q *loss.Proposal) error {
	if q == nil {
		return nil
	}
	var t loss.Tail
	for i, want := range c.in.tails[r.Name] {
		step, number := i/r.Global+1, i%r.Global
		t.Draw(q, r.TailN, tensor.NewRNG(r.Seed, "tail", uint64(step)<<32|uint64(number)))
		if !slices.Equal(t.IDs, want) {
			c.wrong.add(c.where, r.Name+"/tail", failed(0, i, "step %d, sequence %d draws other ids than inputs.safetensors holds", step, number), -1)
			return nil
		}
	}
	return nil
}
