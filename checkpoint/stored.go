package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"reprise/model"
	"reprise/tensor"
)

// Stored is a model directory whose weights stay in their files. Reader reads them piece by piece, so that a second model does
// not have to be in memory.
type Stored struct {
	Dir     string       // the Hugging Face directory, of the cache the snapshot
	Outline *model.Model // configuration and parameters; their matrices are empty
	DType   DType        // the type of most of the stored weights

	src  *Source
	info map[string]Info // of every parameter, by its bare name
}

// OpenStored opens a Hugging Face directory and checks it as Load does, but for the values of the weights.
func OpenStored(dir string) (*Stored, error) {
	dir, err := snapshot(dir)
	if err != nil {
		return nil, err
	}
	src, outline, _, err := openDir(dir, openUnmapped)
	if err != nil {
		return nil, err
	}
	if err := checkWeights(dir); err != nil {
		src.Close()
		return nil, err
	}
	s := &Stored{Dir: dir, Outline: outline, DType: src.DType(), src: src, info: map[string]Info{}}
	for p := range outline.Params() {
		t, err := src.Info(src.storedName(outline, p))
		if err != nil {
			src.Close()
			return nil, err
		}
		s.info[bareName(p.Name)] = t
	}
	return s, nil
}

// Close closes the files.
func (s *Stored) Close() error { return s.src.Close() }

// bareName is a parameter's name in a file of a bare decoder.
func bareName(name string) string {
	for _, prefix := range []string{"model.", "transformer."} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// Info describes how the parameter p is stored. Only p's name counts, with the prefix "model." or "transformer." or without, so
// that p may belong to another model of the same architecture.
func (s *Stored) Info(p *tensor.Param) (Info, error) {
	t, ok := s.info[bareName(p.Name)]
	if !ok {
		return t, fmt.Errorf("checkpoint: %s: tensor %s is missing", s.src.path, quote(p.Name))
	}
	return t, nil
}

// SHA256 is TensorSHA256 of the stored weights.
func (s *Stored) SHA256() (string, error) {
	h, r := sha256.New(), s.Reader()
	buf, x := make([]byte, 4*chunk), make([]float32, chunk)
	for p := range s.Outline.Params() { // in ascending order of their names
		t, err := s.Info(p)
		if err != nil {
			return "", err
		}
		for first := 0; first < t.Len(); first += chunk {
			part := x[:min(chunk, t.Len()-first)]
			if err := r.Read(p, first, part); err != nil {
				return "", err
			}
			putFloat32(buf, part)
			h.Write(buf[:4*len(part)])
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Reader reads the stored weights. Each goroutine needs a Reader of its own.
func (s *Stored) Reader() *Reader { return &Reader{s: s} }

// Reader reads the weights of a Stored model in pieces. After the first pieces it allocates nothing.
type Reader struct {
	s    *Stored
	bufs buffers
}

// Read fills dst with elements of parameter p in row-major order, from number first on. A weight that is not finite is an error.
func (r *Reader) Read(p *tensor.Param, first int, dst []float32) error {
	t, err := r.s.Info(p)
	if err != nil {
		return err
	}
	f := r.s.src.owner[t.Name]
	if first < 0 || first+len(dst) > t.Len() {
		return f.wrong(t, "elements %d to %d of %d were asked for", first, first+len(dst), t.Len())
	}
	if err := f.readWith(&r.bufs, t, first, dst); err != nil {
		return err
	}
	if i := notFinite(dst); i >= 0 {
		return f.wrong(t, "element %d is %g; the weights are damaged", first+i, dst[i])
	}
	return nil
}
