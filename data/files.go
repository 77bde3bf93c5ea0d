package data

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"reprise/internal/hub"
)

// splits maps the names of a directory's parts as people write them to the names used here.
var splits = map[string]string{
	"train": "train", "training": "train",
	"valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
	"test": "test",
}

// Files lists the files that path stands for: path itself, or the files of one part of a directory, in the order of their
// names. A file belongs to the part that its name begins with: train.jsonl, train-00000-of-00002.parquet, validation.txt.gz; or
// to that of its folder: train/0000.parquet. Such files and folders lie in the directory itself, in its folder data, or in the
// folder of a configuration if there is only one. A folder of the Hugging Face cache stands for its snapshot.
// Training takes train; evaluation takes valid, or test if there is no valid. What may hold a part twice is refused, such as numbered
// files with a file that is not, two words for one part, or two formats; and so is a file deeper in the folder of a part.
func Files(path string, evaluation bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, nil // opening the file will say what is wrong
	}
	dir, err := hub.Snapshot(path)
	if err != nil {
		return nil, err
	}
	found, err := partsOf(dir)
	if err != nil {
		return nil, err
	}
	if found.none() {
		var sets []string
		for _, folder := range found.folders {
			of, err := partsOf(folder)
			if err != nil {
				return nil, err
			}
			if !of.none() {
				found, sets = of, append(sets, folder)
			}
		}
		if len(sets) > 1 {
			return nil, fmt.Errorf("the directory holds %d data sets; give one of them: %s", len(sets), strings.Join(sets, ", "))
		}
	}
	want := []string{"train"}
	if evaluation {
		want = []string{"valid", "test"}
	}
	for _, part := range want {
		if inside := found.inside[part]; inside != "" {
			return nil, fmt.Errorf("%s lies in a folder within that of the part %s, where files are not read; move the files of the part into one folder, or give single files", inside, part)
		}
		if files := found.files[part]; len(files) > 0 {
			return files, whole(part, files)
		}
	}
	return nil, fmt.Errorf("the directory holds no file whose name, or whose folder's name, begins with %s and that ends in %s; give a file", strings.Join(want, " or "), fileNames)
}

// partOf is the part that a name belongs to; "" if it is none.
func partOf(name string) string { return splits[wordOf(name)] }

// wordOf is the first word of a name.
func wordOf(name string) string {
	word := strings.ToLower(name)
	if i := strings.IndexAny(word, ".-_"); i >= 0 {
		word = word[:i]
	}
	return word
}

// parts is what a directory holds.
type parts struct {
	files   map[string][]string // of each part
	inside  map[string]string   // a file that lies deeper in the folder of a part
	folders []string            // which may be configurations
}

func (p *parts) none() bool { return len(p.files) == 0 && len(p.inside) == 0 }

// add adds a file to a part if it is one of those that are read.
func (p *parts) add(part, path string) error {
	if _, _, known := kindOf(path); !known {
		return nil
	}
	if target, gone := hub.Dangling(path); gone {
		return fmt.Errorf("%s is a link to %s, which is not there; download the data again", path, target)
	}
	p.files[part] = append(p.files[part], path)
	return nil
}

// addFolder adds the files of a part's folder.
func (p *parts) addFolder(part, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if passed(e.Name()) {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			deeper, err := anyFile(path)
			if err != nil {
				return err
			}
			if deeper != "" {
				p.inside[part] = deeper
			}
			continue
		}
		if err := p.add(part, path); err != nil {
			return err
		}
	}
	return nil
}

// passed says that a file or folder within the folder of a part is not data.
func passed(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(strings.ToLower(name), "readme")
}

