//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// Lock does nothing on systems without locks that end with the process.
func Lock(*os.File) error { return nil }

func tryLock(*os.File) state { return unknown }

// fresh is the age below which nothing is removed: between the end of the writing and the new name nothing holds a file.
const fresh = time.Minute

// removeLeft removes a temporary file that nobody holds: Windows does not let others remove a file that is open.
func removeLeft(path string) {
	info, err := os.Lstat(path)
	if runtime.GOOS == "windows" && err == nil && time.Since(info.ModTime()) >= fresh {
		os.Remove(path)
	}
}

// isBusy says whether another process holds a temporary file. If nobody does, it removes the file.
func isBusy(path string) bool {
	if runtime.GOOS != "windows" {
		return false
	}
	err := os.Remove(path)
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}
