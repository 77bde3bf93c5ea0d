//go:build !linux

package atomicfile

import "errors"

// exchange is not there.
func exchange(a, b string) error { return errors.ErrUnsupported }
