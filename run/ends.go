package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"reprise/base"
	"reprise/data"
	"reprise/internal/hub"
	"reprise/model"
)

const generationFile = "generation_config.json"

// Other programs stop at the ids that generation_config.json names, or where that file is missing config.json. A base model's files
// often do not name the end of an assistant's turn, which conversations teach: the trained model would write it and go on.

// nameEnds makes the generation_config.json of the trained model, if the data teaches an end id at which its base does not stop.
func (r *Run) nameEnds() error {
	var learnt []int32
	tok := r.Base.Tokenizer
	for _, id := range base.Ends(tok, true) {
		if r.learns(id) {
			learnt = append(learnt, id)
		}
	}
	if len(learnt) == 0 {
		return nil
	}
	text, err := r.baseFile(generationFile)
	if err != nil {
		return err
	}
	made, added, err := withEnds(text, r.Base.Config, learnt)
	if err != nil {
		return fmt.Errorf("run: %s: %w", r.Base.Dir, err)
	}
	if len(added) == 0 {
		return nil
	}
	r.generation = made
	names := make([]string, len(added))
	for i, id := range added {
		names[i] = fmt.Sprintf("%s (id %d)", tok.Piece(id), id)
	}
	r.Notices = append(r.Notices, fmt.Sprintf("the data teaches the model to end with %s, where the base model's files do not stop: "+
		"eos_token_id in the trained model's %s names it too", strings.Join(names, " and "), generationFile))
	return nil
}

// learns says whether an id carries loss anywhere in the data.
func (r *Run) learns(id int32) bool {
	for _, s := range []*source{r.domain, r.mix} {
		switch {
		case s == nil:
		case s.record != nil:
			if counts := s.record.GoldCounts(r.Base.Model.Config.VocabSize); int(id) < len(counts) && counts[id] > 0 {
				return true
			}
		case slices.ContainsFunc(s.packed, func(q data.Sequence) bool { return carriesLoss(&q, id) }):
			return true
		}
	}
	return false
}

func carriesLoss(q *data.Sequence, id int32) bool {
	for i, have := range q.IDs {
		if have == id && q.Target[i] {
			return true
		}
	}
	return false
}

// maxBaseFile bounds a file that belongs to the base model, in bytes.
const maxBaseFile = 128 << 20

// baseFile reads a file that belongs to the base model; nil: there is none.
func (r *Run) baseFile(name string) ([]byte, error) {
	if text, ok := r.Base.Files[name]; ok || r.Base.Dir == "" {
		return text, nil
	}
	text, err := hub.ReadFile(r.Base.Dir, name, maxBaseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	return text, nil
}

// withEnds adds ids to eos_token_id of a generation_config.json, after those that are there or else in config.json, and leaves every
// other byte as it is. A file that is missing is made of config.json's ids. added lists the new ids; without any, nothing is made.
func withEnds(generation, config []byte, ids []int32) (made []byte, added []int32, err error) {
	fields := map[string]json.RawMessage{}
	var stops []int32
	for _, f := range []struct {
		name string
		text []byte
	}{{"config.json", config}, {generationFile, generation}} { // the second wins
		var own map[string]json.RawMessage
		if f.text == nil {
			continue
		}
		if err := json.Unmarshal(f.text, &own); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.name, err)
		}
		maps.Copy(fields, own)
		if stops, err = model.ParseIDs(fields["eos_token_id"]); err != nil {
			return nil, nil, fmt.Errorf("%s: eos_token_id: %s, want an id or a list of ids", f.name, fields["eos_token_id"])
		}
	}
	for _, id := range ids {
		if !slices.Contains(stops, id) {
			added = append(added, id)
		}
	}
	if len(added) == 0 {
		return nil, nil, nil
	}
	list, err := json.Marshal(append(stops, added...))
	if err != nil {
		return nil, nil, err
	}
	if generation != nil {
		made, err = setMember(generation, "eos_token_id", list)
		return made, added, err
	}
	var members []string
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id"} {
		value := fields[key]
		if key == "eos_token_id" {
			value = list
		}
		if value != nil && string(value) != "null" {
			members = append(members, fmt.Sprintf("  %q: %s", key, value))
		}
	}
	return []byte("{\n" + strings.Join(members, ",\n") + "\n}\n"), added, nil
}

// setMember sets a member of a JSON object to a value, in its place or else as the first one.
func setMember(object []byte, key string, value []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	first := d.InputOffset()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var old json.RawMessage
		if err := d.Decode(&old); err != nil {
			return nil, err
		}
		if end := d.InputOffset(); name == key {
			return slices.Concat(object[:end-int64(len(old))], value, object[end:]), nil
		}
	}
	rest := object[first:]
	member := fmt.Sprintf("%q: %s", key, value)
	if trimmed := bytes.TrimLeft(rest, " \t\r\n"); !bytes.HasPrefix(trimmed, []byte("}")) {
		member += "," // the white space before the next member is put before this one too
		member = string(rest[:len(rest)-len(trimmed)]) + member
	}
	return slices.Concat(object[:first], []byte(member), rest), nil
}
