package arch

import (
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// leastPage is how many lines a package page has at least.
const leastPage = 3

// notPublic are the folders whose packages nobody imports from outside.
var notPublic = []string{"internal", "cmd", "examples", "scripts", "testdata"}

// TestEveryPublicPackageHasAPage: whoever meets a package finds a page that says what it is and an Example that runs, and no
// Example needs a package that nobody outside can import.
func TestEveryPublicPackageHasAPage(t *testing.T) {
	public, complaints, err := missingPages(os.DirFS(filepath.Join("..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range complaints {
		t.Error(c)
	}
	// What is imported most must be among them, or the test looks at the wrong places.
	for _, p := range []string{"base", "train", "run", "replay", "optim", "tokenizer", "data", "checkpoint", "eval"} {
		if !slices.Contains(public, p) {
			t.Errorf("package %s was not found; those that were are %v", p, public)
		}
	}
}

// missingPages lists the public packages of a module, and what they lack.
func missingPages(module fs.FS) (public, complaints []string, err error) {
	err = fs.WalkDir(module, ".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if dir != "." {
			_, nested := fs.Stat(module, path.Join(dir, "go.mod"))
			if slices.Contains(notPublic, d.Name()) || strings.HasPrefix(d.Name(), ".") || nested == nil {
				return fs.SkipDir
			}
		}
		isPackage, lacks, err := lacking(module, dir)
		if isPackage {
			public = append(public, dir)
		}
		for _, l := range lacks {
			complaints = append(complaints, dir+": "+l)
		}
		return err
	})
	return public, complaints, err
}

// lacking says what the package in a folder lacks, if there is one.
func lacking(module fs.FS, dir string) (isPackage bool, lacks []string, err error) {
	files, err := fs.Glob(module, path.Join(dir, "*.go"))
	if err != nil {
		return false, nil, err
	}
	fset := token.NewFileSet()
	page, withOutput := 0, 0
	for _, name := range files {
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return false, nil, err
		}
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return false, nil, err
		}
		if !strings.HasSuffix(name, "_test.go") {
			isPackage = true
			if path.Base(name) == "doc.go" {
				page = strings.Count(f.Doc.Text(), "\n")
			}
			continue
		}
		examples := doc.Examples(f)
		for _, e := range examples {
			if e.Output != "" {
				withOutput++
			} else {
				lacks = append(lacks, fmt.Sprintf("Example%s of %s has no // Output: line, so that it is compiled and never run", e.Name, path.Base(name)))
			}
		}
		if len(examples) == 0 {
			continue
		}
		if !strings.HasSuffix(f.Name.Name, "_test") {
			lacks = append(lacks, fmt.Sprintf("%s has an Example but is not of an external test package, as a program of a user would be", path.Base(name)))
		}
		for _, i := range f.Imports {
			if p, _ := strconv.Unquote(i.Path.Value); slices.Contains(strings.Split(p, "/"), "internal") {
				lacks = append(lacks, fmt.Sprintf("the Examples of %s import %s, which nobody outside can", path.Base(name), p))
			}
		}
	}
	switch {
	case !isPackage:
		return false, nil, nil
	case page < leastPage:
		lacks = append(lacks, fmt.Sprintf("doc.go has a package comment of %d lines, want a page of %d or more", page, leastPage))
	}
	if withOutput == 0 {
		lacks = append(lacks, "no Example with an // Output: line")
	}
	return true, lacks, nil
}

// TestMissingPagesAreFound shows that the test above can fail, in each of its ways.
func TestMissingPagesAreFound(t *testing.T) {
	const (
		page    = "// Package a is\n// a page\n// of three lines.\npackage a\n"
		example = "package a_test\n\nimport \"fmt\"\n\nfunc Example() {\n\tfmt.Println(1)\n\t// Output: 1\n}\n"
	)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // in the only complaint; "": none
	}{
		{"all is there", map[string]string{"a/doc.go": page, "a/example_test.go": example}, ""},
		{"no page", map[string]string{"a/a.go": "// Package a is short.\npackage a\n", "a/example_test.go": example}, "a: doc.go has a package comment of 0 lines"},
		{"a short page", map[string]string{"a/doc.go": "// Package a is short.\npackage a\n", "a/example_test.go": example}, "a: doc.go has a package comment of 1 lines"},
		{"no Example", map[string]string{"a/doc.go": page}, "a: no Example with"},
		{"below another", map[string]string{"a/doc.go": page, "a/example_test.go": example, "a/b/doc.go": page}, "a/b: no Example with"},
		{"a second one without output", map[string]string{"a/doc.go": page, "a/example_test.go": example,
			"a/b_test.go": "package a_test\n\nfunc ExampleB() {}\n"}, "ExampleB of b_test.go has no // Output:"},
		{"an internal package", map[string]string{"a/doc.go": page,
			"a/example_test.go": strings.Replace(example, "import \"fmt\"", "import (\n\t\"fmt\"\n\t_ \"m/internal/tiny\"\n)", 1)}, "import m/internal/tiny"},
		{"inside the package", map[string]string{"a/doc.go": page, "a/example_test.go": strings.Replace(example, "a_test", "a", 1)}, "external test package"},
		{"what is not public", map[string]string{"internal/a/a.go": "package a\n", "cmd/a/a.go": "package main\n",
			"nested/go.mod": "module n\n", "nested/a.go": "package n\n", ".hidden/a.go": "package a\n"}, ""},
	} {
		module := fstest.MapFS{}
		for name, text := range c.files {
			module[name] = &fstest.MapFile{Data: []byte(text)}
		}
		_, got, err := missingPages(module)
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && len(got) != 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: complaints %q, want one with %q", c.name, got, c.want)
		}
	}
}
