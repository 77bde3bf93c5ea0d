package atomicfile

import "golang.org/x/sys/unix"

// exchange lets two names change places in one step, so that there is no moment without either. Not every file system can.
func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
