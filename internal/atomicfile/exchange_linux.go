package atomicfile

import "golang.org/x/sys/unix"

// exchange lets two names change places in one step, so that both are there at every moment. Not every file system can.
func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
