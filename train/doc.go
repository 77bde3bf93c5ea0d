// Package train takes optimizer steps.
//
// A [Stepper] holds a model, its gradients, one pass and the optimizer. Its [Stepper.Step] is the whole of training: forward
// pass, loss, backward pass, update. The [Objective] says which loss it minimises, and the [Workload] how much memory it takes
// at the start, so that later steps allocate nothing.
//
// Package run makes a training run of it: recipe, data order, schedule, evaluation, checkpoints.
package train
