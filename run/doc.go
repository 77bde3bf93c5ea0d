// Package run is a training run: a [Recipe], the model and data that it names, and the steps of package train with
// evaluations and checkpoints between them.
//
// [Open] checks a recipe and opens a [Run]; ranging over [Run.Events] trains and reports, and [Run.Err] says afterwards how it
// ended:
//
//	r := run.DefaultRecipe()
//	r.Model, r.Replay, r.Out = "model", "domain.replay", "runs/a"
//	training, err := run.Open(r, pool, false)
//	for step, event := range training.Events(ctx) { … }
//	err = training.Err()
//
// A recipe begins with [DefaultRecipe] or [ReadRecipe]; the zero Recipe is refused. The run directory holds the recipe,
// metrics.jsonl, checkpoints, best/ and final/; the last two are Hugging Face directories. An interrupted run (cancelling ctx
// also interrupts it) continues from its newest checkpoint and ends with the same bits as an uninterrupted one.
package run