// anyFile finds a file below a folder that would be read; "" if there is none.
func anyFile(dir string) (found string, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		_, _, known := kindOf(path)
		switch {
		case path != dir && passed(e.Name()) && e.IsDir():
			return fs.SkipDir
		case known && !e.IsDir() && !passed(e.Name()):
			found = path
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// partsOf sorts the files of a directory into parts, and lists the folders that may be configurations.
func partsOf(dir string) (*parts, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	p := &parts{files: map[string][]string{}, inside: map[string]string{}}
	for _, e := range entries {
		path, part := filepath.Join(dir, e.Name()), partOf(e.Name())
		info, err := os.Stat(path) // of what a link points to
		switch {
		case err == nil && !info.IsDir() || err != nil && e.Type()&fs.ModeSymlink != 0:
			if part != "" {
				if err := p.add(part, path); err != nil {
					return nil, err
				}
			}
		case err != nil:
			return nil, err
		case strings.HasPrefix(e.Name(), "."):
		case splits[strings.ToLower(e.Name())] != "":
			if err := p.addFolder(part, path); err != nil {
				return nil, err
			}
		case e.Name() == "data" && filepath.Base(dir) != "data":
			of, err := partsOf(path)
			if err != nil {
				return nil, err
			}
			for part, files := range of.files {
				p.files[part] = append(p.files[part], files...)
			}
			maps.Copy(p.inside, of.inside)
			p.folders = append(p.folders, of.folders...)
		default:
			p.folders = append(p.folders, path)
		}
	}
	return p, nil
}

var shardName = regexp.MustCompile(`-(\d{5})-of-(\d{5})`)

// whole says why the files of a part are not the part once and all of it.
func whole(part string, files []string) error {
	seen := map[string]string{}
	shards := map[string]map[string]bool{} // of each set, which "-00000-of-00002" are there
	shard, other := "", ""                 // files with and without such a number
	for _, f := range files {
		if filepath.Dir(f) != filepath.Dir(files[0]) {
			return fmt.Errorf("the part %s is in two places, %s and %s; give one of them instead of the directory", part, files[0], f)
		}
		if baseFormat(f) != baseFormat(files[0]) { // it would be read twice
			return fmt.Errorf("the part %s exists in two formats, %s and %s; give the file instead of the directory", part, filepath.Base(files[0]), filepath.Base(f))
		}
	}
	for _, f := range files {
		name := uncompressed(f)
		if twin := seen[name]; twin != "" { // a file and its compressed copy
			return fmt.Errorf("%s and %s hold the same part twice; give one of them instead of the directory", filepath.Base(twin), filepath.Base(f))
		}
		seen[name] = f
		base := filepath.Base(f)
		if word, first := wordOf(base), wordOf(filepath.Base(files[0])); word != first && splits[word] == part && splits[first] == part {
			return fmt.Errorf("%s and %s are both named as the part %s and may hold it twice; give one of them instead of the directory", filepath.Base(files[0]), base, part)
		}
		if m := shardName.FindStringSubmatchIndex(base); m != nil {
			set := base[:m[0]] + base[m[3]:m[1]] // train-of-00002
			if shards[set] == nil {
				shards[set] = map[string]bool{}
			}
			shards[set][base[m[2]:m[3]]] = true
			shard = base
		} else {
			other = base
		}
	}
	if shard != "" && other != "" {
		return fmt.Errorf("%s is one of the numbered files of the part %s, and %s is not and may hold the same; give one of them instead of the directory, or put the numbered files into a directory of their own", shard, part, other)
	}
	if len(shards) > 1 {
		sets := slices.Sorted(maps.Keys(shards))
		return fmt.Errorf("the part %s has files of %d sets, %s; put the files of one of them into a directory of their own", part, len(sets), strings.Join(sets, ", "))
	}
	for set, have := range shards {
		n, _ := strconv.Atoi(set[len(set)-5:]) // digits
		for i := range n {
			if number := fmt.Sprintf("%05d", i); !have[number] {
				return fmt.Errorf("of the %d files of the part %s the one with %s-of-%s in its name is missing; download the data again, or give single files", n, part, number, set[len(set)-5:])
			}
		}
	}
	return nil
}

// baseFormat is the file name extension before that of the compression.
func baseFormat(path string) string { return filepath.Ext(uncompressed(path)) }

// uncompressed is a name in lower case, which may have another length, without the extension of its compression.
func uncompressed(path string) string { return strings.ToLower(uncompressedName(path)) }

// EachText calls use for every text of a file or of a directory's training part, in any shape. It is meant for uses that need
// only the text, such as training a tokenizer. An error of use ends it. An error of a line is a [RowError].
func EachText(path string, how Reading, use func(text string) error) error {
	columns, err := newColumns(how.Columns)
	if err != nil {
		return reading(path, err)
	}
	files, err := Files(path, false)
	for _, file := range files {
		if err == nil {
			err = eachText(file, columns, use)
		}
		if err != nil {
			path = file
			break
		}
	}
	if err == nil {
		err = columns.missing()
	}
	if err != nil {
		return reading(path, err)
	}
	return nil
}

func eachText(path string, columns *columns, use func(text string) error) error {
	s, err := openSource(path, columns)
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
