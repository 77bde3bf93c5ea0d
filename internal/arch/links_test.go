package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	mdCode    = regexp.MustCompile("(?ms)^```.*?^```|^    [^\\n]*$")
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the places in a page that a link may name, as forges make them of headings.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range mdHeading.FindAllStringSubmatch(page, -1) {
		found[strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// TestLinksLeadSomewhere follows every link of a document to another file of the repository, and to the heading that it names.
func TestLinksLeadSomewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	list := exec.Command("git", "ls-files", "*.md")
	list.Dir = root
	out, err := list.Output()
	pages := strings.Fields(string(out))
	if err != nil { // a copy without git
		pages, err = filepath.Glob(filepath.Join(root, "docs", "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for i, page := range pages {
			pages[i] = filepath.Join("docs", filepath.Base(page))
		}
		pages = append(pages, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
	}
	links := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(string(text), ""), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") || strings.HasPrefix(path, "mailto:") {
				continue
			}
			links++
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			there, err := os.ReadFile(filepath.Join(root, target))
			if info, e := os.Stat(filepath.Join(root, target)); e == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			} else if anchor != "" && !anchors(string(there))[anchor] {
				t.Errorf("%s links to %s, and %s has no such heading", page, m[1], target)
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links found: this test reads the wrong files", links)
	}
}

func TestAnchors(t *testing.T) {
	got := anchors("# One\n\ntext\n## Against PyTorch, again: `x`\n### 7.10 Über\n")
	for _, want := range []string{"one", "against-pytorch-again-x", "710-über"} {
		if !got[want] {
			t.Errorf("no anchor %q in %v", want, got)
		}
	}
}
