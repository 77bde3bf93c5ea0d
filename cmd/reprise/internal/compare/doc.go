// Package compare runs a grid of methods, learning rates and seeds over one base model, one domain and some general texts,
// and weighs what each learns against what it forgets and what it costs (METHOD, Protocol).
//
// A cell is one method at one learning rate and seed. Its directory, cells/METHOD/lr-RATE/seed-N, appears whole or not at
// all, so that a comparison that was killed goes on with the cells that are missing. All cells of a seed see the same
// documents, in the same packs and order, for the same number of steps.
//
// What a method costs is the median of its cells' own times, or of runs that Retime makes for nothing else, the methods in turn;
// those stand in timings/METHOD.json.
package compare
