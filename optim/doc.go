// Package optim updates parameters: AdamW, Adam-atan2 and MoClip, and AdaTAM, MoFO and cautious AdamW to compare with;
// learning-rate schedules and global-norm clipping.
//
// MoClip (arXiv 2510.09152) is AdamW with two changes: the angle φ between the gradient g and the first moment m is capped
// at Δ per tensor, and arctan2 takes the place of the division, so that there is no ε:
//
//	g' = g                                                            where cos φ ≥ cos Δ
//	g' = (sin Δ/sin φ)·g + (|g|/|m|)·(sin(φ−Δ)/sin φ)·m               elsewhere: norm kept, angle Δ, in the plane of g and m
//	m ← β1 m + (1−β1) g';   v ← β2 v + (1−β2) g'²;   m̂ = m/(1−β1^t);   v̂ = v/(1−β2^t)
//	θ ← θ − lr·wd·θ − lr·a·atan2(m̂, b·√v̂)
//
// The paper does not give Δ, the scope of the angle or what happens at obtuse angles: these are named parameters of Config,
// and their defaults are ours (docs/RESULTS.md). Learning rates of AdamW and of the atan2 methods are not comparable one to
// one: the arctangent's slope at small ratios is a = 1.27.
package optim
