// Package report makes self-contained HTML pages with plots from a run directory or a comparison: one file, no script, no
// font or image from elsewhere, readable in light and in dark, and on paper.
package report
