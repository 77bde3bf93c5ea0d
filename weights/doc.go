// Package weights works on whole models as points in weight space: it mixes the weights of a base model θ0 and of a model θ
// that was trained from it (WiSE-FT, arXiv 2109.01903):
//
//	θ0 + α·(θ − θ0)        in float32: fma(α, θ − θ0, θ0)
//
// An α of 0 is the base model and one of 1 the trained model, to the bit. No training is needed, so a whole curve costs only
// its evaluations. [Blend] writes the mixture into a model in memory; [Save] into a directory, piece by piece, without either
// model in memory. [Fit] says whether two directories belong together.
//
//	base, err := checkpoint.OpenStored("base")
//	now, err := checkpoint.OpenStored("runs/a/final")
//	err = weights.Fit(base, now)
//	err = weights.Save("mixed", base, now, 0.5, checkpoint.SaveOptions{})
package weights
