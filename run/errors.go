package run

import (
	"errors"
	"fmt"
)

// Errors that a program can ask for with errors.Is.
var (
	// ErrInterrupted is what Err returns after a run was cancelled and its state, if the run has a directory, was saved. Open
	// with resume goes on from there.
	ErrInterrupted = errors.New("run: interrupted")

	// ErrNotEmpty: the run directory holds something, and resume was not asked for.
	ErrNotEmpty = errors.New("exists and is not empty")

	// ErrBusy: another process is training in the run directory.
	ErrBusy = errors.New("another process is training in it")

	// ErrNotThisRun: what stands in the run directory was made with something else that decides the result: another recipe,
	// base model, data or record.
	ErrNotThisRun = errors.New("is not of this run")

	// ErrRecordAgain: the record does not fit, and only another one will. See also [WrongBaseError].
	ErrRecordAgain = errors.New("record the data again with this base model (replay.Record)")
)

// WrongBaseError says that a record was made with another base model or another tokenizer than those of the run. It is an
// [ErrRecordAgain] too.
type WrongBaseError struct {
	Path    string // the record
	What    string // what differs: "base model" or "tokenizer"
	Have    string // its fingerprint as the record has it
	MovedTo string // of a record that was made while its model was trained: the fingerprint at its end; otherwise ""
	Want    string // fingerprint of the run's
}

func (e *WrongBaseError) Error() string {
	var what string
	switch {
	case e.MovedTo != "":
		what = fmt.Sprintf("the record was made while a model was trained (weights %.12s… to %.12s…, the model has %.12s…): it fits those two only",
			e.Have, e.MovedTo, e.Want)
	case e.What == "tokenizer":
		what = fmt.Sprintf("the record was made with another tokenizer (%.12s…, the model has %.12s…)", e.Have, e.Want)
	default:
		what = fmt.Sprintf("the record was made with another %s (weights %.12s…, the model has %.12s…)", e.What, e.Have, e.Want)
	}
	return fmt.Sprintf("run: %s: %s; %v", e.Path, what, ErrRecordAgain)
}

func (e *WrongBaseError) Unwrap() error { return ErrRecordAgain }
