// Package run is a training run: a [Recipe], everything that it names opened, and the steps of package train between
// evaluations and checkpoints.
//
// [Open] checks a recipe and opens a [Run]; ranging over [Run.Events] trains and reports. The run directory holds the recipe,
// metrics.jsonl, checkpoints, best/ and final/. A run that was interrupted goes on from its newest checkpoint and ends in the
// bits of one that was not.
package run
