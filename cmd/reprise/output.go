package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// checkFolder refuses a file to write, given by a command's flag, whose folder is missing, or that is a folder itself.
func checkFolder(command, flag, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s: %s %s is a directory; name a file, in it or elsewhere", command, flag, path)
	}
	if folder := filepath.Dir(path); !isFolder(folder) {
		return fmt.Errorf("%s: %s %s: there is no folder %s; make it first, or write elsewhere", command, flag, path, folder)
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkOutput is checkFolder, and refuses to replace a file that is not of the kind to be written, which is told by how the file
// begins. An empty file may be replaced. A device or a pipe may be given.
func checkOutput(command, flag, path, kind, begins string) error {
	if err := checkFolder(command, flag, path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", command, flag, err)
	}
	if !info.Mode().IsRegular() { // a device or a pipe is written to
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", command, flag, err)
	}
	defer f.Close()
	start := make([]byte, len(begins))
	if n, err := io.ReadFull(f, start); n == 0 && err == io.EOF || string(start) == begins {
		return nil
	}
	return fmt.Errorf("%s: %s %s exists and is not %s, so it is not overwritten; choose another name, or move the file away", command, flag, path, kind)
}
