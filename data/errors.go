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
	Line  int    // where the row begins, counted from 1
	Field string // the JSON field at fault; "" if it is not a single field
	Err   error  // what is wrong and what would be right; names the field
}

func (e *RowError) Error() string { return fmt.Sprintf("%s: line %d: %v", e.File, e.Line, e.Err) }

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

// noTargets is the error of a sample in which nothing can be learnt.
type noTargets string

func (e noTargets) Error() string { return string(e) }

// emptyField is the error of a field that leaves nothing to learn. The text continues after the words `field "name"`.
func emptyField(name, text string) error {
	return &fieldError{name, noTargets(fmt.Sprintf("field %q%s", name, text))}
}
