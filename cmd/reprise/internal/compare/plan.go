package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"reprise/data"
	"reprise/internal/build"
	"reprise/replay"
	"reprise/run"
)

// plan is what decides a cell. Planning reads and packs texts, and makes no record.
type plan struct {
	recipe      run.Recipe // without paths of records
	domain, mix *draw      // mix is nil without mixing
	settings    []string   // what decides the result, line by line; the recipe is last
	digest      string     // of settings
}

// draw is a seed's draw of the documents of a text, and how they are recorded.
type draw struct {
	name      string // of the record's file, without its ending
	file      string
	how       RecordPlan
	share     float64 // of packs that the base model writes, in a step; 0: none
	seed      uint64
	docs      []data.Document
	sequences int
	tokens    int
	digest    [32]byte // of the packs
}

// fill is how full the packs are.
func (d *draw) fill() float64 { return float64(d.tokens) / float64(d.sequences*d.how.MaxSeqLen) }

// plan determines a cell's recipe and its digest.
func (r *Runner) plan(c id) (*plan, error) {
	recipe, err := r.grid.recipe(c.method)
	if err != nil {
		return nil, err
	}
	how, err := r.grid.recordPlan(c.method)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if p.domain, err = r.draw("domain", how, c.seed, r.grid.Tokens, recipe.Rehearse); err != nil {
		return nil, err
	}
	recipe.Model, recipe.LR, recipe.Seed = r.grid.Base, c.lr, c.seed
	mixes := r.grid.mixes(c.method)
	recipe.MaxSteps = steps(recipe, r.grid.budget(c.method), mixes, p.domain.sequences, p.domain.fill())
	recipe.Eval.Every = max(1, (recipe.MaxSteps+r.grid.Evaluations-1)/r.grid.Evaluations)
	if mixes {
		// As much as the run reads, and a tenth more, so that little of it is read twice.
		_, mixed, _ := recipe.Batch(math.MaxInt, true, true)
		need := int(1.1 * float64(recipe.MaxSteps*mixed*how.MaxSeqLen))
		if p.mix, err = r.draw("mix", how, c.seed, need, 0); err != nil {
			return nil, err
		}
	}
	p.recipe = recipe
	p.settings = r.settings(p)
	sum := sha256.Sum256([]byte(strings.Join(p.settings, "\n")))
	p.digest = hex.EncodeToString(sum[:])
	return p, nil
}

// steps is the number of steps that a budget gives a method, for a domain of that many packs, full to a share fill. Without a budget it
// is that of a method that trains on the domain alone. Packs of the base model's own are full; those of mixed text are taken to be as
// full as the domain's.
func steps(r run.Recipe, budget string, mixes bool, sequences int, fill float64) int {
	domain, mixed, own := r.Batch(sequences, mixes, true)
	plain := (sequences + r.GlobalBatchSize - 1) / r.GlobalBatchSize * r.Epochs
	switch budget {
	case budgetTokens:
		step := float64(float64(domain+mixed)*fill) + float64(own)
		return max(1, int(math.Round(float64(plain*r.GlobalBatchSize)*fill/step)))
	case budgetDomain:
		return (sequences + domain - 1) / domain * r.Epochs
	}
	return plain
}

