// Package optim updates parameters from their gradients: AdamW, Adam-atan2, MoClip, AdaTAM, MoFO and cautious AdamW, with
// global-norm clipping and learning-rate schedules. [New] takes a [Config] and the parameters; [Optimizer.Step] takes one
// step. [DefaultConfig] gives the documented defaults.
//
// MoClip (arXiv 2510.09152) is AdamW with two changes: the angle φ between the gradient g and the first moment m is capped
// at Δ per tensor, and the arctangent replaces the division, which makes ε unnecessary:
//
//	g' = (sin Δ/sin φ)·g + (|g|/|m|)·(sin(φ−Δ)/sin φ)·m   where cos φ < cos Δ: norm kept, angle Δ, in the plane of g and m
//	g' = g                                                elsewhere
//	m ← β1 m + (1−β1) g';   v ← β2 v + (1−β2) g'²;   m̂ = m/(1−β1^t);   v̂ = v/(1−β2^t)
//	θ ← θ − lr·wd·θ − lr·a·atan2(m̂, b·√v̂)
//
// docs/METHOD.md has the formulas of all optimizers (MoClip, Baselines) and of the schedules (Schedule). It says what is ours
// because the paper does not give it: the default of Δ, the scope of the angle, what happens at obtuse angles. Learning rates
// of AdamW and of the arctangent methods cannot be compared one to one: the arctangent's slope at small ratios is a = 1.27.
//
// [Optimizer.PullTo], [Optimizer.Reset] and [Optimizer.NewAverage] act on the weights as a whole after a step: L2-SP, weight space
// consolidation, averages along the run (docs/METHOD.md, Weight space).
//
// The result has the same bits on every processor and with any number of workers (docs/NUMERICS.md, section 6). A step
// allocates nothing after the first. Every optimizer is one definition; MoClip's is in moclip.go.
package optim
