// Package atomicfile writes files and directories that are either complete or absent.
//
// Everything is written under a temporary name beside its destination (a dot, the final name, ".tmp-" and random
// letters), flushed to the disk, renamed, and the directory that holds the name is flushed too. After an error or a panic
// the temporary name is gone and the destination is as it was before. Only a process that is killed can
// leave a temporary name behind; Sweep removes those.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const mark = ".tmp-"

// Write creates or replaces the file path with what write puts into w, which is buffered. The directory must exist.
func Write(path string, write func(w io.Writer) error) (err error) {
	f, err := createTemp(path)
	if err != nil {
		return fmt.Errorf("atomicfile: writing %s: %w", path, err)
	}
	renamed := false
	defer func() {
		if !renamed {
			f.Close()
			os.Remove(f.Name())
			if err != nil {
				err = fmt.Errorf("atomicfile: writing %s: %w", path, err)
			}
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	renamed = true
	return syncDir(filepath.Dir(path))
}

// WriteFile is Write for bytes in memory.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// CreateDir makes the directory path from the files that fill writes into the temporary directory it is given. A path that
// exists and is not an empty directory is refused, before fill runs. Missing parents are made.
func CreateDir(path string, fill func(dir string) error) error {
	if err := refuseFilled(path); err != nil {
		return err
	}
	return makeDir(path, fill, func(tmp string) error {
		if err := refuseFilled(path); err != nil { // another process may have been faster
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Rename(tmp, path)
	})
}

// ReplaceDir is CreateDir for a path that may exist: the old directory is moved aside when the new one is complete and on
// the disk, removed after the new one has taken its name, and put back if that fails.
func ReplaceDir(path string, fill func(dir string) error) error {
	return makeDir(path, fill, func(tmp string) error {
		old := tempName(path)
		err := os.Rename(path, old)
		if errors.Is(err, fs.ErrNotExist) {
			return os.Rename(tmp, path)
		}
		if err != nil {
			return err
		}
		if err := os.Rename(tmp, path); err != nil {
			return errors.Join(err, os.Rename(old, path))
		}
		if err := syncDir(filepath.Dir(path)); err != nil {
			return err
		}
		return os.RemoveAll(old)
	})
}

// RemoveDir removes a directory in one step as seen from outside: it is renamed to a temporary name first.
func RemoveDir(path string) error {
	tmp := tempName(path)
	if err := os.Rename(path, tmp); err != nil {
		return fmt.Errorf("atomicfile: removing %s: %w", path, err)
	}
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("atomicfile: removing %s: %w", path, err)
	}
	return nil
}

// Sweep removes from dir the temporary files and directories that a killed process left, for destinations whose name begins
// with prefix. No other process may be writing such destinations at the time.
func Sweep(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("atomicfile: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+prefix) && strings.Contains(e.Name(), mark) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// makeDir fills a temporary directory, flushes it and lets place rename it.
func makeDir(path string, fill, place func(tmp string) error) (err error) {
	parent := filepath.Dir(filepath.Clean(path))
	made, err := mkdirAll(parent)
	tmp := tempName(path)
	placed := false
	defer func() {
		if !placed {
			os.RemoveAll(tmp)
			for i := len(made) - 1; i >= 0; i-- {
				os.Remove(made[i]) // fails, as it should, if it is not empty
			}
		}
		if err != nil {
			err = fmt.Errorf("atomicfile: writing %s: %w", path, err)
		}
	}()
	if err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	if err := syncTree(tmp); err != nil {
		return err
	}
	if err := place(tmp); err != nil {
		return err
	}
	placed = true
	for _, d := range made {
		if err := syncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return syncDir(parent)
}

// refuseFilled returns an error if path is a file or a directory that is not empty.
func refuseFilled(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("atomicfile: writing %s: %w", path, err)
	case len(entries) > 0:
		return fmt.Errorf("atomicfile: writing %s: %w: the directory is not empty; choose another name or remove it", path, fs.ErrExist)
	}
	return nil
}

// mkdirAll is os.MkdirAll and returns the directories that it made, outermost first, also when it fails.
func mkdirAll(dir string) (made []string, err error) {
	if fi, err := os.Stat(dir); err == nil {
		if !fi.IsDir() {
			return nil, fmt.Errorf("%s is not a directory", dir)
		}
		return nil, nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if made, err = mkdirAll(parent); err != nil {
			return made, err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return made, nil
		}
		return made, err
	}
	return append(made, dir), nil
}

func tempName(path string) string {
	dir, base := filepath.Split(filepath.Clean(path))
	return filepath.Join(dir, "."+base+mark+strings.ToLower(rand.Text()[:12]))
}

// createTemp is os.CreateTemp with the permissions that os.Create would give.
func createTemp(path string) (*os.File, error) {
	return os.OpenFile(tempName(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// syncTree flushes every file and directory below root to the disk.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return syncDir(path)
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows flushes only files that are open for writing
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// syncDir flushes the names in a directory. Windows has no such call and does not need it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
