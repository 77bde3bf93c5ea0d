package compare

import (
	"strings"
	"testing"
)

// TestCellDigestsStay: cells that were run by an earlier program of the same contract still count, whatever keys recipes got since.
func TestCellDigestsStay(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) { g.Methods = g.Methods[:7] })
	for i, want := range []string{
		"e71801fdce037c22dbf64ca5af528e092132e0946a221eabaa5948292fa30460", // full-adamw
		"fb662c6ea8e727cfb26c9694c284009286737627d809a67038d3a47bfb972a2e", // full-mix
		"a7eaecb42109877dea93df0a336baf05a6878b827132eb67412a98a602494f07", // replay-bare
		"7f4d150c496ed9bd0d99ebe185fd193c9b4b3b649c9d434368453dea1d4edf6b", // replay
		"1631b9dde3cdc241cd51fadf3119aee21be933a10f4e62a698a0d6677cff70f6", // replay-kl
		"580c009f02fc9fd381ac8f37155a76367be2aef536ff8fcf2440ae2ac1931730", // replay-wide
		"610c40ac0f0665d1e7905dc443d4eb0da02afb9114d4938b80d807dbb7dd8698", // replay-refresh
	} {
		m := &r.grid.Methods[i]
		p, err := r.plan(id{m, 1e-3, 1})
		if err != nil {
			t.Fatal(err)
		}
		if p.digest != want {
			t.Errorf("%s: digest %s, want %s, of\n%s", m.Name, p.digest, want, strings.Join(p.settings, "\n"))
		}
	}
}

// TestDigestsOfWhatHasAnEffect: a cell is known by what decides it. Keys without effect, the name of its method and what is only
// measured beside do not change its digest; everything else does.
func TestDigestsOfWhatHasAnEffect(t *testing.T) {
	dir := t.TempDir()
	digest := func(which int, change func(*Grid)) string {
		t.Helper()
		r := runner(t, dir, change)
		p, err := r.plan(id{&r.grid.Methods[which], 1e-3, 1})
		if err != nil {
			t.Fatal(err)
		}
		return p.digest
	}
	recipe := func(which int, key string, value any) func(*Grid) {
		return func(g *Grid) { g.Methods[which].Recipe[key] = value }
	}
	const full, mix, bare, tail = 0, 1, 2, 3
	for name, c := range map[string]struct {
		which  int
		same   bool
		change func(*Grid)
	}{
		"another name":                    {full, true, func(g *Grid) { g.Methods[full].Name, g.Reference = "plain", "plain" }},
		"a record's rule that is unread":  {full, true, func(g *Grid) { g.Record.KMax = 8 }},
		"a proposal without a tail":       {bare, true, recipe(bare, "proposal", "uniform")},
		"a loss of rehearsal without any": {full, true, recipe(full, "rehearse_loss", "ce")},
		"packs in memory at a time":       {tail, true, recipe(tail, "micro_batch_size", 2)},
		"mixtures and a probe":            {full, true, func(g *Grid) { g.Alphas, g.Probe.Every = []float64{0.5}, 2 }},
		"a record's rule that is read":    {tail, false, func(g *Grid) { g.Record.KMax = 8 }},
		"a proposal":                      {tail, false, recipe(tail, "proposal", "uniform")},
		"a share of rehearsal":            {full, false, recipe(full, "rehearse", 0.25)},
		"a budget":                        {mix, false, func(g *Grid) { g.Budget = budgetDomain }},
		"a budget that changes nothing":   {full, true, func(g *Grid) { g.Budget = budgetDomain }},
		"fewer held-out tokens":           {full, false, func(g *Grid) { g.EvalTokens = 1000 }},
		"another text to mix in":          {mix, false, func(g *Grid) { g.Mix.File = g.Domain.Train }},
	} {
		if same := digest(c.which, c.change) == digest(c.which, func(*Grid) {}); same != c.same {
			t.Errorf("%s: the same digest: %v, want %v", name, same, c.same)
		}
	}
	rehearsing := func(loss string) string {
		return digest(full, func(g *Grid) {
			g.Methods[full].Recipe["rehearse"], g.Methods[full].Recipe["rehearse_loss"] = 0.25, loss
		})
	}
	if rehearsing("ce") == rehearsing("soft") {
		t.Error("the loss of rehearsal does not change a digest")
	}
}
