package optim

import "math"

// adaTAM is AdamW with torque-aware momentum (arXiv 2412.18790). Per tensor, with s kept from step to step:
//
//	s ← γ s + (1−γ) cos(m, g);   m ← β1 m + (ε + (1+s)/2) g
//
// The rest of the step is AdamW's, bias correction included (docs/METHOD.md, Baselines). m is a sum and not a mean, so good
// learning rates lie about 5 times below AdamW's.
var adaTAM = definition{
	name:       AdaTAM,
	keys:       []string{"eps", "gamma"},
	momentum:   true,
	similarity: true,
	steer:      damp,
	step:       divide,
}

// damp sets the factor of the gradient. Where m or g is zero the cosine is 0.
func damp(o *Optimizer, i int, own, _ products, _ float64) Angle {
	cos := 0.0
	if own.gg > 0 && own.mm > 0 {
		cos = min(1, max(-1, own.gm/(math.Sqrt(own.gg)*math.Sqrt(own.mm))))
	}
	gamma := o.Config.gamma()
	s := float64(gamma*o.similarity[i]) + float64((1-gamma)*cos)
	o.similarity[i] = s
	o.coef[i].OneMinusBeta1 = float32(o.Config.Eps + float64((1+s)/2))
	return Angle{}
}

func (c Config) gamma() float64 {
	if c.Gamma > 0 {
		return c.Gamma
	}
	return 0.9
}
