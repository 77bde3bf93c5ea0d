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

// open opens a temporary file and locks it. A lock on some network file systems needs a file that is open for writing.
func open(path string) (*os.File, state) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unknown
	}
	return f, tryLock(f)
}

// removeLeft removes a temporary file that nobody holds. It is locked meanwhile, so that its maker, if it has made it this moment, makes
// another.
func removeLeft(path string) {
	f, state := open(path)
	if f == nil {
		return
	}
	defer f.Close()
	if state == locked && isStill(f) {
		os.Remove(path)
	}
}

// isBusy says whether a process that lives holds a temporary file.
func isBusy(path string) bool {
	f, state := open(path)
	if f != nil {
		f.Close()
	}
	return state == busy
}
