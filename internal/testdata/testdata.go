// Package testdata is the old name of package testfiles.
package testdata

import (
	"testing"

	"reprise/internal/testfiles"
)

// Path is testfiles.Path.
func Path(t testing.TB, parts ...string) string {
	t.Helper()
	return testfiles.Path(t, parts...)
}
