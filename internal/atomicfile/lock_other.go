//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Lock does nothing on systems without locks that end with the process.
func Lock(*os.File) error { return nil }

func tryLock(*os.File) state { return unknown }

// hold is a directory that this process keeps from being removed by another: with an open file in it, which Windows does not let
// others remove.
type hold struct {
	file  *os.File // the directory's file
	state state
}

const holdName = ".writing"

// holdDir puts the open file into a directory. It returns nil if it cannot.
func holdDir(dir string) *hold {
	if runtime.GOOS != "windows" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, holdName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil
	}
	return &hold{file: f}
}

// free removes the file: with it, the directory could not be renamed.
func (h *hold) free() {
	if h != nil && h.file != nil {
		h.file.Close()
		os.Remove(h.file.Name())
		h.file = nil
	}
}

// Close is free.
func (h *hold) Close() { h.free() }

// fresh is the age below which nothing is removed: between the end of the writing and the new name nothing holds it.
const fresh = time.Minute

// removeLeft removes a temporary file or directory that nobody holds.
func removeLeft(path string, isDir bool) {
	info, err := os.Lstat(path)
	if runtime.GOOS != "windows" || err != nil || time.Since(info.ModTime()) < fresh || isBusy(path, isDir) {
		return
	}
	os.RemoveAll(path)
}

// isBusy says whether another process holds a temporary file or directory. Of a directory it removes the file that held it, of a file
// the file itself, if nobody does.
func isBusy(path string, isDir bool) bool {
	if runtime.GOOS != "windows" {
		return false
	}
	if isDir {
		path = filepath.Join(path, holdName)
	}
	err := os.Remove(path)
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}
