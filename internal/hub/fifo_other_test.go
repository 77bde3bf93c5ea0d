//go:build !linux

package hub

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
