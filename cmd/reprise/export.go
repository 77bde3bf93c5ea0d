package main

import (
	"reprise/base"
	"reprise/export"
)

type exportCmd struct {
	Model string `required:"" help:"Model directory." placeholder:"DIR"`
	To    string `default:"gguf" enum:"gguf" help:"gguf: the file that llama.cpp reads."`
	Out   string `required:"" help:"File to write." placeholder:"FILE"`
	DType string `name:"dtype" default:"f32" help:"Type of the matrices: f32, f16, bf16 or q8_0."`
}

func (c *exportCmd) Run(a *app) error {
	t, err := export.ParseType(c.DType)
	if err != nil {
		return err
	}
	if err := checkOutput("export", "--out", c.Out, "a GGUF file", "GGUF"); err != nil {
		return err
	}
	b, err := base.Open(c.Model)
	if err != nil {
		return err
	}
	notes, err := export.GGUF(c.Out, b, export.Options{Type: t})
	if err != nil {
		return err
	}
	for _, n := range notes {
		a.note("notice: %s", n)
	}
	a.printf("%s: %s, %s\n", c.Out, b.Model.Config, t)
	return nil
}
