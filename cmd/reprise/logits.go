package main

import (
	"encoding/json"
	"fmt"

	"reprise/checkpoint"
	"reprise/internal/hub"
	"reprise/model"
	"reprise/tensor"
)

type inspectLogitsCmd struct {
	Model string `required:"" help:"Model directory." placeholder:"DIR"`
	IDs   string `name:"ids" required:"" help:"JSON file [[ids…], …] of sequences of equal length." placeholder:"FILE"`
	Out   string `required:"" help:"Safetensors file to write: tensor \"logits\" [sequences, tokens, vocabulary] in F32." placeholder:"FILE"`
}

func (c *inspectLogitsCmd) Run(a *app) error {
	base, err := checkpoint.Load(c.Model)
	if err != nil {
		return err
	}
	seqs, err := readIDs(c.IDs, base.Model.Config)
	if err != nil {
		return err
	}
	cfg := base.Model.Config
	out := tensor.NewMatrix(len(seqs)*len(seqs[0]), cfg.VocabSize)
	pass := model.NewPass(base.Model, a.pool(), false)
	for i, ids := range seqs {
		h := pass.Forward(model.Batch{IDs: ids, DocStarts: []int32{0}})
		rows := out.RowRange(i*len(ids), (i+1)*len(ids))
		a.pool().MatMulNT(&rows, h, base.Model.Head().W, false)
	}
	return checkpoint.WriteFile(c.Out, []checkpoint.Tensor{{
		Name: "logits", DType: checkpoint.F32, Shape: []int{len(seqs), len(seqs[0]), cfg.VocabSize}, Data: out.Data,
	}})
}

// readIDs reads [[ids…], …] and checks lengths and the vocabulary.
func readIDs(path string, cfg model.Config) ([][]int32, error) {
	text, err := hub.Read(path, 64<<20)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	var lists []idList
	if err := json.Unmarshal(text, &lists); err != nil {
		return nil, fmt.Errorf("inspect: %s: %w; want [[ids…], …]", path, err)
	}
	seqs := make([][]int32, len(lists))
	for i := range lists {
		seqs[i] = lists[i]
	}
	if len(seqs) == 0 || len(seqs[0]) == 0 {
		return nil, fmt.Errorf("inspect: %s holds no ids", path)
	}
	for i, ids := range seqs {
		if len(ids) != len(seqs[0]) {
			return nil, fmt.Errorf("inspect: %s: sequence %d has %d ids, sequence 0 has %d; all must be of equal length", path, i, len(ids), len(seqs[0]))
		}
		if len(ids) > cfg.MaxPositions {
			return nil, fmt.Errorf("inspect: %s: %d ids exceed the model's %d positions", path, len(ids), cfg.MaxPositions)
		}
		for k, id := range ids {
			if id < 0 || int(id) >= cfg.VocabSize {
				return nil, fmt.Errorf("inspect: %s: sequence %d, token %d: id %d is outside the vocabulary of %d", path, i, k, id, cfg.VocabSize)
			}
		}
	}
	return seqs, nil
}

// idList is a list of ids. It refuses null, which encoding/json would read as id 0.
type idList []int32

func (l *idList) UnmarshalJSON(text []byte) error {
	var ids []*int32
	if err := json.Unmarshal(text, &ids); err != nil {
		return err
	}
	if ids == nil { // null
		return nil
	}
	*l = make(idList, len(ids))
	for i, id := range ids {
		if id == nil {
			return fmt.Errorf("null at index %d of a list of ids", i)
		}
		(*l)[i] = *id
	}
	return nil
}
