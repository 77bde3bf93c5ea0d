package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"
)

// Temporary names, and how the remains of a killed process are told from the work of one that lives.
//
// On Unix whoever writes a temporary file holds a lock (flock) on it, which ends with the process, until it has its final name. A
// temporary directory is held by such a lock on a file beside it, with .lock after its name, because the directory may be one that its
// owner locks. On Windows no other process can remove a file that is open. A process number would not do: several machines and
// containers may write to one file system, and numbers are given again. Where there is no lock, as on some network file systems,
// nothing is removed.

const (
	mark    = ".tmp-"
	letters = 12 // random ones, after the mark
	maxName = 255
	lockEnd = ".lock" // after the temporary name of a directory
)

// tempName is a new temporary name for a destination. The name of the destination is cut if both together would be too long.
func tempName(path string) string {
	dir, base := filepath.Split(filepath.Clean(path))
	return filepath.Join(dir, tempPrefix(base)+strings.ToLower(rand.Text()[:letters]))
}

// tempPrefix is a temporary name without its random letters.
func tempPrefix(base string) string {
	if most := maxName - len(".") - len(mark) - letters - len(lockEnd); len(base) > most {
		for most > 0 && !utf8.RuneStart(base[most]) {
			most--
		}
		base = base[:most]
	}
	return "." + base + mark
}

// isTemp says whether a name is a temporary one of the destination base.
func isTemp(name, base string) bool {
	random, ok := strings.CutPrefix(name, tempPrefix(base))
	return ok && len(random) == letters && strings.Trim(random, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// attempts bounds how often a temporary name is made again, because another process took the new file for a remain before it was
// locked.
const attempts = 100

var errTaken = errors.New("another process removes every temporary file")

// createTemp is os.CreateTemp with the permissions that os.Create would give. The file is held.
func createTemp(path string) (*os.File, error) {
	for range attempts {
		f, err := os.OpenFile(tempName(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, err
		}
		if state := tryLock(f); state != busy && isStill(f) {
			return f, nil
		}
		f.Close()
	}
	return nil, errTaken
}

// makeTemp makes a temporary directory, and the file beside it that is held. The file comes first and goes last, so that a directory
// without one is nobody's.
func makeTemp(path string) (tmp string, held *os.File, err error) {
	for range attempts {
		tmp = tempName(path)
		held, err := os.OpenFile(tmp+lockEnd, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return "", nil, err
		}
		if state := tryLock(held); state != busy && isStill(held) {
			if err := os.Mkdir(tmp, 0o777); err != nil {
				release(held)
				return "", nil, err
			}
			return tmp, held, nil
		}
		held.Close()
	}
	return "", nil, errTaken
}

// release removes the file beside a temporary directory.
func release(held *os.File) {
	if held != nil {
		if runtime.GOOS == "windows" { // an open file cannot be removed there
			held.Close()
		}
		os.Remove(held.Name())
		held.Close()
	}
}

// isStill says whether the name of an open file or directory still names it.
func isStill(f *os.File) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(here, there)
}

// state is what a lock tells.
type state int

const (
	unknown state = iota // there are no locks here
	busy                 // another process that lives holds it
	locked               // it is ours now
)

// sweep removes what killed processes left of the destination path. What it cannot remove stays: writing goes on all the same.
func sweep(path string) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, path := strings.TrimSuffix(e.Name(), lockEnd), filepath.Join(dir, e.Name())
		switch {
		case !isTemp(name, base):
		case e.Type().IsRegular():
			removeLeft(path)
		case e.IsDir() && isFree(path+lockEnd):
			os.RemoveAll(path)
		}
	}
}

// isFree says whether the file beside a temporary directory is there no more, or is a remain too, which it removes.
func isFree(lock string) bool {
	removeLeft(lock)
	_, err := os.Lstat(lock)
	return errors.Is(err, fs.ErrNotExist)
}

// Sweep removes from dir the temporary files and directories that a killed process left, for destinations whose name begins
// with prefix. Where there are no locks, no other process may be writing such destinations at the time.
func Sweep(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("atomicfile: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+prefix) || !strings.Contains(e.Name(), mark) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if e.Type().IsRegular() && isBusy(path) || e.IsDir() && isBusy(path+lockEnd) {
			continue
		}
		if e := os.RemoveAll(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
