package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sumsFile holds the SHA-256 of every other file of a model directory that SaveModel writes, in the form of sha256sum, which can
// check them too (sha256sum -c SHA256SUMS). A damaged weight is still a number, so nothing else would tell.
const sumsFile = "SHA256SUMS"

// maxSums bounds the file, in bytes.
const maxSums = 16 << 20

// sums are SHA-256 in hexadecimal digits, by the names of the files, with slashes.
type sums map[string]string

func (s sums) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	s[name] = hex.EncodeToString(sum[:])
}

func (s sums) bytes() []byte {
	var b bytes.Buffer
	for _, name := range sortedKeys(s) {
		fmt.Fprintf(&b, "%s  %s\n", s[name], name)
	}
	return b.Bytes()
}

// readSums reads the file of a directory; nil if there is none. The directory may come from elsewhere, with a file of that name in
// another form or with more in it, so lines that are not as expected are passed over.
func readSums(dir string) (sums, error) {
	text, err := readInside(dir, sumsFile, maxSums)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := sums{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if !ok || len(name) < 2 || len(sum) != 2*sha256.Size {
			continue
		}
		s[name[1:]] = strings.ToLower(sum) // a second blank, or * for files read as they are
	}
	return s, nil
}

// check compares those of the named files of a directory that are listed.
func (s sums) check(dir string, names []string) error {
	for _, name := range names {
		want, listed := s[name]
		if !listed {
			continue
		}
		path, err := inside(dir, name)
		if err != nil {
			return err
		}
		have, err := fileSum(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // whoever needs it will say so
		}
		if err != nil {
			return err
		}
		if have != want {
			return fmt.Errorf("checkpoint: %s: %w", path, ErrDamaged)
		}
	}
	return nil
}

// ErrDamaged is the error for a file of a model directory whose SHA-256 is not the one in the directory's SHA256SUMS.
var ErrDamaged = errors.New("its SHA-256 is not the one in " + sumsFile + ", so one of the two is damaged, or the file was changed after the " +
	"model was saved; take the model from a copy, or, if the change was meant, remove the file's line from " + sumsFile)

// fileSum is the SHA-256 of an ordinary file.
func fileSum(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a file", path)
	}
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkFiles compares a directory's configuration and tokenizer with its SHA256SUMS, if there is one.
func checkFiles(dir string) error {
	s, err := readSums(dir)
	if s == nil || err != nil {
		return err
	}
	names, err := listed(dir, append(slices.Clone(copied), indexFile), nil)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return s.check(dir, names)
}

// checkWeights compares the files of a directory's weights with its SHA256SUMS, if there is one. It reads them whole.
func checkWeights(dir string) error {
	s, err := readSums(dir)
	if s == nil || err != nil {
		return err
	}
	var names []string
	for name := range s {
		if strings.HasSuffix(name, ".safetensors") && filepath.IsLocal(filepath.FromSlash(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return s.check(dir, names)
}
