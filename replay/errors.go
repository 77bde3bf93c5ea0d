package replay

import (
	"errors"
	"fmt"
)

// Errors that a program can ask for with errors.Is.
var (
	// ErrNotRecord: the file is something else. [Record] makes a record.
	ErrNotRecord = errors.New("not a record")

	// ErrExists: a file stands where the record should be written, and it is not the one that the job would write. It is left
	// as it is.
	ErrExists = errors.New("what is there is not overwritten")

	// ErrRecordAgain: the record does not fit the model, and only another one will. See also [WrongBaseError].
	ErrRecordAgain = errors.New("record the data again with this base model (replay.Record)")
)

// ShardError says that a record is one shard of a recording where the whole is wanted. [Merge] joins the shards.
type ShardError struct {
	Path          string
	Shard, Shards int // number of the shard, counted from 0, and how many there are
}

func (e *ShardError) Error() string {
	return fmt.Sprintf("%s is one shard of %d, counted from 0 it is number %d; join them all first with replay.Merge", e.Path, e.Shards, e.Shard)
}

// WrongBaseError says that a record was made with another base model or another tokenizer than those that it should serve. It is an
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
	return fmt.Sprintf("replay: %s: %s; %v", e.Path, what, ErrRecordAgain)
}

func (e *WrongBaseError) Unwrap() error { return ErrRecordAgain }
