// Package report makes self-contained HTML pages with plots from a run directory or a comparison: one file, without scripts,
// fonts or images from elsewhere, readable in light and dark mode and on paper.
package report
