// Package magic recognises files by their first bytes: those that people give in the place of the file that they mean. The packages
// that read models, tokenizers and data say the same of the same file.
package magic

import (
	"bytes"
	"slices"
)

// Begins says whether a file begins with one of these signatures, given its first bytes.
func Begins(head []byte, with ...string) bool {
	return slices.ContainsFunc(with, func(w string) bool { return bytes.HasPrefix(head, []byte(w)) })
}

// What is said of a pointer of Git LFS: what the file is, and the remedy.
const (
	Pointer = "a Git LFS pointer, not the file that it stands for"
	Pull    = "fetch it with: git lfs pull"
)

// IsPointer recognises the small text that Git keeps in the place of a large file which Git LFS has not fetched.
func IsPointer(head []byte) bool { return Begins(head, "version https://git-lfs.github.com/spec/") }

// IsGGUF recognises the format in which llama.cpp keeps models.
func IsGGUF(head []byte) bool { return Begins(head, "GGUF") }
