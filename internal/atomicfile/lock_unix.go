//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// Lock locks an open file or directory for this process until it is closed, which a kill does too. It returns an error if
// another process holds the lock, and nil on a system or file system without such locks.
func Lock(f *os.File) error {
	if tryLock(f) == busy {
		return syscall.EWOULDBLOCK
	}
	return nil
}

func tryLock(f *os.File) state {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return locked
	case errors.Is(err, syscall.EWOULDBLOCK):
		return busy
	}
	return unknown
}

// hold is a directory that this process keeps from being removed by another.
type hold struct {
	file  *os.File
	state state
}

// holdDir locks a directory. It returns nil if there is none.
func holdDir(dir string) *hold {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	return &hold{file: f, state: tryLock(f)}
}

// free is called before the directory is renamed; here the lock stays until Close.
func (h *hold) free() {}

// Close ends the lock.
func (h *hold) Close() {
	if h != nil {
		h.file.Close()
	}
}

// open opens a temporary file or directory, and locks it. A lock on some network file systems needs a file that is open for writing.
func open(path string, isDir bool) (*os.File, state) {
	flag := os.O_RDWR
	if isDir {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unknown
	}
	return f, tryLock(f)
}

// removeLeft removes a temporary file or directory that nobody holds. It is locked meanwhile, so that its maker, if it has made it this
// moment, makes another.
func removeLeft(path string, isDir bool) {
	f, state := open(path, isDir)
	if f == nil {
		return
	}
	defer f.Close()
	if state == locked && isStill(f) {
		os.RemoveAll(path)
	}
}

// isBusy says whether a process that lives holds a temporary file or directory.
func isBusy(path string, isDir bool) bool {
	f, state := open(path, isDir)
	if f != nil {
		f.Close()
	}
	return state == busy
}
