// Package train takes optimizer steps.
//
// A [Stepper] holds a model, its gradients, one pass and the optimizer. [Stepper.Step] does a whole training step: forward
// pass, loss, backward pass, update. The [Objective] says which loss it minimises. The [Workload] says how much memory to
// allocate at the start, so that later steps allocate nothing. Most programs need two calls:
//
//	s, err := train.NewStepper(model, pool, train.DefaultObjective(record), optim.DefaultConfig(optim.MoClip), train.Workload{})
//	loss, err := s.Step(batch, 2, step, learningRate) // in a loop; batch holds sequences of the record
//
// The zero Objective is full cross-entropy; then the batch may come from [data.Pack] instead of a record. docs/METHOD.md has the
// formulas of the losses (Stage 1) and of the optimizers.
//
// The package's Example is a whole program: a base model, its record, and the steps. Package run adds the parts of a training
// run: recipe, data order, schedule, evaluation, checkpoints.
package train
