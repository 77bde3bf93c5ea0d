// Package arch holds the tests of the project's structure: who may import whom, and what arithmetic may not do.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists, for every package, which of ours it may import (docs: README, "Where things are").
var mayImport = map[string][]string{
	"asm":                          {},
	"tensor":                       {"asm", "internal/exact"},
	"model":                        {"asm", "internal/exact", "tensor"},
	"loss":                         {"asm", "internal/exact", "tensor"},
	"optim":                        {"asm", "internal/exact", "internal/keys", "tensor"},
	"tokenizer":                    {"internal/hub", "internal/jinja", "internal/magic"},
	"data":                         {"internal/hub", "internal/magic", "internal/parquet", "loss", "tensor", "tokenizer"},
	"checkpoint":                   {"asm", "tensor", "model", "internal/atomicfile", "internal/hub", "internal/magic"},
	"base":                         {"checkpoint", "model", "tokenizer"},
	"weights":                      {"checkpoint", "model", "optim", "tensor", "tokenizer"},
	"replay":                       {"asm", "base", "checkpoint", "data", "internal/atomicfile", "internal/exact", "internal/keys", "loss", "model", "tensor", "tokenizer"},
	"eval":                         {"asm", "base", "data", "internal/exact", "loss", "model", "tensor", "tokenizer"},
	"train":                        {"tensor", "model", "loss", "optim", "data", "replay"},
	"golden":                       {"asm", "checkpoint", "data", "internal/atomicfile", "loss", "model", "optim", "replay", "tensor", "train", "internal/build"},
	"run":                          {"asm", "base", "checkpoint", "data", "eval", "internal/atomicfile", "internal/hub", "internal/keys", "internal/yamlfile", "loss", "model", "optim", "replay", "tensor", "train", "internal/build"},
	"export":                       {"asm", "base", "internal/atomicfile", "internal/hub", "model", "tensor", "tokenizer"},
	"cmd/reprise/internal/report":  {"internal/exact", "internal/hub", "internal/build"},
	"cmd/reprise/internal/compare": {"base", "checkpoint", "cmd/reprise/internal/report", "data", "eval", "internal/atomicfile", "internal/hub", "internal/keys", "internal/yamlfile", "model", "replay", "run", "tensor", "train", "weights", "internal/build"},
	"internal/atomicfile":          {},
	"internal/keys":                {},
	"internal/yamlfile":            {"internal/hub"},
	"internal/exact":               {},
	"internal/hub":                 {},
	"internal/jinja":               {},
	"internal/magic":               {},
	"internal/parquet":             {},
	"internal/allocs":              {},
	"internal/guard":               {},
	"examples/compare/larger":      {},
	"scripts/rename":               {},
	"scripts/notices":              {},
	"internal/build":               {"asm"},
	"internal/testfiles":           {},
	"internal/tiny":                {"tensor", "model", "tokenizer", "checkpoint"},
	"cmd/reprise/internal/synth":   {"tensor", "data"},
	"cmd/reprise/internal/doctor":  {"asm", "tensor", "model", "loss", "optim", "data", "checkpoint", "replay", "train", "cmd/reprise/internal/bench", "internal/build"},
	"cmd/reprise/internal/demo":    {"base", "checkpoint", "cmd/reprise/internal/synth", "data", "eval", "internal/atomicfile", "model", "optim", "replay", "run", "tensor", "tokenizer"},
	"cmd/reprise/internal/bench":   {"asm", "data", "internal/exact", "loss", "model", "optim", "replay", "run", "tensor", "train"},
	"cmd/reprise":                  {"asm", "base", "checkpoint", "cmd/reprise/internal/bench", "cmd/reprise/internal/compare", "cmd/reprise/internal/demo", "cmd/reprise/internal/doctor", "cmd/reprise/internal/report", "data", "eval", "export", "golden", "internal/atomicfile", "internal/hub", "internal/keys", "model", "optim", "replay", "run", "tensor", "tokenizer", "train", "weights", "internal/build"},
}

// core packages import nothing from outside but cpuid.
var core = []string{"asm", "tensor", "model", "loss", "optim"}

// transcendental are the functions of math whose bits differ between platforms (docs/NUMERICS.md).
var transcendental = []string{
	"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atan2", "Atanh", "Cbrt", "Cos", "Cosh", "Erf", "Erfc", "Erfinv", "Exp", "Exp2",
	"Expm1", "Gamma", "Hypot", "J0", "J1", "Lgamma", "Log", "Log10", "Log1p", "Log2", "Pow", "Pow10", "Sin", "Sincos", "Sinh",
	"Tan", "Tanh",
}

