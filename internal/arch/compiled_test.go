package arch

import (
	"bufio"
	"bytes"
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

// arithmetic are the packages whose floating-point operations reach a result.
var arithmetic = []string{"asm", "tensor", "model", "loss", "optim", "data", "checkpoint", "replay", "eval", "train"}

// fused matches an instruction of a compiler listing for arm64 that multiplies and adds with one rounding.
var fused = regexp.MustCompile(`\(([^()]+\.go):(\d+)\)\tFN?M(?:ADD|SUB)[SD]\t`)

// TestTheCompilerFusesNothing reads what the compiler makes of our packages on arm64, where it may turn x*y + z into one
// rounding: every fused operation must come from a line that calls math.FMA. (amd64 with GOAMD64=v3 fuses by the same
// rules, plain amd64 never.) The remedy is float64(x*y) + z, or float32(x*y) + z.
func TestTheCompilerFusesNothing(t *testing.T) {
	args := []string{"build", "-gcflags=-S"}
	for _, pkg := range arithmetic {
		args = append(args, "reprise/"+pkg)
	}
	c := exec.Command("go", args...)
	c.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	listing, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, listing[max(0, len(listing)-2000):])
	}
	source := map[string][]string{}
	meant := 0
	for _, m := range fused.FindAllStringSubmatch(string(listing), -1) {
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
	// asm's logarithm alone means dozens: without any, the listing or the pattern is wrong.
	if meant < 20 {
		t.Errorf("%d fused operations found where math.FMA is called; the listing cannot be read any more", meant)
	}
}

// TestPuregoSelectsNoAssembly looks at every package for every system and processor that Go knows.
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
