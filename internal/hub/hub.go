// Package hub finds the files in a folder of the Hugging Face hub's cache: models--ORG--NAME or datasets--ORG--NAME, as it lies
// on disk. Such a folder has the versions below snapshots/, one directory per commit, whose files are often links into blobs/,
// and the commit of each branch in a file below refs/.
package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxRef bounds a file below refs/, in bytes. It holds one commit.
const maxRef = 1024

// kinds begin the names of the cache's folders.
var kinds = []string{"models--", "datasets--", "spaces--"}

// Snapshot returns the directory that has the files of a folder of the cache: the commit in refs/main, or the only snapshot if
// there is no refs/main. Anything else, also a path that does not exist, is returned as it is. Errors name the folder and what is
// wrong with it; one with several snapshots and no refs/main lists them.
func Snapshot(dir string) (string, error) {
	if !isCache(dir) {
		return dir, nil
	}
	snapshots := filepath.Join(dir, "snapshots")
	entries, err := os.ReadDir(snapshots)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("hub: %w", err)
	}
	var have []string
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(snapshots, e.Name())); err == nil && info.IsDir() {
			have = append(have, e.Name())
		}
	}
	if len(have) == 0 {
		return "", fmt.Errorf("hub: %s is a folder of the Hugging Face cache without a snapshot; download it again", dir)
	}
	commit, err := readRef(filepath.Join(dir, "refs", "main"))
	if err != nil {
		return "", err
	}
	switch {
	case commit == "" && len(have) == 1:
		return filepath.Join(snapshots, have[0]), nil
	case commit == "":
		return "", fmt.Errorf("hub: %s is a folder of the Hugging Face cache with %d snapshots and no refs/main; give one of them:%s",
			dir, len(have), listed(snapshots, have))
	}
	for _, name := range have {
		if name == commit {
			return filepath.Join(snapshots, name), nil
		}
	}
	return "", fmt.Errorf("hub: %s: refs/main names the snapshot %s, which is not there; download it again, or give one that is:%s",
		dir, commit, listed(snapshots, have))
}

// isCache recognises a folder of the cache by snapshots/ together with its name, refs/ or blobs/.
func isCache(dir string) bool {
	isDir := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.IsDir()
	}
	if !isDir("snapshots") && !isDir("blobs") {
		return false
	}
	if abs, err := filepath.Abs(dir); err == nil {
		for _, kind := range kinds {
			if strings.HasPrefix(filepath.Base(abs), kind) {
				return true
			}
		}
	}
	return isDir("snapshots") && (isDir("refs") || isDir("blobs"))
}

// readRef reads the commit of a branch; "" if the file does not exist.
func readRef(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("hub: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxRef {
		return "", fmt.Errorf("hub: %s: want a file with one commit", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("hub: %w", err)
	}
	commit := strings.TrimSpace(string(text))
	if !isCommit(commit) {
		return "", fmt.Errorf("hub: %s: %.80q is not a commit; download the folder again", path, commit)
	}
	return commit, nil
}

// isCommit says whether a text can be the name of a snapshot: letters and digits only, so that no path leaves the folder.
func isCommit(s string) bool {
	for _, c := range s {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return s != ""
}

// maxListed bounds how many snapshots an error lists.
const maxListed = 20

func listed(snapshots string, names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(names)-i)
			break
		}
		b.WriteString("\n  " + filepath.Join(snapshots, name))
	}
	return b.String()
}

// Dangling says whether path is a link to a file that does not exist, as is left when snapshots/ is copied without blobs/, and
// where it points.
func Dangling(path string) (target string, dangling bool) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	target, err := os.Readlink(path)
	return target, err == nil
}
