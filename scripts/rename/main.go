// Command rename gives the module another path. It is run as
//
//	scripts/rename-module NEWPATH
//
// and changes, in the working tree around it:
//
//   - go.mod files, also of nested modules: module, require, replace;
//   - import lines of Go files, also those that stand in comments and in texts from which tests make programs;
//   - in documents and scripts: import lines, arguments of the go command, lines of a go.mod, and the paths of packages.
//
// A program's name, a folder's name or a URL that looks like the path stays. Renaming back gives the bytes from before.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scripts/rename-module NEWPATH, for example example.org/reprise")
		os.Exit(2)
	}
	changed, err := rename(".", os.Args[1])
	for _, file := range changed {
		fmt.Println(file)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "rename-module: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("%d files changed\n", len(changed))
}

// validPath is stricter than Go: what it lets pass needs no quotes anywhere.
var validPath = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9_][A-Za-z0-9._~-]*)*$`)

// rename gives the module in the folder root another path and returns the files that it changed. Nothing is written unless
// everything can be changed.
func rename(root, to string) (changed []string, err error) {
	if !validPath.MatchString(to) || strings.HasSuffix(to, ".") {
		return nil, fmt.Errorf("%q is not a module path; want something like example.org/reprise", to)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	m := regexp.MustCompile(`(?m)^module\s+(\S+)\s*$`).FindSubmatch(text)
	if m == nil {
		return nil, errors.New("go.mod: no line that names the module")
	}
	from := string(m[1])
	folders, err := packageFolders(root)
	if err != nil {
		return nil, err
	}
	r := newRenamer(from, to, folders)
	written := map[string][]byte{}
	err = eachFile(root, func(file string) error {
		old, err := os.ReadFile(file)
		if err != nil || bytes.IndexByte(old, 0) >= 0 || !bytes.Contains(old, []byte(from)) {
			return err
		}
		text, err := r.file(filepath.Base(file), string(old))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if text != string(old) {
			written[file] = []byte(text)
			changed = append(changed, file)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, file := range changed {
		if err := os.WriteFile(file, written[file], 0o666); err != nil { // an existing file keeps its mode
			return nil, err
		}
	}
	return changed, nil
}

// eachFile walks over the files that may name the module: those of the working tree, without what git and editors keep there.
// .ci and .github are looked at.
func eachFile(root string, use func(file string) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "runs" || name == "node_modules"):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		switch path.Ext(name) {
		case ".safetensors", ".replay", ".gguf", ".sum", ".jsonl", ".json", ".svg", ".html", ".s", ".h":
			return nil // data, and what has no imports
		}
		return use(file)
	})
}

// packageFolders are the folders in the root below which there are Go files.
func packageFolders(root string) ([]string, error) {
	var folders []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(d.Name()) != ".go" {
			return err
		}
		below, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if first, _, deeper := strings.Cut(filepath.ToSlash(below), "/"); deeper && !slices.Contains(folders, first) {
			folders = append(folders, first)
		}
		return nil
	})
	return folders, err
}

// renamer replaces a module path where it is one, and not where the same letters are something else.
type renamer struct {
	from, to string
	rules    []*regexp.Regexp // of texts
	mod      *regexp.Regexp   // of go.mod files
	command  *regexp.Regexp   // a go command up to its end
	argument *regexp.Regexp   // in a command
}

// newRenamer prepares the patterns. Their first group is the path that is replaced.
func newRenamer(from, to string, folders []string) *renamer {
	pattern := func(s string) *regexp.Regexp {
		s = strings.ReplaceAll(s, "PATH", "("+regexp.QuoteMeta(from)+")")
		for i, f := range folders {
			folders[i] = regexp.QuoteMeta(f)
		}
		return regexp.MustCompile(strings.ReplaceAll(s, "FOLDER", "(?:"+strings.Join(folders, "|")+`)\b`))
	}
	return &renamer{
		from: from, to: to,
		rules: []*regexp.Regexp{
			// A line of a go.mod: the path without more also names a program, so the word before it decides.
			pattern(`(?m)^[ \t]*(?:module|require|replace|exclude)[ \t]+PATH(?:/\S*)?(?:[ \t]+(?:v\d|=>)|[ \t\r]*$)`),
			// A package of ours, in an import line or in a sentence.
			pattern(`(?:^|[^\w./~@-])PATH/FOLDER`),
		},
		mod:      pattern(`(?m)^[ \t]*(?:(?:module|require|replace|exclude)[ \t]+)?PATH(?:/\S*)?(?:\s|$)`),
		command:  regexp.MustCompile("\\bgo (?:install|get|run|doc|list|build|test|vet|mod)\\b[^\n`]*"),
		argument: pattern(`[ =]PATH(?:[/@\s"=]|$)`),
	}
}

// replace puts the new path in place of the first group of every match.
func (r *renamer) replace(pattern *regexp.Regexp, text string) string {
	var b strings.Builder
	done := 0
	for _, m := range pattern.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[done:m[2]])
		b.WriteString(r.to)
		done = m[3]
	}
	return b.String() + text[done:]
}

// file gives the text of a file with the path renamed.
func (r *renamer) file(name, text string) (string, error) {
	switch {
	case name == "go.mod" || name == "go.work":
		return r.replace(r.mod, text), nil
	case path.Ext(name) == ".go":
		return r.goFile(text)
	}
	return r.text(text), nil
}

// text renames the path in a document, a script, a comment, or a program that a test makes.
func (r *renamer) text(text string) string {
	for _, rule := range r.rules {
		text = r.replace(rule, text)
	}
	return r.command.ReplaceAllStringFunc(text, func(c string) string {
		// go build -o reprise names a file.
		c, file, named := strings.Cut(c, " -o ")
		if named {
			name, arguments, more := strings.Cut(file, " ")
			file = " -o " + name
			if more {
				file += r.replace(r.argument, " "+arguments)
			}
		}
		return r.replace(r.argument, c) + file
	})
}

// goFile renames imports, and what comments and raw strings say. Other strings stay: the program is called like the module.
func (r *renamer) goFile(text string) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n") // the scanner leaves carriage returns out of what it returns
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.ImportsOnly)
	if err != nil {
		return "", err
	}
	imports := map[int]bool{}
	for _, spec := range f.Imports {
		imports[fset.Position(spec.Path.Pos()).Offset] = true
	}
	var s scanner.Scanner
	file := fset.AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	var b strings.Builder
	done := 0
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			break
		}
		at := file.Offset(pos)
		new := literal
		switch {
		case imports[at]:
			if rest, ours := strings.CutPrefix(literal[1:], r.from); ours && (rest[0] == '/' || len(rest) == 1) {
				new = literal[:1] + r.to + rest
			}
		case tok == token.COMMENT, tok == token.STRING && literal[0] == '`':
			new = r.text(literal)
		}
		if new != literal {
			b.WriteString(text[done:at])
			b.WriteString(new)
			done = at + len(literal)
		}
	}
	out, err := format.Source([]byte(b.String() + text[done:])) // the order of imports may change
	return string(out), err
}
