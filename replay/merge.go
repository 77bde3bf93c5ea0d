package replay

import (
	"errors"
	"fmt"
	"io"
	"os"

	"reprise/data"
	"reprise/internal/atomicfile"
)

// Merge joins the shards of one recording, given in any order, into the record that one run would have written, byte for
// byte. All shards must be given. Every sequence is checked, and every pack of the model's own text; out appears only when it is complete.
func Merge(out string, shards []string) (err error) {
	readers, err := openShards(shards)
	defer func() {
		for _, r := range readers {
			if r != nil {
				r.Close()
			}
		}
	}()
	if err != nil {
		return fmt.Errorf("replay: merging into %s: %w", out, err)
	}
	if there, err := os.Stat(out); err == nil {
		for _, r := range readers {
			if info, err := r.file.Stat(); err == nil && os.SameFile(there, info) {
				return fmt.Errorf("replay: merging into %s: it is one of the shards; choose another name", out)
			}
		}
	}
	err = atomicfile.Write(out, func(w io.Writer) error {
		h := readers[0].h
		h.Shard, h.Shards = 0, 1
		e, err := newEmitter(w, h)
		if err != nil {
			return err
		}
		if err := e.header(); err != nil {
			return err
		}
		var s data.Sequence
		for _, r := range readers {
			for i := range r.Len() {
				frame, err := r.sequence(i, &s)
				if err != nil {
					return err
				}
				e.codec.unit = append(e.codec.unit[:0], r.un.codec.unit...)
				if err := e.raw(frame, &s); err != nil {
					return err
				}
			}
		}
		for _, r := range readers {
			for i := range r.Rehearsed() + r.Gauged() {
				if err := e.copyPack(r, i, &s); err != nil {
					return err
				}
			}
		}
		return e.end()
	})
	if err != nil {
		return fmt.Errorf("replay: merging into %s: %w", out, err)
	}
	return nil
}

// openShards opens all shards of one recording and returns them in order. After an error the result still has to be closed.
func openShards(paths []string) ([]*Reader, error) {
	if len(paths) == 0 {
		return nil, errors.New("no shards given")
	}
	var readers []*Reader
	for _, path := range paths {
		r, err := Open(path)
		if err != nil {
			return readers, err
		}
		if readers == nil {
			// Allocate for the number in the header, but only if it is the number of files.
			if r.h.Shards != len(paths) {
				r.Close()
				return nil, fmt.Errorf("%s is one of %d shards, %d files were given; give every shard once", path, r.h.Shards, len(paths))
			}
			readers = make([]*Reader, len(paths))
			readers[r.h.Shard] = r
			continue
		}
		var one *Reader
		for _, one = range readers {
			if one != nil {
				break
			}
		}
		if d := one.h.difference(&r.h, true); d != "" {
			r.Close()
			return readers, fmt.Errorf("%s and %s are not of one recording (%s); record the shards again from the same model and data, with the same settings", one.path, path, d)
		}
		if other := readers[r.h.Shard]; other != nil {
			r.Close()
			return readers, fmt.Errorf("%s and %s are both shard %d; give every shard once", other.path, path, r.h.Shard)
		}
		readers[r.h.Shard] = r
	}
	return readers, nil
}
