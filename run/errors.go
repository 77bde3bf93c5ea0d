package run

import (
	"errors"
	"fmt"
)

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

	// ErrRecordAgain: the record cannot be used and has to be made again. See also [WrongBaseError].
	ErrRecordAgain = errors.New("record the data again with this base model (replay.Record)")
)

// WrongBaseError says that a record was made with another base model or another tokenizer than those of the run. It is an
// [ErrRecordAgain] too.
type WrongBaseError struct {
	Path    string // the record
	What    string // what differs: "base model" or "tokenizer"
	Have    string // fingerprint in the record
	MovedTo string // of a record that was made while its model was trained: the model's fingerprint at the end; otherwise ""
	Want    string // fingerprint in the run
}

func (e *WrongBaseError) Error() string {
	var what string
	switch {
	case e.MovedTo != "":
		what = fmt.Sprintf("the record was made while a model was trained (weights %.12s… to %.12s…, the model has %.12s…): it fits only those two",
			e.Have, e.MovedTo, e.Want)
	case e.What == "tokenizer":
		what = fmt.Sprintf("the record was made with another tokenizer (%.12s…, the model has %.12s…)", e.Have, e.Want)
	default:
		what = fmt.Sprintf("the record was made with another %s (weights %.12s…, the model has %.12s…)", e.What, e.Have, e.Want)
	}
	return fmt.Sprintf("run: %s: %s; %v", e.Path, what, ErrRecordAgain)
}

func (e *WrongBaseError) Unwrap() error { return ErrRecordAgain }
