package compare

import (
	"context"

	"reprise/asm"
	"reprise/eval"
	"reprise/model"
)

// Mixture is the score of base + α·(trained − base), which takes no training (WiSE-FT).
type Mixture struct {
	Alpha   float64   `json:"alpha"`
	Choose  float64   `json:"choose"` // domain loss on the choosing half
	Report  float64   `json:"report"`
	General []General `json:"general"` // without KL
}

// at is the cell's score at an α; nil: it has none.
func (c *Cell) at(alpha float64) *Mixture {
	for i := range c.Alphas {
		if c.Alphas[i].Alpha == alpha {
			return &c.Alphas[i]
		}
	}
	return nil
}

// mixtures scores a trained model at every α of the grid. It leaves the model with mixed weights.
func (r *Runner) mixtures(ctx context.Context, e *eval.Evaluator, m *model.Model, cell *Cell) error {
	if len(r.grid.Alphas) == 0 {
		return nil
	}
	trained := weights(m)
	for _, alpha := range r.grid.Alphas {
		blend(m, r.base.Model, trained, alpha)
		mix := Mixture{Alpha: alpha}
		var err error
		if mix.Choose, _, _, err = r.score(ctx, e, r.texts.choose); err != nil {
			return err
		}
		if mix.Report, _, _, err = r.score(ctx, e, r.texts.report); err != nil {
			return err
		}
		for i, halves := range r.texts.general {
			g := General{Name: r.grid.General[i].Name}
			if g.Choose, _, _, err = r.score(ctx, e, halves.choose); err != nil {
				return err
			}
			if g.Report, _, _, err = r.score(ctx, e, halves.report); err != nil {
				return err
			}
			mix.General = append(mix.General, g)
		}
		cell.Alphas = append(cell.Alphas, mix)
	}
	return nil
}

// weights copies a model's weights, row by row.
func weights(m *model.Model) (rows [][]float32) {
	for p := range m.Params() {
		for i := range p.W.Rows {
			rows = append(rows, append([]float32(nil), p.W.Row(i)[:p.W.Cols]...))
		}
	}
	return rows
}

// blend sets the weights of m to base + α·(trained − base), in float32: fma(α, θ − θ0, θ0).
func blend(m, base *model.Model, trained [][]float32, alpha float64) {
	from := weights(base)
	i := 0
	for p := range m.Params() {
		for row := range p.W.Rows {
			to := p.W.Row(row)[:p.W.Cols]
			for k := range to {
				to[k] = asm.FMA(float32(alpha), trained[i][k]-from[i][k], from[i][k])
			}
			i++
		}
	}
}
