package arch

import (
	"bytes"
	"errors"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/replay"
	"reprise/run"
	"reprise/tokenizer"
)

// library is the document whose programs are built outside of the module.
const library = "docs/LIBRARY.md"

// mostLines is how many lines main of the library's program may have, without blank ones and comments.
const mostLines = 30

// block is a text between two lines of ``` in a document.
type block struct {
	language, text string
	line           int // on which it begins, counted from 1
}

// blocks reads a document of the module.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	var found []block
	var open *block
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		switch mark, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{language: strings.TrimSpace(mark), line: n + 1}
		case fence:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Fatalf("%s: the block of line %d has no end", name, open.line)
	}
	return found
}

// goFiles are the Go blocks of a document. Each must be a whole file, or nobody can say whether it compiles.
func goFiles(t *testing.T, name string) []block {
	t.Helper()
	var files []block
	for _, b := range blocks(t, name) {
		if b.language != "go" {
			continue
		}
		if !strings.HasPrefix(b.text, "package main\n") {
			t.Errorf("%s: line %d: the Go block does not begin with \"package main\": write it as a whole file, so that it is built here", name, b.line)
		}
		files = append(files, b)
	}
	return files
}

// after gives the first block without a language that follows a line and begins with the words.
func after(t *testing.T, name string, line int, words string) block {
	t.Helper()
	for _, b := range blocks(t, name) {
		if b.line > line && b.language == "" && strings.HasPrefix(b.text, words) {
			return b
		}
	}
	t.Fatalf("%s: no block that begins with %q after line %d", name, words, line)
	return block{}
}

// theExample parses the Example of package train.
func theExample(t *testing.T) (e *doc.Example, program string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, filepath.Join("..", "..", "train", "example_test.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	examples := doc.Examples(f)
	if len(examples) != 1 || examples[0].Name != "" || examples[0].Play == nil {
		t.Fatal("train/example_test.go wants one Example, of the package, and nothing that a program of its own could not have: " +
			"then documentation shows it as a whole program")
	}
	var text bytes.Buffer
	if err := format.Node(&text, fset, examples[0].Play); err != nil {
		t.Fatal(err)
	}
	return examples[0], text.String()
}

// TestLibraryShowsTheExample: the program of the document is the Example of package train as documentation shows it, main is
// short, and the document shows what it prints.
func TestLibraryShowsTheExample(t *testing.T) {
	e, program := theExample(t)
	files := goFiles(t, library)
	if len(files) == 0 {
		t.Fatalf("%s has no Go block", library)
	}
	if files[0].text != program {
		t.Errorf("%s: line %d: the program is not the Example of train/example_test.go; it should be\n\n%s", library, files[0].line, program)
	}
	if shown := after(t, library, files[0].line, "step").text; shown != e.Output {
		t.Errorf("%s shows the output\n%sand the Example prints\n%s", library, shown, e.Output)
	}
	if n := linesOfMain(t, program); n > mostLines {
		t.Errorf("main has %d lines, want at most %d", n, mostLines)
	}
}

// linesOfMain counts the lines of main's body that hold code.
func linesOfMain(t *testing.T, program string) int {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "main.go", program, 0)
	if err != nil {
		t.Fatal(err)
	}
	main, ok := f.Scope.Lookup("main").Decl.(*ast.FuncDecl)
	if !ok {
		t.Fatal("no function main")
	}
	lines := strings.Split(program, "\n")[fset.Position(main.Body.Lbrace).Line : fset.Position(main.Body.Rbrace).Line-1]
	return len(slices.DeleteFunc(lines, func(l string) bool {
		l = strings.TrimSpace(l)
		return l == "" || strings.HasPrefix(l, "//")
	}))
}

// TestDocumentsBuildOutside takes the documents at their word: what they show as Go is written into a module of its own, which
// is what LIBRARY.md says it is, built without a network, and the library's program is run.
func TestDocumentsBuildOutside(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("SKIPPED: nobody builds the programs of the documents: there is no go command in PATH")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum")) // as go mod tidy would find them
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.Symlink(root, filepath.Join(outside, "reprise")); err != nil { // a checkout beside the module
		t.Fatal(err)
	}
	module := after(t, library, 0, "module ").text
	for _, path := range append(documents, filepath.Join(root, "README.md")) {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		files := goFiles(t, filepath.ToSlash(name))
		if len(files) == 0 {
			continue
		}
		dir := filepath.Join(outside, strings.ReplaceAll(name, string(filepath.Separator), "-"))
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		write("go.mod", module)
		write("go.sum", string(sums))
		write("main.go", files[0].text)
		for i, f := range files[1:] {
			write("file"+string(rune('a'+i))+".go", f.text)
		}
		arguments := []string{"build", "-o", os.DevNull, "."}
		if filepath.ToSlash(name) == library {
			arguments = []string{"run", "."}
		}
		c := exec.Command("go", arguments...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		stdout, err := c.Output()
		if err != nil {
			t.Errorf("%s: go %s: %v\n%s", name, strings.Join(arguments, " "), err, stderr.String())
			continue
		}
		if filepath.ToSlash(name) == library {
			if want := after(t, library, files[0].line, "step").text; string(stdout) != want {
				t.Errorf("%s: the program prints\n%sand the document says\n%s", name, stdout, want)
			}
		}
	}
}

// qualified matches the name of something in a package, between backquotes.
var qualified = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?(?:\\{\\})?`")

// TestLibraryNamesWhatExists: what the document names is there, under that name.
func TestLibraryNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", library))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range qualified.FindAllStringSubmatch(string(text), -1) {
		dir := filepath.Join("..", "..", m[1])
		if _, err := os.Stat(dir); err != nil {
			continue // of the standard library
		}
		found++
		if !exports(t, dir, m[2], m[3]) {
			t.Errorf("%s names %s, which does not exist", library, m[0])
		}
	}
	if found < 10 {
		t.Errorf("only %d names were found; the document is read wrongly", found)
	}
}

// exports says whether a package has an exported name, and, if member is not empty, whether that has the method.
func exports(t *testing.T, dir, name, member string) bool {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for _, f := range files {
		if o := f.Scope.Lookup(name); o != nil && member == "" {
			return true
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != member {
				continue
			}
			of := fn.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if id, ok := of.(*ast.Ident); ok && id.Name == name {
				return true
			}
		}
	}
	return false
}

// TestMissingFilesCanBeAsked holds the document to what it says of fs.ErrNotExist.
func TestMissingFilesCanBeAsked(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for name, open := range map[string]func() error{
		"base.Open":          func() error { _, err := base.Open(absent); return err },
		"base.Fresh":         func() error { _, err := base.Fresh(absent, absent, 1); return err },
		"checkpoint.Load":    func() error { _, err := checkpoint.Load(absent); return err },
		"checkpoint.Open":    func() error { _, err := checkpoint.Open(absent); return err },
		"tokenizer.Load":     func() error { _, err := tokenizer.Load(absent); return err },
		"data.LoadDocuments": func() error { _, _, err := data.LoadDocuments(absent+".txt", nil, data.Options{}); return err },
		"data.Rows":          func() error { _, _, err := data.Rows(absent+".jsonl", data.Reading{}); return err },
		"replay.Open":        func() error { _, err := replay.Open(absent); return err },
		"run.ReadRecipe":     func() error { _, err := run.ReadRecipe(absent); return err },
	} {
		if err := open(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), absent) {
			t.Errorf("%s of a file that is not there: %v; want one that is fs.ErrNotExist and names the path", name, err)
		}
	}
}