// settings lists everything that decides a cell's result, in lines. A key without effect is left out, and so is one at its default
// that was added to the recipe later: an old cell keeps its digest.
func (r *Runner) settings(p *plan) []string {
	recipe, standard := p.recipe, run.DefaultRecipe()
	lines := []string{"cell 1", fmt.Sprintf("contract %d", build.Contract), "base " + r.base.Fingerprint, fmt.Sprintf("held out %x", r.held),
		fmt.Sprintf("domain %x", p.domain.digest)}
	rule := func(how RecordPlan) string {
		return fmt.Sprintf("rule %g %d %d %v", how.Tau, how.KMin, how.KMax, how.Always)
	}
	if needsRecord(recipe) {
		lines = append(lines, rule(p.domain.how))
	}
	rehearses := recipe.Rehearse > 0 || p.mix != nil && recipe.MixLoss == "rehearsal"
	if p.mix != nil {
		lines = append(lines, fmt.Sprintf("mix %x", p.mix.digest))
		if recipe.MixLoss != "domain" {
			lines = append(lines, "mix's loss "+recipe.MixLoss)
			if recipe.RehearseLoss != "ce" && !needsRecord(recipe) {
				lines = append(lines, rule(p.domain.how))
			}
		}
	} else {
		recipe.ReplayMix = standard.ReplayMix
	}
	if recipe.Rehearse > 0 {
		packs, _ := replay.Amount(p.domain.sequences, recipe.Rehearse, p.domain.how.MaxSeqLen, replay.DefaultOwn)
		start := replay.StartOf(&r.base.Model.Config, r.base.Tokenizer)
		lines = append(lines, fmt.Sprintf("rehearse %g of %d packs that begin %s, %s", recipe.Rehearse, packs, start, rule(p.domain.how)))
	}
	if rehearses {
		lines = append(lines, fmt.Sprintf("rehearsal's loss %s, weight %g", recipe.RehearseLoss, recipe.RehearseWeight))
	}
	// These keys are in the lines above, where they have an effect; their defaults may still change.
	recipe.Rehearse, recipe.RehearseLoss, recipe.RehearseWeight, recipe.MixLoss =
		standard.Rehearse, standard.RehearseLoss, standard.RehearseWeight, standard.MixLoss
	recipe.Model, recipe.Replay, recipe.Mix, recipe.Out = "", "", "", ""
	recipe.MicroBatchSize, recipe.Recompute, recipe.DType = standard.MicroBatchSize, standard.Recompute, standard.DType
	recipe.Eval, recipe.Save, recipe.Record = standard.Eval, standard.Save, standard.Record
	recipe.Reading = standard.Reading // the digests of the texts have it
	if recipe.Loss != "replay" {
		recipe.Tail, recipe.TailN, recipe.Proposal, recipe.Refresh = standard.Tail, standard.TailN, standard.Proposal, standard.Refresh
	}
	if recipe.Tail == "none" {
		recipe.TailN, recipe.Proposal = standard.TailN, standard.Proposal
	}
	return append(lines, string(recipe.DigestText()))
}

// draw finds a seed's draw of documents from a text, at most limit tokens of it (0: all), or makes it.
func (r *Runner) draw(kind string, how RecordPlan, seed uint64, limit int, share float64) (*draw, error) {
	text := Text{File: r.grid.Domain.Train, Split: r.grid.Domain.Split}
	if kind == "mix" {
		text = r.grid.Mix
	}
	name := fmt.Sprintf("%s-seed%d-tau%g-k%d-%d-len%d-n%d", kind, seed, how.Tau, how.KMin, how.KMax, how.MaxSeqLen, limit)
	if len(how.Always) > 0 {
		name += fmt.Sprintf("-always%d", how.Always)
	}
	if share > 0 {
		name += fmt.Sprintf("-rehearse%g", share)
	}
	if d := r.draws[name]; d != nil {
		return d, nil
	}
	source := fmt.Sprintf("%s, %d tokens", text.File, how.MaxSeqLen)
	all, ok := r.learnt[source]
	if !ok {
		docs, err := r.read(text, how.MaxSeqLen, false)
		if err != nil {
			return nil, err
		}
		all = take(units(docs, r.grid.Tokens), 0, 0, "texts")
		r.learnt[source] = all
	}
	drawn := take(all, 0, seed, "subsample")
	drawn = drawn[:max(1, int(float64(r.grid.Subsample*float64(len(drawn)))+0.5))]
	n := 0
	for i, u := range drawn {
		if limit > 0 && n >= limit {
			drawn = drawn[:i]
			break
		}
		n += u.tokens()
	}
	d := &draw{name: name, file: text.File, how: how, share: share, seed: seed, docs: flat(drawn), tokens: n}
	packs := data.Pack(d.docs, how.MaxSeqLen, seed)
	d.sequences, d.digest = len(packs), data.Digest(packs)
	r.draws[name] = d
	return d, nil
}
