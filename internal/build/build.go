// Package build describes the program that ran, with its version and commit, and the processor that it ran on. A bug report,
// a run directory and a report page name them; the bits of a result belong to a version of the arithmetic contract.
package build

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"reprise/asm"
)

// Contract is the version of the arithmetic contract (docs/NUMERICS.md). It changes with every change of a bit.
const Contract = 2

// ScheduleEndContract is the first version of the contract whose programs know the key schedule_end. Digests leave a key out at its
// default, so that they do not tell.
const ScheduleEndContract = 2

// unknown is the text for anything that the build does not say.
const unknown = "unknown"

// Info describes a build and the processor that it runs on. No text is empty: an unknown one is "unknown".
type Info struct {
	Version   string `json:"version"`           // of the module: v0.1.0, a pseudo-version, or (devel)
	Commit    string `json:"commit"`            // in full if git was available; from a pseudo-version its first 12 digits
	Modified  *bool  `json:"modified"`          // the source differs from the commit; null: not known
	Go        string `json:"go"`                // go1.26.8
	OS        string `json:"os"`                // GOOS
	Arch      string `json:"arch"`              // GOARCH
	GOAMD64   string `json:"goamd64,omitempty"` // v1 to v4, on amd64
	GOARM64   string `json:"goarm64,omitempty"` // v8.0 and higher, on arm64
	Tier      string `json:"tier"`              // the tier in use
	Processor string `json:"processor"`         // its name
	Contract  int    `json:"contract"`          // version of the arithmetic contract
}

// Get describes this program.
func Get() Info {
	b, _ := debug.ReadBuildInfo()
	return from(b)
}

// from reads the information that the go command stores in a program; b is nil if it stored none.
func from(b *debug.BuildInfo) Info {
	i := Info{
		Version: unknown, Commit: unknown, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Tier: asm.Active().String(), Processor: Processor(), Contract: Contract,
	}
	level := &i.GOAMD64
	switch i.Arch {
	case "amd64":
		*level = unknown
	case "arm64":
		level = &i.GOARM64
		*level = unknown
	}
	if b == nil {
		return i
	}
	if b.Main.Version != "" {
		i.Version = b.Main.Version
	}
	if m := pseudoVersion.FindStringSubmatch(i.Version); m != nil {
		i.Commit = m[1]
	}
	if b.Main.Sum != "" { // from the module cache, whose contents are those of the version
		i.Modified = new(bool)
	}
	for _, s := range b.Settings {
		switch {
		case s.Value == "":
		case s.Key == "vcs.revision":
			i.Commit = s.Value
		case s.Key == "vcs.modified":
			modified := s.Value == "true"
			i.Modified = &modified
		case s.Key == "GOAMD64" && i.Arch == "amd64", s.Key == "GOARM64" && i.Arch == "arm64":
			*level = s.Value
		}
	}
	return i
}

// pseudoVersion ends in the time and the first digits of a commit: v0.1.1-0.20261130180000-0123456789ab, perhaps with +dirty.
var pseudoVersion = regexp.MustCompile(`^v\d.*[-.]\d{14}-([0-9a-f]{12})(?:\+.*)?$`)

// Source is version and commit in one line.
func (i Info) Source() string {
	commit := i.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	switch {
	case i.Modified == nil:
		return fmt.Sprintf("%s, commit %s", i.Version, commit)
	case *i.Modified:
		return fmt.Sprintf("%s, commit %s, modified", i.Version, commit)
	}
	return fmt.Sprintf("%s, commit %s, not modified", i.Version, commit)
}

// Toolchain is the compiler and what it compiled for, in one line.
func (i Info) Toolchain() string {
	s := fmt.Sprintf("%s %s/%s", i.Go, i.OS, i.Arch)
	if i.GOAMD64 != "" {
		s += " GOAMD64=" + i.GOAMD64
	}
	if i.GOARM64 != "" {
		s += " GOARM64=" + i.GOARM64
	}
	return s
}

// String is everything in one line.
func (i Info) String() string {
	return fmt.Sprintf("reprise %s (%s, tier %s, contract %d, %s)", i.Source(), i.Toolchain(), i.Tier, i.Contract, i.Processor)
}

// Processor is the name that the processor reports, or else the one that Linux gives.
func Processor() string {
	if name := strings.TrimSpace(cpuid.CPU.BrandName); name != "" {
		return name
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown " + runtime.GOARCH
}
