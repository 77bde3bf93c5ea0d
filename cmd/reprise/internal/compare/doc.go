// Package compare runs a grid of methods, learning rates and seeds over one base model, one domain and some general texts,
// and weighs what each learns against what it forgets and what it costs (docs/METHOD.md, Protocol).
//
// A cell is one method at one learning rate and seed. Its directory, cells/METHOD/lr-RATE/seed-N, is either complete or
// absent, so that a comparison that was killed continues with the missing cells. All cells of a seed see the same
// documents, in the same packs and order, for the same number of steps.
//
// The cost of a method is the median of its cells' own times, or of runs that Retime makes only for timing, the methods in
// turn; their times are in timings/METHOD.json.
package compare
