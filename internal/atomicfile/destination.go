package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Destinations that are not simply a name for a new file.

// destination says where the file path is to be written: under the name place, or, if it is neither a file nor absent, into through,
// which is open.
func destination(path string) (place string, through *os.File, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if f := standard(path); f != nil {
			return "", f, nil
		}
		if info, err = os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			_, err = Follow(path)
		}
		if err != nil {
			return "", nil, err
		}
	}
	switch {
	case info.IsDir():
		return "", nil, errors.New("it is a directory; name a file, in it or elsewhere")
	case info.Mode().IsRegular():
		place, err = Follow(path)
		return place, nil, err
	}
	through, err = openThrough(path, info.Mode())
	return "", through, err
}

// standard is the output of this process that a link stands for, by way of /proc/self/fd on Linux; nil for other links. Opening such
// a link to a file would begin at the file's start, over what was printed before.
func standard(path string) *os.File {
	for range 10 {
		switch path {
		case "/proc/self/fd/1", "/dev/fd/1":
			return os.Stdout
		case "/proc/self/fd/2", "/dev/fd/2":
			return os.Stderr
		}
		next, err := os.Readlink(path)
		if err != nil {
			return nil
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return nil
}

// Follow is the path of what a link points to, or the path itself. A link to nothing is refused, as by cp: it may be an accident, and
// the place that it names may be anywhere.
func Follow(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path, nil // what is wrong with it will be seen
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, _ := os.Readlink(path)
		return path, fmt.Errorf("it is a link to %s, which does not exist; remove the link, or write to where it points", target)
	}
	if err != nil {
		return path, err
	}
	return real, nil
}

// openThrough opens a device or a pipe for writing. A pipe that nobody reads is an error: opening it would wait.
func openThrough(path string, mode fs.FileMode) (*os.File, error) {
	flag := os.O_WRONLY
	if mode&fs.ModeNamedPipe != 0 {
		flag |= syscall.O_NONBLOCK
	}
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case err == nil:
		return f, nil
	case mode&fs.ModeNamedPipe != 0 && errors.Is(err, syscall.ENXIO):
		return nil, fmt.Errorf("%w: it is a pipe that nothing reads; start its reader first", err)
	case mode&fs.ModeSocket != 0:
		return nil, fmt.Errorf("%w: it is a socket; write to a file or a pipe", err)
	}
	return nil, err
}

// writeThrough writes to what is not a file. It cannot be made as it was before, and not everything of this kind can be flushed.
func writeThrough(f *os.File, write func(w io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<16)
	err := errors.Join(write(w), w.Flush())
	if f != os.Stdout && f != os.Stderr {
		err = errors.Join(err, f.Close())
	}
	return err
}