// modulePath is the path of this module from go.mod: the host of a copy may change it (scripts/rename-module).
func modulePath(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(path)
		}
	}
	t.Fatal("go.mod names no module")
	return ""
}

// eachFile parses every Go file of the module that is not a test. Nested modules are skipped.
func eachFile(t *testing.T, use func(pkg, path string, f *ast.File, fset *token.FileSet)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); d.IsDir() && path != root && err == nil {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		use(filepath.ToSlash(rel), path, f, fset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointDownwards(t *testing.T) {
	seen := map[string]bool{}
	module := modulePath(t)
	inside := 0
	eachFile(t, func(pkg, path string, f *ast.File, _ *token.FileSet) {
		seen[pkg] = true
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the list of mayImport", path, pkg)
			return
		}
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if ours, ok := strings.CutPrefix(name, module+"/"); ok {
				inside++
				if !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s; %s may import %v", path, ours, pkg, allowed)
				}
				continue
			}
			outside := strings.Contains(strings.Split(name, "/")[0], ".")
			if outside && slices.Contains(core, pkg) && !strings.HasPrefix(name, "github.com/klauspost/cpuid/") {
				t.Errorf("%s imports %s; core packages use the standard library and cpuid", path, name)
			}
			if name == "C" {
				t.Errorf("%s uses cgo", path)
			}
		}
	})
	if inside == 0 {
		t.Errorf("no file imports a package of %s: this test looks for the wrong module", module)
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("package %s is listed but does not exist", pkg)
		}
	}
}

// reachesOut are packages with which a program can reach beyond its process. SECURITY.md promises that ours does not.
var reachesOut = []string{"net", "net/http", "os/exec", "plugin"}

// TestTheProgramStaysInItsProcess: no package opens a connection or starts a program, except scripts that developers run.
func TestTheProgramStaysInItsProcess(t *testing.T) {
	eachFile(t, func(pkg, path string, f *ast.File, _ *token.FileSet) {
		if strings.HasPrefix(pkg, "scripts/") {
			return
		}
		for _, spec := range f.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); slices.Contains(reachesOut, name) {
				t.Errorf("%s imports %s; SECURITY.md promises that the program opens no connection and starts no other program", path, name)
			}
		}
	})
}

func TestNoTranscendentalFunctionsOfMath(t *testing.T) {
	eachFile(t, func(_, path string, f *ast.File, fset *token.FileSet) {
		eachPlatformDependent(f, func(n ast.Node, what string) {
			t.Errorf("%s: %s: its bits differ between platforms; use package internal/exact, and tensor for random numbers", fset.Position(n.Pos()), what)
		})
	})
}

// eachPlatformDependent finds uses in a file that compute different bits on other platforms: transcendental functions of
// math, under any import name, and packages that call them.
func eachPlatformDependent(f *ast.File, use func(n ast.Node, what string)) {
	math := ""
	for _, spec := range f.Imports {
		switch name, _ := strconv.Unquote(spec.Path.Value); name {
		case "math":
			if math = "math"; spec.Name != nil {
				math = spec.Name.Name
			}
			if math == "." {
				use(spec, `import . "math"`)
			}
		case "math/cmplx", "math/rand", "math/rand/v2":
			use(spec, name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && math != "" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == math && slices.Contains(transcendental, sel.Sel.Name) {
				use(n, "math."+sel.Sel.Name)
			}
		}
		return true
	})
}

// TestPlatformDependentIsFound: the search above sees through import names, and accepts exact functions.
func TestPlatformDependentIsFound(t *testing.T) {
	for source, want := range map[string]int{
		`import "math"; var x = math.Exp(1) + math.Sqrt(2)`:    1,
		`import m "math"; var x = m.Log(2) * m.Floor(2)`:       1,
		`import . "math"; var x = Exp(1)`:                      1,
		`import "math/rand/v2"; var x = rand.NormFloat64()`:    1,
		`import "math/cmplx"; var x = cmplx.Exp(1)`:            1,
		`import "math/bits"; var x = bits.Len(3)`:              0,
		`import math "example/asm"; var x = math.Exp(1)`:       0,
		`import "math"; var y = math.Pow(2, 3) - math.Cos(.5)`: 2,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		eachPlatformDependent(f, func(ast.Node, string) { found++ })
		if found != want {
			t.Errorf("%s: %d places found, want %d", source, found, want)
		}
	}
}
