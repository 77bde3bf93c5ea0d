package run

import "errors"

// Errors that a program can ask for with errors.Is.
var (
	// ErrInterrupted is what Err returns after a run was cancelled. If the run has a directory, its state was saved, and Open
	// with resume continues from there.
	ErrInterrupted = errors.New("run: interrupted")

	// ErrNotEmpty: the run directory is not empty, and resume was not asked for.
	ErrNotEmpty = errors.New("exists and is not empty")

	// ErrBusy: another process is training in the run directory.
	ErrBusy = errors.New("another process is training in it")

	// ErrNotThisRun: the files in the run directory were made with another recipe, base model, data or record, so that this
	// run cannot continue them.
	ErrNotThisRun = errors.New("does not belong to this run")
)
