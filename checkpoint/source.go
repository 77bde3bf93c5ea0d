package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/internal/hub"
)

// The names that Hugging Face gives to weights.
const (
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// Source is the stored weights of a model: one file, or shards named by an index.
type Source struct {
	path   string // of the file or the index, for errors
	files  []*File
	owner  map[string]*File // of every tensor
	names  []string         // ascending
	layout map[string]string
	index  []byte // the index file; nil for a single file
}

// OpenSource opens the weights in a Hugging Face directory: model.safetensors, or else the shards that
// model.safetensors.index.json names, all of which must be in the directory and hold exactly the tensors that the index
// says. A folder of the Hugging Face cache stands for its snapshot.
func OpenSource(dir string) (*Source, error) { return openSource(dir, Open) }

// openSource is OpenSource with a way to open a file.
func openSource(dir string, open func(path string) (*File, error)) (*Source, error) {
	dir, err := snapshot(dir)
	if err != nil {
		return nil, err
	}
	path, err := inside(dir, weightsFile)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		index := filepath.Join(dir, indexFile)
		if _, err := os.Stat(index); errors.Is(err, fs.ErrNotExist) {
			return nil, noWeights(dir)
		}
		return openShards(dir, index, open)
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path, files: []*File{f}, owner: map[string]*File{}, names: f.Names()}
	for _, name := range s.names {
		s.owner[name] = f
	}
	return s, nil
}

func openShards(dir, path string, open func(path string) (*File, error)) (_ *Source, err error) {
	text, err := readInside(dir, indexFile, maxHeader)
	if err != nil {
		return nil, err
	}
	layout, err := parseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	s := &Source{path: path, owner: map[string]*File{}, layout: layout, index: text}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	held := map[string][]string{}
	for name, shard := range layout {
		held[shard] = append(held[shard], name)
	}
	for _, shard := range sortedKeys(held) {
		file, err := inside(dir, shard)
		if err != nil {
			return nil, err
		}
		f, err := open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noShard(path, dir, shard, held[shard])
		}
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		for _, name := range f.Names() {
			switch {
			case layout[name] == "":
				return nil, fmt.Errorf("checkpoint: %s: tensor %s is not listed in %s", f.path, quote(name), indexFile)
			case layout[name] != shard:
				return nil, fmt.Errorf("checkpoint: %s: tensor %s should be in %s, says %s", f.path, quote(name), layout[name], indexFile)
			}
			s.owner[name] = f
		}
	}
	s.names = sortedKeys(layout)
	for _, name := range s.names {
		if s.owner[name] == nil {
			return nil, fmt.Errorf("checkpoint: %s: tensor %s is missing; %s says that it is there", layout[name], quote(name), indexFile)
		}
	}
	return s, nil
}

// parseIndex reads the map from tensor names to shards. The paths of the shards must stay inside the index's directory.
func parseIndex(text []byte) (map[string]string, error) {
	var layout map[string]string
	p := newParser(text)
	err := p.object(func(key string) error {
		if key != "weight_map" {
			return p.skip()
		}
		if layout != nil {
			return errors.New("weight_map is given twice")
		}
		layout = map[string]string{}
		return p.object(func(name string) error {
			shard, err := p.text()
			if err != nil {
				return fmt.Errorf("weight_map: %s: %w", quote(name), err)
			}
			if len(layout) == maxTensors {
				return fmt.Errorf("weight_map: more than %d tensors", maxTensors)
			}
			if _, dup := layout[name]; dup {
				return fmt.Errorf("weight_map: %s is listed twice", quote(name))
			}
			shard = strings.TrimPrefix(shard, "./")
			if !fs.ValidPath(shard) || shard == "." || strings.ContainsAny(shard, `\:`) || !filepath.IsLocal(filepath.FromSlash(shard)) {
				return fmt.Errorf("weight_map: %s: the path %s leaves the model's directory", quote(name), quote(shard))
			}
			layout[name] = shard
			return nil
		})
	})
	if err == nil {
		err = p.end()
	}
	if err == nil && len(layout) == 0 {
		err = errors.New("weight_map is missing or empty")
	}
	return layout, err
}

// Close unmaps the files.
func (s *Source) Close() error {
	var err error
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Names lists the tensors in ascending order.
func (s *Source) Names() []string { return slices.Clone(s.names) }

// file returns the file that holds a tensor.
func (s *Source) file(name string) (*File, error) {
	f, ok := s.owner[name]
	if !ok {
		return nil, fmt.Errorf("checkpoint: %s: tensor %s is missing", s.path, quote(name))
	}
	return f, nil
}

// Info describes a tensor; Offset counts within its shard.
func (s *Source) Info(name string) (Info, error) {
	f, err := s.file(name)
	if err != nil {
		return Info{}, err
	}
	return f.Info(name)
}

// ReadFloat32 is File.ReadFloat32.
func (s *Source) ReadFloat32(name string, dst []float32) error {
	f, err := s.file(name)
	if err != nil {
		return err
	}
	return f.ReadFloat32(name, dst)
}

// DType is the type of most weights.
func (s *Source) DType() DType {
	count := map[DType]int{}
	for _, f := range s.files {
		for _, t := range f.tensors {
			if !isBuffer(t.Name) {
				count[t.DType] += t.Len()
			}
		}
	}
	best := F32
	for _, d := range dtypes {
		if count[d.name] > count[best] {
			best = d.name
		}
	}
	return best
}

// readLimited is hub.Read with this package's name in errors.
func readLimited(path string, limit int64) ([]byte, error) {
	text, err := hub.Read(path, limit)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return text, nil
}

// readInside is hub.ReadFile with this package's name in errors.
func readInside(dir, name string, limit int64) ([]byte, error) {
	text, err := hub.ReadFile(dir, name, limit)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return text, nil
}

// inside is hub.Inside with this package's name in errors.
func inside(dir, name string) (string, error) {
	path, err := hub.Inside(dir, name)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return path, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
