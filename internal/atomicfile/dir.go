package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// CreateDir makes the directory path from the files that fill writes into the temporary directory it is given. A path that
// exists and is not an empty directory is refused, before fill runs. A link to an empty directory is followed. Missing parents
// are made.
func CreateDir(path string, fill func(dir string) error) error {
	if err := refuseFilled(path); err != nil {
		return err
	}
	path, err := Follow(path)
	if err != nil {
		return fmt.Errorf("atomicfile: writing %s: %w", path, err)
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

// ReplaceDir is CreateDir for a path that may exist: when the new directory is complete and on the disk, the two change names, and
// the old one is removed. Where the system cannot do that in one step, the old one is moved aside first, and put back if the new one
// cannot take its name. A link is replaced and not followed, so that a directory that it points to is not removed.
func ReplaceDir(path string, fill func(dir string) error) error {
	return makeDir(path, fill, func(tmp string) error {
		if err := exchange(tmp, path); err == nil {
			if err := syncDir(filepath.Dir(path)); err != nil {
				return err
			}
			return os.RemoveAll(tmp) // the old one
		}
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

// makeDir fills a temporary directory, flushes it and lets place rename it.
func makeDir(path string, fill, place func(tmp string) error) (err error) {
	parent := filepath.Dir(filepath.Clean(path))
	var tmp string
	var made []string
	var held *os.File
	placed := false
	defer func() {
		if !placed && tmp != "" {
			os.RemoveAll(tmp)
		}
		release(held)
		if !placed {
			for i := len(made) - 1; i >= 0; i-- {
				os.Remove(made[i]) // fails, as it should, if it is not empty
			}
		}
		if err != nil {
			err = fmt.Errorf("atomicfile: writing %s: %w", path, err)
		}
	}()
	if _, err := os.Lstat(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a name that is too long, for example
		return err
	}
	if made, err = mkdirAll(parent); err != nil {
		return err
	}
	sweep(path)
	if tmp, held, err = makeTemp(path); err != nil {
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
