package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// splits maps the names of a directory's parts as people write them to the names used here.
var splits = map[string]string{
	"train": "train", "training": "train",
	"valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
	"test": "test",
}

// Files lists the files that path stands for: path itself, or the files of one part of a directory, in the order of their
// names. A file belongs to the part that its name begins with: train.jsonl, train-00000-of-00002.jsonl, validation.txt.gz.
// Training takes train; evaluation takes valid, or test if there is no valid.
func Files(path string, evaluation bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, nil // opening the file will say what is wrong
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	parts := map[string][]string{}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		word := name
		if i := strings.IndexAny(name, ".-_"); i >= 0 {
			word = name[:i]
		}
		if _, _, known := kindOf(name); known && splits[word] != "" && !e.IsDir() {
			part := splits[word]
			parts[part] = append(parts[part], filepath.Join(path, e.Name()))
		}
	}
	want := []string{"train"}
	if evaluation {
		want = []string{"valid", "test"}
	}
	for _, part := range want {
		if files := parts[part]; len(files) > 0 {
			// A part that exists in two formats would be read twice.
			first := baseFormat(files[0])
			if i := slices.IndexFunc(files, func(f string) bool { return baseFormat(f) != first }); i >= 0 {
				return nil, fmt.Errorf("the part %s exists in two formats, %s and %s; give the file instead of the directory", part, filepath.Base(files[0]), filepath.Base(files[i]))
			}
			seen := map[string]string{} // a file and its compressed copy would be read twice, too
			for _, f := range files {
				name := uncompressed(f)
				if twin := seen[name]; twin != "" {
					return nil, fmt.Errorf("%s and %s hold the same part twice; give one of them instead of the directory", filepath.Base(twin), filepath.Base(f))
				}
				seen[name] = f
			}
			return files, nil
		}
	}
	return nil, fmt.Errorf("the directory holds no file whose name begins with %s and ends in .txt, .jsonl or .json (or one of these and .gz, .bz2 or .zst); give a file", strings.Join(want, " or "))
}

// baseFormat is the file name extension before that of the compression.
func baseFormat(path string) string { return filepath.Ext(uncompressed(path)) }

// uncompressed is a name in lower case without the extension of its compression.
func uncompressed(path string) string {
	name := strings.ToLower(path)
	switch filepath.Ext(name) {
	case ".gz", ".bz2", ".zst":
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return name
}

// EachText calls use for every text of a file or of a directory's training part, in any shape. It is meant for uses that need
// only the text, such as training a tokenizer. An error of use ends it. An error of a line is a [RowError].
func EachText(path string, use func(text string) error) error {
	files, err := Files(path, false)
	for _, file := range files {
		if err == nil {
			err = eachText(file, use)
		}
		if err != nil {
			path = file
			break
		}
	}
	if err != nil {
		return reading(path, err)
	}
	return nil
}

func eachText(path string, use func(text string) error) error {
	s, err := openSource(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.kind == textFile {
		text, err := s.text()
		if err != nil {
			return err
		}
		return use(text)
	}
	return s.rows(func(line int, b []byte) error {
		row, err := parseRow(b)
		if empty := noTargets(""); err != nil && !errors.As(err, &empty) {
			return err
		}
		texts := []string{row.Text, row.Prompt}
		for _, t := range append(row.Choices, row.Completion) {
			if t != "" {
				texts = append(texts, " "+t)
			}
		}
		for _, p := range row.Segments {
			texts = append(texts, p.Text)
		}
		for _, m := range row.Chat.Messages {
			texts = append(texts, m.Content)
		}
		for _, t := range texts {
			if t == "" {
				continue
			}
			if err := use(t); err != nil {
				return err
			}
		}
		return nil
	})
}
