package data

import (
	"errors"
	"fmt"
)

// RowError names the row of a file that cannot be used. The readers of this package and the tasks of package eval return it
// (wrapped) for every problem that belongs to a line:
//
//	if row, ok := errors.AsType[*data.RowError](err); ok {
//		edit(row.File, row.Line)
//	}
type RowError struct {
	File  string // the file that holds the row; if a directory was given, one of its files
	Line  int    // where the row begins, counted from 1; of Parquet the number of the row
	Field string // the JSON field at fault; "" if it is not a single field
	Err   error  // what is wrong and what would be right; names the field
}

func (e *RowError) Error() string {
	return fmt.Sprintf("%s: %s %d: %v", e.File, unit(e.File), e.Line, e.Err)
}

// unit is what is counted in a file.
func unit(file string) string {
	if k, _, _ := kindOf(file); k == parquetFile {
		return "row"
	}
	return "line"
}

func (e *RowError) Unwrap() error { return e.Err }

// reading adds the file's name to an error of reading it. A RowError already has it.
func reading(path string, err error) error {
	if _, ok := errors.AsType[*RowError](err); ok {
		return fmt.Errorf("data: reading %w", err)
	}
	return fmt.Errorf("data: reading %s: %w", path, err)
}

// fieldError is what is wrong with one field of a row; its text names the field too.
type fieldError struct {
	name string
	error
}

func (e *fieldError) Unwrap() error { return e.error }

// badField is the error of a field. The format continues after the words `field "name"`.
func badField(name, format string, args ...any) error {
	return &fieldError{name, fmt.Errorf("field %q"+format, append([]any{name}, args...)...)}
}

// ErrNothing is what errors.Is finds in the error of a sample in which nothing can be learnt. Reading.SkipEmpty leaves such samples
// out.
var ErrNothing = errors.New("nothing in the sample can be learnt")

// ErrAllEmpty is what errors.Is finds in the error of a file of which every sample was left out.
var ErrAllEmpty = errors.New("all rows are empty")

// allEmptyError is the error of this many samples.
type allEmptyError int

func (e allEmptyError) Error() string { return fmt.Sprintf("all %d rows are empty", int(e)) }

func (e allEmptyError) Is(target error) bool { return target == ErrAllEmpty }

// AllEmpty is the error, an [ErrAllEmpty], of a file of which every sample was left out.
func (s Stats) AllEmpty(path string) error { return reading(path, allEmptyError(s.Documents)) }

// noTargets is the error of a sample in which nothing can be learnt.
type noTargets string

func (e noTargets) Error() string { return string(e) + "; skip_empty leaves such samples out" }

func (e noTargets) Is(target error) bool { return target == ErrNothing }

// emptyField is the error of a field that leaves nothing to learn. The text continues after the words `field "name"`.
func emptyField(name, text string) error {
	return &fieldError{name, noTargets(fmt.Sprintf("field %q%s", name, text))}
}
