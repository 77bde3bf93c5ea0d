package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/exp/mmap"
)

// mapped is a file in memory. Every access goes through ReadAt, because touching a page that the file no longer has, or that its
// disk does not give, is a fault, which ends a Go program unless it is asked for as a panic.
type mapped struct {
	memory *mmap.ReaderAt
	file   *os.File // the same file, to ask for its size
}

func openMapped(path string) (*mapped, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	memory, err := mmap.Open(path)
	if err != nil {
		file.Close()
		return nil, err
	}
	return &mapped{memory: memory, file: file}, nil
}

// size is the number of bytes that the file had when it was opened.
func (m *mapped) size() int64 { return int64(m.memory.Len()) }

// ReadAt implements io.ReaderAt. A file that is shorter than it was is an error, also where the bytes could be read: beyond the end
// the last page of a mapping holds zeros.
func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.copy(p, off)
	if info, e := m.file.Stat(); e == nil && info.Size() < m.size() {
		return 0, fmt.Errorf("the file was cut short while it was read, from %d bytes to %d; write or download it again, and replace files "+
			"by renaming: %w", m.size(), info.Size(), io.ErrUnexpectedEOF)
	}
	return n, err
}

// copy is ReadAt of the memory with an error in place of a fault.
func (m *mapped) copy(p []byte, off int64) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // what package runtime gives a fault
			n, err = 0, fmt.Errorf("reading %d bytes at %d: %w", len(p), off, errFault)
		default:
			panic(fault)
		}
	}()
	return m.memory.ReadAt(p, off)
}

var errFault = errors.New("the disk or the file system did not give them (a damaged disk, a lost connection); check it, or copy the file elsewhere")

// Close unmaps the file.
func (m *mapped) Close() error { return errors.Join(m.memory.Close(), m.file.Close()) }
