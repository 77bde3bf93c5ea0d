// Package compare runs a grid of methods, learning rates and seeds over one base model, one domain and some general texts,
// and weighs what each learns against what it forgets and what it costs (docs/METHOD.md, Protocol).
//
// A cell is one method at one learning rate and seed. Its result is a file named by a digest of what decides it, so that a comparison
// that was killed, or is run in parts or on several machines, continues with the missing cells, and grids share cells. All cells of a
// seed see the same documents, in the same packs and order, for the same number of steps or by another budget of the grid.
//
// The cost of a method is the median of its cells' own times, or of runs that Retime makes only for timing, the methods in
// turn; their times are in timings/METHOD.json.
package compare
