package compare

import (
	"context"

	"reprise/eval"
	"reprise/model"
	"reprise/weights"
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
	base, trained := weights.Copy(r.base.Model), weights.Copy(m)
	for _, alpha := range r.grid.Alphas {
		err := weights.Blend(m, base, trained, alpha)
		if err != nil {
			return err
		}
		mix := Mixture{Alpha: alpha}
		if mix.Choose, _, _, err = r.score(ctx, e, r.texts.choose); err != nil {
			return err
		}
		if mix.Report, _, _, err = r.score(ctx, e, r.texts.report); err != nil {
			return err
		}
		if mix.General, err = r.generals(ctx, e); err != nil {
			return err
		}
		cell.Alphas = append(cell.Alphas, mix)
	}
	return nil
}
