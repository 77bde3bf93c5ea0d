//go:build purego

package asm

// purego says that this build leaves the assembly out.
const purego = true
