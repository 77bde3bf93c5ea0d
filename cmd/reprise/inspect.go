package main

type inspectCmd struct {
	Data   inspectDataCmd   `cmd:"" help:"How data becomes tokens, and which tokens are learnt."`
	Model  inspectModelCmd  `cmd:"" help:"A model's architecture, tensors and memory for training."`
	Replay inspectReplayCmd `cmd:"" help:"What a record holds."`
	Logits inspectLogitsCmd `cmd:"" help:"Write a model's logits for token ids, as safetensors."`
}
