package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The module is called reprise; so are a program, folders and much else. NEW stands for the new path.
func TestTexts(t *testing.T) {
	r := newRenamer("reprise", "example.org/NEW", []string{"cmd", "base", "scripts"})
	for text, want := range map[string]string{
		// Lines of go.mod.
		"module reprise":                           "module example.org/NEW",
		"module reprise/examples/golden\n":         "module example.org/NEW/examples/golden\n",
		"    require reprise v0.1.0":               "    require example.org/NEW v0.1.0",
		"replace reprise => ../..":                 "replace example.org/NEW => ../..",
		"the module reprise is small":              "the module reprise is small",
		"require reprise to be installed":          "require reprise to be installed",
		"modules that replace reprise => nothing?": "modules that replace reprise => nothing?",
		// The go command.
		"go install reprise/cmd/reprise@latest":       "go install example.org/NEW/cmd/reprise@latest",
		"go get reprise":                              "go get example.org/NEW",
		"`go get reprise@v1` and then `reprise demo`": "`go get example.org/NEW@v1` and then `reprise demo`",
		"go mod edit -replace=reprise=../x":           "go mod edit -replace=example.org/NEW=../x",
		"go build -o reprise ./cmd/reprise":           "go build -o reprise ./cmd/reprise",
		"go build -o reprise reprise/cmd/reprise":     "go build -o reprise example.org/NEW/cmd/reprise",
		"go run ./cmd/reprise demo":                   "go run ./cmd/reprise demo",
		"go doc reprise/base.Open":                    "go doc example.org/NEW/base.Open",
		// Packages.
		"\t\"reprise/base\"":                     "\t\"example.org/NEW/base\"",
		"import x \"reprise/base\" // why":       "import x \"example.org/NEW/base\" // why",
		"package reprise/base opens a directory": "package example.org/NEW/base opens a directory",
		"cmd/reprise/base, ~/reprise/base":       "cmd/reprise/base, ~/reprise/base",
		"https://forge/reprise/base":             "https://forge/reprise/base",
		"reprise/bases, reprise/other":           "reprise/bases, reprise/other",
		"pre-reprise/base and reprise-x/base":    "pre-reprise/base and reprise-x/base",
		"reprise base, reprise bench step":       "reprise base, reprise bench step",
		"reprise/base and reprise/cmd":           "example.org/NEW/base and example.org/NEW/cmd",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// tree is a module with another one inside it.
var tree = map[string]string{
	"go.mod":                  "module reprise\n\ngo 1.26\n\nrequire example.org/other v1.0.0\n",
	"examples/golden/go.mod":  "module reprise/examples/golden\n\nrequire (\n\treprise v0.0.0\n)\n\nreplace reprise => ../..\n",
	"README.md":               "Reprise: `go install reprise/cmd/reprise@latest`, then reprise demo.\n",
	"base/base.go":            "// Package base: import \"reprise/base\".\npackage base\n",
	"cmd/reprise/main.go":     "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.org/other\"\n\tb \"reprise/base\"\n)\n\n//\tgo run reprise/cmd/reprise\n\nvar name = \"reprise/base\"\n\nconst program = `package main\n\nimport \"reprise/base\"\n`\n\nfunc main() { fmt.Println(\"reprise\", b.X, other.X) }\n",
	".ci/run":                 "go list reprise/base\n",
	"testdata/a.json":         "\"reprise/base\"\n",
	"base/w.safetensors":      "\x00reprise/base",
	".git/config":             "reprise/base\n",
	"docs/names":              "\x00 reprise/base\n",
	"scripts/rename-module":   "exec go run ./scripts/rename\n",
	"scripts/rename/x.go":     "package main\n",
	"base/testdata/script.go": "package testdata\n",
}

func plant(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tree {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheWholeTree(t *testing.T) {
	root := plant(t)
	changed, err := rename(root, "example.org/new/reprise")
	if err != nil {
		t.Fatal(err)
	}
	if len(changed) != 6 {
		t.Errorf("%d files changed, want 6: %q", len(changed), changed)
	}
	const new = "example.org/new/reprise"
	for name, want := range map[string]string{
		"go.mod":                 "module " + new + "\n\ngo 1.26\n\nrequire example.org/other v1.0.0\n",
		"examples/golden/go.mod": "module " + new + "/examples/golden\n\nrequire (\n\t" + new + " v0.0.0\n)\n\nreplace " + new + " => ../..\n",
		"README.md":              "Reprise: `go install " + new + "/cmd/reprise@latest`, then reprise demo.\n",
		"base/base.go":           "// Package base: import \"" + new + "/base\".\npackage base\n",
		"cmd/reprise/main.go": "package main\n\nimport (\n\t\"fmt\"\n\n\tb \"" + new + "/base\"\n\t\"example.org/other\"\n)\n\n//\tgo run " + new +
			"/cmd/reprise\n\nvar name = \"reprise/base\"\n\nconst program = `package main\n\nimport \"" + new +
			"/base\"\n`\n\nfunc main() { fmt.Println(\"reprise\", b.X, other.X) }\n",
		".ci/run": "go list " + new + "/base\n",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	for _, name := range []string{"testdata/a.json", "base/w.safetensors", ".git/config", "docs/names"} {
		if got := read(t, root, name); got != tree[name] {
			t.Errorf("%s was changed to %q", name, got)
		}
	}
	if _, err := rename(root, "reprise"); err != nil {
		t.Fatal(err)
	}
	for name, want := range tree {
		if got := read(t, root, name); got != want {
			t.Errorf("%s, renamed and renamed back: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, to := range []string{"", "a b", "example.org/", "/x", "example.org//x", `a"b`, "https://example.org/x", "../x", "a."} {
		root := plant(t)
		if _, err := rename(root, to); err == nil || !strings.Contains(err.Error(), "not a module path") {
			t.Errorf("%q: error %v", to, err)
		}
		if read(t, root, "go.mod") != tree["go.mod"] {
			t.Errorf("%q: go.mod was changed", to)
		}
	}
}

// TestNothingIsWrittenAfterAnError: a Go file that cannot be read leaves all others as they are.
func TestNothingIsWrittenAfterAnError(t *testing.T) {
	root := plant(t)
	if err := os.WriteFile(filepath.Join(root, "z.go"), []byte("package z; import reprise/base"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rename(root, "example.org/x"); err == nil || !strings.Contains(err.Error(), "z.go") {
		t.Errorf("error %v", err)
	}
	if read(t, root, "go.mod") != tree["go.mod"] {
		t.Error("go.mod was changed")
	}
}
