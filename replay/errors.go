package replay

import (
	"errors"
	"fmt"
)

// Errors that a program can ask for with errors.Is.
var (
	// ErrNotRecord: the file is not a record. [Record] makes one.
	ErrNotRecord = errors.New("not a record")

	// ErrExists: a file with the name of the record exists, and it is not the record that the job would write. It is left
	// as it is.
	ErrExists = errors.New("the existing file is not overwritten")

	// ErrRecordAgain: the record does not fit the model and has to be made again. See also [WrongBaseError].
	ErrRecordAgain = errors.New("record the data again with this base model (replay.Record)")
)

// ShardError says that a record is only one shard of a recording, but the whole is needed. [Merge] joins the shards.
type ShardError struct {
	Path          string
	Shard, Shards int // number of the shard, counted from 0, and how many there are
}

func (e *ShardError) Error() string {
	return fmt.Sprintf("%s is one shard of %d (number %d, counted from 0); join them all first with replay.Merge", e.Path, e.Shards, e.Shard)
}

// WrongBaseError says that a record was made with another base model, tokenizer or config.json than the ones it is used with. It is
// also an [ErrRecordAgain].
type WrongBaseError struct {
	Path    string // the record
	What    string // what differs: "base model", "tokenizer" or "configuration"
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
	case e.What == "configuration":
		what = fmt.Sprintf("the record was made with another config.json (%.12s…, the model has %.12s…): the weights are the same, but a field that changes "+
			"what they compute is not, such as rope_theta or rms_norm_eps", e.Have, e.Want)
	default:
		what = fmt.Sprintf("the record was made with another %s (weights %.12s…, the model has %.12s…)", e.What, e.Have, e.Want)
	}
	return fmt.Sprintf("replay: %s: %s; %v", e.Path, what, ErrRecordAgain)
}

func (e *WrongBaseError) Unwrap() error { return ErrRecordAgain }
