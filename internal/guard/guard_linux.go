// Package guard gives tests memory that ends or begins at an inaccessible page, so that code that reads or writes past it
// crashes.
package guard

import (
	"syscall"
	"testing"
	"unsafe"
)

// Slice returns n zeros next to an inaccessible page: the page is before their first byte if atStart, else after their last
// one. The memory lives as long as the test. On systems other than Linux the test is skipped.
func Slice[T float32 | uint16 | int32](t testing.TB, n int, atStart bool) []T {
	t.Helper()
	var zero T
	page := syscall.Getpagesize()
	size := n * int(unsafe.Sizeof(zero))
	inner := (size + page) / page * page
	m, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, p := range [][]byte{m[:page], m[page+inner:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	first := page
	if !atStart {
		first = page + inner - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&m[first])), n)
}
