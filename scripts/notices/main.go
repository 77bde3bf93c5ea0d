// Command notices writes THIRD_PARTY_NOTICES: the licences of everything by others that goes into the program reprise.
//
//	go run ./scripts/notices          # write the file
//	go run ./scripts/notices -check   # fail if the file is not what would be written
//
// It asks the go command which packages are linked on every supported system and reads their licences in the module cache,
// so it needs no network after go mod download.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// targets are the systems that releases are built for. A module may be linked on one of them only.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

const (
	program = "./cmd/reprise"
	file    = "THIRD_PARTY_NOTICES"
)

func main() {
	check := flag.Bool("check", false, "fail if "+file+" is not what would be written; write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintf(os.Stderr, "notices: %v\n", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	root, err := goCommand(".", nil, "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	dir := strings.TrimSpace(string(root))
	text, err := notices(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, file)
	if !check {
		return os.WriteFile(path, text, 0o666)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("%s is out of date; write it with: go run ./scripts/notices", file)
	}
	return nil
}

// part is something by others that is linked into the program.
type part struct {
	name     string   // module and version
	licences []string // paths of files, the module's own first
	text     string   // all of them
}

// notices is the text of the file for the program in the module at root.
func notices(root string) ([]byte, error) {
	parts, err := linked(root)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("The program reprise contains, beside the code of this repository, the software listed here, each under the licence that\n" +
		"follows its name. This file is written by: go run ./scripts/notices\n")
	for _, group := range sameText(parts) {
		fmt.Fprintf(&b, "\n%s\n", strings.Repeat("=", 80))
		for _, p := range group {
			fmt.Fprintf(&b, "%s\n", p.name)
		}
		fmt.Fprintf(&b, "%s\n\n%s", strings.Repeat("=", 80), group[0].text)
	}
	return b.Bytes(), nil
}

// sameText puts parts with the same licences together, in the order of their first names.
func sameText(parts []part) [][]part {
	var groups [][]part
	for _, p := range parts {
		i := slices.IndexFunc(groups, func(g []part) bool { return g[0].text == p.text })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// linked lists the standard library and the modules whose packages are linked on any target, in alphabetical order.
func linked(root string) ([]part, error) {
	type module struct {
		Path, Version, Dir string
		Main               bool
		Replace            *module
	}
	modules := map[string]*module{}
	packages := map[string][]string{} // folders, by path of the module
	for _, target := range targets {
		system, processor, _ := strings.Cut(target, "/")
		out, err := goCommand(root, []string{"GOOS=" + system, "GOARCH=" + processor, "CGO_ENABLED=0"},
			"list", "-deps", "-json=Dir,Module", program)
		if err != nil {
			return nil, err
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir    string
				Module *module
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("reading what go list says: %w", err)
			}
			m := p.Module
			if m == nil || m.Main { // of the standard library, or ours
				continue
			}
			if m.Dir == "" {
				return nil, fmt.Errorf("%s %s is not in the module cache; run: go mod download", m.Path, m.Version)
			}
			if m.Replace != nil {
				return nil, fmt.Errorf("%s is replaced by %s; only released modules can be named", m.Path, m.Replace.Path)
			}
			modules[m.Path] = m
			packages[m.Path] = append(packages[m.Path], p.Dir)
		}
	}
	goroot, err := goCommand(root, nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dir := strings.TrimSpace(string(goroot))
	library, err := newPart("The Go standard library and runtime", dir, nil)
	if err != nil {
		return nil, err
	}
	parts := []part{library}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		p, err := newPart(m.Path+" "+m.Version, m.Dir, packages[path])
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// newPart reads the licences of a module: those in its root and those between the root and any of the folders that are
// linked. A folder that is not linked may hold something under another licence, which does not concern the program.
func newPart(name, root string, folders []string) (part, error) {
	p := part{name: name}
	seen := map[string]bool{}
	look := func(dir string) error {
		if seen[dir] {
			return nil
		}
		seen[dir] = true
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.IsDir() && isLicence(e.Name()) {
				p.licences = append(p.licences, filepath.Join(dir, e.Name()))
			}
		}
		return nil
	}
	if err := look(root); err != nil {
		return p, err
	}
	if len(p.licences) == 0 {
		return p, fmt.Errorf("%s: no licence in %s; a module without one must not go into the program", name, root)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		below, err := filepath.Rel(root, folder)
		if err != nil {
			return p, err
		}
		dir := root
		for _, step := range strings.Split(below, string(filepath.Separator)) {
			dir = filepath.Join(dir, step)
			if err := look(dir); err != nil {
				return p, err
			}
		}
	}
	var b strings.Builder
	for i, path := range p.licences {
		text, err := os.ReadFile(path)
		if err != nil {
			return p, err
		}
		if i > 0 {
			below, err := filepath.Rel(root, path)
			if err != nil {
				return p, err
			}
			fmt.Fprintf(&b, "\n%s, %s:\n\n", strings.Repeat("-", 20), filepath.ToSlash(below))
		}
		b.WriteString(tidy(string(text)))
	}
	p.text = b.String()
	return p, nil
}

// isLicence tells by its name a file that has to go with the program.
func isLicence(name string) bool {
	name = strings.ToUpper(name)
	if ext := filepath.Ext(name); ext != "" && ext != ".TXT" && ext != ".MD" {
		return false
	}
	for _, start := range []string{"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "PATENTS", "UNLICENSE"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// tidy gives a text the line ends of ours, without spaces before them and empty lines around it.
func tidy(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

// goCommand runs the go command in a folder and returns what it prints.
func goCommand(dir string, env []string, args ...string) ([]byte, error) {
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return out, nil
}
