package arch

import (
	"bufio"
	"bytes"
	"errors"
	"go/ast"
	"go/build"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayFuse are the packages whose floating-point results may differ between platforms, with the reason. All others are
// checked.
var mayFuse = map[string]string{
	"cmd/reprise/internal/bench":  "rates and shares of a peak, which no two runs have in common",
	"cmd/reprise/internal/report": "places on a drawing, a hundredth of a pixel at the most",
}

// targets are the platforms on which the compiler fuses: arm64 always, x86-64 from GOAMD64=v3 on.
var targets = []struct{ goarch, goamd64 string }{{"arm64", "v1"}, {"amd64", "v3"}}

// fused matches an instruction of a compiler listing that multiplies and adds with one rounding.
var fused = regexp.MustCompile(`\(([^()]+\.go):(\d+)\)\t(?:FN?M(?:ADD|SUB)[SD]|VFN?M(?:ADD|SUB)\d{3}[SP][SD])\t`)

// listing returns the compiler's assembly listing of packages, as named from dir, for a target. The go command caches it.
func listing(t *testing.T, dir, goarch, goamd64 string, packages ...string) string {
	t.Helper()
	c := exec.Command("go", append([]string{"build", "-gcflags=-S"}, packages...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOARCH="+goarch, "GOAMD64="+goamd64, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := c.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("SKIPPED: whether the compiler fuses products and sums was not checked: the go command is not in PATH")
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", c, err, out[max(0, len(out)-2000):])
	}
	return string(out)
}

// TestTheCompilerFusesNothing reads the compiler's output for every package that mayFuse does not list, on targets where the
// compiler may compute x*y + z with one rounding: every fused operation must come from a line that calls math.FMA, also
// where that line is inlined into another function. The remedy is float64(x*y) + z, or float32(x*y) + z.
func TestTheCompilerFusesNothing(t *testing.T) {
	var packages []string
	module := modulePath(t)
	eachFile(t, func(pkg, _ string, _ *ast.File, _ *token.FileSet) {
		if path := module + "/" + pkg; mayFuse[pkg] == "" && !slices.Contains(packages, path) {
			packages = append(packages, path)
		}
	})
	for _, target := range targets {
		t.Run(target.goarch+" "+target.goamd64, func(t *testing.T) {
			t.Parallel()
			source := map[string][]string{}
			meant := 0
			for _, m := range fused.FindAllStringSubmatch(listing(t, "", target.goarch, target.goamd64, packages...), -1) {
				file, line := m[1], m[2]
				if source[file] == nil {
					text, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					source[file] = strings.Split(string(text), "\n")
				}
				n, _ := strconv.Atoi(line)
				text := strings.TrimSpace(source[file][n-1])
				if strings.Contains(text, "math.FMA(") {
					meant++
				} else {
					t.Errorf("%s:%s: the compiler fuses a product and a sum: %s", file, line, text)
				}
			}
			// The logarithm of internal/exact alone has dozens of intended ones: with fewer, the listing or the pattern is
			// wrong.
			if meant < 20 {
				t.Errorf("%d fused operations found where math.FMA is called; the listing cannot be read any more", meant)
			}
		})
	}
}

// TestBareProductsAreFused shows on a small package that the test above can fail, and that its remedies work.
func TestBareProductsAreFused(t *testing.T) {
	const source = `package bare

func Sum32(x, y, z float32) float32 { return x*y + z }
func Sum64(x, y, z float64) float64 { p := x * y; return p + z }
func Rounded(x, y, z float64, u, v, w float32) (float64, float32) { return float64(x*y) + z, float32(u*v) + w }
`
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module bare\n", "bare.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range targets {
		var lines []string
		for _, m := range fused.FindAllStringSubmatch(listing(t, dir, target.goarch, target.goamd64, "."), -1) {
			lines = append(lines, m[2])
		}
		slices.Sort(lines) // inlined copies are listed too
		if got := slices.Compact(lines); !slices.Equal(got, []string{"3", "4"}) {
			t.Errorf("%s %s: fused operations on lines %v, want lines 3 and 4", target.goarch, target.goamd64, got)
		}
	}
}

// TestPuregoSelectsNoAssembly checks every package for every system and processor that Go supports.
func TestPuregoSelectsNoAssembly(t *testing.T) {
	targets, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	eachFile(t, func(pkg, path string, _ *ast.File, _ *token.FileSet) {
		if dir := filepath.Dir(path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	})
	withAssembly := 0
	for lines := bufio.NewScanner(bytes.NewReader(targets)); lines.Scan(); {
		system, processor, _ := strings.Cut(lines.Text(), "/")
		for _, dir := range dirs {
			c := build.Default
			c.GOOS, c.GOARCH, c.CgoEnabled = system, processor, false
			if p, err := c.ImportDir(dir, 0); err == nil && len(p.SFiles) > 0 {
				withAssembly++
			}
			c.BuildTags = []string{"purego"}
			p, err := c.ImportDir(dir, 0)
			if err != nil {
				t.Errorf("%s: %s with purego: %v", lines.Text(), dir, err)
				continue
			}
			if len(p.SFiles) > 0 {
				t.Errorf("%s: %s: purego selects %v", lines.Text(), dir, p.SFiles)
			}
		}
	}
	if withAssembly == 0 {
		t.Error("no package has assembly on any system: this test looks at the wrong places")
	}
}
