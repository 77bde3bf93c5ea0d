package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/model"
	"reprise/replay"
	"reprise/tokenizer"
)

type inspectModelCmd struct {
	Dir    string `arg:"" help:"Model directory."`
	Tokens int    `default:"2048" help:"Tokens in memory at a time (micro_batch_size times max_seq_len), for the memory of training."`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

// modelReport is what inspect model prints.
type modelReport struct {
	ModelType    string             `json:"model_type"`
	Architecture string             `json:"architecture"` // for people
	Layers       int                `json:"layers"`
	HiddenSize   int                `json:"hidden_size"`
	Vocabulary   int                `json:"vocab_size"`
	MaxPositions int                `json:"max_positions"`
	Parameters   int                `json:"parameters"`
	Matmul       int                `json:"matmul_parameters"` // in matrices that multiply every token, the head included
	DType        checkpoint.DType   `json:"dtype"`             // of most weights in the file
	Files        int                `json:"files"`
	Bytes        int64              `json:"bytes"` // of the stored weights
	Memory       model.Memory       `json:"training_memory"`
	Tokens       int                `json:"training_tokens"` // in memory at a time, for training_memory
	Start        string             `json:"start,omitempty"` // where documents begin that the model writes itself
	Notices      []string           `json:"notices"`
	Tensors      []modelReportEntry `json:"tensors"`
}

type modelReportEntry struct {
	Name  string           `json:"name"`
	Shape []int            `json:"shape"`
	DType checkpoint.DType `json:"dtype"`
}

func (c *inspectModelCmd) Run(a *app) error {
	if c.Tokens < 1 || c.Tokens > 1<<30 {
		return fmt.Errorf("inspect: --tokens %d: want 1 to %d", c.Tokens, 1<<30)
	}
	x, err := checkpoint.Inspect(c.Dir)
	if err != nil {
		return err
	}
	cfg := x.Config
	start := ""
	if tok, err := tokenizer.Load(c.Dir); err == nil { // weights without a tokenizer can be looked at, too
		if err := base.Fit(&cfg, tok); err != nil {
			cfg.Notices = append(cfg.Notices, err.Error())
		} else {
			start = replay.StartOf(&cfg, tok).Text(tok)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		cfg.Notices = append(cfg.Notices, err.Error())
	}
	r := modelReport{
		ModelType: cfg.ModelType, Architecture: cfg.String(), Layers: cfg.Layers, HiddenSize: cfg.HiddenSize, Vocabulary: cfg.VocabSize,
		MaxPositions: cfg.MaxPositions, Matmul: cfg.MatmulParams(), DType: x.DType, Files: x.Files,
		Memory: cfg.TrainingMemory(model.Work{Tokens: c.Tokens, SeqLen: min(c.Tokens, cfg.MaxPositions)}), Tokens: c.Tokens, Start: start, Notices: append([]string{}, cfg.Notices...),
	}
	for _, t := range x.Tensors {
		r.Parameters += t.Len()
		r.Bytes += t.Bytes
		r.Tensors = append(r.Tensors, modelReportEntry{Name: t.Name, Shape: t.Shape, DType: t.DType})
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	mb := func(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
	a.printf("architecture  %s\n", r.Architecture)
	a.printf("sequences     up to %d tokens\n", r.MaxPositions)
	a.printf("parameters    %d, of which %d are in matrices that multiply every token\n", r.Parameters, r.Matmul)
	a.printf("stored        %s, %d file(s), %s\n", r.DType, r.Files, mb(int(r.Bytes)))
	a.printf("training      %s: weights %s, gradients %s, moments %s, activations %s for %d tokens at a time (--tokens)\n",
		mb(r.Memory.Total()), mb(r.Memory.Weights), mb(r.Memory.Gradients), mb(r.Memory.Moments), mb(r.Memory.Activations), r.Tokens)
	if r.Start != "" {
		a.printf("own text      documents that it writes for a record begin %s (record --start)\n", r.Start)
	}
	for _, n := range r.Notices {
		a.printf("notice        %s\n", n)
	}
	a.printf("\n%6s  %-48s %-18s %s\n", "", "tensor", "shape", "dtype")
	for _, row := range groupTensors(r.Tensors) {
		a.printf("%5d×  %-48s %-18s %s\n", row.count, row.Name, fmt.Sprint(row.Shape), row.DType)
	}
	return nil
}

var layerNumber = regexp.MustCompile(`\.\d+\.`)

type tensorRow struct {
	modelReportEntry
	count int
}

// groupTensors puts the tensors that differ only in their layer's number into one row.
func groupTensors(tensors []modelReportEntry) []tensorRow {
	var rows []tensorRow
	for _, t := range tensors {
		t.Name = layerNumber.ReplaceAllString(t.Name, ".*.")
		at := slices.IndexFunc(rows, func(r tensorRow) bool {
			return r.Name == t.Name && slices.Equal(r.Shape, t.Shape) && r.DType == t.DType
		})
		if at < 0 {
			rows = append(rows, tensorRow{modelReportEntry: t})
			at = len(rows) - 1
		}
		rows[at].count++
	}
	return rows
}
