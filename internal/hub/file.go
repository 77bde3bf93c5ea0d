package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrTooLarge is the error for a file of more bytes than its kind may have.
var ErrTooLarge = errors.New("the file is too large")

// ErrLeaves is the error for a link that leads out of the directory in which it lies.
var ErrLeaves = errors.New("is a link that leaves the directory")

// Inside returns the path of the file name (with slashes) in the directory dir of a model. A link that leads out of dir is refused
// with ErrLeaves: who clones a directory gets its links too, and what they point to would be read, copied into the models that are
// saved, and published with them. In a snapshot of the cache links may lead to the blobs of the same folder. A file that does not
// exist is no error here; dir itself may be a link.
func Inside(dir, name string) (string, error) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%s %w", path, ErrLeaves)
	}
	real, err := resolve(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	root, err := resolve(dir)
	if err != nil {
		return "", err
	}
	if within(root, real) {
		return path, nil
	}
	// The blobs' own path is not resolved, so that they cannot be a link that leads elsewhere.
	if snapshots := filepath.Dir(root); filepath.Base(snapshots) == "snapshots" && within(filepath.Join(filepath.Dir(snapshots), "blobs"), real) {
		return path, nil
	}
	return "", fmt.Errorf("%s %w: it points to %s; if that file belongs to the model, put a copy in the place of the link", path, ErrLeaves, real)
}

// resolve is the absolute path without links.
func resolve(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// within says whether a path without links lies below a directory.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// ReadFile reads the file name in the directory dir of a model: an ordinary file of at most limit bytes, found as by Inside.
func ReadFile(dir, name string, limit int64) ([]byte, error) {
	path, err := Inside(dir, name)
	if err != nil {
		return nil, err
	}
	return Read(path, limit)
}

// Read reads an ordinary file of at most limit bytes. Devices and pipes are refused before they are opened: a device may have no
// end, and opening a pipe waits until something writes into it.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file", path)
	}
	if info.Size() > limit {
		return nil, tooLarge(path, info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, 0, info.Size()+1) // one more byte finds the end without growing
	for {
		n, err := f.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case int64(len(text)) > limit: // it has grown, or its size is not told, as of files in /proc
			return nil, tooLarge(path, int64(len(text)), limit)
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, err
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

func tooLarge(path string, size, limit int64) error {
	return &largeError{fmt.Sprintf("%s: %d bytes, at most %d are allowed", path, size, limit)}
}

// largeError is an ErrTooLarge with its own words.
type largeError struct{ text string }

func (e *largeError) Error() string        { return e.text }
func (e *largeError) Is(target error) bool { return target == ErrTooLarge }
