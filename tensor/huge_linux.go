package tensor

import (
	"syscall"
	"unsafe"
)

const (
	hugePage    = 2 << 20
	advHugePage = 14 // MADV_HUGEPAGE
)

// preferHugePages asks the kernel to back a large buffer with huge pages: a
// product walks down the rows of a matrix, and with small pages it would need a
// page look-up for each row. It is a hint; a refusal changes nothing.
func preferHugePages(buf []float32) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	skip := -start & (hugePage - 1)
	size := uintptr(len(buf)) * 4
	if size < skip+hugePage {
		return
	}
	inner := unsafe.Slice((*byte)(unsafe.Pointer(&buf[skip/4])), (size-skip)&^(hugePage-1))
	_ = syscall.Madvise(inner, advHugePage)
}
