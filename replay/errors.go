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
)

// ShardError says that a record is one shard of a recording where the whole is wanted. [Merge] joins the shards.
type ShardError struct {
	Path          string
	Shard, Shards int // number of the shard, counted from 0, and how many there are
}

func (e *ShardError) Error() string {
	return fmt.Sprintf("%s is one shard of %d, counted from 0 it is number %d; join them all first with replay.Merge", e.Path, e.Shards, e.Shard)
}
