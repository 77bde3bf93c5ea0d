// Package loss computes training losses fused with the output head, so that the logits of all tokens over the whole
// vocabulary never exist at the same time.
//
// Full is ordinary cross-entropy. Replay is the loss of Logits Replay (arXiv 2510.09152): cross-entropy renormalised over
// the ids that the base model found probable when the record was made, S_t, optionally with a sampled tail that keeps the
// rest of the vocabulary from growing unseen.
//
//	full:    L_t = log Σ_j exp(z_tj) − z_ty
//	replay:  L_t = log Σ_{j∈S_t} exp(z_tj) − z_ty          full − replay = −log(1 − ρ_t), ρ_t the mass outside S_t
//
// Package train calls them in its steps. [Full.Run] and [Replay.Run] give the loss of every position, and the gradients if they
// are wanted; [Full.Rho] measures ρ.
//
// A replay loss is not a cross-entropy over the vocabulary and is never reported as one. The order of every sum is part of
// the arithmetic contract in docs/NUMERICS.md.
package loss
