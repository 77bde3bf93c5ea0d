// Package atomicfile writes files and directories that are either complete or absent.
//
// Everything is written under a temporary name beside its destination (a dot, the final name, ".tmp-" and random
// letters), flushed to the disk, renamed, and the directory that holds the name is flushed too. After an error or a panic
// the temporary name is gone and the destination is as it was before. Only a process that is killed can leave a temporary
// name. The next one that writes to the same destination removes it, unless a process that lives is still writing it, which
// a lock tells: see temp.go.
//
// A destination that is a link is followed. What is neither a file nor a directory, such as /dev/null or a pipe, is written
// to and never replaced.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Write creates or replaces the file path with what write puts into w, which is buffered. The directory must exist. A link is
// followed; a device or a pipe is written to, and keeps what it was given before an error.
func Write(path string, write func(w io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("atomicfile: writing %s: %w", path, err)
		}
	}()
	place, through, err := destination(path)
	if err != nil {
		return err
	}
	if through != nil {
		return writeThrough(through, write)
	}
	sweep(place)
	f, err := createTemp(place)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // an open file cannot be renamed there; elsewhere it stays open, because that is what keeps its lock
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), place); err != nil {
		return err
	}
	renamed = true
	f.Close() // what was written has been flushed
	return syncDir(filepath.Dir(place))
}

// WriteFile is Write for bytes in memory.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
