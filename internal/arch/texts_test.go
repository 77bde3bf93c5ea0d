package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mayNameCommands lists the files of packages whose texts may speak of flags or commands, each with its reason.
var mayNameCommands = map[string]string{
	"run/recipe.go": "two sentences of Recipe.Validate name reprise record; both say the recipe's key before it",
}

// TestPackagesDoNotSpeakOfFlags: a package is used by programs too, so its texts name fields, functions and keys of a recipe.
// What the command line adds to them is in cmd/reprise (hints.go). Other programs may name their own flags.
func TestPackagesDoNotSpeakOfFlags(t *testing.T) {
	pattern := commandLine(t)
	excused := map[string]bool{}
	eachFile(t, func(pkg, path string, f *ast.File, fset *token.FileSet) {
		if pkg == "cmd/reprise" || strings.HasPrefix(pkg, "cmd/reprise/") || f.Name.Name == "main" {
			return
		}
		file := pkg + "/" + filepath.Base(path)
		for _, text := range textsLike(pattern, f) {
			if mayNameCommands[file] != "" {
				excused[file] = true
				continue
			}
			t.Errorf("%s: %s speaks of the command line; name the field, the function or the recipe's key, and give the flag in cmd/reprise/hints.go",
				fset.Position(text.Pos()), text.Value)
		}
	})
	for file := range mayNameCommands {
		if !excused[file] {
			t.Errorf("%s is excused but speaks of no flag or command: take it out of mayNameCommands", file)
		}
	}
}

// commandLine matches the spelling of a flag or a command of cmd/reprise. The commands are the fields of its type cli.
func commandLine(t *testing.T) *regexp.Regexp {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "cmd", "reprise", "main.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "cli" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if field.Tag == nil || len(field.Names) != 1 {
				continue
			}
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := reflect.StructTag(tag).Lookup("cmd"); ok {
				commands = append(commands, strings.ToLower(field.Names[0].Name))
			}
		}
		return false
	})
	if len(commands) < 10 {
		t.Fatalf("type cli of cmd/reprise has the commands %q; there are more", commands)
	}
	return regexp.MustCompile(`--[a-z]|\breprise (` + strings.Join(commands, "|") + `)\b`)
}

// textsLike are the string literals of a file, tags included, in which the pattern is found.
func textsLike(pattern *regexp.Regexp, f *ast.File) (found []*ast.BasicLit) {
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && pattern.MatchString(text) {
				found = append(found, lit)
			}
		}
		return true
	})
	return found
}

// TestTextsOfCommandLineAreFound: the test above finds flags and commands in every kind of literal, and only there.
func TestTextsOfCommandLineAreFound(t *testing.T) {
	pattern := commandLine(t)
	for source, want := range map[string]int{
		`var x = "choose another --out"`:                                    1,
		"var x = `with: reprise record merge`":                              1,
		"type r struct { Out string `help:\"as reprise train wants it\"` }": 1,
		`func f() string { return "go on " + "with --resume" }`:             1,
		`var x = "made by reprise record" + "and --tau"`:                    2,
		`var x = "a -- b, 1--2, --"`:                                        0,
		`var x = "reprise checkpoint"`:                                      0,
		`var x = 1 // reprise record --out`:                                 0,
		`var x = "set tail: sampled, or out"`:                               0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := textsLike(pattern, f); len(found) != want {
			t.Errorf("%s: %d texts found, want %d", source, len(found), want)
		}
	}
}
